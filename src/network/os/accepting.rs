//! Accepting from listeners of either family. Owns the guess whether callers come alone, so that the system is seldom asked for
//! one who is not there; does not keep whom it accepts.
//!
//! A backlog has to be emptied, for its next edge comes only after that; and to see that it is empty costs a call that finds
//! nothing. Where one connection comes at a time, that is every second call. Linux makes it a dear one: `accept4` makes the
//! descriptor and its file before it looks whether anybody is there, and takes them down again. To ask first costs a small
//! part of that, and only where the last callers came one by one: in a crush it would be for nothing.

use std::io;

use mio::net::TcpStream;

use super::OsNetwork;
use crate::address::Address;
use crate::network::SocketId;
use crate::network::sockets::{Socket, retry_interrupted};
use crate::network::unix;

/// How callers come.
#[derive(Debug)]
pub(super) struct Callers {
    /// The listener that some were accepted from one after the other, and how many.
    from: Option<SocketId>,
    count: usize,
    /// The last ones came one by one, to whichever listener.
    alone: bool,
}

impl Default for Callers {
    fn default() -> Self {
        Self {
            from: None,
            count: 0,
            alone: true,
        }
    }
}

impl Callers {
    /// The next one is accepted unasked: the selector has told of one, or it is not known how many are left.
    pub(super) fn begin_anew(&mut self) {
        self.from = None;
    }

    /// Whether to ask if anybody is there before one is accepted from `listener`. To turn to another listener begins anew.
    pub(super) fn may_be_over(&mut self, listener: SocketId) -> bool {
        if self.from != Some(listener) {
            (self.from, self.count) = (Some(listener), 0);
        }
        self.alone && self.count == 1
    }

    /// One was accepted.
    pub(super) fn came(&mut self) {
        self.count += 1;
        if self.count > 1 {
            self.alone = false;
        }
    }

    /// Nobody was there any more.
    pub(super) fn are_over(&mut self) {
        if self.count == 1 {
            self.alone = true;
        }
        self.from = None;
    }
}

impl OsNetwork {
    /// Accepts the next one, if there is one.
    pub(super) fn accept_next(&mut self, listener: SocketId) -> io::Result<(TcpStream, Address)> {
        if self.callers.may_be_over(listener) && !self.may_accept(listener) {
            self.callers.are_over();
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let accepted = self.accept_from(listener);
        match &accepted {
            Ok(_) => self.callers.came(),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.callers.are_over(),
            Err(_) => self.callers.begin_anew(),
        }
        accepted
    }

    /// Accepts from a listener of either family.
    pub(super) fn accept_from(&self, listener: SocketId) -> io::Result<(TcpStream, Address)> {
        match self.sockets.at(listener.0) {
            Some(Socket::Listener(listener)) => {
                let (stream, peer) = retry_interrupted(|| listener.accept())?;
                Ok((stream, peer.into()))
            }
            Some(Socket::UnixListener(listener)) => retry_interrupted(|| unix::accept(listener)),
            _ => Err(io::ErrorKind::InvalidInput.into()),
        }
    }

    /// Whether a call to accept may find somebody, or an error.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    fn may_accept(&self, listener: SocketId) -> bool {
        use crate::network::Network;
        use rustix::event::{PollFd, PollFlags, Timespec, poll};

        let Some(listener) = self.socket_options(listener) else {
            return true;
        };
        let mut asked = [PollFd::new(&*listener, PollFlags::IN)];
        !matches!(poll(&mut asked, Some(&Timespec::default())), Ok(0))
    }

    /// Elsewhere it is not known what is dear.
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    fn may_accept(&self, _: SocketId) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use std::net::TcpStream as Peer;
    use std::time::Duration;

    use crate::network::{Batch, ListenOptions, Network, Token};

    const LISTENER: SocketId = SocketId(3);

    /// What a listener is asked while so many come at once: `?` whether anybody is there, `+` and `-` for one who is and who
    /// is not.
    fn asked(callers: &mut Callers, count: usize) -> String {
        let mut said = String::new();
        callers.begin_anew();
        for left in (0..=count).rev() {
            if callers.may_be_over(LISTENER) {
                said.push('?');
                if left == 0 {
                    callers.are_over();
                    break;
                }
            }
            said.push(if left == 0 { '-' } else { '+' });
            match left {
                0 => callers.are_over(),
                _ => callers.came(),
            }
        }
        said
    }

    #[test]
    fn who_comes_alone_is_the_last_one_after_a_question() {
        let mut callers = Callers::default();
        assert_eq!(asked(&mut callers, 1), "+?");
        assert_eq!(asked(&mut callers, 1), "+?");
        assert_eq!(asked(&mut callers, 0), "-");
    }

    #[test]
    fn in_a_crush_nothing_is_asked() {
        let mut callers = Callers::default();
        assert_eq!(asked(&mut callers, 3), "+?++-");
        assert_eq!(asked(&mut callers, 3), "+++-");
        assert_eq!(asked(&mut callers, 1), "+-");
        assert_eq!(asked(&mut callers, 1), "+?");
    }

    #[test]
    fn each_listener_is_a_series_of_its_own() {
        let mut callers = Callers::default();
        assert!(!callers.may_be_over(LISTENER));
        callers.came();
        assert!(!callers.may_be_over(SocketId(4)));
        callers.came();
        assert!(!callers.may_be_over(LISTENER));
    }

    /// Accepts all who are there, until so many have come. Each poll brings somebody, or nothing is left to come.
    fn accept_all(network: &mut OsNetwork, listener: SocketId, count: usize) {
        let mut batch = Batch::default();
        let mut came = 0;
        while came < count {
            batch.clear();
            let within = Some(Duration::from_secs(20));
            network
                .poll(within, &mut batch)
                .expect("the selector works");
            assert!(!batch.ready.is_empty(), "{came} of {count} were accepted");
            loop {
                match network.accept_next(listener) {
                    Ok(_) => came += 1,
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                    Err(error) => panic!("{error}"),
                }
            }
        }
    }

    #[test]
    fn nobody_is_overlooked() {
        let mut network = OsNetwork::new().expect("a selector");
        let address = Address::Tcp(([127, 0, 0, 1], 0).into());
        let options = ListenOptions::default();
        let listening = network.listen(&address, &options, Token(1));
        let (listener, address) = listening.expect("a free port");
        let Address::Tcp(address) = address else {
            panic!("as it was asked for");
        };
        for count in [1, 1, 3, 3, 1, 2, 1, 1, 4] {
            let peers: Vec<Peer> = (0..count)
                .map(|_| Peer::connect(address).expect("it listens"))
                .collect();
            accept_all(&mut network, listener, peers.len());
        }
    }
}
