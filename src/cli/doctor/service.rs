//! What a server says of itself and of its key store.

use kes_client::wire::Status;
use kes_client::{Client, Error};

use super::finding::Finding;

/// What to do when a store is down.
const STORE_HINT: &str = "the server's log says why (`kes log --error`); `kes doctor --config FILE` on its machine looks at the store itself";

pub(super) async fn findings(client: &Client) -> Vec<Finding> {
    let version = client.version().await;
    let status = client.status().await;
    let ready = client.ready().await;
    vec![server(version.map(|answer| answer.version), &status), key_store(&status, &ready)]
}

fn server(version: Result<String, Error>, status: &Result<Status, Error>) -> Finding {
    match (version, status) {
        (Ok(version), Ok(status)) => Finding::ok("server", format!("release {version}, up for {} s", status.uptime)),
        (Ok(version), Err(_)) => Finding::ok("server", format!("release {version}")),
        (Err(error), _) => {
            Finding::warning("server", format!("does not tell its release: {error}"), "is it a KES server?")
        }
    }
}

/// Whether the server reaches its key store, by whichever of its answers we may have.
fn key_store(status: &Result<Status, Error>, ready: &Result<(), Error>) -> Finding {
    let reason = match ready {
        Err(Error::Api { status: 502 | 504, message }) => format!(": {message}"),
        _ => String::new(),
    };
    match (status, ready) {
        (Ok(status), _) if status.keystore_unreachable || status.keystore_unavailable => {
            Finding::problem("keystore", format!("the server does not reach its key store{reason}"), STORE_HINT)
        }
        (_, Err(Error::Api { status: 502 | 504, .. })) => {
            Finding::problem("keystore", format!("the server is not ready{reason}"), STORE_HINT)
        }
        (Ok(status), _) => Finding::ok("keystore", format!("answers within {} ms", status.keystore_latency.max(1))),
        (_, Ok(())) => Finding::ok("keystore", "the server is ready"),
        (Err(Error::NotAllowed), Err(Error::NotAllowed)) => {
            Finding::skipped("keystore", "this identity may ask neither /v1/status nor /v1/ready")
        }
        (Err(error), Err(_)) => Finding::problem("keystore", format!("cannot be asked for: {error}"), STORE_HINT),
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::State;
    use super::*;

    #[test]
    fn the_store_is_known_by_whatever_answer_there_is() {
        let down = Status { keystore_unreachable: true, ..Status::default() };
        let not_ready = || Err(Error::Api { status: 504, message: "key store is not reachable".to_owned() });
        let forbidden = || Err(Error::NotAllowed);
        let late = || Err(Error::Timeout { limit: std::time::Duration::from_secs(1) });
        for (status, ready, expected) in [
            (Ok(Status::default()), Ok(()), State::Ok),
            (Ok(Status::default()), Err(Error::NotAllowed), State::Ok),
            (Ok(Status::default()), not_ready(), State::Problem),
            (Ok(down.clone()), not_ready(), State::Problem),
            (Ok(down), Err(Error::NotAllowed), State::Problem),
            (forbidden(), Ok(()), State::Ok),
            (forbidden(), not_ready(), State::Problem),
            (forbidden(), Err(Error::NotAllowed), State::Skipped),
            (late(), Err(Error::NotAllowed), State::Problem),
        ] {
            assert_eq!(key_store(&status, &ready).state, expected, "{status:?} {ready:?}");
        }
    }
}
