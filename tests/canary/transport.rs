//! Secrets that reach the server where it expects something else: before TLS, in the handshake, in broken HTTP.

use std::sync::Arc;
use std::time::Duration;

use rustls_pki_types::ServerName;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::log;
use crate::secrets::{Canary, Secrets};
use crate::support::{Build, TestServer};

/// Sends `bytes` and returns what comes back before the other end closes, or everything until then.
async fn exchange(mut stream: impl AsyncReadExt + AsyncWriteExt + Unpin, bytes: &[u8]) -> Vec<u8> {
    // The server may have hung up already: then there is nothing that it could have told.
    let _ = stream.write_all(bytes).await;
    let _ = stream.shutdown().await;
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    answer
}

#[tokio::test]
async fn what_comes_before_or_instead_of_tls_is_not_told_again() {
    log::keep();
    let mut server = TestServer::start().await;
    let mut secrets = Secrets::default();
    for canary in [Canary::bytes(), Canary::letters()] {
        secrets.add_key("plaintext traffic", &canary.0);
        let (text, base64) = (canary.text(), canary.base64());
        let body = format!(r#"{{"key":"{base64}"}}"#);
        let hello = [0x16, 3, 1, 0, 32];
        for bytes in [
            format!("PUT /v1/key/import/k?{text} HTTP/1.1\r\nHost: {text}\r\nAuthorization: {text}\r\n\r\n{body}")
                .into_bytes(),
            base64.clone().into_bytes(),
            canary.0.to_vec(),
            [hello.as_slice(), &canary.0].concat(),
            [[0x15, 3, 3, 0, 32].as_slice(), &canary.0].concat(),
        ] {
            let stream = TcpStream::connect(server.address).await.expect("a connection");
            let answer = exchange(stream, &bytes).await;
            secrets.assert_absent(&answer, "the answer to plaintext");
        }
    }
    server.begin_stop();
    server.stopped().await;
    log::assert_holds_none_of(&secrets, &["http: TLS handshake error"]);
}

#[tokio::test]
async fn what_a_handshake_holds_is_not_logged() {
    log::keep();
    let mut server = TestServer::start().await;
    let mut secrets = Secrets::default();
    let canary = Canary::letters();
    secrets.add_key("handshake", &canary.0);
    let text = canary.text();
    for (alpn, has_certificate) in [(text.as_str(), true), ("http/1.1", false), ("h2", true)] {
        let mut config = rustls::ClientConfig::builder_with_provider(Arc::new(kes::server::provider()))
            .with_safe_default_protocol_versions()
            .expect("protocol versions")
            // The client trusts nobody, so it ends a handshake that the server does not end before.
            .with_root_certificates(rustls::RootCertStore::empty())
            .with_no_client_auth();
        config.alpn_protocols = vec![alpn.as_bytes().to_vec()];
        if has_certificate {
            let key = crate::support::ADMIN_KEY.parse().expect("an API key");
            let certificate = kes_client::certificate::of_api_key(&key, std::time::SystemTime::now());
            let signing = kes_core::ApiKey::to_pkcs8(&key).expose().to_vec();
            let signing = rustls_pki_types::PrivatePkcs8KeyDer::from(signing).into();
            let certified = rustls::sign::CertifiedKey::from_der(
                vec![certificate.expect("a certificate")],
                signing,
                &kes::server::provider(),
            );
            let resolver = rustls::sign::SingleCertAndKey::from(certified.expect("they fit"));
            config.client_auth_cert_resolver = Arc::new(resolver);
        }
        let name = ServerName::try_from(format!("{}.example", text.to_lowercase())).expect("a name");
        let stream = TcpStream::connect(server.address).await.expect("a connection");
        let connected = tokio_rustls::TlsConnector::from(Arc::new(config)).connect(name, stream).await;
        assert!(connected.is_err());
    }
    server.begin_stop();
    server.stopped().await;
    log::assert_holds_none_of(&secrets, &["http: TLS handshake error"]);
}

#[tokio::test]
async fn broken_and_slow_http_is_not_told_again() {
    log::keep();
    let slow = Duration::from_millis(200);
    let mut server = TestServer::with(Build::default().timeout("/v1/key/import/", slow)).await;
    let mut secrets = Secrets::default();
    for canary in [Canary::bytes(), Canary::letters()] {
        secrets.add_key("broken HTTP", &canary.0);
        let (text, base64) = (canary.text(), canary.base64());
        let body = format!(r#"{{"key":"{base64}","cipher":"AES256"}}"#);
        let import = "PUT /v1/key/import/k HTTP/1.1\r\nHost: localhost\r\n";
        for request in [
            format!("{import}Content-Length: 1000\r\n\r\n{body}").into_bytes(),
            format!("{import}Content-Length: {text}\r\n\r\n{body}").into_bytes(),
            format!("{import}Transfer-Encoding: chunked\r\n\r\n{base64}\r\n{body}\r\n").into_bytes(),
            format!("{import}Transfer-Encoding: chunked\r\n\r\n{:x};{text}\r\n{body}\r\n0\r\n\r\n", body.len())
                .into_bytes(),
            format!("{import}Transfer-Encoding: {text}\r\n\r\n{body}").into_bytes(),
            format!("{import}{text} {base64}\r\n\r\n{body}").into_bytes(),
            format!("{import}X: \u{1}{text}\r\n\r\n{body}").into_bytes(),
            format!("{text} /v1/key/import/k HTTP/1.1\r\nHost: localhost\r\n\r\n").into_bytes(),
            format!("PUT /v1/status HTTP/1.1\r\nHost: localhost\r\nContent-Length: 40\r\n\r\n{body}{body}")
                .into_bytes(),
            format!("GET /v1/status HTTP/{text}\r\n\r\n").into_bytes(),
            [b"GET /v1/status?", canary.0.as_slice(), b" HTTP/1.1\r\n\r\n"].concat(),
            canary.0.to_vec(),
        ] {
            let answer = exchange(server.admin().tls().await.expect("a connection"), &request).await;
            // The client's own method is named in the answer to it.
            if !request.starts_with(text.as_bytes()) {
                secrets.assert_absent(&answer, "the answer to broken HTTP");
            }
        }
        // The same without an end: the server has to lose its patience.
        let mut stream = server.admin().tls().await.expect("a connection");
        let request = format!("{import}Content-Length: 1000\r\n\r\n{body}");
        stream.write_all(request.as_bytes()).await.expect("written");
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        assert!(answer.starts_with(b"HTTP/1.1 408"), "{}", answer.escape_ascii());
        secrets.assert_absent(&answer, "the answer to slow HTTP");
    }
    server.begin_stop();
    server.stopped().await;
    log::assert_holds_none_of(&secrets, &["request body ended early"]);
}
