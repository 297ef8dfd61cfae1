//! What an operation cost the store: requests, bytes and dependent rounds.
//!
//! A far client waits for rounds, not for requests: ten parallel reads take as long as one. The meter counts a round
//! whenever an operation begins while none is in flight in its scope, which is the length of the longest chain of
//! operations that waited for each other. The count means something only on stores that really suspend.

use std::ops::Sub;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

macro_rules! events {
    ($($(#[$doc:meta])* $variant:ident => $field:ident,)*) => {
        /// What the meter counts.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Event { $($variant,)* }

        /// Counts at one moment; subtract an earlier one to get the cost of what happened between.
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
        pub struct MeterSnapshot { $($(#[$doc])* pub $field: u64,)* }

        #[derive(Debug, Default)]
        struct Counters { $($field: AtomicU64,)* }

        impl Counters {
            fn of(&self, event: Event) -> &AtomicU64 {
                match event { $(Event::$variant => &self.$field,)* }
            }

            fn snapshot(&self) -> MeterSnapshot {
                MeterSnapshot { $($field: self.$field.load(Ordering::Relaxed),)* }
            }
        }

        impl Sub for MeterSnapshot {
            type Output = Self;

            fn sub(self, earlier: Self) -> Self {
                Self { $($field: self.$field.saturating_sub(earlier.$field),)* }
            }
        }
    };
}

events! {
    /// Read requests, whole objects and ranges.
    Get => gets,
    /// Unconditional writes of whole objects.
    Put => puts,
    /// Conditional creations.
    PutIfAbsent => puts_if_absent,
    /// Parts of multipart uploads.
    Part => parts,
    /// Deletions.
    Delete => deletes,
    /// Bytes of bodies received, including those thrown away.
    BytesRead => bytes_read,
    /// Bytes of bodies sent, including those of failed attempts.
    BytesWritten => bytes_written,
    /// Requests that failed for a reason other than a missing object.
    Error => errors,
    /// Requests repeated after a failure.
    Retry => retries,
    /// Reads of an object that does not exist.
    NotFound => not_found,
    /// Range reads that the store answered with more than was asked for.
    RangeIgnored => ranges_ignored,
    /// Dependent rounds.
    Round => rounds,
}

impl MeterSnapshot {
    /// Requests of every kind.
    pub fn requests(&self) -> u64 {
        self.gets + self.puts + self.puts_if_absent + self.parts + self.deletes
    }
}

/// Shared counters of one scope. Clones count into the same scope; children also count into their parents.
#[derive(Debug, Clone, Default)]
pub struct Meter(Arc<Scope>);

#[derive(Debug, Default)]
struct Scope {
    parents: Vec<Meter>,
    counters: Counters,
    in_flight: AtomicU64,
}

impl Meter {
    /// A scope of its own.
    pub fn new() -> Self {
        Self::default()
    }

    /// A scope within this one.
    pub fn child(&self) -> Self {
        Self(Arc::new(Scope { parents: vec![self.clone()], ..Scope::default() }))
    }

    /// A scope within this one and another, which have no scope in common.
    pub fn joined(&self, other: &Self) -> Self {
        Self(Arc::new(Scope { parents: vec![self.clone(), other.clone()], ..Scope::default() }))
    }

    /// The counts so far.
    pub fn snapshot(&self) -> MeterSnapshot {
        self.0.counters.snapshot()
    }

    pub(crate) fn add(&self, event: Event, amount: u64) {
        self.each_scope(&|scope| {
            scope.counters.of(event).fetch_add(amount, Ordering::Relaxed);
        });
    }

    /// Marks an operation as in flight until the guard is dropped.
    pub(crate) fn begin(&self) -> InFlight {
        self.each_scope(&|scope| {
            if scope.in_flight.fetch_add(1, Ordering::Relaxed) == 0 {
                scope.counters.of(Event::Round).fetch_add(1, Ordering::Relaxed);
            }
        });
        InFlight(self.clone())
    }

    /// Calls for this scope and all that it lies in. Scopes are nested as deep as the engine's own calls.
    fn each_scope(&self, count: &dyn Fn(&Scope)) {
        count(&self.0);
        self.0.parents.iter().for_each(|parent| parent.each_scope(count));
    }
}

/// An operation in flight.
pub(crate) struct InFlight(Meter);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.each_scope(&|scope| {
            scope.in_flight.fetch_sub(1, Ordering::Relaxed);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn children_count_into_their_parents_only() {
        let table = Meter::new();
        let (first, second) = (table.child(), table.child());
        first.add(Event::Get, 2);
        second.add(Event::BytesRead, 5);
        assert_eq!((first.snapshot().gets, first.snapshot().bytes_read), (2, 0));
        assert_eq!((table.snapshot().gets, table.snapshot().bytes_read), (2, 5));
    }

    #[test]
    fn a_joined_scope_counts_into_both() {
        let (table, scan) = (Meter::new(), Meter::new());
        let (first, second) = (table.joined(&scan), Meter::new().joined(&scan));
        first.add(Event::Get, 2);
        second.add(Event::Get, 3);
        let both = (first.begin(), second.begin());
        drop(both);
        assert_eq!((table.snapshot().gets, scan.snapshot().gets), (2, 5));
        assert_eq!(scan.snapshot().rounds, 1);
    }

    #[test]
    fn overlapping_operations_are_one_round_in_each_scope() {
        let table = Meter::new();
        let scan = table.child();
        let other = table.begin();
        drop(scan.begin());
        drop(scan.begin());
        drop(other);
        assert_eq!(scan.snapshot().rounds, 2);
        assert_eq!(table.snapshot().rounds, 1);
    }

    #[test]
    fn difference_of_snapshots_is_what_happened_between() {
        let meter = Meter::new();
        meter.add(Event::Put, 1);
        let before = meter.snapshot();
        meter.add(Event::Put, 3);
        meter.add(Event::Part, 1);
        let cost = meter.snapshot() - before;
        assert_eq!((cost.puts, cost.parts, cost.requests()), (3, 1, 4));
    }
}
