//! The accept and reject table of `config.md` §16, with the decisions applied to the rows that it marks. What a TLS
//! file holds, and whether a directory can be made, is checked where those are opened.

use crate::File;

/// What becomes of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// Loads without a word.
    Ok,
    /// Loads with a warning.
    Warns,
    /// Does not load.
    Refused,
}

use Verdict::{Ok as Accepted, Refused, Warns};

fn verdict(text: &str) -> Verdict {
    match crate::parse(text) {
        Ok(loaded) if loaded.warnings.is_empty() => Accepted,
        Ok(_) => Warns,
        Err(_) => Refused,
    }
}

/// Replaces one section by each of the texts, and reports all rows that end otherwise than expected.
fn table(section: &'static str, rows: &[(Verdict, &str)]) {
    let wrong: Vec<String> = rows
        .iter()
        .map(|(expected, text)| (expected, File::base().with(section, *text)))
        .filter(|(expected, file)| verdict(&file.text()) != **expected)
        .map(|(expected, file)| {
            let outcome = match file.parse() {
                Ok(loaded) => format!("{:#?}", loaded.warnings),
                Err(problems) => problems.to_string(),
            };
            format!("expected {expected:?}:\n{}{outcome}", file.text())
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn version() {
    table(
        "version",
        &[
            (Accepted, ""),
            (Accepted, "version: \"\""),
            (Accepted, "version:"),
            (Accepted, "version: v1"),
            (Accepted, "\"version\": \"v1\""),
            (Accepted, "version: ~"),
            (Accepted, "version: null"),
            (Refused, "version: v2"),
            (Refused, "version: 1"),
            (Refused, "version: ${VER}"),
            (Refused, "version: {a: b}"),
            (Refused, "version: [v1]"),
        ],
    );
}

#[test]
fn documents() {
    let base = File::base().text();
    let json =
        r#"{"admin": {"identity": "disabled"}, "tls": {"key": "k", "cert": "c"}, "keystore": {"fs": {"path": "p"}}}"#;
    let anchors =
        "x-tls: &tls {key: k, cert: c}\nadmin: {identity: &id disabled}\ntls: *tls\nkeystore: {fs: {path: *id}}";
    let merge = "x-files: &files {key: k, cert: c}\nadmin: {identity: disabled}\ntls:\n  <<: *files\n  auth: on\nkeystore: {fs: {path: p}}";
    for (expected, text) in [
        (Refused, String::new()),
        (Refused, "# only a comment\n".to_owned()),
        (Refused, "~\n".to_owned()),
        (Refused, "- a\n- b\n".to_owned()),
        (Refused, "text\n".to_owned()),
        (Refused, base.replace("admin: {identity: disabled}", "admin:\n\tidentity: disabled")),
        (Accepted, json.to_owned()),
        (Accepted, format!("\u{feff}{base}")),
        (Accepted, base.replace('\n', "\r\n")),
        (Accepted, anchors.to_owned()),
        (Accepted, merge.to_owned()),
        (Accepted, format!("---\n{base}...\n")),
        (Accepted, format!("%YAML 1.2\n---\n{base}")),
        (Refused, format!("{base}---\nversion: v7\n")),
        (Refused, format!("{base}---\n")),
    ] {
        assert_eq!(verdict(&text), expected, "{text}");
    }
}

#[test]
fn unknown_and_duplicate_keys() {
    table(
        "extra",
        &[
            (Refused, "listen: 1"),
            (Refused, "cache: {expiry: {never: 5m}}"),
            (Accepted, "x-listen: {anything: [goes]}"),
            (Accepted, "cache: {x-note: 1, expiry: {x-note: 2}}"),
            (Refused, "address: 127.0.0.1:7374"),
            (Refused, "version: v1\nversion: v1"),
            (Refused, "policy: {a: {}, a: {}}"),
            (Refused, "api: {/v1/ready: {}, /v1/ready: {}}"),
            (Refused, "api: {/v1/key/create: {}, /v1/key/create/: {}}"),
        ],
    );
    table("tls", &[(Refused, "tls: {key: a, key: b, cert: c}")]);
}

#[test]
fn admin() {
    table(
        "admin",
        &[
            (Refused, ""),
            (Refused, "admin:"),
            (Refused, "admin: {identity: \"\"}"),
            (Refused, "admin: {identity:}"),
            (Refused, "admin: {identity: null}"),
            (Refused, "admin: {identity: \"${EMPTY}\"}"),
            (Refused, "Admin: {identity: disabled}"),
            (Warns, "root: disabled"),
            (Accepted, "admin: {identity: disabled}"),
            (Accepted, "admin: {identity: 3ecfcdf38fcbe141ae26a1030f81e96b753365a46760ae6b578698a97c59fd22}"),
            (Warns, "admin: {identity: 3ECFCDF38FCBE141AE26A1030F81E96B753365A46760AE6B578698A97C59FD22}"),
            (Warns, "admin: {identity: 123}"),
            (Warns, "admin: {identity: 0x10}"),
            (Warns, "admin: {identity: true}"),
            (Warns, "admin: {identity: \"a b/c\"}"),
            (Warns, "admin: {identity: \"x-${AD}\"}"),
            (Warns, "admin: {identity: $AD}"),
            (Warns, "admin: {identity: ab12}"),
            (Refused, "admin: {identity: {a: b}}"),
            (Refused, "admin: {identity: [a]}"),
            (Refused, "admin: foo"),
            (Accepted, "admin: {identity: \"${AD}\"}"),
            (Accepted, "admin:\n  identity: ${AD}"),
            (Refused, "admin: {identity: ${AD}}"),
            (Accepted, "admin: {identity: \" ${ AD } \"}"),
            (Refused, "admin: {identity: \"${UNSET}\"}"),
            (Accepted, "admin: {identity: \"${UNSET:-disabled}\"}"),
            (Refused, "admin: {identity: \"${AD}${AD}\"}"),
            (Warns, "admin: {identity: \"${BB}\"}"),
        ],
    );
}

#[test]
fn scalars_keep_their_source_text() {
    for (written, text) in [
        ("123", "123"),
        ("0x10", "0x10"),
        ("true", "true"),
        ("1e5", "1e5"),
        ("0755", "0755"),
        ("on", "on"),
        ("'1'", "1"),
    ] {
        let file = File::base().with("admin", format!("admin: {{identity: {written}}}"));
        assert_eq!(crate::config(&file.text()).access.admin().as_str(), text);
    }
    let nested = File::base().with("admin", "admin: {identity: \"${BB}\"}");
    assert_eq!(crate::config(&nested.text()).access.admin().as_str(), "${AD}");
}

#[test]
fn tls() {
    table(
        "tls",
        &[
            (Refused, ""),
            (Refused, "tls:"),
            (Refused, "tls: {cert: c}"),
            (Refused, "tls: {key: k}"),
            (Refused, "tls: {key: \"\", cert: c}"),
            (Accepted, "tls: {key: k, cert: c, password: p}"),
            (Accepted, "tls: {key: k, cert: c, auth: on}"),
            (Accepted, "tls: {key: k, cert: c, auth: off}"),
            (Accepted, "tls: {key: k, cert: c, auth: ON}"),
            (Accepted, "tls: {key: k, cert: c, auth: Off}"),
            (Accepted, "tls: {key: k, cert: c, auth: \"on\"}"),
            (Accepted, "tls: {key: k, cert: c, auth: \"\"}"),
            (Accepted, "tls: {key: k, cert: c, auth: \"${AUTH}\"}"),
            (Refused, "tls: {key: k, cert: c, auth: true}"),
            (Refused, "tls: {key: k, cert: c, auth: yes}"),
            (Refused, "tls: {key: k, cert: c, auth: required}"),
            (Accepted, "tls: {key: k, cert: c, ca: \"\"}"),
            (Refused, "tls: {key: k, cert: c, proxy: {identities: [disabled]}}"),
            (Warns, "tls: {key: k, cert: c, proxy: {identities: [\"\"]}}"),
            (Accepted, "tls: {key: k, cert: c, proxy: {identities: [p1]}}"),
            (Accepted, "tls: {key: k, cert: c, proxy: {identities: [p1], header: {cert: X-Cert}}}"),
            (Refused, "tls: {key: k, cert: c, proxy: {identities: [p1], header: {cert: \"X Cert\"}}}"),
            (Refused, "tls: {key: k, cert: c, proxy: {identities: [\"*\"]}}"),
            (Refused, "tls: {key: k, cert: c, proxy: {identities: p1}}"),
            (Accepted, "tls: {key: k, cert: c, watch: 0s, expiry_warnings: [1h, \"${D}\"]}"),
            (Refused, "tls: {key: k, cert: c, watch: never}"),
            (Refused, "tls: {key: k, cert: c, expiry_warnings: [1d]}"),
        ],
    );
}

#[test]
fn addresses() {
    table(
        "address",
        &[
            (Accepted, ""),
            (Accepted, "address:"),
            (Accepted, "address: :7373"),
            (Accepted, "address: \"[::1]:7373\""),
            (Accepted, "address: \"[::]:7373\""),
            (Accepted, "address: :https"),
            (Accepted, "address: 127.0.0.1:0"),
            (Accepted, "address: \"  ${ADDR}  \""),
            (Refused, "address: foo"),
            (Refused, "address: 127.0.0.1"),
            (Refused, "address: 7373"),
            (Refused, "address: localhost:7373"),
            (Refused, "address: 127.0.0.1:99999"),
        ],
    );
}

#[test]
fn policies() {
    let long = "a".repeat(81);
    let long = format!("policy: {{{long}: {{}}}}");
    table(
        "policy",
        &[
            (Refused, "policy: {a: {identities: [disabled]}}"),
            (Refused, "policy: {a: {identities: [x1]}, b: {identities: [x1]}}"),
            (Refused, "policy: {a: {identities: [x1, x1]}}"),
            (Refused, "policy: {a b: {}}"),
            (Refused, "policy: {a/b: {}}"),
            (Refused, "policy: {-x: {}}"),
            (Refused, "policy: {_: {}}"),
            (Refused, &long),
            (Refused, "policy: {a: {identities: [\"\"]}}"),
            (Refused, "policy: {a: {identities: [\"*\"]}}"),
            (Refused, "policy: {a: {identities: [\"${IDS}\"]}}"),
            (Accepted, "policy: {12: {}}"),
            (Accepted, "policy: {12: }"),
            (Accepted, "policy:"),
            (Accepted, "policy: {x-rules: [&r /v1/status], a: {allow: [*r]}}"),
            (Refused, "policy: {x-team: {identities: [disabled]}}"),
            (Warns, "policy: {a: {allow: [\"[a\"]}}"),
            (Warns, "policy: {a: {allow: [\"${X}\"]}}"),
            (Accepted, "policy: {a: {allow: [/v1/status, /v1/key/create/*], deny: [/v1/key/create/b*]}}"),
            (Warns, "policy: {a: {allow: [/v1/key/*/b]}}"),
            (Warns, "policy: {a: {deny: [/v1/key/create/b?]}}"),
            (Warns, "policy: {a: {allow: [/v1/key/bulk/decrypt/*]}}"),
            (Warns, "policy: {a: {allow: [/v1/statsu]}}"),
            (Refused, "policy: {a: {allow: /v1/status}}"),
            (Refused, "policy: {a: {identities: x1}}"),
            (Warns, "policy: {a: {paths: [/v1/status]}}"),
            (Refused, "policies: {a: {}}"),
        ],
    );
    let proxied = "tls: {key: k, cert: c, proxy: {identities: [x1]}}";
    assert_eq!(
        verdict(&File::base().with("tls", proxied).with("policy", "policy: {a: {identities: [x1]}}").text()),
        Refused
    );
}

#[test]
fn durations() {
    let row = |text: &str| format!("cache: {{expiry: {{any: {text}}}}}");
    for text in ["5m", "5m0s", "1h30m", "0s", "1.5h", "100ms", "\"30s\"", "\"${D}\"", "", "0"] {
        table("cache", &[(Accepted, &row(text))]);
    }
    for text in ["300", "10", "-1s", "1d", "5 m", "1m 30s", "true", "\"${NUMBER}\"", "\"${EMPTY}\"", "\"\""] {
        table("cache", &[(Refused, &row(text))]);
    }
}

#[test]
fn levels() {
    for key in ["error", "audit"] {
        let row = |text: &str| format!("log: {{{key}: {text}}}");
        for text in [
            "on", "off", "ON", "OFF", "debug", "info", "warn", "error", "DEBUG+2", "info+4", "error+1", "4", "-4",
            "\"8\"", "12", "\"\"", "\"${L}\"", "", "~",
        ] {
            table("log", &[(Accepted, &row(text))]);
        }
        for text in ["warn-1", "INFO + 1", "INFO+x", "warning", "none", "true", "false", "DEBUGX"] {
            table("log", &[(Refused, &row(text))]);
        }
    }
}

#[test]
fn apis() {
    table(
        "api",
        &[
            (Accepted, "api: {/v1/ready: {skip_auth: true}}"),
            (Accepted, "api: {/v1/ready: {skip_auth: yes}}"),
            (Accepted, "api: {/v1/ready: {skip_auth: on}}"),
            (Accepted, "api: {/v1/ready: {skip_auth: \"${S}\"}}"),
            (Accepted, "api: {/v1/ready: {skip_auth: \"${T}\"}}"),
            (Accepted, "api: {/v1/ready: {skip_auth: \"true\"}}"),
            (Accepted, "api: {/v1/ready: }"),
            (Accepted, "api: {/v1/key/create: {timeout: 5s}, v1/key/list/: {timeout: 0s}}"),
            (Accepted, "api: {x-shared: {skip_auth: true}}"),
            (Warns, "api: {/v1/unknown: {timeout: 5s}}"),
            (Refused, "api: {/v1/unknown: {skip_auth: true}}"),
            (Refused, "api: {/v1/unknown: {skip_auth: \"${S}\"}}"),
            (Warns, "api: {paths: {/v1/ready: {skip_auth: true}}}"),
            (Refused, "api: {/v1/key/create/: {skip_auth: true}}"),
            (Refused, "api: {/v1/policy/read/: {skip_auth: true}}"),
            (Refused, "api: {/v1/identity/list/: {skip_auth: true}}"),
            (Refused, "api: {/v1/log/error: {skip_auth: true}}"),
            (Refused, "api: {/version: {skip_auth: true}}"),
            (Refused, "api: {/v1/ready: {skip_auth: 1}}"),
            (Refused, "api: {/v1/ready: {timeout: -1s}}"),
            (Refused, "api: {/v1/ready: {timeout: 15}}"),
            (Refused, "api: [/v1/ready]"),
        ],
    );
}

#[test]
fn keys() {
    table(
        "keys",
        &[
            (Accepted, "keys: [{name: k1}]"),
            (Accepted, "keys: [{name: \"${KN}\"}]"),
            (Accepted, "keys:"),
            (Accepted, "keys: []"),
            (Refused, "keys: [{name: k1}, {name: k1}]"),
            (Refused, "keys: [{name: \"\"}]"),
            (Refused, "keys: [{}]"),
            (Refused, "keys: [{name: a/b}]"),
            (Refused, "keys: [k1]"),
            (Refused, "keys: {k1: {}}"),
            (Refused, "keys: [{name: \"a b\"}]"),
            (Refused, "keys: [{name: a, rotate: 1h}]"),
        ],
    );
}

#[test]
fn extensions() {
    table(
        "extra",
        &[
            (Accepted, "compat: {legacy_error_texts: on}"),
            (Refused, "compat: {legacy_error_texts: true}"),
            (Accepted, "log: {format: json, file: {audit: {path: a.log, max_size: 1GiB, keep: 0}}, queue: 1}"),
            (Refused, "log: {format: xml}"),
            (Refused, "log: {queue: 0}"),
            (Refused, "log: {file: {audit: {max_size: 1GB}}}"),
            (Accepted, "health: {address: 7374}"),
            (Accepted, "health: {address: :7374}"),
            (Accepted, "health: {address: \"[::]:7374\"}"),
            (Refused, "health: {address: localhost}"),
            (Accepted, "metrics: {extended: no}"),
            (Refused, "metrics: {extended: 0}"),
            (Accepted, "proxy_protocol: {mode: off}"),
            (Accepted, "proxy_protocol: {mode: required, trusted: [10.0.0.0/8]}"),
            (Refused, "proxy_protocol: {mode: required}"),
            (Refused, "proxy_protocol: {mode: required, trusted: []}"),
            (Refused, "proxy_protocol: {mode: optional, trusted: [10.0.0.0/8]}"),
            (Refused, "proxy_protocol: {mode: required, trusted: [\"${AD}\"]}"),
            (Accepted, "limits: {connections: 1, requests: 1, streams: 1, idle_timeout: 1s}"),
            (Refused, "limits: {connections: 0}"),
            (Refused, "limits: {streams: 4294967296}"),
            (Refused, "limits: {header_timeout: 0s}"),
            (Accepted, "shutdown: {grace: 0s}"),
            (Accepted, "cache: {max_keys: 0, refresh_ahead: 0%}"),
            (Refused, "cache: {refresh_ahead: 100%}"),
            (Refused, "cache: {refresh_ahead: 20}"),
            (Refused, "deletion: {}"),
            (Refused, "lifecycle: on"),
        ],
    );
}
