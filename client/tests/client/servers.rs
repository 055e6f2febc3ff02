//! Several servers.

use super::*;

#[tokio::test]
async fn the_next_server_gets_the_whole_body_too() {
    let broken = Server::start(|_, _| error(502, "failed to read key")).await;
    let working = Server::start(|_, _| ok(r#"{"plaintext":"QQ==","ciphertext":"Qg=="}"#)).await;
    let client = client(&[&broken, &working]);
    for _ in 0..10 {
        client.generate_key("k", b"bucket/object").await.expect("a data key");
    }
    assert!(broken.asked().len() <= 1, "parked after its first failure");
    for asked in broken.asked().iter().chain(&working.asked()) {
        assert_eq!(asked.body, br#"{"context":"YnVja2V0L29iamVjdA=="}"#);
    }
}

#[tokio::test]
async fn a_failed_create_is_not_tried_on_the_next_server() {
    let one = Server::start(|_, _| error(502, "failed to create key")).await;
    let other = Server::start(|_, _| error(502, "failed to create key")).await;
    let result = client(&[&one, &other]).create_key("k").await;
    assert_eq!(result, Err(Error::Api { status: 502, message: "failed to create key".into() }));
    assert_eq!(one.asked().len() + other.asked().len(), 1);
}

#[tokio::test]
async fn nobody_listening_is_told_apart_and_leads_to_the_next_server() {
    let dead = nobody().await;
    let alone = Client::builder().insecure(true).retry_pause(Duration::ZERO, Duration::ZERO);
    let alone = alone.servers(&dead).expect("an address").build().expect("a client");
    let error = alone.create_key("k").await.unwrap_err();
    assert!(matches!(&error, Error::Connect { endpoint, .. } if *endpoint == dead), "{error}");

    let server = Server::start(|_, _| ok("")).await;
    let both = builder(&[&server]).servers(&dead).expect("an address").build().expect("a client");
    for _ in 0..5 {
        both.create_key("k").await.expect("created on the server that lives");
    }
    assert_eq!(server.asked().len(), 5);
}

#[tokio::test]
async fn a_parked_server_is_probed_again_and_comes_back() {
    let flaky = Server::start(|number, _| if number == 0 { error(500, "oops") } else { ok("") }).await;
    let other = Server::start(|_, _| ok("")).await;
    let client = builder(&[&flaky, &other]).park_time(Duration::ZERO).build().expect("a client");
    for _ in 0..40 {
        client.ready().await.expect("ready");
    }
    assert!(flaky.asked().len() > 1, "forty times past it by chance would be one in a billion");
}

#[tokio::test]
async fn if_all_are_parked_all_are_tried() {
    let one = Server::start(|_, _| error(500, "oops")).await;
    let other = Server::start(|_, _| error(500, "oops")).await;
    let client = client(&[&one, &other]);
    for round in 1..4 {
        let error = client.ready().await.unwrap_err();
        assert_eq!(error, Error::Api { status: 500, message: "oops".into() });
        assert_eq!((one.asked().len(), other.asked().len()), (round, round));
    }
}

#[tokio::test]
async fn servers_that_are_left_alone_are_asked_when_no_other_can_answer() {
    let recovered = Server::start(|number, _| if number == 0 { error(500, "oops") } else { ok("") }).await;
    let other = Server::start(|number, _| if number == 0 { ok("") } else { error(500, "oops") }).await;
    let client = client(&[&recovered, &other]);
    client.ready().await.expect("by the other");
    assert_eq!((recovered.asked().len(), other.asked().len()), (1, 1));
    client.ready().await.expect("by the one that has recovered");
}

#[tokio::test]
async fn an_answer_about_the_request_is_everybodys() {
    for status in [400, 403, 404, 409, 501] {
        let one = Server::start(move |_, _| error(status, "no")).await;
        let other = Server::start(move |_, _| error(status, "no")).await;
        let client = client(&[&one, &other]);
        for asked in 1..=10 {
            assert_eq!(client.ready().await, Err(Error::Api { status, message: "no".into() }));
            assert_eq!(one.asked().len() + other.asked().len(), asked, "{status}: nobody else, and nobody is parked");
        }
    }
}

#[tokio::test]
async fn the_nearest_server_comes_first_and_the_work_is_spread_over_the_others() {
    let first = Server::start(|number, _| if number < 10 { ok("") } else { error(500, "oops") }).await;
    let others = [Server::start(|_, _| ok("")).await, Server::start(|_, _| ok("")).await];
    let client = client(&[&first, &others[0], &others[1]]);
    for _ in 0..10 {
        client.ready().await.expect("ready");
    }
    assert_eq!(first.asked().len(), 10, "it is on this machine");
    for _ in 0..40 {
        client.ready().await.expect("ready");
    }
    let asked = others.each_ref().map(|server| server.asked().len());
    assert_eq!((first.asked().len(), asked.iter().sum::<usize>()), (11, 40));
    assert!(asked.iter().all(|&asked| asked > 0), "always the same one by chance would be one in a billion: {asked:?}");
}
