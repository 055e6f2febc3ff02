//! The client against a server that answers as it is told, over real TLS on a free port.

#![allow(missing_docs, reason = "a test program has no readers of its documentation")]

mod log;
mod repetition;
mod requests;
mod server;
mod servers;
mod tls;

use std::time::Duration;

use kes_client::{Algorithm, ApiKey, BuildError, Builder, Client, ClientIdentity, Error, SecretBytes, TrustError};

use server::{Clients, End, Reply, Server, error, ok};

fn api_key() -> ApiKey {
    "kes:v1:AD9E7FSYWrMD+VjhI6q545cYT9YOyFxZb7UnjEepYDRc".parse().expect("an API key")
}

/// A client of these servers that does not wait between attempts.
fn builder(servers: &[&Server]) -> Builder {
    let mut builder = Client::builder()
        .identity(ClientIdentity::from_api_key(&api_key()).expect("an identity"))
        .retry_pause(Duration::ZERO, Duration::ZERO);
    for server in servers {
        builder = builder.server(server.address.parse().expect("an address")).ca(server.certificate.path());
    }
    builder
}

fn client(servers: &[&Server]) -> Client {
    builder(servers).build().expect("a client")
}

/// An address on which nobody listens.
async fn nobody() -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    listener.local_addr().expect("an address").to_string()
}
