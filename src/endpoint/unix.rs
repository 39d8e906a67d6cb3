//! Unix streams in descriptions. Owns which paths and names can be one; touches no file.

use std::fmt;
use std::path::Path;
use std::time::Duration;

use super::client::ClientEndpoint;
use super::grammar::{Arguments, Escaped, Piece};
use super::server::ServerEndpoint;
use super::{tcp_client, tcp_server};
use crate::address::UnixAddress;
use crate::error::EndpointError;

/// A Unix stream to listen on: `unix:PATH` or `unix:@NAME`, then `mode=OCTAL` and `backlog=CONNECTIONS` if wanted.
///
/// A socket file that is there already is replaced if it is dead: if nobody listens any more, which is found out by
/// connecting to it. A live one is left alone, and so is anything that is no socket: then it can't be listened on. There is no
/// lock file as Twisted has one: of two servers that are started on a dead file in the same moment the later one has it. When
/// it is no longer listened on the file is removed, unless another one has taken its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnixServerEndpoint {
    pub(crate) address: UnixAddress,
    pub(crate) mode: Option<u32>,
    pub(crate) backlog: Option<u32>,
}

/// A Unix stream to connect to: `unix:PATH` or `unix:@NAME`, then `timeout=SECONDS` if wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnixClientEndpoint {
    pub(crate) address: UnixAddress,
    pub(crate) timeout: Option<Duration>,
}

impl UnixServerEndpoint {
    pub(super) fn new(address: UnixAddress) -> Self {
        Self {
            address,
            mode: None,
            backlog: None,
        }
    }

    /// The mode of the socket file: on Linux, who may write to it may connect. It is set before anybody can. Without it the
    /// process's umask decides. A name without a file has none.
    pub fn mode(mut self, mode: u32) -> Self {
        self.mode = Some(mode);
        self
    }

    /// How many connections the kernel may hold for us before we accept them. The default is that of
    /// [`ListenOptions`](crate::network::ListenOptions). On Linux a connect beyond it fails at once.
    pub fn backlog(mut self, connections: u32) -> Self {
        self.backlog = Some(connections);
        self
    }
}

impl UnixClientEndpoint {
    pub(super) fn new(address: UnixAddress) -> Self {
        Self {
            address,
            timeout: None,
        }
    }

    /// How long connecting may take, layers aside.
    pub fn timeout(mut self, within: Duration) -> Self {
        self.timeout = Some(within);
        self
    }
}

pub(super) const SERVER_KEYS: &str = "mode, backlog";
pub(super) const CLIENT_KEYS: &str = "timeout";

pub(super) fn server(arguments: &mut Arguments<'_>) -> Result<ServerEndpoint, EndpointError> {
    let address = read_address(arguments, "mode=660")?;
    let mode = arguments.keyed(&["mode"])?;
    let mode = mode.map(|piece| read_mode(&piece, &address, arguments));
    let mode = mode.transpose()?;
    let backlog = tcp_server::read_backlog(arguments)?;
    Ok(ServerEndpoint::Unix(UnixServerEndpoint {
        address,
        mode,
        backlog,
    }))
}

pub(super) fn client(arguments: &mut Arguments<'_>) -> Result<ClientEndpoint, EndpointError> {
    let address = read_address(arguments, "timeout=30")?;
    let timeout = tcp_client::read_timeout(arguments)?;
    Ok(ClientEndpoint::Unix(UnixClientEndpoint {
        address,
        timeout,
    }))
}

fn read_address(
    arguments: &mut Arguments<'_>,
    example: &str,
) -> Result<UnixAddress, EndpointError> {
    let most = UnixAddress::MOST;
    let expected = format!("a path, or @ and a name (1 to {most} bytes)");
    let piece = arguments.positional(&expected)?;
    let Some(address) = address_of(&piece.text) else {
        return Err(arguments.expected(piece.at, &expected));
    };
    let after =
        format!("key=value, such as {example}, after the path (a colon in it is written \\:)");
    arguments.no_more_positional(&after)?;
    Ok(address)
}

/// A NUL would end a path early; in a name it is a byte like others.
fn address_of(text: &str) -> Option<UnixAddress> {
    let fits = |text: &&str| (1..=UnixAddress::MOST).contains(&text.len());
    match text.strip_prefix('@') {
        Some(name) => Some(name)
            .filter(fits)
            .map(|name| UnixAddress::Abstract(name.into())),
        None => Some(text)
            .filter(|text| fits(text) && !text.contains('\0'))
            .map(|path| UnixAddress::Path(path.into())),
    }
}

fn read_mode(
    piece: &Piece,
    address: &UnixAddress,
    arguments: &Arguments<'_>,
) -> Result<u32, EndpointError> {
    if !matches!(address, UnixAddress::Path(_)) {
        return Err(arguments.expected(piece.at, "no mode, for a name without a file has none"));
    }
    let octal = (1..=4).contains(&piece.text.len()) && tcp_server::is_digits(&piece.text);
    octal
        .then(|| u32::from_str_radix(&piece.text, 8).ok())
        .flatten()
        .filter(|mode| *mode <= 0o777)
        .ok_or_else(|| arguments.expected(piece.at, "a file's mode in octal, such as 660"))
}

/// As in a description.
struct Described<'a>(&'a UnixAddress);

impl fmt::Display for Described<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            UnixAddress::Path(path) => {
                // What begins with an @ would be taken for a name.
                let here = if starts_with_at(path) { "./" } else { "" };
                write!(f, "unix:{here}{}", Escaped(&path.to_string_lossy()))
            }
            UnixAddress::Abstract(name) => {
                write!(f, "unix:@{}", Escaped(&String::from_utf8_lossy(name)))
            }
            UnixAddress::Unnamed => f.write_str("unix:"),
        }
    }
}

fn starts_with_at(path: &Path) -> bool {
    path.as_os_str().as_encoded_bytes().first() == Some(&b'@')
}

impl fmt::Display for UnixServerEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Described(&self.address).fmt(f)?;
        if let Some(mode) = self.mode {
            write!(f, ":mode={mode:o}")?;
        }
        tcp_server::write_backlog(f, self.backlog)
    }
}

impl fmt::Display for UnixClientEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Described(&self.address).fmt(f)?;
        tcp_client::write_timeout(f, self.timeout)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::endpoint::is_refused;
    use proptest::prelude::*;

    #[test]
    fn paths_and_names_are_read() {
        for (description, endpoint) in [
            ("unix:/run/chat", ServerEndpoint::unix("/run/chat")),
            ("unix:chat", ServerEndpoint::unix("chat")),
            (r"unix:/a\:b\=c", ServerEndpoint::unix("/a:b=c")),
            ("unix:./@x", ServerEndpoint::unix("./@x")),
            ("unix:@chat", ServerEndpoint::unix_abstract("chat")),
            ("unix:@a\0b", ServerEndpoint::unix_abstract("a\0b")),
            (
                "unix:/x:backlog=5:mode=0660",
                ServerEndpoint::unix("/x").mode(0o660).backlog(5),
            ),
        ] {
            let endpoint = ServerEndpoint::from(endpoint);
            assert_eq!(description.parse(), Ok(endpoint), "{description}");
        }
        let timeout = ClientEndpoint::unix("/x").timeout(Duration::from_millis(500));
        let endpoint = ClientEndpoint::from(timeout);
        assert_eq!("unix:/x:timeout=0.5".parse(), Ok(endpoint));
    }

    #[test]
    fn refusals_say_where_and_what_was_expected() {
        let most = UnixAddress::MOST;
        let path = format!("a path, or @ and a name (1 to {most} bytes)");
        let long = format!("unix:/{}", "x".repeat(most));
        let mode = "a file's mode in octal, such as 660";
        let after = "key=value, such as mode=660, after the path (a colon in it is written \\:)";
        for (description, at, expected) in [
            ("unix", 4, &*path),
            ("unix:", 5, &path),
            ("unix:@", 5, &path),
            ("unix:mode=660", 5, &path),
            ("unix:/a\0b", 5, &path),
            (&long, 5, &path),
            ("unix:/a:b", 8, after),
            ("unix:/a:mode=8", 13, mode),
            ("unix:/a:mode=", 13, mode),
            ("unix:/a:mode=1777", 13, mode),
            ("unix:/a:mode=rw", 13, mode),
            (
                "unix:@a:mode=600",
                13,
                "no mode, for a name without a file has none",
            ),
            ("unix:/a:lockfile=1", 8, "one of the keys mode, backlog"),
        ] {
            is_refused::<ServerEndpoint>(description, at, expected);
        }
    }

    proptest! {
        #[test]
        fn what_is_shown_is_read_back(
            path in "[@/a-z.:=\\\\\\[\\]é]{1,30}",
            name in "[@/a-z:=\\\\é\0]{1,30}",
            mode in prop::option::of(0_u32..=0o777),
            backlog: Option<u32>,
        ) {
            // To begin with @ is to be in the current directory.
            prop_assume!(!path.starts_with('@'));
            let mut endpoint = ServerEndpoint::unix(path);
            (endpoint.mode, endpoint.backlog) = (mode, backlog);
            prop_assert_eq!(endpoint.to_string().parse(), Ok(ServerEndpoint::from(endpoint)));
            let endpoint = ClientEndpoint::from(ClientEndpoint::unix_abstract(name));
            prop_assert_eq!(endpoint.to_string().parse(), Ok(endpoint));
        }
    }
}
