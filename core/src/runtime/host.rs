//! The functions an embedding program supplies where the platform has no clock or entropy of its own.

use std::time::Duration;

/// A clock and a source of randomness. On native targets [`Host::native`] takes the system's; elsewhere the embedding
/// program supplies them, for instance from JavaScript's `Date.now`, `performance.now` and `crypto.getRandomValues`.
pub struct Host {
    /// Wall-clock time in microseconds since 1970-01-01T00:00:00Z.
    pub now_micros: Box<dyn Fn() -> i64 + Send + Sync>,
    /// Time since an arbitrary fixed origin; never goes back.
    pub monotonic: Box<dyn Fn() -> Duration + Send + Sync>,
    /// 64 uniformly distributed random bits.
    pub random_u64: Box<dyn Fn() -> u64 + Send + Sync>,
}
