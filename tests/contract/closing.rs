//! How connections end: in order, at once, half by half, and why.

use crate::spy::{Log, Spy};
use crate::world::{World, contract};

contract! { everywhere:
    a_peer_that_ends_gets_all_it_is_owed_then_our_end,
}

fn a_peer_that_ends_gets_all_it_is_owed_then_our_end(world: &World) {
    let log = Log::default();
    let ours = log.clone();
    let listener = world.serve(move |_| Spy::new(&ours).echo());
    let peer = world.peer(&listener);
    peer.send("hello").half_closes();
    assert_eq!(peer.read_until_eof(), b"hello\r\n");
    world.run_until("the loss is told", || log.count("lost") == 1);
    assert_eq!(
        log.without_data(),
        ["made", "eof", "lost done, ended by the peer"]
    );
}
