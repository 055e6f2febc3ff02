//! One request, from its head to its answer: route, method, limits, caller, handler.

use http::header::{EXPECT, HOST};
use http::{HeaderMap, Method, Request, Response, Version};
use hyper::body::Incoming;
use kes_core::ListPattern;

use super::body::RequestBody;
use super::error::ApiError;
use super::handlers::{Context, identity, key, policy, status};
use super::log;
use super::path::{DecodedPath, RawPath};
use super::peer::Peer;
use super::reply::{self, Body};
use super::routes::{Class, Endpoint, Found, ROUTES, Route, find};
use super::state::{Shared, State};

/// Answers a request.
pub async fn respond(shared: &Shared, peer: &Peer, request: Request<Incoming>) -> Response<Body> {
    let (mut head, incoming) = request.into_parts();
    let expects_continue = head.headers.contains_key(EXPECT);
    let has_host = head.headers.contains_key(HOST);
    // Up to 1 MiB of them, times all streams of a connection, need not stay while the request waits.
    head.headers = HeaderMap::new();
    let (mut response, mut body) = answer(shared, peer, &head, has_host, incoming).await;
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

/// How long the rest of a body that nobody asked for may take.
const DRAIN_TIME: std::time::Duration = std::time::Duration::from_secs(1);

async fn answer(
    shared: &Shared,
    peer: &Peer,
    head: &http::request::Parts,
    has_host: bool,
    incoming: Incoming,
) -> (Response<Body>, RequestBody) {
    let unrouted = |response, incoming| (response, RequestBody::new(incoming, 0));
    if head.version == Version::HTTP_11 && !has_host {
        return unrouted(reply::bad_request(), incoming);
    }
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
    let route = &ROUTES[index];
    let mut body = RequestBody::new(incoming, route.max_body);
    let state = shared.state.load_full();
    let outcome = if route.accepts(&head.method) {
        let work = async {
            let context = Context { state: &state, shared, argument, is_text: path.is_text() };
            handle(context, route, index, peer, &path, &mut body).await
        };
        match tokio::time::timeout(state.routes.of(index).timeout, work).await {
            Ok(outcome) => outcome,
            Err(_) if body.is_being_read() => Err(ApiError::slow_body()),
            Err(_) => Err(ApiError::timed_out()),
        }
    } else {
        Err(ApiError::method(&head.method, &route.method))
    };
    let response = outcome.unwrap_or_else(|error| {
        if let Some((level, detail)) = error.detail() {
            log::request_failed(level, detail, &head.method, path.as_str(), peer);
        }
        reply::error(&if state.legacy_error_texts { error.in_legacy_words() } else { error })
    });
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
    context: Context<'_>,
    route: &Route,
    index: usize,
    peer: &Peer,
    path: &DecodedPath,
    body: &mut RequestBody,
) -> Result<Response<Body>, ApiError> {
    let skip_auth = context.state.routes.of(index).skip_auth;
    if route.class == Class::Open || route.class == Class::Identify || skip_auth {
        return open(context, route.endpoint, peer).await;
    }
    let identity = peer.identity()?;
    let caller = &admit(context.state, identity, route, path, context.argument)?;
    // A place is waited for as long as the request has time, and only by who was let in: nobody else can fill the places,
    // and a refusal waits for nothing.
    let _place = context.shared.requests.acquire().await;
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
        endpoint => open(context, endpoint, peer).await,
    }
}

/// The routes that touch no key and can be had without a caller.
async fn open(context: Context<'_>, endpoint: Endpoint, peer: &Peer) -> Result<Response<Body>, ApiError> {
    match endpoint {
        Endpoint::Version => Ok(status::version()),
        Endpoint::Ready => status::ready(context).await,
        Endpoint::Status => Ok(status::status(context).await),
        Endpoint::Api => Ok(status::api(context)),
        Endpoint::IdentitySelf => identity::describe_self(context, peer.known_identity()),
        // The configuration lets no other route skip the policy; were it to, nobody would get in.
        _ => Err(ApiError::refused(&kes_core::caller::Refused::Unknown)),
    }
}

/// The policy check. A list is authorised as the one of its prefix, whichever way it was written (decision 5).
fn admit(
    state: &State,
    identity: &kes_core::Identity,
    route: &Route,
    path: &DecodedPath,
    argument: &str,
) -> Result<kes_core::Caller, ApiError> {
    let listed = if route.is_list() { argument.parse::<ListPattern>().ok() } else { None };
    let admitted = match listed {
        Some(pattern) => state.access.admit(identity, &format!("{}{}", route.path, pattern.prefix())),
        None => state.access.admit(identity, path.as_str()),
    };
    admitted.map_err(|refused| ApiError::refused(&refused))
}
