//! A network around a network, which writes down all that crosses the seam. Owns what of each call is written; changes
//! nothing of what passes.

use std::io::{self, IoSlice, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;

use super::call::{Answer, Call, Event, Failure, Told};
use super::encode::Encoder;
use super::file;
use super::tags::call;
use super::writer::TapeWriter;
use crate::address::Address;
use crate::endpoint::Inherited;
use crate::error::{AdoptError, NameError};
use crate::network::{
    Arrival, Batch, ConnectOptions, Credentials, DeferError, Farewell, ListenOptions, LookupId,
    Network, Posted, Question, Received, Resolver, SocketId, Time, Token, Wake, Work, WorkId,
    WorkOutcome,
};

/// A network that passes all calls on to another one, and writes them on a tape with their answers.
///
/// What it costs is some hundredth of a microsecond a call. The tape is written by a thread of its own, a few hundredths of
/// a second behind; it is whole when the reactor has run to its end and was dropped. If it can't be written, an error is
/// logged, and the program goes on without: nothing waits for a disk that stands still, but the end, for 5 s at most.
pub struct Recorder<N: Network> {
    network: N,
    tape: TapeWriter,
}

impl<N: Network> Recorder<N> {
    /// Records what crosses `network` to `tape`. The memo stands at the begin of the tape, for who replays it: whatever a
    /// program has to know to do the same again, such as its command line. It has at most 64 KiB.
    ///
    /// # Errors
    /// If the begin of the tape can't be written, the memo is too long, or there is no thread for it.
    pub fn new(network: N, tape: impl Write + Send + 'static, memo: &str) -> io::Result<Self> {
        let tape = TapeWriter::begin(tape, memo)?;
        Ok(Self { network, tape })
    }

    /// Records to a file, which on Unix nobody but its owner can read. One that is there already is kept: it is renamed to
    /// `FILE.1`, or the first such number that is free.
    ///
    /// # Errors
    /// As [`new`](Self::new), and if the file can't be made.
    pub fn to_file(network: N, path: impl AsRef<Path>, memo: &str) -> io::Result<Self> {
        Self::new(network, file::create(path.as_ref())?, memo)
    }

    fn put(&self, call: Call, answer: Answer) {
        self.tape.put(|tape| tape.event(&Event { call, answer }));
    }

    /// A call that can fail, and has little to tell if it does not.
    fn put_outcome<T>(
        &self,
        call: Call,
        outcome: &io::Result<T>,
        answer: impl FnOnce(&T) -> Answer,
    ) {
        let answer = match outcome {
            Ok(value) => answer(value),
            Err(error) => Answer::Failed(error.into()),
        };
        self.put(call, answer);
    }
}

impl<N: Network> std::fmt::Debug for Recorder<N> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Recorder").finish_non_exhaustive()
    }
}

/// The end of the run is on the tape if it came in order.
impl<N: Network> Drop for Recorder<N> {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.put(Call::End, Answer::Nothing);
        }
        self.tape.end();
    }
}

fn failed(tape: &mut Encoder, error: &io::Error) {
    tape.failed(Failure::from(error));
}

/// What is told besides readiness.
fn more(batch: &Batch) -> Told {
    let work = |work: &(WorkId, WorkOutcome)| (work.0, work.1.is_err());
    Told {
        ready: Vec::new(),
        signals: batch.signals.clone(),
        names: batch.names.clone(),
        works: batch.works.iter().map(work).collect(),
        spins: batch.spins,
    }
}

impl<N: Network> Network for Recorder<N> {
    fn poll(&mut self, timeout: Option<Duration>, batch: &mut Batch) -> io::Result<()> {
        let outcome = self.network.poll(timeout, batch);
        self.tape.put(|tape| {
            tape.out.push(call::POLL);
            match &outcome {
                Ok(()) => tape.told(&batch.ready, &more(batch)),
                Err(error) => failed(tape, error),
            }
        });
        outcome
    }

    fn set_spin(&mut self, time: Duration) {
        self.put(Call::SetSpin(time), Answer::Nothing);
        self.network.set_spin(time);
    }

    fn now(&mut self) -> Time {
        let now = self.network.now();
        self.tape.put(|tape| {
            tape.out.push(call::NOW);
            tape.time(now);
        });
        now
    }

    fn wall_clock(&mut self) -> SystemTime {
        let now = self.network.wall_clock();
        self.put(Call::WallClock, Answer::WallClock(now));
        now
    }

    fn random(&mut self) -> u64 {
        let number = self.network.random();
        self.put(Call::Random, Answer::Number(number));
        number
    }

    fn listen(
        &mut self,
        address: &Address,
        options: &ListenOptions,
        token: Token,
    ) -> io::Result<(SocketId, Address)> {
        let outcome = self.network.listen(address, options, token);
        let call = Call::listen(address, options, token);
        self.put_outcome(call, &outcome, |(socket, bound)| {
            Answer::Socket(*socket, Some(bound.clone()))
        });
        outcome
    }

    fn adopt(
        &mut self,
        socket: &Inherited,
        token: Token,
    ) -> Result<(SocketId, Address), AdoptError> {
        let outcome = self.network.adopt(socket, token);
        let socket = socket.clone();
        let answer = match &outcome {
            Ok((socket, bound)) => Answer::Socket(*socket, Some(bound.clone())),
            Err(error) => Answer::AdoptRefused(error.clone()),
        };
        self.put(Call::Adopt { socket, token }, answer);
        outcome
    }

    fn accept(&mut self, listener: SocketId) -> io::Result<(SocketId, Address)> {
        let outcome = self.network.accept(listener);
        self.put_outcome(Call::Accept(listener), &outcome, |(socket, peer)| {
            Answer::Socket(*socket, Some(peer.clone()))
        });
        outcome
    }

    fn refuse(&mut self, listener: SocketId) -> io::Result<()> {
        let outcome = self.network.refuse(listener);
        self.put_outcome(Call::Refuse(listener), &outcome, |()| Answer::Nothing);
        outcome
    }

    fn register(&mut self, socket: SocketId, token: Token) -> io::Result<()> {
        let outcome = self.network.register(socket, token);
        self.put_outcome(Call::Register(socket, token), &outcome, |()| {
            Answer::Nothing
        });
        outcome
    }

    fn connect(
        &mut self,
        address: &Address,
        options: &ConnectOptions,
        token: Token,
    ) -> io::Result<SocketId> {
        let outcome = self.network.connect(address, options, token);
        let call = Call::Connect {
            address: address.clone(),
            bind: options.bind.clone(),
            token,
        };
        self.put_outcome(call, &outcome, |socket| Answer::Socket(*socket, None));
        outcome
    }

    fn finish_connect(&mut self, socket: SocketId) -> io::Result<bool> {
        let outcome = self.network.finish_connect(socket);
        self.put_outcome(Call::FinishConnect(socket), &outcome, |done| {
            Answer::Yes(*done)
        });
        outcome
    }

    fn read(&mut self, socket: SocketId, buffer: &mut [u8]) -> io::Result<Received> {
        let outcome = self.network.read(socket, buffer);
        self.tape.put(|tape| {
            tape.call_of(call::READ, socket);
            match &outcome {
                Ok(Received::Filled { size, drained }) => tape.received(&buffer[..*size], *drained),
                Ok(Received::Lent { data, drained }) => tape.received(data, *drained),
                Ok(Received::Ended) => tape.answer(&Answer::Ended),
                Err(error) => failed(tape, error),
            }
        });
        outcome
    }

    fn set_time_stamps(&mut self, socket: SocketId, on: bool) -> io::Result<()> {
        let outcome = self.network.set_time_stamps(socket, on);
        self.put_outcome(Call::SetTimeStamps(socket, on), &outcome, |()| {
            Answer::Nothing
        });
        outcome
    }

    fn read_stamped(
        &mut self,
        socket: SocketId,
        buffer: &mut [u8],
    ) -> io::Result<(Received, Arrival)> {
        let outcome = self.network.read_stamped(socket, buffer);
        self.put_outcome(
            Call::ReadStamped(socket),
            &outcome,
            |(received, arrival)| {
                let (data, drained) = match received {
                    Received::Filled { size, drained } => {
                        (Bytes::copy_from_slice(&buffer[..*size]), *drained)
                    }
                    Received::Lent { data, drained } => (data.clone(), *drained),
                    Received::Ended => return Answer::EndedAt(*arrival),
                };
                let arrival = *arrival;
                Answer::Stamped {
                    data,
                    drained,
                    arrival,
                }
            },
        );
        outcome
    }

    fn write(&mut self, socket: SocketId, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        let outcome = self.network.write(socket, pieces);
        let offered: usize = pieces.iter().map(|piece| piece.len()).sum();
        let taken = outcome.as_ref().map_or(0, |taken| *taken);
        self.tape.put(|tape| {
            tape.call_of(call::WRITE, socket);
            tape.number(offered.saturating_sub(taken) as u64);
            tape.pieces(pieces, taken);
            match &outcome {
                Ok(_) => tape.answer(&Answer::Nothing),
                Err(error) => failed(tape, error),
            }
        });
        outcome
    }

    fn shutdown_write(&mut self, socket: SocketId) -> io::Result<()> {
        let outcome = self.network.shutdown_write(socket);
        self.put_outcome(Call::ShutDownWrite(socket), &outcome, |()| Answer::Nothing);
        outcome
    }

    fn take_error(&mut self, socket: SocketId) -> Option<io::Error> {
        let error = self.network.take_error(socket);
        let answer = error.as_ref();
        let answer = answer.map_or(Answer::Nothing, |error| Answer::Failed(error.into()));
        self.put(Call::TakeError(socket), answer);
        error
    }

    fn local_address(&self, socket: SocketId) -> io::Result<Address> {
        let outcome = self.network.local_address(socket);
        self.put_outcome(Call::LocalAddress(socket), &outcome, |address| {
            Answer::Address(address.clone())
        });
        outcome
    }

    fn peer_credentials(&self, socket: SocketId) -> Option<Credentials> {
        let credentials = self.network.peer_credentials(socket);
        self.put(
            Call::PeerCredentials(socket),
            Answer::Credentials(credentials),
        );
        credentials
    }

    fn close(&mut self, socket: SocketId, farewell: Farewell) {
        self.put(Call::Close(socket, farewell), Answer::Nothing);
        self.network.close(socket, farewell);
    }

    fn socket_options(&self, socket: SocketId) -> Option<socket2::SockRef<'_>> {
        self.network.socket_options(socket)
    }

    fn look_up(&mut self, lookup: LookupId, question: &Question) -> Result<(), NameError> {
        let outcome = self.network.look_up(lookup, question);
        let answer = match &outcome {
            Ok(()) => Answer::Nothing,
            Err(error) => Answer::NameRefused(error.clone()),
        };
        self.put(Call::LookUp(lookup, question.clone()), answer);
        outcome
    }

    fn cancel_look_up(&mut self, lookup: LookupId) {
        self.put(Call::CancelLookUp(lookup), Answer::Nothing);
        self.network.cancel_look_up(lookup);
    }

    fn set_resolver(&mut self, resolver: Arc<dyn Resolver>) {
        self.network.set_resolver(resolver);
    }

    fn defer(&mut self, id: WorkId, work: Work) -> Result<(), DeferError> {
        let outcome = self.network.defer(id, work);
        let answer = match &outcome {
            Ok(()) => Answer::Nothing,
            Err(error) => Answer::WorkRefused(error.clone()),
        };
        self.put(Call::Defer(id), answer);
        outcome
    }

    fn posted(&mut self, post: Posted) {
        self.put(Call::Posted(post), Answer::Nothing);
        self.network.posted(post);
    }

    fn service_port(&mut self, service: &str, protocol: Option<&str>) -> Option<u16> {
        let port = self.network.service_port(service, protocol);
        let call = Call::ServicePort(service.to_owned(), protocol.map(str::to_owned));
        self.put(call, Answer::Maybe(port.map(u64::from)));
        port
    }

    fn service_name(&mut self, port: u16, protocol: Option<&str>) -> Option<String> {
        let name = self.network.service_name(port, protocol);
        let call = Call::ServiceName(port, protocol.map(str::to_owned));
        self.put(call, Answer::MaybeName(name.clone()));
        name
    }

    fn watch_signals(&mut self) -> io::Result<()> {
        let outcome = self.network.watch_signals();
        self.put_outcome(Call::WatchSignals, &outcome, |()| Answer::Nothing);
        outcome
    }

    fn waker(&self) -> Arc<dyn Wake> {
        self.network.waker()
    }

    fn descriptor_limit(&self) -> Option<usize> {
        let limit = self.network.descriptor_limit();
        let answer = Answer::Maybe(limit.map(|limit| limit as u64));
        self.put(Call::DescriptorLimit, answer);
        limit
    }
}
