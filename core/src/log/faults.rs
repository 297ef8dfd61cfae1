//! Faults that only tests plant, and counts that only tests read: proof that the simulation would notice a defect, and
//! that it met what it is there to meet.

use std::sync::atomic::AtomicU64;

/// Defects of the protocol, all off unless a test plants one.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct PlantedFaults {
    /// Take any record at the version for another's.
    pub(crate) skip_own_id_check: bool,
    /// Take a put without an answer for a commit.
    pub(crate) trust_unsettled_puts: bool,
    /// After a put without an answer, put at the next version.
    pub(crate) retry_at_next_version: bool,
    /// Take the hint for the truth instead of looking for versions after it.
    pub(crate) trust_hint: bool,
    /// Leave a newer run out of a filtered scan, keys and all, as if statistics had excluded it.
    pub(crate) filter_stale_cells: bool,
    /// Commit the two halves of a fold one after the other.
    pub(crate) split_folds: bool,
}

/// What happened to the appends of one log handle and its clones.
#[derive(Debug, Default)]
pub(crate) struct AppendCounts {
    /// Races that another transaction won.
    pub(crate) lost: AtomicU64,
    /// Puts without an answer that settles them.
    pub(crate) unsettled: AtomicU64,
}
