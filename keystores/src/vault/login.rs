//! The ways to log in (specification: `keystores.md` §4.7).

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use kes_client::wire::to_json;
use kes_config::keystore::{Login as Settings, Mount};
use kes_core::SecretText;
use reqwest::Method;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

use super::address::path;
use super::answer::{Answer, Envelope, Member};
use super::credential::Source;
use super::dangers;
use super::session::{Authority, Grant};
use super::token::Token;
use super::transport::{Request, Transport};
use crate::StoreError;

/// Logs in the configured way.
pub(super) struct Login {
    transport: Arc<Transport>,
    /// That of the store, which tokens are renewed in.
    namespace: Option<String>,
    method: MethodOf,
}

/// A way to log in, with what it takes.
enum MethodOf {
    AppRole {
        mount: Mount,
        id: String,
        secret: Source,
        unwrapped: Option<Mutex<Unwrapped>>,
    },
    /// Kubernetes and JWT.
    Jwt {
        mount: Mount,
        role: Option<String>,
        jwt: Source,
    },
    Certificate {
        mount: Mount,
        role: Option<String>,
    },
    Token(Source),
}

/// The secret that a wrapping token stood for. The token works once, logins come again.
#[derive(Default)]
struct Unwrapped {
    wrapping: SecretText,
    secret: SecretText,
}

#[derive(Serialize)]
struct AppRoleBody<'a> {
    role_id: &'a str,
    secret_id: &'a str,
}

#[derive(Serialize)]
struct JwtBody<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'a str>,
    jwt: &'a str,
}

#[derive(Serialize)]
struct CertificateBody<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
}

#[derive(Serialize)]
struct RenewBody {
    increment: u8,
}

#[derive(Deserialize)]
struct LoggedIn {
    auth: Auth,
}

#[derive(Deserialize)]
struct Auth {
    client_token: Member,
    lease_duration: u64,
    renewable: bool,
    policies: Option<Vec<String>>,
    #[serde(default)]
    num_uses: u64,
}

#[derive(Deserialize)]
struct LookedUp {
    /// In whole seconds: 0 in its last one, too.
    ttl: u64,
    #[serde(default)]
    renewable: bool,
    /// `null`: it does not end.
    expire_time: Option<IgnoredAny>,
    policies: Option<Vec<String>>,
    #[serde(default)]
    num_uses: u64,
}

#[derive(Deserialize)]
struct SecretId {
    secret_id: Member,
}

impl Login {
    pub(super) fn new(transport: Arc<Transport>, namespace: Option<String>, login: &Settings) -> Self {
        let method = match login {
            Settings::AppRole { mount, id, secret, wrapped } => MethodOf::AppRole {
                mount: mount.clone(),
                id: id.clone(),
                secret: secret.into(),
                unwrapped: wrapped.then(Mutex::default),
            },
            Settings::Kubernetes { mount, role, jwt } | Settings::Jwt { mount, role, jwt } => {
                MethodOf::Jwt { mount: mount.clone(), role: role.clone(), jwt: jwt.into() }
            }
            Settings::Certificate { mount, role } => MethodOf::Certificate { mount: mount.clone(), role: role.clone() },
            Settings::Token(source) => MethodOf::Token(source.into()),
        };
        Self { transport, namespace, method }
    }

    async fn at(&self, mount: &Mount, body: &impl Serialize, secret: &str) -> Result<Grant, StoreError> {
        let path = path(&["auth", &mount.engine, "login"]);
        let request = Request::new(Method::PUT, path, mount.namespace.as_deref());
        let request = request.json(json(body)?, secret);
        let answer = self.transport.send_patiently(&request, None).await?;
        granted(&answer).map_err(|error| {
            // That is what Vault says of a login method that is not there.
            let hint = if answer.status == 403 {
                "; hint: look whether `engine` and `namespace` of the login fit"
            } else {
                ""
            };
            refused(error, "cannot log in to vault: ", hint)
        })
    }

    /// The secret that `wrapping` stands for.
    async fn unwrap(
        &self,
        mount: &Mount,
        wrapping: SecretText,
        known: &Mutex<Unwrapped>,
    ) -> Result<SecretText, StoreError> {
        let mut known = known.lock().await;
        if known.wrapping.expose() != wrapping.expose() {
            let path = path(&["sys", "wrapping", "unwrap"]);
            let request = Request::new(Method::PUT, path, mount.namespace.as_deref());
            let answer = self.transport.send_patiently(&request, Some(&Token::new(wrapping.expose().into())?)).await?;
            let content: Envelope<SecretId> = answer.content().map_err(|error| {
                let hint = "; hint: with `secret_wrapped` the secret is a wrapping token, which works once; if nobody \
                            here has used this one, somebody else has: replace it";
                refused(error, "cannot unwrap the AppRole secret: ", hint)
            })?;
            let secret = content.data.secret_id.into_text().ok_or_else(|| no_text("secret_id"))?;
            *known = Unwrapped { wrapping, secret };
        }
        Ok(known.secret.expose().into())
    }

    /// What is known of a token that somebody gave us.
    async fn look_up(&self, token: Token) -> Result<Grant, StoreError> {
        let request = Request::new(Method::GET, path(&["auth", "token", "lookup-self"]), self.namespace.as_deref());
        let answer = self.transport.send_patiently(&request, Some(&token)).await?;
        let known = answer.content::<Envelope<LookedUp>>().map_err(|error| {
            let hint = "; hint: it has ended, or may not be used from here or `read` `auth/token/lookup-self`";
            refused(error, "vault refuses the token: ", hint)
        })?;
        let LookedUp { ttl, renewable, expire_time, policies, num_uses } = known.data;
        let ttl = if expire_time.is_some() { ttl.max(1) } else { ttl };
        if ttl > 0 && !renewable {
            tracing::warn!(
                "the token for vault ends in {ttl} s and cannot be renewed; hint: replace it before, or log in"
            );
        }
        warn_of(policies, num_uses);
        Ok(Grant { token, time: time(ttl), renewable })
    }
}

#[async_trait]
impl Authority for Login {
    async fn log_in(&self) -> Result<Grant, StoreError> {
        match &self.method {
            MethodOf::AppRole { mount, id, secret, unwrapped } => {
                let secret = secret.read().await?;
                let secret = match unwrapped {
                    Some(known) => self.unwrap(mount, secret, known).await?,
                    None => secret,
                };
                let body = AppRoleBody { role_id: id, secret_id: secret.expose() };
                self.at(mount, &body, secret.expose()).await
            }
            MethodOf::Jwt { mount, role, jwt } => {
                let jwt = jwt.read().await?;
                self.at(mount, &JwtBody { role: role.as_deref(), jwt: jwt.expose() }, jwt.expose()).await
            }
            MethodOf::Certificate { mount, role } => {
                self.at(mount, &CertificateBody { name: role.as_deref() }, "").await
            }
            MethodOf::Token(source) => self.look_up(Token::new(source.read().await?)?).await,
        }
    }

    async fn renew(&self, token: &Token) -> Result<Grant, StoreError> {
        let path = path(&["auth", "token", "renew-self"]);
        let request =
            Request::new(Method::PUT, path, self.namespace.as_deref()).json(json(&RenewBody { increment: 0 })?, "");
        granted(&self.transport.send_patiently(&request, Some(token)).await?)
    }

    async fn revoke(&self, token: &Token) {
        if matches!(self.method, MethodOf::Token(_)) {
            return; // It is not ours.
        }
        let path = path(&["auth", "token", "revoke-self"]);
        let request = Request::new(Method::PUT, path, self.namespace.as_deref());
        if let Err(error) = self.transport.send_patiently(&request, Some(token)).await {
            tracing::debug!("a token that is no longer used was not revoked: {error}");
        }
    }
}

/// The token of an answer in the form of logins and renewals.
fn granted(answer: &Answer) -> Result<Grant, StoreError> {
    let LoggedIn { auth } = answer.content()?;
    warn_of(auth.policies, auth.num_uses);
    let token = Token::new(auth.client_token.into_text().ok_or_else(|| no_text("client_token"))?)?;
    Ok(Grant { token, time: time(auth.lease_duration), renewable: auth.renewable })
}

fn warn_of(policies: Option<Vec<String>>, num_uses: u64) {
    for danger in dangers::of_token(&policies.unwrap_or_default(), num_uses) {
        tracing::warn!("{danger}");
    }
}

/// What a refusal is of, and what to do.
fn refused(error: StoreError, what: &str, hint: &str) -> StoreError {
    match error {
        StoreError::Denied(reason) => StoreError::Denied(format!("{what}{reason}{hint}")),
        error => error,
    }
}

/// A time of zero is no end.
fn time(seconds: u64) -> Option<Duration> {
    (seconds > 0).then(|| Duration::from_secs(seconds))
}

fn no_text(member: &str) -> StoreError {
    StoreError::Denied(format!("vault's answer has a `{member}` that is no text"))
}

fn json(body: &impl Serialize) -> Result<kes_core::SecretBytes, StoreError> {
    to_json(body).map_err(|_| StoreError::Denied("the credential cannot be written as JSON".to_owned()))
}
