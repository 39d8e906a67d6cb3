//! Endpoints: where to listen and where to connect to, as people write it. Owns the schemes there are and their text; opens
//! nothing and looks nothing up.
//!
//! # Descriptions
//! `scheme:positional:key=value`, as in Twisted. A backslash takes the meaning from the character behind it (`\:`, `\=`, `\\`),
//! and so do brackets from what is in them, as IPv6 addresses need it. What is not understood is an [`EndpointError`], which
//! says what was expected, and at which byte.
//!
//! To listen, a [`ServerEndpoint`]:
//!
//! | description | where | keys |
//! |---|---|---|
//! | `tcp:PORT` | the port, or the service's name, of 127.0.0.1; port 0: the system chooses one | `interface=` (an address, `localhost`, `*`), `backlog=` |
//! | `tcp6:PORT` | likewise, of ::1 | `interface=`, `backlog=` |
//! | `unix:PATH` | a socket file | `mode=` (of the file, in octal), `backlog=` |
//! | `unix:@NAME` | a name without a file (Linux) | `backlog=` |
//! | `fd:NUMBER` | a listening socket that was inherited under this number: TCP of either version, or a Unix stream | |
//! | `systemd:index=N` | the Nth of those that systemd, or who does as it does, has passed; the first is 0 | |
//! | `systemd:name=NAME` | the one that it calls so (`FileDescriptorName=`) | |
//! | `WRAPPER:…` | the rest, with a layer on each connection | the wrapper's own |
//!
//! Inherited sockets need Unix and the feature `unix`, which is on by default.
//!
//! To connect, a [`ClientEndpoint`]:
//!
//! | description | where to | keys |
//! |---|---|---|
//! | `tcp:HOST:PORT` | a name or an address, and a port or the name of a service | `timeout=` (seconds), `bind=` (Twisted's `bindAddress=`), `attempt_delay=` (seconds) |
//! | `tcp6:ADDRESS:PORT` | an IPv6 address | `timeout=`, `bind=`, `attempt_delay=` |
//! | `unix:PATH`, `unix:@NAME` | a Unix stream on this machine | `timeout=` |
//! | `WRAPPER:…` | the rest, through a layer | the wrapper's own |
//!
//! For datagrams, a [`UdpEndpoint`], which [`Reactor::bind`](crate::Reactor::bind) takes:
//!
//! | description | socket | keys |
//! |---|---|---|
//! | `udp:PORT` | bound to the port, or the service's, of 127.0.0.1; port 0: the system chooses one | `interface=` (an address, `localhost`, `*`) |
//! | `udp6:PORT` | likewise, of ::1 | `interface=` |
//! | `udp:ADDRESS:PORT`, `udp6:ADDRESS:PORT` | connected to this one, and to nobody else | `bind=` |
//!
//! Unix streams are streams as others are, but for this: a connection that is aborted, or whose deadline has passed, is to the
//! peer one that has ended; a reset is known only by who has left input unread.
//!
//! # Names
//! A host may be a name, which is looked up beside the loop, within the `timeout`. Names beyond ASCII need the feature `idna`; what
//! can't be a name is told as [`NameError::NotAName`](crate::NameError::NotAName). An address is not looked up: of IPv4, or of IPv6,
//! with a scope if it needs one (`tcp:[fe80::1%2]:80`, `tcp:[fe80::1%eth0]:80`; only the number of the interface `eth0` is asked
//! for).
//!
//! The addresses of a name are tried as RFC 8305 has it: both families by turns, beginning with the resolver's first; the next one
//! beside those under way when these have not answered for the `attempt_delay` (0.25 s; at least 0.01 and at most 2), and at once
//! when one of them has failed. The first that answers is it, and the others are aborted. All of this is one
//! [`connect`](crate::Reactor::connect), with one id and one `timeout`, and what ends it ends all of its attempts; if none
//! succeeds, one [`ConnectError`](crate::ConnectError) lists them. Of a name's addresses the first 32 are tried. Both families are
//! looked up in one question to the resolver, so what is found comes in one piece, when both are known.
//!
//! # Wrappers
//! The set of schemes is open: a [`Wrapper`](crate::layer::Wrapper) is a name that stands before another endpoint, with keys of
//! its own behind it (`toy:key=value:tcp:8007`), and puts a [`Layer`](crate::Layer) on each connection. A reactor
//! [learns](crate::Reactor::add_wrapper) such names; only then it is known whether there is such a one, so an unknown one is an
//! error of listening or connecting. Several may stand before each other: the last one is nearest the wire.

mod client;
mod grammar;
mod inherited;
mod port;
mod server;
mod tcp_client;
mod tcp_server;
mod udp;
mod unix;
mod wrapping;

pub use client::ClientEndpoint;
pub use inherited::Inherited;
pub use port::Port;
pub use server::ServerEndpoint;
pub use tcp_client::TcpClientEndpoint;
pub use tcp_server::TcpServerEndpoint;
pub use udp::UdpEndpoint;
pub use unix::{UnixClientEndpoint, UnixServerEndpoint};
pub use wrapping::{Wrapped, Wrapping, WrappingOptions};

use grammar::{Arguments, Piece, Pieces};

use crate::error::EndpointError;

/// A scheme: its name, and what reads the rest.
type Scheme<E> = (
    &'static str,
    fn(&mut Arguments<'_>) -> Result<E, EndpointError>,
    // The keys it knows, for who asks about another.
    &'static str,
);

/// An endpoint of either sort.
trait Endpoint: Sized + 'static {
    const SCHEMES: &'static [Scheme<Self>];

    fn wrapped(wrapping: Wrapping, inner: Self) -> Self;
}

/// The first piece that is a scheme says what the endpoint is; what stands before it wraps that.
fn parse<E: Endpoint>(description: &str) -> Result<E, EndpointError> {
    let mut pieces = grammar::split(description)?;
    let of_piece = |(key, piece): &(Option<Piece>, Piece)| {
        let mut schemes = E::SCHEMES.iter();
        schemes.find(|(name, ..)| key.is_none() && *name == piece.text)
    };
    let found = pieces
        .iter()
        .enumerate()
        .find_map(|(place, piece)| Some((place, of_piece(piece)?)));
    let Some((place, (_, read, keys))) = found else {
        return Err(no_scheme::<E>(description, 0));
    };
    let rest = pieces.split_off(place + 1);
    pieces.pop();
    let wrappings = read_wrappings::<E>(description, pieces)?;
    let mut arguments = Arguments::of(description, rest)?;
    let endpoint = read(&mut arguments)?;
    arguments.finish(keys)?;
    let wrappings = wrappings.into_iter().rev();
    Ok(wrappings.fold(endpoint, |inner, wrapping| E::wrapped(wrapping, inner)))
}

fn read_wrappings<E: Endpoint>(
    description: &str,
    pieces: Pieces,
) -> Result<Vec<Wrapping>, EndpointError> {
    let mut wrappings: Vec<Wrapping> = Vec::new();
    for (key, value) in pieces {
        match (key, wrappings.last_mut()) {
            (None, _) if Wrapping::is_name(&value.text) => {
                wrappings.push(Wrapping::new(value.text))
            }
            (Some(key), Some(wrapping)) => wrapping.add(key.text, value.text),
            (key, _) => {
                let at = key.map_or(value.at, |key| key.at);
                return Err(no_scheme::<E>(description, at));
            }
        }
    }
    Ok(wrappings)
}

fn no_scheme<E: Endpoint>(description: &str, at: usize) -> EndpointError {
    let known: Vec<_> = E::SCHEMES.iter().map(|(name, ..)| *name).collect();
    let expected = format!("a scheme ({}) and a colon", known.join(", "));
    grammar::error(description, at, &expected)
}

/// All that makes a type be read from its description.
macro_rules! read_from_descriptions {
    ($endpoint:ty, $parse:path) => {
        impl std::str::FromStr for $endpoint {
            type Err = EndpointError;

            fn from_str(description: &str) -> Result<Self, EndpointError> {
                $parse(description)
            }
        }

        impl TryFrom<&str> for $endpoint {
            type Error = EndpointError;

            fn try_from(description: &str) -> Result<Self, EndpointError> {
                description.parse()
            }
        }

        impl TryFrom<&String> for $endpoint {
            type Error = EndpointError;

            fn try_from(description: &String) -> Result<Self, EndpointError> {
                description.parse()
            }
        }

        impl TryFrom<String> for $endpoint {
            type Error = EndpointError;

            fn try_from(description: String) -> Result<Self, EndpointError> {
                description.parse()
            }
        }
    };
}

read_from_descriptions!(ServerEndpoint, parse);
read_from_descriptions!(ClientEndpoint, parse);
read_from_descriptions!(UdpEndpoint, udp::parse);

/// A description is refused at this place, where this was expected.
#[cfg(test)]
#[track_caller]
fn is_refused<E: Endpoint + std::fmt::Debug>(description: &str, at: usize, expected: &str) {
    let error = parse::<E>(description).expect_err(description);
    let found = (&*error.description, error.at, &*error.expected);
    assert_eq!(found, (description, at, expected));
}
