//! Whether an HTTP/2 client has begun a head and not ended it, told from the heads of its frames (RFC 9113 §4.1):
//!
//! ```text
//! │ length (24) │ type (8) │ flags (8) │ stream (32) │ payload …
//! ```

use super::HTTP2_PREFACE_BYTES;

const FRAME_HEAD_BYTES: usize = 9;

const HEADERS: u8 = 1;
const CONTINUATION: u8 = 9;
const END_HEADERS: u8 = 4;

/// What came from a client, up to some byte. What is no HTTP/2 may be read as anything: the HTTP library ends it.
#[derive(Debug)]
pub(super) struct Frames {
    head: [u8; FRAME_HEAD_BYTES],
    /// How much of `head` has come.
    filled: usize,
    /// How much of the payload, or of the preface, is to come.
    missing: usize,
    /// The last frame that began is of the head of a request.
    is_head: bool,
    /// No further frame of that head follows.
    is_last: bool,
}

impl Frames {
    /// A connection of which nothing has come.
    pub(super) fn new() -> Self {
        Self { head: [0; FRAME_HEAD_BYTES], filled: 0, missing: HTTP2_PREFACE_BYTES, is_head: false, is_last: false }
    }

    /// Takes what came. Says whether the head of a request has begun by now and is not complete.
    pub(super) fn take(&mut self, mut bytes: &[u8]) -> bool {
        while !bytes.is_empty() {
            let payload = bytes.split_off(..self.missing.min(bytes.len())).unwrap_or_default();
            self.missing -= payload.len();
            let part = FRAME_HEAD_BYTES - self.filled;
            let head = bytes.split_off(..part.min(bytes.len())).unwrap_or_default();
            self.head[self.filled..][..head.len()].copy_from_slice(head);
            self.filled += head.len();
            if self.filled == FRAME_HEAD_BYTES {
                self.begin_frame();
            }
        }
        self.is_head && !(self.is_last && self.missing == 0)
    }

    fn begin_frame(&mut self) {
        let [a, b, c, kind, flags, ..] = self.head;
        self.filled = 0;
        self.missing = u32::from_be_bytes([0, a, b, c]) as usize;
        self.is_head = matches!(kind, HEADERS | CONTINUATION);
        self.is_last = flags & END_HEADERS != 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, flags: u8, length: u8) -> Vec<u8> {
        let mut frame = vec![0, 0, length, kind, flags, 0, 0, 0, 1];
        // A payload that would begin a head if it were read as a frame.
        frame.extend(std::iter::repeat_n(HEADERS, length.into()));
        frame
    }

    /// What a client sends, frame by frame, and whether a head is open behind each.
    fn conversation() -> Vec<(Vec<u8>, bool)> {
        vec![
            (vec![b'x'; HTTP2_PREFACE_BYTES], false),
            (frame(4, 0, 0), false),
            (frame(HEADERS, END_HEADERS | 1, 20), false),
            (frame(HEADERS, 0, 20), true),
            (frame(CONTINUATION, 0, 0), true),
            (frame(CONTINUATION, END_HEADERS, 7), false),
            (frame(0, 1, 200), false),
            (frame(HEADERS, 1, 0), true),
        ]
    }

    #[test]
    fn a_head_is_open_until_a_frame_says_that_it_ends() {
        let mut frames = Frames::new();
        for (index, (bytes, open)) in conversation().into_iter().enumerate() {
            assert_eq!(frames.take(&bytes), open, "frame {index}");
        }
    }

    #[test]
    fn a_head_is_open_until_its_last_frame_is_complete() {
        let mut frames = Frames::new();
        frames.take(&[b'x'; HTTP2_PREFACE_BYTES]);
        for kind in [HEADERS, CONTINUATION] {
            let mut rest = frame(kind, END_HEADERS, 20);
            let end = rest.split_off(28);
            assert!(frames.take(&rest));
            assert!(!frames.take(&end));
        }
    }

    #[test]
    fn frames_are_told_apart_however_they_come() {
        let (bytes, open): (Vec<_>, Vec<_>) = conversation().into_iter().unzip();
        for end in 1..=bytes.len() {
            let all = bytes[..end].concat();
            for size in [1, 2, 9, 10, 33, 1000] {
                let mut frames = Frames::new();
                let last = all.chunks(size).map(|chunk| frames.take(chunk)).last();
                assert_eq!(last, Some(open[end - 1]), "{end} frames in pieces of {size}");
            }
        }
    }
}
