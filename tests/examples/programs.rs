//! The example programs of `client/examples` against a server, by the functions that their `main` calls.

#[path = "../../client/examples/data-key.rs"]
#[allow(dead_code, reason = "its `main`, which reads arguments and environment")]
mod data_key;
#[path = "../../client/examples/encrypt-file.rs"]
#[allow(dead_code, reason = "its `main`, which reads arguments and environment")]
mod encrypt_file;
#[path = "../cli/program.rs"]
#[allow(dead_code, reason = "only the server is needed here")]
mod program;

use std::path::{Path, PathBuf};

use kes_client::{ApiKey, Client, ClientIdentity, Error};
use program::DevServer;

const CHUNK: usize = 64 * 1024;
const SEALED_CHUNK: usize = CHUNK + 16;

/// A server, a client of it, and a directory for files.
struct Site {
    client: Client,
    directory: tempfile::TempDir,
    _server: DevServer,
}

impl Site {
    fn new() -> Self {
        let server = DevServer::start();
        let api_key: ApiKey = server.api_key.parse().expect("an API key");
        let identity = ClientIdentity::from_api_key(&api_key).expect("an identity");
        let builder = Client::builder().servers(&server.address).expect("an address").identity(identity);
        let client = builder.insecure(true).build().expect("a client");
        Self { client, directory: tempfile::tempdir().expect("a directory"), _server: server }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// The files that there are.
    fn files(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.directory.path()).expect("a directory");
        let mut names: Vec<String> =
            entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("UTF-8")).collect();
        names.sort();
        names
    }

    async fn encrypt(&self, plaintext: &[u8]) -> Vec<u8> {
        let (input, output) = (self.path("plain"), self.path("sealed"));
        std::fs::write(&input, plaintext).expect("written");
        encrypt_file::encrypt_file(&self.client, "my-key", &input, &output).await.expect("encrypted");
        std::fs::remove_file(input).expect("removed");
        read(&output)
    }

    async fn decrypt(&self, sealed: &[u8]) -> Result<Vec<u8>, String> {
        let (input, output) = (self.path("sealed"), self.path("opened"));
        std::fs::write(&input, sealed).expect("written");
        let opened = encrypt_file::decrypt_file(&self.client, &input, &output).await;
        std::fs::remove_file(input).expect("removed");
        match opened {
            Ok(()) => {
                let plaintext = read(&output);
                std::fs::remove_file(output).expect("removed");
                Ok(plaintext)
            }
            Err(error) => {
                assert!(self.files().is_empty(), "something was left behind: {:?}", self.files());
                Err(error.to_string())
            }
        }
    }
}

fn read(path: &Path) -> Vec<u8> {
    std::fs::read(path).expect("a file")
}

/// Bytes that are not all the same.
fn bytes(length: usize) -> Vec<u8> {
    (0..length).map(|index| (index % 251) as u8).collect()
}

#[tokio::test]
async fn a_data_key_is_made_and_opened_again() {
    let site = Site::new();
    let told = data_key::run(&site.client, "my-key").await.expect("a data key");
    assert_eq!(told, "my-key: created; a data key of 32 bytes, 76 when sealed; opened again, the same: true");
    let told = data_key::run(&site.client, "my-key").await.expect("a data key");
    assert!(told.starts_with("my-key: there already; "), "{told}");
}

#[tokio::test]
async fn files_of_any_length_come_back() {
    let site = Site::new();
    site.client.create_key("my-key").await.expect("created");
    for length in [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK, 3 * CHUNK + 5] {
        let sealed = site.encrypt(&bytes(length)).await;
        let chunks = length.div_ceil(CHUNK).max(1);
        assert_eq!(sealed.len(), HEADER + length + 16 * chunks, "{length}");
        assert_eq!(site.decrypt(&sealed).await.expect("decrypted"), bytes(length));
    }
    assert_ne!(site.encrypt(b"twice").await, site.encrypt(b"twice").await);
}

/// `KESFILE1`, the name `my-key` with its length, and a sealed data key of 76 bytes with its length.
const HEADER: usize = 8 + 1 + 6 + 2 + 76;

#[tokio::test]
async fn no_part_of_a_file_can_be_changed_moved_or_cut_off() {
    let site = Site::new();
    site.client.create_key("my-key").await.expect("created");
    site.client.create_key("my-ke2").await.expect("created");
    let sealed = site.encrypt(&bytes(2 * CHUNK + 5)).await;
    assert!(site.decrypt(&sealed).await.is_ok());

    let chunk = |number: usize| HEADER + number * SEALED_CHUNK..sealed.len().min(HEADER + (number + 1) * SEALED_CHUNK);
    let flipped = |place: usize| {
        let mut changed = sealed.clone();
        changed[place] ^= 1;
        changed
    };
    let another_key = {
        let mut changed = sealed.clone();
        changed[9..15].copy_from_slice(b"my-ke2");
        changed
    };
    for (what, changed) in [
        ("the mark", flipped(0)),
        ("the length of the name", flipped(8)),
        ("the name", another_key),
        ("the length of the data key", flipped(16)),
        ("the data key", flipped(HEADER - 1)),
        ("the first byte", flipped(HEADER)),
        ("a tag", flipped(chunk(0).end - 1)),
        ("the last byte", flipped(sealed.len() - 1)),
        ("swapped chunks", [&sealed[..HEADER], &sealed[chunk(1)], &sealed[chunk(0)], &sealed[chunk(2)]].concat()),
        ("a chunk left out", [&sealed[..HEADER], &sealed[chunk(0)], &sealed[chunk(2)]].concat()),
        ("no last chunk", sealed[..chunk(2).start].to_vec()),
        ("a cut in a chunk", sealed[..chunk(1).start + 100].to_vec()),
        ("no chunk", sealed[..HEADER].to_vec()),
        ("a cut header", sealed[..20].to_vec()),
        ("a byte more", [&sealed[..], b"x"].concat()),
        ("nothing", Vec::new()),
    ] {
        assert!(site.decrypt(&changed).await.is_err(), "{what}");
    }
}

#[tokio::test]
async fn a_key_that_is_not_there_is_named_as_the_reason() {
    let site = Site::new();
    let (input, output) = (site.path("plain"), site.path("sealed"));
    std::fs::write(&input, b"text").expect("written");
    let error = encrypt_file::encrypt_file(&site.client, "nope", &input, &output).await.expect_err("no such key");
    assert_eq!(error.downcast_ref::<Error>(), Some(&Error::KeyNotFound));
    assert_eq!(site.files(), ["plain"]);
}
