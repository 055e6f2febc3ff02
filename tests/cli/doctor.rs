//! `kes doctor`, on what is well and on what is broken.

use std::io::Write;
use std::net::TcpListener;

use rcgen::{CertificateParams, ExtendedKeyUsagePurpose, KeyPair, date_time_ymd};
use serde_json::Value;

use crate::fake::Fake;
use crate::program::{Kes, Outcome, kes};
use crate::server::{ADMIN, ADMIN_KEY, Server, USER_KEY, user};

/// What a run found, each as `check: state`, and everything that it said.
struct Examined {
    code: Option<i32>,
    findings: Vec<Value>,
}

impl Examined {
    fn by(command: Kes) -> Self {
        let Outcome { code, stdout, stderr } = command.run();
        assert_eq!(stderr, "");
        assert!(!stdout.contains(ADMIN_KEY) && !stdout.contains(USER_KEY), "{stdout}");
        let findings = stdout.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
        Self { code, findings }
    }

    /// Those of some states, as `check: state`.
    fn listed(&self, states: &[&str]) -> Vec<String> {
        let text = |finding: &Value, member: &str| finding[member].as_str().expect("text").to_owned();
        let chosen = self.findings.iter().filter(|finding| states.iter().any(|state| finding["state"] == *state));
        chosen.map(|finding| format!("{}: {}", text(finding, "check"), text(finding, "state"))).collect()
    }

    fn problems(&self) -> Vec<String> {
        assert_eq!(self.code, Some(i32::from(!self.listed(&["problem"]).is_empty())));
        for finding in &self.findings {
            let bad = finding["state"] == "warning" || finding["state"] == "problem";
            assert_eq!(bad, finding["hint"].is_string(), "what is wrong has a cure: {finding}");
        }
        self.listed(&["problem"])
    }

    /// Message and hint of the finding of this check that is worst.
    fn told(&self, check: &str) -> String {
        let of_check = self.findings.iter().filter(|finding| finding["check"] == check);
        let worst = of_check.max_by_key(|finding| {
            ["ok", "skipped", "warning", "problem"].iter().position(|state| finding["state"] == *state)
        });
        let finding = worst.unwrap_or_else(|| panic!("no {check} in {:?}", self.findings));
        format!("{}\n{}", finding["message"].as_str().expect("text"), finding["hint"].as_str().unwrap_or_default())
    }
}

fn examine(server: &Server) -> Examined {
    Examined::by(server.kes(&["doctor", "--json"]))
}

fn examine_as(api_key: &str, server: &Server) -> Examined {
    Examined::by(server.kes_as(api_key, &["doctor", "--json"]))
}

/// Replaces a piece of the configuration, and starts the server again.
fn reconfigure(server: &mut Server, from: &str, to: &str) {
    server.stop();
    let file = server.path("kes.yaml");
    let text = std::fs::read_to_string(&file).expect("a configuration");
    assert!(text.contains(from), "{text}");
    std::fs::write(&file, text.replacen(from, to, 1)).expect("written");
    server.start_again();
}

/// Gives the server a certificate for these years.
fn certify(server: &mut Server, from: i32, to: i32) {
    server.stop();
    let mut params = CertificateParams::new(["127.0.0.1".to_owned()]).expect("a name");
    (params.not_before, params.not_after) = (date_time_ymd(from, 1, 1), date_time_ymd(to, 1, 1));
    params.extended_key_usages.push(ExtendedKeyUsagePurpose::ServerAuth);
    let key = KeyPair::generate().expect("a key");
    std::fs::write(server.path("cert.pem"), params.self_signed(&key).expect("a certificate").pem()).expect("written");
    std::fs::write(server.path("key.pem"), key.serialize_pem()).expect("written");
    server.start_again();
}

#[test]
fn a_healthy_server_has_no_problems() {
    let server = Server::with("");
    let examined = examine(&server);
    assert_eq!(examined.problems(), [""; 0]);
    let checks = "tcp certificate name expiry protocol authentication clock identity server keystore";
    let expected: Vec<String> = checks.split(' ').map(|check| format!("{check}: ok")).collect();
    assert_eq!(examined.listed(&["ok", "skipped", "warning", "problem"]), expected);
    assert!(examined.told("identity").starts_with(&format!("{ADMIN}, the administrator")));
    assert!(examined.told("certificate").starts_with("CN=localhost, self-signed: trusted"));
    assert!(examined.told("server").contains(kes::build::VERSION));
    assert_eq!(examined.findings[0]["subject"], server.address.as_str());
    let text = server.kes(&["doctor"]).run().ok();
    assert!(text.starts_with(&format!("ok       {0}  tcp: connected to {0}\n", server.address)), "{text}");
    assert!(text.ends_with("\nno problems, no warnings\n"), "{text}");
}

#[test]
fn a_dead_server_is_told_of_beside_one_that_lives() {
    let mut dead = Server::with("");
    let server = Server::with("");
    dead.kill();
    let both = format!("{},{}", dead.address, server.address);
    let examined = Examined::by(server.kes(&["doctor", "--json", "--server", &both]));
    assert_eq!(examined.problems(), ["tcp: problem"]);
    assert!(examined.told("tcp").contains("refused") && examined.told("tcp").contains("start the server"));
    assert_eq!(examined.findings[0]["subject"], dead.address.as_str());
    assert_eq!(examined.findings[1]["subject"], server.address.as_str());
    let nowhere = server.kes(&["doctor", "--json", "--server", "kes.invalid:7373"]);
    let nowhere = Examined::by(nowhere.with("HTTPS_PROXY", "http://user:canary@127.0.0.1:1"));
    assert_eq!(nowhere.problems(), ["dns: problem"]);
    assert_eq!(nowhere.listed(&["warning"]), ["proxy: warning"]);
    assert!(!format!("{:?}", nowhere.findings).contains("canary"));
}

#[test]
fn what_does_not_speak_tls_is_recognised() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a connection");
        // Whoever asked may have heard enough.
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
    });
    let server = Server::with("");
    let examined = Examined::by(server.kes(&["doctor", "--json", "--server", &address]));
    assert_eq!(examined.problems(), ["tls: problem"]);
    assert!(examined.told("tls").contains("does not speak TLS"));
}

#[test]
fn a_server_that_says_nothing_is_given_up_in_time() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    let server = Server::with("");
    let examined = Examined::by(server.kes(&["doctor", "--json", "--timeout", "500ms", "--server", &address]));
    assert_eq!(examined.problems(), ["tls: problem"]);
    assert!(examined.told("tls").contains("no handshake within 500ms"));
}

#[test]
fn ctrl_c_ends_it_at_once() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    let run = kes(["doctor", "--server", &address, "--timeout", "1h", "-k"]).with("KES_API_KEY", ADMIN_KEY).start();
    let _connection = listener.accept().expect("a connection");
    let pid = rustix::process::Pid::from_child(&run);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).expect("it runs");
    let output = run.wait_with_output().expect("it ends");
    assert_eq!((output.status.code(), output.stdout, output.stderr), (Some(130), Vec::new(), Vec::new()));
}

#[test]
fn an_older_server_is_understood() {
    let described = format!("/v1/identity/describe/{ADMIN}");
    let answers = |described: &'static str, of_identity: &str| match of_identity {
        "/version" | "/v1/status" => (200, r#"{"version":"2025-03-12T09-35-18Z","keystore_latency":1}"#),
        "/v1/ready" => (200, ""),
        "/v1/policy/read/app" => (200, r#"{"name":"app","allow":{"/v1/*":{}}}"#),
        path if path == described => (200, r#"{"policy":"app"}"#),
        "/v1/identity/self/describe" => (404, r#"{"message":"identity does not exist"}"#),
        _ => (403, r#"{"message":"not authorized: insufficient permissions"}"#),
    };
    let described: &'static str = described.leak();
    let telling = Fake::start(move |path| answers(described, path));
    let examined = Examined::by(telling.kes(&["doctor", "--json"]));
    assert!(examined.told("identity").contains("with the policy `app`"));
    assert!(examined.told("policy").contains("allows what MinIO needs"));
    // Its clock stands still.
    assert_eq!(examined.problems(), ["clock: problem"]);
    assert!(examined.told("clock").contains("behind this machine's"));
    assert_eq!(examined.listed(&["warning"]), ["protocol: warning"]);

    let silent = Fake::start(move |path| answers("", path));
    let examined = Examined::by(silent.kes(&["doctor", "--json"]));
    assert_eq!(examined.listed(&["warning"]), ["protocol: warning", "identity: warning"]);
    assert!(examined.told("identity").contains("a policy that the server does not tell"));
}

#[test]
fn a_ca_that_is_missing_is_named() {
    let (mut server, other) = (Server::with(""), Server::with(""));
    let ca = other.path("cert.pem").display().to_string();
    let examined = Examined::by(server.kes(&["doctor", "--json", "--ca", &ca]));
    assert_eq!(examined.problems(), ["certificate: problem"]);
    assert!(examined.told("certificate").contains("what is trusted here as `CN=localhost` has another key"));
    certify(&mut server, 2000, 3000);
    let examined = Examined::by(server.kes(&["doctor", "--json", "--ca", &ca]));
    assert_eq!(examined.problems(), ["certificate: problem"]);
    assert!(examined.told("certificate").contains("self-signed: not trusted here"));
    assert!(examined.told("certificate").contains("--ca FILE"));
    assert_eq!(examined.listed(&["skipped"]), ["identity: skipped"], "a stranger is asked nothing");
    let insecure = Examined::by(server.kes(&["doctor", "--json", "--insecure", "--ca", &ca]));
    assert_eq!(insecure.problems(), [""; 0]);
    assert_eq!(insecure.listed(&["warning"]), ["certificate: warning"]);
    assert!(insecure.told("identity").starts_with(ADMIN));
    let nothing = server.path("nothing").display().to_string();
    let missing = Examined::by(server.kes(&["doctor", "--json", "--ca", &nothing]));
    assert_eq!(missing.problems(), ["trust: problem"]);
}

#[test]
fn a_name_that_is_missing_is_told_with_those_that_are_there() {
    let server = Server::with("");
    let (_, port) = server.address.rsplit_once(':').expect("a port");
    let examined = Examined::by(server.kes(&["doctor", "--json", "--server", &format!("localhost:{port}")]));
    assert_eq!(examined.problems(), ["name: problem"]);
    let told = examined.told("name");
    assert!(told.starts_with("`localhost` is not among the names of the certificate: 127.0.0.1\n"), "{told}");
    assert!(told.contains("kes identity new --dns localhost"), "{told}");
    assert!(examined.told("certificate").contains("trusted"), "the name is another question");
}

#[test]
fn a_certificate_out_of_its_time_is_told_with_the_time() {
    let mut server = Server::with("");
    certify(&mut server, 2019, 2020);
    let examined = examine(&server);
    assert_eq!(examined.problems(), ["expiry: problem"]);
    assert!(examined.told("expiry").starts_with("expired at 2020-01-01 00:00:00Z, "));
    certify(&mut server, 3000, 3001);
    let examined = examine(&server);
    assert_eq!(examined.problems(), ["expiry: problem"]);
    assert!(examined.told("expiry").starts_with("not valid before 3000-01-01 00:00:00Z\n"));
    assert!(examined.told("certificate").contains("trusted"), "the time is another question");
}

#[test]
fn a_client_certificate_that_is_not_accepted_is_told() {
    let mut server = Server::with("");
    let ca = server.path("cert.pem").display().to_string();
    reconfigure(&mut server, "tls: {", &format!("tls: {{auth: on, ca: {ca}, "));
    let examined = examine(&server);
    assert_eq!(examined.problems(), ["authentication: problem"]);
    assert!(examined.told("authentication").contains("`tls.auth: on`"));
}

#[test]
fn an_identity_without_a_policy_gets_the_lines_that_it_needs() {
    let mut server = Server::with("");
    let examined = examine_as(USER_KEY, &server);
    assert_eq!(examined.problems(), ["identity: problem"]);
    let told = examined.told("identity");
    assert!(told.starts_with(&format!("{} is unknown to the server", user())), "{told}");
    let lines: Vec<&str> = told.lines().filter(|line| line.starts_with(' ')).collect();
    let text = std::fs::read_to_string(server.path("kes.yaml")).expect("a configuration");
    reconfigure(&mut server, &text, &format!("{text}policy:\n{}\n", lines.join("\n")));
    let examined = examine_as(USER_KEY, &server);
    assert_eq!(examined.problems(), [""; 0]);
    assert!(examined.told("identity").contains("with the policy `minio`"));
    assert!(examined.told("policy").contains("allows what MinIO needs"));
}

#[test]
fn a_policy_that_lacks_what_minio_needs_is_told_with_the_rules() {
    let rules = "[/v1/key/create/my-*, /v1/key/generate/my-*, /v1/key/list/*]";
    let server = Server::with(&format!("policy: {{app: {{allow: {rules}, identities: [{}]}}}}\n", user()));
    let examined = examine_as(USER_KEY, &server);
    assert_eq!(examined.problems(), ["policy: problem"]);
    let told = examined.told("policy");
    assert!(told.contains("does not allow /v1/key/decrypt/ (to read), /v1/status"), "{told}");
    assert!(told.ends_with("`policy.app.allow` of the server's configuration:\n- /v1/key/decrypt/my-*\n- /v1/status"));
    assert_eq!(examined.listed(&["skipped"]), ["keystore: skipped"]);
    let named = server.kes_as(USER_KEY, &["doctor", "--json"]).with("MINIO_KMS_KES_KEY_NAME", "other");
    assert!(Examined::by(named).told("policy").contains("/v1/key/generate/other"));
    let text = server.kes_as(USER_KEY, &["doctor"]).run();
    assert!(text.stdout.contains("\n    - /v1/key/decrypt/my-*\n"), "{}", text.stdout);
    assert!(text.stdout.ends_with("\n1 problem, no warnings\n"), "{}", text.stdout);
}

#[test]
fn a_server_whose_store_is_down_says_so() {
    let server = Server::with("");
    server.lose_store();
    let examined = examine(&server);
    assert_eq!(examined.problems(), ["keystore: problem"]);
    assert!(examined.told("keystore").starts_with("the server does not reach its key store"));
    let config = server.path("kes.yaml").display().to_string();
    let examined = Examined::by(kes(["doctor", "--json", "--config", &config]));
    assert_eq!(examined.problems(), ["keystore: problem"]);
    assert!(examined.told("keystore").contains("there is no directory"));
    assert!(!server.path("keys").exists(), "nothing is made");
}

#[test]
fn without_credentials_there_is_still_much_to_see() {
    let server = Server::with("");
    let ca = server.path("cert.pem").display().to_string();
    let examined = Examined::by(kes(["doctor", "--json", "--server", &server.address, "--ca", &ca]));
    assert_eq!(examined.problems(), ["credentials: problem"]);
    assert_eq!(examined.findings[0]["subject"], "client");
    assert!(examined.listed(&["ok"]).contains(&"protocol: ok".to_owned()));
}

#[test]
fn a_configuration_is_looked_at_with_its_files_and_its_store() {
    let mut server = Server::with("");
    let config = server.path("kes.yaml").display().to_string();
    let examined = Examined::by(kes(["doctor", "--json", "--config", &config]));
    assert_eq!(examined.problems(), [""; 0]);
    let expected = ["configuration: ok", "expiry: ok", "keystore: ok", "list: ok", "read: ok"];
    assert_eq!(examined.listed(&["ok", "skipped", "warning", "problem"]), expected);
    assert_eq!(examined.findings[0]["subject"], config.as_str());
    certify(&mut server, 2019, 2020);
    let expired = Examined::by(kes(["doctor", "--json", "--config", &config]));
    assert_eq!((expired.problems(), expired.listed(&["warning"])), (vec!["expiry: problem".to_owned()], vec![]));
    certify(&mut server, 2000, 3000);
    let both = Examined::by(server.kes(&["doctor", "--json", "--config", &config]));
    assert!(both.problems().is_empty() && both.listed(&["ok"]).contains(&"authentication: ok".to_owned()));
}

#[test]
fn all_that_is_wrong_with_a_configuration_is_told() {
    let server = Server::with("");
    let file = server.path("broken.yaml");
    let text = std::fs::read_to_string(server.path("kes.yaml")).expect("a configuration");
    std::fs::write(&file, format!("{text}cache: {{expiry: {{any: soon}}}}\nlimit: 1\n")).expect("written");
    let shown = file.display().to_string();
    let broken = Examined::by(kes(["doctor", "--json", "--config", &shown, "--probe"]));
    assert_eq!(broken.problems(), ["configuration: problem", "configuration: problem"]);
    assert!(broken.findings[0]["message"].as_str().is_some_and(|text| text.starts_with("line 6: cache.expiry.any: ")));
    let nothing = server.path("nothing").display().to_string();
    let missing = Examined::by(kes(["doctor", "--json", "--config", &nothing]));
    assert_eq!(missing.problems(), ["configuration: problem"]);

    let swapped = text.replace("cert.pem", "key.pem");
    std::fs::write(&file, swapped).expect("written");
    let examined = Examined::by(kes(["doctor", "--json", "--config", &shown]));
    assert_eq!(examined.problems(), ["configuration: problem"]);
    assert!(examined.told("configuration").contains("a private key belongs into the file of `tls.key`"));
    assert!(examined.listed(&["ok"]).contains(&"keystore: ok".to_owned()), "one mistake does not hide the rest");
}

#[test]
fn a_probe_leaves_nothing_behind() {
    let server = Server::with("");
    let config = server.path("kes.yaml").display().to_string();
    let entries = || std::fs::read_dir(server.path("keys")).expect("a directory").count();
    let examined = Examined::by(kes(["doctor", "--json", "--config", &config, "--probe"]));
    assert_eq!(examined.problems(), [""; 0]);
    let checks = examined.listed(&["ok"]);
    assert_eq!(&checks[checks.len() - 3..], ["create: ok", "verify: ok", "delete: ok"]);
    assert!(examined.told("create").starts_with("`kes-doctor--p"));
    assert_eq!(entries(), 0);

    std::fs::write(server.path("keys/kes-doctor--p17-"), b"left").expect("written");
    let examined = Examined::by(kes(["doctor", "--json", "--config", &config]));
    assert_eq!(examined.listed(&["warning"]), ["list: warning"]);
    assert!(examined.told("list").contains("earlier probes left kes-doctor--p17-"));
    assert!(examined.problems().is_empty());
}

#[test]
fn a_directory_that_others_can_read_is_warned_of() {
    use std::os::unix::fs::PermissionsExt;

    let server = Server::with("");
    let open = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(server.path("keys"), open).expect("permissions");
    let config = server.path("kes.yaml").display().to_string();
    let examined = Examined::by(kes(["doctor", "--json", "--config", &config]));
    assert_eq!(examined.listed(&["warning"]), ["keystore: warning"]);
    assert!(examined.told("keystore").contains("(mode 0755)\nchmod 0700 "), "{}", examined.told("keystore"));
}

#[test]
fn arguments_that_make_no_sense_are_refused() {
    let error = |arguments: &[&str]| kes(arguments).run().error();
    assert_eq!(error(&["doctor", "x"]), "too many arguments. See 'kes doctor --help'");
    assert_eq!(error(&["doctor", "--probe"]), "'--probe' needs '--config'. See 'kes doctor --help'");
    assert_eq!(error(&["doctor", "--timeout=0"]), "'--timeout' must be more than 0. See 'kes doctor --help'");
    assert!(error(&["doctor", "--server", " "]).starts_with("invalid server address"));
}
