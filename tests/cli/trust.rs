//! Which servers client commands believe, and by which way they reach them.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::thread::JoinHandle;

use crate::program::kes;
use crate::server::{ADMIN_KEY, Server};

/// A proxy that leads its first client to `target`, wherever that wanted to go, and returns where that was.
fn proxy(target: String) -> (String, JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    let asked = std::thread::spawn(move || {
        let (mut client, _) = listener.accept().expect("a connection");
        let mut lines = BufReader::new(client.try_clone().expect("a socket")).lines().map_while(Result::ok);
        let wanted = lines.next().expect("a request line");
        lines.take_while(|line| !line.is_empty()).for_each(drop);
        let mut server = TcpStream::connect(target).expect("a connection");
        client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").expect("written");
        let (mut from_server, mut to_client) =
            (server.try_clone().expect("a socket"), client.try_clone().expect("a socket"));
        // Both ends close when they like.
        std::thread::spawn(move || std::io::copy(&mut from_server, &mut to_client));
        let _ = std::io::copy(&mut client, &mut server);
        wanted
    });
    (address, asked)
}

#[test]
fn variables_for_ca_certificates_stand_in_for_those_of_the_system() {
    let server = Server::with("");
    let own = server.path("cert.pem").display().to_string();
    let status = || kes(["status", "--short", "--server", &server.address]).with("KES_API_KEY", ADMIN_KEY);
    status().with("SSL_CERT_FILE", &own).run().ok();

    let certificates = tempfile::tempdir().expect("a directory");
    std::fs::copy(&own, certificates.path().join("kes.pem")).expect("copied");
    status().with("SSL_CERT_DIR", &certificates.path().display().to_string()).run().ok();

    let other = Server::with("");
    let others = other.path("cert.pem").display().to_string();
    let outcome = status().with("SSL_CERT_FILE", &others).run();
    assert_eq!(outcome.code, Some(1));
    assert!(
        outcome
            .stderr
            .contains("its issuer is trusted by name, but has another key; hint: trust its CA with --ca FILE "),
        "{outcome:?}"
    );
    assert!(outcome.stderr.ends_with(" -k/--insecure\n"), "{outcome:?}");
    status().with("SSL_CERT_FILE", &others).with("MINIO_KMS_KES_CAPATH", &own).run().ok();

    // Only what the variable names counts, so that nothing is left if that is not there.
    let error = status().with("SSL_CERT_FILE", "/nonexistent.pem").run().error();
    assert!(error.starts_with("no CA certificates found: ") && error.contains("/nonexistent.pem"), "{error}");
    assert!(error.ends_with("; hint: name a file of them with --ca or in SSL_CERT_FILE"), "{error}");
}

#[test]
fn a_proxy_of_the_environment_is_used_but_not_on_the_way_to_this_machine() {
    let server = Server::with("");
    let (address, asked) = proxy(server.address.clone());
    let run = |name: &str| {
        let url = format!("http://{address}");
        kes(["status", "--short", "--insecure", "--server", name])
            .with("KES_API_KEY", ADMIN_KEY)
            .with("HTTPS_PROXY", &url)
    };
    run(&server.address).run().ok();
    run("kes.example:7373").run().ok();
    assert_eq!(asked.join().expect("a proxy"), "CONNECT kes.example:7373 HTTP/1.1", "it was asked once, for the other");
}
