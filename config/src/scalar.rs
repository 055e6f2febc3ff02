//! Text that means a duration, a number, a size, or yes or no. All of it is read here: what YAML thinks of `on`, `010`
//! or `1e3` does not matter.

use std::time::Duration;

use crate::problem::{Wrong, shown};

/// Longest duration: what Go's 64-bit nanoseconds hold, some 292 years.
const MAX_NANOSECONDS: u128 = i64::MAX as u128;

/// Units of a duration and their nanoseconds.
const UNITS: [(&str, u128); 8] = [
    ("ns", 1),
    ("us", 1_000),
    ("µs", 1_000), // U+00B5
    ("μs", 1_000), // U+03BC
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
];

/// A duration in Go's form, such as `1h30m` or `1.5s`; also a bare `0` (decision 25).
pub(crate) fn duration(text: &str) -> Result<Duration, Wrong> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let nanoseconds = match digits {
        "0" => Some(0),
        _ => nanoseconds(digits),
    };
    match nanoseconds {
        Some(0) => Ok(Duration::ZERO),
        Some(_) if negative => {
            Err(Wrong::new(format!("{} is negative", shown(text)), "write a duration such as `30s`, or `0s`"))
        }
        Some(nanoseconds) => Ok(from_nanoseconds(nanoseconds)),
        None => Err(Wrong::new(
            format!("{} is not a duration", shown(text)),
            "write numbers with the units ns, us, ms, s, m or h and no blanks, such as `30s` or `1h30m`; there are no days",
        )),
    }
}

fn from_nanoseconds(nanoseconds: u128) -> Duration {
    const PER_SECOND: u128 = 1_000_000_000;
    let seconds = u64::try_from(nanoseconds / PER_SECOND).unwrap_or(u64::MAX);
    let rest = u32::try_from(nanoseconds % PER_SECOND).unwrap_or(0);
    Duration::new(seconds, rest)
}

/// A sequence of decimal numbers with units, at least one.
fn nanoseconds(mut text: &str) -> Option<u128> {
    if text.is_empty() {
        return None;
    }
    let mut total = 0u128;
    while !text.is_empty() {
        let (whole, rest) = digits(text);
        let (fraction, rest) = rest.strip_prefix('.').map_or(("", rest), digits);
        if whole.is_empty() && fraction.is_empty() {
            return None;
        }
        let (rest, unit) = UNITS.iter().find_map(|(name, unit)| Some((unit_end(rest, name)?, *unit)))?;
        total = total.checked_add(number_of(whole)?.checked_mul(unit)?)?.checked_add(part_of(fraction, unit))?;
        if total > MAX_NANOSECONDS {
            return None;
        }
        text = rest;
    }
    Some(total)
}

/// What follows the unit `name`, if `text` begins with it and not with a longer one.
fn unit_end<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    let rest = text.strip_prefix(name)?;
    rest.chars().next().is_none_or(|c| c.is_ascii_digit() || c == '.').then_some(rest)
}

fn digits(text: &str) -> (&str, &str) {
    text.split_at(text.bytes().take_while(u8::is_ascii_digit).count())
}

fn number_of(digits: &str) -> Option<u128> {
    if digits.is_empty() { Some(0) } else { digits.parse().ok() }
}

/// `0.<fraction>` of a unit, rounded down. Digits beyond a nanosecond of an hour make no difference.
fn part_of(fraction: &str, unit: u128) -> u128 {
    const MAX_DIGITS: usize = 18;
    let digits = &fraction[..fraction.len().min(MAX_DIGITS)];
    let scale = digits.bytes().fold(1u128, |scale, _| scale * 10);
    number_of(digits).unwrap_or(0) * unit / scale
}

/// A whole number of at least `least`.
pub(crate) fn number<T>(text: &str, least: &T) -> Result<T, Wrong>
where
    T: std::str::FromStr + PartialOrd + std::fmt::Display,
{
    let plain = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let number = plain.then(|| text.parse::<T>().ok()).flatten();
    number.filter(|number| number >= least).ok_or_else(|| {
        let message = format!("{} is not a whole number that can stand here", shown(text));
        Wrong::new(message, format!("write digits only, {least} or more"))
    })
}

/// A size in bytes: a number, alone or with `KiB`, `MiB`, `GiB` or `TiB`.
pub(crate) fn size(text: &str) -> Result<u64, Wrong> {
    let (number, unit) = digits(text);
    let unit = match unit {
        "" | "B" => Some(1),
        "KiB" => Some(1 << 10),
        "MiB" => Some(1 << 20),
        "GiB" => Some(1 << 30),
        "TiB" => Some(1u64 << 40),
        _ => None,
    };
    let number = number.parse::<u64>().ok();
    number.zip(unit).and_then(|(number, unit)| number.checked_mul(unit)).ok_or_else(|| {
        Wrong::new(
            format!("{} is not a size", shown(text)),
            "write a number of bytes, or one with KiB, MiB, GiB or TiB",
        )
    })
}

/// Yes or no: `true`, `false` and the words of YAML 1.1, quoted or not. Numbers are neither.
pub(crate) fn boolean(text: &str) -> Result<bool, Wrong> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "yes" | "y" | "on" => Ok(true),
        "false" | "no" | "n" | "off" => Ok(false),
        _ => Err(Wrong::new(format!("{} is neither true nor false", shown(text)), "write `true` or `false`")),
    }
}

/// `on` or `off` in any case; the empty text is off.
pub(crate) fn switch(text: &str) -> Result<bool, Wrong> {
    match text.to_ascii_lowercase().as_str() {
        "on" => Ok(true),
        "off" | "" => Ok(false),
        _ => Err(Wrong::new(format!("{} is neither on nor off", shown(text)), "write `on` or `off`")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn durations_of_the_specification() {
        for (text, milliseconds) in [
            ("5m", 300_000),
            ("5m0s", 300_000),
            ("1h30m", 5_400_000),
            ("1.5h", 5_400_000),
            ("100ms", 100),
            (".5s", 500),
            ("1.s", 1000),
            ("+1s", 1000),
            ("0s", 0),
            ("-0s", 0),
            ("0", 0),
            ("1500us", 1), // and a half
            ("1m30s500ms", 90_500),
        ] {
            assert_eq!(duration(text).expect(text).as_millis(), milliseconds, "{text}");
        }
        assert_eq!(duration("1us2µs3μs4ns"), Ok(Duration::from_nanos(6004)));
        assert_eq!(duration("0.000000000000000000000000001h"), Ok(Duration::ZERO));
        let long = i64::MAX.to_string() + "ns";
        assert_eq!(duration(&long), Ok(Duration::from_nanos(i64::MAX as u64)));
        for text in [
            "300",
            "10",
            "00",
            "-1s",
            "1d",
            "5 m",
            "1m 30s",
            "true",
            "",
            "s",
            ".s",
            "+",
            "-",
            "--1s",
            "1",
            "1x",
            "1ms2",
            "9223372036854775808ns",
            "99999999999999999999999999999999999999999h",
            "1e3s",
            " 1s",
            "1S",
        ] {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn booleans_and_switches() {
        for text in ["true", "True", "TRUE", "yes", "Yes", "y", "Y", "on", "ON"] {
            assert_eq!(boolean(text), Ok(true), "{text}");
        }
        for text in ["false", "no", "N", "off", "Off"] {
            assert_eq!(boolean(text), Ok(false), "{text}");
        }
        for text in ["1", "0", "", "maybe"] {
            assert!(boolean(text).is_err(), "{text}");
        }
        assert_eq!((switch("ON"), switch("Off"), switch("")), (Ok(true), Ok(false), Ok(false)));
        for text in ["true", "yes", "required", " on"] {
            assert!(switch(text).is_err(), "{text}");
        }
    }

    #[test]
    fn numbers_and_sizes_end_at_their_limits() {
        assert_eq!(number("255", &0u8), Ok(255));
        assert_eq!(number("1", &1u8), Ok(1));
        for text in ["256", "0", "-1", "+1", "1.0", "1e1", "0x10", "", " 1"] {
            assert!(number(text, &1u8).is_err(), "{text}");
        }
        assert_eq!((size("512"), size("64KiB"), size("1TiB")), (Ok(512), Ok(65_536), Ok(1 << 40)));
        for text in ["", "KiB", "1KB", "1 MiB", "-1", "16777216TiB", "1.5MiB"] {
            assert!(size(text).is_err(), "{text}");
        }
    }

    /// A duration as Go prints its parts.
    fn written(duration: Duration) -> String {
        let seconds = duration.as_secs();
        format!("{}h{}m{}.{:09}s", seconds / 3600, seconds / 60 % 60, seconds % 60, duration.subsec_nanos())
    }

    proptest! {
        #[test]
        fn durations_round_trip(nanoseconds in 0..=i64::MAX as u64) {
            let original = Duration::from_nanos(nanoseconds);
            prop_assert_eq!(duration(&written(original)), Ok(original));
            prop_assert_eq!(duration(&format!("{nanoseconds}ns")), Ok(original));
        }

        #[test]
        fn any_text_is_read_or_refused(text in "\\PC{0,20}|[-+0-9.nuµmsh]{0,40}") {
            let _ = (duration(&text), size(&text), boolean(&text), switch(&text), number(&text, &0u32));
        }
    }
}
