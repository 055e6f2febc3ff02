//! How a server stops, and what does not stop it.

use rustix::process::Signal;

use crate::program::{End, Program};
use crate::site::Site;

/// A body in two halves.
const BODY: [&str; 2] = [r#"{"plaint"#, r#"ext":"AA=="}"#];
const BODY_BYTES: usize = BODY[0].len() + BODY[1].len();

const GOODBYE: &str = "=> Server is up and running...\n\n\n=> Stopping server... Goodbye.\n";

#[track_caller]
fn assert_ended_well(end: &End) {
    assert_eq!(end.status.code(), Some(0), "{end:?}");
    assert!(end.stdout.ends_with(GOODBYE), "{end:?}");
}

#[test]
fn a_server_that_is_told_to_stop_says_goodbye() {
    for signal in [Signal::TERM, Signal::INT] {
        let site = Site::new();
        let server = site.start(&[]);
        server.signal(signal);
        assert_ended_well(&server.end());
        let server = Program::start(["--dev", "--addr", "127.0.0.1:0"]);
        server.signal(signal);
        assert_ended_well(&server.end());
    }
}

#[test]
fn a_request_in_flight_is_finished() {
    let site = Site::with("shutdown: {grace: 60s}\n");
    let server = site.start(&[]);
    let admin = site.admin(&server);
    assert_eq!(admin.call("PUT", "/v1/key/create/my-key").expect("an answer").0, 200);
    let mut request = admin.begin_slowly("/v1/key/encrypt/my-key", BODY_BYTES);
    request.send(BODY[0]).expect("sent");
    server.signal(Signal::TERM);
    server.until_closed();
    request.send(BODY[1]).expect("sent");
    let (status, body) = request.answer().expect("an answer");
    assert!(status == 200 && body.starts_with(r#"{"ciphertext":""#), "{status} {body}");
    assert_ended_well(&server.end());
}

#[test]
fn a_second_signal_cuts_what_is_in_flight() {
    // Far more than the test waits.
    let site = Site::with("shutdown: {grace: 1h}\napi: {/v1/key/encrypt/: {timeout: 1h}}\n");
    let server = site.start(&[]);
    let request = site.admin(&server).begin_slowly("/v1/key/encrypt/my-key", BODY_BYTES);
    server.signal(Signal::TERM);
    server.until_closed();
    server.signal(Signal::TERM);
    assert_ended_well(&server.end());
    assert!(request.answer().is_err());
}

#[test]
fn the_grace_has_an_end() {
    let site = Site::with("shutdown: {grace: 100ms}\napi: {/v1/key/encrypt/: {timeout: 1h}}\n");
    let server = site.start(&[]);
    let request = site.admin(&server).begin_slowly("/v1/key/encrypt/my-key", BODY_BYTES);
    server.signal(Signal::TERM);
    assert_ended_well(&server.end());
    assert!(request.answer().is_err());
}

#[test]
fn a_hangup_does_not_end_a_server() {
    let site = Site::new();
    let server = site.start(&[]);
    for _ in 0..3 {
        server.signal(Signal::HUP);
        assert_eq!(site.admin(&server).call("GET", "/v1/ready").expect("an answer").0, 200);
    }
    server.stderr.wait_for("SIGHUP");
    server.signal(Signal::TERM);
    assert_eq!(server.end().status.code(), Some(0));

    let server = Program::start(["--dev", "--addr", "127.0.0.1:0"]);
    server.signal(Signal::HUP);
    server.signal(Signal::TERM);
    assert_ended_well(&server.end());
}
