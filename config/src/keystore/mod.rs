//! Where root keys live: one settings type per backend, exactly one of them chosen.

mod aws;
mod azure;
mod calls;
mod choice;
mod credential;
mod endpoint;
mod entrust;
mod fortanix;
mod fs;
mod gcp;
mod keysecure;
mod tls;
mod vault;

pub use aws::{AwsCredentials, SecretsManager};
pub use azure::{AzureLogin, KeyVault};
pub use calls::StoreCalls;
pub(crate) use choice::check;
pub use credential::{Credential, CredentialSource};
pub use entrust::KeyControl;
pub use fortanix::Sdkms;
pub use fs::FileSystem;
pub use gcp::{GcpCredentials, SecretManager};
pub use keysecure::KeySecure;
pub use tls::{ClientCertificate, StoreTls};
pub use vault::{KvVersion, Login, Mount, Transit, Vault};

/// The chosen key store. Two are equal if they were configured equally, which is what a reload asks (decision 37).
#[derive(Debug, PartialEq, Eq)]
pub enum KeyStore {
    /// `fs`: files in a directory.
    FileSystem(FileSystem),
    /// `vault` or `openbao`: HashiCorp Vault or OpenBao.
    Vault(Box<Vault>),
    /// `fortanix.sdkms`: Fortanix DSM.
    Fortanix(Sdkms),
    /// `gemalto.keysecure`: Thales CipherTrust Manager.
    KeySecure(KeySecure),
    /// `gcp.secretmanager`: Google Cloud Secret Manager.
    Gcp(SecretManager),
    /// `aws.secretsmanager`: AWS Secrets Manager.
    Aws(SecretsManager),
    /// `azure.keyvault`: Azure Key Vault.
    Azure(KeyVault),
    /// `entrust.keycontrol`: Entrust KeyControl.
    Entrust(KeyControl),
}
