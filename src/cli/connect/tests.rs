use super::*;

/// What is chosen, in short: `api KEY`, `files KEY CERT` or the error.
fn choose(flags: [Option<&str>; 3], environment: &[(&str, &str)]) -> String {
    let [api_key, key, cert] = flags;
    let flags = CredentialFlags {
        api_key: api_key.map(|text| Arc::new(SecretText::from(text))),
        key: key.map(PathBuf::from),
        cert: cert.map(PathBuf::from),
        ..CredentialFlags::default()
    };
    let lookup = |names: &[&str]| {
        let value = |name: &&str| environment.iter().find(|variable| variable.0 == *name).map(|v| v.1.to_owned());
        names.iter().filter_map(value).find(|value| !value.is_empty())
    };
    match flags.choose(lookup) {
        Ok(Credentials::ApiKey(key)) => format!("api {}", key.expose()),
        Ok(Credentials::Files { key, cert }) => format!("files {} {}", key.display(), cert.display()),
        Err(Failure::Error(text)) => text,
        Err(other) => format!("{other:?}"),
    }
}

const NO_FLAGS: [Option<&str>; 3] = [None; 3];

#[test]
fn the_first_variable_with_a_value_counts() {
    assert_eq!(choose(NO_FLAGS, &[("MINIO_KES_API_KEY", "a"), ("KES_API_KEY", "b")]), "api a");
    assert_eq!(choose(NO_FLAGS, &[("MINIO_KES_API_KEY", ""), ("KES_API_KEY", "b")]), "api b");
    assert_eq!(choose(NO_FLAGS, &[("KES_CLIENT_KEY", "k"), ("MINIO_KMS_KES_CERT_FILE", "c")]), "files k c");
}

#[test]
fn flags_beat_the_environment() {
    let files = [("KES_CLIENT_KEY", "k"), ("KES_CLIENT_CERT", "c")];
    assert_eq!(choose([Some("a"), None, None], &files), "api a");
    assert_eq!(choose([None, Some("x"), Some("y")], &[("KES_API_KEY", "a")]), "files x y");
    assert_eq!(choose([None, Some("x"), None], &files), "files x c");
}

#[test]
fn an_api_key_can_stand_in_a_file() {
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), "a\n").expect("written");
    let mut flags = CredentialFlags { api_key_file: Some(file.path().to_owned()), ..CredentialFlags::default() };
    let environment = |names: &[&str]| names.contains(&"KES_CLIENT_KEY").then(|| "k".to_owned());
    let chosen = flags.choose(environment).expect("credentials");
    assert!(matches!(&chosen, Credentials::ApiKey(key) if key.expose() == "a"), "flags beat the environment");
    flags.api_key = Some(Arc::new("b".into()));
    assert!(flags.choose(|_| None).is_err(), "which one?");
}

#[test]
fn half_and_double_credentials_are_refused() {
    assert!(choose(NO_FLAGS, &[]).contains("MINIO_KES_API_KEY"));
    let both = choose(NO_FLAGS, &[("KES_API_KEY", "a"), ("KES_CLIENT_KEY", "k")]);
    assert_eq!(both, "an API key and a private key file cannot be used together");
    let both = choose(NO_FLAGS, &[("KES_API_KEY", "a"), ("KES_CLIENT_CERT", "c")]);
    assert_eq!(both, "an API key and a certificate file cannot be used together");
    assert_eq!(choose([Some("a"), Some("k"), None], &[]), "an API key and a private key file cannot be used together");
    assert!(choose(NO_FLAGS, &[("KES_CLIENT_KEY", "k")]).contains("MINIO_KES_CERT_FILE"));
    assert!(choose(NO_FLAGS, &[("KES_CLIENT_CERT", "c")]).contains("MINIO_KES_KEY_FILE"));
}

#[test]
fn what_must_not_be_left_half_done_ends_before_an_interrupt_counts() {
    let raise = || {
        let own = rustix::process::getpid();
        rustix::process::kill_process(own, rustix::process::Signal::INT).expect("a process may signal itself");
    };
    let ended = to_its_end(async {
        let mut seen = signal(SignalKind::interrupt()).expect("a listener");
        raise();
        seen.recv().await;
        "done"
    });
    assert!(matches!(ended, Ok(("done", true))), "{ended:?}");
    assert!(matches!(to_its_end(async { "done" }), Ok(("done", false))));
    let cut = until_interrupted(async {
        raise();
        std::future::pending::<Result<(), Failure>>().await
    });
    assert!(matches!(cut, Err(Failure::Interrupted)), "{cut:?}");
}
