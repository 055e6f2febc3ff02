use crate::program::{Outcome, kes};

#[test]
fn help_that_was_asked_for_goes_to_stdout() {
    for path in [
        "",
        "server",
        "healthcheck",
        "doctor",
        "key",
        "key create",
        "key import",
        "key dek",
        "key hmac",
        "identity",
        "identity new",
        "identity of",
        "policy",
        "policy info",
        "policy ls",
        "policy show",
        "policy explain",
        "policy lint",
        "config",
        "config check",
        "ls",
        "log",
        "status",
        "metric",
        "migrate",
        "completion",
        "man",
        "update",
    ] {
        let words: Vec<&str> = path.split_whitespace().collect();
        let long = kes(words.iter().chain(&["--help"])).run().ok();
        for heading in ["\nUsage:\n    kes", "\nOptions:\n", "\n  -h, --help", "\nExamples:\n    $ kes "] {
            assert!(long.contains(heading), "{path}: no {heading:?} in {long}");
        }
        assert!(!long.contains("\n\n\n"), "{long}");
        assert!(long.contains(&format!("kes {path}")), "{long}");
        assert_eq!(kes(words.iter().chain(&["-h"])).run().ok(), long);
        assert_eq!(kes(["help"].iter().chain(&words)).run().ok(), long);
    }
}

#[test]
fn help_for_want_of_a_command_goes_to_stderr() {
    for path in [vec![], vec!["key"], vec!["policy"], vec!["config"]] {
        let Outcome { code, stdout, stderr } = kes(&path).run();
        assert_eq!((code, stdout.as_str()), (Some(2), ""));
        assert_eq!(stderr, kes(path.iter().chain(&["--help"])).run().ok());
    }
}

#[test]
fn old_spellings_work_and_are_not_advertised() {
    let text = kes(["key", "-h"]).run().ok();
    for hidden in ["derive", "delete", "list ", "\n  help "] {
        assert!(!text.contains(hidden), "{hidden}");
    }
    assert!(!kes(["-h"]).run().ok().contains("tool"));
    let text = kes(["server", "-h"]).run().ok();
    for hidden in ["--mlock", "--quiet", "--auth", "--root", "--key", "--cert"] {
        assert!(!text.contains(hidden), "{hidden}");
    }
    assert!(!kes(["key", "create", "-h"]).run().ok().contains("enclave"));
}

#[test]
fn the_version_has_four_lines_whose_columns_stand_still() {
    for flag in ["-v", "--version"] {
        let text = kes([flag]).run().ok();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 4);
        for (line, label) in lines.iter().zip(["Version", "Runtime", "License", "Copyright"]) {
            assert_eq!(
                (line.get(..11), line.get(33..34)),
                (Some(format!("{label:<11}").as_str()), Some(" ")),
                "{line}"
            );
        }
        assert_eq!(lines[0].split_whitespace().nth(1), Some(kes::build::VERSION));
    }
}
