//! How sockets are to be made. Owns the defaults and their reasons; sets nothing.

use std::time::Duration;

use crate::address::Address;

/// How to listen.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ListenOptions {
    /// Connections the kernel may hold for us before we accept them. The kernel caps it (Linux: `net.core.somaxconn`).
    pub backlog: u32,
    /// `TCP_NODELAY` on what is accepted, which Linux inherits from the listener: no system call a connection.
    pub no_delay: bool,
    /// `SO_KEEPALIVE`, likewise: first probe after this long without traffic. `None`: off.
    pub keep_alive: Option<Duration>,
    /// The mode of a Unix stream's socket file, set before anybody can connect. `None`: as the process's umask has it.
    pub mode: Option<u32>,
}

impl Default for ListenOptions {
    fn default() -> Self {
        Self {
            backlog: 1024,
            no_delay: true,
            keep_alive: Some(KEEP_ALIVE),
            mode: None,
        }
    }
}

/// How to connect.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ConnectOptions {
    /// The local address to connect from; port 0 lets the kernel choose.
    pub bind: Option<Address>,
    /// `TCP_NODELAY`.
    pub no_delay: bool,
    /// `SO_KEEPALIVE`: first probe after this long without traffic. `None`: off.
    pub keep_alive: Option<Duration>,
}

impl Default for ConnectOptions {
    fn default() -> Self {
        Self {
            bind: None,
            no_delay: true,
            keep_alive: Some(KEEP_ALIVE),
        }
    }
}

/// Long enough to cost nothing, shorter than the five minutes after which many NAT boxes forget an idle connection.
const KEEP_ALIVE: Duration = Duration::from_secs(240);
