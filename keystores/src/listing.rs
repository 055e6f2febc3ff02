//! What the listings of all stores have in common: which names they show, and how a page is cut.

use kes_core::KeyName;

use crate::Page;

/// The name, if a listing shows it: strict and reserved ones. All else is somebody else's.
pub(crate) fn listed(text: &str) -> Option<KeyName> {
    KeyName::stored(text).ok().filter(|name| name.is_strict() || name.is_reserved())
}

/// The page that [`list`](crate::KeyStore::list) promises, out of all names in any order.
pub(crate) fn page(names: impl Iterator<Item = KeyName>, prefix: &str, start_at: Option<&str>, limit: usize) -> Page {
    let limit = limit.max(1);
    let mut names: Vec<KeyName> = names
        .filter(|name| name.as_str().starts_with(prefix) && start_at.is_none_or(|start| name.as_str() >= start))
        .collect();
    names.sort_unstable();
    names.dedup();
    let next = names.get(limit).cloned();
    names.truncate(limit);
    Page { names, next }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn names(texts: &[String]) -> impl Iterator<Item = KeyName> {
        texts.iter().filter_map(|text| listed(text))
    }

    #[test]
    fn strict_and_reserved_names_are_listed_and_no_others() {
        for name in ["my-key", "a", "my-key--v2-"] {
            assert!(listed(name).is_some(), "{name}");
        }
        for name in ["my.key", "old-", ".kes-1-0123456789abcdef", "lost+found", "", "sub/", "_"] {
            assert!(listed(name).is_none(), "{name}");
        }
    }

    #[test]
    fn a_limit_of_zero_is_one() {
        let all = ["a".to_owned(), "b".to_owned()];
        let page = page(names(&all), "", None, 0);
        assert_eq!(page.names.len(), 1);
        assert_eq!(page.next.expect("a second name").as_str(), "b");
    }

    proptest! {
        #[test]
        fn pages_of_any_size_are_the_sorted_names_each_once(
            texts in proptest::collection::vec("[a-c_-]{1,4}", 0..60), prefix in "[a-c]{0,2}", limit in 1usize..7
        ) {
            let mut expected: Vec<&str> =
                texts.iter().filter(|text| listed(text).is_some() && text.starts_with(&prefix)).map(|s| &**s).collect();
            expected.sort_unstable();
            expected.dedup();
            let mut seen = Vec::new();
            let mut start: Option<KeyName> = None;
            loop {
                let page = page(names(&texts), &prefix, start.as_ref().map(KeyName::as_str), limit);
                prop_assert!(page.names.len() <= limit);
                seen.extend(page.names.iter().map(|name| name.as_str().to_owned()));
                start = page.next;
                if start.is_none() {
                    break;
                }
            }
            prop_assert_eq!(seen, expected);
        }
    }
}
