//! Files that nobody should write.

use proptest::prelude::*;

use crate::{File, parse, problems};

#[test]
fn nesting_ends_at_its_limit() {
    let nested = |depth: usize| format!("{}x-deep: {}{}\n", File::base().text(), "[".repeat(depth), "]".repeat(depth));
    assert!(parse(&nested(31)).is_ok());
    assert!(problems(&nested(32))[0].contains("levels deep"));
    assert!(problems(&nested(100_000))[0].contains("levels deep"));
    let block: String = (0..40).map(|depth| format!("{}a:\n", " ".repeat(depth))).collect();
    assert!(problems(&block)[0].contains("levels deep"));
}

#[test]
fn aliases_count_for_what_they_stand_for() {
    let mut bomb = File::base().text() + "x-0: &a0 [a, a, a, a, a, a, a, a, a, a]\n";
    for level in 1..12 {
        let aliases = vec![format!("*a{}", level - 1); 10].join(", ");
        bomb += &format!("x-{level}: &a{level} [{aliases}]\n");
    }
    assert!(problems(&bomb)[0].contains("grows beyond"));

    let mut chain = File::base().text() + "x-0: &a0 [a]\n";
    for level in 1..40 {
        chain += &format!("x-{level}: &a{level} [*a{}]\n", level - 1);
    }
    assert!(problems(&chain)[0].contains("levels deep"));

    let long =
        format!("{}x-0: &a {}\nx-1: [{}]\n", File::base().text(), "b".repeat(100_000), vec!["*a"; 100].join(", "));
    assert!(problems(&long)[0].contains("grows beyond"));
}

#[test]
fn a_merge_key_gives_way_to_what_stands_beside_it_and_to_earlier_ones() {
    let text = "x-a: &a {key: a, cert: a}\nx-b: &b {key: b, cert: b, ca: b}\nadmin: {identity: disabled}\n\
                tls: {<<: [*a, *b], cert: mine}\nkeystore: {fs: {path: p}}\n";
    let tls = crate::config(text).tls;
    assert_eq!(tls.key.to_str(), Some("a"));
    assert_eq!(tls.cert.to_str(), Some("mine"));
    assert_eq!(tls.ca.as_deref().and_then(std::path::Path::to_str), Some("b"));
}

#[test]
fn a_file_full_of_policies_is_no_bomb() {
    let policies: String = (0..7400)
        .map(|n| format!("  policy-{n}:\n    allow: [/v1/key/create/app-{n}-*]\n    identities: [{n:064x}]\n"))
        .collect();
    let text = File::base().with("policy", format!("policy:\n{policies}")).text();
    assert!(text.len() > 1_000_000 && text.len() <= 1024 * 1024);
    assert_eq!(crate::config(&text).access.policies().count(), 7400);
}

#[test]
fn what_stands_in_the_file_cannot_forge_a_line_of_the_log() {
    let found =
        problems(&File::base().with("extra", "\"a\\nkes.yaml:1:1: b\": 1\npolicy: {\"x\\ny\": {allow: 1}}").text());
    assert!(found.iter().all(|text| !text.contains('\n')), "{found:#?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn any_text_is_read_or_refused(text in "\\PC{0,200}") {
        let _ = parse(&text);
    }

    #[test]
    fn any_text_of_yaml_characters_is_read_or_refused(text in "[-a-c:?&*<>!|{}\\[\\]'\"#%@,~$\\\\ \n\t\r]{0,200}") {
        let _ = parse(&text);
    }

    #[test]
    fn a_damaged_file_is_read_or_refused(
        position in 0..2000usize,
        replacement in "\\PC{0,3}|[-:&*<{}\\[\\]'\"#\n\t ]{0,3}",
        length in 0..4usize,
    ) {
        let text = include_str!("../../../kes-config.yaml.example");
        let mut characters: Vec<char> = text.chars().filter(|c| *c != '#').collect();
        let start = (position * 7) % characters.len();
        let end = (start + length).min(characters.len());
        characters.splice(start..end, replacement.chars());
        let _ = parse(&characters.into_iter().collect::<String>());
    }
}
