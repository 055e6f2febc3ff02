//! A file of events that is renamed and begun anew when it is large: `audit.log`, `audit.log.1`, `audit.log.2`, …

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use kes_config::{AuditFile, Rotation};

use super::writer::{Output, count_lines};

/// Events tell who did what: they are for the operator alone.
const MODE: u32 = 0o600;

/// See the module's text. Existing content stays; the file is opened for appending.
#[derive(Debug)]
pub struct RotatingFile {
    path: PathBuf,
    rotation: Option<Rotation>,
    file: File,
    size: u64,
    /// The last write broke off within a line.
    is_torn: bool,
    /// Lines that were lost since the last success.
    lost: u64,
}

impl RotatingFile {
    /// Opens the file, or makes it.
    ///
    /// # Errors
    /// The system's.
    pub fn open(settings: &AuditFile) -> io::Result<Self> {
        let (file, size) = open(&settings.path)?;
        let path = settings.path.clone();
        Ok(Self { path, rotation: settings.rotation, file, size, is_torn: false, lost: 0 })
    }

    /// Writes whole lines, or as many as there is room for; says how many bytes.
    fn append(&mut self, lines: &[u8]) -> (usize, io::Result<()>) {
        if self.is_torn {
            if let Err(error) = self.file.write_all(b"\n") {
                return (0, Err(error));
            }
            self.is_torn = false;
            self.size += 1;
        }
        let mut written = 0;
        let outcome = loop {
            match self.file.write(&lines[written..]) {
                Ok(0) if written < lines.len() => break Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => written += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => break Err(error),
            }
            if written == lines.len() {
                break Ok(());
            }
        };
        self.size += written as u64;
        self.is_torn = written > 0 && lines[written - 1] != b'\n';
        (written, outcome)
    }

    /// Moves every file up by one and begins a new one. The oldest goes.
    fn rotate(&mut self, keep: u32) -> io::Result<()> {
        for number in (1..keep).rev() {
            match fs::rename(numbered(&self.path, number), numbered(&self.path, number + 1)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        fs::rename(&self.path, numbered(&self.path, 1))?;
        (self.file, self.size) = open(&self.path)?;
        Ok(())
    }

    fn report(&mut self, lost: u64, outcome: &io::Result<()>) {
        let path = self.path.display();
        match outcome {
            // One line when it begins and one when it ends, however long it lasts.
            Err(error) if self.lost == 0 => {
                tracing::error!("the audit file {path} cannot be written: {error}; hint: make room, events are lost");
            }
            Ok(()) if self.lost > 0 => {
                tracing::warn!("the audit file {path} is written again; {} events were lost", self.lost);
            }
            _ => {}
        }
        self.lost = if outcome.is_ok() { 0 } else { self.lost + lost };
    }
}

impl Output for RotatingFile {
    fn write(&mut self, mut lines: &[u8]) -> u64 {
        let mut lost = 0;
        while !lines.is_empty() {
            let room = self.rotation.map_or(u64::MAX, |rotation| rotation.max_size.saturating_sub(self.size));
            let (now, later) = lines.split_at(lines_within(lines, room));
            let (written, outcome) = self.append(now);
            let missing = count_lines(&now[written..]);
            self.report(missing, &outcome);
            lost += missing;
            if let Some(rotation) = self.rotation.filter(|rotation| self.size >= rotation.max_size)
                && let Err(error) = self.rotate(rotation.keep)
            {
                // Events matter more than the size.
                tracing::error!(
                    "the audit file {} cannot be rotated: {error}; it goes on to grow",
                    self.path.display()
                );
                self.rotation = None;
            }
            lines = later;
        }
        lost
    }

    fn reopen(&mut self) {
        match open(&self.path) {
            Ok((file, size)) => (self.file, self.size, self.is_torn) = (file, size, false),
            Err(error) => {
                tracing::error!(
                    "the audit file {} cannot be opened anew: {error}; the old one is kept",
                    self.path.display()
                );
            }
        }
    }
}

/// The length of the first lines that together take up `room` bytes, with the one that crosses it; at least one line.
fn lines_within(lines: &[u8], room: u64) -> usize {
    let room = usize::try_from(room).unwrap_or(usize::MAX).clamp(1, lines.len());
    let rest = lines[room - 1..].iter().position(|&byte| byte == b'\n');
    rest.map_or(lines.len(), |rest| room + rest)
}

fn numbered(path: &Path, number: u32) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(format!(".{number}"));
    name.into()
}

fn open(path: &Path) -> io::Result<(File, u64)> {
    let file = OpenOptions::new().create(true).append(true).mode(MODE).open(path)?;
    let size = file.metadata()?.len();
    Ok((file, size))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(path: &Path) -> String {
        fs::read_to_string(path).unwrap_or_else(|error| error.kind().to_string())
    }

    fn rotating(directory: &Path, max_size: u64, keep: u32) -> RotatingFile {
        let settings = AuditFile { path: directory.join("audit.log"), rotation: Some(Rotation { max_size, keep }) };
        RotatingFile::open(&settings).expect("a file")
    }

    #[test]
    fn a_file_exceeds_its_size_by_no_more_than_one_event() {
        let directory = tempfile::tempdir().expect("a directory");
        let mut file = rotating(directory.path(), 10, 2);
        let files = || {
            ["audit.log", "audit.log.1", "audit.log.2", "audit.log.3"].map(|name| read(&directory.path().join(name)))
        };
        assert_eq!(file.write(b"one\ntwo\n"), 0);
        let none = io::ErrorKind::NotFound.to_string();
        assert_eq!(files(), ["one\ntwo\n", none.as_str(), none.as_str(), none.as_str()]);
        assert_eq!(file.write(b"three\nfour\nfive\nsix\nseven\n"), 0);
        assert_eq!(files(), ["", "six\nseven\n", "four\nfive\n", none.as_str()]);
        assert_eq!(file.write(b"a line that is longer than a file\n"), 0);
        assert_eq!(files(), ["", "a line that is longer than a file\n", "six\nseven\n", none.as_str()]);
    }

    #[test]
    fn what_is_there_stays_and_counts() {
        let directory = tempfile::tempdir().expect("a directory");
        fs::write(directory.path().join("audit.log"), "from before\n").expect("written");
        let mut file = rotating(directory.path(), 14, 1);
        assert_eq!(file.write(b"new\n"), 0);
        assert_eq!(read(&directory.path().join("audit.log.1")), "from before\nnew\n");
    }

    #[test]
    fn nobody_else_can_read_it() {
        use std::os::unix::fs::PermissionsExt as _;
        let directory = tempfile::tempdir().expect("a directory");
        rotating(directory.path(), 10, 1);
        let mode = fs::metadata(directory.path().join("audit.log")).expect("there").permissions().mode();
        assert_eq!(mode & 0o777, MODE);
    }

    #[test]
    fn a_file_that_was_moved_away_is_begun_anew_on_demand() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("audit.log");
        let mut file = RotatingFile::open(&AuditFile { path: path.clone(), rotation: None }).expect("a file");
        file.write(b"one\n");
        fs::rename(&path, directory.path().join("old")).expect("moved");
        file.write(b"two\n");
        file.reopen();
        file.write(b"three\n");
        assert_eq!((read(&directory.path().join("old")), read(&path)), ("one\ntwo\n".to_owned(), "three\n".to_owned()));
    }

    #[test]
    fn a_full_disk_loses_events_and_counts_them() {
        let full = AuditFile { path: PathBuf::from("/dev/full"), rotation: None };
        let mut file = RotatingFile::open(&full).expect("the system has it");
        assert_eq!((file.write(b"one\ntwo\n"), file.write(b"three\n")), (2, 1));
        assert_eq!(file.lost, 3);
    }

    /// A directory in the place of the next file stands for whatever forbids to rename.
    #[test]
    fn events_are_written_where_files_cannot_be_rotated() {
        let directory = tempfile::tempdir().expect("a directory");
        fs::create_dir(directory.path().join("audit.log.1")).expect("made");
        let mut file = rotating(directory.path(), 4, 1);
        assert_eq!(file.write(b"one\ntwo\nthree\n"), 0);
        assert_eq!(read(&directory.path().join("audit.log")), "one\ntwo\nthree\n");
    }
}
