//! Against a development server, over real TLS.

use crate::program::{DENIED, DevServer, kes};

const KEY: &str = "Xlnr/nOgAWE5cA7GAsl3L2goCvmfs6KE0gNgB1T93wE=";

#[test]
fn keys_live_and_die() {
    let server = DevServer::start();
    let run = |arguments: &[&str]| server.kes(arguments).run();
    assert_eq!(run(&["key", "ls"]).ok(), "", "nothing at all if there is no key");
    assert_eq!(run(&["key", "ls", "--json"]).ok(), "[]\n");
    assert_eq!(run(&["key", "create", "my-b", "my-a", "other"]).ok(), "");
    assert_eq!(run(&["key", "create", "my-a"]).error(), "failed to create key \"my-a\": key already exists");
    assert_eq!(run(&["key", "ls"]).ok(), "Key\nmy-a\nmy-b\nother\n");
    assert_eq!(run(&["key", "list", "my-*"]).ok(), "Key\nmy-a\nmy-b\n");
    assert_eq!(run(&["key", "ls", "--json", "my"]).ok(), "[\"my-a\",\"my-b\"]\n");
    assert_eq!(run(&["key", "ls", "--color=always", "other"]).ok(), "\u{1b}[4mKey\u{1b}[0m\nother\n");
    assert_eq!(run(&["key", "rm", "my-a", "my-b"]).ok(), "");
    let error = run(&["key", "delete", "my-a", "other"]).error();
    assert_eq!(error, "failed to remove key \"my-a\": key does not exist");
    assert_eq!(run(&["key", "ls"]).ok(), "Key\nother\n", "the first failure stops");
}

#[test]
fn a_key_tells_when_and_by_whom_it_was_made() {
    let server = DevServer::start();
    server.kes(&["key", "create", "my-key"]).run().ok();
    let admin = kes(["identity", "of", &server.api_key]).run().ok();
    let text = server.kes(&["key", "info", "my-key"]).run().ok();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], "Name        my-key");
    assert!(["Algorithm   AES256", "Algorithm   ChaCha20"].contains(&lines[1]), "{text}");
    assert!(lines[2].starts_with("Date        2") && lines[2].ends_with('Z'), "{text}");
    assert_eq!(lines[3], format!("Owner       {admin}"));
    let json = server.kes(&["key", "info", "--json", "my-key"]).run().ok();
    assert!(json.starts_with(r#"{"name":"my-key","algorithm":""#) && json.ends_with("\"}\n"), "{json}");
    let error = server.kes(&["key", "info", "nope"]).run().error();
    assert_eq!(error, "failed to describe keys: key does not exist");
    let error = server.kes(&["key", "info", ".."]).run().error();
    assert!(error.contains("key name '..' is empty, too long or contains invalid characters"), "{error}");
}

#[test]
fn messages_and_data_keys_come_back() {
    let server = DevServer::start();
    let run = |arguments: &[&str]| server.kes(arguments).run();
    run(&["key", "create", "k"]).ok();
    let member = |json: &str, name: &str| -> String {
        let value: serde_json::Value = serde_json::from_str(json).expect("JSON");
        value[name].as_str().expect("text").to_owned()
    };
    let json = run(&["key", "encrypt", "k", "Hello"]).ok();
    let ciphertext = member(&json, "ciphertext");
    assert_eq!(json, format!("{{\"ciphertext\":\"{ciphertext}\"}}"), "no blank and no newline");
    assert_eq!(run(&["key", "decrypt", "k", &ciphertext]).ok(), r#"{"plaintext":"SGVsbG8="}"#);

    let json = run(&["key", "derive", "k", "Y29udGV4dA=="]).ok();
    let (plaintext, ciphertext) = (member(&json, "plaintext"), member(&json, "ciphertext"));
    assert_eq!(json, format!("{{\"plaintext\":\"{plaintext}\",\"ciphertext\":\"{ciphertext}\"}}"));
    let decrypted = run(&["key", "decrypt", "k", &ciphertext, "Y29udGV4dA=="]).ok();
    assert_eq!(decrypted, format!("{{\"plaintext\":\"{plaintext}\"}}"));
    let error = run(&["key", "decrypt", "k", &ciphertext]).error();
    assert_eq!(error, "failed to decrypt ciphertext: decryption failed: ciphertext is not authentic");
    assert_eq!(run(&["key", "dek", "nope"]).error(), "failed to derive key: key does not exist");
    assert_eq!(run(&["key", "encrypt", "nope", "x"]).error(), "failed to encrypt message: key does not exist");
}

#[test]
fn keys_are_imported_from_argument_stdin_and_file() {
    let server = DevServer::start();
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(&file, format!("{KEY}\n")).expect("written");
    let path = file.path().to_str().expect("UTF-8");
    server.kes(&["key", "import", "one", KEY]).run().ok();
    server.kes(&["key", "import", "two", "-"]).stdin(format!("{KEY}\n")).run().ok();
    server.kes(&["key", "import", "--stdin", "three"]).stdin(KEY).run().ok();
    server.kes(&["key", "import", "four", "--file", path]).run().ok();
    let json = server.kes(&["key", "encrypt", "one", "Hello"]).run().ok();
    let ciphertext = json.trim_start_matches("{\"ciphertext\":\"").trim_end_matches("\"}");
    for name in ["two", "three", "four"] {
        let decrypted = server.kes(&["key", "decrypt", name, ciphertext]).run().ok();
        assert_eq!(decrypted, r#"{"plaintext":"SGVsbG8="}"#, "{name} is the same key");
    }
    let error = server.kes(&["key", "import", "five", "QQ=="]).run().error();
    assert_eq!(error, "failed to import \"five\": invalid key size for 'AES256'");
    let error = server.kes(&["key", "import", "one", KEY]).run().error();
    assert_eq!(error, "failed to import \"one\": key already exists");
}

#[test]
fn messages_and_ciphertexts_come_from_stdin_and_file() {
    let server = DevServer::start();
    let run = |arguments: &[&str], input: &[u8]| server.kes(arguments).stdin(input).run();
    server.kes(&["key", "create", "k"]).run().ok();
    let file = tempfile::NamedTempFile::new().expect("a file");
    let path = file.path().to_str().expect("UTF-8");
    // Neither text nor trimmed.
    let message = b"\xffHello\n";
    std::fs::write(&file, message).expect("written");
    for arguments in [
        &["key", "encrypt", "k", "-", "Y29udGV4dA=="][..],
        &["key", "encrypt", "--stdin", "k", "Y29udGV4dA=="],
        &["key", "encrypt", "k", "--file", path, "Y29udGV4dA=="],
    ] {
        let json = run(arguments, message).ok();
        let ciphertext = json.trim_start_matches("{\"ciphertext\":\"").trim_end_matches("\"}");
        let decrypted = r#"{"plaintext":"/0hlbGxvCg=="}"#;
        let line = format!("{ciphertext}\n");
        assert_eq!(run(&["key", "decrypt", "k", "-", "Y29udGV4dA=="], line.as_bytes()).ok(), decrypted);
        assert_eq!(run(&["key", "decrypt", "k", "Y29udGV4dA==", "--stdin"], line.as_bytes()).ok(), decrypted);
        let error = run(&["key", "decrypt", "k", ciphertext], b"").error();
        assert_eq!(error, "failed to decrypt ciphertext: decryption failed: ciphertext is not authentic");
    }
    let error = run(&["key", "encrypt", "k", "-"], &vec![b'a'; 1024 * 1024 + 1]).error();
    assert_eq!(error, "'stdin' is too long: at most 1048576 bytes are read");
}

#[test]
fn an_hmac_is_that_of_key_and_message() {
    let server = DevServer::start();
    let run = |arguments: &[&str]| server.kes(arguments).stdin("Hello").run();
    run(&["key", "create", "k", "other"]).ok();
    let hmac = run(&["key", "hmac", "k", "Hello"]).ok();
    assert!(hmac.starts_with("{\"hmac\":\"") && hmac.len() == 44 + 11, "{hmac}");
    assert_eq!(run(&["key", "hmac", "k", "-"]).ok(), hmac);
    assert_eq!(run(&["key", "hmac", "--stdin", "k"]).ok(), hmac);
    assert_ne!(run(&["key", "hmac", "k", "hello"]).ok(), hmac);
    assert_ne!(run(&["key", "hmac", "other", "Hello"]).ok(), hmac);
    assert_eq!(run(&["key", "hmac", "nope", "x"]).error(), "failed to compute HMAC: key does not exist");
}

#[test]
fn the_api_key_can_stand_in_a_file() {
    let server = DevServer::start();
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(&file, format!("{}\n", server.api_key)).expect("written");
    let path = file.path().to_str().expect("UTF-8");
    let list = || kes(["key", "ls", "-k", "--api-key-file", path]).with("KES_SERVER", &server.address);
    assert_eq!(list().with("KES_CLIENT_KEY", "k").run().ok(), "", "flags beat the environment");
    std::fs::write(&file, "").expect("written");
    assert_eq!(list().run().error(), format!("'{path}' must hold one line of text"));
}

#[test]
fn the_administrator_sees_itself() {
    let server = DevServer::start();
    let admin = kes(["identity", "of", &server.api_key]).run().ok();
    let text = server.kes(&["identity", "info"]).run().ok();
    assert!(text.starts_with(&format!("Identity    {admin}\nCreated At  ")), "{text}");
    assert!(text.ends_with("\nRole        Admin\n"), "{text}");
    let json = server.kes(&["identity", "info", "--json", &admin]).run().ok();
    assert!(json.starts_with(r#"{"admin":true,"created_at":""#), "{json}");
    assert_eq!(server.kes(&["identity", "ls"]).run().ok(), format!("Identity\n{admin}\n"));
    assert_eq!(server.kes(&["identity", "list", "--json"]).run().ok(), format!("[\"{admin}\"]\n"));
}

#[test]
fn strangers_and_unverified_servers_are_told_apart() {
    let server = DevServer::start();
    let stranger = kes(["identity"]).run().ok();
    let error = server.kes(&["key", "ls", "-a", &stranger]).run().error();
    assert_eq!(error, format!("failed to list keys: {DENIED}"));
    let careful = kes(["key", "ls", "-s", &server.address, "-a", &server.api_key]);
    assert!(careful.run().error().contains("certificate"));
}

#[test]
fn a_pair_of_files_is_a_credential_and_a_ca() {
    let directory = tempfile::tempdir().expect("a directory");
    let server = DevServer::start();
    let new = ["identity", "new", "--key", "private.key", "--cert", "public.crt"];
    kes(new).in_directory(directory.path()).run().ok();
    let flags = ["--key", "private.key", "--cert", "public.crt"];
    let error = server.kes(&[["key", "ls"].as_slice(), &flags].concat()).in_directory(directory.path()).run().error();
    assert_eq!(error, format!("failed to list keys: {DENIED}"), "flags beat KES_API_KEY");
}

#[test]
fn ctrl_c_ends_a_command_without_a_word() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    let api_key = kes(["identity"]).run().ok();
    let child = kes(["key", "ls", "-k", "-s", &address, "-a", &api_key]).start();
    // Once it has connected it waits for an answer that never comes.
    let _connection = listener.accept().expect("a connection");
    let id = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(id, rustix::process::Signal::INT).expect("a signal");
    let output = child.wait_with_output().expect("the program ends");
    assert_eq!(output.status.code(), Some(130));
    assert!(output.stdout.is_empty() && output.stderr.is_empty());
}
