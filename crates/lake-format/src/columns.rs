//! The table's columns, as `SINK_COLUMNS` declares them, and the values that each can hold.
//!
//! A single value that does not fit its column makes every Athena query over the object fail, so the value's record is
//! invalid. Fields without a column are accepted, and every column accepts `null` and a missing field.

use std::fmt;
use std::str::FromStr;

use jiff::civil::Date;

use crate::InvalidRecord;
use crate::field_names::is_same_name;
use crate::json::{Field, Kind};

/// A Hive column type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnType {
    /// Any scalar. Numbers and booleans are read as strings.
    String,
    /// `true` or `false`.
    Boolean,
    /// A 32-bit integer.
    Int,
    /// A 64-bit integer.
    Bigint,
    /// A number in the range of an IEEE 754 double.
    Double,
    /// A calendar date, `YYYY-MM-DD`.
    Date,
}

impl ColumnType {
    /// Returns Hive's name for the type.
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

    /// Returns a description of the accepted values, for quarantine reasons.
    fn accepted_values(self) -> &'static str {
        match self {
            ColumnType::String => "a scalar",
            ColumnType::Boolean => "a boolean",
            ColumnType::Int => "a whole number of 32 bits",
            ColumnType::Bigint => "a whole number of 64 bits",
            ColumnType::Double => "a number within a double's range",
            ColumnType::Date => "a date (YYYY-MM-DD)",
        }
    }

    fn accepts(self, field: &Field<'_>) -> bool {
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

    /// Returns `true` if a quick check shows that the column accepts a plain value. Otherwise, `accepts` decides.
    fn accepts_plain(self, kind: Kind, value: &[u8]) -> bool {
        match (self, kind) {
            (ColumnType::String, Kind::Number | Kind::String) => true,
            (ColumnType::Int, Kind::Number) => value.len() <= 9 && value.iter().all(u8::is_ascii_digit),
            (ColumnType::Bigint, Kind::Number) => value.len() <= 18 && value.iter().all(u8::is_ascii_digit),
            (ColumnType::Double, Kind::Number) => value.len() <= MAX_FINITE_NUMBER_LEN,
            (ColumnType::Date, Kind::String) => is_date(&value[1..value.len() - 1]),
            _ => false,
        }
    }
}

/// Maximum length in bytes at which every number without an exponent is in the range of a double.
pub const MAX_FINITE_NUMBER_LEN: usize = 300;

/// Returns `true` if a JSON number is in the range of a double.
fn is_double(number: &str) -> bool {
    let is_short = number.len() <= MAX_FINITE_NUMBER_LEN && !number.bytes().any(|byte| matches!(byte, b'e' | b'E'));
    is_short || number.parse::<f64>().is_ok_and(f64::is_finite)
}

fn is_date(text: &[u8]) -> bool {
    let &[y0, y1, y2, y3, b'-', m0, m1, b'-', d0, d1] = text else { return false };
    let digits = [y0, y1, y2, y3, m0, m1, d0, d1];
    if !digits.iter().all(u8::is_ascii_digit) {
        return false;
    }
    let [y0, y1, y2, y3, m0, m1, d0, d1] = digits.map(|digit| digit - b'0');
    let year = [y0, y1, y2, y3].iter().fold(0, |year, &digit| year * 10 + i16::from(digit));
    let (month, day) = (m0 * 10 + m1, d0 * 10 + d1);
    // The month and the day have two digits each, so neither cast overflows.
    Date::new(year, month as i8, day as i8).is_ok()
}

/// Error returned when a string is not the name of a [`ColumnType`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected string, boolean, int, bigint, double or date")]
pub struct UnknownColumnType;

impl FromStr for ColumnType {
    type Err = UnknownColumnType;

    fn from_str(name: &str) -> Result<Self, UnknownColumnType> {
        use ColumnType::{Bigint, Boolean, Date, Double, Int, String};
        [String, Boolean, Int, Bigint, Double, Date]
            .into_iter()
            .find(|kind| kind.name() == name)
            .ok_or(UnknownColumnType)
    }
}

/// The declared columns. Without columns, every value is accepted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Columns(Vec<(String, ColumnType)>);

impl Columns {
    /// Returns the index of the column with a field's name, ignoring case, or `None` if the field has no column.
    pub fn index_of(&self, name: &str) -> Option<usize> {
        self.0.iter().position(|(column, _)| is_same_name(column, name))
    }

    /// Checks that a column, given its index, can hold a field's value.
    ///
    /// # Errors
    /// [`InvalidRecord::Column`] if the column cannot hold the value.
    ///
    /// # Panics
    /// If no column has this index.
    pub fn validate(&self, index: usize, field: &Field<'_>) -> Result<(), InvalidRecord> {
        match &self.0[index] {
            (_, kind) if kind.accepts(field) => Ok(()),
            (column, kind) => Err(InvalidRecord::Column {
                column: column.clone(),
                found: truncated(field),
                wanted: kind.accepted_values(),
            }),
        }
    }

    /// Returns `true` if a quick check shows that a column, given its index, can hold a plain value: an ASCII string
    /// without escapes, in its quotation marks, or a number without an exponent. Otherwise, [`Columns::validate`]
    /// decides.
    ///
    /// # Panics
    /// If no column has this index.
    pub fn accepts_plain(&self, index: usize, kind: Kind, value: &[u8]) -> bool {
        self.0[index].1.accepts_plain(kind, value)
    }

    /// Returns whether a column, given its index, can hold every plain number of up to [`MAX_FINITE_NUMBER_LEN`] bytes,
    /// and whether the column can hold every plain string.
    ///
    /// # Panics
    /// If no column has this index.
    pub fn accepts_all_plain(&self, index: usize) -> (bool, bool) {
        match self.0[index].1 {
            ColumnType::String => (true, true),
            ColumnType::Double => (true, false),
            ColumnType::Boolean | ColumnType::Int | ColumnType::Bigint | ColumnType::Date => (false, false),
        }
    }

    /// Returns `true` if no column is declared.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Formats a value for a quarantine reason, truncated to 40 characters.
fn truncated(field: &Field<'_>) -> String {
    const MAX_CHARACTERS: usize = 40;
    match field.kind {
        Kind::Object | Kind::Array => field.kind.to_string(),
        _ => {
            let text = field.text();
            let short: String = text.chars().take(MAX_CHARACTERS).collect();
            let ellipsis = if short.len() < text.len() { "..." } else { "" };
            if field.kind == Kind::String { format!("{short:?}{ellipsis}") } else { format!("{short}{ellipsis}") }
        }
    }
}

impl fmt::Display for Columns {
    /// Formats the columns as in `SINK_COLUMNS`, for example `close:double,trade_date:date`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (name, kind)) in self.0.iter().enumerate() {
            let comma = if index > 0 { "," } else { "" };
            write!(f, "{comma}{name}:{}", kind.name())?;
        }
        Ok(())
    }
}

/// Error returned when a string is not a valid list of columns.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseColumnsError {
    /// A part of the list has no colon.
    #[error("{0:?} does not have the form NAME:TYPE")]
    Form(String),
    /// A column has an unknown type.
    #[error("unknown type {type_name:?} for column {column:?}: {source}")]
    Type { column: String, type_name: String, source: UnknownColumnType },
    /// Two columns have the same name, ignoring case.
    #[error("column {0:?} appears twice, ignoring case; remove one")]
    Duplicate(String),
}

impl FromStr for Columns {
    type Err = ParseColumnsError;

    /// Parses the value of `SINK_COLUMNS`, for example `close:double,trade_date:date`. Lower-cases the names.
    fn from_str(text: &str) -> Result<Self, ParseColumnsError> {
        let mut columns: Vec<(String, ColumnType)> = Vec::new();
        for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            let (column, type_name) = part.split_once(':').ok_or_else(|| ParseColumnsError::Form(part.to_owned()))?;
            let (column, type_name) = (column.trim().to_lowercase(), type_name.trim());
            let kind = match type_name.to_ascii_lowercase().parse() {
                Ok(kind) => kind,
                Err(source) => return Err(ParseColumnsError::Type { column, type_name: type_name.to_owned(), source }),
            };
            if columns.iter().any(|(earlier, _)| *earlier == column) {
                return Err(ParseColumnsError::Duplicate(column));
            }
            columns.push((column, kind));
        }
        Ok(Columns(columns))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::{Visitor, validate};

    struct Validator(Columns);

    impl<'a> Visitor<'a> for Validator {
        type Error = InvalidRecord;

        fn visit_field(&mut self, field: Field<'a>) -> Result<(), InvalidRecord> {
            self.0.index_of(&field.name()).map_or(Ok(()), |column| self.0.validate(column, &field))
        }
    }

    fn fault(columns: &str, value: &str) -> Option<String> {
        let columns = columns.parse().unwrap();
        validate(value, &mut Validator(columns)).err().map(|error| error.to_string())
    }

    #[test]
    fn each_type_accepts_exactly_what_hive_reads() {
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
                assert_eq!(fault(&format!("c:{kind}"), &format!("{{\"c\":{value}}}")), None, "{kind} {value}");
            }
            for value in bad {
                assert!(fault(&format!("c:{kind}"), &format!("{{\"c\":{value}}}")).is_some(), "{kind} {value}");
            }
        }
    }

    #[test]
    fn quick_check_accepts_only_what_the_full_check_does() {
        let numbers = ["0", "-1", "1.5", "123456789", "2147483648", "999999999999999999", "9223372036854775808"];
        let texts = [r#""x""#, r#""2000-02-29""#, r#""2001-02-29""#, r#""2000-04-31""#, r#""2000-00-10""#, r#""""#];
        let long = "1".repeat(400);
        let mut accepted = 0;
        for kind in ["string", "boolean", "int", "bigint", "double", "date"] {
            let columns: Columns = format!("c:{kind}").parse().unwrap();
            for value in numbers.iter().chain(&texts).copied().chain([long.as_str()]) {
                let is = if value.starts_with('"') { Kind::String } else { Kind::Number };
                if columns.accepts_plain(0, is, value.as_bytes()) {
                    assert_eq!(fault(&format!("c:{kind}"), &format!("{{\"c\":{value}}}")), None, "{kind} {value}");
                    accepted += 1;
                }
            }
        }
        assert_eq!(accepted, 14 + 2 + 4 + 7 + 1, "strings, ints, bigints, doubles and a date");
    }

    #[test]
    fn names_are_compared_unescaped_and_without_case() {
        assert!(fault("close:double", r#"{"Close":"x"}"#).is_some());
        assert!(fault("close:double", r#"{"\u0063lose":"x"}"#).is_some());
        assert!(fault("Größe:int", r#"{"GRÖßE":"x"}"#).is_some());
        assert_eq!(fault("close:double", r#"{"closed":"x"}"#), None);
    }

    #[test]
    fn reason_names_column_value_and_type() {
        assert_eq!(
            fault("close:double", r#"{"close":"abc"}"#).unwrap(),
            r#"column close: "abc" is not a number within a double's range"#
        );
    }

    #[test]
    fn invalid_list_names_the_invalid_part() {
        assert!(
            "close".parse::<Columns>().unwrap_err().to_string().contains("\"close\" does not have the form NAME:TYPE")
        );
        assert!("close:float32".parse::<Columns>().unwrap_err().to_string().contains("\"float32\""));
        assert!("a:int,A:double".parse::<Columns>().unwrap_err().to_string().contains("twice"));
        assert!("".parse::<Columns>().unwrap().is_empty());
    }
}
