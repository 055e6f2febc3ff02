//! The server's certificate, key and CA files (`config.md` §4 and §16): what loads, and what is said of what does not.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use kes::server::{ClientMode, TlsFiles, TlsState};
use kes_client::{certificate, pem};
use kes_core::SecretText;
use rcgen::{CertificateParams, KeyPair};

use super::pki::{Authority, expired, not_yet_valid};

/// Files that OpenSSL wrote; each encrypted key has the password `hunter2`.
macro_rules! openssl {
    ($name:literal) => {
        include_str!(concat!("../../../client/src/pem/testdata/", $name))
    };
}

const PASSWORD: &str = "hunter2";

/// A directory with a pair that is in order, until a test changes something.
struct Files {
    directory: tempfile::TempDir,
    password: Option<&'static str>,
    ca: Option<PathBuf>,
    verified: bool,
}

impl Files {
    fn in_order() -> Self {
        let addresses = [[127, 0, 0, 1].into()];
        let (certificate, key) =
            certificate::of_development_server(&addresses, SystemTime::now()).expect("a certificate");
        let key = pem::write_private_key(&key, None).expect("PEM");
        Self::of(&pem::write_certificate(&certificate), std::str::from_utf8(key.expose()).expect("text"))
    }

    fn of(certificate: &str, key: &str) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let files = Self { directory, password: None, ca: None, verified: false };
        files.write("public.crt", certificate).write("private.key", key);
        files
    }

    /// A pair with a key that OpenSSL wrote, whose certificate is made here from the same key in the clear.
    fn of_openssl(key: &str) -> Self {
        let plain = pem::read_private_key(key.as_bytes(), Some(PASSWORD)).expect("a key");
        let plain = KeyPair::try_from(&plain).expect("a key pair");
        Self::of(&certificate_for(&plain), key)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) -> &Self {
        std::fs::write(self.path(name), content).expect("written");
        self
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).expect("text")
    }

    fn with_password(mut self, password: &'static str) -> Self {
        self.password = Some(password);
        self
    }

    fn with_ca(mut self, ca: &str) -> Self {
        self.ca = Some(self.path(ca));
        self
    }

    fn load(&self) -> Result<TlsState, String> {
        let files = TlsFiles {
            key: self.path("private.key"),
            cert: self.path("public.crt"),
            password: self.password.map(SecretText::from),
            ca: self.ca.clone(),
        };
        let mode = ClientMode { required: true, verified: self.verified };
        TlsState::load(files, mode).map_err(|error| error.to_string())
    }

    /// What is said of these files, which must not load: without the directory, and without anything of a key.
    fn problem(&self) -> String {
        let text = self.load().expect_err("these files must not load");
        for secret in self.read_lossy("private.key").lines().filter(|line| !line.starts_with('-') && line.len() > 8) {
            assert!(!text.contains(secret), "{text}");
        }
        assert!(self.password.is_none_or(|password| !text.contains(password)), "{text}");
        text.replace(&format!("{}/", self.directory.path().display()), "")
    }

    fn read_lossy(&self, name: &str) -> String {
        String::from_utf8_lossy(&std::fs::read(self.path(name)).unwrap_or_default()).into_owned()
    }
}

fn certificate_for(key: &KeyPair) -> String {
    let params = CertificateParams::new(["localhost".to_owned()]).expect("a name");
    params.self_signed(key).expect("a certificate").pem()
}

fn der(pem: &str) -> Vec<u8> {
    pem::read_certificates(pem.as_bytes()).expect("a certificate")[0].to_vec()
}

const CERTIFICATE: &str = "failed to read TLS certificate: ";
const NOT_PEM: &str = "no valid PEM data; hint: certificates are read as PEM, with nothing after the last one; \
                       `openssl x509 -inform der -in FILE -out FILE` converts a DER file";

#[test]
fn pairs_of_every_kind_load() {
    Files::in_order().load().expect("ECDSA P-256");
    for algorithm in
        [&rcgen::PKCS_ED25519, &rcgen::PKCS_ECDSA_P384_SHA384, &rcgen::PKCS_ECDSA_P521_SHA512, &rcgen::PKCS_RSA_SHA256]
    {
        let key = KeyPair::generate_for(algorithm).expect("a key");
        Files::of(&certificate_for(&key), &key.serialize_pem()).load().expect("a pair");
    }
}

#[test]
fn chains_combined_files_and_text_around_blocks_load() {
    let files = Files::in_order();
    let (certificate, key) = (files.read("public.crt"), files.read("private.key"));
    for (cert, key) in [
        (format!("{certificate}{}", Authority::new().pem()), key.clone()),
        (certificate.clone(), format!("{certificate}{key}")),
        (certificate.clone(), format!("{key}{certificate}")),
        (format!("Bag Attributes\n    localKeyID: 01\n{certificate}"), key.clone()),
        (format!("{certificate}\n\n \n"), format!("a note\n{key}and another\n")),
        (certificate.replace('\n', "\r\n"), key.replace('\n', "\r\n")),
    ] {
        Files::of(&cert, &key).load().unwrap_or_else(|error| panic!("{error}: {cert}{key}"));
    }
}

/// `openssl ecparam -genkey` puts the parameters first.
#[test]
fn keys_in_the_forms_of_openssl_load() {
    Files::of_openssl(openssl!("ec-parameters.pem")).load().expect("parameters before the key");
    Files::of_openssl(openssl!("ec-pkcs8.pem")).load().expect("PKCS#8");
    Files::of_openssl(openssl!("ec-pkcs8.pem")).with_password("for nothing").load().expect("a password is no harm");
    for encrypted in [
        openssl!("rfc1423-des.pem"),
        openssl!("rfc1423-des3.pem"),
        openssl!("rfc1423-aes128.pem"),
        openssl!("rfc1423-aes192.pem"),
        openssl!("rfc1423-aes256.pem"),
        openssl!("pbes2-aes256.pem"),
        openssl!("pbes2-scrypt.pem"),
    ] {
        let missing = Files::of_openssl(encrypted).problem();
        let wrong = Files::of_openssl(encrypted).with_password("not it at all").problem();
        Files::of_openssl(encrypted).with_password(PASSWORD).load().expect("the right password");
        let file = format!("{CERTIFICATE}private.key: ");
        assert_eq!(missing, format!("{file}private key is encrypted: password required; hint: set `tls.password`"));
        assert_eq!(wrong, format!("{file}decryption password incorrect; hint: check `tls.password`"));
    }
}

#[test]
fn what_is_missing_is_named() {
    let missing = "No such file or directory (os error 2); hint: check the path in";
    for (name, setting) in [("public.crt", "tls.cert"), ("private.key", "tls.key")] {
        let files = Files::in_order();
        std::fs::remove_file(files.path(name)).expect("removed");
        assert_eq!(files.problem(), format!("{CERTIFICATE}{name}: {missing} `{setting}`"));
        std::fs::create_dir(files.path(name)).expect("a directory");
        let directory =
            format!("{CERTIFICATE}{name}: Is a directory (os error 21); hint: check the path in `{setting}`");
        assert_eq!(files.problem(), directory);
    }
    let ca = Files::in_order().with_ca("ca.crt").problem();
    assert_eq!(ca, format!("failed to read TLS CA certificates: ca.crt: {missing} `tls.ca`"));
}

#[test]
fn all_that_is_wrong_is_told_at_once() {
    for verified in [false, true] {
        let mut files = Files::in_order().with_ca("ca");
        files.verified = verified;
        std::fs::create_dir(files.path("ca")).expect("a directory");
        files.write("public.crt", "no certificate").write("private.key", "no key");
        files.write("ca/one", "none").write("ca/other", "nor this").write("ca/right", Authority::new().pem());
        let problems = files.problem();
        let names: Vec<_> = problems.lines().filter_map(|line| line.split(": ").nth(1)).collect();
        assert_eq!(names, ["public.crt", "private.key", "ca/one", "ca/other"], "{problems}");
        // A pair that does not fit is told beside the rest too.
        files.write("public.crt", Files::in_order().read("public.crt"));
        files.write("private.key", Files::in_order().read("private.key"));
        let problems = files.problem();
        assert!(problems.contains("is not the key of") && problems.contains("ca/other"), "{problems}");
    }
}

#[test]
fn certificate_files_that_are_none_are_refused_with_a_cure() {
    let good = Files::in_order();
    let (certificate, key) = (good.read("public.crt"), good.read("private.key"));
    let damaged = certificate.replacen("MII", "M!I", 1);
    let no_x509 = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let not_pem = NOT_PEM.to_owned();
    for (content, problem) in [
        (Vec::new(), not_pem.clone()),
        (format!("{certificate}rest").into_bytes(), not_pem.clone()),
        (der(&certificate), not_pem),
        (
            format!("{certificate}{key}").into_bytes(),
            "unsupported PEM data block `PRIVATE KEY`, expected only `CERTIFICATE` blocks; \
             hint: a private key belongs into the file of `tls.key`"
                .to_owned(),
        ),
        (
            b"-----BEGIN X509 CRL-----\n-----END X509 CRL-----\n".to_vec(),
            "unsupported PEM data block `X509 CRL`, expected only `CERTIFICATE` blocks; hint: remove the block"
                .to_owned(),
        ),
        (
            damaged.into_bytes(),
            "no valid PEM data: the `CERTIFICATE` block is damaged; hint: copy the file again".to_owned(),
        ),
        (
            format!("{certificate}{no_x509}").into_bytes(),
            "certificate 2 in it is no X.509 certificate; hint: copy it again".to_owned(),
        ),
    ] {
        let files = Files::in_order();
        files.write("public.crt", content);
        assert_eq!(files.problem(), format!("{CERTIFICATE}public.crt: {problem}"));
    }
}

#[test]
fn key_files_that_are_none_are_refused_with_a_cure() {
    let good = Files::in_order();
    let (certificate, key) = (good.read("public.crt"), good.read("private.key"));
    let no_key = "no PEM-encoded private key found; hint: private keys are read as PEM; \
                  `openssl pkey -inform der -in FILE -out FILE` converts a DER file";
    let key_der = pem::read_private_key(key.as_bytes(), None).expect("a key").secret_der().to_vec();
    for content in [Vec::new(), certificate.into_bytes(), key_der] {
        let files = Files::in_order();
        files.write("private.key", content);
        assert_eq!(files.problem(), format!("{CERTIFICATE}private.key: {no_key}"));
    }
    for (content, problem) in [
        (key.replace("-----END", "-----end"), "the `PRIVATE KEY` block is damaged"),
        (
            "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXk=\n-----END OPENSSH PRIVATE KEY-----\n".to_owned(),
            "private key",
        ),
        ("-----BEGIN PRIVATE KEY-----\nMAMCAQA=\n-----END PRIVATE KEY-----\n".to_owned(), "private key"),
    ] {
        let files = Files::in_order();
        files.write("private.key", content);
        let text = files.problem();
        assert!(text.starts_with(&format!("{CERTIFICATE}private.key: ")) && text.contains(problem), "{text}");
    }
}

#[test]
fn a_key_of_another_certificate_is_refused() {
    let files = Files::in_order();
    let other_kind = KeyPair::generate_for(&rcgen::PKCS_ED25519).expect("a key").serialize_pem();
    for key in [Files::in_order().read("private.key"), other_kind] {
        files.write("private.key", key);
        assert_eq!(
            files.problem(),
            format!(
                "{CERTIFICATE}private key does not match public key: private.key is not the key of public.crt; \
                 hint: the first certificate in `tls.cert` is the one that `tls.key` belongs to"
            )
        );
    }
    let swapped = Files::in_order();
    swapped.write("public.crt", Authority::new().pem() + &swapped.read("public.crt"));
    assert!(swapped.load().is_err(), "the leaf comes first");
}

#[test]
fn a_certificate_without_a_name_to_verify_is_refused() {
    let key = KeyPair::generate().expect("a key");
    let mut only_mail = CertificateParams::default();
    only_mail.subject_alt_names = vec![rcgen::SanType::Rfc822Name("a@example.com".try_into().expect("a name"))];
    for params in [CertificateParams::default(), only_mail] {
        let files = Files::of(&params.self_signed(&key).expect("a certificate").pem(), &key.serialize_pem());
        assert_eq!(
            files.problem(),
            "invalid TLS certificate: certificate does not contain any DNS or IP address as SAN: public.crt; \
             hint: make one with `kes identity new --ip … --dns …`"
        );
    }
}

#[test]
fn a_certificate_that_is_not_valid_now_is_used_with_a_warning() {
    let key = KeyPair::generate().expect("a key");
    let named = || CertificateParams::new(["localhost".to_owned()]).expect("a name");
    for (params, problem) in [(expired(named()), "expired on "), (not_yet_valid(named()), "is not valid before ")] {
        let files = Files::of(&params.self_signed(&key).expect("a certificate").pem(), &key.serialize_pem());
        let state = files.load().expect("a usable pair");
        let warning = state.warning().expect("a warning");
        assert!(warning.contains("public.crt") && warning.contains(problem), "{warning}");
    }
    assert_eq!(Files::in_order().load().expect("a pair").warning(), None);
}

#[test]
fn authorities_come_from_a_file_or_all_files_of_a_directory() {
    for verified in [false, true] {
        let mut files = Files::in_order();
        files.verified = verified;
        let (one, other) = (Authority::new().pem(), Authority::new().pem());
        files.write("ca.crt", format!("text before\n{one}{other}"));
        let file = files.with_ca("ca.crt");
        file.load().expect("a file");

        let mut directory = file.with_ca("ca");
        std::fs::create_dir_all(directory.path("ca/sub/directory")).expect("directories");
        directory.write("ca/one.crt", &one).write("ca/other.pem", &other).write("ca/sub/readme.txt", "not looked at");
        directory.load().expect("a directory");

        directory.ca = Some(directory.path("ca/sub"));
        assert!(directory.load().is_err(), "a text file is no certificate");
    }
    // Whether anybody can be verified with no authority of our own is up to the system's.
    let empty = Files::in_order().with_ca("empty");
    std::fs::create_dir(empty.path("empty")).expect("a directory");
    empty.load().expect("an empty directory");
}

/// A secret or config map: `ca.crt` → `..data/ca.crt`, `..data` → a directory named after the time.
#[test]
fn a_directory_as_kubernetes_mounts_it_loads() {
    let mut files = Files::in_order().with_ca("ca");
    files.verified = true;
    let link = |to: &str, from: &str| std::os::unix::fs::symlink(Path::new(to), files.path(from)).expect("a link");
    std::fs::create_dir_all(files.path("ca/..2026_11_21_10_00_00.1")).expect("directories");
    files.write("ca/..2026_11_21_10_00_00.1/ca.crt", Authority::new().pem());
    link("..2026_11_21_10_00_00.1", "ca/..data");
    link("..data/ca.crt", "ca/ca.crt");
    files.load().expect("a mounted directory");
}

#[test]
fn authority_files_that_are_none_are_refused_with_their_name() {
    let key = Files::in_order().read("private.key");
    for verified in [false, true] {
        for (content, problem) in [
            (Vec::new(), NOT_PEM.to_owned()),
            (b"Please read me.\n".to_vec(), NOT_PEM.to_owned()),
            (der(&Authority::new().pem()), NOT_PEM.to_owned()),
            (
                key.clone().into_bytes(),
                "unsupported PEM data block `PRIVATE KEY`, expected only `CERTIFICATE` blocks; \
                 hint: a private key belongs into the file of `tls.key`"
                    .to_owned(),
            ),
        ] {
            let mut files = Files::in_order().with_ca("ca");
            files.verified = verified;
            std::fs::create_dir(files.path("ca")).expect("a directory");
            files.write("ca/a-good-one.crt", Authority::new().pem()).write("ca/readme.txt", &content);
            let said = |path: &str| format!("failed to read TLS CA certificates: {path}: {problem}");
            assert_eq!(files.problem(), said("ca/readme.txt"));
            files.ca = Some(files.path("ca/readme.txt"));
            assert_eq!(files.problem(), said("ca/readme.txt"));
        }
    }
}
