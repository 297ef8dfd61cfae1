//! Which requests to send for a set of byte ranges.
//!
//! On an object store a request costs about as much as a few hundred kilobytes, so near ranges are read as one. On
//! the other hand one request fills only one connection, so large reads are cut into parallel pieces.

use std::ops::Range;

/// How ranges become requests on one kind of medium.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Coalesce {
    /// Ranges at most this far apart are read as one; the bytes between them are thrown away.
    pub gap_bytes_max: u64,
    /// No request is longer than this.
    pub request_bytes_max: u64,
}

impl Coalesce {
    /// Memory: requests are free, so only what touches is joined.
    pub const MEMORY: Self = Self { gap_bytes_max: 0, request_bytes_max: u64::MAX };
    /// A local disk: about as long for a seek as for 16 KiB.
    pub const LOCAL: Self = Self { gap_bytes_max: 16 << 10, request_bytes_max: 8 << 20 };
    /// A cloud object store read from the same region.
    pub const OBJECT_STORE: Self = Self { gap_bytes_max: 256 << 10, request_bytes_max: 8 << 20 };
    /// A page: far from the store, but on a line that brings no more than this in the time of a request.
    pub const WEB: Self = Self { gap_bytes_max: 64 << 10, request_bytes_max: 4 << 20 };

    /// The requests that cover `ranges`: sorted, disjoint, none empty, none longer than the limit. A range that fits
    /// into one request is not cut unless it overlaps what another one already reads.
    pub fn plan(&self, ranges: &[Range<u64>]) -> Vec<Range<u64>> {
        let limit = self.request_bytes_max.max(1);
        let mut sorted: Vec<_> = ranges.iter().filter(|range| range.start < range.end).cloned().collect();
        sorted.sort_unstable_by_key(|range| (range.start, range.end));
        let mut requests: Vec<Range<u64>> = Vec::new();
        for range in sorted {
            let mut start = range.start;
            if let Some(last) = requests.last_mut() {
                if range.end <= last.end {
                    continue;
                }
                let near = range.start <= last.end.saturating_add(self.gap_bytes_max);
                if near && range.end - last.start <= limit {
                    last.end = range.end;
                    continue;
                }
                start = start.max(last.end);
            }
            while range.end - start > limit {
                requests.push(start..start + limit);
                start += limit;
            }
            requests.push(start..range.end);
        }
        requests
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn near_ranges_share_a_request_and_far_ones_do_not() {
        let policy = Coalesce { gap_bytes_max: 10, request_bytes_max: 100 };
        assert_eq!(policy.plan(&[40..50, 0..10, 20..30, 61..70]), [0..50, 61..70]);
        assert_eq!(policy.plan(std::slice::from_ref(&(5..5))), []);
    }

    #[test]
    fn long_ranges_are_read_in_parallel_pieces() {
        let policy = Coalesce { gap_bytes_max: 10, request_bytes_max: 100 };
        assert_eq!(policy.plan(std::slice::from_ref(&(0..250))), [0..100, 100..200, 200..250]);
        assert_eq!(policy.plan(&[0..90, 95..150]), [0..90, 95..150], "a range that fits is not cut");
    }

    proptest! {
        #[test]
        fn plan_covers_everything_without_overlap(
            pairs in prop::collection::vec((0u64..2000, 0u64..300), 0..40),
            gap_bytes_max in 0u64..200,
            request_bytes_max in 1u64..400,
        ) {
            let policy = Coalesce { gap_bytes_max, request_bytes_max };
            let ranges: Vec<_> = pairs.iter().map(|(start, len)| *start..start + len).collect();
            let requests = policy.plan(&ranges);
            prop_assert!(requests.windows(2).all(|pair| pair[0].end <= pair[1].start), "{requests:?}");
            prop_assert!(requests.iter().all(|r| r.start < r.end && r.end - r.start <= request_bytes_max));
            let wanted = |byte: u64| ranges.iter().any(|range| range.contains(&byte));
            let mut unwanted = 0;
            for byte in 0..2400 {
                let read = requests.iter().any(|request| request.contains(&byte));
                prop_assert!(read || !wanted(byte), "byte {byte} is missing from {requests:?}");
                unwanted = if read && !wanted(byte) { unwanted + 1 } else { 0 };
                prop_assert!(unwanted <= gap_bytes_max, "a gap of {unwanted} bytes is read at {byte}");
            }
        }
    }
}
