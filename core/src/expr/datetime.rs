//! Dates and times as text, in the ISO 8601 profile that people type and databases print.
//!
//! Hand-written because filter text comes from outside: it must not panic on any bytes, must not silently drop digits
//! (a filter for `…00.123456789` on a microsecond column is decided exactly), and needs no time zone database.

/// Nanoseconds in a second.
pub(super) const NANOS_PER_SECOND: i128 = 1_000_000_000;
/// Nanoseconds in a day.
pub(super) const NANOS_PER_DAY: i128 = 86_400 * NANOS_PER_SECOND;

/// A parsed point in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Instant {
    /// Nanoseconds since 1970-01-01T00:00:00 UTC.
    pub(super) nanos: i128,
    /// Whether the text named an offset from UTC; without one it is taken as UTC.
    pub(super) zoned: bool,
}

/// Reads `YYYY-MM-DD`, optionally followed by `T` or a space, a time of day and an offset (`Z`, `+hh`, `+hh:mm`).
pub(super) fn parse_instant(text: &str) -> Option<Instant> {
    let mut input = Input(text.trim().as_bytes());
    let days = input.date()?;
    let mut instant = Instant { nanos: i128::from(days) * NANOS_PER_DAY, zoned: false };
    if input.0.is_empty() {
        return Some(instant);
    }
    input.one_of(b"Tt ")?;
    instant.nanos += input.time()?;
    if !input.0.is_empty() {
        instant.nanos -= input.offset()?;
        instant.zoned = true;
    }
    input.0.is_empty().then_some(instant)
}

/// Reads `hh:mm`, `hh:mm:ss` or `hh:mm:ss.fraction` as nanoseconds since midnight.
pub(super) fn parse_time(text: &str) -> Option<i128> {
    let mut input = Input(text.trim().as_bytes());
    let nanos = input.time()?;
    input.0.is_empty().then_some(nanos)
}

/// Text that [`parse_instant`] reads back exactly, or `None` outside the years 0 to 9999.
pub(super) fn format_instant(nanos: i128, zoned: bool) -> Option<String> {
    let date = format_date(i64::try_from(nanos.div_euclid(NANOS_PER_DAY)).ok()?)?;
    let time = format_time(nanos.rem_euclid(NANOS_PER_DAY))?;
    Some(format!("{date}T{time}{}", if zoned { "Z" } else { "" }))
}

/// Text of a day since 1970-01-01, or `None` outside the years 0 to 9999.
pub(super) fn format_date(days: i64) -> Option<String> {
    // Days of the years 0 to 9999 lie well inside this range; it keeps the arithmetic below from overflowing.
    if !(-800_000..=3_000_000).contains(&days) {
        return None;
    }
    let (year, month, day) = civil_from_days(days);
    (0..=9999).contains(&year).then(|| format!("{year:04}-{month:02}-{day:02}"))
}

/// Text of nanoseconds since midnight with as many digits as needed, or `None` outside a day.
pub(super) fn format_time(nanos: i128) -> Option<String> {
    if !(0..NANOS_PER_DAY).contains(&nanos) {
        return None;
    }
    let (seconds, fraction) = (nanos / NANOS_PER_SECOND, nanos % NANOS_PER_SECOND);
    let mut text = format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
    if fraction != 0 {
        text.push_str(format!(".{fraction:09}").trim_end_matches('0'));
    }
    Some(text)
}

/// What is left to read.
struct Input<'a>(&'a [u8]);

impl Input<'_> {
    fn one_of(&mut self, bytes: &[u8]) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        bytes.contains(first).then(|| {
            self.0 = rest;
            *first
        })
    }

    /// Exactly `count` decimal digits.
    fn digits(&mut self, count: usize) -> Option<i64> {
        let (head, rest) = self.0.split_at_checked(count)?;
        let mut value = 0;
        for byte in head {
            value = value * 10 + i64::from(byte.is_ascii_digit().then(|| byte - b'0')?);
        }
        self.0 = rest;
        Some(value)
    }

    fn date(&mut self) -> Option<i64> {
        let year = self.digits(4)?;
        self.one_of(b"-")?;
        let month = self.digits(2)?;
        self.one_of(b"-")?;
        let day = self.digits(2)?;
        let days = days_from_civil(year, month, day);
        // A day that does not exist (30 February) comes back as another one.
        (civil_from_days(days) == (year, month, day)).then_some(days)
    }

    fn time(&mut self) -> Option<i128> {
        let hours = self.digits(2)?;
        self.one_of(b":")?;
        let minutes = self.digits(2)?;
        let mut seconds = 0;
        let mut fraction = 0;
        if self.one_of(b":").is_some() {
            seconds = self.digits(2)?;
            if self.one_of(b".,").is_some() {
                fraction = self.fraction()?;
            }
        }
        let in_range = hours < 24 && minutes < 60 && seconds < 60;
        in_range.then(|| i128::from(hours * 3600 + minutes * 60 + seconds) * NANOS_PER_SECOND + i128::from(fraction))
    }

    /// One to nine digits of a second; more are refused because no type could hold them.
    fn fraction(&mut self) -> Option<i64> {
        let count = self.0.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let missing = u32::try_from(9_usize.checked_sub(count)?).ok()?;
        if count == 0 {
            return None;
        }
        Some(self.digits(count)? * 10_i64.pow(missing))
    }

    /// The distance of local time from UTC, positive to the east.
    fn offset(&mut self) -> Option<i128> {
        let _ = self.one_of(b" ");
        let sign = match self.one_of(b"Zz+-")? {
            b'+' => 1,
            b'-' => -1,
            _ => return Some(0),
        };
        let hours = self.digits(2)?;
        let mut minutes = 0;
        if !self.0.is_empty() {
            let _ = self.one_of(b":");
            minutes = self.digits(2)?;
        }
        (hours < 24 && minutes < 60).then(|| sign * i128::from(hours * 3600 + minutes * 60) * NANOS_PER_SECOND)
    }
}

/// Days since 1970-01-01 of a date of the proleptic Gregorian calendar (Howard Hinnant, "chrono-compatible low-level
/// date algorithms").
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// The inverse of [`days_from_civil`].
fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_instants_are_read() {
        let nanos = |text| parse_instant(text).map(|instant| instant.nanos);
        assert_eq!(nanos("1970-01-01"), Some(0));
        assert_eq!(nanos("2024-02-29T12:30:00Z"), Some(1_709_209_800 * NANOS_PER_SECOND));
        assert_eq!(nanos("2024-02-29 14:30:00.5+02:00"), Some(1_709_209_800 * NANOS_PER_SECOND + 500_000_000));
        assert_eq!(nanos("1969-12-31T23:59:59.999999999"), Some(-1));
        assert_eq!(nanos("0000-01-01"), Some(-719_528 * NANOS_PER_DAY));
        assert!(parse_instant("2024-01-01T00:00Z").unwrap().zoned);
        assert!(!parse_instant("2024-01-01T00:00").unwrap().zoned);
    }

    #[test]
    fn impossible_dates_and_foreign_bytes_are_refused() {
        for text in ["", "2024", "2023-02-29", "2024-13-01", "2024-00-10", "2024-01-00", "2024-01-01T24:00:00"] {
            assert_eq!(parse_instant(text), None, "{text}");
        }
        for text in
            ["2024-01-01T", "2024-01-01T00:00:00é", "2024-01-01T00:00:00.1234567890", "２０２４-01-01", "+024-01-01"]
        {
            assert_eq!(parse_instant(text), None, "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn formatted_instants_read_back(nanos in -62_167_219_200_000_000_000_i128..253_402_300_800_000_000_000) {
            let text = format_instant(nanos, true).unwrap();
            proptest::prop_assert_eq!(parse_instant(&text).unwrap(), Instant { nanos, zoned: true });
        }

        #[test]
        fn any_text_is_read_or_refused(text in "[0-9T:Z+ .é-]{0,40}") {
            let _ = (parse_instant(&text), parse_time(&text));
        }
    }
}
