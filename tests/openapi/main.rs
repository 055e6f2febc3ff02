//! `docs/openapi.yaml` describes what is served: the route table, its limits, and every error text where it belongs.

mod document;
mod texts;

use std::collections::BTreeSet;

use document::{Document, items, members};
use http::Method;
use kes::server::{ROUTES, Route};
use serde_json::Value;

/// The parameter of a route that takes one.
fn parameter(route: &Route) -> &'static str {
    match route.path {
        path if route.is_list() || path.ends_with("/list/") => "{pattern}",
        "/v1/identity/describe/" => "{identity}",
        _ => "{name}",
    }
}

/// The paths of a route as the document writes them: a list has one more, without a pattern, and some have an old one.
fn paths(route: &Route) -> Vec<String> {
    if !route.takes_argument() {
        return [route.path].into_iter().chain(route.historic).map(str::to_owned).collect();
    }
    let bare = route.is_list().then(|| route.path.trim_end_matches('/').to_owned());
    [format!("{}{}", route.path, parameter(route))].into_iter().chain(bare).collect()
}

fn methods(route: &Route) -> &'static [&'static str] {
    match route.method {
        Method::PUT => &["put", "post"],
        Method::DELETE => &["delete"],
        _ => &["get"],
    }
}

/// All operations of a route, with their names in failures.
fn operations<'d>(document: &'d Document, route: &'d Route) -> impl Iterator<Item = (String, &'d Value)> {
    let names =
        paths(route).into_iter().flat_map(|path| methods(route).iter().map(move |method| (path.clone(), *method)));
    names.map(|(path, method)| (format!("{method} {path}"), &document.root()["paths"][path.as_str()][method]))
}

#[test]
fn every_route_is_described_and_nothing_else() {
    let document = Document::read();
    let described: BTreeSet<(String, String)> = members(&document.root()["paths"])
        .flat_map(|(path, item)| members(item).map(move |(name, _)| (path.to_owned(), name.to_owned())))
        .filter(|(_, name)| name != "parameters")
        .collect();
    let served: BTreeSet<(String, String)> = ROUTES
        .iter()
        .flat_map(|route| paths(route).into_iter().map(move |path| (path, route)))
        .flat_map(|(path, route)| methods(route).iter().map(move |method| (path.clone(), (*method).to_owned())))
        .collect();
    assert_eq!(described, served);
}

#[test]
fn limits_are_those_of_the_route_table() {
    let document = Document::read();
    for route in ROUTES {
        for (name, operation) in operations(&document, route) {
            assert_eq!(operation["x-kes-max-body"], route.max_body, "{name}");
            assert_eq!(operation["x-kes-timeout"], route.timeout.as_secs(), "{name}");
            assert_eq!(operation.get("requestBody").is_some(), route.max_body > 0, "{name}");
            assert_eq!(statuses(operation).contains(&408), route.max_body > 0, "{name}");
        }
    }
}

#[test]
fn a_certificate_is_asked_for_where_the_server_asks_for_one() {
    let document = Document::read();
    assert_eq!(document.root()["security"].to_string(), r#"[{"clientCertificate":[]}]"#);
    assert_eq!(document.root()["components"]["securitySchemes"]["clientCertificate"]["type"], "mutualTLS");
    for route in ROUTES {
        let security = match route.path {
            "/version" => Some("[]"),
            "/v1/identity/self/describe" => Some(r#"[{},{"clientCertificate":[]}]"#),
            _ => None,
        };
        for (name, operation) in operations(&document, route) {
            assert_eq!(operation.get("security").map(Value::to_string).as_deref(), security, "{name}");
        }
    }
}

#[test]
fn path_parameters_are_declared() {
    let document = Document::read();
    for (path, item) in members(&document.root()["paths"]) {
        let declared: Vec<String> = items(&item["parameters"])
            .map(|parameter| document.resolve(parameter))
            .filter(|parameter| parameter["in"] == "path" && parameter["required"] == true)
            .map(|parameter| format!("{{{}}}", parameter["name"].as_str().expect("a name")))
            .collect();
        let written: Vec<&str> = path.split('/').filter(|segment| segment.starts_with('{')).collect();
        assert_eq!(declared, written, "{path}");
    }
}

#[test]
fn every_component_is_there_and_used() {
    let document = Document::read();
    let mut used = BTreeSet::new();
    document.references(&mut used);
    // These have no operation: they are the answers where there is none, and those to TLS proxies alone.
    let no_operations = ["MethodNotAllowed", "NotFound", "NotForwarded", "NotTrusted"];
    used.extend(no_operations.map(|name| format!("#/components/responses/{name}")));
    let mut defined = BTreeSet::new();
    for (kind, components) in members(&document.root()["components"]).filter(|(kind, _)| *kind != "securitySchemes") {
        defined.extend(members(components).map(|(name, _)| format!("#/components/{kind}/{name}")));
    }
    assert_eq!(used, defined);
}

/// A status, a text, and whether a route answers it.
type Entry = (u16, &'static str, fn(&Route) -> bool);

/// Every error text with its status and the routes that answer it. `<x>` stands for any text. The order is the one of the
/// specification (`server-api.md` §11); texts that it has for what cannot happen here (no TLS, no build information,
/// a route without a handler) are left out.
const CATALOGUE: &[Entry] = &[
    (400, "tls: client certificate is required", is_protected),
    (400, "tls: received more than one client certificate", is_protected),
    (400, "key name '<x>' is empty, too long or contains invalid characters", is_of_one_key),
    (400, "policy name '<x>' is empty, too long or contains invalid characters", is_of_one_policy),
    (400, "identity '<x>' is empty, too long or contains invalid characters", |r| r.path == "/v1/identity/describe/"),
    (400, "listing pattern '<x>' is empty, too long or is invalid", Route::is_list),
    (400, "invalid request body", |r| r.max_body > 0 && !is_import(r)),
    (400, "invalid import key request body", is_import),
    (400, "key already exists", makes_a_key),
    (400, "decryption failed: ciphertext is not authentic", is_decrypt),
    (403, "not authorized: insufficient permissions", is_protected),
    (404, "key does not exist", |r| is_of_one_key(r) && !makes_a_key(r)),
    (404, "policy does not exist", is_of_one_policy),
    (404, "identity does not exist", |r| r.path.starts_with("/v1/identity/") && !r.is_list()),
    (406, "algorithm '<x>' is not supported", is_import),
    (406, "invalid key size for '<x>'", is_import),
    (408, "request body was not received in time", |r| r.max_body > 0),
    (500, "failed to generate encryption key", |r| is_key(r, &["create", "generate"])),
    (500, "failed to create key", is_import),
    (500, "failed to encrypt plaintext", |r| is_key(r, &["encrypt"])),
    (500, "failed to decrypt ciphertext", is_decrypt),
    (500, "internal server error", |_| true),
    (501, "key does not support HMAC", |r| is_key(r, &["hmac"])),
    (502, "failed to create key", makes_a_key),
    (502, "failed to read key", reads_a_key),
    (502, "failed to delete key", |r| is_key(r, &["delete"])),
    (502, "failed to list keys", |r| is_key(r, &["list"])),
    (502, "key store is unavailable", |r| r.path == "/v1/ready"),
    (503, "failed to create key", makes_a_key),
    (503, "failed to read key", reads_a_key),
    (503, "failed to delete key", |r| is_key(r, &["delete"])),
    (503, "failed to list keys", |r| is_key(r, &["list"])),
    (503, "too many clients follow this log", |r| r.path.starts_with("/v1/log/")),
    (504, "key store is not reachable", |r| r.path == "/v1/ready"),
    (504, "request timed out", |r| !r.timeout.is_zero()),
];

/// What a TLS proxy is told, on every route, that does not say clearly for whom it speaks.
const NOT_FORWARDED: [&str; 3] =
    ["no client certificate is present", "too many client certificates are present", "invalid client certificate"];

fn is_protected(route: &Route) -> bool {
    !matches!(route.path, "/version" | "/v1/identity/self/describe")
}

fn is_key(route: &Route, operations: &[&str]) -> bool {
    operations.iter().any(|operation| route.path == format!("/v1/key/{operation}/"))
}

fn is_of_one_key(route: &Route) -> bool {
    route.path.starts_with("/v1/key/") && !route.is_list()
}

fn is_of_one_policy(route: &Route) -> bool {
    is_protected(route) && route.path.starts_with("/v1/policy/") && !route.is_list()
}

fn is_import(route: &Route) -> bool {
    is_key(route, &["import"])
}

fn is_decrypt(route: &Route) -> bool {
    is_key(route, &["decrypt"])
}

fn makes_a_key(route: &Route) -> bool {
    is_key(route, &["create", "import"])
}

fn reads_a_key(route: &Route) -> bool {
    is_key(route, &["describe", "encrypt", "generate", "decrypt", "hmac"])
}

/// How the document writes a text of the catalogue.
fn written(text: &str) -> String {
    if text.contains("<x>") { format!("^{}$", text.replace("<x>", r"[\s\S]*")) } else { text.to_owned() }
}

fn statuses(operation: &Value) -> BTreeSet<u16> {
    members(&operation["responses"]).map(|(status, _)| status.parse().expect("a status")).collect()
}

#[test]
fn every_route_has_the_errors_of_the_catalogue_and_no_others() {
    let document = Document::read();
    for route in ROUTES {
        let of_route = CATALOGUE.iter().filter(|(_, _, answers)| answers(route));
        let expected: BTreeSet<(u16, String)> = of_route.map(|(status, text, _)| (*status, written(text))).collect();
        for (name, operation) in operations(&document, route) {
            let mut described = BTreeSet::new();
            for (status, response) in members(&operation["responses"]).filter(|(status, _)| *status != "200") {
                let status = status.parse().expect("a status");
                described.extend(document.messages(response).into_iter().map(|text| (status, text)));
            }
            assert_eq!(described, expected, "{name}");
            assert!(statuses(operation).contains(&200), "{name}");
        }
    }
}

/// The sources of what clients read when something is not as they wanted.
const SOURCES: [(&str, &str); 3] = [
    ("src/server/error.rs", include_str!("../../src/server/error.rs")),
    ("src/server/peer.rs", include_str!("../../src/server/peer.rs")),
    ("src/server/proxy.rs", include_str!("../../src/server/proxy.rs")),
];

/// Texts of these files that no client of the described API reads.
const NOT_TOLD: [&str; 10] = [
    // For the log.
    "the certificate that the TLS proxy forwarded is not trusted: {reason}",
    "http: the TLS proxy {proxy} at {} speaks for {presented} at {}",
    "nobody that is known",
    "the request met a defect of the server; hint: please report it",
    "no status within {} ms",
    // A header.
    "x-forwarded-for",
    // Parts of the texts above.
    "key",
    "key name",
    // Only where the configuration asks for the words of old releases.
    "key does already exist",
    "prohibited by policy",
];

#[test]
fn every_text_of_the_sources_is_in_the_catalogue() {
    let not_allowed = "received method '<x>' expected '<x>'";
    let known: Vec<&str> =
        CATALOGUE.iter().map(|(_, text, _)| *text).chain(NOT_FORWARDED).chain([not_allowed, ""]).collect();
    let mut not_told = BTreeSet::new();
    for (file, source) in SOURCES {
        for text in texts::of(source) {
            if NOT_TOLD.contains(&text.source.as_str()) {
                not_told.insert(text.source);
            } else {
                assert!(
                    known.iter().any(|known| text.can_be(known)),
                    "`{}` of {file} is not in the catalogue; hint: add it there and to docs/openapi.yaml",
                    text.source
                );
            }
        }
    }
    assert_eq!(not_told, NOT_TOLD.map(str::to_owned).into(), "one of them is gone");
}

#[test]
fn answers_where_there_is_no_operation_are_described_too() {
    let document = Document::read();
    let responses = &document.root()["components"]["responses"];
    let not_allowed = document.messages(&responses["MethodNotAllowed"]);
    assert_eq!(not_allowed, [r"^received method '[\s\S]*' expected '(GET|PUT|DELETE)'$"]);
    assert_eq!(document.messages(&responses["NotForwarded"]), NOT_FORWARDED);
    assert_eq!(document.messages(&responses["NotTrusted"]), [""]);
    assert_eq!(responses["NotFound"]["content"]["text/plain"]["schema"]["const"], "404 page not found\n");
}

#[test]
fn an_overloaded_server_says_when_to_come_back() {
    let document = Document::read();
    for (name, response) in members(&document.root()["components"]["responses"]) {
        let says_when = response["headers"]["Retry-After"]["required"] == true;
        assert_eq!(says_when, name.ends_with("Overloaded"), "{name}");
    }
}

#[test]
fn only_old_paths_are_deprecated() {
    let document = Document::read();
    for (path, item) in members(&document.root()["paths"]) {
        let is_old = ROUTES.iter().any(|route| route.historic == Some(path));
        assert!(members(item).all(|(_, operation)| (operation["deprecated"] == true) == is_old), "{path}");
    }
}
