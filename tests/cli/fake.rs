//! A server that is none of ours: HTTP/1.1 over TLS, with answers of the test's.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;

use rcgen::{CertificateParams, ExtendedKeyUsagePurpose, KeyPair};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use rustls_pki_types::PrivatePkcs8KeyDer;

use crate::program::{Kes, kes};
use crate::server::ADMIN_KEY;

/// A server on a free port of the loopback address, whose clock stands at the beginning of 2020. Ends with the test program.
pub struct Fake {
    certificate: tempfile::NamedTempFile,
    address: String,
}

impl Fake {
    /// `answer` says what it answers to a path: status, and JSON or nothing.
    pub fn start(answer: impl Fn(&str) -> (u16, &'static str) + Send + Sync + 'static) -> Self {
        let mut params = CertificateParams::new(["127.0.0.1".to_owned()]).expect("a name");
        params.extended_key_usages.push(ExtendedKeyUsagePurpose::ServerAuth);
        let key = KeyPair::generate().expect("a key");
        let certificate = params.self_signed(&key).expect("a certificate");
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), certificate.pem()).expect("written");
        let config = ServerConfig::builder_with_provider(Arc::new(kes::server::provider()))
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], PrivatePkcs8KeyDer::from(key.serialize_der()).into())
            .expect("a pair");
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        let (config, answer) = (Arc::new(config), Arc::new(answer));
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (config, answer) = (Arc::clone(&config), Arc::clone(&answer));
                std::thread::spawn(move || {
                    let connection = ServerConnection::new(config).expect("a connection");
                    serve(StreamOwned::new(connection, stream), &*answer);
                });
            }
        });
        Self { certificate: file, address }
    }

    /// Prepares a run of a client command that trusts this server.
    pub fn kes(&self, arguments: &[&str]) -> Kes {
        let ca = self.certificate.path().display().to_string();
        kes(arguments)
            .with("KES_SERVER", &self.address)
            .with("KES_API_KEY", ADMIN_KEY)
            .with("MINIO_KMS_KES_CAPATH", &ca)
    }
}

/// Answers until the client has enough.
fn serve(mut stream: StreamOwned<ServerConnection, TcpStream>, answer: &dyn Fn(&str) -> (u16, &'static str)) {
    loop {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            match stream.read(&mut byte) {
                Ok(1) => head.push(byte[0]),
                _ => return,
            }
        }
        let head = String::from_utf8_lossy(&head).into_owned();
        let (status, body) = answer(head.split(' ').nth(1).unwrap_or_default());
        let response = format!(
            "HTTP/1.1 {status} Status\r\nDate: Wed, 01 Jan 2020 00:00:00 GMT\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        if stream.write_all(response.as_bytes()).is_err() {
            return;
        }
    }
}
