//! Memory for root keys: locked against swap, between guard pages, left out of core dumps.
//!
//! This is the only file of the project with `unsafe`.
//!
//! A guarded allocation per key would cost three pages, 4 KiB of the lock limit and five mappings each, and end at
//! 13,000 keys. So keys share regions of 64 KiB:
//!
//! ```text
//! │ guard page │ canary │ slot 0 │ slot 1 │ … │ slot 1022 │ guard page │
//!              └────────────── locked, MADV_DONTDUMP ──────┘
//! ```
//!
//! A slot is wiped when it is given back. Regions are kept: the memory of an emptied cache is used again by the next
//! keys, and 100,000 of them need 98 regions or 6.3 MiB.
#![allow(unsafe_code)]

use std::fmt;
use std::ptr::NonNull;
use std::sync::{Mutex, MutexGuard, PoisonError};

use zeroize::Zeroize;

/// Bytes of one [`Locked`]: a secret key and an HMAC key.
pub const LOCKED_BYTES: usize = 64;

/// What memsec puts before the bytes that it hands out.
const CANARY_BYTES: usize = 16;

/// With its canary, a region fills 16 pages of 4 KiB.
const REGION_BYTES: usize = 64 * 1024 - CANARY_BYTES;

type Slot = [u8; LOCKED_BYTES];

/// 64 secret bytes in locked memory.
pub struct Locked {
    /// Points to a slot that nothing else points to until this is dropped.
    slot: NonNull<Slot>,
}

// SAFETY: the slot belongs to this value alone, like the content of a `Box`.
unsafe impl Send for Locked {}
// SAFETY: shared access only reads.
unsafe impl Sync for Locked {}

impl Locked {
    /// Makes a secret where it will stay: `fill` gets the zeroed slot.
    ///
    /// # Errors
    /// Those of `fill`; what it wrote until then is wiped.
    pub fn try_init_with<E>(fill: impl FnOnce(&mut [u8; LOCKED_BYTES]) -> Result<(), E>) -> Result<Self, E> {
        let mut locked = Self { slot: arena().take() };
        // SAFETY: the slot was taken from the free list, so nobody else refers to it.
        fill(unsafe { locked.slot.as_mut() })?;
        Ok(locked)
    }

    /// The bytes.
    #[must_use]
    pub fn expose(&self) -> &[u8; LOCKED_BYTES] {
        // SAFETY: the slot is valid and initialised until this value is dropped, and only `&self` access exists.
        unsafe { self.slot.as_ref() }
    }
}

impl Drop for Locked {
    fn drop(&mut self) {
        // SAFETY: this is the last access to the slot before it is given back.
        unsafe { self.slot.as_mut() }.zeroize();
        arena().give_back(self.slot);
    }
}

impl fmt::Debug for Locked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Locked")
    }
}

/// How the memory for root keys is protected at present.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MemoryLock {
    /// Bytes in regions that are locked against swap.
    pub locked_bytes: usize,
    /// Bytes in regions that could not be locked, usually for want of `RLIMIT_MEMLOCK`.
    pub unlocked_bytes: usize,
    /// Why the last region could not be locked.
    pub failure: Option<String>,
}

/// Reports how the memory for root keys is protected. Makes the first region if there is none, so that the answer at
/// start is what the first key will find.
#[must_use]
pub fn memory_lock() -> MemoryLock {
    let mut arena = arena();
    if arena.free.is_empty() && arena.report == MemoryLock::default() {
        arena.add_region();
    }
    arena.report.clone()
}

/// All regions' free slots, and how well the regions are protected.
struct Arena {
    free: Vec<NonNull<Slot>>,
    report: MemoryLock,
}

// SAFETY: the pointers in the free list point to slots that nothing else refers to.
unsafe impl Send for Arena {}

static ARENA: Mutex<Arena> =
    Mutex::new(Arena { free: Vec::new(), report: MemoryLock { locked_bytes: 0, unlocked_bytes: 0, failure: None } });

/// The arena. A panic while it was held leaves at worst a slot unused, so a poisoned lock is as good as any.
fn arena() -> MutexGuard<'static, Arena> {
    ARENA.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Arena {
    fn take(&mut self) -> NonNull<Slot> {
        if self.free.is_empty() {
            self.add_region();
        }
        self.free.pop().expect("a new region has slots")
    }

    fn give_back(&mut self, slot: NonNull<Slot>) {
        self.free.push(slot);
    }

    fn add_region(&mut self) {
        // SAFETY: any size is allowed; the result is checked.
        let Some(region) = (unsafe { memsec::malloc_sized(REGION_BYTES) }) else {
            std::alloc::handle_alloc_error(std::alloc::Layout::new::<[u8; REGION_BYTES]>());
        };
        let start = region.cast::<u8>();
        // SAFETY: memsec returned this many writable bytes, which nobody else refers to.
        unsafe { start.write_bytes(0, REGION_BYTES) };
        // memsec locks the region too but drops the outcome. Locking twice is one lock.
        // SAFETY: the range is the region that was just allocated.
        match unsafe { rustix::mm::mlock(start.as_ptr().cast(), REGION_BYTES) } {
            Ok(()) => self.report.locked_bytes += REGION_BYTES,
            Err(error) => {
                self.report.unlocked_bytes += REGION_BYTES;
                self.report.failure = Some(std::io::Error::from(error).to_string());
            }
        }
        let slots = REGION_BYTES / LOCKED_BYTES;
        self.free.reserve(slots);
        for index in 0..slots {
            // SAFETY: `index` counts whole slots inside the region; byte arrays need no alignment.
            self.free.push(unsafe { start.add(index * LOCKED_BYTES) }.cast());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::convert::Infallible;

    fn locked(byte: u8) -> Locked {
        Locked::try_init_with(|slot| {
            assert_eq!(*slot, [0; LOCKED_BYTES], "a slot comes wiped");
            slot.fill(byte);
            Ok::<_, Infallible>(())
        })
        .expect("infallible")
    }

    #[test]
    fn a_hundred_thousand_keys_fit() {
        let keys: Vec<Locked> = (0..100_000u32).map(|i| locked(i as u8)).collect();
        assert!(keys.iter().enumerate().all(|(i, key)| key.expose() == &[i as u8; LOCKED_BYTES]));
        let report = memory_lock();
        assert!(report.locked_bytes + report.unlocked_bytes >= 100_000 * LOCKED_BYTES);
        drop(keys);
        let before = memory_lock();
        let again: Vec<Locked> = (0..50_000u32).map(|i| locked(!i as u8)).collect();
        assert_eq!(memory_lock(), before, "given back slots are used again, {}", again.len());
    }

    #[test]
    fn a_failed_fill_gives_the_slot_back_wiped() {
        let failed: Result<Locked, &str> = Locked::try_init_with(|slot| {
            slot.fill(9);
            Err("no")
        });
        assert_eq!(failed.unwrap_err(), "no");
        drop(locked(1));
    }

    #[test]
    fn regions_are_left_out_of_core_dumps() {
        let key = locked(3);
        let address = key.expose().as_ptr() as usize;
        let maps = std::fs::read_to_string("/proc/self/smaps").expect("smaps");
        let flags = maps
            .split_inclusive("VmFlags:")
            .zip(maps.split("VmFlags:").skip(1))
            .find_map(|(entry, flags)| {
                let range = entry.lines().find_map(|line| {
                    line.split_whitespace().next()?.split_once('-').filter(|(low, _)| low.len() >= 8)
                })?;
                let low = usize::from_str_radix(range.0, 16).ok()?;
                let high = usize::from_str_radix(range.1, 16).ok()?;
                (low..high).contains(&address).then(|| flags.lines().next().unwrap_or_default().to_owned())
            })
            .expect("the slot is mapped");
        assert!(flags.split_whitespace().any(|flag| flag == "dd"), "MADV_DONTDUMP is missing in `{flags}`");
    }
}
