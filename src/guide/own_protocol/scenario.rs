use std::time::Duration;
use ropewalk::sim::World;

/// Gives a name, says something now and then, and goes.
struct Talker {
    name: &'static str,
    lines: u64,
}

impl ropewalk::LineReceiver for Talker {
    fn line_received(&mut self, transport: &mut ropewalk::Transport<'_>, line: &[u8]) {
        if line == b"What is your name?" {
            transport.send(self.name);
        } else if line.starts_with(b"Welcome, ") {
            self.talk(transport);
        }
    }
}

impl Talker {
    fn talk(&mut self, transport: &mut ropewalk::Transport<'_>) {
        if self.lines == 0 {
            return transport.lose_connection();
        }
        self.lines -= 1;
        transport.send("Good morning.");
        transport.call_later(Duration::from_millis(100), Self::talk);
    }
}

fn scenario(world: &World) {
    world.service("server", serve);
    world.host("home", |reactor| {
        for name in ["alice", "bob"] {
            let lines = world.choose(20);
            reactor.connect("tcp:server:8007").with(Talker { name, lines });
        }
        Ok(())
    });
    world.run_for(Duration::from_secs(30));
    world.calm();
    // A kernel may take minutes to find out that a peer is gone.
    world.run_for(Duration::from_secs(600));
    for name in ["alice", "bob"] {
        let peer = world.peer("tcp:server:8007");
        peer.expect("What is your name?").send(name);
        peer.expect(format!("Welcome, {name}."));
    }
    world.stop("server");
}
