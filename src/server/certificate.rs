//! Looking after our certificate while the server runs: new content of its files is used for new connections, and its
//! end is announced (specification: decision 38, D-25).

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use rustls_pki_types::UnixTime;
use tokio::sync::watch;

use super::state::{Shared, State};
use super::tls::{Expiry, TlsFileErrors, TlsState};

/// How often it is looked whether a warning is due.
const EXPIRY_INTERVAL: Duration = Duration::from_mins(1);

/// Reads the files again as often as the present configuration says, and warns. Never ends.
pub async fn look_after(shared: Arc<Shared>) {
    tokio::join!(reread(&shared), warn(&shared));
}

async fn reread(shared: &Shared) -> Infallible {
    let mut changed = shared.changed.subscribe();
    // A failure is logged once, and again only after another one or a success.
    let mut told = None;
    loop {
        let tls = Arc::clone(&shared.state.load().tls);
        let Some(interval) = tls.watch_interval() else {
            told = None;
            until(&mut changed).await;
            continue;
        };
        tokio::select! {
            () = tokio::time::sleep(interval) => {}
            () = until(&mut changed) => continue,
        }
        let read = {
            let tls = Arc::clone(&tls);
            tokio::task::spawn_blocking(move || tls.reread()).await
        };
        match read {
            Ok(Ok(None)) => told = None,
            Ok(Ok(Some(new))) => {
                told = None;
                replace(shared, &tls, new).await;
            }
            Ok(Err(errors)) => tell(&mut told, &errors),
            // It was told of on its way.
            Err(panic) => tracing::error!("the TLS files cannot be read again: {panic}"),
        }
    }
}

fn tell(told: &mut Option<String>, errors: &TlsFileErrors) {
    let text = errors.to_string();
    if told.as_ref() != Some(&text) {
        for error in errors.as_slice() {
            tracing::error!("the TLS files changed and cannot be used; those in use stay: {error}");
        }
        *told = Some(text);
    }
}

/// Uses what was read, unless a reload has come between.
async fn replace(shared: &Shared, read_from: &Arc<TlsState>, new: TlsState) {
    let _alone = shared.changing.lock().await;
    let state = shared.state.load_full();
    if !Arc::ptr_eq(&state.tls, read_from) {
        return;
    }
    if let Some(warning) = new.warning() {
        tracing::warn!("{warning}");
    }
    shared.replace(State { tls: Arc::new(new), ..State::clone(&state) });
    // Said once it is so: who has read it may rely on it.
    tracing::info!("the TLS files changed: new connections use them");
}

async fn warn(shared: &Shared) -> Infallible {
    let mut changed = shared.changed.subscribe();
    let mut expiry = Expiry::default();
    loop {
        let tls = Arc::clone(&shared.state.load().tls);
        match expiry.notice(&tls, UnixTime::now()) {
            Some(notice) if notice.has_expired() => tracing::error!("{notice}"),
            Some(notice) => tracing::warn!("{notice}"),
            None => {}
        }
        drop(tls);
        tokio::select! {
            () = tokio::time::sleep(EXPIRY_INTERVAL) => {}
            () = until(&mut changed) => {}
        }
    }
}

/// Waits for a new state.
async fn until(changed: &mut watch::Receiver<()>) {
    if changed.changed().await.is_err() {
        // The server has gone, and with it whoever waits here.
        std::future::pending().await
    }
}
