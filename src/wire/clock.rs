//! The two services that tell the time. Owns how it is told; the time is the reactor's wall clock.

use std::time::SystemTime;

use super::civil::Civil;
use crate::protocol::Protocol;
use crate::transport::Transport;

/// Tells date and time in UTC, as `Sun Nov  6 08:49:37 1994` and CRLF, and ends (RFC 867).
#[derive(Clone, Copy, Debug, Default)]
pub struct Daytime;

impl Protocol for Daytime {
    fn connection_made(&mut self, transport: &mut Transport<'_>) {
        let civil = Civil::at(unix_seconds(transport.reactor().wall_clock()));
        transport.write(format!("{civil}\r\n"));
        transport.lose_connection();
    }

    fn data_received(&mut self, _: &mut Transport<'_>, _: &[u8]) {}
}

/// Tells the seconds since 1900 as four bytes, the highest first, and ends (RFC 868). In February 2036 they begin anew.
#[derive(Clone, Copy, Debug, Default)]
pub struct Time;

impl Protocol for Time {
    fn connection_made(&mut self, transport: &mut Transport<'_>) {
        let seconds = since_1900(unix_seconds(transport.reactor().wall_clock()));
        transport.write(seconds.to_be_bytes());
        transport.lose_connection();
    }

    fn data_received(&mut self, _: &mut Transport<'_>, _: &[u8]) {}
}

/// Whole seconds since 1970, rounded down before that too.
fn unix_seconds(time: SystemTime) -> i64 {
    let whole = |seconds: u64| i64::try_from(seconds).unwrap_or(i64::MAX);
    match time.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(since) => whole(since.as_secs()),
        Err(before) if before.duration().subsec_nanos() == 0 => -whole(before.duration().as_secs()),
        Err(before) => -whole(before.duration().as_secs()) - 1,
    }
}

fn since_1900(unix_seconds: i64) -> u32 {
    /// 70 years, 17 of which had a 29th of February.
    const FROM_1900_TO_1970: i64 = (70 * 365 + 17) * 24 * 60 * 60;

    // What does not fit is cut off, as the RFC has it.
    unix_seconds.wrapping_add(FROM_1900_TO_1970) as u32
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn times_before_1970_are_rounded_down_too() {
        let epoch = SystemTime::UNIX_EPOCH;
        assert_eq!(unix_seconds(epoch + Duration::from_millis(1_999)), 1);
        assert_eq!(unix_seconds(epoch - Duration::from_millis(1_999)), -2);
        assert_eq!(unix_seconds(epoch - Duration::from_secs(2)), -2);
    }

    /// The table of RFC 868.
    #[test]
    fn seconds_count_from_1900() {
        assert_eq!(since_1900(0), 2_208_988_800);
        assert_eq!(since_1900(189_302_400), 2_398_291_200);
        assert_eq!(since_1900(-2_208_988_800), 0);
        assert_eq!(since_1900(2_085_978_495), u32::MAX);
        assert_eq!(since_1900(2_085_978_496), 0);
    }
}
