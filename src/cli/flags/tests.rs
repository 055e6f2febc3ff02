use super::*;
use clap::CommandFactory;

fn read_words(arguments: &[&str]) -> Result<String, String> {
    let arguments: Vec<OsString> = arguments.iter().map(OsString::from).collect();
    match read(&usage::finish(crate::cli::Kes::command()), &arguments) {
        Ok(Request::Help(command)) => Ok(format!("help of {}", command.get_name())),
        Ok(Request::Run { words, .. }) => {
            Ok(words.iter().map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" "))
        }
        Err(Failure::Error(text)) => Err(text),
        Err(other) => Err(format!("{other:?}").split('(').next().unwrap_or_default().to_owned()),
    }
}

#[test]
fn the_description_of_all_commands_is_consistent() {
    usage::finish(crate::cli::Kes::command()).debug_assert();
}

#[test]
fn every_spelling_means_the_same() {
    for (arguments, words) in [
        (vec!["key", "create", "a", "-k", "b"], "kes key create --insecure -- a b"),
        (vec!["key", "create", "-k=false", "a"], "kes key create -- a"),
        (vec!["key", "create", "-k", "--insecure=F", "a"], "kes key create -- a"),
        (vec!["key", "create", "--insecure", "true"], "kes key create --insecure -- true"),
        (vec!["key", "create", "-s", "-h:1", "a"], "kes key create --server=-h:1 -- a"),
        (vec!["key", "create", "-sh:1", "a"], "kes key create --server=h:1 -- a"),
        (vec!["key", "create", "-s=h:1", "a"], "kes key create --server=h:1 -- a"),
        (vec!["key", "create", "--server", "h:1", "a"], "kes key create --server=h:1 -- a"),
        (vec!["key", "create", "-kehello", "a"], "kes key create --insecure --enclave=hello -- a"),
        (vec!["key", "create", "--", "-k", "-"], "kes key create -- -k -"),
        (vec!["key", "import", "a", "-"], "kes key import -- a -"),
        (vec!["key", "derive", "a"], "kes key dek -- a"),
        (vec!["key", "list"], "kes key ls --"),
        (vec!["key", "delete", "a"], "kes key rm -- a"),
        (vec!["tool", "identity", "of", "f"], "kes tool identity of -- f"),
        (vec!["identity", "file"], "kes identity -- file"),
        (vec!["identity", "new", "-f", "--dns", "a,b", "--dns=c"], "kes identity new --force --dns=a,b --dns=c --"),
        (vec!["-v"], "kes --version --"),
        (vec!["gateway", "vault", "--addr", "-x", "--"], "kes gateway -- vault --addr -x --"),
        (vec!["gateway", "--help"], "kes gateway -- --help"),
    ] {
        assert_eq!(read_words(&arguments).as_deref(), Ok(words), "{arguments:?}");
    }
}

#[test]
fn help_is_found_wherever_it_stands() {
    for (arguments, help) in [
        (vec!["-h"], "help of kes"),
        (vec!["help"], "help of kes"),
        (vec!["help", "key", "create"], "help of create"),
        (vec!["key", "--help"], "help of key"),
        (vec!["key", "create", "a", "-kh"], "help of create"),
        (vec!["identity", "-h"], "help of identity"),
        (vec!["help", "gateway"], "help of gateway"),
    ] {
        assert_eq!(read_words(&arguments).as_deref(), Ok(help), "{arguments:?}");
    }
}

#[test]
fn errors_have_the_texts_that_scripts_match() {
    for (arguments, error) in [
        (vec!["key", "create", "--x"], "unknown flag: --x. See 'kes key create --help'"),
        (vec!["key", "create", "--x=1", "-h"], "unknown flag: --x. See 'kes key create --help'"),
        (vec!["key", "create", "--insec"], "unknown flag: --insec. See 'kes key create --help'"),
        (vec!["key", "create", "-kx"], "unknown shorthand flag: 'x' in -kx. See 'kes key create --help'"),
        (vec!["key", "create", "--server"], "flag needs an argument: --server. See 'kes key create --help'"),
        (vec!["key", "create", "-ks"], "flag needs an argument: 's' in -ks. See 'kes key create --help'"),
        (vec!["key", "create", "--=x"], "bad flag syntax: --=x. See 'kes key create --help'"),
        (vec!["key", "create", "---x"], "bad flag syntax: ---x. See 'kes key create --help'"),
        (
            vec!["key", "create", "-k=maybe"],
            "invalid argument \"maybe\" for \"-k, --insecure\" flag: expected true or false. See 'kes key create --help'",
        ),
        (vec!["foo"], "\"foo\" is not a kes command. See 'kes --help'"),
        (vec!["-v", "foo"], "\"foo\" is not a kes command. See 'kes --help'"),
        (vec!["help", "foo"], "\"foo\" is not a kes command. See 'kes --help'"),
        (vec!["help", "key", "create", "a"], "\"a\" is not a create command. See 'kes key create --help'"),
        (vec!["-k", "key", "ls"], "unknown shorthand flag: 'k' in -k. See 'kes --help'"),
        (vec!["key", "x"], "\"x\" is not a key command. See 'kes key --help'"),
        (vec!["Key"], "\"Key\" is not a kes command. See 'kes --help'"),
        (vec!["identity", "--x"], "unknown flag: --x"),
        (vec!["key"], "Usage"),
    ] {
        assert_eq!(read_words(&arguments), Err(error.to_owned()), "{arguments:?}");
    }
}

/// Hands every spelling of every flag of `command`, and of all below it, to clap.
fn check_flags(root: &Command, command: &Command, path: &[&str]) {
    use clap::error::ErrorKind::{InvalidValue, ValueValidation};

    for flag in command.get_arguments().filter(|argument| !argument.is_positional()) {
        let long = flag.get_long().unwrap_or_else(|| panic!("{path:?}: {flag} has no long name"));
        assert!(long != "help" && flag.get_short() != Some('h'), "{path:?}: {flag} hides the help");
        let value = if is_boolean(flag) { "" } else { "=x" };
        let short = flag.get_short().map(|short| format!("-{short}{value}"));
        for spelling in [Some(format!("--{long}{value}")), short].into_iter().flatten() {
            let arguments: Vec<OsString> = path.iter().copied().chain([&*spelling]).map(OsString::from).collect();
            let Ok(Request::Run { words, .. }) = read(root, &arguments) else { panic!("{path:?} {spelling}") };
            if let Err(error) = root.clone().try_get_matches_from(words) {
                assert!([InvalidValue, ValueValidation].contains(&error.kind()), "{path:?} {spelling}: {error}");
            }
        }
    }
    for command in command.get_subcommands() {
        check_flags(root, command, &[path, &[command.get_name()]].concat());
    }
}

#[test]
fn clap_takes_every_flag_as_it_is_handed_over() {
    let root = usage::finish(crate::cli::Kes::command());
    check_flags(&root, &root, &[]);
}
