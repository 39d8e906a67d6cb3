//! What a test may lay down about Unix streams, and look at: files, modes, users. Owns the wording of it; the fabric heeds it.

use std::path::PathBuf;

use super::unix_names::{Found, MODE};
use super::world::World;
use crate::address::UnixAddress;
use crate::network::Credentials;

/// The files of hosts, as far as Unix streams know them. They stay when a process dies, also without power.
impl World {
    /// Puts a file that is no socket on a host, in the place of what is there.
    #[track_caller]
    pub fn put_file(&self, host: &str, path: impl Into<PathBuf>) {
        let path = UnixAddress::Path(path.into());
        self.with_host(host, |host| host.unix.put(path));
    }

    /// Puts a socket file on a host whose process is gone, in the place of what is there.
    #[track_caller]
    pub fn put_dead_socket(&self, host: &str, path: impl Into<PathBuf>) {
        let path = UnixAddress::Path(path.into());
        self.with_host(host, |host| host.unix.bind(&path, MODE));
    }

    /// Removes a file from a host, whatever it is. Whoever listens behind a socket file is no longer found there.
    #[track_caller]
    pub fn remove_file(&self, host: &str, path: impl Into<PathBuf>) {
        let path = UnixAddress::Path(path.into());
        self.with_host(host, |host| host.unix.remove(&path));
    }

    /// Whether there is a file on a host, a socket's or another.
    #[track_caller]
    pub fn has_file(&self, host: &str, path: impl Into<PathBuf>) -> bool {
        let path = UnixAddress::Path(path.into());
        self.with_host(host, |host| host.unix.find(&path).is_some())
    }

    /// The mode of a socket file on a host; `None` if there is none.
    #[track_caller]
    pub fn file_mode(&self, host: &str, path: impl Into<PathBuf>) -> Option<u32> {
        let path = UnixAddress::Path(path.into());
        match self.with_host(host, |host| host.unix.find(&path))? {
            Found::Socket { mode, .. } => Some(mode),
            Found::Other => None,
        }
    }

    /// Who the processes of a host are from now on, the peers there included, to those they speak to over Unix streams. Unless
    /// it is said: user 1000 of group 1000, and each process by a number of its own.
    #[track_caller]
    pub fn set_credentials(&self, host: &str, credentials: Credentials) {
        self.with_host(host, |host| host.credentials = Some(credentials));
    }
}
