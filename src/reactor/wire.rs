//! The transcript of the wire, for people: what each connection received and sent, at target `ropewalk::wire`, level
//! trace. Owns its wording; costs one comparison when it is off.

use std::net::SocketAddr;

use crate::table::{ConnectionId, DatagramId, Table};

/// How many bytes of each piece are shown.
const SHOWN: usize = 64;

/// Whether anybody reads it.
#[inline]
pub(super) fn is_shown() -> bool {
    log::log_enabled!(target: "ropewalk::wire", log::Level::Trace)
}

#[inline]
pub(super) fn received(id: ConnectionId, table: &Table, data: &[u8]) {
    if is_shown() {
        line(id, table, "<-", data, data.len());
    }
}

/// `size` bytes were taken, of which `data` is the beginning.
#[inline]
pub(super) fn sent(id: ConnectionId, table: &Table, data: &[u8], size: usize) {
    if is_shown() {
        line(id, table, "->", &data[..data.len().min(size)], size);
    }
}

pub(super) fn event(id: ConnectionId, table: &Table, what: std::fmt::Arguments<'_>) {
    if is_shown() {
        log::trace!(target: "ropewalk::wire", "{id} {} {what}", peer(id, table));
    }
}

#[inline]
pub(super) fn datagram(id: DatagramId, arrow: &str, other: Option<SocketAddr>, data: &[u8]) {
    if log::log_enabled!(target: "ropewalk::wire", log::Level::Trace) {
        let other = other.map_or_else(|| "?".to_owned(), |other| other.to_string());
        let size = data.len();
        log::trace!(target: "ropewalk::wire", "{id} {other} {arrow} {size}B {}", excerpt(data, size));
    }
}

#[cold]
fn line(id: ConnectionId, table: &Table, arrow: &str, data: &[u8], size: usize) {
    log::trace!(target: "ropewalk::wire", "{id} {} {arrow} {size}B {}", peer(id, table), excerpt(data, size));
}

fn excerpt(data: &[u8], size: usize) -> String {
    let shown = data[..data.len().min(SHOWN)].escape_ascii();
    let more = if size > SHOWN { "…" } else { "" };
    format!("\"{shown}{more}\"")
}

fn peer(id: ConnectionId, table: &Table) -> String {
    let peer = table
        .get(id)
        .and_then(|connection| connection.peer.address());
    peer.map_or_else(|| "?".to_owned(), |peer| peer.to_string())
}
