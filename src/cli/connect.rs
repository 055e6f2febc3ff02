//! How client commands find the server and who they are: flags first, then the environment.

use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use kes_client::pem::{self, PemError};
use kes_client::{Builder, Client, ClientIdentity, Endpoint, InvalidIdentity};
use kes_core::{ApiKey, Identity, SecretBytes, SecretText};
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::cli::failure::Failure;
use crate::cli::password::PasswordFlag;
use crate::cli::secret_input;

/// Where a server listens if nobody says otherwise.
const DEFAULT_SERVER: &str = "127.0.0.1:7373";

// For each setting the first variable with a value counts (specification: `cli.md` §1.7). The last ones are MinIO's.
const SERVER: &[&str] = &["MINIO_KES_SERVER", "KES_SERVER", "MINIO_KMS_KES_ENDPOINT"];
const API_KEY: &[&str] = &["MINIO_KES_API_KEY", "KES_API_KEY", "MINIO_KMS_KES_API_KEY"];
const KEY_FILE: &[&str] = &["MINIO_KES_KEY_FILE", "KES_CLIENT_KEY", "MINIO_KES_CLIENT_KEY", "MINIO_KMS_KES_KEY_FILE"];
const CERT_FILE: &[&str] =
    &["MINIO_KES_CERT_FILE", "KES_CLIENT_CERT", "MINIO_KES_CLIENT_CERT", "MINIO_KMS_KES_CERT_FILE"];
pub(crate) const CA: &[&str] = &["MINIO_KMS_KES_CAPATH"];

/// The flags of every client command.
#[derive(Args, Debug)]
pub(crate) struct Connection {
    /// Do not verify the server's certificate
    #[arg(short = 'k', long)]
    insecure: bool,

    /// Server to talk to, or several with commas [env: KES_SERVER] [default: 127.0.0.1:7373]
    #[arg(short, long, value_name = "HOST[:PORT]")]
    server: Option<String>,

    #[command(flatten)]
    credentials: CredentialFlags,

    /// Trust the CA certificates of this file or directory, beside those of the system [env: MINIO_KMS_KES_CAPATH]
    #[arg(long, value_name = "PATH")]
    ca: Option<PathBuf>,

    /// Without effect, for old scripts
    #[arg(short, long, value_name = "NAME", hide = true)]
    enclave: Option<String>,
}

/// Who the client is, as flags.
#[derive(Args, Debug, Default)]
struct CredentialFlags {
    /// API key to log in with [env: KES_API_KEY]
    #[arg(short, long, value_name = "KEY", value_parser = secret)]
    api_key: Option<Arc<SecretText>>,

    /// Read the API key from a file
    #[arg(long, value_name = "FILE")]
    api_key_file: Option<PathBuf>,

    /// Private key to log in with [env: KES_CLIENT_KEY]
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,

    /// Certificate to log in with [env: KES_CLIENT_CERT]
    #[arg(long, value_name = "FILE")]
    cert: Option<PathBuf>,

    #[command(flatten)]
    password: PasswordFlag,
}

/// clap keeps clones of values; behind the reference there is one, which is wiped.
pub(crate) fn secret(text: &str) -> Result<Arc<SecretText>, std::convert::Infallible> {
    Ok(Arc::new(text.into()))
}

/// Who the client is.
#[derive(Debug)]
enum Credentials {
    ApiKey(Arc<SecretText>),
    Files { key: PathBuf, cert: PathBuf },
}

impl Connection {
    /// Runs a command with a client of all servers, until it ends or Ctrl-C.
    pub(crate) fn run<T, F: Future<Output = Result<T, Failure>>>(
        &self,
        command: impl FnOnce(Client) -> F,
    ) -> Result<T, Failure> {
        self.run_as(|_, client| command(client))
    }

    /// As [`Connection::run`], for a command that wants to know who it is.
    pub(crate) fn run_as<T, F: Future<Output = Result<T, Failure>>>(
        &self,
        command: impl FnOnce(Identity, Client) -> F,
    ) -> Result<T, Failure> {
        let servers = self.servers()?;
        let identity = self.identity()?;
        let caller = identity.identity().clone();
        let client = self.client(servers, identity)?;
        until_interrupted(command(caller, client))
    }

    /// Whether a flag says which server is meant.
    pub(crate) fn names_server_by_flag(&self) -> bool {
        self.server.is_some()
    }

    /// Runs a command with a client of each server, at the same time.
    pub(crate) fn run_each<T, F: Future<Output = Result<T, Failure>>>(
        &self,
        command: impl Fn(Client) -> F,
    ) -> Result<Vec<T>, Failure> {
        let servers = self.servers()?;
        let identity = self.identity()?;
        let clients = servers.into_iter().map(|server| self.client(vec![server], identity.clone()));
        let clients = clients.collect::<Result<Vec<_>, _>>()?;
        until_interrupted(futures_util::future::try_join_all(clients.into_iter().map(command)))
    }

    /// Whether servers were named, as a flag or in the environment.
    pub(crate) fn names_servers(&self) -> bool {
        self.server.is_some() || environment(SERVER).is_some()
    }

    /// The servers that are meant.
    pub(crate) fn servers(&self) -> Result<Vec<Endpoint>, Failure> {
        let list = self.server.clone().or_else(|| environment(SERVER)).unwrap_or_else(|| DEFAULT_SERVER.to_owned());
        Endpoint::list(&list).map_err(|error| Failure::error(error.to_string()))
    }

    /// Who the client is.
    pub(crate) fn identity(&self) -> Result<ClientIdentity, Failure> {
        self.credentials.identity()
    }

    fn client(&self, servers: Vec<Endpoint>, identity: ClientIdentity) -> Result<Client, Failure> {
        let builder = servers.into_iter().fold(self.builder().identity(identity), Builder::server);
        Ok(builder.build()?)
    }

    /// A client without servers and identity, who trusts whom the flags say.
    pub(crate) fn builder(&self) -> Builder {
        self.ca().into_iter().fold(Client::builder().insecure(self.insecure), Builder::ca)
    }

    /// The CA certificates that are trusted beside those of the system.
    fn ca(&self) -> Option<PathBuf> {
        self.ca.clone().or_else(|| environment(CA).map(PathBuf::from))
    }

    /// Whether servers are believed without being verified.
    pub(crate) fn is_insecure(&self) -> bool {
        self.insecure
    }
}

/// Runs a command until it ends or Ctrl-C.
pub(crate) fn until_interrupted<T>(command: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    listening_for_interrupt(async |mut interrupt| {
        tokio::select! {
            result = command => result,
            _ = interrupt.recv() => Err(Failure::Interrupted),
        }
    })?
}

/// Runs what must not be left half done, and ends in time by itself. Returns whether Ctrl-C came meanwhile.
pub(crate) fn to_its_end<T>(command: impl Future<Output = T>) -> Result<(T, bool), Failure> {
    listening_for_interrupt(async |mut interrupt| {
        let result = command.await;
        let interrupted = tokio::select! {
            biased;
            _ = interrupt.recv() => true,
            () = std::future::ready(()) => false,
        };
        (result, interrupted)
    })
}

fn listening_for_interrupt<T>(command: impl AsyncFnOnce(Signal) -> T) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::error(format!("cannot start: {error}")))?;
    let result = runtime.block_on(async {
        // Before anything is sent, so that no Ctrl-C falls between.
        let interrupt = signal(SignalKind::interrupt())
            .map_err(|error| Failure::error(format!("cannot listen for Ctrl-C: {error}")))?;
        Ok(command(interrupt).await)
    });
    // A resolver or file system that does not answer holds a thread, for which nobody should have to wait.
    runtime.shutdown_background();
    result
}

/// Who the client is, if the environment says it.
pub(crate) fn identity_of_environment() -> Result<Option<ClientIdentity>, Failure> {
    if [API_KEY, KEY_FILE, CERT_FILE].iter().all(|names| environment(names).is_none()) {
        return Ok(None);
    }
    CredentialFlags::default().identity().map(Some)
}

/// The first of these variables that has a value.
pub(crate) fn environment(names: &[&str]) -> Option<String> {
    names.iter().filter_map(|name| std::env::var(name).ok()).find(|value| !value.is_empty())
}

impl CredentialFlags {
    /// A flag beats the environment: an API key beats files there, and files beat an API key there.
    fn choose(&self, environment: impl Fn(&[&str]) -> Option<String>) -> Result<Credentials, Failure> {
        let files_given = self.key.is_some() || self.cert.is_some();
        let from_environment = |names: &[&str], wanted: bool| if wanted { environment(names) } else { None };
        let api_key = self.api_key_given()?;
        let files_wanted = api_key.is_none();
        let api_key =
            api_key.or_else(|| from_environment(API_KEY, !files_given).map(|text| Arc::new(SecretText::from(text))));
        let key = self.key.clone().or_else(|| from_environment(KEY_FILE, files_wanted).map(PathBuf::from));
        let cert = self.cert.clone().or_else(|| from_environment(CERT_FILE, files_wanted).map(PathBuf::from));
        let text = match (api_key, key, cert) {
            (Some(api_key), None, None) => return Ok(Credentials::ApiKey(api_key)),
            (None, Some(key), Some(cert)) => return Ok(Credentials::Files { key, cert }),
            (None, None, None) => "no API key given: set 'MINIO_KES_API_KEY' or 'KES_API_KEY', or use --api-key-file",
            (Some(_), Some(_), _) => "an API key and a private key file cannot be used together",
            (Some(_), None, Some(_)) => "an API key and a certificate file cannot be used together",
            (None, Some(_), None) => {
                "no certificate file given: set 'MINIO_KES_CERT_FILE' or 'KES_CLIENT_CERT', or use --cert"
            }
            (None, None, Some(_)) => {
                "no private key file given: set 'MINIO_KES_KEY_FILE' or 'KES_CLIENT_KEY', or use --key"
            }
        };
        Err(Failure::error(text))
    }

    fn api_key_given(&self) -> Result<Option<Arc<SecretText>>, Failure> {
        match (&self.api_key, &self.api_key_file) {
            (Some(_), Some(_)) => Err(Failure::error("--api-key and --api-key-file cannot be used together")),
            (None, Some(file)) => secret_input::read_line(file).map(|key| Some(Arc::new(key))),
            (api_key, None) => Ok(api_key.clone()),
        }
    }

    fn identity(&self) -> Result<ClientIdentity, Failure> {
        identity(&self.choose(environment)?, &self.password)
    }
}

fn identity(credentials: &Credentials, password: &PasswordFlag) -> Result<ClientIdentity, Failure> {
    let identity = match credentials {
        Credentials::ApiKey(text) => {
            let key: ApiKey =
                text.expose().parse().map_err(|error| Failure::error(format!("parsing API key: {error}")))?;
            ClientIdentity::from_api_key(&key)
        }
        Credentials::Files { key, cert } => {
            let read = |path: &PathBuf| {
                let failed = |error| Failure::error(format!("cannot read '{}': {error}", path.display()));
                std::fs::read(path).map(SecretBytes::from).map_err(failed)
            };
            let (certificate, key_pem) = (read(cert)?, read(key)?);
            let password = match pem::is_encrypted(key_pem.expose()) {
                Ok(true) => Some(password.existing(&format!("Enter password for private key '{}': ", key.display()))?),
                _ => None,
            };
            let password = password.as_ref().map(SecretText::expose);
            ClientIdentity::from_pem(certificate.expose(), key_pem.expose(), password)
        }
    };
    identity.map_err(|error| match error {
        InvalidIdentity::Key(PemError::WrongPassword) => Failure::error("incorrect password"),
        other => Failure::error(other.to_string()),
    })
}

#[cfg(test)]
mod tests;
