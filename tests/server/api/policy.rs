//! `/v1/policy/…`, and what policies let whom do.

use http::Method;

use crate::support::{ADMIN, Build, TestServer, USER, error};

/// A server with the given rules for the user, and no other policy.
async fn with_rules(allow: &[&'static str], deny: &[&'static str]) -> TestServer {
    let mut build = Build::default();
    build.policies.clear();
    TestServer::with(build.policy("rules", allow, deny, &[USER])).await
}

#[tokio::test]
async fn a_policy_is_described_and_read() {
    let build = Build::default().policy("empty", &[], &[], &[]).policy(
        "only-deny",
        &[],
        &["/v1/key/<>&*", "/b", "/a", "/b"],
        &[],
    );
    let server = TestServer::with(build).await;
    for admin in server.admin().over_both() {
        let described = admin.get("/v1/policy/describe/my-app").await;
        let created_at = described.member("created_at");
        assert_eq!(
            described.line(),
            format!(r#"200 {{"name":"my-app","created_at":"{created_at}","created_by":"{ADMIN}"}}"#)
        );
        assert_eq!(
            admin.get("/v1/policy/read/empty").await.line(),
            format!(r#"200 {{"name":"empty","created_at":"{created_at}","created_by":"{ADMIN}"}}"#)
        );
        assert_eq!(
            admin.get("/v1/policy/read/only-deny").await.line(),
            format!(
                r#"200 {{"name":"only-deny","deny":{{"/a":{{}},"/b":{{}},"/v1/key/\u003c\u003e\u0026*":{{}}}},"created_at":"{created_at}","created_by":"{ADMIN}"}}"#
            )
        );
        for route in ["describe", "read"] {
            let absent = admin.get(&format!("/v1/policy/{route}/nope")).await;
            assert_eq!(absent.line(), error(404, "policy does not exist"));
        }
    }
}

#[tokio::test]
async fn policies_are_listed_by_prefix_in_one_answer() {
    let build = Build::default().policy("my-b", &[], &[], &[]).policy("other", &[], &[], &[]);
    let server = TestServer::with(build.policy("my-a", &[], &[], &[])).await;
    let admin = server.admin();
    for (pattern, names) in [
        ("", r#""my-a","my-app","my-b","other""#),
        ("/", r#""my-a","my-app","my-b","other""#),
        ("/*", r#""my-a","my-app","my-b","other""#),
        ("/my-*", r#""my-a","my-app","my-b""#),
        ("/my-", r#""my-a","my-app","my-b""#),
        ("/my-app", r#""my-app""#),
        ("/%6Dy-app%2A", r#""my-app""#),
        ("/x*", ""),
        ("/my-~my-app", r#""my-app","my-b""#),
    ] {
        let answer = admin.get(&format!("/v1/policy/list{pattern}")).await;
        assert_eq!(answer.line(), format!(r#"200 {{"names":[{names}],"continue_at":""}}"#), "{pattern}");
    }
}

#[tokio::test]
async fn rules_are_prefixes_or_the_path_itself() {
    let allow = ["/v1/key/create/my-*", "/v1/key/describe/x", "/v1/key/*/inner", "", "/v1/policy/read/%78"];
    let server = with_rules(&allow, &[]).await;
    let user = server.user();
    for (method, path, status) in [
        (Method::PUT, "/v1/key/create/my-key", 200),
        (Method::PUT, "/v1/key/create/my%2Dkey2", 200),
        (Method::PUT, "/v1/key/cre%61te/my-key3?a=b", 200),
        (Method::PUT, "/v1/key/create/my-", 400),
        (Method::PUT, "/v1/key/create/my-a/b", 400),
        (Method::PUT, "/v1/key/create/my", 403),
        (Method::GET, "/v1/key/describe/x", 404),
        (Method::GET, "/v1/key/describe/%78", 404),
        (Method::GET, "/v1/key/describe/xy", 403),
        (Method::GET, "/v1/key/describe/x%2Fy", 403),
        // A wildcard inside an allow rule is a character like any other.
        (Method::GET, "/v1/key/describe/inner", 403),
        // Rules are compared with decoded paths.
        (Method::GET, "/v1/policy/read/x", 403),
        (Method::GET, "/v1/ready", 403),
    ] {
        assert_eq!(user.send(method, path, "").await.status, status, "{path}");
    }
}

#[tokio::test]
async fn old_deny_rules_go_on_denying() {
    let deny = [
        "/v1/key/*/internal",
        "/v1/key/delete/?",
        "/v1/key/describe/[a-c]x",
        "/v1/key/generate/\\*",
        "/v1/key/[encrypt/x",
    ];
    let server = with_rules(&["/v1/*"], &deny).await;
    let user = server.user();
    for (method, path, status) in [
        (Method::GET, "/v1/key/describe/internal", 403),
        (Method::PUT, "/v1/key/create/internal", 403),
        (Method::PUT, "/v1/key/cre%61te/intern%61l", 403),
        (Method::PUT, "/v1/key/generate/internal", 403),
        (Method::GET, "/v1/key/describe/internal2", 404),
        (Method::GET, "/v1/key/describe/x/internal", 400),
        (Method::DELETE, "/v1/key/delete/a", 403),
        (Method::DELETE, "/v1/key/delete/ab", 404),
        (Method::GET, "/v1/key/describe/bx", 403),
        (Method::GET, "/v1/key/describe/dx", 404),
        (Method::PUT, "/v1/key/generate/*", 403),
        (Method::PUT, "/v1/key/generate/a", 404),
        // A pattern that cannot be read as one stands for itself alone.
        (Method::PUT, "/v1/key/encrypt/x", 400),
    ] {
        assert_eq!(user.send(method, path, "").await.status, status, "{path}");
    }
}

/// `/v1/key/list`, `/v1/key/list/` and `/v1/key/list/*` are one request (decision 5).
#[tokio::test]
async fn the_three_spellings_of_listing_everything_are_allowed_and_denied_together() {
    const SPELLINGS: [&str; 3] = ["", "/", "/*"];
    for kind in ["key", "policy", "identity"] {
        let rule = |end: &str| -> &'static str { format!("/v1/{kind}/list{end}").leak() };
        for end in SPELLINGS {
            let allowing = with_rules(&[rule(end)], &[]).await;
            let denying = with_rules(&["*"], &[rule(end)]).await;
            for spelling in SPELLINGS {
                let path = format!("/v1/{kind}/list{spelling}");
                assert_eq!(allowing.user().get(&path).await.status, 200, "{path} with an allow rule {}", rule(end));
                assert_eq!(denying.user().get(&path).await.status, 403, "{path} with a deny rule {}", rule(end));
            }
            // Only the rule with the star says anything of other prefixes.
            let other = format!("/v1/{kind}/list/my*");
            let (allowed, denied) = if end == "/*" { (200, 403) } else { (403, 200) };
            assert_eq!(allowing.user().get(&other).await.status, allowed, "{other} with {}", rule(end));
            assert_eq!(denying.user().get(&other).await.status, denied, "{other} with {}", rule(end));
        }
    }
}

#[tokio::test]
async fn a_list_is_authorised_as_its_prefix_with_star_and_without() {
    let server = with_rules(&["/v1/key/list/my-*"], &["/v1/key/list/my-secret*"]).await;
    let user = server.user();
    for (pattern, status) in [
        ("my-", 200),
        ("my-*", 200),
        ("my-app*", 200),
        ("my-%61pp", 200),
        ("my*", 403),
        ("my", 403),
        ("*", 403),
        ("", 403),
        ("my-secret", 403),
        ("my-secret*", 403),
        ("my-secret-a*", 403),
        ("my-~my-app", 200),
        ("my-app~my-b", 200),
        ("~my-app", 403),
        ("m~my-app", 403),
        ("other~my-app", 403),
        ("my-secret~my-app", 403),
        // No pattern, but a path that the policy says something of.
        ("my-*x", 400),
        ("other*x", 403),
    ] {
        assert_eq!(user.get(&format!("/v1/key/list/{pattern}")).await.status, status, "{pattern}");
    }
}
