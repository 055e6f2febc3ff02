//! Policies and lists, against a configured server.

use crate::program::DENIED;
use crate::server::{ADMIN, Server, USER_KEY, user};

fn server() -> Server {
    Server::with(&format!(
        "policy:\n  \
           my-app:\n    allow: [/v1/key/generate/my-*, /v1/key/create/my-*, /v1/identity/self/describe]\n    \
             deny: [/v1/key/create/my-x*]\n    identities: [{}]\n  \
           my-empty: {{}}\n  other: {{allow: [/v1/status]}}\n",
        user()
    ))
}

#[test]
fn policies_are_listed_described_and_shown() {
    let server = server();
    let run = |arguments: &[&str]| server.kes(arguments).run();
    assert_eq!(run(&["policy", "ls"]).ok(), "Policy\nmy-app\nmy-empty\nother\n");
    assert_eq!(run(&["policy", "list", "my-*", "--json"]).ok(), "[\"my-app\",\"my-empty\"]\n");
    assert_eq!(run(&["policy", "ls", "nope"]).ok(), "");
    let text = run(&["policy", "info", "my-app"]).ok();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!((lines[0], lines[2]), ("Name        my-app", format!("Created by  {ADMIN}").as_str()), "{text}");
    assert!(lines[1].starts_with("Date        2") && lines[1].ends_with('Z'), "{text}");
    let json = run(&["policy", "info", "my-app", "--json"]).ok();
    assert!(json.starts_with(r#"{"name":"my-app","created_at":"2"#), "{json}");
    let json = run(&["policy", "show", "my-app"]).ok();
    let rules = concat!(
        r#"{"allow":{"/v1/identity/self/describe":{},"/v1/key/create/my-*":{},"/v1/key/generate/my-*":{}},"#,
        r#""deny":{"/v1/key/create/my-x*":{}},"created_at":"2"#
    );
    assert!(json.starts_with(rules) && json.ends_with(&format!("\"created_by\":\"{ADMIN}\"}}\n")), "{json}");
    assert!(run(&["policy", "show", "my-empty"]).ok().starts_with(r#"{"created_at":"#));
}

#[test]
fn mistakes_with_policies_name_the_cure() {
    let server = server();
    let error = |arguments: &[&str]| server.kes(arguments).run().error();
    assert_eq!(error(&["policy", "show", "nope"]), "failed to show policy 'nope': policy does not exist");
    assert_eq!(error(&["policy", "info", "nope"]), "policy does not exist");
    assert_eq!(error(&["policy", "show"]), "no policy name specified. See 'kes policy show --help'");
    assert_eq!(error(&["policy", "show", "a", "b"]), "too many arguments. See 'kes policy show --help'");
    let text = error(&["policy", "info"]);
    assert!(text.contains("kes policy show NAME") && text.ends_with("See 'kes policy info --help'"), "{text}");
    for gone in ["add", "assign", "create", "delete", "rm"] {
        assert!(error(&["policy", gone, "my-app"]).contains("managed in the configuration file"), "{gone}");
    }
    let denied = server.kes_as(USER_KEY, &["policy", "ls"]).run().error();
    assert_eq!(denied, format!("failed to list policies: {DENIED}"));
}

#[test]
fn ls_lists_keys_identities_and_policies() {
    let server = server();
    let run = |arguments: &[&str]| server.kes(arguments).run();
    assert_eq!(run(&["ls"]).ok(), "");
    assert_eq!(run(&["ls", "--json"]).ok(), "[]\n");
    run(&["key", "create", "my-b", "my-a", "other"]).ok();
    assert_eq!(run(&["ls"]).ok(), "Key\nmy-a\nmy-b\nother\n");
    assert_eq!(run(&["ls", "my-", "--json"]).ok(), "[\"my-a\",\"my-b\"]\n");
    assert_eq!(run(&["ls", "-p", "my"]).ok(), "Policy\nmy-app\nmy-empty\n");
    let mut identities = [ADMIN.to_owned(), user()];
    identities.sort_unstable();
    assert_eq!(run(&["ls", "--identity"]).ok(), format!("Identity\n{}\n", identities.join("\n")));
    assert_eq!(run(&["ls", "-ip"]).error(), "--identity and --policy cannot be used together");
    assert_eq!(run(&["ls", "a", "b"]).error(), "too many arguments. See 'kes ls --help'");
    assert_eq!(run(&["ls", "a/b"]).error(), "listing pattern 'a/b' is empty, too long or is invalid");
    let denied = server.kes_as(USER_KEY, &["ls"]).run().error();
    assert_eq!(denied, DENIED);
}

/// Archived servers told everybody but the administrator that they did not exist.
#[test]
fn whoever_has_a_policy_learns_who_they_are_and_what_they_may() {
    let server = server();
    let text = server.kes_as(USER_KEY, &["identity", "info"]).run().ok();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!((lines[0], lines[2]), (format!("Identity    {}", user()).as_str(), "Role        User"), "{text}");
    let rules = "Allow
            · /v1/identity/self/describe
            · /v1/key/create/my-*
            · /v1/key/generate/my-*
Deny
            · /v1/key/create/my-x*
";
    assert!(text.contains("\n\nPolicy      my-app\n") && text.ends_with(rules), "{text}");
    let json = server.kes_as(USER_KEY, &["identity", "info", "--json"]).run().ok();
    assert!(json.contains(r#""policy":"my-app","allow":{"/v1/identity/self/describe":{}"#), "{json}");
}
