use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpListener, TcpStream};
use std::thread::JoinHandle;

use rustix::net::{AddressFamily, SocketType};

use crate::program::{DENIED, DevServer, kes};

/// Something at a `health.address` that gives one answer, and returns what it was asked.
fn answering(answer: &'static str) -> (SocketAddr, JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let asked = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a connection");
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).expect("a head");
            head.push(byte[0]);
        }
        // Whoever asked may have heard enough.
        let _ = stream.write_all(answer.as_bytes());
        String::from_utf8(head).expect("text")
    });
    (address, asked)
}

/// A configuration with these lines, of which none of the files exist.
fn configuration(more: &str) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().expect("a file");
    let text = "admin: {identity: disabled}\ntls: {key: k, cert: c}\nkeystore: {fs: {path: keys}}\n";
    std::fs::write(&file, format!("{text}{more}")).expect("written");
    file
}

#[test]
fn a_ready_server_is_exit_code_0_and_one_line() {
    let (address, asked) = answering("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(kes(["healthcheck", &format!("http://{address}")]).run().ok(), "ready\n");
    let head = asked.join().expect("asked");
    assert!(head.starts_with("GET /ready HTTP/1.1\r\n"), "{head}");
    assert!(head.contains(&format!("host: {address}\r\n")), "{head}");
}

#[test]
fn the_configuration_says_where_to_ask() {
    let (address, asked) = answering("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    let file = configuration(&format!("health: {{address: '0.0.0.0:{}'}}\n", address.port()));
    let path = file.path().to_str().expect("UTF-8");
    assert_eq!(kes(["healthcheck", "--config", path]).run().ok(), "ready\n");
    assert!(asked.join().expect("asked").starts_with("GET /ready "));

    let file = configuration("");
    let path = file.path().to_str().expect("UTF-8");
    let error = kes(["healthcheck", "--config", path]).run().error();
    assert_eq!(error, format!("`health.address` is not set in '{path}'; hint: set it, or give a URL"));
    let error = kes(["healthcheck", "--config", "/nonexistent"]).run().error();
    assert!(error.starts_with("'/nonexistent' cannot be used; hint: "), "{error}");
}

#[test]
fn a_server_that_is_not_ready_is_exit_code_1_and_its_reason() {
    for (answer, reason) in [
        (
            "HTTP/1.1 504 Gateway Timeout\r\nContent-Length: 42\r\n\r\n{\"message\":\"key store is not reachable\"\n} ",
            "key store is not reachable",
        ),
        ("HTTP/1.1 404 Not Found\r\nContent-Length: 19\r\n\r\n404 page not found\n", "answered with status 404"),
        (
            "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 16\r\n\r\n{\"message\":\"\\n\"}",
            "answered with status 503",
        ),
        ("junk\r\n\r\n", "no answer from "),
        ("", "no answer from "),
    ] {
        let (address, _asked) = answering(answer);
        let error = kes(["healthcheck", &format!("http://{address}/ready")]).run().error();
        assert!(error.starts_with("not ready: ") && error.contains(reason), "{error}");
    }
}

#[test]
fn nobody_there_and_nobody_who_answers_are_exit_code_1() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let error = kes(["healthcheck", &url, "--timeout", "50ms"]).run().error();
    assert_eq!(error, format!("not ready: no answer from {url}/ready within 50ms"));
    // A port that is taken and not listened to: nobody else gets it meanwhile.
    let taken = rustix::net::socket(AddressFamily::INET, SocketType::STREAM, None).expect("a socket");
    rustix::net::bind(&taken, &SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let address: SocketAddr = rustix::net::getsockname(&taken).expect("an address").try_into().expect("an address");
    let error = kes(["healthcheck", &format!("http://{address}")]).run().error();
    assert!(error.starts_with("not ready: cannot connect to 127.0.0.1:"), "{error}");
}

#[test]
fn the_api_of_a_server_is_asked_with_the_certificate_of_the_environment() {
    let server = DevServer::start();
    let url = format!("https://{}", server.address);
    let check = || kes(["healthcheck", &url, "-k"]);
    assert_eq!(check().with("KES_API_KEY", &server.api_key).run().ok(), "ready\n");
    let error = check().run().error();
    assert!(error.starts_with("not ready: the server may want a client certificate; hint: set KES_API_KEY"), "{error}");
    let stranger = kes(["identity"]).run().ok();
    let error = check().with("KES_API_KEY", &stranger).run().error();
    assert_eq!(error, format!("not ready: {DENIED}"));
    let careful = kes(["healthcheck", &url]).with("KES_API_KEY", &server.api_key);
    assert!(careful.run().error().contains("certificate"));
}

#[test]
fn what_cannot_be_asked_is_said_before_anything_is_sent() {
    for (arguments, message) in [
        (vec!["a", "b"], "too many arguments. See 'kes healthcheck --help'"),
        (vec!["--config", "f", "http://h"], "'--config' and a URL exclude each other. See 'kes healthcheck --help'"),
        (vec!["localhost:7374"], "invalid URL 'localhost:7374': expected http://HOST:PORT or https://HOST:PORT"),
        (
            vec!["http://user:canary@h"],
            "a URL holds no credentials; hint: set KES_API_KEY, or KES_CLIENT_KEY and KES_CLIENT_CERT",
        ),
    ] {
        assert_eq!(kes([vec!["healthcheck"], arguments].concat()).run().error(), message);
    }
    let error = kes(["healthcheck", "--timeout", "soon"]).run().error();
    assert!(error.starts_with("invalid argument \"soon\" for \"--timeout\" flag: expected a duration"), "{error}");
    // Nobody listens on the default address of a machine that runs tests, or somebody does and answers.
    assert!(
        TcpStream::connect("127.0.0.1:7374").is_ok() || kes(["healthcheck"]).run().error().contains("127.0.0.1:7374")
    );
}
