//! How to log in to Vault: exactly one method.

use std::fs::File;
use std::path::{Path, PathBuf};

use super::path;
use crate::keystore::tls::StoreTls;
use crate::keystore::{Credential, CredentialSource};
use crate::report::Report;
use crate::section::Section;

/// The names of the methods, as the file has them.
const METHODS: [&str; 5] = ["approle", "kubernetes", "jwt", "cert", "token"];

/// How to log in.
#[derive(Debug, PartialEq, Eq)]
pub enum Login {
    /// `approle`
    AppRole {
        /// `engine` and `namespace`
        mount: Mount,
        /// `id` of the role.
        id: String,
        /// `secret` or `secret_file`
        secret: CredentialSource,
        /// `secret_wrapped`: whether the secret is a token that unwraps the real one. Default no.
        wrapped: bool,
    },
    /// `kubernetes`
    Kubernetes {
        /// `engine` and `namespace`
        mount: Mount,
        /// `role`. Vault wants one, but says so itself.
        role: Option<String>,
        /// `jwt`, or the file that it names.
        jwt: CredentialSource,
    },
    /// `jwt`
    Jwt {
        /// `engine` and `namespace`
        mount: Mount,
        /// `role`; `None`: the method's default.
        role: Option<String>,
        /// `jwt`, or the file that it names.
        jwt: CredentialSource,
    },
    /// `cert`: with the client certificate of the connection, which is there.
    Certificate {
        /// `engine` and `namespace`
        mount: Mount,
        /// `role`; `None`: any that accepts the certificate.
        role: Option<String>,
    },
    /// `token`: no login.
    Token(CredentialSource),
}

/// Where a login method is mounted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mount {
    /// The path of the mount; by default the method's name.
    pub engine: String,
    /// The namespace of the login; `None`: the root namespace. By default the store's.
    pub namespace: Option<String>,
}

/// The one method that stands in the file. All are checked.
pub(super) fn check(
    vault: &mut Section<'_>,
    namespace: Option<&str>,
    tls: &StoreTls,
    report: &mut Report<'_>,
) -> Option<Login> {
    let mut login = None;
    let mut present = Vec::new();
    for method in METHODS {
        let mut section = vault.section(method, report);
        if !section.is_present() {
            continue;
        }
        present.push(method);
        login = match method {
            "approle" => app_role(&mut section, namespace, report),
            "kubernetes" => token_login(&mut section, method, namespace, report)
                .map(|(mount, role, jwt)| Login::Kubernetes { mount, role, jwt }),
            "jwt" => token_login(&mut section, method, namespace, report).map(|(mount, role, jwt)| Login::Jwt {
                mount,
                role,
                jwt,
            }),
            "cert" => certificate(&mut section, namespace, tls, report),
            _ => source(&mut section, "value", "file", "the token", report).map(Login::Token),
        };
        section.finish(report);
    }
    match present.as_slice() {
        [] => {
            let message = "there is no authentication method";
            report.error(&vault.place, message, format!("fill in one of {}", METHODS.join(", ")));
        }
        [_] => {}
        several => {
            let message = format!("there is more than one authentication method: {}", several.join(", "));
            report.error(&vault.place, message, "keep one of them");
        }
    }
    login
}

fn mount(section: &mut Section<'_>, method: &str, namespace: Option<&str>, report: &mut Report<'_>) -> Mount {
    let engine = path(section, "engine", report).unwrap_or_else(|| method.to_owned());
    let namespace = match section.filled("namespace", report) {
        // `/` alone is the root namespace.
        Some(text) => text.parse(report, super::segments).filter(|namespace| !namespace.is_empty()),
        None => namespace.map(str::to_owned),
    };
    Mount { engine, namespace }
}

fn app_role(section: &mut Section<'_>, namespace: Option<&str>, report: &mut Report<'_>) -> Option<Login> {
    let mount = mount(section, "approle", namespace, report);
    let id = section.required("id", "the AppRole id", report);
    let secret = source(section, "secret", "secret_file", "the AppRole secret", report);
    let wrapped = section.boolean("secret_wrapped", report).unwrap_or(false);
    Some(Login::AppRole { mount, id: id?.value.to_string(), secret: secret?, wrapped })
}

/// A login with a JWT: mount, role and JWT.
fn token_login(
    section: &mut Section<'_>,
    method: &str,
    namespace: Option<&str>,
    report: &mut Report<'_>,
) -> Option<(Mount, Option<String>, CredentialSource)> {
    let mount = mount(section, method, namespace, report);
    let role = section.string("role", report);
    let jwt = jwt(section, report);
    Some((mount, role, jwt?))
}

/// A JWT, or the file that holds it: what has a `/` is a path, which no JWT contains. The file must be readable now
/// and is read at every login.
fn jwt(section: &mut Section<'_>, report: &mut Report<'_>) -> Option<CredentialSource> {
    let text = section.required("jwt", "the JWT", report)?;
    if !text.value.contains('/') {
        return Some(CredentialSource::Value(text.into_secret().into()));
    }
    let file = PathBuf::from(text.value.as_str());
    match readable(&file) {
        Ok(()) => Some(CredentialSource::File(file)),
        // The path is not repeated: what stands here may be a secret after all.
        Err(error) => {
            let hint = "a value with a `/` names a file; write the path of one that this process may read";
            report.error(&text.place, format!("the file with the JWT cannot be read: {error}"), hint);
            None
        }
    }
}

fn readable(file: &Path) -> std::io::Result<()> {
    if std::fs::metadata(file)?.is_dir() {
        return Err(std::io::ErrorKind::IsADirectory.into());
    }
    File::open(file).map(drop)
}

fn certificate(
    section: &mut Section<'_>,
    namespace: Option<&str>,
    tls: &StoreTls,
    report: &mut Report<'_>,
) -> Option<Login> {
    let mount = mount(section, "cert", namespace, report);
    let role = section.string("role", report);
    if tls.client.is_none() {
        let message = "a login with a certificate needs one";
        report.error(&section.place, message, "set `tls.key` and `tls.cert` of this key store");
    }
    Some(Login::Certificate { mount, role })
}

/// A secret that stands in the file, or in one of its own: exactly one of the two.
fn source(
    section: &mut Section<'_>,
    value_name: &'static str,
    file_name: &'static str,
    what: &str,
    report: &mut Report<'_>,
) -> Option<CredentialSource> {
    let texts = [value_name, file_name].map(|name| section.text(name, report).ok_or(section.node(name)));
    // What is there and is no text was reported where it was read.
    if texts.iter().any(|text| matches!(text, Err(Some(_)))) {
        return None;
    }
    match texts.map(|text| text.ok().filter(|text| !text.value.is_empty())) {
        [Some(value), None] => Some(CredentialSource::Value(Credential::from(value.into_secret()))),
        [None, Some(file)] => Some(CredentialSource::File(PathBuf::from(file.value.as_str()))),
        [None, None] => {
            report.error(&section.place, format!("{what} is missing"), format!("set `{value_name}` or `{file_name}`"));
            None
        }
        [Some(_), Some(_)] => {
            let message = format!("{what} stands here twice: `{value_name}` and `{file_name}`");
            report.error(&section.place, message, "keep one of the two");
            None
        }
    }
}
