//! Headers of the PROXY protocol: read, written again, and read by a second, slow reader.
#![no_main]

use std::net::SocketAddr;

use kes::server::proxy_protocol::{HEAD_BYTES, Head, HeaderError, MAX_BLOCK_BYTES};
use libfuzzer_sys::fuzz_target;

const SIGNATURE: [u8; 12] = [13, 10, 13, 10, 0, 13, 10, 81, 85, 73, 84, 10];

fuzz_target!(|bytes: &[u8]| {
    let Some((head, rest)) = bytes.split_first_chunk::<HEAD_BYTES>() else { return };
    let read = Head::new(*head).and_then(|head| {
        // Who reads from a socket always has all of it.
        let block = rest.get(..head.block_bytes()).ok_or(HeaderError::TooShort)?;
        head.source(block)
    });
    assert_eq!(read.ok(), naive(bytes), "{read:?}");
    let Ok(Some(source)) = read else { return };
    for extensions in [&[][..], &[4, 0, 1, 0]] {
        let written = write(source, extensions);
        let (head, block) = written.split_first_chunk().expect("a head");
        let head = Head::new(*head).expect("what is written can be read");
        assert_eq!((head.block_bytes(), head.source(block)), (block.len(), Ok(Some(source))));
        // Every byte of it is covered by the checksum.
        for index in HEAD_BYTES..written.len() - extensions.len() - 7 {
            let mut changed = block.to_vec();
            changed[index - HEAD_BYTES] ^= 1;
            assert_eq!(head.source(&changed), Err(HeaderError::Checksum));
        }
    }
});

/// The source that is read, `Some(None)` if there is none, or `None` if this is no header.
fn naive(bytes: &[u8]) -> Option<Option<SocketAddr>> {
    let length = usize::from(bytes[14]) * 256 + usize::from(bytes[15]);
    if bytes[..12] != SIGNATURE || length > MAX_BLOCK_BYTES || bytes.len() < 16 + length {
        return None;
    }
    let header = &bytes[..16 + length];
    if header[12] == 0x20 {
        return Some(None);
    }
    let known = [0x00, 0x01, 0x02, 0x10, 0x11, 0x12, 0x20, 0x21, 0x22, 0x30, 0x31, 0x32];
    if header[12] != 0x21 || !known.contains(&header[13]) {
        return None;
    }
    let mut at = 16 + [0, 12, 36, 216][usize::from(header[13] / 16)];
    if at > header.len() {
        return None;
    }
    while at < header.len() {
        let end = at + 3 + usize::from(*header.get(at + 1)?) * 256 + usize::from(*header.get(at + 2)?);
        if end > header.len() {
            return None;
        }
        if header[at] == 3 {
            let mut zeroed = header.to_vec();
            let sum: [u8; 4] = zeroed[at + 3..end].try_into().ok()?;
            zeroed[at + 3..end].fill(0);
            if crc32c(&zeroed).to_be_bytes() != sum {
                return None;
            }
        }
        at = end;
    }
    let text = match header[13] {
        0x11 | 0x12 => {
            let [a, b, c, d] = [16, 17, 18, 19].map(|index| header[index]);
            format!("{a}.{b}.{c}.{d}:{}", usize::from(header[24]) * 256 + usize::from(header[25]))
        }
        0x21 | 0x22 => {
            let groups: Vec<String> =
                header[16..32].chunks(2).map(|pair| format!("{:02x}{:02x}", pair[0], pair[1])).collect();
            format!("[{}]:{}", groups.join(":"), usize::from(header[48]) * 256 + usize::from(header[49]))
        }
        _ => return Some(None),
    };
    Some(Some(text.parse().expect("an address")))
}

/// A header with a checksum before these extensions.
fn write(source: SocketAddr, extensions: &[u8]) -> Vec<u8> {
    let (family, addresses) = match source {
        SocketAddr::V4(source) => (0x11, [source.ip().octets().as_slice(), &[1; 4]].concat()),
        SocketAddr::V6(source) => (0x21, [source.ip().octets().as_slice(), &[1; 16]].concat()),
    };
    let block =
        [addresses.as_slice(), &source.port().to_be_bytes(), &[2; 2], &[3, 0, 4, 0, 0, 0, 0], extensions].concat();
    let length = (block.len() as u16).to_be_bytes();
    let mut header = [SIGNATURE.as_slice(), &[0x21, family], &length, &block].concat();
    let sum = crc32c(&header).to_be_bytes();
    let end = header.len() - extensions.len();
    header[end - 4..end].copy_from_slice(&sum);
    header
}

/// CRC-32C as a division of polynomials, most significant bit first.
fn crc32c(bytes: &[u8]) -> u32 {
    let mut remainder = u32::MAX;
    for byte in bytes {
        remainder ^= u32::from(byte.reverse_bits()) << 24;
        for _ in 0..8 {
            let carry = remainder & 0x8000_0000 != 0;
            remainder <<= 1;
            if carry {
                remainder ^= 0x1edc_6f41;
            }
        }
    }
    !remainder.reverse_bits()
}
