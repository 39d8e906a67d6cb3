use ropewalk::{Group, LineReceiver, Lost, Reactor, Transport};

struct Member {
    room: Group<String>,
    name: Option<String>,
}

impl LineReceiver for Member {
    fn connection_made(&mut self, transport: &mut Transport<'_>) {
        transport.send("What is your name?");
    }

    fn line_received(&mut self, transport: &mut Transport<'_>, line: &[u8]) {
        let line = String::from_utf8_lossy(line).into_owned();
        match &self.name {
            Some(name) => {
                let said = format!("{name}: {line}");
                self.room.send_except(transport, name, said);
            }
            None if self.room.join(transport, line.clone()) => {
                transport.send(format!("Welcome, {line}."));
                let news = format!("* {line} joined");
                self.room.send_except(transport, &line, news);
                self.name = Some(line);
            }
            None => transport.send("That name is taken."),
        }
    }

    fn connection_lost(&mut self, transport: &mut Transport<'_>, _: &Lost) {
        if let Some(name) = self.name.take() {
            self.room.leave(&name);
            self.room.send(transport, format!("* {name} left"));
        }
    }
}

fn serve(reactor: &mut Reactor) -> ropewalk::Result<()> {
    let room = Group::new();
    let member = move |_: &_| Member { room: room.clone(), name: None };
    reactor.listen("tcp:8007:interface=*").serve(member).map(drop)
}
