//! What is not recorded is refused, and said so.

use super::*;
use crate::datagram::{DatagramProtocol, DatagramTransport};
use crate::error::Error;

struct Deaf;

impl DatagramProtocol for Deaf {
    fn datagram_received(
        &mut self,
        _: &mut DatagramTransport<'_>,
        _: &[u8],
        _: std::net::SocketAddr,
    ) {
    }
}

#[test]
fn no_socket_for_datagrams_is_bound_while_a_run_is_recorded() {
    let network = OsNetwork::new().unwrap();
    let recorder = Recorder::new(network, Cassette::default(), "").unwrap();
    let mut reactor = Reactor::on(Box::new(recorder));
    let refused = reactor.bind("udp:0").with(Deaf);
    let endpoint = "udp:0".to_owned();
    assert_eq!(refused, Err(Error::NoDatagrams { endpoint }));
}
