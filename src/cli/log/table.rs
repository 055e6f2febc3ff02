//! Audit events for people (specification: `cli.md` §9).

use std::time::Duration;

use kes_client::wire::AuditEvent;

use crate::cli::output::{Colour, Style, harmless};

const TIME_WIDTH: usize = 8;
const STATUS_WIDTH: usize = 6;
const IDENTITY_WIDTH: usize = 20;
const ADDRESS_WIDTH: usize = 15;
const PATH_WIDTH: usize = 30;

/// The names of the columns.
pub(super) fn header(style: Style) -> String {
    let names = line("Time", "Status", "Identity", "IP", "API", "Latency");
    format!("{}\n", style.paint(Colour::Heading, &names))
}

/// A request and its answer.
pub(super) fn row(event: &AuditEvent<'_>, style: Style) -> String {
    let time = event.time.utc().to_string();
    let time = time.get(11..11 + TIME_WIDTH).unwrap_or_default();
    let colour = if event.response.code == 200 { Colour::Allow } else { Colour::Deny };
    let status = style.paint(colour, &format!("{:<STATUS_WIDTH$}", event.response.code));
    let identity: String = harmless(&event.request.identity).chars().take(IDENTITY_WIDTH).collect();
    let address = if event.request.ip.is_empty() { "<unknown>" } else { &event.request.ip };
    let latency = rounded(Duration::from_nanos(event.response.time));
    let (address, path) = (harmless(address), harmless(&event.request.path));
    format!("{}\n", line(time, &status, &identity, &address, &path, &format!("{latency:?}")))
}

fn line(time: &str, status: &str, identity: &str, address: &str, path: &str, latency: &str) -> String {
    format!(
        "{time:<TIME_WIDTH$}    {status:<STATUS_WIDTH$}    {identity:<IDENTITY_WIDTH$}    \
         {address:<ADDRESS_WIDTH$}    {path:<PATH_WIDTH$}    {latency}"
    )
}

/// As exact as one wants to know.
fn rounded(latency: Duration) -> Duration {
    let unit = match latency {
        long if long >= Duration::from_secs(1) => Duration::from_millis(100),
        long if long >= Duration::from_millis(10) => Duration::from_millis(1),
        long if long >= Duration::from_millis(1) => Duration::from_micros(100),
        long if long >= Duration::from_micros(10) => Duration::from_micros(1),
        _ => return latency,
    };
    let units = (latency.as_nanos() + unit.as_nanos() / 2) / unit.as_nanos();
    Duration::from_nanos(u64::try_from(units * unit.as_nanos()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use kes_client::wire::{AuditRequest, AuditResponse};
    use kes_core::Timestamp;

    use super::*;

    #[test]
    fn columns_stand_under_their_names() {
        let mut event = AuditEvent {
            time: Timestamp::parse("2026-01-02T05:04:05.678+02:00").expect("a time"),
            request: AuditRequest {
                ip: "192.0.2.7".into(),
                path: "/v1/key/create/k1".into(),
                identity: "3ecfcdf38fcbe141ae26a1030f81e96b".into(),
            },
            response: AuditResponse { code: 200, time: 3_000_000 },
        };
        let header = header(Style::Plain);
        assert_eq!(
            header + &row(&event, Style::Plain),
            "\
Time        Status    Identity                IP                 API                               Latency
03:04:05    200       3ecfcdf38fcbe141ae26    192.0.2.7          /v1/key/create/k1                 3ms
"
        );
        (event.request.identity, event.request.ip, event.response.code) = ("".into(), "".into(), 403);
        event.request.path = "/v1/a\u{1b}[2J".into();
        let expected = "03:04:05    403                               <unknown>          /v1/a\u{fffd}[2J ";
        assert!(row(&event, Style::Plain).starts_with(expected), "{}", row(&event, Style::Plain));
        assert!(row(&event, Style::Basic).contains("\u{1b}[31m403   \u{1b}[0m    "));
    }

    #[test]
    fn latencies_are_rounded_to_what_matters() {
        for (nanoseconds, text) in [
            (17, "17ns"),
            (9_999, "9.999µs"),
            (17_400, "17µs"),
            (2_340_000, "2.3ms"),
            (12_600_000, "13ms"),
            (1_540_000_000, "1.5s"),
            (u64::MAX, "18446744073.7s"),
        ] {
            assert_eq!(format!("{:?}", rounded(Duration::from_nanos(nanoseconds))), text);
        }
    }
}
