//! `SplitMix64`, a generator of random numbers.
//!
//! The same seed must give the same rows with every version of the producer's dependencies. The generators of the crate
//! `rand` may change from one version to the next, so this one is implemented here. It passes the usual statistical
//! tests, but is not suitable for cryptography. Source: <https://prng.di.unimi.it/splitmix64.c>.

/// A generator of random numbers.
#[derive(Debug, Clone)]
pub(crate) struct Random(u64);

impl Random {
    /// Creates a generator for one bar. Equal seeds and `parts` give equal numbers, regardless of the bars before.
    pub(crate) fn of_bar<'a>(seed: u64, parts: impl IntoIterator<Item = &'a [u8]>) -> Self {
        // FNV-1a, with a byte between the parts that UTF-8 text does not contain.
        let mut hash = 0xcbf2_9ce4_8422_2325_u64;
        for byte in parts.into_iter().flat_map(|part| part.iter().chain(&[0xff])) {
            hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
        let mut random = Random(hash);
        Random(random.next() ^ seed.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Returns a number below `end`; 0 if `end` is 0.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(end)) >> 64) as u64
    }

    /// Returns a number from `-most` to `most`, including both.
    pub(crate) fn around_zero(&mut self, most: i128) -> i128 {
        let most = most.unsigned_abs();
        let wide = u128::from(self.next()) << 64 | u128::from(self.next());
        (wide % (2 * most + 1)) as i128 - most as i128
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_those_of_the_reference() {
        let mut random = Random(1_234_567);
        let numbers: Vec<u64> = (0..3).map(|_| random.next()).collect();
        assert_eq!(numbers, [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]);
    }

    #[test]
    fn bars_differ_by_each_part_and_by_seed() {
        let first = |seed, parts: &[&[u8]]| Random::of_bar(seed, parts.iter().copied()).next();
        let one = first(1, &[b"A", b"2024-01-02"]);
        assert_eq!(one, first(1, &[b"A", b"2024-01-02"]));
        for other in [first(2, &[b"A", b"2024-01-02"]), first(1, &[b"B", b"2024-01-02"]), first(1, &[b"A2024-01-02"])] {
            assert_ne!(one, other);
        }
    }

    #[test]
    fn numbers_stay_within_their_bounds() {
        let mut random = Random(0);
        let drawn: Vec<u64> = (0..1_000).map(|_| random.below(3)).collect();
        assert!((0..3).all(|number| drawn.contains(&number)) && drawn.iter().all(|number| *number < 3));
        let around: Vec<i128> = (0..1_000).map(|_| random.around_zero(2)).collect();
        assert!((-2..=2).all(|number| around.contains(&number)) && around.iter().all(|number| number.abs() <= 2));
        assert_eq!((random.below(0), random.around_zero(0)), (0, 0));
    }
}
