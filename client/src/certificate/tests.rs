use super::*;
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

/// 2026-11-21T03:04:16Z.
fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_230_256)
}

fn key() -> ApiKey {
    "kes:v1:AAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f".parse().expect("an API key")
}

fn parse<'a>(certificate: &'a CertificateDer<'_>) -> X509Certificate<'a> {
    let (rest, parsed) = X509Certificate::from_der(certificate).expect("a certificate");
    assert!(rest.is_empty());
    parsed
}

/// The sample of `formats.md` §6.3, which the official SDK made from the same key at [`now`].
const SAMPLE: &str = "-----BEGIN CERTIFICATE-----
MIIBiTCCATugAwIBAgIQDTWOiMcsYxD1QKFmOHDwHzAFBgMrZXAwSzFJMEcGA1UE
AxNAYTA1MDgzN2Q4NTA3MDU4MmNjZjczOTRiMDk4ODg0N2NjMzEyY2I4ODI1OWI4
OTQ4OTlmNmYyMzljZjE3OTFhNTAeFw0yNjExMjEwMzA0MTZaFw0yNzAyMTkwMzA0
MTZaMEsxSTBHBgNVBAMTQGEwNTA4MzdkODUwNzA1ODJjY2Y3Mzk0YjA5ODg4NDdj
YzMxMmNiODgyNTliODk0ODk5ZjZmMjM5Y2YxNzkxYTUwKjAFBgMrZXADIQADoQe/
884Qvh1w3RjnS8CZZ+TWMJulDV8d3IZkElUxuKM1MDMwDgYDVR0PAQH/BAQDAgeA
MBMGA1UdJQQMMAoGCCsGAQUFBwMCMAwGA1UdEwEB/wQCMAAwBQYDK2VwA0EA3u82
Ypo6Lj0QKwA/zRPpk4Ul2BoweWko9Clbhz1TL/yH3FECNivo1kfZbMZjfUtkkvSp
UL/cikkUgL/VdxbhAw==
-----END CERTIFICATE-----
";

#[test]
fn the_certificate_of_an_api_key_is_the_sdks_but_for_serial_start_and_signature() {
    let ours = of_api_key(&key(), now()).expect("a certificate");
    let sdks = &crate::pem::read_certificates(SAMPLE.as_bytes()).expect("the sample")[0];
    let (ours, sdks) = (parse(&ours), parse(sdks));
    assert_eq!(ours.tbs_certificate.version, sdks.tbs_certificate.version);
    assert_eq!(ours.tbs_certificate.signature, sdks.tbs_certificate.signature);
    assert_eq!(ours.signature_algorithm, sdks.signature_algorithm);
    assert_eq!(ours.tbs_certificate.subject.as_raw(), sdks.tbs_certificate.subject.as_raw());
    assert_eq!(ours.tbs_certificate.issuer.as_raw(), sdks.tbs_certificate.issuer.as_raw());
    assert_eq!(ours.tbs_certificate.subject_pki.raw, sdks.tbs_certificate.subject_pki.raw);
    assert_eq!(ours.validity().not_after, sdks.validity().not_after);
    assert!(ours.validity().not_before.is_utctime());
    assert_eq!(ours.validity().not_before.timestamp(), sdks.validity().not_before.timestamp() - 60);
    let extensions = |certificate: &X509Certificate<'_>| -> Vec<(String, bool, Vec<u8>)> {
        let list = certificate.extensions().iter();
        list.map(|e| (e.oid.to_id_string(), e.critical, e.value.to_vec())).collect()
    };
    assert_eq!(extensions(&ours), extensions(&sdks));
    assert!(ours.raw_serial().len() <= 17, "a serial below 2^128");
}

#[test]
fn the_signature_verifies_and_serials_differ() {
    let (one, other) = (of_api_key(&key(), now()).expect("one"), of_api_key(&key(), now()).expect("other"));
    let parsed = parse(&one);
    let public = aws_lc_rs::signature::UnparsedPublicKey::new(
        &aws_lc_rs::signature::ED25519,
        parsed.public_key().subject_public_key.data.as_ref(),
    );
    public.verify(parsed.tbs_certificate.as_ref(), &parsed.signature_value.data).expect("a valid signature");
    assert_ne!(parsed.raw_serial(), parse(&other).raw_serial());
}

#[test]
fn the_identity_of_a_certificate_is_that_of_its_key() {
    let certificate = of_api_key(&key(), now()).expect("a certificate");
    assert_eq!(identity(&certificate).expect("an identity"), key().identity());
    assert_eq!(identity(&CertificateDer::from(vec![0x30, 0])), Err(CertificateError::Malformed));
    assert_eq!(identity(&CertificateDer::from(Vec::new())), Err(CertificateError::Malformed));
}

#[test]
fn an_identity_certificate_says_what_was_asked_for() {
    let content = IdentityCertificate {
        subject: Some("my app & co"),
        dns: &["b.example".to_owned(), "a.example".to_owned()],
        ip: &["192.0.2.1".parse().expect("an address"), "2001:db8::1".parse().expect("an address")],
        validity: Duration::from_secs(3600),
    };
    let certificate = of_identity(&key(), &content, now()).expect("a certificate");
    let parsed = parse(&certificate);
    assert_eq!(parsed.subject().to_string(), "CN=my app & co");
    assert_eq!(parsed.issuer().as_raw(), parsed.subject().as_raw());
    assert_eq!(parsed.validity().not_before.timestamp(), 1_795_230_256, "not backdated");
    assert_eq!(parsed.validity().not_after.timestamp(), 1_795_230_256 + 3600);
    let order: Vec<_> = parsed.extensions().iter().map(|e| e.oid.to_id_string()).collect();
    assert_eq!(order, ["2.5.29.15", "2.5.29.37", "2.5.29.19", "2.5.29.17"]);
    let usage = parsed.extended_key_usage().expect("one").expect("one").value;
    assert!(usage.client_auth && usage.server_auth);
    let names = &parsed.subject_alternative_name().expect("one").expect("one").value.general_names;
    assert_eq!(names[..2], [GeneralName::DNSName("b.example"), GeneralName::DNSName("a.example")]);
    assert_eq!(names[2], GeneralName::IPAddress(&[192, 0, 2, 1]));
    assert!(matches!(names[3], GeneralName::IPAddress(octets) if octets.len() == 16));
}

#[test]
fn without_a_subject_the_identity_is_the_name_and_without_names_there_is_no_such_extension() {
    let mut content = IdentityCertificate { subject: None, dns: &[], ip: &[], validity: IDENTITY_VALIDITY };
    let certificate = of_identity(&key(), &content, now()).expect("a certificate");
    let parsed = parse(&certificate);
    assert_eq!(parsed.subject().to_string(), format!("CN={}", key().identity()));
    assert_eq!(parsed.extensions().len(), 3);
    content.subject = Some("");
    let certificate = of_identity(&key(), &content, now()).expect("a certificate");
    assert_eq!(parse(&certificate).subject().to_string(), "CN=");
    content.validity = Duration::MAX;
    assert_eq!(of_identity(&key(), &content, now()), Err(CertificateError::Expiry));
}

#[test]
fn a_development_server_is_localhost() {
    let (certificate, key) =
        of_development_server(&["127.0.0.1".parse().expect("an address")], now()).expect("a certificate");
    let parsed = parse(&certificate);
    assert_eq!(parsed.subject().to_string(), "CN=localhost");
    let usage = parsed.extended_key_usage().expect("one").expect("one").value;
    assert!(usage.server_auth && !usage.client_auth);
    let names = &parsed.subject_alternative_name().expect("one").expect("one").value.general_names;
    assert_eq!(names[..], [GeneralName::DNSName("localhost"), GeneralName::IPAddress(&[127, 0, 0, 1])]);
    let key = aws_lc_rs::signature::EcdsaKeyPair::from_pkcs8(
        &aws_lc_rs::signature::ECDSA_P256_SHA256_ASN1_SIGNING,
        key.expose(),
    )
    .expect("a PKCS#8 key");
    assert_eq!(key.public_key().as_ref(), parsed.public_key().subject_public_key.data.as_ref());
}
