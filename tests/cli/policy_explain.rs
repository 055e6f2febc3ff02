//! `kes policy explain`: which rule decides, from a configuration and from a server.

use serde_json::Value;

use crate::program::{Kes, Outcome, kes};
use crate::server::{ADMIN, ADMIN_KEY, Server, USER_KEY, user};

fn policies() -> String {
    format!(
        "policy:\n  \
           my-app:\n    allow: [/v1/key/generate/*, /v1/key/create/my-*, /v1/policy/read/my-app]\n    \
             deny: [/v1/key/*/my-root, /v1/key/create/my-x*]\n    identities: [{}]\n\
         api: {{/v1/ready: {{skip_auth: true}}}}\n",
        user()
    )
}

/// A configuration whose TLS files and key store nobody has here.
fn configuration() -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().expect("a file");
    let least = format!("admin: {{identity: {ADMIN}}}\ntls: {{key: k, cert: c, password: '${{ELSEWHERE}}'}}\n");
    std::fs::write(&file, least + &policies()).expect("written");
    file
}

fn offline(file: &tempfile::NamedTempFile, arguments: &[&str]) -> Kes {
    let file = file.path().to_str().expect("UTF-8");
    kes(["policy", "explain", "--config", file].iter().chain(arguments))
}

/// The rows of an answer, and the exit code that it came with.
fn rows(outcome: Outcome) -> (Option<i32>, Vec<(String, String)>) {
    assert_eq!(outcome.stderr, "", "{}", outcome.stdout);
    let row = |line: &str| (line[..12].trim().to_owned(), line[12..].to_owned());
    (outcome.code, outcome.stdout.lines().map(row).collect())
}

#[track_caller]
fn cannot_tell(outcome: Outcome) -> String {
    assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(3), ""), "{}", outcome.stderr);
    outcome.stderr.strip_prefix("Error: ").expect("an error").trim_end().to_owned()
}

#[test]
fn a_configuration_tells_who_may_do_what_and_by_which_rule() {
    let file = configuration();
    let user = user();
    for (who, path, code, rule) in [
        (USER_KEY, "/v1/key/create/my-key", 0, "allow /v1/key/create/my-*"),
        (&user, "/v1/key/generate/a", 0, "allow /v1/key/generate/*"),
        (&user.to_uppercase(), "/v1/key/generate/a", 0, "allow /v1/key/generate/*"),
        (USER_KEY, "/v1/key/create/my-x1", 1, "deny /v1/key/create/my-x*"),
        (USER_KEY, "/v1/key/generate/my-root", 1, "deny /v1/key/*/my-root"),
    ] {
        let (found, rows) = rows(offline(&file, &["--identity", who, path]).run());
        assert_eq!(found, Some(code), "{rows:?}");
        let verdict = if code == 0 { "Allowed" } else { "Denied" };
        assert_eq!(rows[0], (verdict.to_owned(), path.to_owned()));
        assert_eq!(rows[1], ("Identity".to_owned(), user.clone()), "whichever way it was given");
        assert_eq!(rows[2], ("Policy".to_owned(), "my-app".to_owned()));
        assert_eq!(rows[3], ("Rule".to_owned(), rule.to_owned()));
        assert_eq!(rows[4].0, "Reason");
    }
    let (code, missing) = rows(offline(&file, &["--identity", USER_KEY, "key", "delete", "my-key"]).run());
    assert_eq!((code, missing[3].1.as_str()), (Some(1), "no allow rule matches"));
    let hint = "add `/v1/key/delete/my-key` to `policy.my-app.allow`, or `/v1/key/delete/*` for all names";
    assert_eq!(missing[4], ("Hint".to_owned(), hint.to_owned()));
}

#[test]
fn who_needs_no_policy_is_told_why() {
    let file = configuration();
    for (arguments, code, reason) in [
        (&["--identity", ADMIN_KEY, "/v1/key/delete/a"][..], 0, "it is the administrator"),
        (&["--identity", "stranger", "/v1/status"], 1, "the identity is neither the administrator's nor in a policy"),
        (&["/version"], 0, "everybody may call it, without a certificate"),
        (&["/v1/ready"], 0, "everybody may call it: `api./v1/ready.skip_auth` is on"),
        (&["--identity", "stranger", "identity", "info"], 0, "every identity may call it"),
    ] {
        let (found, rows) = rows(offline(&file, arguments).run());
        let told = rows.iter().find(|row| row.0 == "Reason").expect("a reason");
        assert!(found == Some(code) && told.1.starts_with(reason), "{arguments:?}: {rows:?}");
    }
}

#[test]
fn a_certificate_says_whose_identity_is_meant() {
    let directory = tempfile::tempdir().expect("a directory");
    let new = ["identity", "new", "--key", "k.pem", "--cert", "c.pem", "--dns", "a"];
    kes(new).in_directory(directory.path()).run().ok();
    let identity = kes(["identity", "of", "c.pem"]).in_directory(directory.path()).run().ok();
    let text = format!(
        "admin: {{identity: disabled}}\ntls: {{key: k, cert: c, proxy: {{identities: [{ADMIN}]}}}}\n\
         policy: {{app: {{allow: [/v1/status], identities: ['{identity}']}}}}\nkeystore: {{fs: {{path: keys}}}}\n"
    );
    std::fs::write(directory.path().join("kes.yaml"), text).expect("written");
    let explain = |who: &str| {
        kes(["policy", "explain", "--config", "kes.yaml", "--identity", who, "status"]).in_directory(directory.path())
    };
    assert_eq!(rows(explain("c.pem").run()).1[1].1, identity);
    let (code, proxy) = rows(explain(ADMIN).run());
    assert!(code == Some(1) && proxy[2].1.starts_with("it is a TLS proxy"), "{proxy:?}");
    assert!(cannot_tell(explain("./missing.pem").run()).contains("'./missing.pem' is no identity"));
}

#[test]
fn programs_get_an_object() {
    let outcome = offline(&configuration(), &["--json", "--identity", USER_KEY, "/v1/key/create/my-root"]).run();
    assert_eq!((outcome.code, outcome.stderr.as_str()), (Some(1), ""));
    let json: Value = serde_json::from_str(&outcome.stdout).expect("JSON");
    assert_eq!((&json["allowed"], &json["policy"]), (&false.into(), &"my-app".into()));
    let rule = serde_json::json!({"effect": "deny", "rule": "/v1/key/*/my-root", "reading": "historic"});
    assert_eq!(json["rule"], rule);
    assert!(json["reason"].as_str().is_some_and(|text| text.contains("`/v1/key/create/my-*`")), "{json}");
}

#[test]
fn what_cannot_be_told_is_no_denial() {
    let file = configuration();
    for (arguments, message) in [
        (&["/v1/status"][..], "no identity specified: use --identity. See 'kes policy explain --help'"),
        (&[], "no path specified. See 'kes policy explain --help'"),
        (&["/v1/statu"], "no API answers '/v1/statu'; hint: did you mean `/v1/status`?"),
        (&["--server", "h", "/v1/status"], "--config and --server cannot be used together"),
        (&["--identity", "kes:v1:canary", "/v1/status"], ""),
    ] {
        let told = cannot_tell(offline(&file, arguments).run());
        assert!(told.contains(message) && !told.contains("canary"), "{told}");
    }
    std::fs::write(&file, "policy: {app: {identities: ['${NOBODY}']}}\n").expect("written");
    let told = cannot_tell(offline(&file, &["--identity", "x", "/v1/status"]).run());
    assert!(told.contains("cannot be used; hint: `kes config check "), "{told}");
    let dead = kes(["policy", "explain", "/v1/status"]).with("KES_SERVER", "127.0.0.1:1").with("KES_API_KEY", USER_KEY);
    assert!(cannot_tell(dead.run()).contains("cannot connect to"));
}

#[test]
fn a_server_is_asked_for_the_policy_and_the_answer_is_what_it_does() {
    let server = Server::with(&policies());
    let explain =
        |key: &str, arguments: &[&str]| server.kes_as(key, &[&["policy", "explain"][..], arguments].concat()).run();
    for (who, command) in [
        (USER_KEY, &["key", "create", "my-key"][..]),
        (USER_KEY, &["key", "create", "my-x1"]),
        (USER_KEY, &["key", "create", "my-root"]),
        (USER_KEY, &["key", "dek", "my-key"]),
        (USER_KEY, &["policy", "show", "my-app"]),
        (USER_KEY, &["key", "rm", "my-key"]),
        (ADMIN_KEY, &["key", "rm", "my-key"]),
    ] {
        let (code, rows) = rows(explain(who, command));
        let carried_out = server.kes_as(who, command).run();
        assert_eq!(code == Some(0), carried_out.code == Some(0), "{command:?}: {rows:?} {carried_out:?}");
    }
    // By the administrator, of somebody else.
    let (code, other) = rows(explain(ADMIN_KEY, &["--identity", USER_KEY, "/v1/key/create/my-x1"]));
    assert_eq!((code, other[3].1.as_str()), (Some(1), "deny /v1/key/create/my-x*"));
    let (code, ready) = rows(explain(USER_KEY, &["/v1/ready"]));
    assert_eq!(code, Some(1));
    assert!(ready.iter().any(|row| row.1.contains("unless `api./v1/ready.skip_auth` is on")), "{ready:?}");
    let stranger = kes(["identity"]).run().ok();
    let (code, unknown) = rows(explain(&stranger, &["/v1/status"]));
    assert!(code == Some(1) && unknown[2].1.starts_with("the identity is neither"), "{unknown:?}");
    let (code, absent) = rows(explain(ADMIN_KEY, &["--identity", &stranger, "/v1/status"]));
    assert!(code == Some(1) && absent[2].1.starts_with("the identity is neither"), "{absent:?}");
}

#[test]
fn a_server_that_does_not_tell_everybody_says_what_is_missing() {
    let server = Server::with(&policies());
    let asked = server.kes_as(USER_KEY, &["policy", "explain", "--identity", "somebody", "/v1/status"]);
    let told = cannot_tell(asked.run());
    assert!(told.contains("not authorized") && told.contains("`/v1/identity/describe/*`"), "{told}");
    // Of itself everybody may know.
    let own = server.kes_as(USER_KEY, &["policy", "explain", "--identity", &user(), "key", "dek", "a"]);
    assert_eq!(rows(own.run()).0, Some(0));
}
