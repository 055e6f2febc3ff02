//! A client with keys of its own: nobody else touches them, so it knows what each answer has to be.

use http::Method;

use super::{Sealed, breathe, bytes};
use crate::caller::Caller;

/// Keys that one holder has at once.
const KEYS: usize = 8;

/// Ciphertexts that are kept of one key.
const SEALED: usize = 4;

/// A plaintext with which a request is just below the largest.
const LARGE: usize = 740_000;

/// Names of which it is not known whether they are keys, at most.
const LEFT: usize = 64;

/// Everything that is known of one key.
struct Held {
    name: String,
    sealed: Vec<Sealed>,
    /// A message and its HMAC.
    hmac: Option<(String, String)>,
}

struct Holder {
    caller: Caller,
    index: usize,
    made: u64,
    keys: Vec<Held>,
    /// Names whose fate a failing store left open.
    left: Vec<String>,
}

/// Uses its keys until the world ends.
pub async fn run(caller: Caller, index: usize) {
    let mut holder = Holder { caller, index, made: 0, keys: Vec::new(), left: Vec::new() };
    while holder.caller.world.goes_on() {
        holder.act().await;
        breathe(&mut holder.caller).await;
    }
}

impl Holder {
    async fn act(&mut self) {
        if self.keys.len() < 2 {
            return self.make().await;
        }
        let key = self.caller.rng.usize(..self.keys.len());
        match self.caller.rng.u32(..100) {
            0..6 if self.keys.len() < KEYS => self.make().await,
            0..6 => self.delete(key).await,
            6..9 => self.clear_up().await,
            9..12 => self.make_again(key).await,
            12..40 => self.generate(key).await,
            40..50 => self.encrypt(key).await,
            50..75 => self.decrypt(key).await,
            75..85 => self.hmac(key).await,
            85..93 => self.describe(key).await,
            93..97 => self.list().await,
            97 => self.forbidden().await,
            _ => self.mix_up(key).await,
        }
    }

    async fn make(&mut self) {
        let name = format!("h{}-{}", self.index, self.made);
        self.made += 1;
        self.make_named(name).await;
    }

    async fn make_named(&mut self, name: String) {
        let made = if self.caller.rng.bool() {
            self.caller.call(Method::PUT, "/v1/key/create/", &name, "", &[200]).await
        } else {
            let cipher = if self.caller.rng.bool() { "AES256" } else { "ChaCha20" };
            let body = format!(r#"{{"key":"{}","cipher":"{cipher}"}}"#, bytes(&mut self.caller.rng, 32));
            self.caller.call(Method::PUT, "/v1/key/import/", &name, body, &[200]).await
        };
        match made {
            Some(_) => self.keys.push(Held { name, sealed: Vec::new(), hmac: None }),
            None => self.leave(name),
        }
    }

    /// A key that exists cannot be made.
    async fn make_again(&mut self, key: usize) {
        self.caller.call(Method::PUT, "/v1/key/create/", &self.keys[key].name, "", &[400]).await;
    }

    async fn generate(&mut self, key: usize) {
        let sealed = Sealed::generate(&mut self.caller, &self.keys[key].name, &[200]).await;
        self.keep(key, sealed);
    }

    async fn encrypt(&mut self, key: usize) {
        let rng = &mut self.caller.rng;
        let size = if rng.u32(..50) == 0 { LARGE } else { rng.usize(..2000) };
        let (plaintext, context) = (bytes(rng, size), bytes(rng, 16));
        let body = format!(r#"{{"plaintext":"{plaintext}","context":"{context}"}}"#);
        let name = &self.keys[key].name;
        let Some(answer) = self.caller.call(Method::PUT, "/v1/key/encrypt/", name, body, &[200]).await else { return };
        let sealed = Sealed { plaintext, ciphertext: answer.text("ciphertext"), context };
        if size == LARGE {
            sealed.open(&mut self.caller, name, &[200]).await;
        } else {
            self.keep(key, Some(sealed));
        }
    }

    async fn decrypt(&mut self, key: usize) {
        let Held { name, sealed, .. } = &self.keys[key];
        if let Some(sealed) = self.caller.rng.choice(sealed) {
            sealed.open(&mut self.caller, name, &[200]).await;
        }
    }

    /// Another context, or another key: nothing can be opened.
    async fn mix_up(&mut self, key: usize) {
        let other = (key + 1) % self.keys.len();
        let Some(sealed) = self.keys[key].sealed.first().cloned() else { return };
        let name = &self.keys[other].name;
        sealed.open(&mut self.caller, name, &[400]).await;
        let other = Sealed { context: bytes(&mut self.caller.rng, 16), ..sealed };
        other.open(&mut self.caller, &self.keys[key].name, &[400]).await;
    }

    async fn hmac(&mut self, key: usize) {
        let message = match &self.keys[key].hmac {
            Some((message, _)) => message.clone(),
            None => bytes(&mut self.caller.rng, 100),
        };
        let (name, body) = (&self.keys[key].name, format!(r#"{{"message":"{message}"}}"#));
        let Some(answer) = self.caller.call(Method::PUT, "/v1/key/hmac/", name, body, &[200]).await else { return };
        let hmac = answer.text("hmac");
        match &self.keys[key].hmac {
            Some((_, before)) if *before != hmac => self.caller.surprise(format_args!("`{name}` has another HMAC now")),
            Some(_) => {}
            None => self.keys[key].hmac = Some((message, hmac)),
        }
    }

    async fn describe(&mut self, key: usize) {
        let name = &self.keys[key].name;
        let Some(answer) = self.caller.call(Method::GET, "/v1/key/describe/", name, "", &[200]).await else { return };
        let identity = self.caller.world.site.identities.holders[self.index].identity();
        if answer.text("name") != *name || answer.text("created_by") != identity.as_str() {
            self.caller.surprise(format_args!("`{name}` is described as something else"));
        }
    }

    async fn list(&mut self) {
        let pattern = format!("h{}-*", self.index);
        let Some(answer) = self.caller.call(Method::GET, "/v1/key/list/", &pattern, "", &[200]).await else { return };
        let body = answer.json();
        let listed: Vec<&str> =
            body["names"].as_array().into_iter().flatten().filter_map(|name| name.as_str()).collect();
        for key in self.keys.iter().filter(|key| !listed.contains(&key.name.as_str())) {
            self.caller.surprise(format_args!("`{}` is missing in the list", key.name));
        }
        let known =
            |name: &&str| self.left.iter().chain(self.keys.iter().map(|key| &key.name)).any(|known| known == name);
        // A change that was given up may have happened after its name was forgotten.
        for name in listed.iter().filter(|name| self.left.len() < LEFT && !known(name)) {
            self.caller.surprise(format_args!("`{name}` is in the list and does not exist"));
        }
    }

    /// What the policy denies.
    async fn forbidden(&mut self) {
        let argument = match self.caller.rng.bool() {
            true => format!("h{}-never", self.index),
            false => format!("h{}-1", (self.index + 1) % crate::site::HOLDERS),
        };
        let (route, body) = ("/v1/key/create/", "");
        self.caller.call_or(Method::PUT, route, &argument, body, &[403], &[]).await;
    }

    /// A deleted key is gone, and one that takes its name is another.
    async fn delete(&mut self, key: usize) {
        let Held { name, sealed, .. } = self.keys.swap_remove(key);
        if self.caller.call(Method::DELETE, "/v1/key/delete/", &name, "", &[200]).await.is_none() {
            return self.leave(name);
        }
        self.caller.call(Method::GET, "/v1/key/describe/", &name, "", &[404]).await;
        let Some(sealed) = sealed.first() else { return };
        sealed.open(&mut self.caller, &name, &[404]).await;
        if self.caller.rng.bool() {
            self.make_named(name.clone()).await;
            if self.keys.last().is_some_and(|key| key.name == name) {
                sealed.open(&mut self.caller, &name, &[400]).await;
            }
        }
    }

    /// Removes what may be left of a change that failed.
    async fn clear_up(&mut self) {
        let Some(name) = self.left.pop() else { return };
        if self.caller.call(Method::DELETE, "/v1/key/delete/", &name, "", &[200, 404]).await.is_none() {
            self.leave(name);
        }
    }

    fn keep(&mut self, key: usize, sealed: Option<Sealed>) {
        let all = &mut self.keys[key].sealed;
        all.extend(sealed);
        if all.len() > SEALED {
            all.remove(0);
        }
    }

    fn leave(&mut self, name: String) {
        if self.left.len() < LEFT {
            self.left.push(name);
        }
    }
}
