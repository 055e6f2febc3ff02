//! Which known name somebody may have meant.

/// Longest text that is compared. Settings are shorter, and the work grows with the square.
const MAX_COMPARED_CHARS: usize = 64;

/// The known name that is the fewest edits away, if that is fewer than half of the longer one.
pub(crate) fn nearest<'n>(text: &str, names: &[&'n str]) -> Option<&'n str> {
    let text: Vec<char> = text.chars().take(MAX_COMPARED_CHARS + 1).flat_map(char::to_lowercase).collect();
    if text.len() > MAX_COMPARED_CHARS {
        return None;
    }
    let near = |name: &&'n str| {
        let edits = edits(&text, name);
        (2 * edits < text.len().max(name.len())).then_some((edits, *name))
    };
    names.iter().filter_map(near).min_by_key(|(edits, _)| *edits).map(|(_, name)| name)
}

/// How many characters must be added, removed or replaced (Levenshtein's distance, one row at a time).
fn edits(text: &[char], name: &str) -> usize {
    let mut row: Vec<usize> = (0..=text.len()).collect();
    for (i, known) in name.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, &written) in text.iter().enumerate() {
            let replaced = diagonal + usize::from(written != known);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(row[j + 1] + 1);
        }
    }
    row[text.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_found_and_a_far_one_is_not() {
        let names = ["address", "admin", "policy", "tls"];
        assert_eq!(nearest("Admin", &names), Some("admin"));
        assert_eq!(nearest("policies", &names), Some("policy"));
        assert_eq!(nearest("adress", &names), Some("address"));
        assert_eq!(nearest("listeners", &names), None);
        assert_eq!(nearest("", &names), None);
        assert_eq!(nearest(&"tls".repeat(1000), &names), None);
    }

    #[test]
    fn edits_are_counted() {
        let count = |text: &str, name| edits(&text.chars().collect::<Vec<_>>(), name);
        assert_eq!(count("kitten", "sitting"), 3);
        assert_eq!(count("", "abc"), 3);
        assert_eq!(count("abc", ""), 3);
        assert_eq!(count("same", "same"), 0);
    }
}
