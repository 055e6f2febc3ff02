//! One request, from its head to its answer: route, method, limits, caller, handler.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::FutureExt;
use http::header::{EXPECT, HOST, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderName, Method, Request, Response, Version};
use hyper::body::Incoming;
use kes_core::caller::Refused;

use super::authorize::Question;
use super::body::RequestBody;
use super::error::ApiError;
use super::exchange::Exchange;
use super::handlers::{Context, identity, key, log, metrics, policy, status};
use super::log::Which;
use super::path::{DecodedPath, RawPath};
use super::peer::Peer;
use super::reply::{self, Body};
use super::routes::{Class, Endpoint, Found, ROUTES, Route, find};
use super::state::{Shared, State};

/// Answers a request.
pub fn respond(
    shared: Arc<Shared>,
    peer: Arc<Peer>,
    request: Request<Incoming>,
) -> impl Future<Output = Response<Body>> + Send {
    // Outside of the future, which would hold the request as well as its parts, and is moved several times.
    let (mut head, incoming) = request.into_parts();
    async move {
        let expects_continue = head.headers.contains_key(EXPECT);
        let refusal = refusal(&head);
        if !shared.enclave_seen.load(Ordering::Relaxed) && names_enclave(&head) {
            warn_of_enclaves(&shared);
        }
        let state = shared.state.load_full();
        let client = peer.speaks_for(&head.headers, &state);
        // Up to 1 MiB of them, times all streams of a connection, need not stay while the request waits.
        head.headers = HeaderMap::new();
        let (mut response, mut body) = match refusal {
            Some(refusal) => unrouted(refusal(), incoming),
            None => answer(&shared, state, &client, &head, incoming).await,
        };
        // What the client sent and nobody read must not be taken for the next request. HTTP/2 resets the stream instead.
        // A client that waits for `100 Continue` gets its answer and not that.
        if head.version < Version::HTTP_2 && !body.is_read() {
            let drained = !expects_continue && !response.headers().contains_key(http::header::CONNECTION);
            if !(drained && tokio::time::timeout(DRAIN_TIME, body.drain()).await.unwrap_or(false)) {
                reply::close(&mut response);
            }
        }
        if head.version >= Version::HTTP_2 && head.method == Method::HEAD {
            response = reply::head_only(response);
        }
        response
    }
}

/// Whether the request selects an enclave other than the default one, as clients of 2022 and 2023 can.
fn names_enclave(head: &http::request::Parts) -> bool {
    let is_other = |name: &[u8]| !name.is_empty() && name != b"default";
    let by_header = head.headers.get(ENCLAVE).is_some_and(|name| is_other(name.as_bytes()));
    let mut pairs = head.uri.query().unwrap_or_default().split('&').filter_map(|pair| pair.strip_prefix("enclave="));
    by_header || pairs.any(|name| is_other(name.as_bytes()))
}

/// Warns once, and from then on nobody looks.
fn warn_of_enclaves(shared: &Shared) {
    if !shared.enclave_seen.swap(true, Ordering::Relaxed) {
        tracing::warn!(
            "a client has selected an enclave; there are none here, and all clients share the names of keys; hint: \
             give each client names with a prefix of its own, and a policy that allows no others"
        );
    }
}

/// Selects an enclave.
const ENCLAVE: HeaderName = HeaderName::from_static("kes-enclave");

/// How long the rest of a body that nobody asked for may take.
const DRAIN_TIME: Duration = Duration::from_secs(1);

/// What the headers alone forbid: no host, and what HTTP/1.1 lets a client ask for and nobody here can do. It is what makes
/// the answer, which is larger, and hardly ever needed.
fn refusal(head: &http::request::Parts) -> Option<fn() -> Response<Body>> {
    if head.version == Version::HTTP_11 && !head.headers.contains_key(HOST) {
        return Some(reply::bad_request);
    }
    if head.headers.get(EXPECT).is_some_and(|value| !value.as_bytes().eq_ignore_ascii_case(b"100-continue")) {
        return Some(reply::expectation_failed);
    }
    let mut codings = head.headers.get_all(TRANSFER_ENCODING).iter();
    match (codings.next(), codings.next()) {
        (None, _) => None,
        (Some(coding), None) if coding.as_bytes().eq_ignore_ascii_case(b"chunked") => None,
        _ => Some(reply::unknown_coding),
    }
}

fn unrouted(response: Response<Body>, incoming: Incoming) -> (Response<Body>, RequestBody) {
    (response, RequestBody::new(incoming, 0))
}

async fn answer(
    shared: &Shared,
    state: Arc<State>,
    client: &Peer,
    head: &http::request::Parts,
    incoming: Incoming,
) -> (Response<Body>, RequestBody) {
    if head.method == Method::OPTIONS && head.uri.path() == "*" {
        return unrouted(reply::empty(), incoming);
    }
    if head.method == Method::CONNECT {
        return unrouted(reply::not_found(), incoming);
    }
    let path = match RawPath::read(head.uri.path()) {
        RawPath::Clean(path) => path,
        RawPath::Malformed => return unrouted(reply::bad_request(), incoming),
        RawPath::Redirect(cleaned) => {
            return unrouted(reply::redirect(&head.method, &with_slash(cleaned), head.uri.query()), incoming);
        }
    };
    let (index, argument) = match find(&path) {
        Found::Route(index, argument) => (index, argument),
        Found::Nothing => return unrouted(reply::not_found(), incoming),
        Found::MissingSlash => {
            let location = format!("{}/", head.uri.path());
            return unrouted(reply::redirect(&head.method, &location, head.uri.query()), incoming);
        }
    };
    let exchange = Exchange::begin(shared, client, &head.method, &path, (index, argument));
    let route = &ROUTES[index];
    let mut body = RequestBody::new(incoming, route.max_body);
    let outcome = if let Some(refusal) = client.refusal() {
        Err(refusal)
    } else if route.accepts(&head.method) {
        let work = async {
            let query = head.uri.query().unwrap_or_default();
            let context = Context { state: &state, shared, argument, is_text: path.is_text(), query };
            handle(&context, route, index, client, &path, &mut body).await
        };
        // Nothing of a request outlives it, so that a defect met by one leaves nothing half done for others.
        let work = AssertUnwindSafe(work).catch_unwind();
        let limit = Some(state.routes.of(index).timeout).filter(|limit| !limit.is_zero());
        match tokio::time::timeout(limit.unwrap_or(Duration::MAX), work).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) => Err(ApiError::defect()),
            Err(_) if body.is_being_read() => Err(ApiError::slow_body()),
            Err(_) => Err(ApiError::timed_out()),
        }
    } else {
        Err(ApiError::method(&head.method, &route.method))
    };
    let response = outcome.unwrap_or_else(|error| {
        if let Some((level, detail)) = error.detail() {
            shared.logs.request_failed(level, detail, &head.method, path.as_str(), client);
        }
        reply::error(&if state.legacy_error_texts { error.in_legacy_words() } else { error })
    });
    exchange.answered(response.status().as_u16());
    (response, body)
}

/// A cleaned path that lacks only the final slash of its route gets it in the same redirect.
fn with_slash(cleaned: String) -> String {
    match RawPath::read(&cleaned) {
        RawPath::Clean(path) if matches!(find(&path), Found::MissingSlash) => cleaned + "/",
        RawPath::Clean(path) if is_bare_list(&path) => cleaned + "/",
        _ => cleaned,
    }
}

/// Lists answer without their final slash too, but a redirect names the whole path.
fn is_bare_list(path: &DecodedPath) -> bool {
    ROUTES.iter().any(|route| route.is_list() && path.is(&route.path[..route.path.len() - 1]))
}

async fn handle(
    context: &Context<'_>,
    route: &Route,
    index: usize,
    client: &Peer,
    path: &DecodedPath,
    body: &mut RequestBody,
) -> Result<Response<Body>, ApiError> {
    let skip_auth = context.state.routes.of(index).skip_auth;
    if route.class == Class::Open || route.class == Class::Identify || skip_auth {
        return open(context, route.endpoint, client).await;
    }
    let identity = client.identity()?;
    let question = Question::of(route, path, context.argument);
    let caller = &question.admit(&context.state.access, identity).map_err(|refused| ApiError::refused(&refused))?;
    // A place is waited for as long as the request has time, and only by who was let in: nobody else can fill the places,
    // and a refusal waits for nothing. Where there is a body, reading it ends with the place.
    let _place = if route.max_body == 0 { Some(context.state.places.request().await) } else { None };
    match route.endpoint {
        Endpoint::KeyCreate => key::create(context, caller).await,
        Endpoint::KeyImport => key::import(context, caller, body).await,
        Endpoint::KeyDescribe => key::describe(context, caller).await,
        Endpoint::KeyList => key::list(context, caller).await,
        Endpoint::KeyDelete => key::delete(context, caller).await,
        Endpoint::KeyEncrypt => key::encrypt(context, caller, body).await,
        Endpoint::KeyGenerate => key::generate(context, caller, body).await,
        Endpoint::KeyDecrypt => key::decrypt(context, caller, body).await,
        Endpoint::KeyHmac => key::hmac(context, caller, body).await,
        Endpoint::PolicyDescribe => policy::describe(context),
        Endpoint::PolicyRead => policy::read(context),
        Endpoint::PolicyList => policy::list(context),
        Endpoint::IdentityDescribe => identity::describe(context),
        Endpoint::IdentityList => identity::list(context),
        Endpoint::LogError => log::follow(context, Which::Error),
        Endpoint::LogAudit => log::follow(context, Which::Audit),
        endpoint => open(context, endpoint, client).await,
    }
}

/// The routes that touch no key and can be had without a caller.
async fn open(context: &Context<'_>, endpoint: Endpoint, client: &Peer) -> Result<Response<Body>, ApiError> {
    match endpoint {
        Endpoint::Version => Ok(status::version()),
        Endpoint::Ready => status::ready(context).await,
        Endpoint::Status => Ok(status::status(context).await),
        Endpoint::Metrics => Ok(metrics::metrics(context)),
        Endpoint::Api => Ok(status::api(context)),
        Endpoint::IdentitySelf => identity::describe_self(context, client.known_identity()),
        // The configuration lets no other route skip the policy; were it to, nobody would get in.
        _ => Err(ApiError::refused(&Refused::Unknown)),
    }
}
