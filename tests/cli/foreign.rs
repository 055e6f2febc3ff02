//! Servers that are none of ours, and whose words end up in terminals.

use crate::fake::Fake;

/// Clears the screen, and goes up a line.
const MOVES: [&str; 2] = ["\u{1b}", "\u{9b}"];

#[test]
fn what_a_server_says_moves_no_cursor() {
    let server = Fake::start(|path| match path {
        path if path.starts_with("/v1/identity/list") => (200, r#"{"identities":["a\u001b[2Jb","c\u009bAd"]}"#),
        path if path.contains("/list") => (200, r#"{"names":["a\u001b[2Jb","c\u009bAd"]}"#),
        "/v1/key/describe/k" => (
            200,
            r#"{"name":"k\u001b[2J","algorithm":"AES\u009bA","created_at":"2026-01-02T03:04:05Z","created_by":"\u001b[A"}"#,
        ),
        "/v1/policy/describe/p" => {
            (200, r#"{"name":"p\u001b[2J","created_at":"2026-01-02T03:04:05Z","created_by":"\u009bA"}"#)
        }
        "/v1/identity/self/describe" => (
            200,
            r#"{"identity":"\u001b[2J","created_at":"2026-01-02T03:04:05Z","created_by":"\u009bA",
                "policy":{"name":"\u009bA","allow":{"/v1/\u001b[2J":{}},"deny":{"/v1/\u009bA":{}}}}"#,
        ),
        _ => (500, r#"{"message":"first\nsecond\u001b[2J\u009bA"}"#),
    });
    for command in [
        &["ls"][..],
        &["ls", "--identity"],
        &["ls", "--policy"],
        &["key", "ls"],
        &["key", "info", "k"],
        &["identity", "info"],
        &["policy", "ls"],
        &["policy", "info", "p"],
    ] {
        let text = server.kes(command).run().ok();
        assert!(MOVES.iter().all(|code| !text.contains(code)), "{command:?}: {text:?}");
        assert!(text.contains('\u{fffd}'), "{command:?}: {text:?}");
    }
    let error = server.kes(&["key", "create", "k"]).run().error();
    assert!(error.contains("first second") && MOVES.iter().all(|code| !error.contains(code)), "{error:?}");
}
