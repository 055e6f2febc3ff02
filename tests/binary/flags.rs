//! Flags of older releases (decision 23).

use rustix::process::Signal;

use crate::program::Program;
use crate::site::Site;

/// All that a server which runs has said on stderr. What it has written is only known to have been read at its end.
fn said(server: Program) -> String {
    server.signal(Signal::TERM);
    server.end().stderr
}

/// What a server that starts with these arguments warns of.
fn warnings(site: &Site, arguments: &[&str]) -> Vec<String> {
    said(site.start(arguments)).lines().filter(|line| line.starts_with("WARNING: ")).map(str::to_owned).collect()
}

#[test]
fn flags_without_effect_are_accepted_with_a_warning_each() {
    let site = Site::new();
    assert_eq!(warnings(&site, &[]), [""; 0]);
    for (arguments, flags) in [
        (&["--mlock"][..], &["'--mlock'"][..]),
        (&["-q"], &["'--quiet'"]),
        (&["--auth=off"], &["'--auth=off'"]),
        (&["--mlock", "--quiet", "--auth", "off"], &["'--mlock'", "'--quiet'", "'--auth=off'"]),
    ] {
        let warned = warnings(&site, arguments);
        assert_eq!(warned.len(), flags.len(), "{warned:?}");
        assert!(warned.iter().zip(flags).all(|(line, flag)| line.contains(flag)), "{warned:?}");
    }
}

#[test]
fn key_and_certificate_of_the_command_line_count_for_more_than_the_file() {
    let site = Site::new();
    let (key, cert) = (site.path("key.pem").display().to_string(), site.path("cert.pem").display().to_string());
    site.configure(&site.least().replace("key.pem", "no-key.pem").replace("cert: ", "cert: no-"));
    let warned = warnings(&site, &["--key", &key, "--cert", &cert]);
    assert_eq!(warned.len(), 2, "{warned:?}");
    let server = site.start(&["--key", &key, "--cert", &cert]);
    assert_eq!(site.admin(&server).call("GET", "/version").expect("an answer").0, 200);
}

#[test]
fn auth_on_turns_verification_on_and_auth_off_does_not_turn_it_off() {
    let site = Site::new();
    // The administrator's certificate signed itself, so nobody vouches for it.
    for (configured, flag, is_let_in) in
        [("off", "", true), ("off", "--auth=off", true), ("off", "--auth=on", false), ("on", "--auth=off", false)]
    {
        site.configure(&site.least().replace("tls: {", &format!("tls: {{auth: {configured}, ")));
        let server = site.start(if flag.is_empty() { &[] } else { std::slice::from_ref(&flag) });
        let answer = site.admin(&server).call("GET", "/v1/ready");
        assert_eq!(answer.is_ok(), is_let_in, "{configured} {flag}: {answer:?}");
        if !is_let_in {
            server.stderr.wait_for("http: TLS handshake error from 127.0.0.1:");
        }
    }
}

#[test]
fn what_would_be_misunderstood_is_refused() {
    let site = Site::new();
    let configured = |more: &[&str]| [site.arguments(), more.iter().map(|&word| word.to_owned()).collect()].concat();
    let dev = |more: &[&str]| ["--dev"].iter().chain(more).map(|&word| word.to_owned()).collect::<Vec<_>>();
    for (arguments, text) in [
        (configured(&["--auth=maybe"]), "'maybe'"),
        (configured(&["--root", "abc"]), "admin.identity"),
        (configured(&["--dev"]), "--config"),
        (dev(&["--auth=on"]), "--auth=on"),
        (dev(&["--root", "abc"]), "admin.identity"),
        (vec![], "--config"),
    ] {
        let end = Program::run(&arguments);
        assert_eq!((end.status.code(), end.stdout.as_str()), (Some(1), ""), "{arguments:?}: {end:?}");
        assert!(end.stderr.contains("Error: ") && end.stderr.contains(text), "{arguments:?}: {end:?}");
    }
}

#[test]
fn a_development_server_warns_of_flags_that_are_not_for_it() {
    let arguments = ["--dev", "--addr", "127.0.0.1:0", "--key", "k", "--cert", "c", "--auth=off", "--mlock"];
    let warned = said(Program::start(arguments));
    for flag in ["'--key'", "'--cert'", "'--auth=off'", "'--mlock'"] {
        assert_eq!(
            warned.lines().filter(|line| line.starts_with("WARNING: ") && line.contains(flag)).count(),
            1,
            "{warned}"
        );
    }
}
