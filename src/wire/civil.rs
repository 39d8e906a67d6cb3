//! Seconds as a date of the Gregorian calendar. Owns the arithmetic and the words; knows no zone but UTC, and no leap seconds.

use std::fmt;

const DAY: i64 = 24 * 60 * 60;
const YEAR: i64 = 365;
const FOUR_YEARS: i64 = 4 * YEAR + 1;
const CENTURY: i64 = 25 * FOUR_YEARS - 1;
const FOUR_CENTURIES: i64 = 4 * CENTURY + 1;

/// From 1 January 1970 to 1 March 2000, with which four centuries begin: their odd day is the last.
const TO_MARCH_2000: i64 = 30 * YEAR + 7 + 31 + 29;

const WEEKDAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];

/// With their lengths; February is the last, and takes what is left.
const MONTHS: [(&str, i64); 12] = [
    ("Mar", 31),
    ("Apr", 30),
    ("May", 31),
    ("Jun", 30),
    ("Jul", 31),
    ("Aug", 31),
    ("Sep", 30),
    ("Oct", 31),
    ("Nov", 30),
    ("Dec", 31),
    ("Jan", 31),
    ("Feb", 29),
];

/// A second of a day, as C's `asctime` writes it.
#[derive(Debug)]
pub(super) struct Civil {
    weekday: &'static str,
    year: i64,
    month: &'static str,
    day: i64,
    second: i64,
}

impl Civil {
    pub(super) fn at(unix_seconds: i64) -> Self {
        let days = unix_seconds.div_euclid(DAY);
        let (mut year, mut day) = year_of(days - TO_MARCH_2000);
        let mut month = 0;
        while day >= MONTHS[month].1 {
            day -= MONTHS[month].1;
            month += 1;
        }
        if month >= 10 {
            year += 1;
        }
        Self {
            weekday: WEEKDAYS[days.rem_euclid(7) as usize],
            year,
            month: MONTHS[month].0,
            day: day + 1,
            second: unix_seconds.rem_euclid(DAY),
        }
    }
}

/// The year that began in March before a day counted from 1 March 2000, and the day in it.
fn year_of(days: i64) -> (i64, i64) {
    let (cycles, day) = (
        days.div_euclid(FOUR_CENTURIES),
        days.rem_euclid(FOUR_CENTURIES),
    );
    // The odd day belongs to the fourth century, and to the fourth year.
    let centuries = (day / CENTURY).min(3);
    let day = day - centuries * CENTURY;
    let fours = day / FOUR_YEARS;
    let day = day - fours * FOUR_YEARS;
    let years = (day / YEAR).min(3);
    let year = 2000 + 400 * cycles + 100 * centuries + 4 * fours + years;
    (year, day - years * YEAR)
}

impl fmt::Display for Civil {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (hour, minute, second) = (self.second / 3600, self.second / 60 % 60, self.second % 60);
        write!(
            f,
            "{} {} {:2} {hour:02}:{minute:02}:{second:02} {}",
            self.weekday, self.month, self.day, self.year
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_are_dates() {
        for (seconds, date) in [
            (0, "Thu Jan  1 00:00:00 1970"),
            (-1, "Wed Dec 31 23:59:59 1969"),
            (784_111_777, "Sun Nov  6 08:49:37 1994"),
            (951_782_399, "Mon Feb 28 23:59:59 2000"),
            (951_782_400, "Tue Feb 29 00:00:00 2000"),
            (951_868_800, "Wed Mar  1 00:00:00 2000"),
            (1_078_012_800, "Sun Feb 29 00:00:00 2004"),
            (4_107_542_399, "Sun Feb 28 23:59:59 2100"),
            (4_107_542_400, "Mon Mar  1 00:00:00 2100"),
            (-2_208_988_800, "Mon Jan  1 00:00:00 1900"),
            (2_085_978_495, "Thu Feb  7 06:28:15 2036"),
            (253_402_300_799, "Fri Dec 31 23:59:59 9999"),
        ] {
            assert_eq!(Civil::at(seconds).to_string(), date, "{seconds}");
        }
    }

    #[test]
    fn each_day_of_a_thousand_years_follows_the_one_before() {
        let mut last = Civil::at(-40_000 * DAY);
        for day in -39_999..330_000 {
            let civil = Civil::at(day * DAY);
            let in_order = match civil.day {
                1 => last.month != civil.month && last.day >= 28,
                day => last.month == civil.month && last.day + 1 == day,
            };
            let new_year = civil.month == "Jan" && civil.day == 1;
            assert!(in_order, "{last:?} {civil:?}");
            assert_eq!(civil.year, last.year + i64::from(new_year), "{civil:?}");
            last = civil;
        }
    }
}
