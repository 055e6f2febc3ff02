//! All routes with their methods, limits and time limits: the only place that knows them.

use std::collections::HashMap;
use std::time::Duration;

use http::Method;
use kes_client::wire::ApiEntry;

use super::path::DecodedPath;

/// Most bytes of a request body on a route that has one (decimal, specification: `server-api.md` §7.1).
pub const MAX_BODY_BYTES: u64 = 1_000_000;

/// Who may call a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Anybody; nobody asks who.
    Open,
    /// Anybody; who it is decides the answer.
    Identify,
    /// Whom the policy lets in.
    Protected,
}

/// What a route does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "each is named like its route")]
pub enum Endpoint {
    Version,
    Ready,
    Status,
    Metrics,
    Api,
    LogError,
    LogAudit,
    KeyCreate,
    KeyImport,
    KeyDescribe,
    KeyList,
    KeyDelete,
    KeyEncrypt,
    KeyGenerate,
    KeyDecrypt,
    KeyHmac,
    PolicyDescribe,
    PolicyRead,
    PolicyList,
    IdentityDescribe,
    IdentityList,
    IdentitySelf,
}

/// One row of the route table.
#[derive(Debug)]
pub struct Route {
    /// The path; with a final slash it is a prefix, and an argument follows.
    pub path: &'static str,
    /// What the path once was. It leads here too, and is authorised as it stands; but who is denied the path is denied
    /// this one.
    pub historic: Option<&'static str>,
    /// `GET`, `PUT` or `DELETE`. `POST` counts as `PUT`.
    pub method: Method,
    /// What it does.
    pub endpoint: Endpoint,
    /// Who may call it.
    pub class: Class,
    /// Most bytes of a body; zero: the route has none.
    pub max_body: u64,
    /// The longest that a request takes, unless configured otherwise; zero: no limit. A stream has none once it began.
    pub timeout: Duration,
}

impl Route {
    /// Whether an argument follows the path.
    #[must_use]
    pub fn takes_argument(&self) -> bool {
        self.path.ends_with('/')
    }

    /// Whether this is one of the lists, which also answer without their final slash (decision 5).
    #[must_use]
    pub fn is_list(&self) -> bool {
        matches!(self.endpoint, Endpoint::KeyList | Endpoint::PolicyList | Endpoint::IdentityList)
    }

    /// Whether its answers are counted in the metrics that every client knows.
    #[must_use]
    pub fn is_counted(&self) -> bool {
        self.is_audited() && !matches!(self.endpoint, Endpoint::Version | Endpoint::Status | Endpoint::Api)
    }

    /// Whether each of its answers is an audit event: not what only looks on, all day long.
    #[must_use]
    pub fn is_audited(&self) -> bool {
        !matches!(self.endpoint, Endpoint::Ready | Endpoint::Metrics | Endpoint::LogError | Endpoint::LogAudit)
    }

    /// Whether the method is this route's.
    #[must_use]
    pub fn accepts(&self, method: &Method) -> bool {
        self.method == method || self.method == Method::PUT && method == Method::POST
    }
}

/// The route table, in the order of the specification (`server-api.md` §9).
pub static ROUTES: &[Route] = &[
    route("/version", Method::GET, Endpoint::Version, Class::Open, 0, 10),
    route("/v1/ready", Method::GET, Endpoint::Ready, Class::Protected, 0, 15),
    route("/v1/status", Method::GET, Endpoint::Status, Class::Protected, 0, 15),
    route("/v1/metrics", Method::GET, Endpoint::Metrics, Class::Protected, 0, 15),
    route("/v1/api", Method::GET, Endpoint::Api, Class::Protected, 0, 10),
    route("/v1/key/create/", Method::PUT, Endpoint::KeyCreate, Class::Protected, 0, 15),
    route("/v1/key/import/", Method::PUT, Endpoint::KeyImport, Class::Protected, MAX_BODY_BYTES, 15),
    route("/v1/key/describe/", Method::GET, Endpoint::KeyDescribe, Class::Protected, 0, 15),
    route("/v1/key/list/", Method::GET, Endpoint::KeyList, Class::Protected, 0, 15),
    route("/v1/key/delete/", Method::DELETE, Endpoint::KeyDelete, Class::Protected, 0, 15),
    route("/v1/key/encrypt/", Method::PUT, Endpoint::KeyEncrypt, Class::Protected, MAX_BODY_BYTES, 15),
    route("/v1/key/generate/", Method::PUT, Endpoint::KeyGenerate, Class::Protected, MAX_BODY_BYTES, 15),
    route("/v1/key/decrypt/", Method::PUT, Endpoint::KeyDecrypt, Class::Protected, MAX_BODY_BYTES, 15),
    route("/v1/key/hmac/", Method::PUT, Endpoint::KeyHmac, Class::Protected, MAX_BODY_BYTES, 15),
    route("/v1/policy/describe/", Method::GET, Endpoint::PolicyDescribe, Class::Protected, 0, 15),
    route("/v1/policy/read/", Method::GET, Endpoint::PolicyRead, Class::Protected, 0, 15),
    route("/v1/policy/list/", Method::GET, Endpoint::PolicyList, Class::Protected, 0, 15),
    route("/v1/identity/describe/", Method::GET, Endpoint::IdentityDescribe, Class::Protected, 0, 15),
    route("/v1/identity/list/", Method::GET, Endpoint::IdentityList, Class::Protected, 0, 15),
    route("/v1/identity/self/describe", Method::GET, Endpoint::IdentitySelf, Class::Identify, 0, 15),
    route("/v1/log/error", Method::GET, Endpoint::LogError, Class::Protected, 0, 0).once("/v1/log/error/trace"),
    route("/v1/log/audit", Method::GET, Endpoint::LogAudit, Class::Protected, 0, 0).once("/v1/log/audit/trace"),
];

const fn route(
    path: &'static str,
    method: Method,
    endpoint: Endpoint,
    class: Class,
    max_body: u64,
    timeout_seconds: u64,
) -> Route {
    let timeout = Duration::from_secs(timeout_seconds);
    Route { path, historic: None, method, endpoint, class, max_body, timeout }
}

impl Route {
    /// The same route, which had another path in releases up to v0.17.
    const fn once(mut self, path: &'static str) -> Self {
        self.historic = Some(path);
        self
    }
}

/// Where a path leads.
#[derive(Debug)]
pub enum Found<'a> {
    /// To a route, with its argument (empty for exact routes).
    Route(usize, &'a str),
    /// To a prefix route, but its final slash is missing.
    MissingSlash,
    /// Nowhere.
    Nothing,
}

/// Looks a path up.
#[must_use]
pub fn find(path: &DecodedPath) -> Found<'_> {
    for (index, route) in ROUTES.iter().enumerate() {
        if route.takes_argument() {
            if let Some(argument) = path.argument_of(route.path) {
                return Found::Route(index, argument);
            }
            if path.is(&route.path[..route.path.len() - 1]) {
                return if route.is_list() { Found::Route(index, "") } else { Found::MissingSlash };
            }
        } else if path.is(route.path) || route.historic.is_some_and(|historic| path.is(historic)) {
            return Found::Route(index, "");
        }
    }
    Found::Nothing
}

/// What the configuration says of each route, in the order of [`ROUTES`].
#[derive(Clone, Debug)]
pub struct RouteSettings(Vec<RouteSetting>);

/// What the configuration says of one route.
#[derive(Clone, Copy, Debug)]
pub struct RouteSetting {
    /// Nobody is turned away.
    pub skip_auth: bool,
    /// The longest that a request takes.
    pub timeout: Duration,
}

impl RouteSettings {
    /// The table's own settings, with those of the configuration over them.
    #[must_use]
    pub fn new<'a>(configured: impl IntoIterator<Item = (&'a str, bool, Option<Duration>)>) -> Self {
        let configured: HashMap<&str, (bool, Option<Duration>)> =
            configured.into_iter().map(|(path, skip_auth, timeout)| (path, (skip_auth, timeout))).collect();
        let setting = |route: &Route| {
            let (skip_auth, timeout) = configured.get(route.path).copied().unwrap_or_default();
            RouteSetting { skip_auth, timeout: timeout.unwrap_or(route.timeout) }
        };
        Self(ROUTES.iter().map(setting).collect())
    }

    /// The settings of `ROUTES[index]`.
    #[must_use]
    pub fn of(&self, index: usize) -> RouteSetting {
        self.0[index]
    }

    /// The answer of `/v1/api`.
    #[must_use]
    pub fn describe(&self) -> Vec<ApiEntry> {
        let entry = |(route, setting): (&Route, &RouteSetting)| ApiEntry {
            method: route.method.to_string(),
            path: route.path.to_owned(),
            max_body: route.max_body,
            timeout: setting.timeout.as_secs(),
        };
        ROUTES.iter().zip(&self.0).map(entry).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::path::RawPath;
    use super::*;

    fn found(raw: &str) -> Option<(&'static str, String)> {
        let RawPath::Clean(path) = RawPath::read(raw) else { panic!("{raw} is not clean") };
        match find(&path) {
            Found::Route(index, argument) => Some((ROUTES[index].path, argument.to_owned())),
            Found::MissingSlash => Some(("missing slash", String::new())),
            Found::Nothing => None,
        }
    }

    #[test]
    fn paths_lead_to_their_routes() {
        for (raw, path, argument) in [
            ("/version", "/version", ""),
            ("/v1/status", "/v1/status", ""),
            ("/v1/key/create/my-key", "/v1/key/create/", "my-key"),
            ("/v1/key/describe/my-key/", "/v1/key/describe/", "my-key/"),
            ("/v1/key/list", "/v1/key/list/", ""),
            ("/v1/key/list/", "/v1/key/list/", ""),
            ("/v1/policy/list", "/v1/policy/list/", ""),
            ("/v1/identity/list/3ec*", "/v1/identity/list/", "3ec*"),
            ("/v1/identity/self/describe", "/v1/identity/self/describe", ""),
            ("/v1/key/create", "missing slash", ""),
        ] {
            assert_eq!(found(raw), Some((path, argument.to_owned())), "{raw}");
        }
        for raw in
            ["/", "/v1/nope", "/v1/status/", "/v1/key", "/v1/key%2Fcreate/x", "/v1/secret/create/x", "/V1/status"]
        {
            assert_eq!(found(raw), None, "{raw}");
        }
    }

    #[test]
    fn configuration_overrides_the_table() {
        let settings =
            RouteSettings::new([("/v1/ready", true, None), ("/v1/status", false, Some(Duration::from_secs(3)))]);
        assert!(settings.of(1).skip_auth && !settings.of(2).skip_auth);
        assert_eq!(settings.of(1).timeout, Duration::from_secs(15));
        assert_eq!(settings.describe()[2].timeout, 3);
    }
}
