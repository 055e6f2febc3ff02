//! What time it is: a trait, so that tests decide, and the form in which times are written.

use std::fmt;
use std::time::SystemTime;

use time::format_description::well_known::Rfc3339;
use time::{OffsetDateTime, UtcOffset};

/// A point in time with the offset it was written with; years 0 to 9999, nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp(OffsetDateTime);

/// The text or number is no time that can be written as RFC 3339.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is not an RFC 3339 time")]
pub struct InvalidTimestamp;

impl Timestamp {
    /// What an absent time means in legacy keys: `0001-01-01T00:00:00Z`.
    pub const ZERO: Self = Self(time::macros::datetime!(0001-01-01 00:00 UTC));

    /// From seconds and nanoseconds since 1970, in UTC.
    ///
    /// # Errors
    /// Years before 0 or after 9999; nanoseconds of a second or more.
    pub fn from_unix(seconds: i64, nanoseconds: u32) -> Result<Self, InvalidTimestamp> {
        let time = OffsetDateTime::from_unix_timestamp(seconds).map_err(|_| InvalidTimestamp)?;
        let time = time.replace_nanosecond(nanoseconds).map_err(|_| InvalidTimestamp)?;
        if time.year() < 0 { Err(InvalidTimestamp) } else { Ok(Self(time)) }
    }

    /// From RFC 3339 text, keeping its offset.
    ///
    /// # Errors
    /// Anything else; a moment whose year in UTC is not one of 0 to 9999.
    pub fn parse(text: &str) -> Result<Self, InvalidTimestamp> {
        let time = OffsetDateTime::parse(text, &Rfc3339).map_err(|_| InvalidTimestamp)?;
        let utc = time.checked_to_offset(UtcOffset::UTC).ok_or(InvalidTimestamp)?;
        if utc.year() < 0 { Err(InvalidTimestamp) } else { Ok(Self(time)) }
    }

    /// Seconds since 1970 and the nanoseconds beyond them.
    #[must_use]
    pub fn to_unix(self) -> (i64, u32) {
        (self.0.unix_timestamp(), self.0.nanosecond())
    }

    /// The same moment in UTC.
    #[must_use]
    pub fn utc(self) -> Self {
        Self(self.0.to_offset(UtcOffset::UTC))
    }
}

impl From<SystemTime> for Timestamp {
    fn from(time: SystemTime) -> Self {
        Self(time.into())
    }
}

/// RFC 3339 with up to nine fractional digits, trailing zeros removed, and `Z` for UTC.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.format(&Rfc3339).map_err(|_| fmt::Error)?)
    }
}

impl serde::Serialize for Timestamp {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Timestamp {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

/// Tells the time of day.
pub trait Clock: Send + Sync + fmt::Debug {
    /// The present moment, in UTC.
    fn now(&self) -> Timestamp;
}

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        SystemTime::now().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_clients_expect() {
        for text in [
            "2024-05-01T12:34:56.789012345Z",
            "2024-01-12T10:39:20.886816Z",
            "2024-05-01T12:34:56+02:00",
            "2009-11-10T23:00:00Z",
            "0001-01-01T00:00:00Z",
        ] {
            assert_eq!(Timestamp::parse(text).expect(text).to_string(), text);
        }
        assert_eq!(Timestamp::ZERO.to_string(), "0001-01-01T00:00:00Z");
        assert_eq!(Timestamp::parse("2024-05-01T12:34:56.100Z").expect("a time").to_string(), "2024-05-01T12:34:56.1Z");
        for text in ["", "9999-12-31T23:59:59-02:00", "0000-01-01T00:00:00+02:00"] {
            assert!(Timestamp::parse(text).is_err(), "{text}");
        }
        assert!(Timestamp::parse("2024-05-01").is_err());
    }

    #[test]
    fn unix_times_outside_the_written_years_are_refused() {
        assert_eq!(Timestamp::from_unix(0, 0).expect("1970").to_string(), "1970-01-01T00:00:00Z");
        assert_eq!(Timestamp::from_unix(-1, 5).expect("1969").to_string(), "1969-12-31T23:59:59.000000005Z");
        assert!(Timestamp::from_unix(i64::MAX, 0).is_err());
        assert!(Timestamp::from_unix(i64::MIN, 0).is_err());
        assert!(Timestamp::from_unix(0, 1_000_000_000).is_err());
    }
}
