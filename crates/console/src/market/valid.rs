//! Recognises the records that the sink quarantines, for charts that follow a running feed.
//!
//! The sink reports how many records of an event it has quarantined, not which. These are the rules that a value
//! decides alone; the columns that `SINK_COLUMNS` declares are known to the sink only. The caller compares the numbers.

use std::borrow::Cow;

use lake_format::InvalidRecord;
use lake_format::field_names::is_same_name;
use lake_format::json::{self, Field, Visitor};
use lake_format::record_line::is_coordinate;

/// Returns `true` if nothing in a record's value or timestamp makes the sink quarantine it.
pub(crate) fn is_valid(value: &[u8], timestamp: i64) -> bool {
    timestamp >= 0 && std::str::from_utf8(value).is_ok_and(|text| json::validate(text, &mut Names::default()).is_ok())
}

/// The names of the fields so far.
#[derive(Default)]
struct Names<'a>(Vec<Cow<'a, str>>);

impl<'a> Visitor<'a> for Names<'a> {
    type Error = InvalidRecord;

    fn visit_field(&mut self, field: Field<'a>) -> Result<(), InvalidRecord> {
        let name = field.name();
        if is_coordinate(&name) {
            return Err(InvalidRecord::CoordinateName(name.into_owned()));
        }
        if let Some(first) = self.0.iter().find(|first| is_same_name(first, &name)) {
            return Err(InvalidRecord::FieldNames { first: first.clone().into_owned(), second: name.into_owned() });
        }
        self.0.push(name);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quarantined_values_are_recognised() {
        let deep = format!("{{\"a\":{}{}}}", "[".repeat(200), "]".repeat(200));
        for value in [
            "not JSON",
            "[1]",
            r#"{"symbol":"A","kafka_Offset":1}"#,
            r#"{"symbol":"A","close":1,"Close":2}"#,
            r#"{"symbol":"\ud800"}"#,
            &deep,
        ] {
            assert!(!is_valid(value.as_bytes(), 1), "{value}");
        }
        assert!(!is_valid(b"{\"symbol\":\"Z\xfcrich\"}", 1));
        assert!(!is_valid(b"{}", -1));
        assert!(is_valid(br#"{"symbol":"A","close":1}"#, 1));
    }
}
