//! Prices, volumes and times inside a bar, in whole units, so that nothing is rounded.
//!
//! ```text
//! high  - - - - - - - - - - -x- - - - - - - - - - -
//!                           / \         /\
//! open  x    /\            /   \/\     /  \
//!        \  /  \          /       \   /    \
//!         \/    \    /\  /         \_/      x close
//! low   - - - - -x--/  \/ - - - - - - - - - - - - -
//! ```
//!
//! The high and the low get random positions. Between two fixed prices, the price in the middle is their mean plus a
//! random offset. The maximum offset is proportional to the square root of the time between the two prices, as in a
//! random walk.

use super::random::Random;

/// Open, high, low and close of a bar. The low must be the smallest and the high the largest of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Range {
    pub(super) open: i128,
    pub(super) high: i128,
    pub(super) low: i128,
    pub(super) close: i128,
}

/// Returns `points` prices. The first is the open, the highest is the high, the lowest is the low, and the last is the
/// close. `points` must be at least 4.
pub(super) fn prices(range: Range, points: usize, random: &mut Random) -> Vec<i128> {
    debug_assert!(points >= 4, "open, high, low and close can be four different prices");
    let mut path = vec![range.open; points];
    let last = points - 1;
    path[last] = range.close;
    let mut fixed = vec![0, last];
    let high = 1 + random.below(last as u64 - 1) as usize;
    let low = 1 + random.below(last as u64 - 2) as usize;
    let low = if low >= high { low + 1 } else { low };
    for (at, price) in [(high, range.high), (low, range.low)] {
        // A high or a low that equals the open or the close needs no other position.
        if price != range.open && price != range.close {
            path[at] = price;
            fixed.push(at);
        }
    }
    fixed.sort_unstable();
    for pair in fixed.windows(2) {
        bridge(&mut path, range, (pair[0], pair[1]), random);
    }
    path
}

/// Fills in the prices between two positions.
fn bridge(path: &mut [i128], range: Range, (from, to): (usize, usize), random: &mut Random) {
    if to - from < 2 {
        return;
    }
    let middle = from + (to - from) / 2;
    let share = (((to - from) as u64) << 16) / path.len() as u64;
    let distance = (range.high - range.low) * i128::from(share.isqrt()) / (3 << 8);
    let price = (path[from] + path[to]) / 2 + random.around_zero(distance);
    path[middle] = price.clamp(range.low, range.high);
    bridge(path, range, (from, middle), random);
    bridge(path, range, (middle, to), random);
}

/// Splits `total` units into `parts` random amounts. Each is at least 1 if there are enough units.
pub(super) fn amounts(total: i128, parts: usize, random: &mut Random) -> Vec<i128> {
    let least = i128::from(total >= parts as i128);
    let rest = total - least * parts as i128;
    let weights: Vec<i128> = (0..parts).map(|_| i128::from(1 + random.below(64) * random.below(64))).collect();
    let all: i128 = weights.iter().sum();
    let (mut weight, mut given) = (0, 0);
    let amounts = weights.into_iter().map(|own| {
        weight += own;
        // The last amount ends at the total, so nothing is left over.
        let until = rest * weight / all;
        least + until - std::mem::replace(&mut given, until)
    });
    amounts.collect()
}

/// Returns `count` distinct times in `0..span`, in ascending order. `span` must be at least `count`.
pub(super) fn times(span: i64, count: usize, random: &mut Random) -> Vec<i64> {
    let mut times: Vec<i64> = (0..count).map(|_| random.below(span.unsigned_abs()) as i64).collect();
    times.sort_unstable();
    for at in 1..count {
        times[at] = times[at].max(times[at - 1] + 1);
    }
    for (at, time) in times.iter_mut().enumerate() {
        *time = (*time).min(span - (count - at) as i64);
    }
    times
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn random(seed: u64) -> Random {
        Random::of_bar(seed, [])
    }

    #[test]
    fn a_path_moves_both_ways() {
        let range = Range { open: 1_000, high: 1_100, low: 900, close: 1_050 };
        let path = prices(range, 50, &mut random(1));
        let ups = path.windows(2).filter(|pair| pair[1] > pair[0]).count();
        let downs = path.windows(2).filter(|pair| pair[1] < pair[0]).count();
        assert!(ups >= 10 && downs >= 10, "{path:?}");
    }

    #[test]
    fn a_large_range_does_not_overflow() {
        let most = 10_i128.pow(29) - 1;
        let range = Range { open: -most, high: most, low: -most, close: most };
        let path = prices(range, 10_000, &mut random(1));
        assert_eq!((path[0], path[9_999]), (-most, most));
        assert_eq!(amounts(most, 10_000, &mut random(1)).iter().sum::<i128>(), most);
    }

    proptest! {
        #[test]
        fn a_path_has_the_prices_of_its_bar(
            mut prices_of_bar in proptest::collection::vec(-1_000_i128..1_000_000, 4), points in 4_usize..400, seed in any::<u64>()
        ) {
            prices_of_bar.sort_unstable();
            let [low, one, other, high] = prices_of_bar[..] else { unreachable!() };
            let range = match seed % 3 {
                0 => Range { open: one, high, low, close: other },
                1 => Range { open: high, high, low, close: low },
                _ => Range { open: one, high, low: one, close: one },
            };
            let path = prices(range, points, &mut random(seed));
            prop_assert_eq!(path.len(), points);
            prop_assert_eq!((path[0], path[points - 1]), (range.open, range.close));
            prop_assert_eq!(path.iter().max(), Some(&range.high));
            prop_assert_eq!(path.iter().min(), Some(&range.low));
        }

        #[test]
        fn amounts_have_the_total(total in 0_i128..1_000_000_000_000, parts in 1_usize..400, seed in any::<u64>()) {
            let amounts = amounts(total, parts, &mut random(seed));
            prop_assert_eq!((amounts.len(), amounts.iter().sum::<i128>()), (parts, total));
            let least = i128::from(total >= parts as i128);
            prop_assert!(amounts.iter().all(|amount| *amount >= least), "{:?}", amounts);
        }

        #[test]
        fn times_are_different_and_in_order(span in 1_i64..1_000, share in 1_usize..=100, seed in any::<u64>()) {
            let count = (span as usize * share / 100).max(1);
            let times = times(span, count, &mut random(seed));
            prop_assert_eq!(times.len(), count);
            prop_assert!(times[0] >= 0 && times[count - 1] < span, "{:?}", times);
            prop_assert!(times.windows(2).all(|pair| pair[0] < pair[1]), "{:?}", times);
        }
    }
}
