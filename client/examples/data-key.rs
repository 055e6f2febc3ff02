//! Makes a data key, opens it again, and leaves it at that: the first thing that a program does with the service.
//!
//! ```text
//! export KES_SERVER=kes.example:7373 KES_API_KEY=kes:v1:...
//! cargo run -p kes-client --example data-key -- my-key
//! ```
//!
//! The identity needs a policy that allows `/v1/key/create/my-key`, `/v1/key/generate/my-key` and
//! `/v1/key/decrypt/my-key`. Where the server's certificate is not one of a public CA, name its CA in `SSL_CERT_FILE`.

use std::env;

use kes_client::{ApiKey, Client, ClientIdentity, Error};

/// What the data key is for. Not secret; whoever opens the data key has to say the same.
const CONTEXT: &[u8] = b"my-app/invoices/2026-11";

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let name = env::args().nth(1).ok_or("usage: data-key KEY")?;
    let api_key: ApiKey = env::var("KES_API_KEY").map_err(|_| "KES_API_KEY is not set")?.parse()?;
    let client = Client::builder()
        .servers(&env::var("KES_SERVER").map_err(|_| "KES_SERVER is not set")?)?
        .identity(ClientIdentity::from_api_key(&api_key)?)
        .build()?;
    println!("{}", run(&client, &name).await?);
    Ok(())
}

/// Creates the key unless it is there, and makes and opens a data key. Returns what there is to say.
pub async fn run(client: &Client, name: &str) -> Result<String, Error> {
    let created = match client.create_key(name).await {
        Ok(()) => "created",
        Err(Error::KeyExists) => "there already",
        Err(error) => return Err(error),
    };
    let data_key = client.generate_key(name, CONTEXT).await?;
    let opened = client.decrypt(name, &data_key.ciphertext, CONTEXT).await?;
    let same = opened.same_as(&data_key.plaintext);
    let (length, sealed) = (opened.len(), data_key.ciphertext.len());
    Ok(format!("{name}: {created}; a data key of {length} bytes, {sealed} when sealed; opened again, the same: {same}"))
}
