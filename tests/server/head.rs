//! `HEAD`: the head of the answer alone, over either HTTP.

use http::Method;

use crate::support::TestServer;

#[tokio::test]
async fn an_answer_to_head_has_the_length_of_its_body_and_no_body() {
    let server = TestServer::start().await;
    for client in [server.admin(), server.admin().http2()] {
        let answer = client.send(Method::HEAD, "/v1/status", "").await;
        assert_eq!((answer.line().as_str(), answer.header("content-length")), ("405", Some("52")));
        assert_eq!(client.send(Method::HEAD, "/v1/nope", "").await.line(), "404");
    }
}
