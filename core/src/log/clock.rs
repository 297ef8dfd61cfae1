//! Commit timestamps: strictly increasing, and never far ahead of real time.

use crate::bail;
use crate::error::{Code, Result};

/// A commit that comes this long after the last one asks the store for its time first. Until then the last commit's
/// own timestamp vouches for the clock.
pub const UNVOUCHED_MICROS: i64 = 86_400 * 1_000_000;

/// How far a writer's clock may be ahead of the store's.
const AHEAD_MICROS_MAX: i64 = 5 * 60 * 1_000_000;

/// The timestamp of the next commit, in microseconds since 1970.
///
/// A clock that is behind the previous commit is overruled by one microsecond more than it. A clock that is ahead of
/// the store's own, where the store told one, by more than five minutes is refused: its timestamp would drag those of
/// all later commits along, since they only ever grow.
///
/// # Errors
/// `ClockAhead`.
pub fn next_timestamp(previous: i64, now: i64, store_now: Option<i64>) -> Result<i64> {
    if let Some(store_now) = store_now
        && now.saturating_sub(store_now) > AHEAD_MICROS_MAX
    {
        bail!(
            Code::ClockAhead,
            "this machine's clock is {} seconds ahead of the store's: set the clock",
            (now - store_now) / 1_000_000
        );
    }
    Ok(now.max(previous.saturating_add(1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps_grow_whatever_the_clock_says() {
        assert_eq!(next_timestamp(100, 50, None).unwrap(), 101);
        assert_eq!(next_timestamp(100, 500, Some(400)).unwrap(), 500);
        let year = 365 * 86_400 * 1_000_000;
        assert_eq!(next_timestamp(100, year, Some(1000)).unwrap_err().code(), Code::ClockAhead);
        assert_eq!(next_timestamp(100, year, Some(year - 1000)).unwrap(), year);
    }
}
