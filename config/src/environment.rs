//! Values from the process's environment: `${NAME}` and `${NAME:-default}`.

use std::collections::HashMap;

use zeroize::Zeroizing;

/// Where `${NAME}` finds its value. A parameter of every load, so that tests decide.
pub trait Environment {
    /// The value of a variable, or `None` if it is not set. A value that is not UTF-8 counts as not set.
    fn get(&self, name: &str) -> Option<String>;
}

/// The environment of this process.
#[derive(Clone, Copy, Debug, Default)]
pub struct ProcessEnvironment;

impl Environment for ProcessEnvironment {
    fn get(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }
}

/// Variables of a test.
impl Environment for HashMap<&str, &str> {
    fn get(&self, name: &str) -> Option<String> {
        Self::get(self, name).map(|&value| value.to_owned())
    }
}

/// The variable is neither set nor has a default.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NotSet {
    /// Its name, if the text can be one: a secret may begin with `${` by chance. Never the default.
    pub(crate) name: Option<String>,
}

/// The value of a scalar: of the variable, if the whole text but white space around it is `${NAME}`, and the text
/// itself otherwise. A value is taken as it is and not expanded again. As in a shell, the default of
/// `${NAME:-default}` also stands in for a variable that is set to nothing (specification: `config.md` §1.5).
///
/// # Errors
/// The variable is not set and there is no default.
pub(crate) fn substitute(text: &str, environment: &dyn Environment) -> Result<Zeroizing<String>, NotSet> {
    let Some(reference) = text.trim().strip_prefix("${").and_then(|rest| rest.strip_suffix('}')) else {
        return Ok(Zeroizing::new(text.to_owned()));
    };
    let (name, default) = match reference.split_once(":-") {
        Some((name, default)) => (name.trim(), Some(default)),
        None => (reference.trim(), None),
    };
    match (environment.get(name).map(Zeroizing::new), default) {
        (Some(value), None) => Ok(value),
        (Some(value), Some(_)) if !value.is_empty() => Ok(value),
        (_, Some(default)) => Ok(Zeroizing::new(default.to_owned())),
        (None, None) => Err(NotSet { name: is_name(name).then(|| name.to_owned()) }),
    }
}

/// Whether a shell could set a variable of this name.
fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_the_specification() {
        let environment = HashMap::from([("NAME", "value"), ("EMPTY", ""), ("NESTED", "${NAME}")]);
        for (written, result) in [
            ("${NAME}", Ok("value")),
            ("  ${ NAME }\n", Ok("value")),
            ("${EMPTY}", Ok("")),
            ("${NESTED}", Ok("${NAME}")),
            ("${OTHER}", Err(Some("OTHER"))),
            ("${}", Err(None)),
            ("prefix-${NAME}", Ok("prefix-${NAME}")),
            (" $NAME ", Ok(" $NAME ")),
            ("${NAME}${NAME}", Err(None)),
            ("${NAME:-default}", Ok("value")),
            ("${OTHER:-default}", Ok("default")),
            ("${EMPTY:-default}", Ok("default")),
            ("${ OTHER :-a:-b}", Ok("a:-b")),
            ("${OTHER:-}", Ok("")),
            ("${", Ok("${")),
            ("", Ok("")),
        ] {
            let substituted = substitute(written, &environment);
            assert_eq!(
                substituted.as_ref().map(|text| text.as_str()).map_err(|e| e.name.as_deref()),
                result,
                "{written}"
            );
        }
    }

    #[test]
    fn odd_names_are_not_set_in_the_process_either() {
        for name in ["", "A=B", "A\0B", "KES_CERTAINLY_NOT_SET"] {
            assert_eq!(ProcessEnvironment.get(name), None, "{name:?}");
        }
    }
}
