//! Another process that knows keys: this program once more, running one test alone. It tells their bytes inverted.

use std::path::Path;
use std::process::Command;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kes_core::key::encoding::decode_base64;
use kes_core::key::stored;
use kes_core::{Algorithm, Key, SystemClock, clock::Clock};

use crate::search::{Wanted, secrets_of};

/// What the other process is to do, and with what.
const TASK: &str = "KES_MEMORY_TEST_TASK";
const DIRECTORY: &str = "KES_MEMORY_TEST_DIRECTORY";
const NAMES: &str = "KES_MEMORY_TEST_NAMES";

/// What its lines begin with, to tell them from those of the test harness.
const MARK: &str = "secret:";

/// Puts keys into a directory, with `json` in the name in the older form, and tells what is to be looked for.
pub fn plant(directory: &Path, names: &[&str]) -> Wanted {
    run("plant", directory, names)
}

/// Tells what is to be looked for of the keys in a directory.
pub fn read(directory: &Path, names: &[&str]) -> Wanted {
    run("read", directory, names)
}

fn run(task: &str, directory: &Path, names: &[&str]) -> Wanted {
    let output = Command::new(std::env::current_exe().expect("this program"))
        .args(["--exact", "other_process::keys_are_made_and_told_inverted", "--nocapture"])
        .envs([(TASK, task), (NAMES, &names.join(" "))])
        .env(DIRECTORY, directory)
        .output()
        .expect("it runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut wanted = Wanted::default();
    let mut count = 0;
    for line in String::from_utf8(output.stdout).expect("text").lines().filter_map(|line| line.strip_prefix(MARK)) {
        let (what, inverted) = line.split_once('=').expect("a line of two parts");
        wanted.add_inverted(&unhex(inverted), what);
        count += 1;
    }
    assert!(count >= 2 * names.len(), "the other process told too little: {count}");
    wanted
}

fn unhex(text: &str) -> Vec<u8> {
    let digits = |at| u8::from_str_radix(&text[at..at + 2], 16).expect("hexadecimal");
    (0..text.len()).step_by(2).map(digits).collect()
}

/// What the other process does. In this one it has nothing to do.
#[test]
fn keys_are_made_and_told_inverted() {
    let Ok(task) = std::env::var(TASK) else { return };
    let directory = std::env::var_os(DIRECTORY).expect("a directory");
    for (number, name) in std::env::var(NAMES).expect("names").split(' ').enumerate() {
        let path = Path::new(&directory).join(name);
        if task == "plant" {
            std::fs::write(&path, make(name, number)).expect("written");
        }
        tell(name, &std::fs::read(&path).expect("a key"));
    }
}

/// The content of a key's file. The number chooses among what differs between keys of all ages.
fn make(name: &str, number: usize) -> Vec<u8> {
    let algorithm = if number.is_multiple_of(2) { Algorithm::Aes256 } else { Algorithm::ChaCha20 };
    if !name.contains("json") {
        let key = Key::generate(algorithm, SystemClock.now(), "creator").expect("random");
        return stored::encode(&key).expect("an HMAC key").expose().to_vec();
    }
    let mut bytes = [0; 32];
    aws_lc_rs::rand::fill(&mut bytes).expect("random");
    let base64 = STANDARD.encode(bytes);
    match number % 3 {
        0 => format!(r#"{{"bytes":"{base64}"}}"#),
        1 => format!(r#"{{"version":"v1","bytes":"{base64}","algorithm":"{algorithm}","created_by":"creator"}}"#),
        // Some writers escape the slash and the padding.
        _ => format!(r#"{{"bytes":"{}"}}"#, base64.replace('/', "\\/").replace('=', "\\u003d")),
    }
    .into_bytes()
}

fn tell(name: &str, text: &[u8]) {
    let print = |what: &str, secret: &[u8]| {
        let inverted: String = secret.iter().map(|byte| format!("{:02x}", !byte)).collect();
        // The harness may have begun a line.
        println!("\n{MARK}{what} of {name}={inverted}");
    };
    if text.starts_with(b"{") {
        let value: serde_json::Value = serde_json::from_slice(text).expect("JSON");
        let base64 = value["bytes"].as_str().expect("base64");
        print("text of the root key", base64.as_bytes());
        print("root key", decode_base64(base64.as_bytes()).expect("base64").expose());
    } else {
        let message = decode_base64(text).expect("base64");
        secrets_of(text, message.expose()).iter().for_each(|(what, secret)| print(what, secret));
    }
}
