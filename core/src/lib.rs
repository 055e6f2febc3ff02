//! The rules of a key encryption service, with no I/O.
//!
//! Names, identities, policies, keys, ciphertexts and secrets in memory. Nothing here opens a file, a socket or a
//! thread; everything that a server, a command line or a key store must agree on is decided here once.

pub mod api_key;
pub mod caller;
pub mod clock;
mod glob;
pub mod identity;
pub mod key;
pub mod name;
pub mod pattern;
pub mod policy;
pub mod secret;
pub mod selection;

pub use api_key::ApiKey;
pub use caller::{Access, Caller};
pub use clock::{Clock, SystemClock, Timestamp};
pub use identity::Identity;
pub use key::{Algorithm, Key};
pub use name::{InvalidName, KeyName, PolicyName};
pub use pattern::ListPattern;
pub use policy::{Policy, Rule};
pub use secret::{Secret, SecretBytes, SecretText};
pub use selection::KeySelection;
