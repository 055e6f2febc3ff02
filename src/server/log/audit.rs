//! What an audit event says, and how (specification: `server-api.md` §12.3, §12.4).

use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use kes_client::wire;
use kes_core::Timestamp;

use super::Level;
use super::line::{Line, Value, clipped, nanoseconds};

/// A request and its answer.
#[derive(Clone, Copy, Debug)]
pub struct AuditEvent<'a> {
    /// As received.
    pub method: &'a str,
    /// The decoded path.
    pub path: &'a str,
    /// The client's address.
    pub ip: IpAddr,
    /// The client's identity; empty if it has none.
    pub identity: &'a str,
    /// The status.
    pub code: u16,
    /// From the request's head to its answer.
    pub time: Duration,
    /// What happened, in words; `None`: method and path say it.
    pub what: Option<What<'a>>,
}

/// What happened to a key.
#[derive(Clone, Copy, Debug)]
pub enum What<'a> {
    /// A key of this name was created or imported.
    Created(&'a str),
    /// The key of this name was deleted.
    Deleted(&'a str),
}

impl AuditEvent<'_> {
    /// For the console.
    pub(super) fn to_line(self) -> Line {
        let path = clipped(self.path);
        let message = match self.what {
            Some(What::Created(name)) => format!("secret key '{name}' created"),
            Some(What::Deleted(name)) => format!("secret key '{name}' deleted"),
            None => format!("{} {path}", self.method),
        };
        let attributes = vec![
            ("req.method", Value::Text(self.method.to_owned())),
            ("req.path", Value::Text(path.into_owned())),
            ("req.ip", Value::Text(self.ip.to_string())),
            ("req.identity", Value::Text(self.identity.to_owned())),
            ("res.code", Value::Number(self.code.into())),
            ("res.time", Value::Time(self.time)),
        ];
        Line::new(Level::INFO, &message, attributes)
    }

    /// For streams and files: what the official SDK reads.
    pub(super) fn record(&self) -> wire::AuditEvent<'_> {
        // The clock may have been set since; what counts is its present opinion of when that was.
        let arrived = SystemTime::now().checked_sub(self.time).unwrap_or(SystemTime::UNIX_EPOCH);
        wire::AuditEvent {
            time: Timestamp::from(arrived),
            request: wire::AuditRequest {
                ip: self.ip.to_string().into(),
                path: clipped(self.path),
                identity: self.identity.into(),
            },
            response: wire::AuditResponse { code: self.code, time: nanoseconds(self.time) },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVENT: AuditEvent<'_> = AuditEvent {
        method: "POST",
        path: "/v1/key/create/my-key",
        ip: IpAddr::V4(std::net::Ipv4Addr::LOCALHOST),
        identity: "3ecf",
        code: 200,
        time: Duration::from_nanos(274_590),
        what: Some(What::Created("my-key")),
    };

    /// What follows the time.
    fn rest(text: &str) -> &str {
        text.split_once(['Z']).expect("a time").1
    }

    #[test]
    fn console_lines_are_as_they_always_were() {
        let line = r#" level=INFO msg="secret key 'my-key' created" req.method=POST req.path=/v1/key/create/my-key "#;
        let created = EVENT.to_line().to_text();
        assert_eq!(rest(&created), format!("{line}req.ip=127.0.0.1 req.identity=3ecf res.code=200 res.time=274.59µs"));
        let refused = AuditEvent { method: "GET", path: "/v1/status", identity: "", code: 403, what: None, ..EVENT };
        let line = r#" level=INFO msg="GET /v1/status" req.method=GET req.path=/v1/status req.ip=127.0.0.1 "#;
        let refused = refused.to_line().to_text();
        assert_eq!(rest(&refused), format!("{line}req.identity=\"\" res.code=403 res.time=274.59µs"));
        let deleted = AuditEvent { what: Some(What::Deleted("my-key")), ..EVENT }.to_line().to_text();
        assert!(deleted.contains(r#"msg="secret key 'my-key' deleted""#), "{deleted}");
    }

    #[test]
    fn records_are_what_clients_read() {
        let record = serde_json::to_string(&EVENT.record()).expect("text");
        let form = r#"","request":{"ip":"127.0.0.1","path":"/v1/key/create/my-key","identity":"3ecf"},"#;
        assert_eq!(rest(&record), format!("{form}\"response\":{{\"code\":200,\"time\":274590}}}}"));
        let anonymous = AuditEvent { identity: "", ..EVENT };
        let record = serde_json::to_string(&anonymous.record()).expect("text");
        assert!(!record.contains("identity"), "{record}");
    }

    #[test]
    fn the_time_of_a_record_is_that_of_the_arrival() {
        let began = SystemTime::now() - Duration::from_secs(60);
        let time = AuditEvent { time: Duration::from_secs(60), ..EVENT }.record().time;
        assert!(time >= Timestamp::from(began) && time < Timestamp::from(began + Duration::from_secs(30)));
    }
}
