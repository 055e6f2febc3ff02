//! What is read of arguments and environment. Mistakes that need neither are recorded in `cmd/errors.trycmd`.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

use crate::program::kes;

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

#[test]
fn an_api_key_in_the_wrong_place_is_not_shown() {
    let key = "kes:v1:ABZpo2bVuOrZvi4Qe2Du65fPWq4N2nKCEzsUFgHMrMwE";
    for arguments in
        [&[key][..], &["key", key], &["identity", "of", &format!("-a{key}")], &["key", "ls", &format!("-k={key}")]]
    {
        let error = kes(arguments).run().error();
        assert!(error.contains("kes:v1:…") && !error.contains("ABZpo2"), "{error}");
    }
}
