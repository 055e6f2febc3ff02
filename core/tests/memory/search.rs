//! The search of all memory of this process for pieces of secrets.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;

use kes_core::key::encoding::decode_base64;
use zeroize::Zeroize;

/// Freed memory loses its first 16 bytes to the allocator and stack slots are overwritten in part, so pieces are
/// searched for. Eight random bytes are not there by chance.
const PIECE_BYTES: usize = 8;

/// How much memory is read at once.
const WINDOW_BYTES: usize = 1024 * 1024;

/// Pieces of secrets, inverted so that the search does not find its own list, and what they are.
#[derive(Default)]
pub struct Wanted(Vec<([u8; PIECE_BYTES], String)>);

impl Wanted {
    /// Adds a secret whose bytes are inverted already.
    pub fn add_inverted(&mut self, inverted: &[u8], what: &str) {
        for (number, piece) in inverted.chunks_exact(PIECE_BYTES).enumerate() {
            let piece = piece.try_into().expect("a whole piece");
            self.0.push((piece, format!("{what}, bytes from {}", number * PIECE_BYTES)));
        }
    }

    /// Adds a secret.
    pub fn add(&mut self, secret: &[u8], what: &str) {
        let inverted: Vec<u8> = secret.iter().map(|byte| !byte).collect();
        self.add_inverted(&inverted, what);
    }

    /// Adds what is secret in a stored key of the current form: the two keys, and their digits in the text.
    pub fn add_stored(&mut self, text: &[u8], name: &str) {
        let message = decode_base64(text).expect("the current form");
        for (what, secret) in secrets_of(text, message.expose()) {
            self.add(secret, &format!("{what} of {name}"));
        }
    }

    /// How many pieces there are.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// Adds all of `other`.
    pub fn extend(&mut self, other: Self) {
        self.0.extend(other.0);
    }
}

/// The secret parts of a stored key of the current form, given its text and its bytes.
pub fn secrets_of<'a>(text: &'a [u8], message: &'a [u8]) -> [(&'static str, &'a [u8]); 4] {
    [
        ("root key", &message[4..36]),
        ("HMAC key", &message[42..74]),
        ("text of the root key", &text[8..48]),
        ("text of the HMAC key", &text[56..96]),
    ]
}

/// The memory of this process.
pub struct Memory(File);

impl Memory {
    /// Opens it. What forbids the access later does not end this one.
    pub fn open() -> Self {
        Self(File::open("/proc/self/mem").expect("own memory"))
    }

    /// Which of `wanted` is in any readable mapping, and where.
    pub fn search(&self, wanted: &Wanted) -> Vec<String> {
        let mut starts = vec![false; 1 << 16];
        for (piece, _) in &wanted.0 {
            starts[usize::from(u16::from_le_bytes([piece[0], piece[1]]))] = true;
        }
        let mut window = vec![0; WINDOW_BYTES];
        let mut found = Vec::new();
        for map in fs::read_to_string("/proc/self/maps").expect("own maps").lines() {
            let mut words = map.split_whitespace();
            let (range, rights) = (words.next().expect("a range"), words.next().expect("rights"));
            // The kernel's own pages cannot be read this way.
            if !rights.starts_with('r') || map.ends_with("[vsyscall]") || map.contains("[vvar") {
                continue;
            }
            let (low, high) = range.split_once('-').expect("two addresses");
            let address = |text| u64::from_str_radix(text, 16).expect("an address");
            let (mut low, high) = (address(low), address(high));
            while low < high {
                let length = WINDOW_BYTES.min(usize::try_from(high - low).expect("64 bits"));
                // A mapping may have shrunk since.
                if self.0.read_exact_at(&mut window[..length], low).is_err() {
                    break;
                }
                for (at, what) in matches(&window[..length], wanted, &starts) {
                    found.push(format!("{what} at {:x} in {map}", low + at as u64));
                }
                // Windows overlap, so that no piece is cut. The last one ends the mapping.
                low += if length < WINDOW_BYTES { length } else { length - PIECE_BYTES } as u64;
            }
        }
        window.zeroize();
        found
    }
}

fn matches<'a>(window: &'a [u8], wanted: &'a Wanted, starts: &'a [bool]) -> impl Iterator<Item = (usize, &'a str)> {
    let candidates = window.windows(PIECE_BYTES).enumerate();
    candidates
        .filter(|(_, bytes)| starts[usize::from(!bytes[0]) | usize::from(!bytes[1]) << 8])
        .flat_map(|(at, bytes)| wanted.0.iter().map(move |piece| (at, bytes, piece)))
        .filter(|(_, bytes, (piece, _))| piece.iter().zip(*bytes).all(|(inverted, byte)| *inverted == !byte))
        .map(|(at, _, (_, what))| (at, what.as_str()))
}

/// Shows that the search finds what is there, and only that.
pub fn assert_finds_what_is_kept(memory: &Memory) {
    let mut kept = Box::new([0_u8; 32]);
    aws_lc_rs::rand::fill(&mut *kept).expect("random");
    let mut wanted = Wanted::default();
    wanted.add(&*kept, "kept");
    let place = |offset: usize| format!("bytes from {offset} at {:x} ", kept.as_ptr() as usize + offset);
    let places = [0, 8, 16, 24].map(place);
    let found = memory.search(&wanted);
    assert!(places.iter().all(|place| found.iter().any(|found| found.contains(place))), "{found:?}");
    kept.zeroize();
    let found = memory.search(&wanted);
    assert!(!places.iter().any(|place| found.iter().any(|found| found.contains(place))), "{found:?}");
}
