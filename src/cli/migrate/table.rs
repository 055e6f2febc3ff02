//! What came of a migration: a table for people, an object for programs.

use std::fmt::Write as _;

use kes_keystores::migration::{End, Entry, MAX_NOTED, Noted, Report};
use serde::Serialize;

use super::progress::keys;
use crate::cli::output::{self, Colour, Style};

/// Entries of one outcome that people get to see.
const MAX_SHOWN: usize = 20;

/// The table.
pub(super) fn text(report: &Report, dry_run: bool, style: Style) -> String {
    let mut text = headline(report, dry_run);
    let count = |count: u64| format!("{count:6}");
    text.push_str("\n\n");
    text.push_str(&output::labelled(&[
        ("Copied", count(report.copied)),
        ("Present", count(report.present)),
        ("Skipped", count(report.skipped.count)),
        ("Different", count(report.different.count)),
        ("Failed", count(report.failed.count)),
    ]));
    for (label, colour, noted) in [
        ("Skipped", Colour::Warning, &report.skipped),
        ("Different", Colour::Deny, &report.different),
        ("Failed", Colour::Deny, &report.failed),
    ] {
        push_entries(&mut text, &style.paint(colour, label), noted);
    }
    text
}

fn headline(report: &Report, dry_run: bool) -> String {
    match (report.copied, dry_run) {
        (0, false) if report.present > 0 && report.is_success() => "Nothing was migrated: it is all there.".to_owned(),
        (0, false) => "Nothing was migrated.".to_owned(),
        (0, true) => "Nothing would be migrated.".to_owned(),
        (copied, true) => format!("Would migrate {}", keys(copied)).trim_end().to_owned(),
        (copied, false) if report.is_success() => format!("Migrated {} successfully!", keys(copied)),
        (copied, false) => format!("Migrated {}", keys(copied)).trim_end().to_owned(),
    }
}

fn push_entries(text: &mut String, label: &str, noted: &Noted) {
    if noted.count == 0 {
        return;
    }
    let shown = &noted.entries[..noted.entries.len().min(MAX_SHOWN)];
    let width = shown.iter().map(|entry| entry.name.chars().count()).max().unwrap_or(0);
    // Writing to a string does not fail.
    let _ = writeln!(text, "\n{label}");
    for Entry { name, reason } in shown {
        let _ = writeln!(text, "  {:<width$}  {}", output::harmless(name), output::harmless(reason));
    }
    let more = noted.count - shown.len() as u64;
    if more > 0 {
        let _ = writeln!(text, "  and {more} more; --json names up to {MAX_NOTED}");
    }
}

/// The object.
#[derive(Serialize)]
pub(super) struct Summary<'a> {
    from: &'a str,
    to: &'a str,
    dry_run: bool,
    /// `complete`, `interrupted`, `source-grew` or `store-failed`.
    end: &'static str,
    copied: u64,
    present: u64,
    skipped: Entries<'a>,
    different: Entries<'a>,
    failed: Entries<'a>,
}

#[derive(Serialize)]
struct Entries<'a> {
    count: u64,
    /// At most [`MAX_NOTED`].
    entries: Vec<Named<'a>>,
}

#[derive(Serialize)]
struct Named<'a> {
    name: &'a str,
    reason: &'a str,
}

impl<'a> Summary<'a> {
    pub(super) fn new((from, to): &'a (String, String), dry_run: bool, report: &'a Report) -> Self {
        let end = match report.end {
            End::Complete => "complete",
            End::Stopped => "interrupted",
            End::Grown(_) => "source-grew",
            End::StoreFailed(_) => "store-failed",
        };
        let entries = |noted: &'a Noted| Entries {
            count: noted.count,
            entries: noted.entries.iter().map(|Entry { name, reason }| Named { name, reason }).collect(),
        };
        Self {
            from,
            to,
            dry_run,
            end,
            copied: report.copied,
            present: report.present,
            skipped: entries(&report.skipped),
            different: entries(&report.different),
            failed: entries(&report.failed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noted(count: u64, reason: &str) -> Noted {
        let entry = |number| Entry { name: format!("k{number}\u{1b}"), reason: reason.to_owned() };
        Noted { count, entries: (0..count.min(MAX_NOTED as u64)).map(entry).collect() }
    }

    #[test]
    fn people_see_counts_and_some_names() {
        let report = Report { copied: 1, present: 12_345_678, failed: noted(2000, "why"), ..Report::default() };
        let text = text(&report, false, Style::Plain);
        let expected = "Migrated      1 key\n\nCopied           1\nPresent     12345678\nSkipped          0\n\
                        Different        0\nFailed        2000\n\nFailed\n  k0\u{fffd}   why\n";
        assert!(text.starts_with(expected), "{text}");
        assert!(text.ends_with("  k19\u{fffd}  why\n  and 1980 more; --json names up to 1000\n"), "{text}");
    }

    #[test]
    fn the_first_line_says_how_it_went() {
        let headline = |copied, failed, dry_run| {
            headline(&Report { copied, failed: noted(failed, ""), ..Report::default() }, dry_run)
        };
        assert_eq!(headline(0, 0, false), "Nothing was migrated.");
        assert_eq!(headline(0, 0, true), "Nothing would be migrated.");
        assert_eq!(headline(2, 0, false), "Migrated      2 keys successfully!");
        assert_eq!(headline(1, 0, false), "Migrated      1 key  successfully!");
        assert_eq!(headline(2, 1, false), "Migrated      2 keys");
        assert_eq!(headline(2, 0, true), "Would migrate      2 keys");
    }
}
