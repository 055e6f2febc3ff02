//! What Vault answers, and what of it means the same to every caller (specification: `keystores.md` §4.2).

use std::fmt;
use std::time::Duration;

use kes_core::{SecretBytes, SecretText};
use serde::de::{DeserializeOwned, Error, IgnoredAny, Visitor};
use serde::{Deserialize, Deserializer};

use super::said;
use crate::StoreError;

/// When to come back after a 429 that does not say.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// An answer whose status is nobody's trouble but the caller's: a success, or a refusal.
#[derive(Debug)]
pub(super) struct Answer {
    /// The request, for messages: `GET https://vault.example:8200/v1/kv/my-key`.
    pub(super) request: String,
    pub(super) status: u16,
    pub(super) retry_after: Option<Duration>,
    pub(super) body: SecretBytes,
    /// What a refusal says, without the secrets of the request.
    text: String,
}

/// What a refusal says.
#[derive(Debug, Default, Deserialize)]
struct Refusal {
    errors: Option<Vec<String>>,
    warnings: Option<Vec<String>>,
}

/// The part of a success that matters.
#[derive(Debug, Deserialize)]
pub(super) struct Envelope<T> {
    pub(super) data: T,
}

impl Answer {
    /// To a request with `secrets` in it.
    pub(super) fn new(
        request: String,
        status: u16,
        retry_after: Option<Duration>,
        body: SecretBytes,
        secrets: &[&[u8]],
    ) -> Self {
        let mut answer = Self { request, status, retry_after, body, text: String::new() };
        if !answer.is_success() {
            let refusal: Refusal = serde_json::from_slice(answer.body.expose()).unwrap_or_default();
            let all = [refusal.errors.unwrap_or_default(), refusal.warnings.unwrap_or_default()].concat();
            answer.text = said::without(&all.join("; "), secrets);
        }
        answer
    }

    pub(super) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The content of a success.
    pub(super) fn content<T: DeserializeOwned>(&self) -> Result<T, StoreError> {
        if !self.is_success() {
            return Err(self.refusal());
        }
        self.parsed()
    }

    /// The content, whatever the status.
    pub(super) fn parsed<T: DeserializeOwned>(&self) -> Result<T, StoreError> {
        // What the parser says may quote what it read.
        serde_json::from_slice(self.body.expose()).map_err(|_| match self.is_foreign() {
            true => self.foreign(),
            false => StoreError::Denied(format!(
                "{}: the answer ({}) lacks what belongs into it; hint: look whether this is what was meant to be asked",
                self.request, self.status
            )),
        })
    }

    /// Nothing, if it is a success without content, or with content that does not matter.
    pub(super) fn done(&self) -> Result<(), StoreError> {
        match self.is_success() {
            true if self.body.is_empty() || !self.is_foreign() => Ok(()),
            true => Err(self.foreign()),
            false => Err(self.refusal()),
        }
    }

    /// Whether it is no object of JSON, which all of Vault's answers are that have a body. Then something between here
    /// and Vault answered: a proxy, a page to log in at.
    fn is_foreign(&self) -> bool {
        serde_json::from_slice::<Refusal>(self.body.expose()).is_err()
    }

    /// The error of an answer that says nothing of Vault, be it there or not: not even whether it got the request.
    fn foreign(&self) -> StoreError {
        StoreError::Unavailable(format!("{}: the answer ({}) is not one of Vault's", self.request, self.status))
    }

    /// Whether this says that there is no such entry. Only Vault's own words do: a 404 with another body may come from
    /// anywhere, and with an error or a warning it says that something else is missing.
    pub(super) fn is_absence(&self) -> bool {
        self.status == 404
            && serde_json::from_slice::<Refusal>(self.body.expose()).is_ok_and(|refusal| {
                refusal.errors.is_some_and(|errors| errors.is_empty())
                    && refusal.warnings.unwrap_or_default().is_empty()
            })
    }

    /// Whether it says that Vault is sealed.
    pub(super) fn says_sealed(&self) -> bool {
        self.status == 503 && self.text.contains("sealed")
    }

    /// The store's own trouble, which another attempt may not meet: too much to do, not active, sealed, behind.
    pub(super) fn trouble(&self) -> Option<StoreError> {
        if !matches!(self.status, 412 | 429 | 472 | 473 | 500..) {
            return None;
        }
        let reason = self.message();
        let retry_after = self.retry_after.or((self.status == 429).then_some(RETRY_AFTER));
        Some(match retry_after {
            Some(retry_after) => StoreError::Busy { reason, retry_after },
            None => StoreError::Unavailable(reason),
        })
    }

    /// The error of a refusal that nobody expected.
    pub(super) fn refusal(&self) -> StoreError {
        if self.is_foreign() { self.foreign() } else { StoreError::Denied(self.message()) }
    }

    /// `GET https://vault.example:8200/v1/kv/my-key: 403 permission denied`
    pub(super) fn message(&self) -> String {
        format!("{}: {} {}", self.request, self.status, self.text).trim_end().to_owned()
    }

    /// What a refusal says, on one line.
    pub(super) fn text(&self) -> &str {
        &self.text
    }
}

/// A member that should be text, wiped when it is dropped.
#[derive(Debug)]
pub(super) enum Member {
    Text(SecretText),
    /// Of another type; what it is does not matter.
    Other,
}

impl Member {
    pub(super) fn into_text(self) -> Option<SecretText> {
        match self {
            Self::Text(text) => Some(text),
            Self::Other => None,
        }
    }
}

impl<'de> Deserialize<'de> for Member {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyMember)
    }
}

struct AnyMember;

impl<'de> Visitor<'de> for AnyMember {
    type Value = Member;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Member, E> {
        Ok(Member::Text(text.into()))
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Member, E> {
        Ok(Member::Other)
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<Member, E> {
        Ok(Member::Other)
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<Member, E> {
        Ok(Member::Other)
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Member, E> {
        Ok(Member::Other)
    }

    fn visit_unit<E: Error>(self) -> Result<Member, E> {
        Ok(Member::Other)
    }

    fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut items: A) -> Result<Member, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Member::Other)
    }

    fn visit_map<A: serde::de::MapAccess<'de>>(self, mut members: A) -> Result<Member, A::Error> {
        while members.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Member::Other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &str) -> Answer {
        Answer::new("GET /v1/kv/a".to_owned(), status, None, body.as_bytes().into(), &[])
    }

    #[test]
    fn only_vaults_own_404_without_a_word_means_that_nothing_is_there() {
        assert!(answer(404, r#"{"errors":[]}"#).is_absence());
        for body in [
            "",
            "<html>not found</html>",
            "{}",
            r#"{"errors":["namespace not found"]}"#,
            r#"{"errors":[],"warnings":["Invalid path for a versioned K/V secrets engine."]}"#,
            r#"{"data":null,"warnings":["Invalid path for a versioned K/V secrets engine."],"errors":null}"#,
        ] {
            assert!(!answer(404, body).is_absence(), "{body}");
        }
        assert!(!answer(403, r#"{"errors":[]}"#).is_absence());
    }

    #[test]
    fn refusals_are_one_line() {
        let denied = answer(403, r#"{"errors":["1 error occurred:\n\t* permission denied\n\n"]}"#);
        assert_eq!(denied.message(), "GET /v1/kv/a: 403 1 error occurred: * permission denied");
        assert_eq!(answer(502, "<html>").message(), "GET /v1/kv/a: 502");
    }

    #[test]
    fn what_may_pass_is_told_from_what_will_not() {
        let busy = |answer: Answer| match answer.trouble() {
            Some(StoreError::Busy { retry_after, .. }) => retry_after.as_secs(),
            other => panic!("{other:?}"),
        };
        assert_eq!(busy(answer(429, "")), 1);
        assert_eq!(busy(Answer { retry_after: Some(Duration::from_secs(7)), ..answer(503, "") }), 7);
        for status in [412, 472, 473, 500, 501, 502, 503, 504] {
            assert!(matches!(answer(status, "").trouble(), Some(StoreError::Unavailable(_))), "{status}");
        }
        for status in [200, 204, 400, 403, 404, 405] {
            assert!(answer(status, "").trouble().is_none(), "{status}");
        }
    }

    #[test]
    fn content_that_is_not_what_it_should_be_is_not_quoted() {
        let error = answer(200, r#"{"data":"canary"}"#).content::<Envelope<u8>>().unwrap_err().to_string();
        assert!(!error.contains("canary"), "{error}");
    }

    #[test]
    fn members_of_any_type_are_read() {
        let members = r#"["text", 1, -1, 0.5, true, null, [1, {}], {"a": [1]}]"#;
        let members: Vec<Member> = serde_json::from_str(members).expect("json");
        let texts: Vec<_> = members.into_iter().filter_map(Member::into_text).collect();
        assert_eq!(texts.len(), 1);
        assert_eq!(texts[0].expose(), "text");
    }
}
