//! PEM files, and what may stand inside their blocks: whatever is read can be written and read again, line ends make no
//! difference, and where another parser reads certificates too, they are the same ones.
#![no_main]

use base64::Engine;
use kes_client::pem::{self, PemError};
use libfuzzer_sys::fuzz_target;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

/// The password of the encrypted seeds.
const PASSWORD: &str = "hunter2";

fuzz_target!(|input: &[u8]| {
    check_file(input);
    for label in ["PRIVATE KEY", "ENCRYPTED PRIVATE KEY", "CERTIFICATE"] {
        check_file(block(label, "", input).as_bytes());
    }
    for cipher in ["DES-EDE3-CBC,0011223344556677", "AES-256-CBC,00112233445566778899aabbccddeeff"] {
        let headers = format!("Proc-Type: 4,ENCRYPTED\nDEK-Info: {cipher}\n\n");
        check_file(block("EC PRIVATE KEY", &headers, input).as_bytes());
    }
});

fn block(label: &str, headers: &str, content: &[u8]) -> String {
    let body = base64::engine::general_purpose::STANDARD.encode(content);
    format!("-----BEGIN {label}-----\n{headers}{body}\n-----END {label}-----\n")
}

fn check_file(file: &[u8]) {
    check_certificates(file);
    check_keys(file);
    if !file.contains(&b'\r') {
        let lines: Vec<&[u8]> = file.split(|&byte| byte == b'\n').collect();
        let windows = lines.join(b"\r\n".as_slice());
        assert_eq!(pem::read_certificates(&windows), pem::read_certificates(file));
        assert_eq!(pem::labels(&windows).collect::<Vec<_>>(), pem::labels(file).collect::<Vec<_>>());
        assert_eq!(key(&windows, None), key(file, None));
    }
}

fn check_certificates(file: &[u8]) {
    let Ok(certificates) = pem::read_certificates(file) else { return };
    assert_eq!(pem::first_certificate(file).as_ref(), Ok(&certificates[0]));
    assert_eq!(pem::leading_certificate(file).as_ref(), Ok(&certificates[0]));
    assert_eq!(pem::labels(file).collect::<Vec<_>>(), vec!["CERTIFICATE"; certificates.len()]);
    let written: String = certificates.iter().map(pem::write_certificate).collect();
    assert_eq!(pem::read_certificates(written.as_bytes()).as_ref(), Ok(&certificates));
    let others: Result<Vec<CertificateDer<'_>>, _> = CertificateDer::pem_slice_iter(written.as_bytes()).collect();
    assert_eq!(others.expect("what is written is PEM"), certificates);
}

fn check_keys(file: &[u8]) {
    let without = key(file, None);
    let with = key(file, Some(PASSWORD));
    match pem::is_encrypted(file) {
        Err(error) => assert_eq!((without, with), (Err(error.clone()), Err(error))),
        Ok(false) => assert_eq!(without, with),
        Ok(true) => assert!(matches!(without, Err(PemError::PasswordRequired | PemError::Damaged(_)))),
    }
    let Ok(der) = key(file, Some(PASSWORD)) else { return };
    let read = PrivateKeyDer::try_from(der.clone()).expect("it was one before");
    let label = match read {
        PrivateKeyDer::Pkcs1(_) => "RSA PRIVATE KEY",
        PrivateKeyDer::Sec1(_) => "EC PRIVATE KEY",
        _ => "PRIVATE KEY",
    };
    assert_eq!(key(block(label, "", &der).as_bytes(), None), Ok(der.clone()));
    if label == "PRIVATE KEY" {
        let written = pem::write_private_key(&der.clone().into(), None).expect("nothing random in it");
        assert_eq!(key(written.expose(), None), Ok(der));
    }
}

fn key(file: &[u8], password: Option<&str>) -> Result<Vec<u8>, PemError> {
    pem::read_private_key(file, password).map(|key| key.secret_der().to_vec())
}
