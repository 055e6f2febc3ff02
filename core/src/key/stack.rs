//! The stack forgets.
//!
//! Libraries that work with a key move contexts and key schedules through their stack frames and leave copies behind.
//! Nothing wipes those until another call happens to need the place.

use std::hint::black_box;

const WORD_BYTES: usize = size_of::<u64>();

/// How deep hashes and ciphers reach: 15 KiB without optimisation, where every move of a context is a copy. The
/// contexts and key schedules themselves have less than 1 KiB each, so half is ample where few of the moves are left.
const CIPHER_WORDS: usize = if cfg!(debug_assertions) { 16 } else { 8 } * 1024 / WORD_BYTES;

/// How deep base64 and the random source reach: 5 KiB without optimisation. They hold a few blocks of bytes at a time.
const COPY_WORDS: usize = if cfg!(debug_assertions) { 8 } else { 2 } * 1024 / WORD_BYTES;

/// Does `work` with hashes or ciphers in a frame of its own, then overwrites the stack below, where its temporaries
/// were.
pub(super) fn wiped_after<T>(work: impl FnOnce() -> T) -> T {
    let result = in_own_frame(work);
    overwrite::<CIPHER_WORDS>();
    result
}

/// As [`wiped_after`], for `work` that only makes or copies bytes. Less to overwrite, since every request does it.
pub(super) fn lightly_wiped_after<T>(work: impl FnOnce() -> T) -> T {
    let result = in_own_frame(work);
    overwrite::<COPY_WORDS>();
    result
}

/// Never inlined, or the temporaries would lie in the caller's frame, which [`overwrite`] does not reach.
#[inline(never)]
fn in_own_frame<T>(work: impl FnOnce() -> T) -> T {
    work()
}

/// Begins at the same depth as [`in_own_frame`]. The black box keeps the compiler from leaving the zeros out.
#[inline(never)]
fn overwrite<const WORDS: usize>() {
    black_box([0_u64; WORDS].as_mut_slice());
}
