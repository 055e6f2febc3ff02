//! `kes migrate`: copies keys from one key store to another, without a server.

mod progress;
mod stores;
mod table;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use kes_core::{KeySelection, SecretText, SystemClock};
use kes_keystores::Migration;
use kes_keystores::migration::{End, Existing, Report};
use tokio::runtime::Builder;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::cli::connect::secret;
use crate::cli::failure::Failure;
use crate::cli::output::{self, Format};
use crate::cli::usage;
use progress::Display;
use stores::Stores;

/// Entries on their way at once: enough for a distant store to be busy, few enough for it to bear beside its servers.
const CONCURRENCY: usize = 32;

/// Copy keys from one key store to another
#[derive(Args, Debug)]
#[command(
    override_usage = "kes migrate [OPTIONS] --from FILE --to FILE [PATTERN]",
    after_help = concat!(
        "FILE is the configuration of a server, of which the key store counts. PATTERN selects keys by name: *, ?, \
         [a-z]; without any of them it is a single name, which may be one that only older releases allowed.\n\n\
         Each copy is read back. What the target has with the same value is done, so a migration that was interrupted is \
         run again. What it has with another value is left alone and told.\n\n",
        usage::examples!(
            "kes migrate --from fs.yaml --to vault.yaml --dry-run",
            "kes migrate --from fs.yaml --to vault.yaml",
            "kes migrate --from fs.yaml --to vault.yaml 'my-*'"
        )
    ),
    args_override_self = true
)]
pub(crate) struct Migrate {
    /// Configuration of the source
    #[arg(long, value_name = "FILE")]
    from: Option<PathBuf>,

    /// Configuration of the target
    #[arg(long, value_name = "FILE")]
    to: Option<PathBuf>,

    /// Replace what the target has with another value; the old one is kept until the new one was read back
    #[arg(short, long)]
    force: bool,

    /// Skip what the target has with another value
    #[arg(long)]
    merge: bool,

    /// Change no key, and print what would happen
    #[arg(long)]
    dry_run: bool,

    /// Print no progress
    #[arg(short, long)]
    quiet: bool,

    #[command(flatten)]
    format: Format,

    #[command(flatten)]
    kms: Kms,

    #[arg(hide = true)]
    arguments: Vec<String>,
}

/// What named a MinIO KMS as the target, which is another product.
#[derive(Args, Debug)]
struct Kms {
    #[arg(short, long, hide = true)]
    server: Option<String>,

    #[arg(short, long, hide = true)]
    enclave: Option<String>,

    #[arg(short, long, hide = true, value_parser = secret)]
    api_key: Option<Arc<SecretText>>,

    #[arg(short = 'k', long, hide = true)]
    insecure: bool,
}

impl Kms {
    fn is_meant(&self) -> bool {
        self.server.is_some() || self.enclave.is_some() || self.api_key.is_some() || self.insecure
    }
}

impl Migrate {
    pub(crate) fn run(self) -> Result<(), Failure> {
        let (from, to, selection) = self.checked()?;
        kes::serve::no_dumps()
            .map_err(|error| Failure::error(format!("core dumps cannot be switched off: {error}")))?;
        let stores = Stores::load(from, to)?;
        let runtime = Builder::new_multi_thread()
            .enable_all()
            .build()
            .map_err(|error| Failure::error(format!("cannot start: {error}")))?;
        let outcome = runtime.block_on(self.migrate(&stores, selection));
        // A call to a store that never ends must not keep the process.
        runtime.shutdown_timeout(Duration::ZERO);
        outcome
    }

    /// Source, target and selection, if the arguments fit together.
    fn checked(&self) -> Result<(&Path, &Path, KeySelection), Failure> {
        let mistake = |text: String| Failure::error(format!("{text}. See 'kes migrate --help'"));
        let selection = match self.arguments.as_slice() {
            [] => KeySelection::all(),
            [pattern] => pattern.parse().map_err(|error| mistake(format!("'{pattern}' {error}")))?,
            _ => return Err(mistake("too many arguments".to_owned())),
        };
        let Some(from) = &self.from else {
            return Err(mistake("no source specified: '--from' names the configuration of its server".to_owned()));
        };
        if self.kms.is_meant() {
            let text = "a MinIO KMS cannot be the target: '--to' names the configuration of another key store";
            return Err(mistake(text.to_owned()));
        }
        let Some(to) = &self.to else {
            return Err(mistake("no target specified: '--to' names the configuration of its server".to_owned()));
        };
        if self.force && self.merge {
            return Err(mistake("--force and --merge cannot be used together".to_owned()));
        }
        Ok((from, to, selection))
    }

    async fn migrate(&self, stores: &Stores, selection: KeySelection) -> Result<(), Failure> {
        let mut interrupt = signal(SignalKind::interrupt())
            .map_err(|error| Failure::error(format!("cannot listen for Ctrl-C: {error}")))?;
        let (from, to) = tokio::select! {
            connected = stores.connect(self.dry_run) => connected?,
            _ = interrupt.recv() => return Err(Failure::Interrupted),
        };
        let migration = Migration {
            from,
            to,
            selection,
            existing: match (self.merge, self.force) {
                (true, _) => Existing::Keep,
                (_, true) => Existing::Replace,
                (false, false) => Existing::Report,
            },
            dry_run: self.dry_run,
            concurrency: stores.concurrency(CONCURRENCY),
            clock: Arc::new(SystemClock),
        };
        let labels = (migration.from.label(), migration.to.label());
        let mut display = match self.quiet || self.format.json {
            true => Display::Nothing,
            false => Display::begin(&labels, self.dry_run)?,
        };
        let (stop, progress) = (watch::Sender::new(false), watch::Sender::default());
        let mut running = Box::pin(migration.run(stop.subscribe(), &progress));
        let mut ticks = display.ticks();
        let mut not_shown = None;
        let report = loop {
            tokio::select! {
                report = &mut running => break report,
                _ = interrupt.recv() => {
                    // The second time is for those who do not want to wait.
                    if stop.send_replace(true) {
                        display.end();
                        return Err(Failure::Interrupted);
                    }
                    display.stopping();
                }
                _ = ticks.tick() => if let Err(failure) = display.show(*progress.borrow()) {
                    // What nobody can follow goes no further.
                    display = Display::Nothing;
                    stop.send_replace(true);
                    not_shown = Some(failure);
                }
            }
        };
        drop(running);
        display.end();
        migration.from.close().await;
        migration.to.close().await;
        match not_shown {
            Some(failure) => Err(failure),
            None => self.finish(&labels, &report),
        }
    }

    fn finish(&self, labels: &(String, String), report: &Report) -> Result<(), Failure> {
        if self.format.json {
            output::print_json(&table::Summary::new(labels, self.dry_run, report))?;
        } else {
            output::print(table::text(report, self.dry_run, self.format.style()).as_bytes())?;
        }
        verdict(report)
    }
}

/// Whether all is well, for whoever looks at the exit code and stderr alone.
fn verdict(report: &Report) -> Result<(), Failure> {
    let keys = |count: u64| if count == 1 { "1 key".to_owned() } else { format!("{count} keys") };
    let different = keys(report.different.count);
    let failed = keys(report.failed.count);
    let cure = "'--merge' skips what is different, '--force' replaces it";
    Err(match &report.end {
        End::Complete if report.is_success() => return Ok(()),
        End::Complete => Failure::error(match (report.different.count, report.failed.count) {
            (0, _) => format!("{failed} could not be copied"),
            (_, 0) => format!("the target has {different} with another value; hint: {cure}"),
            _ => {
                format!("the target has {different} with another value, and {failed} could not be copied; hint: {cure}")
            }
        }),
        End::Grown(more) => {
            let more = keys(*more);
            Failure::error(format!("{more} came to the source meanwhile; hint: run the same command again"))
        }
        End::Stopped => Failure::Interrupted,
        End::StoreFailed(reason) => {
            Failure::error(format!("ended early: {reason}; hint: run the same command again to go on"))
        }
    })
}
