//! The blocks of a PEM file (RFC 7468, and the headers of RFC 1421).

use kes_core::SecretBytes;
use kes_core::key::encoding::{decode_base64, encode_base64};

use super::PemError;

const BEGIN: &str = "-----BEGIN ";
const END: &str = "-----END ";
const DASHES: &str = "-----";

/// Characters of base64 per line, RFC 7468 §2.
const LINE: usize = 64;

/// One block, still encoded.
pub(super) struct Block<'a> {
    /// What stands after `BEGIN`: `CERTIFICATE`, `PRIVATE KEY`.
    pub(super) label: &'a str,
    headers: Vec<(&'a str, &'a str)>,
    body: Vec<&'a [u8]>,
}

impl<'a> Block<'a> {
    /// The value of a header, if the block has it.
    pub(super) fn header(&self, name: &str) -> Option<&'a str> {
        self.headers.iter().find(|header| header.0 == name).map(|header| header.1)
    }

    /// The decoded bytes.
    pub(super) fn content(&self) -> Result<SecretBytes, PemError> {
        let mut joined = SecretBytes::with_capacity(self.body.iter().map(|line| line.len()).sum());
        self.body.iter().for_each(|line| joined.extend_from_slice(line));
        decode_base64(joined.expose()).map_err(|_| PemError::Damaged(self.label.to_owned()))
    }
}

/// The blocks of a file, one after the other.
pub(super) struct Blocks<'a> {
    rest: &'a [u8],
}

impl<'a> Blocks<'a> {
    pub(super) fn of(pem: &'a [u8]) -> Self {
        Self { rest: pem }
    }

    /// The next block; `None` if no further one begins.
    pub(super) fn next_block(&mut self) -> Result<Option<Block<'a>>, PemError> {
        let mut ahead = self.rest;
        while let Some(line) = take_line(&mut ahead) {
            if let Some(label) = boundary(line, BEGIN) {
                self.rest = ahead;
                return self.finish(label).map(Some);
            }
        }
        Ok(None)
    }

    /// Whether nothing but blanks follows the last block.
    pub(super) fn rest_is_blank(&self) -> bool {
        self.rest.iter().all(u8::is_ascii_whitespace)
    }

    fn finish(&mut self, label: &'a str) -> Result<Block<'a>, PemError> {
        let mut block = Block { label, headers: Vec::new(), body: Vec::new() };
        while let Some(line) = take_line(&mut self.rest) {
            if boundary(line, END) == Some(label) {
                return Ok(block);
            }
            match std::str::from_utf8(line).ok().and_then(|line| line.split_once(':')) {
                Some((name, value)) if block.body.is_empty() => block.headers.push((name.trim(), value.trim())),
                _ if line.is_empty() => {}
                _ => block.body.push(line),
            }
        }
        Err(PemError::Damaged(label.to_owned()))
    }
}

/// The label of a line that begins or ends a block.
fn boundary<'a>(line: &'a [u8], edge: &str) -> Option<&'a str> {
    std::str::from_utf8(line).ok()?.strip_prefix(edge)?.strip_suffix(DASHES)
}

/// The next line without the blanks around it.
fn take_line<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    if rest.is_empty() {
        return None;
    }
    let end = rest.iter().position(|&byte| byte == b'\n').unwrap_or(rest.len());
    let (line, after) = rest.split_at(end);
    *rest = after.get(1..).unwrap_or_default();
    Some(line.trim_ascii())
}

/// `content` as one block.
pub(super) fn write(label: &str, content: &[u8]) -> SecretBytes {
    let mut encoded = SecretBytes::default();
    encode_base64(content, &mut encoded);
    let mut pem = SecretBytes::with_capacity(encoded.len() + encoded.len() / LINE + 2 * label.len() + 40);
    pem.extend_from_slice(format!("{BEGIN}{label}{DASHES}\n").as_bytes());
    for line in encoded.expose().chunks(LINE) {
        pem.extend_from_slice(line);
        pem.extend_from_slice(b"\n");
    }
    pem.extend_from_slice(format!("{END}{label}{DASHES}\n").as_bytes());
    pem
}
