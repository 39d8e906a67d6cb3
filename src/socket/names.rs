//! Hosts and services by name, as the system's tables and resolver have them. Owns how Python's questions are asked; the answers
//! are the system's.

use std::fmt::Display;
use std::io;
use std::net::{IpAddr, SocketAddr};

use super::address::{HostPort, in_ascii};
use super::error::{Error, Result};
use crate::network::resolver::{self, Family};
use crate::network::services;

/// The port of a service: `getservbyname("http", "tcp")`, or with `None` that of any protocol.
///
/// # Errors
/// An [`Os`](Error::Os) of kind `NotFound`, and without a number, if it is not in the system's table.
pub fn getservbyname<'a>(service: &str, protocol: impl Into<Option<&'a str>>) -> Result<u16> {
    services::port_of(service, protocol.into()).ok_or(Error::of_kind(io::ErrorKind::NotFound))
}

/// The name of the service at a port: `getservbyport(80, "tcp")`, or with `None` that of any protocol.
///
/// # Errors
/// As [`getservbyname`].
pub fn getservbyport<'a>(port: u16, protocol: impl Into<Option<&'a str>>) -> Result<String> {
    services::name_of(port, protocol.into()).ok_or(Error::of_kind(io::ErrorKind::NotFound))
}

/// The first IPv4 address of a host. May block for as long as the resolver does.
///
/// # Errors
/// [`Error::Gaierror`].
pub fn gethostbyname(host: &str) -> Result<IpAddr> {
    let addresses = HostPort::from((host, 0)).resolve(Family::V4)?;
    Ok(addresses[0].ip())
}

/// All addresses of a host, for TCP, each once and with the port of a service: `getaddrinfo("localhost", "http")`, or
/// `getaddrinfo("localhost", 80)`. May block for as long as the resolver does.
///
/// # Errors
/// [`Error::Gaierror`], also of a service that is not in the system's table.
pub fn getaddrinfo(host: &str, service: impl Display) -> Result<Vec<SocketAddr>> {
    let service = service.to_string();
    let host = in_ascii(host)?;
    resolver::addresses(&host, Some(&service), Family::Any).map_err(Error::Gaierror)
}

/// The name of a host, given as an address or by another name. May block for as long as the resolver does.
///
/// # Errors
/// [`Error::Gaierror`] if `host` has no address, [`Error::Herror`] if the address has no name.
pub fn gethostbyaddr(host: &str) -> Result<String> {
    let address = HostPort::from((host, 0)).resolve_one()?;
    resolver::name(address.ip()).map_err(Error::Herror)
}
