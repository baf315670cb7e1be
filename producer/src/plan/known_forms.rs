//! Files without a header whose columns are known from the source that writes them.

use super::columns::Table;
use super::date_guess::{self, Guess};
use super::options::PlanOptions;
use super::sample::SampledRow;
use super::time_of_day;

/// Kind of the cells of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cells {
    /// Dates with times, or epochs.
    Instants,
    /// Seconds after midnight, with a fraction.
    SecondsOfDay,
    /// Finite numbers, with or without a fraction.
    Numbers,
    /// Numbers without a fraction.
    Wholes,
    /// `true` or `false`, in upper or lower case.
    Truths,
    /// Pairs of currencies such as `EUR/USD`.
    Pairs,
    /// Numbers from 1 to 7.
    OneToSeven,
    /// 0.
    Zeros,
    /// 1 or -1.
    Sides,
}

/// The columns of a source's files: the title of each column, and the kind of its cells.
type Form = &'static [(&'static str, Cells)];

/// Columns of klines from Binance's spot markets.
const KLINES: Form = &[
    ("open_time", Cells::Instants),
    ("open", Cells::Numbers),
    ("high", Cells::Numbers),
    ("low", Cells::Numbers),
    ("close", Cells::Numbers),
    ("volume", Cells::Numbers),
    ("close_time", Cells::Instants),
    ("quote_volume", Cells::Numbers),
    ("trades", Cells::Wholes),
    ("taker_buy_volume", Cells::Numbers),
    ("taker_buy_quote_volume", Cells::Numbers),
    ("ignore", Cells::Numbers),
];

/// Columns of trades from Binance's spot markets.
const TRADES: Form = &[
    ("id", Cells::Wholes),
    ("price", Cells::Numbers),
    ("qty", Cells::Numbers),
    ("quote_qty", Cells::Numbers),
    ("time", Cells::Instants),
    ("is_buyer_maker", Cells::Truths),
    ("is_best_match", Cells::Truths),
];

/// Columns of aggregated trades from Binance's spot markets.
const AGGREGATED_TRADES: Form = &[
    ("agg_trade_id", Cells::Wholes),
    ("price", Cells::Numbers),
    ("qty", Cells::Numbers),
    ("first_trade_id", Cells::Wholes),
    ("last_trade_id", Cells::Wholes),
    ("transact_time", Cells::Instants),
    ("is_buyer_maker", Cells::Truths),
    ("is_best_match", Cells::Truths),
];

/// Columns of `TrueFX`'s ticks.
const TRUEFX: Form =
    &[("symbol", Cells::Pairs), ("timestamp", Cells::Instants), ("bid", Cells::Numbers), ("ask", Cells::Numbers)];

/// Columns of `HistData`'s ticks. The volume is always 0.
const HISTDATA_TICKS: Form =
    &[("timestamp", Cells::Instants), ("bid", Cells::Numbers), ("ask", Cells::Numbers), ("volume", Cells::Zeros)];

/// Columns of LOBSTER's messages.
const LOBSTER: Form = &[
    ("time", Cells::SecondsOfDay),
    ("type", Cells::OneToSeven),
    ("order_id", Cells::Wholes),
    ("size", Cells::Wholes),
    ("price", Cells::Wholes),
    ("direction", Cells::Sides),
];

/// Returns the titles of the columns if every sampled row has the form of one of these sources, otherwise `None`.
pub(super) fn titles(table: Table<'_>, options: &PlanOptions) -> Option<Vec<String>> {
    let fits = |form: Form| {
        let columns = || form.iter().enumerate();
        form.len() == table.titles.len()
            && !table.rows.is_empty()
            && columns()
                .filter(|(_, (_, cells))| *cells != Cells::Instants)
                .all(|(at, (_, cells))| cells.fit(table, at))
            && columns()
                .filter(|(_, (_, cells))| *cells == Cells::Instants)
                .all(|(at, _)| are_instants(table, at, options))
    };
    let form =
        [KLINES, TRADES, AGGREGATED_TRADES, TRUEFX, HISTDATA_TICKS, LOBSTER].into_iter().find(|form| fits(form))?;
    let is_consistent = match form {
        KLINES => has_ranges(table),
        TRUEFX => table.rows.iter().all(|row| number(row.cell(2)) <= number(row.cell(3))),
        HISTDATA_TICKS => table.rows.iter().all(|row| number(row.cell(1)) <= number(row.cell(2))),
        _ => true,
    };
    is_consistent.then(|| form.iter().map(|(title, _)| (*title).to_owned()).collect())
}

/// Returns a warning if the titles belong to a source whose prices are not in units of the currency.
pub(super) fn unit_warning(titles: &[String]) -> Option<&'static str> {
    let are_lobster = titles.iter().map(String::as_str).eq(LOBSTER.iter().map(|(title, _)| *title));
    are_lobster.then_some(
        "prices are stored as LOBSTER writes them, in ten-thousandths of a dollar, and times are cut to microseconds",
    )
}

impl Cells {
    /// Returns `true` if all cells of a column are of this kind. Always returns `true` for [`Cells::Instants`], which
    /// [`are_instants`] checks instead.
    fn fit(self, table: Table<'_>, column: usize) -> bool {
        let is_whole = |cell: &str| cell.parse::<i64>().is_ok();
        let fits = |cell: &str| match self {
            Cells::Instants => true,
            Cells::SecondsOfDay => cell.contains('.') && time_of_day::seconds_of_day(cell).is_some(),
            Cells::Numbers => number(cell).is_some(),
            Cells::Wholes => is_whole(cell),
            Cells::Truths => cell.eq_ignore_ascii_case("true") || cell.eq_ignore_ascii_case("false"),
            Cells::Pairs => cell.len() == 7 && cell.as_bytes()[3] == b'/',
            Cells::OneToSeven => matches!(cell, "1" | "2" | "3" | "4" | "5" | "6" | "7"),
            Cells::Zeros => cell == "0",
            Cells::Sides => matches!(cell, "1" | "-1"),
        };
        table.rows.iter().all(|row| fits(row.cell(column)))
    }
}

fn are_instants(table: Table<'_>, column: usize, options: &PlanOptions) -> bool {
    match date_guess::guess(table.cells(column), options.latest) {
        Guess::One(format) => {
            table.rows.iter().all(|row| format.read(row.cell(column)).is_some_and(|at| at.time.is_some()))
        }
        _ => false,
    }
}

/// Returns `true` if columns 2 to 5 can be open, high, low and close.
fn has_ranges(table: Table<'_>) -> bool {
    let is_bar = |row: &SampledRow| {
        let [open, high, low, close] = [1, 2, 3, 4].map(|column| number(row.cell(column)));
        [open, low, close].iter().all(|price| *price <= high) && [open, high, close].iter().all(|price| *price >= low)
    };
    table.rows.iter().all(is_bar)
}

fn number(cell: &str) -> Option<f64> {
    cell.parse().ok().filter(|number: &f64| number.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::csv::delimiter::Delimiter;
    use crate::plan::sample::Sample;

    fn named(text: &str) -> Option<String> {
        let sample = Sample::whole(text);
        let rows = sample.head_rows(Delimiter::COMMA);
        let untitled = vec![String::new(); rows[0].cells.len()];
        let table = Table { titles: &untitled, rows: &rows, delimiter: b',' };
        titles(table, &PlanOptions::default()).map(|names| names.join(" "))
    }

    #[test]
    fn each_form_is_recognised() {
        for (text, begins) in [
            ("1637971200000,3,4,2,3.5,36,1637971259999,1.0,27,30.1,0.8,0\n", "open_time open high low close volume"),
            ("51175358,0.02,569.0,16.2,1637971200583,True,True\n", "id price qty quote_qty time"),
            ("26129,0.01,4.7,27781,27781,1498793709153,true,true\n", "agg_trade_id price qty"),
            ("20240102 000014753,1.1041,1.10488,0\n", "timestamp bid ask volume"),
            ("EUR/USD,20130101 22:00:00.295,1.3199,1.3201\n", "symbol timestamp bid ask"),
            (
                "34200.01,5,0,1,2238200,-1\n34200.18,1,11885113,21,2238100,1\n",
                "time type order_id size price direction",
            ),
        ] {
            assert!(named(text).is_some_and(|names| names.starts_with(begins)), "{text}");
        }
    }

    #[test]
    fn other_cells_are_not_taken_for_a_form() {
        for text in [
            // High below low.
            "1637971200000,3,2,4,3.5,36,1637971259999,1.0,27,30.1,0.8,0\n",
            // Neither true nor false.
            "51175358,0.02,569.0,16.2,1637971200583,True,no\n",
            // The ask is below the bid.
            "EUR/USD,20130101 22:00:00.295,1.3201,1.3199\n",
            // A type that LOBSTER does not have.
            "34200.01,9,0,1,2238200,-1\n",
        ] {
            assert_eq!(named(text), None, "{text}");
        }
    }
}
