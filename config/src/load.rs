//! From a file or its text to the configuration.

use std::fs::File;
use std::io::Read;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::Config;
use crate::check::check;
use crate::environment::Environment;
use crate::historic::modernise;
use crate::problem::{Problem, Problems};
use crate::report::{Place, Position, Report};
use crate::yaml::{self, MAX_FILE_BYTES};

/// The cure for what cannot even be read.
pub(crate) const WRONG_FILE: &str = "is this the right file?";

/// A configuration that can be used, and what somebody should look at.
#[derive(Debug)]
pub struct Loaded {
    /// The configuration.
    pub config: Config,
    /// Warnings, in the file's order.
    pub warnings: Vec<Problem>,
}

/// What the command line says instead of the file. It counts at every load, reloads included (decision 23).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overrides {
    /// `--addr`, read by [`parse_address`](crate::parse_address): instead of `address`.
    pub address: Option<SocketAddr>,
    /// `--key`: instead of `tls.key`, which may then be missing.
    pub key: Option<PathBuf>,
    /// `--cert`: instead of `tls.cert`, which may then be missing.
    pub cert: Option<PathBuf>,
    /// `--auth=on`: turns `tls.auth` on. There is no way to turn it off.
    pub verify_clients: bool,
}

/// Loads a configuration file.
///
/// # Errors
/// All problems of the file, or that it cannot be read. At the most 1 MiB is read.
pub fn load(path: &Path, environment: &dyn Environment) -> Result<Loaded, Problems> {
    load_with(path, environment, &Overrides::default())
}

/// As [`load`], with what the command line says.
///
/// # Errors
/// As [`load`].
pub fn load_with(path: &Path, environment: &dyn Environment, overrides: &Overrides) -> Result<Loaded, Problems> {
    let file = path.display().to_string();
    let text = read(path).map_err(|(at, message)| {
        let mut report = Report::new(&file, environment);
        report.error(&Place { path: String::new(), at }, message, WRONG_FILE);
        report.into_problems()
    })?;
    parse_with(&file, &text, environment, overrides)
}

/// Reads a configuration from its text; `file` is its name in messages.
///
/// # Errors
/// All problems of the text.
pub fn parse(file: &str, text: &str, environment: &dyn Environment) -> Result<Loaded, Problems> {
    parse_with(file, text, environment, &Overrides::default())
}

/// As [`parse`], with what the command line says.
///
/// # Errors
/// As [`parse`].
pub fn parse_with(
    file: &str,
    text: &str,
    environment: &dyn Environment,
    overrides: &Overrides,
) -> Result<Loaded, Problems> {
    let mut report = Report::new(file, environment);
    let config = yaml::parse(text, &mut report).and_then(|mut tree| {
        modernise(&mut tree, &mut report);
        check(&tree, overrides, &mut report).ok()
    });
    let failed = report.has_errors();
    let problems = report.into_problems();
    match config {
        Some(config) if !failed => Ok(Loaded { config: *config, warnings: problems.0 }),
        _ => Err(problems),
    }
}

/// The text of a file, or why there is none. It may hold secrets, so its memory is wiped and never moves.
pub(crate) fn read(path: &Path) -> Result<Zeroizing<String>, (Position, String)> {
    const NO_PLACE: Position = Position { line: 0, column: 0 };
    let mut bytes = Zeroizing::new(Vec::with_capacity(MAX_FILE_BYTES + 1));
    let limit = MAX_FILE_BYTES as u64 + 1;
    File::open(path)
        .and_then(|file| file.take(limit).read_to_end(&mut bytes))
        .map_err(|error| (NO_PLACE, format!("the configuration cannot be read: {error}")))?;
    if bytes.len() > MAX_FILE_BYTES {
        return Err((NO_PLACE, format!("the configuration has more than {MAX_FILE_BYTES} bytes")));
    }
    String::from_utf8(std::mem::take(&mut *bytes)).map(Zeroizing::new).map_err(|error| {
        let valid_bytes = error.utf8_error().valid_up_to();
        let bytes = Zeroizing::new(error.into_bytes());
        let valid = String::from_utf8_lossy(&bytes[..valid_bytes]);
        let line = valid.split('\n').count();
        let column = valid.rsplit('\n').next().map_or(0, |last| last.chars().count()) + 1;
        let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        (Position { line: number(line), column: number(column) }, "the configuration is not UTF-8".to_owned())
    })
}
