//! Where things are in Vault's API (specification: `keystores.md` §4.1).

use kes_config::keystore::KvVersion;
use kes_core::KeyName;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// What is written as it is in a path: RFC 3986's unreserved characters.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The path below `/v1` with these parts, each of which may have several segments; empty segments vanish.
pub(super) fn path(parts: &[&str]) -> String {
    let mut path = "/v1".to_owned();
    for segment in parts.iter().flat_map(|part| part.split('/')).filter(|segment| !segment.is_empty()) {
        path.push('/');
        path.extend(utf8_percent_encode(segment, SEGMENT));
    }
    path
}

/// Whether Vault can have an entry of this name. It refuses what does not print, which spaces other than the usual one
/// do not.
pub(super) fn can_address(name: &KeyName) -> bool {
    name.as_str().chars().all(|c| c == ' ' || !c.is_whitespace())
}

/// Where entries are.
#[derive(Debug)]
pub(super) struct Folder {
    pub(super) engine: String,
    pub(super) prefix: String,
    pub(super) version: KvVersion,
}

impl Folder {
    /// For reading and writing.
    pub(super) fn entry(&self, name: &KeyName) -> String {
        match self.version {
            KvVersion::V1 => path(&[&self.engine, &self.prefix, name.as_str()]),
            KvVersion::V2 => path(&[&self.engine, "data", &self.prefix, name.as_str()]),
        }
    }

    /// For deleting: with version 2 all versions of the entry and what is known of them.
    pub(super) fn whole_entry(&self, name: &KeyName) -> String {
        match self.version {
            KvVersion::V1 => self.entry(name),
            KvVersion::V2 => path(&[&self.engine, "metadata", &self.prefix, name.as_str()]),
        }
    }

    pub(super) fn listing(&self) -> String {
        let path = match self.version {
            KvVersion::V1 => path(&[&self.engine, &self.prefix]),
            KvVersion::V2 => path(&[&self.engine, "metadata", &self.prefix]),
        };
        path + "?list=true"
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::name;

    fn folder(version: KvVersion, prefix: &str) -> Folder {
        Folder { engine: "secret/kv/".to_owned(), prefix: prefix.to_owned(), version }
    }

    #[test]
    fn entries_are_where_the_reference_has_them() {
        let (one, two) = (folder(KvVersion::V1, "tenant"), folder(KvVersion::V2, "/tenant//a/"));
        assert_eq!(one.entry(&name("my-key")), "/v1/secret/kv/tenant/my-key");
        assert_eq!(one.whole_entry(&name("my-key")), "/v1/secret/kv/tenant/my-key");
        assert_eq!(one.listing(), "/v1/secret/kv/tenant?list=true");
        assert_eq!(two.entry(&name("my-key")), "/v1/secret/kv/data/tenant/a/my-key");
        assert_eq!(two.whole_entry(&name("my-key")), "/v1/secret/kv/metadata/tenant/a/my-key");
        assert_eq!(folder(KvVersion::V2, "").listing(), "/v1/secret/kv/metadata?list=true");
    }

    #[test]
    fn names_are_one_segment_whatever_is_in_them() {
        let folder = folder(KvVersion::V1, "");
        assert_eq!(folder.entry(&name("a b?#%")), "/v1/secret/kv/a%20b%3F%23%25");
        assert_eq!(folder.entry(&name("my.key~_")), "/v1/secret/kv/my.key~_");
        assert!(can_address(&name("a b")) && !can_address(&name("a\u{a0}b")));
    }
}
