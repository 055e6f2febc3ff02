//! The stack forgets.
//!
//! Libraries that work with a key move contexts and key schedules through their stack frames and leave copies behind.
//! Nothing wipes those until another call happens to need the place.

use std::hint::black_box;

/// How much is overwritten: more than what the primitives that are called here use (measured: below 4 KiB in a
/// build without optimisation).
const WIPED_WORDS: usize = 1024;

/// Does `work` in a frame of its own, then overwrites the stack below, where its temporaries were.
pub(super) fn wiped_after<T>(work: impl FnOnce() -> T) -> T {
    let result = in_own_frame(work);
    overwrite();
    result
}

/// Never inlined, or the temporaries would lie in the caller's frame, which [`overwrite`] does not reach.
#[inline(never)]
fn in_own_frame<T>(work: impl FnOnce() -> T) -> T {
    work()
}

/// Begins at the same depth as [`in_own_frame`]. The black box keeps the compiler from leaving the zeros out.
#[inline(never)]
fn overwrite() {
    black_box([0_u64; WIPED_WORDS].as_mut_slice());
}
