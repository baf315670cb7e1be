//! Records without a symbol or a `trade_date`, which the views leave out, and how to select them as quotes.

use lake_store::{Lake, StoreError};

use crate::infer;

/// Names of fields that usually hold a symbol, and a date.
const SYMBOLS: [&str; 8] = ["symbol", "ticker", "index", "name", "stock", "code", "instrument", "isin"];
const DATES: [&str; 7] = ["trade_date", "date", "day", "datetime", "timestamp", "time", "traded_at"];

/// Names of fields that usually hold a column of a quote.
const NUMBERS: [(&str, &[&str]); 6] = [
    ("open", &["open", "open price"]),
    ("high", &["high", "high price"]),
    ("low", &["low", "low price"]),
    ("close", &["close", "close price", "price", "last", "close/last"]),
    ("adj_close", &["adj_close", "adj close", "adjclose", "adjusted_close"]),
    ("volume", &["volume", "vol", "qty", "size"]),
];

/// Fields of a record that has no symbol or no `trade_date`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unmapped {
    /// The columns of its fields.
    pub columns: Vec<String>,
}

/// Returns the first sampled record of a topic that has no symbol or no `trade_date`. The samples are those from which the
/// columns are inferred, so `None` does not exclude such records.
///
/// # Errors
/// If the lake cannot be listed, or a sample cannot be read.
pub async fn unmapped(lake: &Lake, topic: &str) -> Result<Option<Unmapped>, StoreError> {
    let columns = infer::columns(lake, topic).await?.unmapped;
    Ok(columns.map(|columns| Unmapped { columns }))
}

impl Unmapped {
    /// Returns a statement that selects the records as quotes, as far as the names of their fields allow.
    pub fn select(&self) -> String {
        let column = |names: &[&'static str]| {
            names.iter().copied().find(|name| self.columns.iter().any(|column| column == name))
        };
        let symbol = column(&SYMBOLS).map_or_else(|| "'?'".to_owned(), quoted);
        let date = match column(&DATES) {
            Some("trade_date") => "trade_date".to_owned(),
            Some(name) => format!("TRY_CAST(substr({}, 1, 10) AS date) AS trade_date", quoted(name)),
            None => "CAST(NULL AS date) AS trade_date".to_owned(),
        };
        let symbol = if symbol == "symbol" { symbol } else { format!("{symbol} AS symbol") };
        let numbers = NUMBERS.iter().filter_map(|(as_name, names)| {
            let name = column(names)?;
            Some(if name == *as_name { (*name).to_owned() } else { format!("{} AS {as_name}", quoted(name)) })
        });
        let columns: Vec<_> = [symbol, date].into_iter().chain(numbers).collect();
        format!("SELECT {} FROM quotes", columns.join(", "))
    }
}

/// Quotes a name unless it is one that every dialect takes as it is.
fn quoted(name: &str) -> String {
    let is_plain = name.chars().all(|c| c.is_ascii_lowercase() || c == '_');
    // Words of SQL that are common as names of fields.
    let is_word = ["index", "date", "time", "timestamp", "day", "name"].contains(&name);
    if is_plain && !is_word { name.to_owned() } else { format!("\"{}\"", name.replace('"', "\"\"")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn select(columns: &[&str]) -> String {
        Unmapped { columns: columns.iter().map(|&name| name.to_owned()).collect() }.select()
    }

    #[test]
    fn fields_are_mapped_by_their_names() {
        assert_eq!(
            select(&["index", "date", "open", "adj close"]),
            "SELECT \"index\" AS symbol, TRY_CAST(substr(\"date\", 1, 10) AS date) AS trade_date, open, \
             \"adj close\" AS adj_close FROM quotes"
        );
        assert_eq!(select(&["symbol", "trade_date", "price"]), "SELECT symbol, trade_date, price AS close FROM quotes");
    }

    #[test]
    fn unknown_names_leave_a_gap_to_fill() {
        assert_eq!(select(&["a"]), "SELECT '?' AS symbol, CAST(NULL AS date) AS trade_date FROM quotes");
    }
}
