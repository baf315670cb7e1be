//! The table's columns, as `SINK_COLUMNS` gives them, and what each can hold.
//!
//! One value that its column cannot hold makes every Athena query over the object fail, so such a record
//! is poison. Fields that no column names pass; a missing field and `null` suit every column.

use std::fmt;
use std::str::FromStr;

use time::Month;

use crate::InvalidRecord;
use crate::json::{Field, Kind};
use crate::record_line::is_same_name;

/// A Hive column type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnType {
    /// Any scalar; a number or a boolean reads as its text.
    String,
    /// `true` or `false`.
    Boolean,
    /// A whole number of 32 bits.
    Int,
    /// A whole number of 64 bits.
    Bigint,
    /// A number within the range of an IEEE 754 double.
    Double,
    /// A calendar date, `YYYY-MM-DD`.
    Date,
}

impl ColumnType {
    /// Hive's name of it.
    pub fn name(self) -> &'static str {
        match self {
            ColumnType::String => "string",
            ColumnType::Boolean => "boolean",
            ColumnType::Int => "int",
            ColumnType::Bigint => "bigint",
            ColumnType::Double => "double",
            ColumnType::Date => "date",
        }
    }

    fn wanted(self) -> &'static str {
        match self {
            ColumnType::String => "a scalar",
            ColumnType::Boolean => "a boolean",
            ColumnType::Int => "a whole number of 32 bits",
            ColumnType::Bigint => "a whole number of 64 bits",
            ColumnType::Double => "a number within a double's range",
            ColumnType::Date => "a date (YYYY-MM-DD)",
        }
    }

    fn holds(self, field: &Field<'_>) -> bool {
        match (self, field.kind) {
            (_, Kind::Null) | (ColumnType::Boolean, Kind::Boolean) => true,
            (ColumnType::String, kind) => !matches!(kind, Kind::Object | Kind::Array),
            (ColumnType::Int, Kind::Number) => field.text().parse::<i32>().is_ok(),
            (ColumnType::Bigint, Kind::Number) => field.text().parse::<i64>().is_ok(),
            (ColumnType::Double, Kind::Number) => is_double(&field.text()),
            (ColumnType::Date, Kind::String) => is_date(field.text().as_bytes()),
            _ => false,
        }
    }

    /// Whether this is known to hold a plain value at a glance; if not, `holds` tells.
    fn holds_plain(self, kind: Kind, value: &[u8]) -> bool {
        match (self, kind) {
            (ColumnType::String, Kind::Number | Kind::String) => true,
            (ColumnType::Int, Kind::Number) => value.len() <= 9 && value.iter().all(u8::is_ascii_digit),
            (ColumnType::Bigint, Kind::Number) => value.len() <= 18 && value.iter().all(u8::is_ascii_digit),
            (ColumnType::Double, Kind::Number) => value.len() <= SHORT,
            (ColumnType::Date, Kind::String) => is_date(&value[1..value.len() - 1]),
            _ => false,
        }
    }
}

/// A number of so many bytes is within a double's range, unless an exponent says otherwise.
pub const SHORT: usize = 300;

/// Whether a number is within a double's range.
fn is_double(number: &str) -> bool {
    let is_short = number.len() <= SHORT && !number.bytes().any(|byte| matches!(byte, b'e' | b'E'));
    is_short || number.parse::<f64>().is_ok_and(f64::is_finite)
}

fn is_date(text: &[u8]) -> bool {
    let &[y0, y1, y2, y3, b'-', m0, m1, b'-', d0, d1] = text else { return false };
    let digits = [y0, y1, y2, y3, m0, m1, d0, d1];
    if !digits.iter().all(u8::is_ascii_digit) {
        return false;
    }
    let [y0, y1, y2, y3, m0, m1, d0, d1] = digits.map(|digit| digit - b'0');
    let year = [y0, y1, y2, y3].iter().fold(0, |year, &digit| year * 10 + i32::from(digit));
    let (month, day) = (Month::try_from(m0 * 10 + m1), d0 * 10 + d1);
    month.is_ok_and(|month| (1..=month.length(year)).contains(&day))
}

impl FromStr for ColumnType {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        use ColumnType::{Bigint, Boolean, Date, Double, Int, String};
        [String, Boolean, Int, Bigint, Double, Date].into_iter().find(|kind| kind.name() == text).ok_or(())
    }
}

/// The columns that are checked; none checks nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Columns(Vec<(String, ColumnType)>);

impl Columns {
    /// The column of a field's name, if there is one; case does not tell names apart.
    pub fn place(&self, name: &str) -> Option<usize> {
        self.0.iter().position(|(column, _)| is_same_name(column, name))
    }

    /// Checks a field against the column at a place.
    ///
    /// # Errors
    /// [`InvalidRecord::Column`] when the column cannot hold the value.
    pub fn check(&self, place: usize, field: &Field<'_>) -> Result<(), InvalidRecord> {
        match &self.0[place] {
            (_, kind) if kind.holds(field) => Ok(()),
            (column, kind) => {
                Err(InvalidRecord::Column { column: column.clone(), found: shown(field), wanted: kind.wanted() })
            }
        }
    }

    /// Whether the column at a place is known to hold a plain value, be it a string of ASCII without escapes or a number
    /// without an exponent; if not, [`Columns::check`] tells.
    pub fn hold_plain(&self, place: usize, kind: Kind, value: &[u8]) -> bool {
        self.0[place].1.holds_plain(kind, value)
    }

    /// Whether it is known to hold every number of up to [`SHORT`] bytes that is plain, and every string that is.
    pub fn hold_all_plain(&self, place: usize) -> (bool, bool) {
        match self.0[place].1 {
            ColumnType::String => (true, true),
            ColumnType::Double => (true, false),
            ColumnType::Boolean | ColumnType::Int | ColumnType::Bigint | ColumnType::Date => (false, false),
        }
    }

    /// There is nothing to check.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// A value short enough for a reason.
fn shown(field: &Field<'_>) -> String {
    const MOST: usize = 40;
    match field.kind {
        Kind::Object | Kind::Array => field.kind.to_string(),
        _ => {
            let text = field.text();
            let short: String = text.chars().take(MOST).collect();
            let more = if short.len() < text.len() { "..." } else { "" };
            if field.kind == Kind::String { format!("{short:?}{more}") } else { format!("{short}{more}") }
        }
    }
}

impl fmt::Display for Columns {
    /// Writes `close:double,trade_date:date`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (name, kind)) in self.0.iter().enumerate() {
            let comma = if index > 0 { "," } else { "" };
            write!(f, "{comma}{name}:{}", kind.name())?;
        }
        Ok(())
    }
}

impl FromStr for Columns {
    type Err = String;

    /// Reads `close:double,trade_date:date`.
    fn from_str(text: &str) -> Result<Self, String> {
        let mut columns: Vec<(String, ColumnType)> = Vec::new();
        for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            let (name, kind) = part.split_once(':').ok_or_else(|| format!("{part:?} is not NAME:TYPE"))?;
            let (name, kind) = (name.trim().to_lowercase(), kind.trim());
            let kind = kind.to_ascii_lowercase().parse().map_err(|()| {
                format!("{kind:?} of column {name:?} is none of string, boolean, int, bigint, double, date")
            })?;
            if columns.iter().any(|(earlier, _)| *earlier == name) {
                return Err(format!("column {name:?} stands twice"));
            }
            columns.push((name, kind));
        }
        Ok(Columns(columns))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::{Visitor, check};

    struct Checked(Columns);

    impl<'a> Visitor<'a> for Checked {
        type Error = InvalidRecord;

        fn field(&mut self, field: Field<'a>) -> Result<(), InvalidRecord> {
            self.0.place(&field.name()).map_or(Ok(()), |place| self.0.check(place, &field))
        }
    }

    fn verdict(columns: &str, value: &str) -> Option<String> {
        let columns = columns.parse().unwrap();
        check(value, &mut Checked(columns)).err().map(|poison| poison.to_string())
    }

    #[test]
    fn each_type_holds_what_hive_reads_and_nothing_else() {
        let cases = [
            ("string", vec![r#""x""#, "1.5", "true", "null"], vec!["{}", "[1]"]),
            ("boolean", vec!["true", "false", "null"], vec!["1", r#""true""#]),
            ("int", vec!["0", "-2147483648", "null"], vec!["2147483648", "1.0", "1e2", r#""1""#]),
            ("bigint", vec!["9223372036854775807"], vec!["9223372036854775808", "1.5"]),
            (
                "double",
                vec!["1", "-1.5e10", "0.0000001", "1e308", "null"],
                vec!["1e999", "-1E309", r#""1.5""#, "true", "[1]"],
            ),
            (
                "date",
                vec![r#""1986-12-31""#, r#""2000-02-29""#, r#""2000-02-28""#, r#""1999-10-01""#, "null"],
                vec![
                    r#""1900-02-29""#,
                    r#""1900-13-01""#,
                    r#""1900-00-01""#,
                    r#""1900-01-00""#,
                    r#""1900/01-01""#,
                    r#""190x-01-01""#,
                    r#""29/06/1979""#,
                    r#""2000-1-1""#,
                    r#""2000-01-01 ""#,
                    r#""2000-01-01T00:00:00""#,
                    "20000101",
                ],
            ),
        ];
        for (kind, good, bad) in cases {
            for value in good {
                assert_eq!(verdict(&format!("c:{kind}"), &format!("{{\"c\":{value}}}")), None, "{kind} {value}");
            }
            for value in bad {
                assert!(verdict(&format!("c:{kind}"), &format!("{{\"c\":{value}}}")).is_some(), "{kind} {value}");
            }
        }
    }

    #[test]
    fn what_is_held_at_a_glance_is_held() {
        let numbers = ["0", "-1", "1.5", "123456789", "2147483648", "999999999999999999", "9223372036854775808"];
        let texts = [r#""x""#, r#""2000-02-29""#, r#""2001-02-29""#, r#""2000-04-31""#, r#""2000-00-10""#, r#""""#];
        let long = "1".repeat(400);
        let mut held = 0;
        for kind in ["string", "boolean", "int", "bigint", "double", "date"] {
            let columns: Columns = format!("c:{kind}").parse().unwrap();
            for value in numbers.iter().chain(&texts).copied().chain([long.as_str()]) {
                let is = if value.starts_with('"') { Kind::String } else { Kind::Number };
                if columns.hold_plain(0, is, value.as_bytes()) {
                    assert_eq!(verdict(&format!("c:{kind}"), &format!("{{\"c\":{value}}}")), None, "{kind} {value}");
                    held += 1;
                }
            }
        }
        assert_eq!(held, 14 + 2 + 4 + 7 + 1, "strings, ints, bigints, doubles and a date");
    }

    #[test]
    fn names_are_compared_unescaped_and_without_case() {
        assert!(verdict("close:double", r#"{"Close":"x"}"#).is_some());
        assert!(verdict("close:double", r#"{"\u0063lose":"x"}"#).is_some());
        assert!(verdict("Größe:int", r#"{"GRÖßE":"x"}"#).is_some());
        assert_eq!(verdict("close:double", r#"{"closed":"x"}"#), None);
    }

    #[test]
    fn the_reason_names_column_value_and_type() {
        assert_eq!(
            verdict("close:double", r#"{"close":"abc"}"#).unwrap(),
            r#"column close: "abc" is not a number within a double's range"#
        );
    }

    #[test]
    fn a_list_that_cannot_be_read_says_which_part() {
        assert!("close".parse::<Columns>().unwrap_err().contains("\"close\" is not NAME:TYPE"));
        assert!("close:float32".parse::<Columns>().unwrap_err().contains("\"float32\""));
        assert!("a:int,A:double".parse::<Columns>().unwrap_err().contains("twice"));
        assert!("".parse::<Columns>().unwrap().is_empty());
    }
}
