//! Encrypts a file of any size with a data key, and decrypts it again.
//!
//! ```text
//! export KES_SERVER=kes.example:7373 KES_API_KEY=kes:v1:...
//! cargo run -p kes-client --example encrypt-file -- encrypt my-key report.pdf report.pdf.enc
//! cargo run -p kes-client --example encrypt-file -- decrypt report.pdf.enc report.pdf
//! ```
//!
//! The service sees one small request for each file, and never the file. Every file has a data key of its own.
//!
//! ```text
//! header   8  `KESFILE1`
//!          1  length of the key's name, n
//!          n  the key's name
//!          2  length of the sealed data key, m, big endian
//!          m  the sealed data key (context: the first 8 bytes)
//! chunks      AES-256-GCM of 65,536 bytes each, the last one of up to as many; each is followed by its tag of 16 bytes
//!             nonce: 3 bytes zero, 8 bytes number of the chunk from 0 on, big endian, 1 byte: 1 in the last chunk, else 0
//!             associated data: the header
//! ```
//!
//! There is always a last chunk; it is empty only where the file is. So no part of the file can be changed, moved, left
//! out or cut off without being noticed. Decrypting writes beside the output and renames it at the end: nobody sees a
//! file whose end was not authenticated.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::{env, process};

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use kes_client::{ApiKey, Client, ClientIdentity};

const MAGIC: &[u8; 8] = b"KESFILE1";

/// Plaintext bytes in each chunk but the last.
const CHUNK_BYTES: usize = 64 * 1024;

const TAG_BYTES: usize = 16;

const USAGE: &str = "usage: encrypt-file encrypt KEY INPUT OUTPUT | encrypt-file decrypt INPUT OUTPUT";

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["encrypt", key, input, output] => encrypt_file(&client()?, key, input.as_ref(), output.as_ref()).await,
        ["decrypt", input, output] => decrypt_file(&client()?, input.as_ref(), output.as_ref()).await,
        _ => Err(USAGE.into()),
    }
}

/// A client of the servers and with the API key of the environment.
fn client() -> Result<Client> {
    let api_key: ApiKey = env::var("KES_API_KEY").map_err(|_| "KES_API_KEY is not set")?.parse()?;
    let servers = env::var("KES_SERVER").map_err(|_| "KES_SERVER is not set")?;
    Ok(Client::builder().servers(&servers)?.identity(ClientIdentity::from_api_key(&api_key)?).build()?)
}

/// Encrypts `input` into `output`, with a fresh data key of the key `name`.
pub async fn encrypt_file(client: &Client, name: &str, input: &Path, output: &Path) -> Result<()> {
    let mut input = BufReader::new(File::open(input)?);
    let data_key = client.generate_key(name, MAGIC).await?;
    let header = Header { name: name.to_owned(), sealed: data_key.ciphertext }.to_bytes()?;
    let cipher = Chunks::new(data_key.plaintext.expose(), header)?;
    write_whole(output, |output| cipher.seal(&mut input, output))
}

/// Decrypts `input` into `output`, if it is what [`encrypt_file`] wrote.
pub async fn decrypt_file(client: &Client, input: &Path, output: &Path) -> Result<()> {
    let mut input = BufReader::new(File::open(input)?);
    let header = Header::read(&mut input)?;
    let data_key = client.decrypt(&header.name, &header.sealed, MAGIC).await?;
    let cipher = Chunks::new(data_key.expose(), header.to_bytes()?)?;
    write_whole(output, |output| cipher.open(&mut input, output))
}

/// What stands before the chunks.
struct Header {
    name: String,
    sealed: Vec<u8>,
}

impl Header {
    fn to_bytes(&self) -> Result<Vec<u8>> {
        let mut bytes = MAGIC.to_vec();
        bytes.push(u8::try_from(self.name.len()).map_err(|_| "the key's name is too long")?);
        bytes.extend_from_slice(self.name.as_bytes());
        let length = u16::try_from(self.sealed.len()).map_err(|_| "the sealed data key is too long")?;
        bytes.extend_from_slice(&length.to_be_bytes());
        bytes.extend_from_slice(&self.sealed);
        Ok(bytes)
    }

    fn read(input: &mut impl Read) -> Result<Self> {
        let foreign = |_| "not a file that this program has encrypted";
        let mut magic = [0; MAGIC.len()];
        input.read_exact(&mut magic).map_err(foreign)?;
        if magic != *MAGIC {
            return Err("not a file that this program has encrypted".into());
        }
        let mut length = [0; 1];
        input.read_exact(&mut length).map_err(foreign)?;
        let mut name = vec![0; length[0].into()];
        input.read_exact(&mut name).map_err(foreign)?;
        let mut length = [0; 2];
        input.read_exact(&mut length).map_err(foreign)?;
        let mut sealed = vec![0; u16::from_be_bytes(length).into()];
        input.read_exact(&mut sealed).map_err(foreign)?;
        Ok(Self { name: String::from_utf8(name).map_err(|_| "the key's name is not text")?, sealed })
    }
}

/// Seals and opens the chunks of one file.
struct Chunks {
    key: LessSafeKey,
    header: Vec<u8>,
}

impl Chunks {
    fn new(data_key: &[u8], header: Vec<u8>) -> Result<Self> {
        let key = UnboundKey::new(&AES_256_GCM, data_key).map_err(|_| "the data key does not have 32 bytes")?;
        Ok(Self { key: LessSafeKey::new(key), header })
    }

    /// The data key is fresh, so a counter makes every nonce unique.
    fn nonce(number: u64, last: bool) -> Nonce {
        let mut nonce = [0; 12];
        nonce[3..11].copy_from_slice(&number.to_be_bytes());
        nonce[11] = last.into();
        Nonce::assume_unique_for_key(nonce)
    }

    /// Writes the header and the chunks.
    fn seal(&self, input: &mut impl Read, output: &mut impl Write) -> Result<()> {
        output.write_all(&self.header)?;
        for_each_piece(input, CHUNK_BYTES, |number, last, mut chunk| {
            self.key
                .seal_in_place_append_tag(Self::nonce(number, last), Aad::from(&self.header), &mut chunk)
                .map_err(|_| "cannot encrypt")?;
            Ok(output.write_all(&chunk)?)
        })
    }

    /// Writes the plaintext of the chunks, each after it was found authentic. If this fails, what was written is not the
    /// file.
    fn open(&self, input: &mut impl Read, output: &mut impl Write) -> Result<()> {
        for_each_piece(input, CHUNK_BYTES + TAG_BYTES, |number, last, mut chunk| {
            let plaintext = self
                .key
                .open_in_place(Self::nonce(number, last), Aad::from(&self.header), &mut chunk)
                .map_err(|_| "the file was changed, cut off, or encrypted with another key")?;
            // Only an empty file has an empty chunk; elsewhere it would be a second form of the same file.
            if plaintext.is_empty() && number > 0 {
                return Err("the file was not written by this program".into());
            }
            Ok(output.write_all(plaintext)?)
        })
    }
}

/// Hands over the input in pieces of this size with their number, and whether one is the last. There is one at least.
fn for_each_piece(
    input: &mut impl Read,
    size: usize,
    mut take: impl FnMut(u64, bool, Vec<u8>) -> Result<()>,
) -> Result<()> {
    let mut piece = read_piece(input, size)?;
    for number in 0.. {
        // Whether a piece is the last is known when nothing comes after it.
        let next = if piece.len() == size { read_piece(input, size)? } else { Vec::new() };
        let last = next.is_empty();
        take(number, last, piece)?;
        if last {
            break;
        }
        piece = next;
    }
    Ok(())
}

/// Reads `size` bytes, or as many as there are.
fn read_piece(input: &mut impl Read, size: usize) -> io::Result<Vec<u8>> {
    let mut piece = Vec::with_capacity(size + TAG_BYTES);
    input.by_ref().take(size as u64).read_to_end(&mut piece)?;
    Ok(piece)
}

/// Writes a file that appears when it is complete, for its owner alone, or not at all.
fn write_whole(path: &Path, write: impl FnOnce(&mut BufWriter<File>) -> Result<()>) -> Result<()> {
    let mut unfinished = path.as_os_str().to_owned();
    unfinished.push(format!(".{}.part", process::id()));
    let unfinished = PathBuf::from(unfinished);
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&unfinished)?;
    let mut file = BufWriter::new(file);
    let written = write(&mut file).and_then(|()| {
        let file = file.into_inner()?;
        file.sync_all()?;
        Ok(fs::rename(&unfinished, path)?)
    });
    if written.is_err() {
        // The reason is the one to be told; what is left is not readable by others.
        let _ = fs::remove_file(&unfinished);
    }
    written
}
