//! Durations in flags, in Go's form: `720h`, `1h30m`, `1.5h`, `300ms`. A bare `0` is accepted, days are not.

use std::time::Duration;

/// The text is no duration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a duration such as `720h`, `1h30m` or `300ms` (units: ns, us, ms, s, m, h)")]
pub(crate) struct InvalidDuration;

const UNITS: [(&str, f64); 7] =
    [("ns", 1e-9), ("us", 1e-6), ("µs", 1e-6), ("ms", 1e-3), ("s", 1.0), ("m", 60.0), ("h", 3600.0)];

/// A duration that is not negative.
pub(crate) fn parse(text: &str) -> Result<Duration, InvalidDuration> {
    let mut rest = text.strip_prefix('+').unwrap_or(text);
    if rest == "0" {
        return Ok(Duration::ZERO);
    }
    if rest.is_empty() {
        return Err(InvalidDuration);
    }
    let mut total = Duration::ZERO;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or(InvalidDuration)?;
        let number: f64 = rest[..digits].parse().map_err(|_| InvalidDuration)?;
        rest = &rest[digits..];
        let length = rest.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(rest.len());
        let (_, seconds) = UNITS.iter().find(|unit| unit.0 == &rest[..length]).ok_or(InvalidDuration)?;
        rest = &rest[length..];
        let part = Duration::try_from_secs_f64(number * seconds).map_err(|_| InvalidDuration)?;
        total = total.checked_add(part).ok_or(InvalidDuration)?;
    }
    Ok(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_in_gos_form() {
        for (text, seconds) in [("720h", 2_592_000.0), ("1h30m", 5400.0), ("1.5h", 5400.0), ("0", 0.0), ("0s", 0.0)] {
            assert_eq!(parse(text), Ok(Duration::from_secs_f64(seconds)), "{text}");
        }
        assert_eq!(parse("300ms"), Ok(Duration::from_millis(300)));
        for text in ["", "+", "300", "1d", "5 m", "1m 30s", "-1h", "h", ".", "1e400h", "9999999999999999999h"] {
            assert_eq!(parse(text), Err(InvalidDuration), "{text}");
        }
    }
}
