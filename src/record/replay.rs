//! A network that is a tape: it answers each call as it was answered in the recorded run. Owns the work that is done again;
//! has no socket, no clock and no thread, and never waits.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, ErrorKind, IoSlice, Read};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::call::{Answer, Call, Told};
use super::player::Player;
use super::tape::{Tape, TapeError};
use super::verdict::Verdict;
use crate::address::Address;
use crate::endpoint::Inherited;
use crate::error::{AdoptError, NameError};
use crate::network::{
    Arrival, Batch, ConnectOptions, Credentials, DeferError, Farewell, ListenOptions, LookupId,
    Network, Posted, Question, Received, SocketId, Time, Token, Wake, Work, WorkId, run_work,
};

/// A network that replays a recorded one, and compares what its reactor does with what was done then.
///
/// It is given to a reactor whose program is set up as the recorded one was. When the program does something else, a wait
/// for events fails, so that the loop ends; the [`Verdict`] says what it was.
pub struct Replay {
    player: RefCell<Player>,
    /// Given to a thread in the recorded run, and not done yet.
    works: BTreeMap<WorkId, Work>,
}

impl Replay {
    /// Replays a tape.
    ///
    /// # Errors
    /// If it does not begin as a tape does.
    pub fn new(tape: impl Read + 'static) -> Result<Self, TapeError> {
        Ok(Self {
            player: RefCell::new(Player::new(Tape::begin(tape)?)),
            works: BTreeMap::new(),
        })
    }

    /// Replays the tape in a file.
    ///
    /// # Errors
    /// If it can't be read, or does not begin as a tape does.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, TapeError> {
        Self::new(File::open(path)?)
    }

    /// The memo that the recorder was given.
    pub fn memo(&self) -> String {
        self.player.borrow().memo().to_owned()
    }

    /// Where it tells what it came to.
    pub fn verdict(&self) -> Verdict {
        self.player.borrow().verdict()
    }

    fn answer(&mut self, asked: &Call) -> Option<Answer> {
        self.player.get_mut().answer(asked)
    }

    /// The answer to a call that can fail.
    fn outcome(&mut self, asked: &Call) -> io::Result<Answer> {
        match self.answer(asked) {
            Some(Answer::Failed(failure)) => Err(failure.into()),
            Some(answer) => Ok(answer),
            None => Err(over()),
        }
    }

    /// The answer is none that this call can have.
    fn senseless(&mut self) -> io::Error {
        self.player.get_mut().senseless();
        over()
    }

    fn fill(&mut self, batch: &mut Batch, told: Told) {
        batch.ready = told.ready;
        batch.signals = told.signals;
        batch.names = told.names;
        batch.spins = told.spins;
        for (id, panicked) in told.works {
            let outcome = self.works.remove(&id).map(run_work);
            match outcome {
                Some(outcome) => {
                    self.player.get_mut().worked(panicked, outcome.is_err());
                    batch.works.push((id, outcome));
                }
                None => drop(self.senseless()),
            }
        }
    }
}

impl std::fmt::Debug for Replay {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Replay")
            .field("player", &self.player)
            .field("works", &self.works.len())
            .finish_non_exhaustive()
    }
}

/// After the end of a replay nothing more is answered.
fn over() -> io::Error {
    io::Error::other("the replay is over")
}

/// A program that is over must have been over in the recorded run.
impl Drop for Replay {
    fn drop(&mut self) {
        self.player.get_mut().finish();
    }
}

impl Network for Replay {
    fn poll(&mut self, _: Option<Duration>, batch: &mut Batch) -> io::Result<()> {
        match self.outcome(&Call::Poll)? {
            Answer::Told(told) => {
                self.fill(batch, told);
                Ok(())
            }
            _ => Err(self.senseless()),
        }
    }

    fn set_spin(&mut self, time: Duration) {
        self.answer(&Call::SetSpin(time));
    }

    fn now(&mut self) -> Time {
        let player = self.player.get_mut();
        player.ask(&Call::Now);
        player.time()
    }

    fn wall_clock(&mut self) -> SystemTime {
        let player = self.player.get_mut();
        player.ask(&Call::WallClock);
        player.wall_clock()
    }

    fn random(&mut self) -> u64 {
        match self.answer(&Call::Random) {
            Some(Answer::Number(number)) => number,
            _ => 0,
        }
    }

    fn listen(
        &mut self,
        address: &Address,
        options: &ListenOptions,
        token: Token,
    ) -> io::Result<(SocketId, Address)> {
        match self.outcome(&Call::listen(address, options, token))? {
            Answer::Socket(socket, Some(bound)) => Ok((socket, bound)),
            _ => Err(self.senseless()),
        }
    }

    fn adopt(
        &mut self,
        socket: &Inherited,
        token: Token,
    ) -> Result<(SocketId, Address), AdoptError> {
        let socket = socket.clone();
        match self.answer(&Call::Adopt { socket, token }) {
            Some(Answer::Socket(socket, Some(bound))) => Ok((socket, bound)),
            Some(Answer::AdoptRefused(error)) => Err(error),
            Some(_) => Err(AdoptError::System(self.senseless().into())),
            None => Err(AdoptError::Unsupported),
        }
    }

    fn accept(&mut self, listener: SocketId) -> io::Result<(SocketId, Address)> {
        match self.answer(&Call::Accept(listener)) {
            Some(Answer::Socket(socket, Some(peer))) => Ok((socket, peer)),
            Some(Answer::Failed(failure)) => Err(failure.into()),
            Some(_) => Err(self.senseless()),
            // To a listener another error would be one to try again after.
            None => Err(ErrorKind::WouldBlock.into()),
        }
    }

    fn refuse(&mut self, listener: SocketId) -> io::Result<()> {
        self.outcome(&Call::Refuse(listener)).map(drop)
    }

    fn register(&mut self, socket: SocketId, token: Token) -> io::Result<()> {
        self.outcome(&Call::Register(socket, token)).map(drop)
    }

    fn connect(
        &mut self,
        address: &Address,
        options: &ConnectOptions,
        token: Token,
    ) -> io::Result<SocketId> {
        let call = Call::Connect {
            address: address.clone(),
            bind: options.bind.clone(),
            token,
        };
        match self.outcome(&call)? {
            Answer::Socket(socket, _) => Ok(socket),
            _ => Err(self.senseless()),
        }
    }

    fn finish_connect(&mut self, socket: SocketId) -> io::Result<bool> {
        match self.outcome(&Call::FinishConnect(socket))? {
            Answer::Yes(done) => Ok(done),
            _ => Err(self.senseless()),
        }
    }

    fn read(&mut self, socket: SocketId, _: &mut [u8]) -> io::Result<Received> {
        match self.answer(&Call::Read(socket)) {
            Some(Answer::Received { data, drained }) => Ok(Received::Lent { data, drained }),
            Some(Answer::Ended) => Ok(Received::Ended),
            Some(Answer::Failed(failure)) => Err(failure.into()),
            Some(_) => Err(self.senseless()),
            None => Err(ErrorKind::WouldBlock.into()),
        }
    }

    fn set_time_stamps(&mut self, socket: SocketId, on: bool) -> io::Result<()> {
        self.outcome(&Call::SetTimeStamps(socket, on)).map(drop)
    }

    fn read_stamped(&mut self, socket: SocketId, _: &mut [u8]) -> io::Result<(Received, Arrival)> {
        match self.answer(&Call::ReadStamped(socket)) {
            Some(Answer::Stamped {
                data,
                drained,
                arrival,
            }) => Ok((Received::Lent { data, drained }, arrival)),
            Some(Answer::EndedAt(arrival)) => Ok((Received::Ended, arrival)),
            Some(Answer::Failed(failure)) => Err(failure.into()),
            Some(_) => Err(self.senseless()),
            None => Err(ErrorKind::WouldBlock.into()),
        }
    }

    fn write(&mut self, socket: SocketId, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        match self.player.get_mut().answer_write(socket, pieces) {
            Some((_, Answer::Failed(failure))) => Err(failure.into()),
            Some((taken, _)) => Ok(taken),
            None => Err(ErrorKind::WouldBlock.into()),
        }
    }

    fn shutdown_write(&mut self, socket: SocketId) -> io::Result<()> {
        self.outcome(&Call::ShutDownWrite(socket)).map(drop)
    }

    fn take_error(&mut self, socket: SocketId) -> Option<io::Error> {
        match self.answer(&Call::TakeError(socket)) {
            Some(Answer::Failed(failure)) => Some(failure.into()),
            _ => None,
        }
    }

    fn local_address(&self, socket: SocketId) -> io::Result<Address> {
        let mut player = self.player.borrow_mut();
        player.ask(&Call::LocalAddress(socket));
        let address = player.local_address(socket);
        address.ok_or_else(|| ErrorKind::NotConnected.into())
    }

    fn peer_credentials(&self, socket: SocketId) -> Option<Credentials> {
        let mut player = self.player.borrow_mut();
        player.ask(&Call::PeerCredentials(socket));
        player.credentials(socket)
    }

    fn close(&mut self, socket: SocketId, farewell: Farewell) {
        self.answer(&Call::Close(socket, farewell));
    }

    fn look_up(&mut self, lookup: LookupId, question: &Question) -> Result<(), NameError> {
        match self.answer(&Call::LookUp(lookup, question.clone())) {
            Some(Answer::NameRefused(error)) => Err(error),
            _ => Ok(()),
        }
    }

    fn cancel_look_up(&mut self, lookup: LookupId) {
        self.answer(&Call::CancelLookUp(lookup));
    }

    /// It is done again where it was told of: the tape knows when, and not with what result.
    fn defer(&mut self, id: WorkId, work: Work) -> Result<(), DeferError> {
        match self.answer(&Call::Defer(id)) {
            Some(Answer::WorkRefused(error)) => Err(error),
            _ => {
                self.works.insert(id, work);
                Ok(())
            }
        }
    }

    fn posted(&mut self, post: Posted) {
        self.player.get_mut().posted(post);
    }

    fn service_port(&mut self, service: &str, protocol: Option<&str>) -> Option<u16> {
        let protocol = protocol.map(str::to_owned);
        match self.answer(&Call::ServicePort(service.to_owned(), protocol)) {
            Some(Answer::Maybe(port)) => u16::try_from(port?).ok(),
            _ => None,
        }
    }

    fn service_name(&mut self, port: u16, protocol: Option<&str>) -> Option<String> {
        let protocol = protocol.map(str::to_owned);
        match self.answer(&Call::ServiceName(port, protocol)) {
            Some(Answer::MaybeName(name)) => name,
            _ => None,
        }
    }

    fn watch_signals(&mut self) -> io::Result<()> {
        self.outcome(&Call::WatchSignals).map(drop)
    }

    fn waker(&self) -> Arc<dyn Wake> {
        Arc::new(NeverAsleep)
    }

    fn descriptor_limit(&self) -> Option<usize> {
        let mut player = self.player.borrow_mut();
        player.ask(&Call::DescriptorLimit);
        usize::try_from(player.descriptor_limit()?).ok()
    }
}

/// A replay never waits, so nobody has to wake it.
struct NeverAsleep;

impl Wake for NeverAsleep {
    fn wake(&self) {}
}
