//! Listings in pages, where the server has them: OpenBao does for version 2. Others send the whole folder (specification:
//! `keystores.md` §4.5). Which kind it is shows in what it answers.

use std::sync::atomic::Ordering;

use kes_config::keystore::KvVersion;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::api::Api;
use super::kv::Kv;
use crate::{Page, StoreError, listing};

/// Most names of one call, so that folders of any size can be listed with answers far below their limit.
const MOST_NAMES: usize = 10_000;

impl Kv {
    /// The names from `start_at` on that begin with `prefix`, `limit` of them at the most.
    pub(super) async fn list(
        &self,
        api: &Api,
        prefix: &str,
        start_at: Option<&str>,
        limit: usize,
    ) -> Result<Page, StoreError> {
        if self.folder.version == KvVersion::V2
            && !self.sends_all.load(Ordering::Relaxed)
            && let Some(page) = self.list_in_pages(api, prefix, start_at, limit).await?
        {
            return Ok(page);
        }
        let all = self.all(api).await?;
        // Folders end in `/`, which no name does (defect V13).
        Ok(listing::page(all.iter().filter_map(|text| listing::listed(text)), prefix, start_at, limit))
    }

    /// `None` if the server has no pages, which is remembered.
    async fn list_in_pages(
        &self,
        api: &Api,
        prefix: &str,
        start_at: Option<&str>,
        limit: usize,
    ) -> Result<Option<Page>, StoreError> {
        let limit = limit.max(1);
        // One more tells whether there are more.
        let count = limit.saturating_add(1).min(MOST_NAMES);
        let mut after = before(prefix.max(start_at.unwrap_or_default()));
        let mut names = Vec::new();
        loop {
            let query = format!("&after={}&limit={count}", utf8_percent_encode(&after, NON_ALPHANUMERIC));
            let texts = self.keys(api, &query).await?;
            let follows = |last: &str, next: &str| last.is_empty() || last < next;
            let ascends =
                texts.iter().try_fold(after.as_str(), |last, next| follows(last, next).then_some(next.as_str()));
            if texts.len() > count || ascends.is_none() {
                self.sends_all.store(true, Ordering::Relaxed);
                return Ok(None);
            }
            names.extend(texts.iter().filter_map(|text| listing::listed(text)));
            let is_last = texts.len() < count;
            after = texts.into_iter().next_back().unwrap_or_default();
            let is_past = !after.starts_with(prefix) && after.as_str() > prefix;
            let page = listing::page(names.iter().cloned(), prefix, start_at, limit);
            if is_last || is_past || page.next.is_some() {
                return Ok(Some(page));
            }
        }
    }
}

/// What no listed name is, and all from `begin` on come after: the server leaves out what it is told to begin after. In
/// order, `~` is behind all characters of names.
fn before(begin: &str) -> String {
    let mut before = begin.to_owned();
    match before.pop() {
        // Listings begin with what a name can have, which has a printable character before it.
        Some(last) if last.is_ascii_graphic() => {
            before.push(char::from(last as u8 - 1));
            before.push('~');
        }
        _ => {}
    }
    before
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listing_begins_just_before_its_first_name() {
        for (begin, expected) in [("", ""), ("a", "`~"), ("my-0", "my-/~"), ("my-", "my,~")] {
            assert_eq!(before(begin), expected);
            assert!(expected <= begin);
        }
        assert!("my-/zzz" < before("my-0").as_str() && before("my-0").as_str() < "my-0");
    }
}
