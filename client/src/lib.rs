//! A typed client for a KES-compatible key encryption service.
//!
//! ```no_run
//! use kes_client::{Client, ClientIdentity};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let key = "kes:v1:AD9E7FSYWrMD+VjhI6q545cYT9YOyFxZb7UnjEepYDRc".parse()?;
//! let client = Client::builder()
//!     .servers("kes-1.example:7373,kes-2.example:7373")?
//!     .identity(ClientIdentity::from_api_key(&key)?)
//!     .build()?;
//!
//! client.create_key("my-key").await?;
//! let data_key = client.generate_key("my-key", b"bucket/object").await?;
//! let again = client.decrypt("my-key", data_key.ciphertext.expose(), b"bucket/object").await?;
//! assert_eq!(again.expose(), data_key.plaintext.expose());
//! # Ok(())
//! # }
//! ```
//!
//! | module | for |
//! | --- | --- |
//! | [`Client`], [`Builder`] | requests, over one or several servers |
//! | [`Events`] | a log that is followed |
//! | [`ClientIdentity`] | who the client is: an API key, or a certificate and its private key |
//! | [`Error`] | why a request failed, as variants to react to |
//! | [`wire`] | the JSON bodies; the server uses the same types |
//! | [`pem`] | certificates and private keys from files, encrypted ones included |
//! | [`certificate`] | makes certificates, tells identities |
//! | [`inspect`] | what a server shows in a TLS handshake, for diagnosis |
//!
//! # Which requests are repeated
//!
//! A request that certainly reached no server (refused, unknown host), or that a server answered with 503, is tried up
//! to three times and then on the other servers. One whose fate is unknown is repeated only if that is harmless: reading,
//! encrypting, decrypting and generating. Creating, importing and deleting a key is not, for the second attempt could
//! report a key as taken that the first one made: it ends in [`Error::Interrupted`].
//!
//! # Several servers
//!
//! Servers on this machine come first, then the others from a random position on. One that failed, or answered 5xx other
//! than 501, is left alone for 30 s and then asked by a single request. If all are left alone, all are tried.

mod builder;
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
pub use client::Client;
pub use endpoint::{Endpoint, InvalidEndpoint};
pub use error::Error;
pub use events::Events;
pub use tls::{ClientIdentity, InvalidIdentity, TrustError};
