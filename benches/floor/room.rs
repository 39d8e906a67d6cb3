//! `bench_server`'s room as a careful user has it: with the default limits, and a policy for the slow.

use ropewalk::{ConnectionId, Group, LineReceiver, Lines, Listen, Listener, Lost, Slow, Transport};

struct Member {
    room: Group<ConnectionId>,
}

impl LineReceiver for Member {
    fn lines(&self) -> Lines {
        Lines::crlf()
    }

    fn connection_made(&mut self, transport: &mut Transport<'_>) {
        let id = transport.id();
        self.room.join(transport, id);
    }

    fn line_received(&mut self, transport: &mut Transport<'_>, line: &[u8]) {
        let id = transport.id();
        self.room.send_except(transport, &id, line);
    }

    fn connection_lost(&mut self, transport: &mut Transport<'_>, _reason: &Lost) {
        self.room.leave(&transport.id());
    }
}

pub(crate) fn serve(listen: Listen<'_>, slow: Slow) -> ropewalk::Result<Listener> {
    let room = Group::with(slow);
    listen.serve(move |_peer| Member { room: room.clone() })
}
