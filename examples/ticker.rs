//! Counts aloud to a server, for as long as there is one: a client that stays connected. When its connection is lost, or can't
//! be made, it calls again, after a wait that grows with each attempt in vain.
//!
//! ```text
//! $ cargo run --release --example ticker tcp:localhost:8007
//! failed 127.0.0.1:8007 refused: nobody listens there
//! retry in 0.7 s
//! connected 127.0.0.1:8007
//! lost reset by the peer
//! retry in 0.6 s
//! ```
//!
//! Try it with `nc -lk 8007` in another terminal, ended and started again.

mod common;

use std::cell::Cell;
use std::process::ExitCode;
use std::rc::Rc;
use std::time::Duration;

use ropewalk::{Backoff, ClientEndpoint, ClientEvent, ClientService, Protocol, Reactor, Transport};

const HELP: &str = "
Usage: ticker ENDPOINT
Connects to ENDPOINT, stays connected, and sends `tick 0`, `tick 1`, ... every 100 ms while it is.

  tcp:HOST:PORT  a name or an address, and the number or the name of a service
  unix:/path     a Unix stream of this machine; unix:@name: one without a file
  --help         this text
";

/// One connection. The count is everybody's: it goes on where the last one has ended.
struct Ticker {
    count: Rc<Cell<u64>>,
}

impl Ticker {
    fn tick(&mut self, transport: &mut Transport<'_>) {
        let count = self.count.get();
        transport.write(format!("tick {count}\n"));
        self.count.set(count + 1);
    }
}

impl Protocol for Ticker {
    fn connection_made(&mut self, transport: &mut Transport<'_>) {
        self.tick(transport);
        // It ends with the connection.
        transport.call_every(Duration::from_millis(100), Self::tick);
    }

    fn data_received(&mut self, _transport: &mut Transport<'_>, _data: &[u8]) {}
}

fn tell(_reactor: &mut Reactor, _service: &ClientService, event: &ClientEvent) {
    match event {
        ClientEvent::Started { .. } | ClientEvent::Stopped => {}
        event => common::say(event),
    }
}

fn service(arguments: &[String]) -> Result<ClientService, ExitCode> {
    let [endpoint] = arguments else {
        return Err(common::refuse(format_args!(
            "expected one endpoint in place of {} arguments",
            arguments.len()
        )));
    };
    let endpoint: ClientEndpoint = endpoint.parse().map_err(common::refuse)?;
    let count = Rc::new(Cell::new(0));
    let ticker = move |_: &_| Ticker {
        count: Rc::clone(&count),
    };
    let service = ClientService::new(endpoint, ticker).map_err(common::refuse)?;
    Ok(service
        .backoff(Backoff::default().maximum(Duration::from_secs(10)))
        .events(tell))
}

fn main() -> ExitCode {
    env_logger::init_from_env(env_logger::Env::default().default_filter_or("warn"));
    let service = match common::arguments(HELP).and_then(|all| service(&all)) {
        Ok(service) => service,
        Err(code) => return code,
    };
    common::end(ropewalk::run(move |reactor| {
        service.start(reactor);
        Ok(())
    }))
}
