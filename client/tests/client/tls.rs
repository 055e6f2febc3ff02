//! Who is believed, and who the client is.

use super::*;

#[tokio::test]
async fn a_server_that_nobody_vouches_for_is_not_asked() {
    let server = Server::start(|_, _| ok("")).await;
    let other = Server::start(|_, _| ok("")).await;
    let wrong = Client::builder()
        .servers(&server.address)
        .expect("an address")
        .ca(other.certificate.path())
        .identity(ClientIdentity::from_api_key(&api_key()).expect("an identity"))
        .build()
        .expect("a client");
    let refused = wrong.ready().await.unwrap_err();
    assert!(matches!(refused, Error::Untrusted { .. }), "{refused:?}");
    assert!(refused.to_string().contains("failed to verify certificate: its issuer is trusted by name"), "{refused}");
    assert!(server.asked().is_empty());
    builder(&[&server]).insecure(true).build().expect("a client").ready().await.expect("ready");
}

#[tokio::test]
async fn a_refused_client_certificate_is_called_so() {
    for protocols in [["h2"], ["http/1.1"]] {
        let server = Server::start_with(&protocols, Clients::Strangers, |_, _| ok("")).await;
        let result = client(&[&server]).create_key("k").await;
        assert!(matches!(result, Err(Error::ClientCertificateRejected { .. })), "{protocols:?}: {result:?}");
    }
}

#[tokio::test]
async fn a_ca_is_a_file_or_a_text_and_can_be_the_only_one() {
    let server = Server::start(|_, _| ok("")).await;
    let text = std::fs::read(server.certificate.path()).expect("a file");
    let builder = Client::builder().servers(&server.address).expect("an address").system_roots(false);
    let identity = ClientIdentity::from_api_key(&api_key()).expect("an identity");
    let builder = builder.identity(identity);
    builder.clone().ca_pem(text).build().expect("a client").ready().await.expect("ready");
    builder.clone().ca(server.certificate.path()).build().expect("a client").ready().await.expect("ready");
    assert!(matches!(builder.build(), Err(BuildError::Trust(TrustError::Nothing { .. }))));
}

#[tokio::test]
async fn sessions_are_resumed() {
    let server = Server::start_with(&["http/1.1"], Clients::Any, |_, _| Reply::OkAndClose).await;
    let client = client(&[&server]);
    for _ in 0..2 {
        client.ready().await.expect("ready");
    }
    let asked = server.asked();
    assert_eq!((asked[0].resumed, asked[1].resumed), (false, true));
    assert_eq!(asked[1].identity, Some(api_key().identity()));
}

#[tokio::test]
async fn another_certificate_takes_another_client_of_the_same_settings() {
    let server = Server::start(|_, _| ok("")).await;
    let settings = builder(&[&server]);
    let old = settings.clone().build().expect("a client");
    old.ready().await.expect("ready");
    let key: ApiKey = "kes:v1:AGaV6VXHasF0FnaB60WdCOeTZ8eTIDikL4zlN16c8NAs".parse().expect("an API key");
    let renewed = ClientIdentity::from_api_key(&key).expect("an identity");
    let new = settings.identity(renewed).build().expect("a client");
    new.ready().await.expect("ready");
    old.ready().await.expect("ready");
    let identities: Vec<_> = server.asked().into_iter().filter_map(|asked| asked.identity).collect();
    assert_eq!(identities, [api_key().identity(), key.identity(), api_key().identity()]);
}

#[test]
fn clients_can_be_shared_between_threads_and_show_no_secret() {
    fn shareable<T: Send + Sync + Clone + 'static>() {}
    shareable::<Client>();
    shareable::<Builder>();
    shareable::<ClientIdentity>();
    shareable::<Error>();
    fn sendable<T: Send>(_: T) {}
    let identity = ClientIdentity::from_api_key(&api_key()).expect("an identity");
    let builder = Client::builder().servers("kes.example:7373").expect("an address").identity(identity).insecure(true);
    let client = builder.clone().build().expect("a client");
    sendable(client.generate_key("k", b""));
    sendable(client.follow_audit_log());

    let text = "AD9E7FSYWrMD+VjhI6q545cYT9YOyFxZb7UnjEepYDRc";
    // The seed as bytes begins with 3f 44.
    for shown in [format!("{builder:?}"), format!("{client:?}")] {
        assert!(!shown.contains(text) && !shown.contains("63, 68, 236"), "{shown}");
    }
}
