//! Finds records without a symbol or a `trade_date`, which the views leave out, and suggests a map that turns them into
//! quotes.

use lake_store::{Lake, StoreError};

use super::map::quoted;
use super::{DefinitionError, list, selected};
use crate::fold::column_name;
use crate::infer;

/// Placeholder for a column that cannot be identified by the names of the fields.
const UNKNOWN: &str = "COLUMN";

/// Columns of a quote, each with the names of fields that can supply it, best first. The names are written as `key`
/// returns them.
const NAMES: [(&str, &[&str]); 10] = [
    ("symbol", &["symbol", "ticker", "instrument", "stock", "code", "index", "isin", "name"]),
    ("trade_date", &["tradedate", "date", "tradingday", "day", "datetime", "timestamp", "time"]),
    ("open", &["open", "openprice"]),
    ("high", &["high", "highprice"]),
    ("low", &["low", "lowprice"]),
    ("close", &["close", "closeprice", "closelast", "last", "lastprice", "price"]),
    ("adj_close", &["adjclose", "adjustedclose", "closeadj"]),
    ("volume", &["volume", "vol", "qty", "size"]),
    ("bid", &["bid", "bidprice"]),
    ("ask", &["ask", "askprice"]),
];

/// A record that has no symbol or no `trade_date`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unmapped {
    /// The record's fields, without the coordinates: each name as written, and the value if it is a string, otherwise
    /// `None`.
    pub(crate) fields: Vec<(String, Option<String>)>,
}

/// Returns the first sampled record of a topic that has no symbol or no `trade_date`. Only the records from which the
/// columns are inferred are sampled, so the topic can have such records even if the result is `None`. Also returns
/// `None` if a view reads the topic as quotes.
///
/// # Errors
/// If the lake cannot be listed, a sample cannot be read, or the definition of a view is invalid.
pub async fn unmapped(lake: &Lake, topic: &str) -> Result<Option<Unmapped>, DefinitionError> {
    if selected(&list(lake).await?, topic).is_some() {
        return Ok(None);
    }
    let fields: Result<_, StoreError> =
        infer::columns(lake, topic, infer::DEFAULT_SAMPLES).await.map(|inferred| inferred.unmapped);
    Ok(fields?.map(|fields| Unmapped { fields }))
}

impl Unmapped {
    /// Returns the names of the record's fields.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.fields.iter().map(|(name, _)| name.as_str())
    }

    /// Returns a value of `--map` for a view of these records, guessed from the names of their fields. A required
    /// column that cannot be identified is mapped to `COLUMN`.
    pub fn map(&self) -> String {
        let mut pairs = Vec::new();
        for (column, names) in NAMES {
            let is_required = ["symbol", "trade_date"].contains(&column);
            match self.find(column, names) {
                Some((name, _)) if column_name(name) == column => {}
                Some((name, _)) => pairs.push(format!("{column}={}", quoted(name))),
                None if is_required => pairs.push(format!("{column}={UNKNOWN}")),
                None => {}
            }
            if let Some((name, Some(text))) = self.find(column, names)
                && column == "trade_date"
                && has_time_of_day(text)
                && column_name(name) != "traded_at"
            {
                pairs.push(format!("traded_at={}", quoted(name)));
            }
        }
        pairs.join(",")
    }

    /// Returns the field whose name fits a column best, or `None` if no name fits. A date must be a string.
    fn find(&self, column: &str, names: &[&str]) -> Option<&(String, Option<String>)> {
        let is_fit = |(_, text): &(String, Option<String>)| column != "trade_date" || text.is_some();
        let candidates = || self.fields.iter().filter(|field| is_fit(field));
        names.iter().find_map(|name| candidates().find(|(field, _)| key(field) == *name))
    }
}

/// Returns a name in lower case, with nothing but letters and digits.
fn key(name: &str) -> String {
    name.to_lowercase().chars().filter(|c| c.is_alphanumeric()).collect()
}

/// Returns `true` if text such as `1986-12-31 14:30:00` has a time other than midnight.
fn has_time_of_day(text: &str) -> bool {
    let Some(time) = text.get(11..).filter(|time| time.starts_with(|c: char| c.is_ascii_digit())) else { return false };
    let wall = time.split(['+', '-', 'Z']).next().unwrap_or(time);
    wall.chars().any(|c| ('1'..='9').contains(&c))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(fields: &[(&str, &str)]) -> String {
        let field = |(name, text): &(&str, &str)| ((*name).to_owned(), (!text.is_empty()).then(|| (*text).to_owned()));
        Unmapped { fields: fields.iter().map(field).collect() }.map()
    }

    #[test]
    fn fields_are_mapped_by_their_names() {
        assert_eq!(
            map(&[
                ("Index", "HSI"),
                ("Date", "1986-12-31"),
                ("Open", ""),
                ("Adj Close", ""),
                ("Last", ""),
                ("Note", "x")
            ]),
            "symbol=Index,trade_date=Date,close=Last,adj_close=Adj Close"
        );
        assert_eq!(
            map(&[("Name", "Apple"), ("Ticker", "AAPL"), ("date", "2024-01-02")]),
            "symbol=Ticker,trade_date=date"
        );
        assert_eq!(map(&[("symbol", "A"), ("trade_date", "2024-01-02"), ("Price", "")]), "close=Price");
    }

    #[test]
    fn time_of_day_becomes_traded_at() {
        let at = |text| map(&[("symbol", "A"), ("Datetime", text)]);
        assert_eq!(at("2024-01-02 14:30:00"), "trade_date=Datetime,traded_at=Datetime");
        assert_eq!(at("2024-01-02T00:00:05Z"), "trade_date=Datetime,traded_at=Datetime");
        for day in ["2024-01-02", "1986-12-31 00:00:00+08:00", "2024-01-02T00:00:00Z"] {
            assert_eq!(at(day), "trade_date=Datetime", "{day}");
        }
    }

    #[test]
    fn unknown_names_leave_a_gap_to_fill() {
        assert_eq!(map(&[("a", "x"), ("timestamp", "")]), "symbol=COLUMN,trade_date=COLUMN");
    }
}
