//! The random choices of a schedule. Any list of numbers is valid; zeros result in the schedule with the fewest events.

/// Numbers that determine the choices. After the last number, zeros follow.
pub(super) struct Draws<'a>(std::slice::Iter<'a, u16>);

impl<'a> Draws<'a> {
    pub(super) fn new(numbers: &'a [u16]) -> Self {
        Draws(numbers.iter())
    }

    pub(super) fn are_used_up(&self) -> bool {
        self.0.len() == 0
    }

    /// Draws a number from 0 to `bound - 1`.
    pub(super) fn below(&mut self, bound: usize) -> usize {
        usize::from(self.0.next().copied().unwrap_or(0)) % bound.max(1)
    }

    /// Returns `true` in `percent` of all draws.
    pub(super) fn chance(&mut self, percent: usize) -> bool {
        self.below(100) + percent >= 100
    }
}

/// Generates numbers from a seed, by splitmix64.
pub(super) fn numbers(seed: u64, count: usize) -> Vec<u16> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((mixed ^ (mixed >> 31)) >> 48) as u16
    };
    (0..count).map(|_| next()).collect()
}

/// Makes the numbers fewer and smaller, step by step, as long as their schedule still fails.
pub(super) fn shrunk(numbers: &[u16], fails: impl Fn(&[u16]) -> bool) -> Vec<u16> {
    let mut best = numbers.to_vec();
    loop {
        let before = best.clone();
        let mut length = best.len() / 2;
        while length > 0 {
            let mut start = 0;
            while start + length <= best.len() {
                let mut shorter = best.clone();
                shorter.drain(start..start + length);
                if fails(&shorter) {
                    best = shorter;
                } else {
                    start += length;
                }
            }
            length /= 2;
        }
        for index in 0..best.len() {
            for smaller in [0, best[index] / 2, best[index].saturating_sub(1)] {
                let mut lower = best.clone();
                lower[index] = smaller;
                if smaller < best[index] && fails(&lower) {
                    best = lower;
                }
            }
        }
        if best == before {
            return best;
        }
    }
}
