//! `/v1/key/…`: making, importing, describing, using and deleting keys.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kes_core::key::Algorithm;

use crate::support::{ADMIN, Answer, Build, Client, TestServer, USER, error};

/// 32 bytes, 0 to 31.
const KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

fn not_authentic() -> String {
    error(400, "decryption failed: ciphertext is not authentic")
}

async fn sealed(client: &Client, key: &str, plaintext: &[u8], context: &[u8]) -> String {
    let body = format!(r#"{{"plaintext":"{}","context":"{}"}}"#, STANDARD.encode(plaintext), STANDARD.encode(context));
    let answer = client.put(&format!("/v1/key/encrypt/{key}"), &body).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.member("ciphertext")
}

async fn opened(client: &Client, key: &str, ciphertext: &str, context: &[u8]) -> Answer {
    let body = format!(r#"{{"ciphertext":"{ciphertext}","context":"{}"}}"#, STANDARD.encode(context));
    client.put(&format!("/v1/key/decrypt/{key}"), &body).await
}

#[tokio::test]
async fn a_key_is_made_described_used_and_deleted() {
    let server = TestServer::start().await;
    for (admin, name) in server.admin().over_both().into_iter().zip(["first", "second"]) {
        let path = |operation: &str| format!("/v1/key/{operation}/{name}");
        let created = admin.post(&path("create"), "").await;
        assert_eq!(created.line(), "200");
        assert_eq!((created.header("content-length"), created.header("content-type")), (Some("0"), None));
        assert_eq!(admin.put(&path("create"), "").await.line(), error(400, "key already exists"));

        let described = admin.get(&path("describe")).await;
        let (algorithm, created_at) = (Algorithm::for_this_cpu(), described.member("created_at"));
        assert!(created_at.ends_with('Z') && created_at.len() >= "2026-01-01T00:00:00Z".len(), "{created_at}");
        assert_eq!(
            described.line(),
            format!(
                r#"200 {{"name":"{name}","algorithm":"{algorithm}","created_at":"{created_at}","created_by":"{ADMIN}"}}"#
            )
        );
        assert_eq!(described.header("content-type"), Some("application/json"));
        assert!(described.body.ends_with("}\n"));

        let data_key = admin.put(&path("generate"), r#"{"context":"Yg=="}"#).await;
        let plaintext = data_key.member("plaintext");
        assert_eq!(STANDARD.decode(&plaintext).expect("base64").len(), 32);
        assert_eq!(STANDARD.decode(data_key.member("ciphertext")).expect("base64").len(), 76);
        let again = opened(&admin, name, &data_key.member("ciphertext"), b"b").await;
        assert_eq!(again.line(), format!(r#"200 {{"plaintext":"{plaintext}"}}"#));

        let hmac = admin.put(&path("hmac"), r#"{"message":"cm9vdCBhY2Nlc3Mga2V5"}"#).await;
        assert_eq!(STANDARD.decode(hmac.member("hmac")).expect("base64").len(), 32);
        let hmac_again = admin.put(&path("hmac"), r#"{"message":"cm9vdCBhY2Nlc3Mga2V5"}"#).await;
        assert_eq!(hmac.body, hmac_again.body, "equal for ever: MinIO derives its root credentials from it");
        assert_ne!(admin.put(&path("hmac"), "{}").await.body, hmac.body);

        let deleted = admin.delete(&path("delete")).await;
        assert_eq!(deleted.line(), "200");
        assert_eq!((deleted.header("content-length"), deleted.header("content-type")), (Some("0"), None));
        for (method, operation) in [
            ("GET", "describe"),
            ("DELETE", "delete"),
            ("PUT", "encrypt"),
            ("PUT", "generate"),
            ("PUT", "decrypt"),
            ("PUT", "hmac"),
        ] {
            let answer = admin.send(method.parse().expect("a method"), &path(operation), "{}").await;
            assert_eq!(answer.line(), error(404, "key does not exist"), "{operation}");
        }
        assert_eq!(admin.put(&path("create"), "").await.line(), "200", "the name is free again");
        assert_eq!(admin.delete(&path("delete")).await.line(), "200");
    }
}

#[tokio::test]
async fn data_keys_and_ciphertexts_are_never_the_same_twice() {
    let server = TestServer::start().await;
    let admin = server.admin();
    admin.create("my-key").await;
    let mut seen = std::collections::HashSet::new();
    for _ in 0..50 {
        let data_key = admin.put("/v1/key/generate/my-key", "").await;
        assert!(seen.insert(data_key.member("plaintext")) && seen.insert(data_key.member("ciphertext")));
        assert!(seen.insert(sealed(&admin, "my-key", b"same", b"").await));
    }
}

#[tokio::test]
async fn a_ciphertext_opens_under_its_key_and_its_context_and_no_other() {
    let server = TestServer::start().await;
    let admin = server.admin();
    admin.create("my-key").await;
    admin.create("another").await;
    for plaintext in [&b""[..], b"a", b"hello world", &[7; 1000]] {
        for context in [&b""[..], b"bucket/object"] {
            let ciphertext = sealed(&admin, "my-key", plaintext, context).await;
            assert_eq!(STANDARD.decode(&ciphertext).expect("base64").len(), plaintext.len() + 44);
            let answer = opened(&admin, "my-key", &ciphertext, context).await;
            assert_eq!(answer.line(), format!(r#"200 {{"plaintext":"{}"}}"#, STANDARD.encode(plaintext)));
            assert_eq!(opened(&admin, "my-key", &ciphertext, b"other").await.line(), not_authentic());
            assert_eq!(opened(&admin, "another", &ciphertext, context).await.line(), not_authentic());
        }
    }
}

#[tokio::test]
async fn a_ciphertext_that_is_damaged_anywhere_does_not_open() {
    let server = TestServer::start().await;
    let admin = server.admin();
    admin.create("my-key").await;
    let whole = STANDARD.decode(sealed(&admin, "my-key", b"x", b"").await).expect("base64");
    for at in 0..whole.len() {
        let mut damaged = whole.clone();
        damaged[at] ^= 1;
        let answer = opened(&admin, "my-key", &STANDARD.encode(damaged), b"").await;
        assert_eq!(answer.line(), not_authentic(), "byte {at}");
    }
    for length in 0..whole.len() {
        let answer = opened(&admin, "my-key", &STANDARD.encode(&whole[..length]), b"").await;
        assert_eq!(answer.line(), not_authentic(), "{length} bytes");
    }
    // What looks like one of the older forms and is none.
    for text in [
        &b"{}"[..],
        b"{\"aead\":\"AES-256-GCM\"}",
        b"{\"aead\":7",
        b"\x95\x01\x01\x01\x01\x01",
        b"\xdf\xff\xff\xff\xff",
    ] {
        assert_eq!(opened(&admin, "my-key", &STANDARD.encode(text), b"").await.line(), not_authentic());
    }
}

#[tokio::test]
async fn a_key_is_imported_in_each_of_the_historic_forms() {
    let server = TestServer::start().await;
    let admin = server.admin();
    for (index, (body, algorithm)) in [
        (format!(r#"{{"key":"{KEY}","cipher":"AES256"}}"#), "AES256"),
        (format!(r#"{{"key":"{KEY}","cipher":"AES256-GCM_SHA256"}}"#), "AES256"),
        (format!(r#"{{"key":"{KEY}","cipher":"ChaCha20"}}"#), "ChaCha20"),
        (format!(r#"{{"key":"{KEY}","cipher":"XCHACHA20-POLY1305"}}"#), "ChaCha20"),
        (format!(r#"{{"key":"{KEY}","cipher":"AES256","algorithm":"nonsense","bytes":"AAAA"}}"#), "AES256"),
        (format!(r#"{{"bytes":"{KEY}"}}"#), "AES256"),
        (format!(r#"{{"bytes":"{KEY}","algorithm":"AES256-GCM_SHA256"}}"#), "AES256"),
        (format!(r#"{{"bytes":"{KEY}","algorithm":"XCHACHA20-POLY1305"}}"#), "ChaCha20"),
        (format!(r#"{{"bytes":"{KEY}","cipher":"ChaCha20"}}"#), "ChaCha20"),
        (format!(r#"{{"bytes":"{KEY}","algorithm":"ChaCha20","cipher":"AES256"}}"#), "ChaCha20"),
    ]
    .iter()
    .enumerate()
    {
        let imported = admin.post(&format!("/v1/key/import/k{index}"), body).await;
        assert_eq!(imported.line(), "200", "{body}");
        assert_eq!((imported.header("content-length"), imported.header("content-type")), (Some("0"), None));
        let described = admin.get(&format!("/v1/key/describe/k{index}")).await;
        assert_eq!(
            (described.member("algorithm").as_str(), described.member("created_by").as_str()),
            (*algorithm, ADMIN)
        );
    }
    // The same bytes and algorithm are the same key; the HMAC key is fresh each time.
    let ciphertext = sealed(&admin, "k0", b"x", b"").await;
    assert_eq!(opened(&admin, "k5", &ciphertext, b"").await.line(), r#"200 {"plaintext":"eA=="}"#);
    assert_eq!(opened(&admin, "k2", &ciphertext, b"").await.line(), not_authentic());
    assert_ne!(admin.put("/v1/key/hmac/k0", "{}").await.body, admin.put("/v1/key/hmac/k5", "{}").await.body);
}

#[tokio::test]
async fn an_import_that_cannot_be_is_refused_in_order_body_algorithm_size_name() {
    let server = TestServer::start().await;
    let admin = server.admin();
    admin.create("taken").await;
    let unsupported = |text: &str| error(406, &format!("algorithm '{text}' is not supported"));
    let wrong_size = |text: &str| error(406, &format!("invalid key size for '{text}'"));
    for (body, line) in [
        ("", error(400, "invalid import key request body")),
        ("[]", error(400, "invalid import key request body")),
        (r#"{"key":7,"cipher":"nonsense"}"#, error(400, "invalid import key request body")),
        (r#"{"key":"AAAA","cipher":7}"#, error(400, "invalid import key request body")),
        ("{}", unsupported("")),
        ("null", unsupported("")),
        (r#"{"key":"AAAA"}"#, unsupported("")),
        (r#"{"key":"AAAA","cipher":null}"#, unsupported("")),
        (r#"{"key":"AAAA","cipher":"aes256"}"#, unsupported("aes256")),
        (r#"{"key":"AAAA","cipher":"a<b"}"#, unsupported("a\\u003cb")),
        (r#"{"key":"AAAA","algorithm":"AES256"}"#, unsupported("")),
        (r#"{"bytes":"AAAA","algorithm":"AES"}"#, unsupported("AES")),
        (r#"{"key":"AAAA","cipher":"AES256"}"#, wrong_size("AES256")),
        (r#"{"cipher":"XCHACHA20-POLY1305"}"#, wrong_size("XCHACHA20-POLY1305")),
        (r#"{"key":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8g","cipher":"ChaCha20"}"#, wrong_size("ChaCha20")),
        (r#"{"bytes":"AAAA"}"#, wrong_size("AES256")),
        (
            r#"{"key":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=","cipher":"AES256"}"#,
            error(400, "key already exists"),
        ),
    ] {
        assert_eq!(admin.put("/v1/key/import/taken", body).await.line(), line, "{body}");
    }
    assert_eq!(admin.get("/v1/key/list/").await.line(), r#"200 {"names":["taken"]}"#);
}

#[tokio::test]
async fn who_made_a_key_is_remembered() {
    let server = TestServer::with(Build::default().policy("other", &["*"], &[], &["nobody"])).await;
    server.user().create("my-key").await;
    assert_eq!(server.admin().get("/v1/key/describe/my-key").await.member("created_by"), USER);
    let build = Build {
        keys: vec!["predefined".parse().expect("a name")],
        admin: "nobody-at-all".to_owned(),
        ..Build::default()
    };
    let build = build.policy("reader", &["/v1/key/describe/*"], &[], &[ADMIN]);
    let server = TestServer::with(build).await;
    let reader = server.admin();
    assert_eq!(reader.get("/v1/key/describe/predefined").await.member("created_by"), "nobody-at-all");
}

#[tokio::test]
async fn of_many_creates_of_a_name_one_is_told_that_it_made_the_key() {
    let server = TestServer::start().await;
    let admin = server.admin();
    let creates = (0..20).map(|_| {
        let admin = admin.clone();
        tokio::spawn(async move { admin.put("/v1/key/create/my-key", "").await.line() })
    });
    let creates: Vec<_> = creates.collect();
    let mut lines = Vec::new();
    for create in creates {
        lines.push(create.await.expect("an answer"));
    }
    lines.sort_unstable();
    assert_eq!(lines[0], "200");
    assert!(lines[1..].iter().all(|line| *line == error(400, "key already exists")), "{lines:?}");
}

/// The words that MinIO of 2021-05 to 2022-02 compares with (decision 12). No other text changes.
#[tokio::test]
async fn older_releases_are_answered_in_their_words_if_configured() {
    let server = TestServer::with(Build { legacy_error_texts: true, ..Build::default() }).await;
    let admin = server.admin();
    admin.create("my-key").await;
    assert_eq!(admin.put("/v1/key/create/my-key", "").await.line(), error(400, "key does already exist"));
    let body = format!(r#"{{"key":"{KEY}","cipher":"AES256"}}"#);
    assert_eq!(admin.put("/v1/key/import/my-key", &body).await.line(), error(400, "key does already exist"));
    assert_eq!(server.user().get("/v1/ready").await.line(), error(403, "prohibited by policy"));
    assert_eq!(server.stranger().get("/v1/ready").await.line(), error(403, "prohibited by policy"));
    assert_eq!(admin.get("/v1/key/describe/nope").await.line(), error(404, "key does not exist"));
    assert_eq!(admin.put("/v1/key/decrypt/my-key", "{}").await.line(), not_authentic());
    assert_eq!(admin.get("/v1/policy/read/nope").await.line(), error(404, "policy does not exist"));
    assert_eq!(admin.get("/v1/identity/describe/nope").await.line(), error(404, "identity does not exist"));
}
