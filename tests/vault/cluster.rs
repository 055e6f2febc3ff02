//! What OpenBao asks a cluster of Kubernetes, which no test has: whether the token of a pod is good (`TokenReview`). Strict
//! about how it is asked.

use std::convert::Infallible;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rustls::ServerConfig;
use rustls_pki_types::PrivateKeyDer;
use rustls_pki_types::pem::PemObject;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::issuer::Issuer;
use crate::site::Pair;

/// The service account of the pod, and what belongs to it.
const NAMESPACE: &str = "storage";
const ACCOUNT: &str = "kes";
const ACCOUNT_ID: &str = "0d1f5f2c-52a7-4c3f-8a6e-3a4b8a3f6f55";
pub const AUDIENCE: &str = "vault";

/// The token of OpenBao itself.
const REVIEWER: &str = "token-of-the-reviewer";

/// See the module's text. It serves as long as the runtime that started it.
pub struct Cluster {
    url: String,
    /// PEM.
    ca: String,
    issuer: Issuer,
    books: Arc<Books>,
}

#[derive(Default)]
struct Books {
    /// The only token that is good.
    good: Mutex<String>,
    reviews: AtomicUsize,
}

impl Cluster {
    pub async fn start() -> Self {
        let pair = Pair::new();
        let key = PrivateKeyDer::from_pem_slice(&pair.key).expect("a key");
        let config = ServerConfig::builder_with_provider(Arc::new(kes::server::provider()))
            .with_safe_default_protocol_versions()
            .expect("protocol versions")
            .with_no_client_auth()
            .with_single_cert(vec![pair.certificate], key)
            .expect("a pair");
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let url = format!("https://{}", listener.local_addr().expect("an address"));
        let cluster = Self { url, ca: pair.cert, issuer: Issuer::new(), books: Arc::default() };
        let books = Arc::clone(&cluster.books);
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let (acceptor, books) = (acceptor.clone(), Arc::clone(&books));
                tokio::spawn(async move {
                    let stream = acceptor.accept(socket).await.expect("OpenBao knows the CA");
                    let answer = service_fn(move |request| review(request, Arc::clone(&books)));
                    // It ends when OpenBao hangs up.
                    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), answer).await;
                });
            }
        });
        cluster
    }

    /// What the login by Kubernetes has to know of the cluster.
    pub fn config(&self) -> Value {
        json!({
            "kubernetes_host": self.url,
            "kubernetes_ca_cert": self.ca,
            "token_reviewer_jwt": REVIEWER,
            "disable_local_ca_jwt": true,
        })
    }

    /// A role for the pod.
    pub fn role(policy: &str) -> Value {
        json!({
            "bound_service_account_names": [ACCOUNT],
            "bound_service_account_namespaces": [NAMESPACE],
            "audience": AUDIENCE,
            "token_policies": [policy],
        })
    }

    /// A token of the pod, which is not good unless the cluster is told so.
    pub fn token(&self) -> String {
        self.issuer.jwt(json!({
            "iss": "https://kubernetes.default.svc.cluster.local",
            "sub": format!("system:serviceaccount:{NAMESPACE}:{ACCOUNT}"),
            "aud": [AUDIENCE],
            "jti": format!("{:032x}", fastrand::u128(..)),
            "kubernetes.io": {
                "namespace": NAMESPACE,
                "serviceaccount": {"name": ACCOUNT, "uid": ACCOUNT_ID},
            },
        }))
    }

    /// From now on this token is good, and no other.
    pub fn accept(&self, token: &str) {
        token.clone_into(&mut self.books.good.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// How often it was asked.
    pub fn reviews(&self) -> usize {
        self.books.reviews.load(Ordering::Relaxed)
    }
}

async fn review(request: Request<Incoming>, books: Arc<Books>) -> Result<Response<Full<Bytes>>, Infallible> {
    assert_eq!(request.method(), Method::POST);
    assert_eq!(request.uri().path(), "/apis/authentication.k8s.io/v1/tokenreviews");
    assert_eq!(request.headers()[AUTHORIZATION], format!("Bearer {REVIEWER}"));
    assert!(request.headers()[CONTENT_TYPE].to_str().expect("text").starts_with("application/json"));
    let body = request.into_body().collect().await.expect("a body").to_bytes();
    let mut review: Value = serde_json::from_slice(&body).expect("JSON");
    assert_eq!(review["spec"]["audiences"], json!([AUDIENCE]));
    books.reviews.fetch_add(1, Ordering::Relaxed);
    let is_good = review["spec"]["token"] == books.good.lock().unwrap_or_else(PoisonError::into_inner).as_str();
    review["status"] = match is_good {
        true => json!({
            "authenticated": true,
            "audiences": [AUDIENCE],
            "user": {
                "username": format!("system:serviceaccount:{NAMESPACE}:{ACCOUNT}"),
                "uid": ACCOUNT_ID,
                "groups": ["system:serviceaccounts", "system:authenticated"],
            },
        }),
        false => json!({"authenticated": false, "error": "invalid bearer token"}),
    };
    let mut answer = Response::new(Full::from(review.to_string()));
    *answer.status_mut() = StatusCode::CREATED;
    answer.headers_mut().insert(CONTENT_TYPE, "application/json".parse().expect("a type"));
    Ok(answer)
}
