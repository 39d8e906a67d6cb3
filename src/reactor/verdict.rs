//! What an error of accept means: whose it is, and what to do about it. Owns the numbers; does nothing.

use std::io::{self, ErrorKind};

/// What to do after an accept that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The backlog is empty.
    Done,
    /// That connection is gone; the next one may be well.
    Next,
    /// Later, by a timer: an edge-triggered network will not tell again of what is waiting already.
    BackOff,
}

/// The errors of one connection must not be taken for the listener's, and a want of resources not for either.
pub(super) fn verdict(error: &io::Error) -> Verdict {
    // The network errors that Linux passes on from the new connection: EPERM, EPROTO, ENOPROTOOPT, EHOSTDOWN, ENONET,
    // EOPNOTSUPP, besides those that have a kind of their own.
    const OF_THE_CONNECTION: [i32; 6] = [1, 71, 92, 112, 64, 95];
    match error.kind() {
        ErrorKind::WouldBlock => Verdict::Done,
        ErrorKind::Interrupted
        | ErrorKind::ConnectionAborted
        | ErrorKind::ConnectionReset
        | ErrorKind::TimedOut
        | ErrorKind::NetworkDown
        | ErrorKind::NetworkUnreachable
        | ErrorKind::HostUnreachable
        | ErrorKind::PermissionDenied => Verdict::Next,
        _ if error
            .raw_os_error()
            .is_some_and(|code| OF_THE_CONNECTION.contains(&code)) =>
        {
            Verdict::Next
        }
        _ => Verdict::BackOff,
    }
}

/// Whether it is descriptors that are wanted, of the process (EMFILE) or of the system (ENFILE).
pub(super) fn lacks_descriptors(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(23 | 24))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_connections_error_is_not_the_listeners() {
        for code in [103, 4, 1, 71, 92, 112, 64, 95, 100, 101, 113, 110] {
            assert_eq!(
                verdict(&io::Error::from_raw_os_error(code)),
                Verdict::Next,
                "{code}"
            );
        }
        for code in [24, 23, 105, 12] {
            assert_eq!(
                verdict(&io::Error::from_raw_os_error(code)),
                Verdict::BackOff,
                "{code}"
            );
        }
        assert_eq!(verdict(&io::Error::from_raw_os_error(11)), Verdict::Done);
    }
}
