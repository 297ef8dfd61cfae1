//! When to ask again.
//!
//! Retries help one client through a short disturbance and keep a store down that is overloaded. So they wait with
//! full jitter, are few, and all operations of a store share one budget: when most requests fail, nearly all fail
//! after their first attempt instead of multiplying the load.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::runtime::Runtime;

/// Limits of one store's retries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Attempts of one operation, the first included.
    pub attempts_max: u32,
    /// Upper bound of the first wait; each further one doubles.
    pub backoff_initial: Duration,
    /// Upper bound of any wait.
    pub backoff_max: Duration,
    /// No attempt begins later than this after the first one of its operation: a store that is silent, rather than one
    /// that refuses, would otherwise keep its caller waiting for the sum of all time limits.
    pub attempts_within: Duration,
    /// How long a store may stay silent: before an answer begins, and between two pieces of it.
    pub silence_max: Duration,
    /// A write is given one second more for each this many bytes.
    pub upload_bytes_per_second_min: u64,
    /// Retries that all operations together may spend before successes have to earn new ones.
    pub budget_retries: u32,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            attempts_max: 6,
            backoff_initial: Duration::from_millis(50),
            backoff_max: Duration::from_secs(8),
            attempts_within: Duration::from_secs(45),
            silence_max: Duration::from_secs(30),
            upload_bytes_per_second_min: 64 << 10,
            budget_retries: 100,
        }
    }
}

impl RetryPolicy {
    /// The wait before attempt `attempt` (the first retry is 1): uniform between nothing and a doubling bound, which
    /// spreads clients that failed together (Brooker, "Exponential Backoff And Jitter").
    pub(super) fn backoff(&self, attempt: u32, runtime: &dyn Runtime) -> Duration {
        let doublings = attempt.saturating_sub(1).min(31);
        let bound = self.backoff_initial.saturating_mul(1 << doublings).min(self.backoff_max);
        let nanos = u64::try_from(bound.as_nanos()).unwrap_or(u64::MAX);
        let drawn = (u128::from(runtime.random_u64()) * u128::from(nanos)) >> 64;
        Duration::from_nanos(u64::try_from(drawn).unwrap_or(nanos))
    }

    /// How long a write of `bytes` may take.
    pub(super) fn write_timeout(&self, bytes: usize) -> Duration {
        let seconds = (bytes as u64) / self.upload_bytes_per_second_min.max(1);
        self.silence_max.saturating_add(Duration::from_secs(seconds))
    }
}

/// Ten successes earn one retry.
const COST: u64 = 10;

/// A bucket that retries empty and successes refill.
#[derive(Debug)]
pub(super) struct RetryBudget {
    tokens: AtomicU64,
    tokens_max: u64,
}

impl RetryBudget {
    pub(super) fn new(retries: u32) -> Self {
        let tokens_max = u64::from(retries) * COST;
        Self { tokens: AtomicU64::new(tokens_max), tokens_max }
    }

    /// Takes what one retry costs, if it is there.
    pub(super) fn withdraw(&self) -> bool {
        self.tokens.try_update(Ordering::Relaxed, Ordering::Relaxed, |tokens| tokens.checked_sub(COST)).is_ok()
    }

    /// Notes a success.
    pub(super) fn deposit(&self) {
        // An error means that the bucket is full.
        let _ = self.tokens.try_update(Ordering::Relaxed, Ordering::Relaxed, |tokens| {
            (tokens < self.tokens_max).then_some(tokens + 1)
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::Simulated;

    #[test]
    fn backoff_is_jittered_and_bounded() {
        let sim = Simulated::new(1);
        let runtime = sim.runtime();
        let policy = RetryPolicy::default();
        for attempt in 1..100 {
            let bound = (policy.backoff_initial * 2u32.pow(attempt.min(20) - 1)).min(policy.backoff_max);
            assert!(policy.backoff(attempt, &*runtime) <= bound);
        }
        let draws: std::collections::HashSet<_> = (0..100).map(|_| policy.backoff(5, &*runtime)).collect();
        assert!(draws.len() > 90);
    }

    #[test]
    fn successes_earn_retries_up_to_the_limit() {
        let budget = RetryBudget::new(2);
        assert!(budget.withdraw() && budget.withdraw() && !budget.withdraw());
        (0..9).for_each(|_| budget.deposit());
        assert!(!budget.withdraw());
        budget.deposit();
        assert!(budget.withdraw());
        (0..1000).for_each(|_| budget.deposit());
        assert!(budget.withdraw() && budget.withdraw() && !budget.withdraw());
    }
}
