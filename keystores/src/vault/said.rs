//! What Vault says of a refusal, as far as it may be repeated: errors quote requests now and then, and requests hold
//! tokens, credentials and keys.

use std::collections::HashSet;

/// The most that is repeated, in characters.
const MAX_TEXT: usize = 300;

/// How much of a secret is a secret, in bytes. Words that share so many with one are not repeated. What is shorter as a
/// whole protects nothing.
const PIECE: usize = 8;

/// What stands in place of a word that is not repeated.
const HIDDEN: &str = "[hidden]";

/// `text` on one line, without the words that hold a part of one of `secrets`.
pub(super) fn without(text: &str, secrets: &[&[u8]]) -> String {
    let is_gap = |c: char| c.is_whitespace() || c.is_control();
    let words: Vec<&str> = text.split(is_gap).filter(|word| !word.is_empty()).collect();
    let line: String = words.join(" ").chars().take(MAX_TEXT).collect();
    let said: HashSet<&[u8]> = line.as_bytes().windows(PIECE).collect();
    let pieces = secrets.iter().flat_map(|secret| secret.windows(PIECE));
    let repeated: HashSet<&[u8]> = pieces.filter(|piece| said.contains(piece)).collect();
    if repeated.is_empty() {
        return line;
    }
    let shown = line.split(' ').map(|word| {
        let is_secret = word.as_bytes().windows(PIECE).any(|piece| repeated.contains(piece));
        if is_secret { HIDDEN } else { word }
    });
    shown.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &[u8] = b"s.0123456789abcdefghijklmn";

    #[test]
    fn refusals_are_one_line_that_ends() {
        assert_eq!(
            without("1 error occurred:\n\t* permission denied\n\n", &[TOKEN]),
            "1 error occurred: * permission denied"
        );
        assert_eq!(without(&"word ".repeat(1000), &[]).len(), MAX_TEXT);
    }

    #[test]
    fn words_with_a_part_of_a_secret_are_hidden_wherever_they_stand() {
        for (text, shown) in [
            ("bad token s.0123456789abcdefghijklmn", "bad token [hidden]"),
            (r#"role "kes": token="s.0123456789abcdefghijklmn", expired"#, r#"role "kes": [hidden] expired"#),
            ("cut: 6789abcd…", "cut: [hidden]"),
            ("6789abc is too little to matter", "6789abc is too little to matter"),
        ] {
            assert_eq!(without(text, &[b"", b"other-secret", TOKEN]), shown);
        }
    }

    #[test]
    fn a_secret_of_several_words_is_hidden() {
        let entry = br#"{"version": "v1", "bytes": "J8qmJ8qmJ8qm"}"#;
        assert_eq!(without(r#"no {"bytes": "J8qmJ8qmJ8qm"} here"#, &[entry]), "no [hidden] [hidden] here");
    }
}
