//! Which request is meant: a path, or the words of one.

use kes::server::authorize::Question;
use kes::server::path::{DecodedPath, RawPath};
use kes::server::{Class, Found, ROUTES, Route, find};
use kes_config::rules::Doubt;
use kes_core::Rule;
use kes_core::policy::Effect;

use crate::cli::failure::Failure;
use crate::cli::output;

/// What commands are called, and the APIs that they call.
const COMMANDS: [(&str, &str); 12] = [
    ("key dek", "key/generate"),
    ("key derive", "key/generate"),
    ("key rm", "key/delete"),
    ("key info", "key/describe"),
    ("key ls", "key/list"),
    ("policy info", "policy/describe"),
    ("policy ls", "policy/list"),
    ("policy show", "policy/read"),
    ("identity info", "identity/describe"),
    ("identity ls", "identity/list"),
    ("log", "log/audit"),
    ("metric", "metrics"),
];

/// A request that some API answers.
#[derive(Debug)]
pub(super) struct Target {
    path: DecodedPath,
}

impl Target {
    /// Reads `/v1/key/create/my-key`, `key create my-key` or `key/create/my-key`.
    pub(super) fn read(words: &[String]) -> Result<Self, Failure> {
        let raw = match words {
            [] => return Err(Failure::error("no path specified. See 'kes policy explain --help'")),
            [path] if path.starts_with('/') => path.clone(),
            [path, _, ..] if path.starts_with('/') => {
                return Err(Failure::error("too many arguments. See 'kes policy explain --help'"));
            }
            words => path_of(words),
        };
        let raw = raw.split('?').next().unwrap_or_default();
        let shown = output::harmless(raw);
        let malformed = || Failure::error(format!("'{shown}' is no path: it has an escape that is none"));
        let path = match RawPath::read(raw) {
            RawPath::Clean(path) => path,
            // Clients are sent there, and ask again.
            RawPath::Redirect(cleaned) => match RawPath::read(&cleaned) {
                RawPath::Clean(path) => path,
                RawPath::Redirect(_) | RawPath::Malformed => return Err(malformed()),
            },
            RawPath::Malformed => return Err(malformed()),
        };
        match find(&path) {
            Found::Route(index, argument) if is_complete(&ROUTES[index], argument) => Ok(Self { path }),
            Found::Route(..) | Found::MissingSlash => {
                Err(Failure::error(format!("'{shown}' names no key, policy or identity; hint: add the name")))
            }
            Found::Nothing => {
                let rule = Rule::new(path.as_str());
                let hint = Doubt::about(&rule).map(|doubt| doubt.hint(&rule, Effect::Allow)).unwrap_or_default();
                Err(Failure::error(format!("no API answers '{shown}'; hint: {hint}")))
            }
        }
    }

    /// The path, decoded.
    pub(super) fn path(&self) -> &str {
        self.path.as_str()
    }

    /// The API that answers it.
    pub(super) fn route(&self) -> &'static Route {
        self.found().0
    }

    /// What policies are asked about.
    pub(super) fn question(&self) -> Question<'_> {
        let (route, argument) = self.found();
        Question::of(route, &self.path, argument)
    }

    /// Whether it matters who asks, unless the configuration says otherwise.
    pub(super) fn needs_identity(&self) -> bool {
        self.route().class == Class::Protected
    }

    fn found(&self) -> (&'static Route, &str) {
        match find(&self.path) {
            Found::Route(index, argument) => (&ROUTES[index], argument),
            Found::MissingSlash | Found::Nothing => unreachable!("a target is made of a path that leads to a route"),
        }
    }
}

fn is_complete(route: &Route, argument: &str) -> bool {
    !route.takes_argument() || route.is_list() || !argument.is_empty()
}

fn path_of(words: &[String]) -> String {
    let text = words.join(" ");
    if text == "identity info" {
        return "/v1/identity/self/describe".to_owned();
    }
    let api = COMMANDS.iter().find_map(|(command, api)| {
        let rest = text.strip_prefix(command)?;
        (rest.is_empty() || rest.starts_with(' ') && command.contains(' ')).then(|| format!("{api}{rest}"))
    });
    let path = api.unwrap_or(text).replace(' ', "/");
    match path.strip_prefix("v1/").unwrap_or(&path) {
        "version" => "/version".to_owned(),
        path => format!("/v1/{path}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Target, Failure> {
        Target::read(&text.split(' ').map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn paths_and_words_name_the_same_requests() {
        for (text, path, asked) in [
            ("/v1/key/create/my-key", "/v1/key/create/my-key", "/v1/key/create/my-key"),
            ("key create my-key", "/v1/key/create/my-key", "/v1/key/create/my-key"),
            ("key/create/my-key", "/v1/key/create/my-key", "/v1/key/create/my-key"),
            ("v1/key/create/my-key", "/v1/key/create/my-key", "/v1/key/create/my-key"),
            ("/v1/key/cre%61te/my%2Dkey?a=b", "/v1/key/create/my-key", "/v1/key/create/my-key"),
            ("//v1/./status", "/v1/status", "/v1/status"),
            ("key dek my-key", "/v1/key/generate/my-key", "/v1/key/generate/my-key"),
            ("key ls", "/v1/key/list", "/v1/key/list/"),
            ("key ls my*", "/v1/key/list/my*", "/v1/key/list/my"),
            ("identity info", "/v1/identity/self/describe", "/v1/identity/self/describe"),
            ("identity info x", "/v1/identity/describe/x", "/v1/identity/describe/x"),
            ("log", "/v1/log/audit", "/v1/log/audit"),
            ("log error", "/v1/log/error", "/v1/log/error"),
            ("status", "/v1/status", "/v1/status"),
            ("version", "/version", "/version"),
        ] {
            let target = read(text).unwrap_or_else(|failure| panic!("{text}: {failure:?}"));
            assert_eq!((target.path(), target.question().path()), (path, asked), "{text}");
        }
    }

    #[test]
    fn what_no_api_answers_is_told_with_what_may_be_meant() {
        for (text, message) in [
            ("/v1/statu", "no API answers '/v1/statu'; hint: did you mean `/v1/status`?"),
            ("/status", "no API answers '/status'; hint: did you mean `/v1/status`?"),
            ("/v1/key/create", "'/v1/key/create' names no key, policy or identity; hint: add the name"),
            ("key create", "'/v1/key/create' names no key, policy or identity; hint: add the name"),
            ("/v1/%zz", "'/v1/%zz' is no path: it has an escape that is none"),
            ("/v1/status x", "too many arguments. See 'kes policy explain --help'"),
        ] {
            assert!(matches!(read(text), Err(Failure::Error(said)) if said == message), "{text}: {:?}", read(text));
        }
    }
}
