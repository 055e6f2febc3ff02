//! The header with which a TCP load balancer tells whose connection it passes on: the PROXY protocol, version 2.
//!
//! ```text
//! │ signature (12 bytes) │ 0x2, command (4 bits each) │ family, transport (4 bits each) │ length (16 bits) │
//! │ source address │ destination address │ source port │ destination port │  as long as the family says
//! │ type (8 bits) │ length (16 bits) │ value │ …                               to the end of the length
//! ```
//!
//! Specification: <https://www.haproxy.org/download/2.6/doc/proxy-protocol.txt>, §2.2. What it leaves to the receiver: a
//! connection of the balancer itself (`LOCAL`, for health checks) and one whose client has no IP address have the address
//! that they come from; extensions are not looked at, but they have to be whole, and the checksum has to be right where
//! there is one.

use std::io;
use std::net::{IpAddr, SocketAddr};

use tokio::io::{AsyncRead, AsyncReadExt};

/// Bytes up to and including the length.
pub const HEAD_BYTES: usize = 16;

/// Most bytes behind the head. Addresses and the usual extensions have a few hundred.
pub const MAX_BLOCK_BYTES: usize = 4096;

const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";

/// What headers of version 1, which are text, begin with.
const VERSION_1: &[u8] = b"PROXY ";

/// The extension that holds the CRC32c of the whole header, taken with zeros in its own place.
const CHECKSUM: u8 = 3;
const CHECKSUM_BYTES: usize = 4;

/// Bytes of both addresses and both ports, by family; paths of UNIX sockets have no ports.
const IPV4_BYTES: usize = 2 * 4 + 2 * 2;
const IPV6_BYTES: usize = 2 * 16 + 2 * 2;
const UNIX_BYTES: usize = 2 * 108;

/// Why a header is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    /// Something else came.
    #[error("no PROXY header; hint: have the load balancer send one of version 2 (HAProxy: `send-proxy-v2`)")]
    Absent,
    /// It is of version 1.
    #[error("a PROXY header of version 1; hint: have the load balancer send version 2 (HAProxy: `send-proxy-v2`)")]
    Text,
    /// A version from the future.
    #[error("a PROXY header of version {0}, and only 2 is known")]
    Version(u8),
    /// Neither `LOCAL` nor `PROXY`.
    #[error("a PROXY header with the unknown command {0}")]
    Command(u8),
    /// An address family or a transport that does not exist.
    #[error("a PROXY header with the unknown address family {0:#04x}")]
    Family(u8),
    /// More than [`MAX_BLOCK_BYTES`].
    #[error("a PROXY header with {0} bytes behind its head, and at most {MAX_BLOCK_BYTES} are read")]
    TooLong(usize),
    /// The addresses do not fit into its length.
    #[error("a PROXY header that is too short for its addresses")]
    TooShort,
    /// An extension does not fit into what is left of it.
    #[error("a PROXY header with a broken extension")]
    Extension,
    /// It is not what was sent.
    #[error("a PROXY header whose checksum is wrong")]
    Checksum,
}

/// Why there is no header.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The connection failed or ended.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// It is not taken.
    #[error(transparent)]
    Header(#[from] HeaderError),
}

/// The first [`HEAD_BYTES`] of a header, checked.
#[derive(Clone, Copy, Debug)]
pub struct Head([u8; HEAD_BYTES]);

/// Reads a header and not a byte more: where the connection comes from, if the header names an IP address. Takes no more
/// memory than a header may have, but any time; may not be dropped and begun again.
///
/// # Errors
/// See [`ReadError`].
pub async fn read(stream: &mut (impl AsyncRead + Unpin)) -> Result<Option<SocketAddr>, ReadError> {
    let mut head = [0; HEAD_BYTES];
    let mut filled = 0;
    while filled < HEAD_BYTES {
        match stream.read(&mut head[filled..]).await? {
            0 => return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
            count => filled += count,
        }
        // Whoever speaks something else may wait for an answer and send no more.
        check_beginning(&head[..filled])?;
    }
    let head = Head::new(head)?;
    let mut block = vec![0; head.block_bytes()];
    stream.read_exact(&mut block).await?;
    Ok(head.source(&block)?)
}

/// Whether a header can begin like this. Of one that cannot, it waits until version 1 is told from anything else.
fn check_beginning(received: &[u8]) -> Result<(), HeaderError> {
    let begins_as = |expected: &[u8]| received.iter().zip(expected).all(|(one, other)| one == other);
    match begins_as(VERSION_1) {
        _ if begins_as(SIGNATURE) => Ok(()),
        true if received.len() < VERSION_1.len() => Ok(()),
        true => Err(HeaderError::Text),
        false => Err(HeaderError::Absent),
    }
}

impl Head {
    /// Checks a head.
    ///
    /// # Errors
    /// Every [`HeaderError`] that a head alone can show.
    pub fn new(bytes: [u8; HEAD_BYTES]) -> Result<Self, HeaderError> {
        check_beginning(&bytes)?;
        let head = Self(bytes);
        let [version_and_command, family] = [bytes[12], bytes[13]];
        match (version_and_command >> 4, version_and_command & 0xf) {
            // Its family is not looked at.
            (2, 0) => {}
            (2, 1) if family >> 4 > 3 || family & 0xf > 2 => return Err(HeaderError::Family(family)),
            (2, 1) => {}
            (2, command) => return Err(HeaderError::Command(command)),
            (version, _) => return Err(HeaderError::Version(version)),
        }
        match head.block_bytes() {
            count if count > MAX_BLOCK_BYTES => Err(HeaderError::TooLong(count)),
            _ => Ok(head),
        }
    }

    /// How many bytes follow that belong to the header.
    #[must_use]
    pub fn block_bytes(&self) -> usize {
        u16::from_be_bytes([self.0[14], self.0[15]]).into()
    }

    /// Where the connection comes from, as `block` says, which has all [`block_bytes`](Self::block_bytes) that follow;
    /// nothing, if that is not an IP address or the connection is the balancer's own.
    ///
    /// # Errors
    /// The addresses or an extension are not whole, or the checksum is wrong.
    pub fn source(&self, block: &[u8]) -> Result<Option<SocketAddr>, HeaderError> {
        let (command, family, transport) = (self.0[12] & 0xf, self.0[13] >> 4, self.0[13] & 0xf);
        if command == 0 {
            return Ok(None);
        }
        let address_bytes = match family {
            1 => IPV4_BYTES,
            2 => IPV6_BYTES,
            3 => UNIX_BYTES,
            _ => 0,
        };
        let (addresses, extensions) = block.split_at_checked(address_bytes).ok_or(HeaderError::TooShort)?;
        self.check_extensions(addresses, extensions)?;
        let source = match *addresses {
            // Of a transport that is not specified nothing is believed.
            _ if transport == 0 => None,
            [a, b, c, d, _, _, _, _, high, low, _, _] => {
                Some((IpAddr::from([a, b, c, d]), u16::from_be_bytes([high, low])))
            }
            [ref ip @ .., high, low, _, _] if ip.len() == 32 => {
                ip.first_chunk::<16>().map(|ip| (IpAddr::from(*ip), u16::from_be_bytes([high, low])))
            }
            _ => None,
        };
        Ok(source.map(SocketAddr::from))
    }

    fn check_extensions(&self, addresses: &[u8], extensions: &[u8]) -> Result<(), HeaderError> {
        let mut rest = extensions;
        while let [kind, high, low, more @ ..] = rest {
            let length = u16::from_be_bytes([*high, *low]).into();
            let (value, next) = more.split_at_checked(length).ok_or(HeaderError::Extension)?;
            if *kind == CHECKSUM {
                let expected = u32::from_be_bytes(value.try_into().map_err(|_| HeaderError::Extension)?);
                let before = &extensions[..extensions.len() - next.len() - CHECKSUM_BYTES];
                let parts = [&self.0, addresses, before, &[0; CHECKSUM_BYTES], next];
                if crc32c(parts.into_iter().flatten()) != expected {
                    return Err(HeaderError::Checksum);
                }
            }
            rest = next;
        }
        if rest.is_empty() { Ok(()) } else { Err(HeaderError::Extension) }
    }
}

/// CRC-32C of RFC 9260, appendix A. Bit by bit: it is a few hundred bytes once per connection.
fn crc32c<'a>(bytes: impl Iterator<Item = &'a u8>) -> u32 {
    const POLYNOMIAL: u32 = 0x82f6_3b78;
    let shift = |crc: u32, _| (crc >> 1) ^ (POLYNOMIAL & (crc & 1).wrapping_neg());
    !bytes.fold(u32::MAX, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), shift))
}

#[cfg(test)]
mod tests;
