//! `kes man`.

use crate::program::kes;

#[test]
fn every_command_has_a_page() {
    let directory = tempfile::tempdir().expect("a directory");
    let pages = directory.path().join("man1");
    kes(["man", pages.to_str().expect("UTF-8")]).run().ok();
    let page = |name: &str| std::fs::read_to_string(pages.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
    for name in ["kes.1", "kes-server.1", "kes-key.1", "kes-key-create.1", "kes-identity-new.1", "kes-completion.1"] {
        let page = page(name);
        for heading in [".TH ", ".SH NAME\n", ".SH SYNOPSIS\n", ".SH OPTIONS\n", ".SH EXAMPLES\n"] {
            assert!(page.contains(heading), "{name}: no {heading:?} in {page}");
        }
    }
    let encrypt = page("kes-key-encrypt.1");
    assert!(encrypt.contains("NAME MESSAGE [CONTEXT]") && encrypt.contains(".SH DESCRIPTION\nMESSAGE is"), "{encrypt}");
    assert!(encrypt.contains("\n$ kes key encrypt my\\-key \"Hello World\"\n"), "{encrypt}");
    assert!(!encrypt.contains("enclave"), "{encrypt}");
    assert!(page("kes-key.1").contains("kes\\-key\\-create(1)"), "groups name their commands");
    for hidden in ["kes-tool.1", "kes-update.1", "kes-gateway.1"] {
        assert!(!pages.join(hidden).exists(), "{hidden}");
    }
}

#[test]
fn pages_need_one_directory_that_can_be_written() {
    assert_eq!(kes(["man"]).run().error(), "no directory specified. See 'kes man --help'");
    assert_eq!(kes(["man", "a", "b"]).run().error(), "too many arguments. See 'kes man --help'");
    let file = tempfile::NamedTempFile::new().expect("a file");
    let path = file.path().to_str().expect("UTF-8");
    assert!(kes(["man", path]).run().error().starts_with(&format!("cannot write '{path}': ")));
}
