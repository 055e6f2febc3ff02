//! What travels between client and server: the JSON bodies of every route.
//!
//! Members are written in the order of the structs; a member that is documented as optional is left out when it is
//! empty, false or zero (specification: `server-api.md` §10). Reading is wider than writing, so that a client
//! understands older servers and a server understands every client: unknown members are ignored, missing ones take
//! their default.
//!
//! Types that hold key material or plaintexts keep it in memory that is wiped, and print only its length.
//! [`to_json`] writes them into such memory too.

mod event;
mod names;
mod request;
mod response;
mod rules;
mod secret;

pub use event::{AuditEvent, AuditRequest, AuditResponse, ErrorEvent};
pub use names::{IdentityNames, KeyNames, PolicyNames};
pub use request::{DecryptRequest, EncryptRequest, GenerateRequest, HmacRequest, ImportRequest};
pub use response::{
    ApiEntry, DecryptResponse, DescribedKey, EncryptResponse, ErrorMessage, GenerateResponse, HmacResponse,
    IdentityInfo, PolicyInfo, PolicyRules, SelfInfo, Status, Version,
};
pub use rules::RuleSet;
pub use secret::{Base64, to_json};

/// Whether a flag is unset, so that it is left out.
fn is_false(flag: &bool) -> bool {
    !flag
}

/// Whether a number is zero, so that it is left out.
fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// The time of an answer that names none.
fn no_time() -> kes_core::Timestamp {
    kes_core::Timestamp::ZERO
}
