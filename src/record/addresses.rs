//! Addresses on a tape, and who and what is behind them. Owns their bytes, in both directions; what a call is, the others know.

use std::net::{IpAddr, SocketAddr, SocketAddrV6};
use std::path::PathBuf;

use super::call::Failure;
use super::decode::Input;
use super::encode::Encoder;
use super::tags;
use crate::address::{Address, UnixAddress};
use crate::endpoint::Inherited;
use crate::error::{AdoptError, OsError};
use crate::network::Credentials;

/// What stands in the place of an IP address' version.
const PATH: u8 = 1;
const ABSTRACT: u8 = 2;
const UNNAMED: u8 = 3;

impl Encoder {
    pub(super) fn address(&mut self, address: &Address) {
        match address {
            Address::Tcp(address) => {
                self.ip(address.ip());
                self.out.extend(address.port().to_le_bytes());
                if let SocketAddr::V6(v6) = address {
                    self.number(u64::from(v6.flowinfo()));
                    self.number(u64::from(v6.scope_id()));
                }
            }
            Address::Unix(UnixAddress::Path(path)) => {
                self.out.push(PATH);
                self.sized(path.as_os_str().as_encoded_bytes());
            }
            Address::Unix(UnixAddress::Abstract(name)) => {
                self.out.push(ABSTRACT);
                self.sized(name);
            }
            Address::Unix(UnixAddress::Unnamed) => self.out.push(UNNAMED),
        }
    }

    /// Only a file has one.
    pub(super) fn mode(&mut self, address: &Address, mode: Option<u32>) {
        if matches!(address, Address::Unix(_)) {
            self.maybe(mode, |this, mode| this.number(u64::from(mode)));
        }
    }

    pub(super) fn ip(&mut self, ip: IpAddr) {
        match ip {
            IpAddr::V4(ip) => {
                self.out.push(4);
                self.out.extend(ip.octets());
            }
            IpAddr::V6(ip) => {
                self.out.push(6);
                self.out.extend(ip.octets());
            }
        }
    }

    pub(super) fn inherited(&mut self, socket: &Inherited) {
        match socket {
            Inherited::Descriptor(number) => self.numbered(0, *number),
            Inherited::SystemdIndex(index) => self.numbered(1, *index),
            Inherited::SystemdName(name) => self.named(2, name),
        }
    }

    pub(super) fn credentials(&mut self, credentials: &Credentials) {
        let Credentials { pid, uid, gid } = *credentials;
        for number in [pid, uid, gid] {
            self.number(u64::from(number));
        }
    }

    pub(super) fn adopt_error(&mut self, error: &AdoptError) {
        match error {
            AdoptError::Unsupported => self.out.push(0),
            AdoptError::NothingPassed => self.out.push(1),
            AdoptError::ForAnother { pid } => self.named(2, pid),
            AdoptError::Malformed { variable } => self.named(3, variable),
            AdoptError::NoSuchIndex { count } => self.numbered(4, *count),
            AdoptError::NoSuchName { names } => self.named(5, names),
            AdoptError::NotOpen { number } => self.numbered(6, *number),
            AdoptError::NotInherited { number } => self.numbered(7, *number),
            AdoptError::NotASocket { number } => self.numbered(8, *number),
            AdoptError::NotAStream { number } => self.numbered(9, *number),
            AdoptError::NotListening { number } => self.numbered(10, *number),
            AdoptError::Taken { number } => self.numbered(11, *number),
            AdoptError::System(OsError {
                code: Some(code), ..
            }) => {
                self.out.push(12);
                self.failed(Failure::Number(*code));
            }
            AdoptError::System(OsError { kind, .. }) => {
                self.out.push(12);
                self.failed(Failure::Kind(*kind));
            }
        }
    }

    fn numbered(&mut self, tag: u8, number: u32) {
        self.out.push(tag);
        self.number(u64::from(number));
    }

    fn named(&mut self, tag: u8, name: &str) {
        self.out.push(tag);
        self.text(name);
    }

    fn sized(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u64);
        self.out.extend_from_slice(bytes);
    }
}

impl Input<'_, '_> {
    pub(super) fn address(&mut self) -> Option<Address> {
        let kind = self.byte()?;
        let unix = match kind {
            PATH => UnixAddress::Path(path(self.sized()?)?),
            ABSTRACT => UnixAddress::Abstract(self.sized()?),
            UNNAMED => UnixAddress::Unnamed,
            version => {
                let ip = self.ip_of(version)?;
                return self.tcp(ip);
            }
        };
        Some(unix.into())
    }

    fn tcp(&mut self, ip: IpAddr) -> Option<Address> {
        let port = u16::from_le_bytes(self.array()?);
        Some(Address::Tcp(match ip {
            IpAddr::V4(ip) => SocketAddr::from((ip, port)),
            IpAddr::V6(ip) => {
                let flow = self.number_of_32_bits()?;
                let scope = self.number_of_32_bits()?;
                SocketAddrV6::new(ip, port, flow, scope).into()
            }
        }))
    }

    pub(super) fn mode(&mut self, address: &Address) -> Option<Option<u32>> {
        match address {
            Address::Unix(_) => self.maybe(Self::number_of_32_bits),
            Address::Tcp(_) => Some(None),
        }
    }

    pub(super) fn ip(&mut self) -> Option<IpAddr> {
        let version = self.byte()?;
        self.ip_of(version)
    }

    fn ip_of(&mut self, version: u8) -> Option<IpAddr> {
        match version {
            4 => Some(self.array::<4>()?.into()),
            6 => Some(self.array::<16>()?.into()),
            _ => None,
        }
    }

    pub(super) fn inherited(&mut self) -> Option<Inherited> {
        Some(match self.byte()? {
            0 => Inherited::Descriptor(self.number_of_32_bits()?),
            1 => Inherited::SystemdIndex(self.number_of_32_bits()?),
            2 => Inherited::SystemdName(self.text()?),
            _ => return None,
        })
    }

    pub(super) fn credentials(&mut self) -> Option<Credentials> {
        Some(Credentials {
            pid: self.number_of_32_bits()?,
            uid: self.number_of_32_bits()?,
            gid: self.number_of_32_bits()?,
        })
    }

    pub(super) fn adopt_error(&mut self) -> Option<AdoptError> {
        let tag = self.byte()?;
        Some(match tag {
            0 => AdoptError::Unsupported,
            1 => AdoptError::NothingPassed,
            2 => AdoptError::ForAnother { pid: self.text()? },
            3 => AdoptError::Malformed {
                variable: self.text()?,
            },
            4 => AdoptError::NoSuchIndex {
                count: self.number_of_32_bits()?,
            },
            5 => AdoptError::NoSuchName {
                names: self.text()?,
            },
            12 => AdoptError::System(std::io::Error::from(self.failure()?).into()),
            _ => {
                let number = self.number_of_32_bits()?;
                match tag {
                    6 => AdoptError::NotOpen { number },
                    7 => AdoptError::NotInherited { number },
                    8 => AdoptError::NotASocket { number },
                    9 => AdoptError::NotAStream { number },
                    10 => AdoptError::NotListening { number },
                    11 => AdoptError::Taken { number },
                    _ => return None,
                }
            }
        })
    }

    fn failure(&mut self) -> Option<Failure> {
        Some(match self.byte()? {
            tags::answer::FAILED => Failure::Number(i32::try_from(self.number()?).ok()?),
            tags::answer::FAILED_KIND => Failure::Kind(tags::to_kind(self.byte()?)?),
            _ => return None,
        })
    }

    pub(super) fn number_of_32_bits(&mut self) -> Option<u32> {
        u32::try_from(self.number()?).ok()
    }

    fn sized(&mut self) -> Option<Vec<u8>> {
        let size = self.number()?;
        Some(self.slice(size)?.to_vec())
    }
}

#[cfg(unix)]
fn path(bytes: Vec<u8>) -> Option<PathBuf> {
    use std::ffi::OsString;
    use std::os::unix::ffi::OsStringExt;

    Some(OsString::from_vec(bytes).into())
}

/// A tape of another system's may have paths that are none here.
#[cfg(not(unix))]
fn path(bytes: Vec<u8>) -> Option<PathBuf> {
    String::from_utf8(bytes).ok().map(PathBuf::from)
}
