//! Secrets that come from files and from stdin: arguments can be seen in the process list.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use kes_core::{SecretBytes, SecretText};

use crate::cli::failure::Failure;

/// Longest line that is read of a file: a password or an API key, in bytes.
pub(crate) const MAX_LINE_BYTES: usize = 1024;

/// Everything that `source` has, which is called `name` in errors.
///
/// # Errors
/// It cannot be read, or has more than `most` bytes.
pub(crate) fn read(source: impl Read, name: &str, most: usize) -> Result<SecretBytes, Failure> {
    let limit = most.saturating_add(1);
    // Room for all of it: a vector that grows leaves copies behind.
    let mut bytes = Vec::with_capacity(limit);
    let result = source.take(limit as u64).read_to_end(&mut bytes);
    let bytes = SecretBytes::from(bytes);
    result.map_err(|error| Failure::error(format!("cannot read '{name}': {error}")))?;
    if bytes.len() > most {
        return Err(Failure::error(format!("'{name}' is too long: at most {most} bytes are read")));
    }
    Ok(bytes)
}

/// Everything that a file has.
///
/// # Errors
/// As [`read`].
pub(crate) fn read_file(path: &Path, most: usize) -> Result<SecretBytes, Failure> {
    let name = path.display().to_string();
    let file = File::open(path).map_err(|error| Failure::error(format!("cannot read '{name}': {error}")))?;
    read(file, &name, most)
}

/// The one line of a file, without its end.
///
/// # Errors
/// As [`read`]; there is no line, or more than one, or it is not UTF-8.
pub(crate) fn read_line(path: &Path) -> Result<SecretText, Failure> {
    let content = read_file(path, MAX_LINE_BYTES)?;
    let bytes = content.expose();
    let bytes = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    let bytes = bytes.strip_suffix(b"\r").unwrap_or(bytes);
    match std::str::from_utf8(bytes) {
        Ok(line) if !line.is_empty() && !line.contains('\n') => Ok(SecretText::from(line)),
        _ => Err(Failure::error(format!("'{}' must hold one line of text", path.display()))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(content: &[u8]) -> Option<String> {
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), content).expect("written");
        read_line(file.path()).ok().map(|line| line.expose().to_owned())
    }

    #[test]
    fn a_file_holds_one_line() {
        assert_eq!(line(b"hunter2").as_deref(), Some("hunter2"));
        assert_eq!(line(b" hunter 2 \r\n").as_deref(), Some(" hunter 2 "));
        for content in [&b""[..], b"\n", b"a\nb\n", b"\xff\n"] {
            assert_eq!(line(content), None);
        }
        assert_eq!(line(&[b'a'; MAX_LINE_BYTES]).map(|line| line.len()), Some(MAX_LINE_BYTES));
        assert_eq!(line(&[b'a'; MAX_LINE_BYTES + 1]), None);
    }

    #[test]
    fn nothing_is_cut_off() {
        assert_eq!(read(&b"1234"[..], "stdin", 4).expect("read").expose(), b"1234");
        let Failure::Error(text) = read(&b"12345"[..], "stdin", 4).unwrap_err() else { panic!("an error") };
        assert_eq!(text, "'stdin' is too long: at most 4 bytes are read");
    }
}
