//! What a resumed session is still good for. Who is let through at all is tested from outside, in `tests/server/tls`.

use std::time::{Duration, SystemTime};

use kes_client::certificate;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::version::{TLS12, TLS13};
use rustls::{CertificateError, ClientConfig, ClientConnection, Error, HandshakeKind, RootCertStore};
use rustls_pki_types::PrivatePkcs8KeyDer;

use super::*;

/// A server that verifies clients, and one that does not, with a client whose certificate ends at the given time.
struct Pair {
    verifying: TlsState,
    lenient: TlsState,
    client: Arc<ClientConfig>,
}

fn pair(version: &'static rustls::SupportedProtocolVersion, ends: SystemTime) -> Pair {
    let mut ca = CertificateParams::default();
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca_key = KeyPair::generate().expect("a key");
    let mut roots = RootCertStore::empty();
    roots.add(ca.self_signed(&ca_key).expect("a certificate").der().clone()).expect("a root");
    let mut params = CertificateParams::default();
    params.not_after = ends.into();
    let client_key = KeyPair::generate().expect("a key");
    let chain = vec![params.signed_by(&client_key, &Issuer::new(ca, ca_key)).expect("a certificate").der().clone()];

    let (certificate, key) = certificate::of_development_server(&[], SystemTime::now()).expect("a certificate");
    let mut trusted = RootCertStore::empty();
    trusted.add(certificate.clone()).expect("a root");
    let state = |roots| {
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.expose().to_vec()));
        let pair = CertifiedKey::from_der(vec![certificate.clone()], key, &provider()).expect("a pair");
        TlsState::build(Arc::new(provider()), pair, true, roots).expect("a configuration")
    };
    let client = ClientConfig::builder_with_provider(Arc::new(provider()))
        .with_protocol_versions(&[version])
        .expect("a version")
        .with_root_certificates(trusted)
        .with_client_auth_cert(chain, PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(client_key.serialize_der())))
        .expect("a client certificate");
    Pair {
        verifying: state(Some(files::Roots { store: roots, configured: Vec::new() })),
        lenient: state(None),
        client: Arc::new(client),
    }
}

/// The server's end of a connection after the handshake and all that follows it.
fn connect(state: &TlsState, client: &Arc<ClientConfig>) -> ServerConnection {
    let name = "localhost".try_into().expect("a name");
    let mut client = ClientConnection::new(Arc::clone(client), name).expect("a client");
    let mut server = ServerConnection::new(state.config()).expect("a server");
    while client.wants_write() || server.wants_write() {
        let mut bytes = Vec::new();
        while client.wants_write() {
            client.write_tls(&mut bytes).expect("memory can be written");
        }
        server.read_tls(&mut bytes.as_slice()).expect("memory can be read");
        server.process_new_packets().expect("the client does nothing wrong");
        let mut bytes = Vec::new();
        while server.wants_write() {
            server.write_tls(&mut bytes).expect("memory can be written");
        }
        client.read_tls(&mut bytes.as_slice()).expect("memory can be read");
        client.process_new_packets().expect("the server does nothing wrong");
    }
    assert!(!server.is_handshaking());
    server
}

#[test]
fn a_resumed_session_ends_with_its_certificate() {
    let now = SystemTime::now();
    let ends = now + Duration::from_secs(3600);
    let at =
        |time: SystemTime| UnixTime::since_unix_epoch(time.duration_since(SystemTime::UNIX_EPOCH).expect("after 1970"));
    for version in [&TLS13, &TLS12] {
        let Pair { verifying, lenient, client } = pair(version, ends);
        let first = connect(&verifying, &client);
        assert_ne!(first.handshake_kind(), Some(HandshakeKind::Resumed));
        let late = at(ends + Duration::from_secs(1));
        assert_eq!(verifying.check_resumed(&first, late), Ok(()), "the handshake has just looked itself");

        let resumed = connect(&verifying, &client);
        assert_eq!(resumed.handshake_kind(), Some(HandshakeKind::Resumed));
        assert_eq!(verifying.check_resumed(&resumed, at(now)), Ok(()));
        let refused = verifying.check_resumed(&resumed, late).expect_err("the certificate has expired");
        let Error::InvalidCertificate(reason) = refused else { panic!("{refused}") };
        assert!(matches!(reason, CertificateError::Expired | CertificateError::ExpiredContext { .. }), "{reason}");

        connect(&lenient, &client);
        let resumed = connect(&lenient, &client);
        assert_eq!(resumed.handshake_kind(), Some(HandshakeKind::Resumed));
        assert_eq!(lenient.check_resumed(&resumed, late), Ok(()), "nobody looks at validity here");
    }
}

/// Each time ahead is one warning, and so is the end; a certificate that takes its place begins anew.
#[test]
fn the_end_of_a_certificate_is_announced_once_for_each_time_ahead() {
    const DAY: u64 = 24 * 3600;
    let directory = tempfile::tempdir().expect("a directory");
    let load = || {
        let (certificate, key) = certificate::of_development_server(&[], SystemTime::now()).expect("a certificate");
        let path = |name: &str| directory.path().join(name);
        std::fs::write(path("cert"), kes_client::pem::write_certificate(&certificate)).expect("written");
        let key = kes_client::pem::write_private_key(&key, None).expect("PEM");
        std::fs::write(path("key"), key.expose()).expect("written");
        let files = TlsFiles { key: path("key"), cert: path("cert"), password: None, ca: None };
        let watch =
            TlsWatch { every: None, expiry_warnings: [30, 7, 1].map(|days| Duration::from_secs(days * DAY)).into() };
        let state = TlsState::load(files, ClientMode { required: true, verified: false }).expect("TLS");
        state.watched(watch)
    };
    let tls = load();
    let end = u64::try_from(tls.expires()).expect("after 1970");
    let before = |seconds: u64| UnixTime::since_unix_epoch(Duration::from_secs(end - seconds));
    let mut expiry = Expiry::default();
    let mut said = |tls: &TlsState, now| expiry.notice(tls, now).map(|notice| notice.to_string());
    for (seconds, words) in [
        (31 * DAY, None),
        (30 * DAY, Some("expires in 30 days, on ")),
        (29 * DAY, None),
        (6 * DAY, Some("expires in 6 days, on ")),
        (DAY + 1, None),
        (3600, Some("expires in 60 minutes, on ")),
        (60, None),
    ] {
        let text = said(&tls, before(seconds));
        assert_eq!(text.is_some(), words.is_some(), "{seconds}: {text:?}");
        assert!(words.is_none_or(|words| text.as_ref().is_some_and(|text| text.contains(words))), "{text:?}");
    }
    let after = UnixTime::since_unix_epoch(Duration::from_secs(end + 1));
    assert!(said(&tls, after).is_some_and(|text| text.contains(" expired on ")));
    assert_eq!(said(&tls, after), None);
    assert_eq!(said(&load(), before(31 * DAY)), None);
    assert!(said(&load(), before(2 * DAY)).is_some(), "who skips a warning gets the next, and one is enough");
}
