//! `/v1/key/…`

use http::Response;
use kes_client::wire::{DescribedKey, KeyNames};
use kes_core::key::Algorithm;
use kes_core::{Caller, KeyName, Secret, SecretBytes};

use super::super::body::{BodyError, RequestBody};
use super::super::error::{ApiError, Operation};
use super::super::json;
use super::super::reply::{self, Body};
use super::Context;
use crate::keys::KeyError;

type Reply = Result<Response<Body>, ApiError>;

impl Context<'_> {
    /// The name of a key that is to be made.
    fn new_key_name(&self) -> Result<KeyName, ApiError> {
        self.argument.parse().map_err(|_| ApiError::name("key name", self.argument))
    }

    /// The name of a key that may exist, also of one that could not be made any more.
    fn key_name(&self) -> Result<KeyName, ApiError> {
        let name = KeyName::existing(self.argument).ok().filter(|_| self.is_text);
        name.ok_or_else(|| ApiError::name("key name", self.argument))
    }

    fn key_error(&self, operation: Operation) -> impl Fn(KeyError) -> ApiError {
        move |error| ApiError::key(operation, self.argument, &error)
    }
}

async fn read(context: &Context<'_>, body: &mut RequestBody, operation: Operation) -> Result<SecretBytes, ApiError> {
    body.read(&context.state.places).await.map_err(|error| match error {
        BodyError::TooLarge => ApiError::large_body(operation, error.to_string()),
        BodyError::Broken => ApiError::body(operation, error.to_string()),
    })
}

async fn members<const N: usize>(
    context: &Context<'_>,
    body: &mut RequestBody,
    operation: Operation,
    names: [&'static str; N],
) -> Result<[SecretBytes; N], ApiError> {
    let bytes = read(context, body, operation).await?;
    let members = json::byte_strings(bytes.expose(), names).map_err(|reason| ApiError::body(operation, reason))?;
    Ok(members.map(Option::unwrap_or_default))
}

/// `PUT /v1/key/create/<name>`
pub async fn create(context: &Context<'_>, caller: &Caller) -> Reply {
    let name = context.new_key_name()?;
    context.state.keys.create(caller, &name).await.map_err(context.key_error(Operation::Create))?;
    Ok(reply::empty())
}

/// `PUT /v1/key/import/<name>`
pub async fn import(context: &Context<'_>, caller: &Caller, body: &mut RequestBody) -> Reply {
    let name = context.new_key_name()?;
    let bytes = read(context, body, Operation::Import).await?;
    let import = json::import(bytes.expose()).map_err(|reason| ApiError::body(Operation::Import, reason))?;
    let algorithm: Algorithm = import.algorithm.parse().map_err(|_| ApiError::algorithm(&import.algorithm))?;
    let key = <&[u8; 32]>::try_from(import.key.expose()).map_err(|_| ApiError::key_size(&import.algorithm))?;
    let key = Secret::init_with(|secret| secret.copy_from_slice(key));
    let imported = context.state.keys.import(caller, &name, &key, algorithm).await;
    imported.map_err(context.key_error(Operation::Import))?;
    Ok(reply::empty())
}

/// `GET /v1/key/describe/<name>`
pub async fn describe(context: &Context<'_>, caller: &Caller) -> Reply {
    let name = context.key_name()?;
    let key = context.state.keys.get(caller, &name).await.map_err(context.key_error(Operation::Read))?;
    Ok(reply::json(&DescribedKey {
        name: name.to_string(),
        algorithm: key.algorithm().to_string(),
        created_at: key.created_at(),
        created_by: key.created_by().unwrap_or_default().to_owned(),
    }))
}

/// `DELETE /v1/key/delete/<name>`
pub async fn delete(context: &Context<'_>, caller: &Caller) -> Reply {
    let name = context.key_name()?;
    context.state.keys.delete(caller, &name).await.map_err(context.key_error(Operation::Delete))?;
    Ok(reply::empty())
}

/// `GET /v1/key/list/<pattern>`
pub async fn list(context: &Context<'_>, caller: &Caller) -> Reply {
    let pattern = context.pattern()?;
    let listing = context.state.keys.list(caller, &pattern).await.map_err(context.key_error(Operation::List))?;
    Ok(reply::json(&KeyNames {
        names: listing.names.iter().map(KeyName::to_string).collect(),
        continue_at: listing.next.map(|next| pattern.token(next.as_str())).unwrap_or_default(),
    }))
}

/// `PUT /v1/key/encrypt/<name>`
pub async fn encrypt(context: &Context<'_>, caller: &Caller, body: &mut RequestBody) -> Reply {
    let name = context.key_name()?;
    let [plaintext, ad] = members(context, body, Operation::Encrypt, ["plaintext", "context"]).await?;
    let ciphertext = context.state.keys.seal(caller, &name, &plaintext, &ad).await;
    let ciphertext = ciphertext.map_err(context.key_error(Operation::Encrypt))?;
    Ok(reply::secret_json(&[("ciphertext", &ciphertext)]))
}

/// `PUT /v1/key/generate/<name>`. The body is optional, if the request announces that there is none.
pub async fn generate(context: &Context<'_>, caller: &Caller, body: &mut RequestBody) -> Reply {
    let name = context.key_name()?;
    let [ad] = if body.is_absent() {
        [read(context, body, Operation::Generate).await?]
    } else {
        members(context, body, Operation::Generate, ["context"]).await?
    };
    let key = context.state.keys.data_key(caller, &name, &ad).await;
    let key = key.map_err(context.key_error(Operation::Generate))?;
    Ok(reply::secret_json(&[("plaintext", key.plaintext.expose()), ("ciphertext", &key.ciphertext)]))
}

/// `PUT /v1/key/decrypt/<name>`
pub async fn decrypt(context: &Context<'_>, caller: &Caller, body: &mut RequestBody) -> Reply {
    let name = context.key_name()?;
    let [ciphertext, ad] = members(context, body, Operation::Decrypt, ["ciphertext", "context"]).await?;
    let plaintext = context.state.keys.open(caller, &name, ciphertext, &ad).await;
    let plaintext = plaintext.map_err(context.key_error(Operation::Decrypt))?;
    Ok(reply::secret_json(&[("plaintext", plaintext.expose())]))
}

/// `PUT /v1/key/hmac/<name>`
pub async fn hmac(context: &Context<'_>, caller: &Caller, body: &mut RequestBody) -> Reply {
    let name = context.key_name()?;
    let [message] = members(context, body, Operation::Read, ["message"]).await?;
    let hmac = context.state.keys.hmac(caller, &name, &message).await;
    let hmac = hmac.map_err(context.key_error(Operation::Read))?;
    Ok(reply::secret_json(&[("hmac", &hmac)]))
}
