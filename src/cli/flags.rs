//! Reads arguments as the reference's flag library (pflag) does, and hands them to clap in one unambiguous form.
//!
//! | written | meaning |
//! | --- | --- |
//! | `--flag`, `--flag=true`, `--flag=false` | a boolean never takes the next word; also `1 0 t f T F TRUE FALSE True False` |
//! | `--flag value`, `--flag=value`, `-f value`, `-fvalue`, `-f=value` | a value may begin with `-` |
//! | `-kf` | bundled booleans; the last may take a value |
//! | `--` | ends flags; a lone `-` is an argument |
//!
//! A command whose argument is a `trailing_var_arg` takes everything as it is.
//!
//! Of two equal flags the last counts. Names are exact. Texts of errors are those that scripts match
//! (specification: `cli.md` §1.2).

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use clap::error::{ContextKind, ContextValue};
use clap::{Arg, ArgAction, Command};

use crate::cli::failure::Failure;
use crate::cli::usage;

/// What the arguments ask for.
#[derive(Debug)]
pub(crate) enum Request {
    /// The help of this command.
    Help(Command),
    /// This command, and the arguments for clap.
    Run {
        /// The command.
        command: Command,
        /// Its names from the program on: `kes key create`.
        path: String,
        /// Its path, its flags as `--name=value`, `--`, its arguments.
        words: Vec<OsString>,
    },
}

/// Reads the arguments that follow the program's name.
///
/// # Errors
/// Flags that the command does not have or whose value is missing; names that are no command.
pub(crate) fn read(root: &Command, arguments: &[OsString]) -> Result<Request, Failure> {
    let (help_wanted, arguments) = match arguments.split_first() {
        Some((first, rest)) if first == "help" => (true, rest),
        _ => (false, arguments),
    };
    let mut path = Path { names: vec![root.get_name().to_owned()], command: root.clone() };
    let mut rest = arguments;
    while let Some((first, after)) = rest.split_first() {
        let Some(next) = path.command.find_subcommand(first).cloned() else { break };
        path.names.push(next.get_name().to_owned());
        path.command = next;
        rest = after;
    }
    match rest.first() {
        None if help_wanted => Ok(Request::Help(path.command)),
        Some(unknown) if help_wanted => Err(path.no_command(unknown)),
        _ => path.read_flags(rest),
    }
}

/// A command, and how to get there.
struct Path {
    names: Vec<String>,
    command: Command,
}

impl Path {
    fn read_flags(self, arguments: &[OsString]) -> Result<Request, Failure> {
        let mut flags = Vec::new();
        let mut booleans = BTreeMap::new();
        let mut positional = Vec::new();
        let mut rest = arguments.iter();
        if self.command.get_positionals().any(Arg::is_trailing_var_arg_set) {
            positional.extend(rest.by_ref().cloned());
        }
        while let Some(argument) = rest.next() {
            let bytes = argument.as_bytes();
            if bytes == b"--" {
                positional.extend(rest.by_ref().cloned());
            } else if bytes == b"-" || !bytes.starts_with(b"-") {
                positional.push(argument.clone());
            } else {
                for (found, value) in self.read_flag(argument, &mut rest)? {
                    match found {
                        Found::Help => return Ok(Request::Help(self.command)),
                        Found::Boolean(name) => drop(booleans.insert(name, value == "true")),
                        Found::Valued(name) => {
                            let mut word = OsString::from(format!("--{name}="));
                            word.push(value);
                            flags.push(word);
                        }
                    }
                }
            }
        }
        self.check_group(&positional)?;
        let mut words: Vec<OsString> = self.names.iter().map(OsString::from).collect();
        words.extend(booleans.into_iter().filter_map(|(name, value)| match (self.tells_false(&name), value) {
            (true, value) => Some(format!("--{name}={value}").into()),
            (false, true) => Some(format!("--{name}").into()),
            (false, false) => None,
        }));
        words.append(&mut flags);
        words.push("--".into());
        words.append(&mut positional);
        Ok(Request::Run { path: self.names.join(" "), command: self.command, words })
    }

    /// Whether a boolean that was set to false is another thing than one that was not given.
    fn tells_false(&self, name: &str) -> bool {
        self.command.get_arguments().any(|flag| flag.get_long() == Some(name) && has_optional_value(flag))
    }

    /// A group needs a command; what stands in its place is none.
    fn check_group(&self, positional: &[OsString]) -> Result<(), Failure> {
        let takes_arguments = self.command.get_positionals().next().is_some();
        match positional.first() {
            Some(first) if self.command.has_subcommands() && !takes_arguments => Err(self.no_command(first)),
            None if self.names.len() > 1 && self.command.has_subcommands() && !takes_arguments => {
                Err(Failure::Usage(usage::help(&self.command)))
            }
            _ => Ok(()),
        }
    }

    fn no_command(&self, word: &OsStr) -> Failure {
        let (name, path, word) = (self.command.get_name(), self.names.join(" "), word.to_string_lossy());
        Failure::error(format!("\"{word}\" is not a {name} command. See '{path} --help'"))
    }

    fn read_flag<'a>(
        &self,
        argument: &'a OsStr,
        rest: &mut impl Iterator<Item = &'a OsString>,
    ) -> Result<Vec<(Found, OsString)>, Failure> {
        match argument.as_bytes().strip_prefix(b"--") {
            Some(long) => Ok(vec![self.read_long(long, rest)?]),
            None => self.read_shorts(&argument.as_bytes()[1..], rest),
        }
    }

    fn read_long<'a>(
        &self,
        text: &[u8],
        rest: &mut impl Iterator<Item = &'a OsString>,
    ) -> Result<(Found, OsString), Failure> {
        let (name, value) = match text.iter().position(|&byte| byte == b'=') {
            Some(at) => (&text[..at], Some(&text[at + 1..])),
            None => (text, None),
        };
        let shown = String::from_utf8_lossy(name);
        if name.is_empty() || name[0] == b'-' {
            return Err(self.error(&format!("bad flag syntax: --{}", String::from_utf8_lossy(text))));
        }
        let flag = self.command.get_arguments().find(|flag| {
            flag.get_long() == Some(&*shown) || flag.get_all_aliases().is_some_and(|aliases| aliases.contains(&&*shown))
        });
        let Some(flag) = flag else {
            return if shown == "help" {
                Ok((Found::Help, OsString::new()))
            } else {
                Err(self.error(&format!("unknown flag: --{shown}")))
            };
        };
        if is_boolean(flag) {
            return self.boolean(flag, value.unwrap_or(b"true"));
        }
        let value = match value {
            Some(value) => OsString::from_vec(value.to_vec()),
            None => rest.next().cloned().ok_or_else(|| self.error(&format!("flag needs an argument: --{shown}")))?,
        };
        Ok((Found::Valued(name_of(flag)), value))
    }

    fn read_shorts<'a>(
        &self,
        bundle: &[u8],
        rest: &mut impl Iterator<Item = &'a OsString>,
    ) -> Result<Vec<(Found, OsString)>, Failure> {
        let shown = String::from_utf8_lossy(bundle).into_owned();
        let mut found = Vec::new();
        for (at, short) in shown.char_indices() {
            let after = &shown[at + short.len_utf8()..];
            let flag = self.command.get_arguments().find(|flag| {
                flag.get_short() == Some(short)
                    || flag.get_all_short_aliases().is_some_and(|aliases| aliases.contains(&short))
            });
            let Some(flag) = flag else {
                if short != 'h' {
                    return Err(self.error(&format!("unknown shorthand flag: '{short}' in -{shown}")));
                }
                found.push((Found::Help, OsString::new()));
                continue;
            };
            match after.strip_prefix('=') {
                Some(value) if is_boolean(flag) => {
                    found.push(self.boolean(flag, value.as_bytes())?);
                    break;
                }
                None if is_boolean(flag) => found.push(self.boolean(flag, b"true")?),
                value => {
                    let attached = value.unwrap_or(after);
                    let value = if value.is_none() && attached.is_empty() {
                        let missing = || self.error(&format!("flag needs an argument: '{short}' in -{shown}"));
                        rest.next().cloned().ok_or_else(missing)?
                    } else {
                        // The bytes, not the text: a value need not be UTF-8.
                        let skipped = shown.len() - attached.len();
                        OsString::from_vec(bundle.get(skipped..).unwrap_or_default().to_vec())
                    };
                    found.push((Found::Valued(name_of(flag)), value));
                    break;
                }
            }
        }
        Ok(found)
    }

    fn boolean(&self, flag: &Arg, value: &[u8]) -> Result<(Found, OsString), Failure> {
        let value = match value {
            b"1" | b"t" | b"T" | b"true" | b"TRUE" | b"True" => "true",
            b"0" | b"f" | b"F" | b"false" | b"FALSE" | b"False" => "false",
            _ => {
                let value = String::from_utf8_lossy(value);
                return Err(self.error(&invalid_argument(&value, flag, "expected true or false")));
            }
        };
        Ok((Found::Boolean(name_of(flag)), value.into()))
    }

    fn error(&self, text: &str) -> Failure {
        let takes_arguments = self.command.get_positionals().next().is_some();
        // The bare `kes identity` is group and command at once, and points nowhere.
        if self.names.len() > 1 && self.command.has_subcommands() && takes_arguments {
            return Failure::error(text);
        }
        Failure::error(format!("{text}. See '{} --help'", self.names.join(" ")))
    }
}

/// A flag that was recognised, by its long name.
enum Found {
    Help,
    Boolean(String),
    Valued(String),
}

fn is_boolean(flag: &Arg) -> bool {
    matches!(flag.get_action(), ArgAction::SetTrue | ArgAction::Help) || has_optional_value(flag)
}

/// A flag of our commands whose value may be left out is a boolean that knows three states.
fn has_optional_value(flag: &Arg) -> bool {
    flag.get_num_args().is_some_and(|count| count.min_values() == 0 && count.takes_values())
}

/// The long name of a flag. Every flag of ours has one.
fn name_of(flag: &Arg) -> String {
    flag.get_long().unwrap_or_else(|| flag.get_id().as_str()).to_owned()
}

fn invalid_argument(value: &str, flag: &Arg, reason: &str) -> String {
    let short = flag.get_short().map(|short| format!("-{short}, ")).unwrap_or_default();
    format!("invalid argument {value:?} for \"{short}--{}\" flag: {reason}", name_of(flag))
}

/// The text for what clap still refuses: values of the wrong form.
pub(crate) fn explain(error: &clap::Error, command: &Command, path: &str) -> Failure {
    use std::error::Error as _;

    let context = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.clone()),
        _ => None,
    };
    let flag = context(ContextKind::InvalidArg).and_then(|shown| {
        let name = shown.trim_start_matches('-').split([' ', '=']).next().unwrap_or_default().to_owned();
        command.get_arguments().find(|flag| flag.get_long() == Some(name.as_str())).cloned()
    });
    let text = match (flag, context(ContextKind::InvalidValue)) {
        (Some(flag), Some(value)) => {
            let reason = error.source().map_or_else(|| "invalid value".to_owned(), ToString::to_string);
            invalid_argument(&value, &flag, &reason)
        }
        _ if error.kind() == clap::error::ErrorKind::InvalidUtf8 => "an argument is not valid UTF-8".to_owned(),
        _ => error.to_string().lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned(),
    };
    Failure::error(format!("{text}. See '{path} --help'"))
}

#[cfg(test)]
mod tests;
