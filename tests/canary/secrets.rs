//! Secrets and the forms in which they could come to light.

use std::collections::HashMap;
use std::fmt::Write as _;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use http::Method;
use kes_core::KeyName;
use kes_core::key::encoding::decode_base64;
use kes_keystores::KeyStore;
use percent_encoding::{NON_ALPHANUMERIC, percent_encode};

use crate::support::{Answer, Connection};

/// Part of a secret is as bad as all of it, so every eight bytes are looked for on their own. That many are not
/// anywhere by chance.
const PIECE_BYTES: usize = 8;

/// What the search begins with; no form of a piece is shorter.
const START_BYTES: usize = 4;

/// A secret of 32 bytes.
#[derive(Clone, Copy)]
pub struct Canary(pub [u8; 32]);

impl Canary {
    /// Random bytes.
    pub fn bytes() -> Self {
        let mut bytes = [0; 32];
        aws_lc_rs::rand::fill(&mut bytes).expect("random");
        Self(bytes)
    }

    /// Random letters, which would be readable wherever bytes are shown as text.
    pub fn letters() -> Self {
        Self(Self::bytes().0.map(|byte| b'A' + byte % 26))
    }

    /// The base64 that goes into requests.
    pub fn base64(&self) -> String {
        STANDARD.encode(self.0)
    }

    /// The letters, or the bytes in hexadecimal.
    pub fn text(&self) -> String {
        if self.0.is_ascii() { String::from_utf8_lossy(&self.0).into_owned() } else { hex(&self.0) }
    }

    /// As a JSON array.
    pub fn array(&self) -> String {
        format!("{:?}", self.0)
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// All secrets of a test.
#[derive(Default)]
pub struct Secrets {
    /// By their first bytes: the forms, and what each is of.
    forms: HashMap<[u8; START_BYTES], Vec<(Vec<u8>, String)>>,
    /// Those that even an answer that was asked for must not hold.
    never_told: Vec<String>,
}

impl Secrets {
    /// Adds a secret that somebody may be told in an answer of 2xx: itself, and its base64, whose bytes are as secret.
    pub fn add(&mut self, what: &str, secret: &[u8]) {
        let base64 = STANDARD.encode(secret);
        let pieces = secret.chunks_exact(PIECE_BYTES).chain(base64.as_bytes().chunks_exact(PIECE_BYTES));
        for piece in pieces {
            for (form, how) in forms(piece) {
                let start = *form.first_chunk().expect("no form is shorter than the start");
                self.forms.entry(start).or_default().push((form, format!("{what}, {how}")));
            }
        }
    }

    /// Adds a secret that nobody is ever told.
    pub fn add_key(&mut self, what: &str, secret: &[u8]) {
        self.never_told.push(format!("{what}, "));
        self.add(what, secret);
    }

    /// Adds what the store holds of a key: its two halves, and where they stand in the text.
    pub async fn add_stored(&mut self, store: &dyn KeyStore, name: &str) {
        let name: KeyName = name.parse().expect("a name");
        let text = store.get(&name).await.expect("the store works").expect("the key exists");
        let message = decode_base64(text.expose()).expect("the current form");
        self.add_key("root key", &message.expose()[4..36]);
        self.add_key("HMAC key", &message.expose()[42..74]);
        self.add_key("text of a root key", &text.expose()[8..48]);
        self.add_key("text of an HMAC key", &text.expose()[56..96]);
    }

    /// What of them is in `text`, if anything.
    pub fn find(&self, text: &[u8]) -> Option<&str> {
        // Lists of bytes may be broken into lines.
        let unbroken: Vec<u8> = text.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
        self.find_as_it_is(text).or_else(|| self.find_as_it_is(&unbroken))
    }

    fn find_as_it_is(&self, text: &[u8]) -> Option<&str> {
        (0..text.len()).find_map(|at| {
            let start = text[at..].first_chunk()?;
            let candidates = self.forms.get(start)?;
            candidates.iter().find(|(form, _)| text[at..].starts_with(form)).map(|(_, what)| what.as_str())
        })
    }

    /// Fails if `text` holds one of them.
    #[track_caller]
    pub fn assert_absent(&self, text: impl AsRef<[u8]>, place: &str) {
        if let Some(what) = self.find(text.as_ref()) {
            panic!("{what} is in {place}: {}", text.as_ref().escape_ascii());
        }
    }

    /// Fails if an answer says more than it may.
    #[track_caller]
    pub fn assert_not_told(&self, answer: &Answer, request: &str) {
        self.assert_absent(format!("{} {:?}", answer.status, answer.headers), request);
        match self.find(answer.body.as_bytes()) {
            Some(what) if !answer.status.is_success() || self.never_told.iter().any(|key| what.starts_with(key)) => {
                panic!("{what} is in the answer to {request}: {}", answer.body);
            }
            _ => {}
        }
    }

    /// Sends a request and looks at the answer.
    pub async fn send(&self, connection: &mut Connection, method: Method, path: &str, body: &str) -> Answer {
        let request = format!("{method} {path}");
        let answer = connection.send(method, path, body).await.unwrap_or_else(|error| panic!("{request}: {error:?}"));
        self.assert_not_told(&answer, &request);
        answer
    }
}

/// Every way in which bytes become text, and themselves.
fn forms(bytes: &[u8]) -> Vec<(Vec<u8>, String)> {
    let list = |separator: &str, show: fn(&u8) -> String| bytes.iter().map(show).collect::<Vec<_>>().join(separator);
    let mut forms = vec![
        (bytes.to_vec(), "raw".to_owned()),
        (hex(bytes).into_bytes(), "hex".to_owned()),
        (hex(bytes).to_ascii_uppercase().into_bytes(), "upper case hex".to_owned()),
        (list(",", u8::to_string).into_bytes(), "list".to_owned()),
        (list(" ", u8::to_string).into_bytes(), "list with blanks".to_owned()),
        (list(",", |byte| format!("{byte:x}")).into_bytes(), "hex list".to_owned()),
        (list(",", |byte| format!("{byte:02x}")).into_bytes(), "padded hex list".to_owned()),
        (list(" ", |byte| format!("{byte:02x}")).into_bytes(), "hex list with blanks".to_owned()),
        (list(":", |byte| format!("{byte:02x}")).into_bytes(), "hex list with colons".to_owned()),
        (list(",", |byte| format!("{byte:#x}")).into_bytes(), "list of hex literals".to_owned()),
        (list(",", |byte| format!("{byte:#04x}")).into_bytes(), "list of padded hex literals".to_owned()),
        (percent_encode(bytes, NON_ALPHANUMERIC).to_string().into_bytes(), "percent encoded".to_owned()),
        (bytes.iter().map(|byte| format!("%{byte:02x}")).collect::<String>().into_bytes(), "all percent".to_owned()),
        (bytes.escape_ascii().to_string().into_bytes(), "escaped".to_owned()),
    ];
    for before in 0..3 {
        let digits = base64_at(before, bytes);
        let for_urls = digits.iter().map(|&digit| match digit {
            b'+' => b'-',
            b'/' => b'_',
            digit => digit,
        });
        forms.push((for_urls.collect(), format!("base64 for URLs after {before} bytes")));
        forms.push((digits, format!("base64 after {before} bytes")));
    }
    forms
}

/// The digits of base64 that `bytes` alone decide, if `before` other bytes stand before them. Padding is never part of
/// them, so it makes no difference.
fn base64_at(before: usize, bytes: &[u8]) -> Vec<u8> {
    let text = STANDARD_NO_PAD.encode([vec![0; before], bytes.to_vec()].concat());
    let digits = (before * 8).div_ceil(6)..(before + bytes.len()) * 8 / 6;
    text.as_bytes()[digits].to_vec()
}

#[test]
fn secrets_are_found_in_every_form() {
    use base64::engine::general_purpose::{URL_SAFE, URL_SAFE_NO_PAD};

    for canary in [Canary::bytes(), Canary::letters()] {
        let mut secrets = Secrets::default();
        secrets.add("key", &canary.0);
        let bytes = canary.0;
        let after = |count: usize| [vec![b'x'; count], bytes.to_vec(), vec![b'y'; 5]].concat();
        let mut texts = vec![
            bytes.to_vec(),
            hex(&bytes).into_bytes(),
            hex(&bytes).to_uppercase().into_bytes(),
            format!("{bytes:?}").into_bytes(),
            format!("{bytes:#?}").into_bytes(),
            format!("{bytes:x?}").into_bytes(),
            format!("{bytes:02x?}").into_bytes(),
            format!("{:?}", bytes.map(|byte| format!("{byte:#x}"))).replace('"', "").into_bytes(),
            bytes.map(|byte| byte.to_string()).join(" ").into_bytes(),
            percent_encode(&bytes, NON_ALPHANUMERIC).to_string().into_bytes(),
            bytes.escape_ascii().to_string().into_bytes(),
            // A quarter of it is enough.
            bytes[8..16].to_vec(),
            hex(&bytes[3..23]).into_bytes(),
            // Its text, shown as bytes.
            format!("{:?}", STANDARD.encode(bytes).as_bytes()).into_bytes(),
        ];
        for count in 0..3 {
            texts.push(STANDARD.encode(after(count)).into_bytes());
            texts.push(STANDARD_NO_PAD.encode(after(count)).into_bytes());
            texts.push(URL_SAFE.encode(after(count)).into_bytes());
            texts.push(URL_SAFE_NO_PAD.encode(after(count)).into_bytes());
        }
        for text in texts {
            let line = [b"level=DEBUG msg=\"", text.as_slice(), b"\""].concat();
            assert!(secrets.find(&line).is_some(), "{}", line.escape_ascii());
        }
        assert_eq!(secrets.find(STANDARD.encode(Canary::bytes().0).as_bytes()), None);
    }
}
