use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use ropewalk::{LineReceiver, Lines, Transport};

/// A question is a name. Who sends more in one line wants something else.
const LONGEST_LINE: usize = 512;

/// What is known of a name, found out on a thread: it may take its time.
pub(crate) type Lookup = Arc<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// What people say that they are doing. A clone is the same store: every service has one.
#[derive(Clone, Default)]
pub(crate) struct Store(Rc<RefCell<BTreeMap<String, String>>>);

impl Store {
    /// Anybody may call us, so there has to be an end to what is kept.
    const MOST: usize = 1000;

    /// Sets what somebody is doing; nothing, to take it back. `false` if the store is full.
    fn set(&self, name: String, doing: String) -> bool {
        let mut all = self.0.borrow_mut();
        if doing.is_empty() {
            all.remove(&name);
            return true;
        }
        let fits = all.len() < Self::MOST || all.contains_key(&name);
        if fits {
            all.insert(name, doing);
        }
        fits
    }

    fn get(&self, name: &str) -> Option<String> {
        self.0.borrow().get(name).cloned()
    }

    fn lines(&self) -> Vec<String> {
        let all = self.0.borrow();
        all.iter()
            .map(|(name, doing)| format!("{name}: {doing}"))
            .collect()
    }
}

/// Answers one question, and ends.
pub(crate) struct Finger {
    store: Store,
    lookup: Lookup,
    /// The question was asked, and its answer is still owed.
    asked: bool,
}

impl Finger {
    pub(crate) fn new(store: &Store, lookup: &Lookup) -> Self {
        Self {
            store: store.clone(),
            lookup: Arc::clone(lookup),
            asked: false,
        }
    }

    fn look_up(&mut self, transport: &mut Transport<'_>, name: String) {
        self.asked = true;
        // One question a connection: nobody hears what else it says.
        transport.set_raw();
        let (lookup, asked) = (Arc::clone(&self.lookup), name.clone());
        transport.defer_to_thread(
            move || lookup(&asked),
            move |this: &mut Self, transport, found| {
                match found {
                    Ok(known) => this.tell(transport, &name, known),
                    Err(_) => transport.send("Please try again later."),
                }
                transport.lose_connection();
            },
        );
    }

    fn tell(&self, transport: &mut Transport<'_>, name: &str, known: Option<String>) {
        let doing = self.store.get(name);
        if known.is_none() && doing.is_none() {
            transport.send(format!("{name}: no such user"));
        }
        if let Some(known) = known {
            transport.send(known);
        }
        if let Some(doing) = doing {
            transport.send(format!("{name}: {doing}"));
        }
    }

    fn tell_of_all(&self, transport: &mut Transport<'_>) {
        let lines = self.store.lines();
        if lines.is_empty() {
            transport.send("Nobody says anything.");
        }
        for line in lines {
            transport.send(line);
        }
        transport.lose_connection();
    }
}

impl LineReceiver for Finger {
    fn lines(&self) -> Lines {
        Lines::default().max_length(LONGEST_LINE)
    }

    fn line_received(&mut self, transport: &mut Transport<'_>, line: &[u8]) {
        let question = printable(line);
        // "/W" asks for more than usual, which we do not have.
        let name = question.strip_prefix("/W").unwrap_or(&question).trim();
        if name.is_empty() {
            self.tell_of_all(transport);
        } else if name.contains('@') {
            // To ask others on behalf of strangers is how finger got its bad name.
            transport.send("Finger forwarding service denied.");
            transport.lose_connection();
        } else {
            let name = name.to_owned();
            self.look_up(transport, name);
        }
    }

    /// Who asks and ends his side at once waits for the answer nevertheless.
    fn eof_received(&mut self, transport: &mut Transport<'_>) {
        if !self.asked {
            transport.lose_connection();
        }
    }

    fn stopping(&mut self, transport: &mut Transport<'_>) {
        if !self.asked {
            transport.lose_connection();
        }
    }
}

/// Takes two lines, a name and what its owner is doing.
pub(crate) struct Setter {
    store: Store,
    name: Option<String>,
}

impl Setter {
    pub(crate) fn new(store: &Store) -> Self {
        Self {
            store: store.clone(),
            name: None,
        }
    }
}

impl LineReceiver for Setter {
    fn lines(&self) -> Lines {
        Lines::default().max_length(LONGEST_LINE)
    }

    fn line_received(&mut self, transport: &mut Transport<'_>, line: &[u8]) {
        let line = printable(line);
        let Some(name) = self.name.take() else {
            self.name = Some(line);
            return;
        };
        let taken = self.store.set(name, line);
        transport.send(if taken { "Done." } else { "There is no room." });
        transport.lose_connection();
    }
}

/// Text that can do no harm to anybody's terminal, whoever sent it.
fn printable(line: &[u8]) -> String {
    let text = String::from_utf8_lossy(line);
    text.chars().filter(|c| !c.is_control()).collect()
}
