//! A typed client for a KES-compatible key encryption service.
//!
//! ```no_run
//! use kes_client::{ApiKey, Client, ClientIdentity, Error};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let key: ApiKey = "kes:v1:AD9E7FSYWrMD+VjhI6q545cYT9YOyFxZb7UnjEepYDRc".parse()?;
//! let client = Client::builder()
//!     .servers("kes-1.example:7373,kes-2.example:7373")?
//!     .identity(ClientIdentity::from_api_key(&key)?)
//!     .build()?;
//!
//! match client.create_key("my-key").await {
//!     Ok(()) | Err(Error::KeyExists) => {}
//!     Err(error) => return Err(error.into()),
//! }
//! let data_key = client.generate_key("my-key", b"bucket/object").await?;
//! // Encrypt with `data_key.plaintext`, store `data_key.ciphertext` beside the result, and later:
//! let again = client.decrypt("my-key", &data_key.ciphertext, b"bucket/object").await?;
//! assert_eq!(again.expose(), data_key.plaintext.expose());
//! # Ok(())
//! # }
//! ```
//!
//! `client/examples` has two programs: `data-key`, which does this, and `encrypt-file`, which encrypts and decrypts a file
//! of any size.
//!
//! | module | for |
//! | --- | --- |
//! | [`Client`], [`Builder`] | requests, over one or several servers |
//! | [`Events`] | a log that is followed |
//! | [`ClientIdentity`] | who the client is: an API key, or a certificate and its private key |
//! | [`BackendTls`] | TLS towards servers of another kind, for key stores |
//! | [`Error`] | why a request failed, as variants to react to |
//! | [`wire`] | the JSON bodies; the server uses the same types |
//! | [`pem`] | certificates and private keys from files, encrypted ones included |
//! | [`certificate`] | makes certificates, tells identities |
//! | [`inspect`] | what a server shows in a TLS handshake, for diagnosis |
//!
//! # Who the client is
//!
//! Servers know a client by the public key of its certificate. An API key is such a key; the certificate is made of it.
//! A certificate comes as PEM, with a private key that may be encrypted:
//!
//! ```no_run
//! use std::path::Path;
//!
//! use kes_client::{Builder, Client, ClientIdentity};
//!
//! fn builder(password: &str) -> Result<Builder, Box<dyn std::error::Error>> {
//!     let identity = ClientIdentity::from_files(Path::new("client.crt"), Path::new("client.key"), Some(password))?;
//!     println!("a policy of the server has to name {}", identity.identity());
//!     Ok(Client::builder().servers("kes.example:7373")?.identity(identity))
//! }
//! ```
//!
//! A client shows one certificate for as long as it lives. **When the certificate is renewed**, make another client and
//! put it in the place of the old one; requests in flight end on the old one, and its connections close with its last
//! clone. [`Builder`] can be kept and cloned for this. A client of an API key needs it too where the servers verify
//! certificates (`tls.auth: on`): its certificate is valid for 90 days.
//!
//! ```no_run
//! use std::path::Path;
//! use std::sync::RwLock;
//!
//! use kes_client::{Builder, Client, ClientIdentity};
//!
//! /// To be called now and then, or when the files have changed.
//! fn renew(builder: &Builder, current: &RwLock<Client>) -> Result<(), Box<dyn std::error::Error>> {
//!     let identity = ClientIdentity::from_files(Path::new("client.crt"), Path::new("client.key"), None)?;
//!     let client = builder.clone().identity(identity).build()?;
//!     *current.write().map_err(|_| "a task that held the client has panicked")? = client;
//!     Ok(())
//! }
//! ```
//!
//! # Which servers are believed
//!
//! Those whose certificate leads to a CA of the system, of `SSL_CERT_FILE` or `SSL_CERT_DIR` instead if one of these is
//! set, or to one that the program names. A certificate that is named itself is believed too.
//!
//! ```no_run
//! use kes_client::{Client, Error};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let client = Client::builder()
//!     .servers("kes.example:7373")?
//!     .ca_pem(std::fs::read("private-ca.crt")?)
//!     .system_roots(false) // and nobody else
//!     .build()?;
//! if let Err(Error::Untrusted { endpoint, reason }) = client.version().await {
//!     eprintln!("{endpoint} is not believed: {reason}");
//! }
//! # Ok(())
//! # }
//! ```
//!
//! TLS 1.3 and 1.2, post-quantum key exchange first. Sessions are resumed. HTTP/2, and HTTP/1.1 where the server has
//! nothing else; connections are kept and reused, and closed after 90 s without a request. `HTTPS_PROXY`, `ALL_PROXY` and
//! `NO_PROXY` are honoured, but servers on a loopback address are asked directly. Redirects are not followed.
//!
//! # How long it may take
//!
//! ```no_run
//! use std::time::Duration;
//!
//! use kes_client::{Client, Error};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let client = Client::builder()
//!     .servers("kes-1.example:7373,kes-2.example:7373")?
//!     .connect_timeout(Duration::from_secs(2)) // for each attempt at each server
//!     .timeout(Duration::from_secs(15)) // for a whole call
//!     .build()?;
//! match client.with_timeout(Duration::from_secs(60)).list_keys("backup-*").await {
//!     Ok(names) => println!("{} keys", names.len()),
//!     Err(Error::Timeout { limit }) => eprintln!("not within {limit:?}"),
//!     Err(error) => return Err(error.into()),
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # Which requests are repeated
//!
//! A request that certainly reached no server (refused, unknown host), or that a server answered with 503, is tried up
//! to three times and then on the other servers. One whose fate is unknown is repeated only if that is harmless: reading,
//! encrypting, decrypting and generating. Creating, importing and deleting a key is not, for the second attempt could
//! report a key as taken that the first one made: it ends in [`Error::Interrupted`]. Before another attempt at the same
//! server there is a pause of 200 to 1000 ms, or what the server asks for with `Retry-After`, up to 5 s. Every attempt
//! carries the whole body.
//!
//! # Several servers
//!
//! Servers on this machine come first, then the others from a random position on. One that failed, or answered 5xx other
//! than 501, is left alone for 30 s and then asked by a single request. Where none of the others can answer, or all are
//! left alone, those that are left alone are asked at the end.
//!
//! # Secrets in memory
//!
//! Data keys, plaintexts and the bodies that hold them are [`SecretBytes`], wiped when they are dropped, and their `Debug`
//! shows no more than a length. A request's body is made once and shared by all its attempts. What cannot be wiped is
//! what the libraries beneath keep: answers pass through receive buffers of rustls, hyper and h2, which are reused and
//! then freed as they are, and requests through their send buffers. The private key lives in the cryptographic library,
//! which wipes it.

mod builder;
pub mod cause;
pub mod certificate;
mod client;
mod endpoint;
mod error;
mod events;
pub mod inspect;
pub mod pem;
mod tls;
mod transport;
pub mod wire;

pub use builder::{BuildError, Builder};
pub use client::{Client, DataKey};
pub use endpoint::{Endpoint, InvalidEndpoint};
pub use error::Error;
pub use events::Events;
/// What the methods of [`Client`] take and return, from the crate that holds the rules.
pub use kes_core::{Algorithm, ApiKey, Identity, SecretBytes, Timestamp};
pub use tls::{BackendTls, BackendTlsError, ClientIdentity, InvalidIdentity, TrustError};
