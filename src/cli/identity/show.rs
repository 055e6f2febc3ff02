//! `kes identity [API-KEY | FILE]`.

use std::ffi::{OsStr, OsString};
use std::path::Path;

use kes_client::certificate;
use kes_client::pem::{self, PemError};
use kes_core::{ApiKey, Identity, SecretBytes, SecretText};

use crate::cli::failure::Failure;
use crate::cli::output::{self, Colour, Style, When};
use crate::cli::password::PasswordFlag;

pub(super) fn run(arguments: &[OsString], password: &PasswordFlag) -> Result<(), Failure> {
    match arguments {
        [] => show_new_key(),
        [argument] => show_argument(argument, password),
        _ => Err(Failure::error("too many arguments")),
    }
}

fn show_new_key() -> Result<(), Failure> {
    let key = ApiKey::generate().map_err(|error| Failure::error(error.to_string()))?;
    let text = key.to_text();
    if !output::is_terminal() {
        return output::print(text.expose().as_bytes());
    }
    let bold = |text: &str| Style::of_stdout(When::Auto).paint(Colour::Bold, text);
    let block = SecretText::from(format!(
        "\n Your API key:\n\n   {}\n\n It is shown only once and must be kept secret.\n\n Your Identity:\n\n   {}\n\n The identity is not a secret and can be shared. Peers need it to know\n you. It can be computed again with:\n\n   $ kes identity {}\n\n",
        bold(text.expose()),
        bold(key.identity().as_str()),
        text.expose(),
    ));
    output::print(block.expose().as_bytes())
}

fn show_argument(argument: &OsStr, password: &PasswordFlag) -> Result<(), Failure> {
    if let Some(key) = argument.to_str().and_then(|text| text.parse::<ApiKey>().ok()) {
        return show_identity(&key.identity());
    }
    let path = Path::new(argument);
    let shown = path.display();
    if argument.to_str().is_some_and(|text| text.starts_with(kes_core::api_key::PREFIX)) {
        return Err(Failure::error("the argument is not a valid API key"));
    }
    let pem = std::fs::read(path)
        .map(SecretBytes::from)
        .map_err(|error| Failure::error(format!("cannot read '{shown}': {error}")))?;
    let label = pem::labels(pem.expose()).find(|label| *label == "CERTIFICATE" || label.ends_with("PRIVATE KEY"));
    match label {
        Some("CERTIFICATE") => show_identity(&identity_of_first_certificate(pem.expose(), &shown.to_string())?),
        Some(_) => show_key_of_file(&shown.to_string(), &pem, password),
        None => Err(Failure::error(format!("'{shown}' contains no valid PEM certificate or private key"))),
    }
}

fn identity_of_first_certificate(pem: &[u8], file: &str) -> Result<Identity, Failure> {
    let failed =
        |error: &dyn std::fmt::Display| Failure::error(format!("failed to parse certificate in '{file}': {error}"));
    let first = pem::first_certificate(pem).map_err(|error| failed(&error))?;
    certificate::identity(&first).map_err(|error| failed(&error))
}

fn show_identity(identity: &Identity) -> Result<(), Failure> {
    if !output::is_terminal() {
        return output::print(identity.as_str().as_bytes());
    }
    let bold = Style::of_stdout(When::Auto).paint(Colour::Bold, identity.as_str());
    output::print(
        format!("\n Identity:\n\n   {bold}\n\n It is not a secret. Give it to whoever runs the server.\n\n").as_bytes(),
    )
}

fn show_key_of_file(file: &str, pem: &SecretBytes, password: &PasswordFlag) -> Result<(), Failure> {
    let failed = |error: PemError| match error {
        PemError::WrongPassword => Failure::error("incorrect password"),
        other => Failure::error(format!("'{file}': {other}")),
    };
    let password = match pem::is_encrypted(pem.expose()).map_err(failed)? {
        true => Some(password.existing(&format!("Enter password for private key '{file}': "))?),
        false => None,
    };
    let key = pem::read_private_key(pem.expose(), password.as_ref().map(SecretText::expose)).map_err(failed)?;
    let der = SecretBytes::from(key.secret_der());
    wipe(key);
    let key = ApiKey::from_pkcs8(der.expose()).ok_or_else(|| {
        Failure::error(format!(
            "'{file}' contains unsupported private key. Only Ed25519 keys in PKCS#8 form have an API key"
        ))
    })?;
    let text = key.to_text();
    if !output::is_terminal() {
        return output::print(text.expose().as_bytes());
    }
    let bold = Style::of_stdout(When::Auto).paint(Colour::Bold, text.expose());
    let block = SecretText::from(format!("\n API key of '{file}':\n\n   {bold}\n\n Keep it secret.\n\n"));
    output::print(block.expose().as_bytes())
}

fn wipe(mut key: rustls_pki_types::PrivateKeyDer<'static>) {
    zeroize::Zeroize::zeroize(&mut key);
}
