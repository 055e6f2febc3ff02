//! The files under `testdata` were written by OpenSSL 3.0; each encrypted one has the password `hunter2`.

use pkcs8::EncryptedPrivateKeyInfoRef;
use pkcs8::der::{Decode, Encode};
use pkcs8::pkcs5::EncryptionScheme;
use pkcs8::pkcs5::pbes2::Kdf;

use super::*;

macro_rules! file {
    ($name:literal) => {
        include_bytes!(concat!("testdata/", $name)).as_slice()
    };
}

fn key(pem: &[u8]) -> Vec<u8> {
    read_private_key(pem, Some("hunter2")).expect("a key").secret_der().to_vec()
}

#[test]
fn every_form_of_one_key_is_the_same_key() {
    let sec1 = key(file!("ec-parameters.pem"));
    for pem in [
        file!("rfc1423-des.pem"),
        file!("rfc1423-des3.pem"),
        file!("rfc1423-aes128.pem"),
        file!("rfc1423-aes192.pem"),
        file!("rfc1423-aes256.pem"),
    ] {
        assert_eq!(key(pem), sec1);
    }
    let pkcs8 = key(file!("ec-pkcs8.pem"));
    for pem in [file!("pbes2-des3-sha1.pem"), file!("pbes2-scrypt.pem")] {
        assert_eq!(key(pem), pkcs8);
    }
    assert_eq!(key(file!("pbes2-aes256.pem")), key(file!("plain.pem")));
}

#[test]
fn an_encrypted_key_needs_its_password() {
    for pem in [file!("rfc1423-aes256.pem"), file!("rfc1423-des.pem"), file!("pbes2-aes256.pem")] {
        assert!(is_encrypted(pem).expect("a key"));
        assert_eq!(read_private_key(pem, None).unwrap_err(), PemError::PasswordRequired);
        for wrong in ["", "hunter3", "Hunter2"] {
            assert_eq!(read_private_key(pem, Some(wrong)).unwrap_err(), PemError::WrongPassword);
        }
    }
    assert!(!is_encrypted(file!("plain.pem")).expect("a key"));
}

/// With 300 passwords the padding looks right about once; the key behind it does not.
#[test]
fn a_wrong_password_is_one_even_if_the_padding_looks_right() {
    for attempt in 0..300 {
        let error = read_private_key(file!("rfc1423-aes128.pem"), Some(&format!("wrong-{attempt}"))).unwrap_err();
        assert_eq!(error, PemError::WrongPassword);
    }
}

#[test]
fn unknown_encryptions_are_named() {
    let error = read_private_key(file!("pbes1.pem"), Some("hunter2")).unwrap_err();
    assert_eq!(error, PemError::UnsupportedEncryption("other than PBES2".to_owned()));
    let rc2 = String::from_utf8_lossy(file!("rfc1423-aes128.pem")).replace("AES-128-CBC", "RC2-CBC");
    let error = read_private_key(rc2.as_bytes(), Some("hunter2")).unwrap_err();
    assert!(matches!(&error, PemError::UnsupportedEncryption(name) if name.starts_with("RC2-CBC,")), "{error}");
    for info in ["DEK-Info: AES-128-CBC,00", "DEK-Info: AES-128-CBC", "X-Other: 1"] {
        let text = String::from_utf8_lossy(file!("rfc1423-aes128.pem")).into_owned();
        let line = text.lines().find(|line| line.starts_with("DEK-Info")).expect("the header").to_owned();
        let error = read_private_key(text.replace(&line, info).as_bytes(), Some("hunter2")).unwrap_err();
        assert!(matches!(error, PemError::UnsupportedEncryption(_)), "{info}: {error}");
    }
}

/// A file whose key takes hours to open, or more memory than there is, does not get them.
#[test]
fn an_encryption_that_costs_too_much_is_refused() {
    let with = |change: &dyn Fn(&mut Kdf), like: &[u8]| {
        let der = first_key(like).expect("a key").content().expect("base64");
        let mut info = EncryptedPrivateKeyInfoRef::from_der(der.expose()).expect("an encrypted key");
        let EncryptionScheme::Pbes2(parameters) = &mut info.encryption_algorithm else { panic!("not PBES2") };
        change(&mut parameters.kdf);
        block::write(ENCRYPTED_PKCS8, &info.to_der().expect("DER"))
    };
    let pbkdf2 = |rounds| {
        let change = |kdf: &mut Kdf| match kdf {
            Kdf::Pbkdf2(costs) => costs.iteration_count = rounds,
            _ => panic!("not PBKDF2"),
        };
        with(&change, file!("pbes2-aes256.pem"))
    };
    let scrypt = |n, r, p| {
        let change = |kdf: &mut Kdf| match kdf {
            Kdf::Scrypt(costs) => {
                (costs.cost_parameter, costs.block_size, costs.parallelization) = (n, r, p);
            }
            _ => panic!("not scrypt"),
        };
        with(&change, file!("pbes2-scrypt.pem"))
    };
    for (pem, name) in [
        (pbkdf2(10_000_001), "PBKDF2 with 10000001 rounds"),
        (pbkdf2(u32::MAX), "PBKDF2 with 4294967295 rounds"),
        (scrypt(1 << 20, 8, 2), "scrypt with the cost 1048576, 8, 2"),
        (scrypt(1 << 40, 8, 1), "scrypt with the cost 1099511627776, 8, 1"),
        (scrypt(u64::MAX, u16::MAX, u16::MAX), "scrypt with the cost 18446744073709551615, 65535, 65535"),
        (scrypt(0, 8, 1), "scrypt with the cost 0, 8, 1"),
    ] {
        let error = read_private_key(pem.expose(), Some("hunter2")).unwrap_err();
        assert_eq!(error, PemError::UnsupportedEncryption(name.to_owned()));
    }
}

#[test]
fn the_first_key_wins_and_certificates_are_skipped() {
    let file = [file!("certificate.pem"), b"a note\n", file!("ec-pkcs8.pem"), file!("plain.pem"), b"rest"].concat();
    assert_eq!(key(&file), key(file!("ec-pkcs8.pem")));
    assert_eq!(read_private_key(file!("certificate.pem"), None).unwrap_err(), PemError::NoPrivateKey);
    assert_eq!(read_private_key(b"", None).unwrap_err(), PemError::NoPrivateKey);
    let openssh = b"-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n";
    assert_eq!(
        read_private_key(openssh, None).unwrap_err(),
        PemError::UnsupportedKey("OPENSSH PRIVATE KEY".to_owned())
    );
}

#[test]
fn certificate_files_hold_certificates_only() {
    let certificate = file!("certificate.pem");
    assert_eq!(read_certificates(certificate).expect("a certificate").len(), 1);
    let chain = [b"leaf\n", certificate, b"\nissuer\n", certificate, b"\n \r\n"].concat();
    assert_eq!(read_certificates(&chain).expect("a chain").len(), 2);
    let windows = String::from_utf8_lossy(certificate).replace('\n', "\r\n");
    assert_eq!(read_certificates(windows.as_bytes()).expect("a certificate").len(), 1);
    for (pem, error) in [
        (b"".to_vec(), PemError::NotPem),
        (b"\x30\x82\x01\x00".to_vec(), PemError::NotPem),
        ([certificate, b"rest"].concat(), PemError::NotPem),
        ([certificate, file!("plain.pem")].concat(), PemError::UnsupportedBlock("PRIVATE KEY".to_owned())),
        (certificate[..300].to_vec(), PemError::Damaged("CERTIFICATE".to_owned())),
        (
            b"-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----".to_vec(),
            PemError::Damaged("CERTIFICATE".to_owned()),
        ),
    ] {
        assert_eq!(read_certificates(&pem).unwrap_err(), error);
    }
}

#[test]
fn a_leading_certificate_is_the_first_block_and_nothing_else_is_read() {
    let certificate = |content: &'static [u8]| CertificateDer::from(content);
    let block = |content| write_certificate(&certificate(content));
    for text in [
        block(b"a"),
        format!("any text\n{}", block(b"a")),
        block(b"a") + "-----BEGIN X-----",
        block(b"a") + &block(b"b"),
    ] {
        assert_eq!(leading_certificate(text.as_bytes()), Ok(certificate(b"a")), "{text}");
    }
    let other = block(b"a").replace("CERTIFICATE", "X") + &block(b"b");
    assert_eq!(leading_certificate(other.as_bytes()), Err(PemError::UnsupportedBlock("X".to_owned())));
    let open = block(b"a").replace("-----END", "-----");
    assert_eq!(leading_certificate(open.as_bytes()), Err(PemError::Damaged("CERTIFICATE".to_owned())));
    assert_eq!(leading_certificate(b"text"), Err(PemError::NotPem));
}

#[test]
fn what_is_written_can_be_read() {
    let pkcs8 = SecretBytes::from(key(file!("plain.pem")));
    let plain = write_private_key(&pkcs8, None).expect("a block");
    assert_eq!(plain.expose(), file!("plain.pem"));
    let sealed = write_private_key(&pkcs8, Some("hunter2")).expect("a block");
    assert!(sealed.expose().starts_with(b"-----BEGIN ENCRYPTED PRIVATE KEY-----\n"));
    assert_eq!(key(sealed.expose()), pkcs8.expose());
    let certificate = &read_certificates(file!("certificate.pem")).expect("a certificate")[0];
    assert_eq!(write_certificate(certificate).as_bytes(), file!("certificate.pem"));
}
