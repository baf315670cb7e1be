//! Limits the quotes of a frame without leaving any out: adds quotes up to bars.
//!
//! A chart adds rows that are shorter than its bars up anyway, so it makes no difference to it whether the server has
//! done so before, as long as the sums are not longer than the chart's bars. The sums are therefore as short as the
//! limit allows.
//!
//! ```text
//! 5,000 ticks of 20 symbols in one second ──> 20 rows, each the sum of one second
//! ```

use super::bars::{Place, total};
use super::quote::{Quote, Sum};
use super::time::Length;

/// Maximum number of rows in one frame: one for each symbol of the watch list.
pub(crate) const MAX_ROWS: usize = 2_000;

/// Limits `quotes`, which are in the order in which they were received, to `max` rows. Returns the number of quotes
/// that had to be left out, because there are more symbols.
pub(crate) fn limit(quotes: &mut Vec<Quote>, max: usize) -> u64 {
    if quotes.len() <= max {
        return 0;
    }
    keep_newest(quotes);
    // Weeks are no parts of months.
    for length in Length::OFFERED.into_iter().filter(|length| *length != Length::Week) {
        if quotes.len() <= max {
            return 0;
        }
        add_up(quotes, length);
    }
    let left_out = quotes.iter().skip(max).map(|quote| quote.sum.map_or(1, |sum| sum.quotes)).sum();
    quotes.truncate(max);
    left_out
}

/// Sorts the quotes. Of quotes that the view `quotes_latest` regards as one, the last one stays.
fn keep_newest(quotes: &mut Vec<Quote>) {
    quotes.sort_by(|a, b| identity(a).cmp(&identity(b)));
    // The sort is stable, so the last one of each comes first now.
    quotes.reverse();
    quotes.dedup_by(|next, kept| identity(next) == identity(kept));
    quotes.reverse();
}

fn identity(quote: &Quote) -> (&str, Option<&str>, &str, bool, Place) {
    (&quote.symbol, quote.series.as_deref(), &quote.bar, quote.simulated, quote.place)
}

/// Adds quotes that are shorter than `length` up to bars of this length. The quotes are sorted by their identity.
fn add_up(quotes: &mut Vec<Quote>, length: Length) {
    let bucket = |quote: &Quote| length.bar_start(quote.day, quote.place.0);
    quotes.dedup_by(|next, sum| {
        let is_same_bar = sum.length.is_some_and(|own| own < length)
            && (&sum.symbol, &sum.series, &sum.bar, sum.simulated) == (&next.symbol, &next.series, &next.bar, next.simulated)
            && bucket(sum) == bucket(next)
            // Of a sum that is shorter than a day, charts of days must know the day.
            && (length >= Length::DAY || sum.day == next.day);
        if is_same_bar {
            add(sum, next, length);
        }
        is_same_bar
    });
}

fn add(sum: &mut Quote, next: &Quote, length: Length) {
    let quotes = |quote: &Quote| quote.sum.map_or(1, |sum| sum.quotes);
    let first = sum.sum.map_or(sum.place, |sum| sum.first);
    sum.sum = Some(Sum { first, quotes: quotes(sum) + quotes(next), length });
    (sum.day, sum.place) = (next.day, next.place);
    sum.high = sum.high.max(next.high);
    sum.low = sum.low.min(next.low);
    sum.close = next.close;
    sum.volume = total(sum.volume, next.volume);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::market::bars::{Row, build};

    const DAY: i64 = 86_400_000_000;

    fn tick(symbol: usize, micros: i64, close: f64) -> Quote {
        Quote {
            symbol: format!("S{symbol:04}"),
            series: None,
            bar: "tick".to_owned(),
            length: Some(Length::Tick),
            simulated: false,
            day: micros.div_euclid(DAY),
            place: (micros, 1),
            open: close,
            high: close,
            low: close,
            close,
            volume: Some(1.0),
            sum: None,
        }
    }

    #[test]
    fn few_quotes_stay_as_they_are() {
        let mut quotes = vec![tick(1, 5, 1.0), tick(1, 2, 2.0), tick(1, 2, 3.0)];
        let before = quotes.clone();
        assert_eq!(limit(&mut quotes, 3), 0);
        assert_eq!(quotes, before);
    }

    #[test]
    fn quote_that_was_sent_again_counts_once() {
        let mut quotes = vec![tick(1, 5, 1.0), tick(1, 2, 2.0), tick(1, 5, 3.0)];
        assert_eq!(limit(&mut quotes, 2), 0);
        assert_eq!(quotes, [tick(1, 2, 2.0), tick(1, 5, 3.0)]);
    }

    #[test]
    fn sums_are_as_short_as_the_limit_allows() {
        let mut quotes: Vec<_> = (0..40).map(|at| tick(at % 2, at as i64 * 250_000, at as f64)).collect();
        assert_eq!(limit(&mut quotes, 20), 0);
        assert_eq!(quotes.len(), 20);
        let first = &quotes[0];
        let sum = Sum { first: (0, 1), quotes: 2, length: Length::Seconds(1) };
        assert_eq!((first.sum, first.place, first.open, first.close), (Some(sum), (500_000, 1), 0.0, 2.0));
        assert_eq!((first.high, first.low, first.volume), (2.0, 0.0, Some(2.0)));
        assert_eq!(
            serde_json::to_string(first).unwrap(),
            r#"["S0000",null,"tick",false,0,500000,1,0.0,2.0,0.0,2.0,2.0,0,1,2,"1s"]"#
        );
    }

    #[test]
    fn rows_of_different_lengths_are_not_added() {
        let mut quotes = vec![tick(1, 0, 1.0), tick(1, 1, 2.0), tick(1, 2, 3.0)];
        quotes[1].simulated = true;
        quotes[2].bar = "1d".to_owned();
        quotes[2].length = Some(Length::DAY);
        assert_eq!((limit(&mut quotes, 2), quotes.len()), (1, 2));
    }

    #[test]
    fn trade_dates_are_not_added_below_a_day() {
        let hour = |minute: i64, day| Quote { day, ..tick(1, minute * 60_000_000, 1.0) };
        let mut quotes = vec![hour(0, 0), hour(1, 0), hour(2, 1), hour(3, 1)];
        assert_eq!((limit(&mut quotes, 2), quotes.len()), (0, 2));
        assert_eq!(quotes.iter().map(|quote| quote.day).collect::<Vec<_>>(), [0, 1]);
    }

    #[test]
    fn symbols_beyond_the_limit_are_counted() {
        let mut quotes: Vec<_> = (0..5).flat_map(|symbol| [tick(symbol, 0, 1.0), tick(symbol, 1, 2.0)]).collect();
        assert_eq!((limit(&mut quotes, 3), quotes.len()), (4, 3));
    }

    fn row(quote: &Quote) -> Row {
        Row {
            length: Length::Tick,
            day: quote.day,
            place: quote.place,
            simulated: quote.simulated,
            open: Some(quote.open),
            high: Some(quote.high),
            low: Some(quote.low),
            close: Some(quote.close),
            volume: quote.volume,
        }
    }

    proptest! {
        #[test]
        fn sums_make_the_same_bars(
            ticks in prop::collection::btree_map(0_i64..9 * DAY, 0_u8..50, 1..120),
            max in 1_usize..120,
        ) {
            let ticks: Vec<_> = ticks.into_iter().map(|(micros, close)| tick(0, micros, close.into())).collect();
            let mut sums = ticks.clone();
            prop_assume!(limit(&mut sums, max) == 0);
            prop_assert!(sums.len() <= max);
            let longest = sums.iter().filter_map(|quote| quote.sum.map(|sum| sum.length)).max().unwrap_or(Length::Tick);
            let rows = |quotes: &[Quote]| quotes.iter().map(row).collect::<Vec<_>>();
            for length in Length::OFFERED.into_iter().filter(|length| *length >= longest) {
                prop_assert_eq!(build(&rows(&sums), length), build(&rows(&ticks), length));
            }
        }
    }
}
