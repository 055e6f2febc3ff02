//! `kes policy lint`: rules that cannot do what was meant, in a configuration and at a server.

use serde_json::Value;

use crate::program::{DENIED, Outcome, kes};
use crate::server::{Server, USER_KEY, user};

/// Lints a configuration with this policy section, and nothing else that is in order.
fn lint(policies: &str, arguments: &[&str]) -> Outcome {
    let directory = tempfile::tempdir().expect("a directory");
    let text = format!("admin: {{identity: disabled}}\npolicy:\n{policies}");
    std::fs::write(directory.path().join("kes.yaml"), text).expect("written");
    kes(["policy", "lint", "kes.yaml"].iter().chain(arguments)).in_directory(directory.path()).run()
}

const BAD: &str = "  app:
    allow:
      - /v1/key/generate/my-*
      - /v1/key/decrypt/my-*
      - /v1/key/create/my-key
      - /v1/key/*/other
      - /v1/status/
      - /v1/key/bulk/decrypt/*
    deny:
      - /v1/*/create/*
      - /v1/key/decrypt/my-x*
      - /v1/key/decrypt/my-x1
    identities: [x1]
  empty: {identities: [x2]}
  nobody:
    allow: ['/v1/key/*']
";

#[test]
fn every_doubtful_rule_is_told_with_its_place_and_cure() {
    let Outcome { code, stdout, stderr } = lint(BAD, &[]);
    assert_eq!((code, stderr.as_str()), (Some(1), ""));
    let told: Vec<&str> = stdout.lines().filter(|line| !line.starts_with("    hint: ")).collect();
    for (line, place, what) in [
        (3, "note: policy.app: ", "MinIO looks at its key"),
        (3, "note: policy.app: ", "MinIO asks for the status"),
        (7, "problem: policy.app.allow[2]: ", "`/v1/key/create/my-key` allows nothing: the deny rule `/v1/*/create/*`"),
        (8, "problem: policy.app.allow[3]: ", "`/v1/key/*/other` has wildcards of older releases"),
        (9, "problem: policy.app.allow[4]: ", "the rule `/v1/status/` matches no API"),
        (10, "warning: policy.app.allow[5]: ", "the rule `/v1/key/bulk/decrypt/*` matches no API"),
        (12, "warning: policy.app.deny[0]: ", "`/v1/*/create/*` has wildcards of older releases"),
        (
            14,
            "warning: policy.app.deny[2]: ",
            "`/v1/key/decrypt/my-x1` changes nothing: `/v1/key/decrypt/my-x*` covers",
        ),
        (16, "warning: policy.empty: ", "the policy has no allow rule: its identity may call nothing"),
        (17, "warning: policy.nobody: ", "the policy binds no identity"),
        (18, "warning: policy.nobody.allow[0]: ", "`/v1/key/*` allows 9 APIs"),
    ] {
        let found = told.iter().filter(|told| told.starts_with(&format!("kes.yaml:{line}:")) && told.contains(place));
        assert!(found.into_iter().any(|told| told.contains(what)), "{line} {place}{what}\n{stdout}");
    }
    assert_eq!(told.len(), 12, "and nothing else: {stdout}");
    assert_eq!(told[11], "3 problems, 6 warnings, 2 notes");
    assert_eq!(stdout.matches("\n    hint: ").count(), 11, "{stdout}");
}

#[test]
fn policies_in_order_and_warnings_alone_are_no_failure() {
    let good = "  app: {allow: [/v1/key/create/my-*, /v1/status], identities: [x1]}\n";
    assert_eq!(lint(good, &[]).ok(), "the policies do what they say\n");
    let told = lint("  app: {allow: [/v1/status]}\n", &[]).ok();
    assert!(told.ends_with("the policies do what they say, with 1 warning\n"), "{told}");
}

#[test]
fn programs_get_one_object() {
    let outcome = lint(BAD, &["--json"]);
    assert_eq!(outcome.code, Some(1));
    let json: Value = serde_json::from_str(&outcome.stdout).expect("JSON");
    let count = |level: &str| json[level].as_array().map(Vec::len);
    assert_eq!((count("problems"), count("warnings"), count("notes")), (Some(3), Some(6), Some(2)));
    let problem = &json["problems"][0];
    assert_eq!((&problem["line"], &problem["path"]), (&7.into(), &"policy.app.allow[2]".into()));
    assert!(problem["hint"].is_string(), "{problem}");
}

#[test]
fn what_is_wrong_with_the_section_itself_is_told_too() {
    let told = lint("  app: {allow: /v1/status, identities: [x1]}\n  other: {identities: [x1]}\n", &[]);
    assert_eq!(told.code, Some(1));
    for problem in ["policy.app.allow: must be a list", "the identity `x1` already has the policy `app`"] {
        assert!(told.stdout.contains(problem), "{}", told.stdout);
    }
    let missing = kes(["policy", "lint", "/nonexistent"]).run();
    assert!(missing.code == Some(1) && missing.stdout.contains("the configuration cannot be read"), "{missing:?}");
}

#[test]
fn a_servers_policies_are_looked_at_as_those_of_a_file() {
    let rules = "allow: [/v1/key/*/other, /v1/policy/list/*, /v1/policy/read/*], deny: ['/v1/key/[a']";
    let server = Server::with(&format!(
        "policy:\n  app: {{{rules}, identities: [{}]}}\n  nobody: {{allow: [/v1/status]}}\n",
        user()
    ));
    let Outcome { code, stdout, stderr } = server.kes(&["policy", "lint"]).run();
    assert_eq!((code, stderr.as_str()), (Some(1), ""), "{stdout}");
    for line in [
        "problem: policy.app.allow: `/v1/key/*/other` has wildcards of older releases",
        "problem: policy.app.deny: `/v1/key/[a` was a malformed pattern",
        "warning: policy.nobody: the policy binds no identity\n",
        "\n2 problems, 1 warning\n",
    ] {
        assert!(stdout.contains(line), "{line}\n{stdout}");
    }
    // Who may read policies and not identities learns of the rules.
    let told = server.kes_as(USER_KEY, &["policy", "lint"]).run();
    assert!(told.stdout.contains("note: the server does not tell which identities"), "{}", told.stdout);
    assert!(told.stdout.contains("\n2 problems, 1 note\n"), "{}", told.stdout);
    let stranger = kes(["identity"]).run().ok();
    let denied = server.kes_as(&stranger, &["policy", "lint"]).run().error();
    assert_eq!(denied, format!("failed to list policies: {DENIED}"));
}

#[test]
fn mistakes_with_arguments_are_told() {
    let error = |arguments: &[&str]| kes(["policy", "lint"].iter().chain(arguments)).run().error();
    assert_eq!(error(&["a", "b"]), "too many arguments. See 'kes policy lint --help'");
    let both = error(&["a", "--server", "h"]);
    assert_eq!(both, "a file and --server cannot be used together. See 'kes policy lint --help'");
}
