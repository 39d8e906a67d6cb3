//! Where the selector's time-out has to do, which counts whole milliseconds. Owns nothing; rings never.

use std::time::Duration;

use mio::{Registry, Token};

use super::Time;

#[derive(Debug)]
pub(super) struct Alarm;

impl Alarm {
    pub(super) fn new(_registry: &Registry, _token: Token) -> Self {
        Self
    }

    pub(super) fn ring_within(&mut self, _wait: Duration, _now: impl FnOnce() -> Time) {}
}
