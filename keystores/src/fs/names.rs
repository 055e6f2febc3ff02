//! Which names the file store gives to files (specification: `keystores.md` §3, decisions 19 and 33).

use kes_core::KeyName;
use kes_core::name::MAX_STORED_NAME_BYTES;

/// What the names of files that are still being written begin with. No key's name begins with a dot.
const TEMPORARY_PREFIX: &str = ".kes-";

/// Digits of the random number in a temporary name: 64 bits.
const RANDOM_DIGITS: usize = 16;

/// Most digits of a process id on Linux.
const MAX_PID_DIGITS: usize = 10;

/// Whether an entry of this name can be a file of that very name, and no other file of ours.
pub(super) fn is_addressable(name: &KeyName) -> bool {
    let text = name.as_str();
    text.len() <= MAX_STORED_NAME_BYTES && !text.starts_with('.') && !text.contains('\\')
}

/// Whether the content decides if the file is ours: names that older releases allowed are anybody's.
pub(super) fn needs_a_look_inside(name: &KeyName) -> bool {
    !name.is_strict() && !name.is_reserved()
}

/// A name for a file that is being written: `.kes-<pid>-<16 hex>`.
pub(super) fn temporary() -> String {
    format!("{TEMPORARY_PREFIX}{}-{:016x}", std::process::id(), fastrand::u64(..))
}

/// Whether [`temporary`] could have made the name, in whatever process.
pub(super) fn is_temporary(name: &str) -> bool {
    let Some((pid, random)) = name.strip_prefix(TEMPORARY_PREFIX).and_then(|rest| rest.split_once('-')) else {
        return false;
    };
    (1..=MAX_PID_DIGITS).contains(&pid.len())
        && pid.bytes().all(|byte| byte.is_ascii_digit())
        && random.len() == RANDOM_DIGITS
        && random.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_would_hide_or_confuse_a_file_are_not_addressable() {
        for name in ["my-key", "my.key", "old-", "☰", "a b", "my-key--v2-"] {
            assert!(is_addressable(&KeyName::stored(name).expect(name)), "{name}");
        }
        for name in [".hidden", "a\\b", ".kes-1-0123456789abcdef"] {
            assert!(!is_addressable(&KeyName::stored(name).expect(name)), "{name}");
        }
    }

    #[test]
    fn temporary_names_are_known_again_and_nothing_else_is() {
        let name = temporary();
        assert!(is_temporary(&name), "{name}");
        assert_ne!(name, temporary());
        assert!(KeyName::stored(&name).is_ok_and(|name| !is_addressable(&name)));
        for name in [
            ".kes-1-0123456789abcde",
            ".kes-1-0123456789abcdef0",
            ".kes-1-0123456789ABCDEF",
            ".kes--0123456789abcdef",
            ".kes-12345678901-0123456789abcdef",
            ".kes-x-0123456789abcdef",
            ".kes-1-0123456789abcdef~",
            ".kes-1",
            "kes-1-0123456789abcdef",
            ".hidden",
        ] {
            assert!(!is_temporary(name), "{name}");
        }
    }
}
