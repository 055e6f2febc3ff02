//! How far a migration is: a bar in a terminal, and elsewhere the line per second that scripts know.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use kes_keystores::migration::Progress;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};

use crate::cli::failure::Failure;
use crate::cli::output;

/// Time between two lines.
const LINES_EVERY: Duration = Duration::from_secs(1);

/// Time between two looks of a bar: often enough to seem to move.
const BAR_EVERY: Duration = Duration::from_millis(100);

/// How progress is shown.
pub(super) enum Display {
    /// Not at all.
    Nothing,
    /// Line by line.
    Lines,
    /// In place.
    Bar(ProgressBar),
}

impl Display {
    /// Prints between which stores keys go, and shows nothing more yet.
    pub(super) fn begin((from, to): &(String, String), dry_run: bool) -> Result<Self, Failure> {
        let what = if dry_run { "Looking for keys to migrate" } else { "Migrating keys" };
        let title = format!("{what}: {} -> {}\n\n", output::harmless(from), output::harmless(to));
        output::print(title.as_bytes())?;
        if !output::is_terminal() {
            return Ok(Self::Lines);
        }
        Ok(Self::Bar(bar(ProgressDrawTarget::stdout())))
    }

    /// When to show it.
    pub(super) fn ticks(&self) -> Interval {
        let every = if matches!(self, Self::Bar(_)) { BAR_EVERY } else { LINES_EVERY };
        let mut ticks = interval_at(Instant::now() + every, every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        ticks
    }

    /// Shows how far it is.
    pub(super) fn show(&self, progress: Progress) -> Result<(), Failure> {
        match self {
            Self::Nothing => Ok(()),
            Self::Lines => output::print(format!("Migrated {} ...\n", keys(progress.copied)).as_bytes()),
            Self::Bar(bar) => {
                if let Some(total) = progress.total {
                    bar.set_length(total);
                    bar.set_position(progress.done);
                }
                Ok(())
            }
        }
    }

    /// Shows that it comes to its end.
    pub(super) fn stopping(&self) {
        if let Self::Bar(bar) = self {
            bar.set_message("stopping; Ctrl-C again does not wait");
        }
    }

    /// Shows nothing any more.
    pub(super) fn end(&self) {
        if let Self::Bar(bar) = self {
            bar.finish_and_clear();
        }
    }
}

fn bar(target: ProgressDrawTarget) -> ProgressBar {
    let style = ProgressStyle::with_template("[{wide_bar}] {human_pos}/{human_len} keys  {msg}");
    let style = style.expect("a test reads the template").progress_chars("=> ");
    ProgressBar::with_draw_target(None, target).with_style(style)
}

/// A number of keys as the reference prints it.
pub(super) fn keys(count: u64) -> String {
    let word = if count <= 1 { "key " } else { "keys" };
    format!("{count:6} {word}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_follows_the_migration() {
        let display = Display::Bar(bar(ProgressDrawTarget::hidden()));
        display.show(Progress { total: Some(10), done: 3, copied: 2 }).expect("nothing is written");
        let Display::Bar(bar) = &display else { panic!("it is one") };
        assert_eq!((bar.length(), bar.position()), (Some(10), 3));
        display.end();
        assert!(bar.is_finished());
    }

    #[test]
    fn numbers_of_keys_stand_under_one_another() {
        assert_eq!([keys(0), keys(1), keys(1_000_000)], ["     0 key ", "     1 key ", "1000000 keys"]);
    }
}
