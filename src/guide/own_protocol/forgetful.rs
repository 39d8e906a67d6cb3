use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;
use ropewalk::{LineReceiver, Reactor, Transport};

struct Member {
    names: Rc<RefCell<BTreeSet<String>>>,
    name: Option<String>,
}

impl LineReceiver for Member {
    fn connection_made(&mut self, transport: &mut Transport<'_>) {
        transport.send("What is your name?");
    }

    fn line_received(&mut self, transport: &mut Transport<'_>, line: &[u8]) {
        let line = String::from_utf8_lossy(line).into_owned();
        if self.name.is_some() {
            // What is said in the room is left out here.
        } else if self.names.borrow_mut().insert(line.clone()) {
            transport.send(format!("Welcome, {line}."));
            self.name = Some(line);
        } else {
            transport.send("That name is taken.");
        }
    }

    fn eof_received(&mut self, transport: &mut Transport<'_>) {
        if let Some(name) = self.name.take() {
            self.names.borrow_mut().remove(&name);
        }
        transport.lose_connection();
    }
}

fn serve(reactor: &mut Reactor) -> ropewalk::Result<()> {
    let names = Rc::default();
    let member = move |_: &_| Member { names: Rc::clone(&names), name: None };
    reactor.listen("tcp:8007:interface=*").serve(member).map(drop)
}
