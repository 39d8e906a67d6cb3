//! The environment in which systemd, and who does as it does, says which sockets it passes. Owns its meaning; does not
//! change it, for that can't be done safely once there are threads.

use std::env::{self, VarError};

use crate::endpoint::Inherited;
use crate::error::AdoptError;

/// The number of the first socket that is passed.
const FIRST: u32 = 3;

/// What was passed: so many sockets, and their names.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Passed {
    count: u32,
    names: String,
}

/// What was passed to this process.
pub(super) fn to_us() -> Result<Passed, AdoptError> {
    let [pid, count, names] = ["LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"].map(variable);
    Passed::read(std::process::id(), pid?, count?, names?)
}

fn variable(name: &str) -> Result<Option<String>, AdoptError> {
    match env::var(name) {
        Ok(value) => Ok(Some(value)),
        Err(VarError::NotPresent) => Ok(None),
        Err(VarError::NotUnicode(value)) => Err(AdoptError::Malformed {
            variable: format!("{name}={}", value.to_string_lossy()),
        }),
    }
}

impl Passed {
    fn read(
        us: u32,
        pid: Option<String>,
        count: Option<String>,
        names: Option<String>,
    ) -> Result<Self, AdoptError> {
        let (Some(pid), Some(count)) = (pid, count) else {
            return Err(AdoptError::NothingPassed);
        };
        let malformed = |name: &str, value: &str| AdoptError::Malformed {
            variable: format!("{name}={value}"),
        };
        match pid.parse::<u32>() {
            Ok(number) if number == us => {}
            Ok(_) => return Err(AdoptError::ForAnother { pid }),
            Err(_) => return Err(malformed("LISTEN_PID", &pid)),
        }
        // Their numbers are to be descriptors.
        let fits = |count: &u32| i32::try_from(u64::from(*count) + u64::from(FIRST)).is_ok();
        match count.parse().ok().filter(fits) {
            Some(count) => Ok(Self {
                count,
                names: names.unwrap_or_default(),
            }),
            None => Err(malformed("LISTEN_FDS", &count)),
        }
    }

    /// The number of a socket that was passed.
    pub(super) fn find(self, socket: &Inherited) -> Result<u32, AdoptError> {
        let count = self.count;
        match socket {
            Inherited::Descriptor(number) => Ok(*number),
            Inherited::SystemdIndex(index) if *index < count => Ok(FIRST + index),
            Inherited::SystemdIndex(_) => Err(AdoptError::NoSuchIndex { count }),
            Inherited::SystemdName(name) => {
                let mut named = (0..count).zip(self.names.split(':'));
                match named.find(|(_, other)| other == name) {
                    Some((index, _)) => Ok(FIRST + index),
                    None => Err(AdoptError::NoSuchName { names: self.names }),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pid: &str, count: &str, names: &str) -> Result<Passed, AdoptError> {
        let given = |text: &str| (text != "-").then(|| text.to_owned());
        Passed::read(7, given(pid), given(count), given(names))
    }

    fn find(names: &str, socket: Inherited) -> Result<u32, AdoptError> {
        read("7", "2", names).unwrap().find(&socket)
    }

    #[test]
    fn sockets_are_found_by_their_place_and_by_their_name() {
        let named = |name: &str| Inherited::SystemdName(name.to_owned());
        assert_eq!(find("-", Inherited::SystemdIndex(0)), Ok(3));
        assert_eq!(find("-", Inherited::SystemdIndex(1)), Ok(4));
        let error = AdoptError::NoSuchIndex { count: 2 };
        assert_eq!(find("-", Inherited::SystemdIndex(2)), Err(error));
        assert_eq!(find("web:chat", named("web")), Ok(3));
        assert_eq!(find("web:chat", named("chat")), Ok(4));
        assert_eq!(find("web:web", named("web")), Ok(3));
        for (names, name) in [("-", "web"), ("a:b", "web"), ("a:b:web", "web")] {
            let names_are = if names == "-" { "" } else { names };
            let error = AdoptError::NoSuchName {
                names: names_are.to_owned(),
            };
            assert_eq!(find(names, named(name)), Err(error));
        }
    }

    #[test]
    fn what_is_not_for_us_is_said_to_be_so() {
        assert_eq!(read("-", "-", "-"), Err(AdoptError::NothingPassed));
        assert_eq!(read("7", "-", "-"), Err(AdoptError::NothingPassed));
        assert_eq!(read("-", "1", "-"), Err(AdoptError::NothingPassed));
        let another = AdoptError::ForAnother {
            pid: "8".to_owned(),
        };
        assert_eq!(read("8", "1", "-"), Err(another));
        for (pid, count, variable) in [
            ("x", "1", "LISTEN_PID=x"),
            ("7", "x", "LISTEN_FDS=x"),
            ("7", "-1", "LISTEN_FDS=-1"),
            ("7", "4294967295", "LISTEN_FDS=4294967295"),
        ] {
            let variable = variable.to_owned();
            let malformed = AdoptError::Malformed { variable };
            assert_eq!(read(pid, count, "-"), Err(malformed));
        }
    }
}
