//! `kes server`: from its options to a running server, in the order in which things can go wrong.
//!
//! The whole configuration is checked before anything is connected or bound, and the banner says that the server runs
//! when it does.

mod activation;
mod banner;
mod check;
mod dev;
mod harden;
mod interfaces;
mod notify;
mod reload;
mod settings;
mod store;

use std::io::Write as _;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use kes_config::{Loaded, Log, Overrides, ProcessEnvironment, Severity};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing_subscriber::layer::SubscriberExt;

use crate::server::log::ErrorLog;
use crate::server::{ConnectionLimits, Health, Listen, Server, Settings};
use banner::Banner;
pub use check::check;
pub use harden::no_dumps;
use notify::Notifier;
use reload::{Fixed, Reloads};
use store::StorePlan;

/// What the configuration was refused with, so that a supervisor knows that starting again is no use (decision 39).
const EXIT_CONFIGURATION: u8 = 78;

/// What the banner of a start ends with; scripts wait for it.
const RUNNING: &str = "=> Server is up and running...";

/// What a check says that finds nothing wrong.
const VALID: &str = "The configuration is valid.\n";

/// The options of `kes server`.
#[derive(Debug, Default)]
pub struct Options {
    /// `--addr`
    pub address: Option<String>,
    /// `--config`
    pub config: Option<PathBuf>,
    /// `--dev`
    pub dev: bool,
    /// `--check`: look at the configuration and its files, and connect or bind nothing.
    pub check: bool,
    /// `--key`, from before 2023.
    pub key: Option<PathBuf>,
    /// `--cert`, from before 2023.
    pub cert: Option<PathBuf>,
    /// `--auth`, from before 2023: `on` or `off`.
    pub auth: Option<String>,
    /// `--root`, from before 2021.
    pub root: Option<String>,
    /// Old flags without effect that were given.
    pub ignored: Vec<&'static str>,
}

/// Why the server did not run.
struct Failure {
    code: u8,
    message: String,
}

impl Failure {
    fn configuration(message: impl ToString) -> Self {
        Self { code: EXIT_CONFIGURATION, message: message.to_string() }
    }

    fn other(message: impl ToString) -> Self {
        Self { code: 1, message: message.to_string() }
    }
}

/// Everything that a server needs, checked.
struct Plan {
    fixed: Fixed,
    settings: Settings,
    store: StorePlan,
    banner: Banner,
    log: Log,
}

/// Where a configuration is, and what the command line says instead of it.
#[derive(Debug)]
struct Origin {
    path: PathBuf,
    overrides: Overrides,
}

/// Runs the server until it is told to stop.
pub fn run(options: &Options) -> ExitCode {
    // Before any secret is read.
    if let Err(error) = no_dumps() {
        say(&format!("WARNING: core dumps cannot be switched off: {error}"));
    }
    let outcome = origin(options).and_then(|origin| match (options.check, origin) {
        (true, Some(origin)) => check_only(&origin),
        (false, Some(origin)) => start(read(&origin)?, Some(origin)),
        (is_check, None) => {
            let plan = dev::plan(address(options))?;
            if is_check {
                print(VALID);
                return Ok(());
            }
            start(plan, None)
        }
    });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            say(&format!("Error: {}", failure.message));
            ExitCode::from(failure.code)
        }
    }
}

/// What `--addr` says, if anything.
fn address(options: &Options) -> Option<&str> {
    options.address.as_deref().filter(|text| !text.is_empty())
}

/// Where the configuration is; nowhere for a development server, which never reloads.
fn origin(options: &Options) -> Result<Option<Origin>, Failure> {
    let verify_clients = warn_of_old_flags(options)?;
    if options.dev {
        if options.config.is_some() {
            return Err(Failure::other("'--dev' and '--config' exclude each other. See 'kes server --help'"));
        }
        if verify_clients {
            return Err(Failure::other("'--dev' cannot verify clients: remove '--auth=on'. See 'kes server --help'"));
        }
        return Ok(None);
    }
    let Some(path) = &options.config else {
        let message = "no configuration: '--config FILE' names it, and '--dev' needs none. See 'kes server --help'";
        return Err(Failure::other(message));
    };
    let overrides = Overrides {
        address: address(options).map(kes_config::parse_address).transpose().map_err(bad_address)?,
        key: options.key.clone(),
        cert: options.cert.clone(),
        verify_clients,
    };
    Ok(Some(Origin { path: path.clone(), overrides }))
}

/// Tells all problems of a configuration and its files.
fn check_only(origin: &Origin) -> Result<(), Failure> {
    let (errors, warnings): (Vec<_>, Vec<_>) =
        check(&origin.path, &origin.overrides).into_iter().partition(|problem| problem.severity == Severity::Error);
    for warning in &warnings {
        say(&warning.to_string());
    }
    if errors.is_empty() {
        print(VALID);
        return Ok(());
    }
    Err(Failure::configuration(errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")))
}

/// Reads and checks a configuration and its files.
fn read(origin: &Origin) -> Result<Plan, Failure> {
    let loaded = kes_config::load_with(&origin.path, &ProcessEnvironment, &origin.overrides);
    let Loaded { config, warnings } = loaded.map_err(Failure::configuration)?;
    for warning in &warnings {
        say(&warning.to_string());
    }
    settings::plan(config)
}

fn bad_address(reason: impl std::fmt::Display) -> Failure {
    Failure::other(format!("invalid '--addr': {reason}"))
}

/// Says which old flags were given and what they do now. Returns whether `--auth` turns verification on.
fn warn_of_old_flags(options: &Options) -> Result<bool, Failure> {
    if options.root.is_some() {
        let message = "'--root' is no flag any more: set `admin.identity` in the configuration file";
        return Err(Failure::other(message));
    }
    let effect = if options.dev { "has no effect with '--dev'" } else { "overrides the configuration file" };
    for (flag, given) in [("--key", options.key.is_some()), ("--cert", options.cert.is_some())] {
        if given {
            say(&format!("WARNING: '{flag}' is deprecated and {effect}"));
        }
    }
    for flag in &options.ignored {
        say(&format!("WARNING: '{flag}' is deprecated and has no effect"));
    }
    match options.auth.as_deref() {
        None | Some("") => Ok(false),
        Some("on") => {
            say("WARNING: '--auth' is deprecated: set `tls.auth: on` in the configuration file");
            Ok(true)
        }
        Some("off") => {
            say("WARNING: '--auth=off' is deprecated and has no effect: `tls.auth` in the configuration file counts");
            Ok(false)
        }
        Some(other) => Err(Failure::other(format!("invalid value '{other}' for '--auth': it is 'on' or 'off'"))),
    }
}

fn start(plan: Plan, origin: Option<Origin>) -> Result<(), Failure> {
    let logs = plan.settings.logs.clone();
    logs.change(plan.log.clone()).map_err(Failure::configuration)?;
    // Fails only if there is a log already, and that one will do.
    let _ = tracing::subscriber::set_global_default(tracing_subscriber::registry().with(ErrorLog::to(logs.clone())));
    std::panic::set_hook(Box::new(|panic| tracing::error!("{panic}")));
    let outcome = start_logged(plan, origin);
    logs.flush();
    outcome
}

fn start_logged(mut plan: Plan, origin: Option<Origin>) -> Result<(), Failure> {
    let socket = activation::socket().map_err(Failure::other)?;
    plan.banner.memory_lock = harden::process(origin.is_some());
    plan.settings.listener.connections = plan.settings.listener.connections.min(harden::most_connections());
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::other(format!("cannot start: {error}")))?;
    let outcome = runtime.block_on(serve(plan, socket, origin));
    // Calls to the store that never end must not keep the process.
    runtime.shutdown_timeout(Duration::from_millis(500));
    outcome
}

async fn serve(plan: Plan, socket: Option<TcpListener>, origin: Option<Origin>) -> Result<(), Failure> {
    let signal_error = |error| Failure::other(format!("cannot listen to signals: {error}"));
    let mut interrupt = signal(SignalKind::interrupt()).map_err(signal_error)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(signal_error)?;
    let hangup = signal(SignalKind::hangup()).map_err(signal_error)?;
    let mut stop_signal = async || {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    };

    let notifier = Notifier::from_environment();
    let health = health(plan.fixed.health, plan.settings.listener.connection).await?;
    let listen = match socket {
        Some(socket) => {
            activation::inform(&socket, plan.fixed.address);
            Listen::Socket(socket)
        }
        None => plan.fixed.address.into(),
    };
    let (metrics, logs) = (plan.settings.metrics.clone(), plan.settings.logs.clone());
    let started = async {
        let store = plan.store.connect(&metrics, &notifier).await?;
        let label = store.label();
        let started = Server::start(listen, plan.settings, Arc::clone(&store)).await;
        if started.is_err() {
            store.close().await;
        }
        started.map(|server| (server, label)).map_err(Failure::other)
    };
    let (server, label) = tokio::select! {
        started = started => started?,
        () = stop_signal() => return Ok(()),
    };
    let serving = format!("serving on {}", server.address());
    let watchdog = tokio::spawn(notifier.clone().feed_watchdog(server.pulse()));
    if let Some(health) = &health {
        health.follow(&server);
    }
    print(&plan.banner.text(server.address(), &label, RUNNING));

    let reloads = origin.map(|origin| Reloads {
        server: server.handle(),
        origin: Arc::new(origin),
        fixed: plan.fixed,
        store: plan.store,
        store_label: label,
        address: server.address(),
        memory_lock: plan.banner.memory_lock,
        metrics,
        logs,
    });
    let (stop, stopped) = tokio::sync::oneshot::channel();
    let (cut, was_cut) = tokio::sync::oneshot::channel();
    let ended = |receiver: tokio::sync::oneshot::Receiver<()>| async { drop(receiver.await) };
    let mut running = tokio::spawn(server.run(ended(stopped), ended(was_cut)));
    notifier.ready(&serving).await;
    let hangups = tokio::spawn(on_hangup(hangup, reloads, notifier.clone(), serving));
    stop_signal().await;
    // A server that stops must not be changed any more. What a reload has begun to read ends with its thread.
    hangups.abort();
    let _ = hangups.await;
    if let Some(health) = &health {
        health.stopping();
    }
    drop(stop);
    notifier.stopping().await;
    tokio::select! {
        _ = &mut running => {}
        () = stop_signal() => {
            drop(cut);
            let _ = running.await;
        }
    }
    watchdog.abort();
    if let Some(health) = health {
        health.stop().await;
    }
    print("\n=> Stopping server... Goodbye.\n");
    Ok(())
}

/// Reloads with every signal. Those that come during a reload are one more after it, which reads what they all mean.
/// Where there is no configuration to read again, a closed terminal is no reason to stop.
async fn on_hangup(mut hangup: Signal, mut reloads: Option<Reloads>, notifier: Notifier, status: String) {
    while hangup.recv().await.is_some() {
        if let Some(reloads) = &mut reloads {
            notifier.reloading().await;
            reloads.reload().await;
            notifier.ready(&status).await;
        }
    }
}

/// The listener for probes, if the configuration wants one.
async fn health(address: Option<SocketAddr>, limits: ConnectionLimits) -> Result<Option<Health>, Failure> {
    let Some(address) = address else { return Ok(None) };
    let health = Health::start(address, limits).await.map_err(|error| {
        Failure::other(format!("cannot listen on `health.address` {address}: {error}; hint: choose another port"))
    })?;
    tracing::info!("probes are answered on http://{}", health.address());
    Ok(Some(health))
}

/// Writes a line to stderr. Nobody reading it is no reason to stop serving.
fn say(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

/// Writes to stdout. Nobody reading it is no reason to stop serving.
fn print(text: &str) {
    let mut stdout = std::io::stdout().lock();
    let _ = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
}
