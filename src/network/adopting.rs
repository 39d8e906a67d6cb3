//! Listening sockets that the process was started with. Owns which numbers are taken; makes no socket of its own.
//!
//! A number becomes a descriptor of ours by being duplicated: so it is closed in children from the first moment, and what is
//! found to be something else is left as it was. Only then the number itself is closed.

use std::collections::BTreeSet;
use std::error::Error;
use std::io;
use std::os::fd::{OwnedFd, RawFd};
use std::sync::{Mutex, PoisonError};

use filedescriptor::FileDescriptor;
use mio::net::TcpListener;
use socket2::{Domain, Type};

use super::sockets::{self, Socket};
use super::unix::UnixListener;
use super::{ListenOptions, passed};
use crate::address::Address;
use crate::endpoint::Inherited;
use crate::error::AdoptError;

/// The numbers that were given away, in this process.
static TAKEN: Mutex<BTreeSet<u32>> = Mutex::new(BTreeSet::new());

pub(super) fn adopt(socket: &Inherited) -> Result<(Socket, Address), AdoptError> {
    let number = match socket {
        Inherited::Descriptor(number) => *number,
        Inherited::SystemdIndex(_) | Inherited::SystemdName(_) => passed::to_us()?.find(socket)?,
    };
    let mut taken = TAKEN.lock().unwrap_or_else(PoisonError::into_inner);
    if taken.contains(&number) {
        return Err(AdoptError::Taken { number });
    }
    let raw = RawFd::try_from(number).map_err(|_| AdoptError::NotOpen { number })?;
    let listener = socket2::Socket::from(duplicate(number, raw)?);
    let domain = check(number, &listener)?;
    let adopted = set_up(listener, domain).map_err(|error| AdoptError::System(error.into()))?;
    taken.insert(number);
    drop(FileDescriptor::new(raw));
    Ok(adopted)
}

fn duplicate(number: u32, raw: RawFd) -> Result<OwnedFd, AdoptError> {
    let duplicate = FileDescriptor::dup(&raw).and_then(|duplicate| duplicate.as_file());
    let duplicate = duplicate.map_err(|error| match cause(&error) {
        Some(EBADF) => AdoptError::NotOpen { number },
        Some(code) => AdoptError::System(io::Error::from_raw_os_error(code).into()),
        None => AdoptError::NotOpen { number },
    })?;
    // One of our own would be pulled away from under whoever has it.
    if was_opened_here(raw) {
        return Err(AdoptError::NotInherited { number });
    }
    Ok(duplicate.into())
}

/// From `errno-base.h`, the same on every Unix.
const EBADF: i32 = 9;

fn cause(error: &filedescriptor::Error) -> Option<i32> {
    error.source()?.downcast_ref::<io::Error>()?.raw_os_error()
}

/// What this process opens, all of its libraries included, is to be closed in children; and what it was started with was not.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn was_opened_here(raw: RawFd) -> bool {
    use nix::fcntl::OFlag;

    let info = std::fs::read_to_string(format!("/proc/self/fdinfo/{raw}")).unwrap_or_default();
    let flags = info.lines().find_map(|line| line.strip_prefix("flags:"));
    let flags = flags.and_then(|flags| i32::from_str_radix(flags.trim(), 8).ok());
    flags.is_some_and(|flags| flags & OFlag::O_CLOEXEC.bits() != 0)
}

/// Elsewhere nobody says.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn was_opened_here(_: RawFd) -> bool {
    false
}

/// Whether it is listened on, and with what.
fn check(number: u32, socket: &socket2::Socket) -> Result<Domain, AdoptError> {
    let Ok(kind) = socket.r#type() else {
        return Err(AdoptError::NotASocket { number });
    };
    let domain = socket.local_addr().map(|address| address.domain());
    let known = [Domain::IPV4, Domain::IPV6, Domain::UNIX];
    let Some(domain) = domain.ok().filter(|domain| known.contains(domain)) else {
        return Err(AdoptError::NotAStream { number });
    };
    if kind != Type::STREAM {
        return Err(AdoptError::NotAStream { number });
    }
    match socket.is_listener() {
        Ok(true) => Ok(domain),
        _ => Err(AdoptError::NotListening { number }),
    }
}

fn set_up(listener: socket2::Socket, domain: Domain) -> io::Result<(Socket, Address)> {
    listener.set_nonblocking(true)?;
    let address = sockets::address_of(&listener.local_addr()?)?;
    let socket = if domain == Domain::UNIX {
        Socket::UnixListener(UnixListener::from_std(OwnedFd::from(listener).into()))
    } else {
        let options = ListenOptions::default();
        sockets::set_options(&listener, options.no_delay, options.keep_alive)?;
        Socket::Listener(TcpListener::from_std(listener.into()))
    };
    Ok((socket, address))
}
