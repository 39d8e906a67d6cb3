//! The kernel's stamps of when it received bytes. Owns the room that a stamp is passed in; keeps no socket.

use std::io::{self, IoSliceMut};
use std::os::fd::AsRawFd;
use std::time::{Duration, SystemTime};

use mio::net::TcpStream;
use nix::sys::socket::sockopt::ReceiveTimestampns;
use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg, setsockopt};
use nix::sys::time::TimeSpec;

#[derive(Debug)]
pub(super) struct Stamps {
    /// On the heap, where it is aligned for the headers of messages.
    control: Vec<u8>,
}

impl Stamps {
    pub(super) fn new() -> Self {
        Self {
            control: nix::cmsg_space!(TimeSpec),
        }
    }

    /// Whether the kernel is to stamp what the stream receives.
    pub(super) fn set(stream: &TcpStream, on: bool) -> io::Result<()> {
        Ok(setsockopt(stream, ReceiveTimestampns, &on)?)
    }

    /// Reads once. The stamp is that of the last segment which some of the bytes came in; there is none of what came
    /// before the kernel was asked for stamps.
    pub(super) fn read(
        &mut self,
        stream: &TcpStream,
        buffer: &mut [u8],
    ) -> io::Result<(usize, Option<SystemTime>)> {
        let buffer = &mut [IoSliceMut::new(buffer)];
        let control = Some(&mut self.control[..]);
        let message = recvmsg::<()>(stream.as_raw_fd(), buffer, control, MsgFlags::empty())?;
        let stamp = message.cmsgs().ok().and_then(|mut messages| {
            messages.find_map(|message| match message {
                ControlMessageOwned::ScmTimestampns(stamp) => {
                    SystemTime::UNIX_EPOCH.checked_add(Duration::from(stamp))
                }
                _ => None,
            })
        });
        Ok((message.bytes, stamp))
    }
}
