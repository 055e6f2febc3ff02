use proptest::prelude::*;
use tokio::io::AsyncWriteExt;

use super::*;

/// A header as a load balancer writes it.
fn header(command: u8, family: u8, block: &[u8]) -> Vec<u8> {
    let length = u16::try_from(block.len()).expect("a length").to_be_bytes();
    [SIGNATURE.as_slice(), &[0x20 | command, family], &length, block].concat()
}

/// Addresses and ports of a client and a balancer.
fn addresses(source: SocketAddr) -> (u8, Vec<u8>) {
    let ports = [source.port().to_be_bytes(), 7373_u16.to_be_bytes()].concat();
    match source.ip() {
        IpAddr::V4(ip) => (0x11, [ip.octets().as_slice(), &[192, 0, 2, 1], &ports].concat()),
        IpAddr::V6(ip) => (0x21, [ip.octets().as_slice(), &[1; 16], &ports].concat()),
    }
}

fn extension(kind: u8, value: &[u8]) -> Vec<u8> {
    let length = u16::try_from(value.len()).expect("a length").to_be_bytes();
    [&[kind], length.as_slice(), value].concat()
}

/// The header with a checksum between two halves of its extensions.
fn with_checksum(family: u8, before: &[u8], after: &[u8]) -> Vec<u8> {
    let zeros = extension(CHECKSUM, &[0; 4]);
    let sum = crc32c(header(1, family, &[before, &zeros, after].concat()).iter()).to_be_bytes();
    header(1, family, &[before, &extension(CHECKSUM, &sum), after].concat())
}

/// What is read of bytes that come as they are, and what is left of them.
async fn read_all(mut bytes: &[u8]) -> (Result<Option<SocketAddr>, HeaderError>, Vec<u8>) {
    let read = match read(&mut bytes).await {
        Ok(source) => Ok(source),
        Err(ReadError::Header(error)) => Err(error),
        Err(ReadError::Io(error)) => panic!("{error}"),
    };
    (read, bytes.to_vec())
}

/// What HAProxy 2.6.12 sent with `send-proxy-v2 proxy-v2-options crc32c,unique-id` for 127.0.0.2:48041.
const OF_HAPROXY: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x19\x7f\0\0\x02\x7f\0\0\x01\xbb\xa9\xc4\x3b\
    \x03\0\x04\x24\x83\xe4\xf7\x05\0\x03abc";

/// What it sent with a health check.
const CHECK_OF_HAPROXY: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\x07\x03\0\x04\xa9\xb8\x7e\x8f";

#[tokio::test]
async fn headers_of_haproxy_are_read() {
    let client = SocketAddr::from(([127, 0, 0, 2], 48041));
    assert_eq!(read_all(OF_HAPROXY).await, (Ok(Some(client)), vec![]));
    assert_eq!(read_all(CHECK_OF_HAPROXY).await, (Ok(None), vec![]));
    for bit in 0..12 * 8 {
        let mut damaged = OF_HAPROXY.to_vec();
        damaged[HEAD_BYTES + bit / 8] ^= 1 << (bit % 8);
        assert_eq!(read_all(&damaged).await.0, Err(HeaderError::Checksum));
    }
}

#[tokio::test]
async fn the_clients_address_is_the_source() {
    for text in ["192.0.2.7:4711", "[2001:db8::7]:65535", "[::ffff:192.0.2.7]:1"] {
        let source: SocketAddr = text.parse().expect("an address");
        let (family, block) = addresses(source);
        for family in [family, family + 1] {
            assert_eq!(read_all(&header(1, family, &block)).await, (Ok(Some(source)), vec![]));
        }
    }
}

#[tokio::test]
async fn the_bytes_behind_it_are_left() {
    let (family, block) = addresses(([192, 0, 2, 7], 4711).into());
    let bytes = [header(1, family, &block), b"\x16\x03\x01".to_vec()].concat();
    assert_eq!(read_all(&bytes).await.1, b"\x16\x03\x01");
}

#[tokio::test]
async fn without_an_ip_address_there_is_no_source() {
    let (_, block) = addresses(([192, 0, 2, 7], 4711).into());
    for bytes in [
        // The block of the balancer's own connection is skipped, whatever is in it.
        header(0, 0, b""),
        header(0, 0x11, &block),
        header(0, 0xff, b"anything"),
        header(1, 0, b""),
        header(1, 0, &extension(4, b"padding")),
        header(1, 0x31, &[b'/'; UNIX_BYTES]),
        header(1, 0x32, &[b'/'; UNIX_BYTES]),
        header(1, 0x10, &block),
    ] {
        assert_eq!(read_all(&bytes).await, (Ok(None), vec![]), "{bytes:?}");
    }
}

#[tokio::test]
async fn what_is_no_header_of_version_2_is_told_with_the_first_bytes_that_show_it() {
    for (bytes, error) in [
        (b"PROXY TCP4 192.0.2.7 192.0.2.1 4711 7373\r\n".as_slice(), HeaderError::Text),
        (b"PROXY ", HeaderError::Text),
        (b"PROXX", HeaderError::Absent),
        (b"\x16", HeaderError::Absent),
        (b"GET / HTTP/1.1\r\n", HeaderError::Absent),
        (b"\r\n\r\n\r", HeaderError::Absent),
    ] {
        assert_eq!(read_all(bytes).await.0, Err(error), "{bytes:?}");
    }
}

#[tokio::test]
async fn what_cannot_be_understood_is_refused() {
    let (family, block) = addresses(([192, 0, 2, 7], 4711).into());
    let mut version = header(1, family, &block);
    version[12] = 0x31;
    for (bytes, error) in [
        (version, HeaderError::Version(3)),
        (header(2, family, &block), HeaderError::Command(2)),
        (header(1, 0x41, &block), HeaderError::Family(0x41)),
        (header(1, 0x13, &block), HeaderError::Family(0x13)),
        (header(1, 0x11, &block[1..]), HeaderError::TooShort),
        (header(1, 0x21, &block), HeaderError::TooShort),
        (header(1, 0x31, &block), HeaderError::TooShort),
        (header(1, 0x11, &[block.as_slice(), &[4, 0]].concat()), HeaderError::Extension),
        (header(1, 0x11, &[block.as_slice(), &[4, 0, 1]].concat()), HeaderError::Extension),
        (header(1, 0x11, &[block.as_slice(), &extension(CHECKSUM, b"abc")].concat()), HeaderError::Extension),
    ] {
        assert_eq!(read_all(&bytes).await.0, Err(error));
    }
}

#[tokio::test]
async fn a_header_may_be_long_but_not_longer() {
    let (family, mut block) = addresses(([192, 0, 2, 7], 4711).into());
    let value = vec![0; MAX_BLOCK_BYTES - block.len() - 3];
    block.extend(extension(0xe0, &value));
    assert!(read_all(&header(1, family, &block)).await.0.is_ok());
    for command in [0, 1] {
        let longer = header(command, family, &[block.as_slice(), &[0]].concat());
        assert_eq!(read_all(&longer).await.0, Err(HeaderError::TooLong(MAX_BLOCK_BYTES + 1)));
    }
}

#[tokio::test]
async fn a_header_that_ends_early_is_no_header() {
    let (family, block) = addresses(([192, 0, 2, 7], 4711).into());
    let whole = header(1, family, &block);
    for end in 0..whole.len() {
        let error = read(&mut &whole[..end]).await.expect_err("it is not complete");
        assert!(matches!(&error, ReadError::Io(error) if error.kind() == io::ErrorKind::UnexpectedEof), "{error}");
    }
}

#[test]
fn the_checksum_is_that_of_the_standard() {
    assert_eq!(crc32c(b"123456789".iter()), 0xe306_9283);
    assert_eq!(crc32c([0; 32].iter()), 0x8a91_36aa);
}

proptest! {
    #[test]
    fn a_header_is_read_as_it_was_written(
        source: SocketAddr,
        extensions in prop::collection::vec((4_u8.., prop::collection::vec(any::<u8>(), 0..40)), 0..8),
        split in any::<prop::sample::Index>(),
        chunk in 1..64_usize,
        rest: Vec<u8>,
    ) {
        let (family, block) = addresses(source);
        let mut parts: Vec<Vec<u8>> = extensions.iter().map(|(kind, value)| extension(*kind, value)).collect();
        let after = parts.split_off(split.index(parts.len() + 1)).concat();
        let written = with_checksum(family, &[block, parts.concat()].concat(), &after);
        // However it comes.
        let bytes = [written.as_slice(), &rest].concat();
        let (mut ours, mut theirs) = tokio::io::duplex(chunk);
        let writing = async {
            theirs.write_all(&bytes).await.expect("it is read");
            drop(theirs);
        };
        let reading = async {
            let source = read(&mut ours).await.expect("a header");
            let mut left = Vec::new();
            ours.read_to_end(&mut left).await.expect("bytes");
            (source, left)
        };
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let ((), (read, left)) = runtime.block_on(async { tokio::join!(writing, reading) });
        // A scope and flow are not part of an address on the wire.
        prop_assert_eq!(read, Some(SocketAddr::new(source.ip(), source.port())));
        prop_assert_eq!(left, rest);
    }

    #[test]
    fn nothing_that_comes_is_a_panic(bytes: [u8; HEAD_BYTES], block: Vec<u8>) {
        let mut bytes = bytes;
        bytes[..12].copy_from_slice(SIGNATURE);
        bytes[12] = 0x20 | (bytes[12] & 3);
        if let Ok(head) = Head::new(bytes) {
            let _ = head.source(&block);
        }
    }
}
