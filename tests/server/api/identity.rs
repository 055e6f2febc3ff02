//! `/v1/identity/…`

use crate::support::{ADMIN, Build, TestServer, USER, error};

#[tokio::test]
async fn an_identity_is_described_by_its_role() {
    let server = TestServer::with(Build::default().policy("text", &[], &[], &["by-name"])).await;
    for admin in server.admin().over_both() {
        let described = admin.get(&format!("/v1/identity/describe/{ADMIN}")).await;
        let created_at = described.member("created_at");
        assert_eq!(described.line(), format!(r#"200 {{"admin":true,"created_at":"{created_at}"}}"#));
        for (identity, policy) in [(USER, "my-app"), ("by-name", "text")] {
            assert_eq!(
                admin.get(&format!("/v1/identity/describe/{identity}")).await.line(),
                format!(r#"200 {{"policy":"{policy}","created_at":"{created_at}","created_by":"{ADMIN}"}}"#)
            );
        }
        for unknown in [&"0".repeat(64), &ADMIN.to_uppercase(), "nobody", "self"] {
            let answer = admin.get(&format!("/v1/identity/describe/{unknown}")).await;
            assert_eq!(answer.line(), error(404, "identity does not exist"), "{unknown}");
        }
    }
}

#[tokio::test]
async fn identities_are_listed_by_prefix_the_administrator_included() {
    let server = TestServer::with(Build::default().policy("text", &[], &[], &["by-name", "e"])).await;
    let admin = server.admin();
    for (pattern, identities) in [
        ("", format!(r#""{ADMIN}","by-name","e","{USER}""#)),
        ("/", format!(r#""{ADMIN}","by-name","e","{USER}""#)),
        ("/*", format!(r#""{ADMIN}","by-name","e","{USER}""#)),
        ("/e*", format!(r#""e","{USER}""#)),
        ("/3ecf", format!(r#""{ADMIN}""#)),
        ("/nobody", String::new()),
        ("/~e", format!(r#""e","{USER}""#)),
    ] {
        let answer = admin.get(&format!("/v1/identity/list{pattern}")).await;
        assert_eq!(answer.line(), format!(r#"200 {{"identities":[{identities}],"continue_at":""}}"#), "{pattern}");
    }
}

#[tokio::test]
async fn an_administrator_that_is_no_identity_is_listed_and_lets_nobody_in() {
    let build = Build { admin: "disabled".to_owned(), ..Build::default() };
    let server = TestServer::with(build.policy("reader", &["/v1/identity/*"], &[], &["reader", ADMIN])).await;
    let reader = server.admin();
    let list = format!(r#"200 {{"identities":["{ADMIN}","disabled","{USER}","reader"],"continue_at":""}}"#);
    assert_eq!(reader.get("/v1/identity/list/").await.line(), list);
    let described = reader.get("/v1/identity/describe/disabled").await;
    assert!(described.line().starts_with(r#"200 {"admin":true,"#), "{}", described.line());
    let own = reader.get("/v1/identity/self/describe").await;
    assert_eq!((own.member("policy").as_str(), own.member("created_by").as_str()), ("reader", "disabled"));
    assert_eq!(reader.get("/v1/ready").await.line(), error(403, "not authorized: insufficient permissions"));
}

/// Everybody may ask who they are. The archived server knew nobody but the administrator (D-02).
#[tokio::test]
async fn everybody_learns_who_they_are_and_nobody_else_does() {
    let server =
        TestServer::with(Build::default().skip_auth("/v1/ready").policy("rules", &["/a", "/b*"], &[], &["another"]))
            .await;
    let path = "/v1/identity/self/describe";
    for admin in server.admin().over_both() {
        let own = admin.get(path).await;
        let created_at = own.member("created_at");
        assert_eq!(own.line(), format!(r#"200 {{"identity":"{ADMIN}","admin":true,"created_at":"{created_at}"}}"#));
    }
    for user in server.user().over_both() {
        let own = user.get(path).await;
        assert_eq!((own.member("identity").as_str(), own.member("policy").as_str()), (USER, "my-app"));
        assert!(!own.body.contains("admin\":"), "{}", own.body);
    }
    for nobody in server.stranger().over_both().into_iter().chain(server.anonymous().over_both()) {
        assert_eq!(nobody.get(path).await.line(), error(404, "identity does not exist"));
    }
}

#[tokio::test]
async fn a_policy_without_rules_is_shown_without_rules() {
    let mut build = Build::default();
    build.policies.clear();
    let server = TestServer::with(build.policy("empty", &[], &[], &[USER])).await;
    let own = server.user().get("/v1/identity/self/describe").await;
    let created_at = own.member("created_at");
    assert_eq!(
        own.line(),
        format!(r#"200 {{"identity":"{USER}","created_at":"{created_at}","created_by":"{ADMIN}","policy":"empty"}}"#)
    );
}
