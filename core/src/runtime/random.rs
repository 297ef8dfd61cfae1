//! Reproducible randomness for simulation.

/// A stream of pseudo-random numbers that its seed determines on every platform and in every release (SplitMix64, by
/// Sebastiano Vigna). It is not for names of objects: those come from [`super::Runtime::random_u64`].
#[derive(Debug, Clone)]
pub struct SeededRandom(u64);

impl SeededRandom {
    /// The stream of `seed`.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next 64 bits.
    pub fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    /// A number below `bound`, or 0 if `bound` is 0. The bias of 2⁻⁶⁴ · `bound` does not matter here.
    pub fn below(&mut self, bound: u64) -> u64 {
        // The upper half of a 128-bit product of two 64-bit numbers always fits.
        u64::try_from((u128::from(self.next_u64()) * u128::from(bound)) >> 64).unwrap_or(0)
    }

    /// `true` in `per_mille` of 1000 draws.
    pub fn chance(&mut self, per_mille: u32) -> bool {
        self.below(1000) < u64::from(per_mille)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stream_of_a_seed_never_changes() {
        let mut random = SeededRandom::new(1_234_567);
        // First outputs of the reference implementation for this seed.
        assert_eq!(random.next_u64(), 6_457_827_717_110_365_317);
        assert_eq!(random.next_u64(), 3_203_168_211_198_807_973);
    }

    #[test]
    fn draws_stay_below_their_bound() {
        let mut random = SeededRandom::new(7);
        for bound in [1, 2, 3, 1000, u64::MAX] {
            assert!((0..100).all(|_| random.below(bound) < bound));
        }
        assert_eq!(random.below(0), 0);
        assert!(!(0..100).any(|_| random.chance(0)));
        assert!((0..100).all(|_| random.chance(1000)));
    }
}
