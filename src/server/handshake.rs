//! From a socket to a TLS stream: the load balancer's header is read, plaintext is told off, and TLS is shaken hands with.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use rustls_pki_types::UnixTime;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::log::Level;
use super::proxy_protocol::{self, HeaderError, ReadError};
use super::state::Shared;

/// What a client that speaks HTTP to the TLS port is told.
const PLAINTEXT_ANSWER: &[u8] = b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n";

/// Most bytes of plaintext that are read after the answer to it.
const MAX_PLAINTEXT_BYTES: usize = 64 * 1024;

/// Why a connection does not come to speak HTTP.
#[derive(Debug, thiserror::Error)]
pub enum HandshakeError {
    /// The connection ended, or TLS failed.
    #[error(transparent)]
    Tls(#[from] io::Error),
    /// Not everything came in time.
    #[error("the handshake took too long")]
    Late,
    /// A load balancer has to announce every connection, and this does not come from one.
    #[error("the address is not in `proxy_protocol.trusted`; hint: connect to the load balancer, or add the address")]
    Untrusted,
    /// The load balancer did not announce it as it has to.
    #[error(transparent)]
    Header(#[from] HeaderError),
}

impl HandshakeError {
    /// How much it is an operator's business.
    #[must_use]
    pub fn level(&self) -> Level {
        match self {
            // Load balancers look whether the port is open and leave: that is no news.
            Self::Tls(error) if has_left(error) => Level::DEBUG,
            Self::Tls(_) | Self::Late | Self::Untrusted => Level::INFO,
            // No client of that load balancer gets through.
            Self::Header(_) => Level::WARN,
        }
    }
}

impl From<ReadError> for HandshakeError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Io(error) => Self::Tls(error),
            ReadError::Header(error) => Self::Header(error),
        }
    }
}

fn has_left(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe)
}

/// The TLS stream, or nothing if the client spoke plaintext and was told so. `address` becomes the one that a load
/// balancer announces. May take any time.
///
/// # Errors
/// See [`HandshakeError`], but for [`HandshakeError::Late`].
pub async fn shake_hands(
    mut stream: TcpStream,
    address: &mut SocketAddr,
    shared: &Shared,
) -> Result<Option<TlsStream<TcpStream>>, HandshakeError> {
    if let Some(settings) = &shared.proxy_protocol {
        if !settings.trusts(address.ip()) {
            return Err(HandshakeError::Untrusted);
        }
        if let Some(source) = proxy_protocol::read(&mut stream).await? {
            *address = source;
        }
    }
    let mut first = [0];
    if stream.peek(&mut first).await? == 1 && first[0].is_ascii_uppercase() {
        answer_plaintext(&mut stream).await?;
        return Ok(None);
    }
    let tls = Arc::clone(&shared.state.load().tls);
    let stream = TlsAcceptor::from(tls.config()).accept(stream).await?;
    tls.check_resumed(stream.get_ref().1, UnixTime::now()).map_err(io::Error::other)?;
    Ok(Some(stream))
}

async fn answer_plaintext(stream: &mut TcpStream) -> io::Result<()> {
    stream.write_all(PLAINTEXT_ANSWER).await?;
    stream.shutdown().await?;
    // Closing with unread bytes would reset the connection, and the client might never see the answer.
    let mut rest = [0; 4096];
    let mut read = 0;
    while read < MAX_PLAINTEXT_BYTES {
        match stream.read(&mut rest).await? {
            0 => break,
            count => read += count,
        }
    }
    Ok(())
}
