//! The choices of a schedule: any numbers make one, and all zeroes the quietest.

/// Numbers to choose by; when they are used up, zeroes.
pub(super) struct Draws<'a>(std::slice::Iter<'a, u16>);

impl<'a> Draws<'a> {
    pub(super) fn new(numbers: &'a [u16]) -> Self {
        Draws(numbers.iter())
    }

    /// All of them are used up.
    pub(super) fn are_over(&self) -> bool {
        self.0.len() == 0
    }

    /// A number below `bound`.
    pub(super) fn below(&mut self, bound: usize) -> usize {
        usize::from(self.0.next().copied().unwrap_or(0)) % bound.max(1)
    }

    /// True in `percent` of all cases.
    pub(super) fn chance(&mut self, percent: usize) -> bool {
        self.below(100) + percent >= 100
    }
}

/// The numbers of a seed (splitmix64).
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

/// The shortest and quietest numbers, as far as small steps lead, that still fail.
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
        for place in 0..best.len() {
            for smaller in [0, best[place] / 2, best[place].saturating_sub(1)] {
                let mut quieter = best.clone();
                quieter[place] = smaller;
                if smaller < best[place] && fails(&quieter) {
                    best = quieter;
                }
            }
        }
        if best == before {
            return best;
        }
    }
}
