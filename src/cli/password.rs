//! Passwords of private keys: from a file, from the environment, or else from the controlling terminal, so that stdin,
//! stdout and stderr may go elsewhere.

use std::fs::File;
use std::io::{Read, Write};
use std::path::PathBuf;

use clap::Args;
use kes_core::{SecretBytes, SecretText};
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};

use crate::cli::failure::Failure;
use crate::cli::secret_input::{self, MAX_LINE_BYTES};

/// Where programs find the password of a private key that has one. MinIO uses the first.
const VARIABLES: [&str; 2] = ["MINIO_KMS_KES_KEY_PASSWORD", "KES_CLIENT_KEY_PASSWORD"];

/// Where the password of a private key comes from, as a flag.
#[derive(Args, Debug, Default)]
pub(crate) struct PasswordFlag {
    /// Read the password of the private key from a file [env: MINIO_KMS_KES_KEY_PASSWORD, the password]
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
}

impl PasswordFlag {
    /// Whether the flag was used.
    pub(crate) fn is_given(&self) -> bool {
        self.password_file.is_some()
    }

    /// The password of a key that has one: from the file, from the environment, or asked for with this prompt.
    pub(crate) fn existing(&self, prompt: &str) -> Result<SecretText, Failure> {
        match self.given()? {
            Some(password) => Ok(password),
            None => ask(prompt),
        }
    }

    /// A new password: from the file, from the environment, or asked for twice. Never empty.
    pub(crate) fn fresh(&self) -> Result<SecretText, Failure> {
        if let Some(password) = self.given()? {
            return Ok(password);
        }
        let password = ask("Enter password for private key:")?;
        if password.is_empty() {
            return Err(Failure::error("the password is empty"));
        }
        if ask("Confirm password for private key:")?.expose() != password.expose() {
            return Err(Failure::error("passwords don't match"));
        }
        Ok(password)
    }

    fn given(&self) -> Result<Option<SecretText>, Failure> {
        if let Some(file) = &self.password_file {
            return secret_input::read_line(file).map(Some);
        }
        let set = VARIABLES.iter().filter_map(|name| std::env::var(name).ok());
        Ok(set.map(SecretText::from).find(|password| !password.is_empty()))
    }
}

fn ask(prompt: &str) -> Result<SecretText, Failure> {
    let failed = |error: std::io::Error| {
        Failure::error(format!(
            "reading password: {error} (without a terminal, use --password-file or set `{}`)",
            VARIABLES[0]
        ))
    };
    let mut terminal = File::options().read(true).write(true).open("/dev/tty").map_err(failed)?;
    let _silence = Silence::of(&terminal).map_err(failed)?;
    terminal.write_all(prompt.as_bytes()).map_err(failed)?;
    let result = read_line(&mut terminal);
    // The newline that was typed is not shown.
    terminal.write_all(b"\n").map_err(failed)?;
    let line = result.map_err(failed)?.ok_or(Failure::Interrupted)?;
    let text = std::str::from_utf8(line.expose()).map_err(|_| Failure::error("the password is not valid UTF-8"))?;
    Ok(SecretText::from(text))
}

/// A line as it is typed, edited with backspace and Ctrl-U; `None` after Ctrl-C.
fn read_line(terminal: &mut impl Read) -> std::io::Result<Option<SecretBytes>> {
    const CTRL_C: u8 = 3;
    const CTRL_D: u8 = 4;
    const CTRL_U: u8 = 21;
    const BACKSPACE: [u8; 2] = [8, 127];

    let mut line = SecretBytes::with_capacity(MAX_LINE_BYTES);
    let mut byte = [0];
    while terminal.read(&mut byte)? == 1 {
        match byte[0] {
            b'\n' | b'\r' | CTRL_D => break,
            CTRL_C => return Ok(None),
            CTRL_U => line.resize(0),
            key if BACKSPACE.contains(&key) => {
                // A character of several bytes goes as a whole.
                let text = String::from_utf8_lossy(line.expose()).chars().last().map_or(0, char::len_utf8);
                line.resize(line.len().saturating_sub(text));
            }
            key if line.len() < MAX_LINE_BYTES => line.extend_from_slice(&[key]),
            _ => {}
        }
    }
    Ok(Some(line))
}

/// Shows nothing of what is typed, until it is dropped. Ctrl-C arrives as a byte meanwhile: as a signal it would end the
/// program and leave the terminal silent.
struct Silence {
    terminal: File,
    before: Termios,
}

impl Silence {
    fn of(terminal: &File) -> std::io::Result<Self> {
        let before = tcgetattr(terminal)?;
        let mut silent = before.clone();
        silent.local_modes.remove(LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG);
        tcsetattr(terminal, OptionalActions::Flush, &silent)?;
        Ok(Self { terminal: terminal.try_clone()?, before })
    }
}

impl Drop for Silence {
    fn drop(&mut self) {
        // If the terminal is gone, there is nothing to restore.
        let _ = tcsetattr(&self.terminal, OptionalActions::Now, &self.before);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(keys: &[u8]) -> Option<String> {
        let line = read_line(&mut &*keys).expect("keys")?;
        Some(String::from_utf8_lossy(line.expose()).into_owned())
    }

    #[test]
    fn lines_can_be_edited() {
        assert_eq!(typed(b"hunter2\nrest").as_deref(), Some("hunter2"));
        assert_eq!(typed(b"huntx\x7fer2\r").as_deref(), Some("hunter2"));
        assert_eq!(typed("a\u{e9}\x08b\n".as_bytes()).as_deref(), Some("ab"));
        assert_eq!(typed(b"wrong\x15right\n").as_deref(), Some("right"));
        assert_eq!(typed(b"\x7f\n").as_deref(), Some(""));
        assert_eq!(typed(b"secret\x03"), None);
        assert_eq!(typed(&[b'a'; 2000]).map(|line| line.len()), Some(MAX_LINE_BYTES));
    }
}
