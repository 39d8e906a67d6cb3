//! placeholder
/// The machine's own sockets.
#[derive(Debug)]
pub struct OsNetwork;
