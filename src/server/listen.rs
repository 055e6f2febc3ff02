//! Where a server listens: an address that it binds itself, or a socket that somebody else has bound for it.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener as StdListener};

use rustix::io::Errno;
use tokio::net::TcpListener;

use super::StartError;

/// Where to listen.
#[derive(Debug)]
pub enum Listen {
    /// An address to bind. All addresses of IPv6 include those of IPv4; where the system has no IPv6, these remain.
    Address(SocketAddr),
    /// A socket that listens already, such as one of systemd's (`kes.socket`).
    Socket(StdListener),
}

impl From<SocketAddr> for Listen {
    fn from(address: SocketAddr) -> Self {
        Self::Address(address)
    }
}

impl Listen {
    /// Listens, and tells the real address. Needs a tokio runtime.
    pub(super) async fn open(self) -> Result<(TcpListener, SocketAddr), StartError> {
        let with_address = |listener: TcpListener| listener.local_addr().map(|address| (listener, address));
        match self {
            Self::Address(address) => {
                bind(address).await.and_then(with_address).map_err(|error| StartError::Bind { address, error })
            }
            Self::Socket(socket) => {
                let nonblocking = socket.set_nonblocking(true);
                let listener = nonblocking.and_then(|()| TcpListener::from_std(socket));
                listener.and_then(with_address).map_err(StartError::Socket)
            }
        }
    }
}

/// Listens on `address`, as [`Listen::Address`] says.
pub(super) async fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let any = SocketAddr::from((Ipv6Addr::UNSPECIFIED, address.port()));
    match TcpListener::bind(address).await {
        Err(error) if address == any && Errno::from_io_error(&error) == Some(Errno::AFNOSUPPORT) => {
            TcpListener::bind((Ipv4Addr::UNSPECIFIED, address.port())).await
        }
        bound => bound,
    }
}
