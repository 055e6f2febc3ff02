use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

use crate::program::kes;

#[test]
fn mistakes_are_named_and_point_to_the_help() {
    for (line, message) in [
        ("foo", "\"foo\" is not a kes command. See 'kes --help'"),
        ("-v foo", "\"foo\" is not a kes command. See 'kes --help'"),
        ("key foo", "\"foo\" is not a key command. See 'kes key --help'"),
        ("-k key ls", "unknown shorthand flag: 'k' in -k. See 'kes --help'"),
        ("key create --bogus", "unknown flag: --bogus. See 'kes key create --help'"),
        ("key ls -e", "flag needs an argument: 'e' in -e. See 'kes key ls --help'"),
        (
            "key ls --color=x",
            "invalid argument \"x\" for \"--color\" flag: expected auto, always or never. See 'kes key ls --help'",
        ),
        ("identity --bogus", "unknown flag: --bogus"),
        ("identity a b", "too many arguments"),
        ("key create", "no key name specified. See 'kes key create --help'"),
        ("key rm", "no key name specified. See 'kes key rm --help'"),
        ("key info", "no key name specified. See 'kes key info --help'"),
        ("key info a b", "too many arguments. See 'kes key info --help'"),
        ("key ls a b", "too many arguments. See 'kes key ls --help'"),
        ("key import a", "no crypto key specified. See 'kes key import --help'"),
        ("key import a b c", "too many arguments. See 'kes key import --help'"),
        ("key import --stdin a b", "too many arguments. See 'kes key import --help'"),
        ("key import a A!==", "invalid key: illegal base64 data at input byte 1."),
        ("key encrypt a", "no message specified. See 'kes key encrypt --help'"),
        ("key decrypt a", "no ciphertext specified. See 'kes key decrypt --help'"),
        ("key decrypt a !", "invalid ciphertext: illegal base64 data at input byte 0."),
        ("key decrypt a QQ== !", "invalid context: illegal base64 data at input byte 0."),
        ("key dek a !", "invalid context: illegal base64 data at input byte 0."),
        ("key dek a b c", "too many arguments. See 'kes key dek --help'"),
        ("server x", "too many arguments. See 'kes server --help'"),
    ] {
        assert_eq!(kes(line.split(' ')).run().error(), message, "kes {line}");
    }
}

#[test]
fn credentials_are_checked_before_anything_is_sent() {
    let create = || kes(["key", "create", "a"]).with("KES_SERVER", "127.0.0.1:1");
    assert!(create().run().error().contains("MINIO_KES_API_KEY"));
    let both = create().with("KES_API_KEY", "kes:v1:x").with("KES_CLIENT_KEY", "k");
    assert_eq!(both.run().error(), "an API key and a private key file cannot be used together");
    assert!(create().with("KES_CLIENT_KEY", "k").run().error().contains("MINIO_KES_CERT_FILE"));
    assert!(create().with("KES_CLIENT_CERT", "c").run().error().contains("MINIO_KES_KEY_FILE"));
    let error = create().with("KES_API_KEY", "kes:v1:canary").run().error();
    assert!(error.starts_with("parsing API key: ") && !error.contains("canary"), "{error}");
    let error = create().with("KES_CLIENT_KEY", "/nonexistent/k").with("KES_CLIENT_CERT", "/nonexistent/c");
    assert!(error.run().error().contains("'/nonexistent/c'"));
}

#[test]
fn a_key_in_place_of_a_name_is_refused_and_not_shown() {
    let key = format!("canary{}=", "A".repeat(37));
    let error = kes(["key", "create", "name", &key]).run().error();
    assert!(error.contains("kes key import") && !error.contains("canary"), "{error}");
}

#[test]
fn arguments_that_are_no_text_are_refused() {
    let name = OsString::from_vec(vec![b'a', 0xff]);
    let arguments = [OsString::from("key"), "create".into(), name];
    assert_eq!(kes(arguments).run().error(), "an argument is not valid UTF-8. See 'kes key create --help'");
}
