//! Requests that are none, or none that anybody could answer with success.

use bytes::Bytes;
use http::Method;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::{breathe, bytes};
use crate::caller::Caller;
use crate::client::{Client, PATIENCE, Protocol};

/// The largest request body that the server takes.
const LARGEST: usize = 1_000_000;

/// Makes mistakes until the world ends.
pub async fn run(mut caller: Caller) {
    while caller.world.goes_on() {
        match caller.rng.u32(..12) {
            0 => refused(&mut caller, Method::PUT, "/v1/key/create/", "no!name", "", 400).await,
            1 => refused(&mut caller, Method::PUT, "/v1/key/create/", "my-key--v2-", "", 400).await,
            2 => refused(&mut caller, Method::PUT, "/v1/key/generate/", "hot", r#"{"context":"#, 400).await,
            3 => refused(&mut caller, Method::PUT, "/v1/key/decrypt/", "hot", r#"{"ciphertext":"AAAA"}"#, 400).await,
            4 => {
                refused(
                    &mut caller,
                    Method::PUT,
                    "/v1/key/import/",
                    "short",
                    r#"{"key":"AAAA","cipher":"AES256"}"#,
                    406,
                )
                .await
            }
            5 => refused(&mut caller, Method::GET, "/v1/key/create/", "any", "", 405).await,
            6 => refused(&mut caller, Method::GET, "/v1/no/such/route", "", "", 404).await,
            7 => refused(&mut caller, Method::GET, "//v1/key/describe/", "hot", "", 301).await,
            8 => refused(&mut caller, Method::GET, "/v1/policy/describe/", "nobody", "", 404).await,
            9 => too_large(&mut caller).await,
            10 => without_certificate(&mut caller).await,
            _ => no_http(&mut caller).await,
        }
        breathe(&mut caller).await;
    }
}

async fn refused(
    caller: &mut Caller,
    method: Method,
    route: &'static str,
    argument: &str,
    body: &'static str,
    status: u16,
) {
    caller.call(method, route, argument, body, &[status]).await;
}

/// A body beyond the limit. The connection has to be a new one afterwards, whether or not the answer says so: the server may
/// stop reading at any time.
async fn too_large(caller: &mut Caller) {
    let body = format!(r#"{{"plaintext":"{}"}}"#, bytes(&mut caller.rng, LARGEST * 3 / 4));
    caller.hang_up();
    let failed = caller.call_or_break(Method::PUT, "/v1/key/encrypt/", "hot", body, &[400], &[]).await.is_err();
    if failed {
        caller.world.tally.happened("bodies that were too large to be sent to their end");
    }
    caller.hang_up();
}

/// Nobody gets in without a certificate.
async fn without_certificate(caller: &mut Caller) {
    let world = &caller.world;
    let Ok(client) = Client::new(&world.site, world.server.address, None, Protocol::Http1) else { return };
    let answered = match client.connect().await {
        Ok((mut connection, _)) => connection.send(Method::GET, "/version", Bytes::new()).await.is_ok(),
        Err(_) => false,
    };
    if answered {
        caller.surprise("a client without a certificate was answered");
    }
    caller.world.tally.happened("handshakes without a certificate");
}

/// Plaintext gets a plain answer, and the end.
async fn no_http(caller: &mut Caller) {
    let exchange = async {
        let mut stream = caller.client().tcp().await?;
        stream.write_all(b"GET /version HTTP/1.1\r\nHost: localhost\r\n\r\n").await?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await?;
        Ok::<_, crate::Failure>(answer)
    };
    match tokio::time::timeout(PATIENCE, exchange).await {
        Ok(Ok(answer)) if answer.starts_with(b"HTTP/1.0 400 ") => caller.world.tally.happened("requests in plaintext"),
        Ok(Ok(answer)) => caller.surprise(format_args!("plaintext was answered: {}", String::from_utf8_lossy(&answer))),
        Ok(Err(error)) => caller.surprise(format_args!("plaintext was not answered: {error}")),
        Err(_) => caller.surprise("plaintext was not answered in time"),
    }
}
