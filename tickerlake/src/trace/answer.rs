//! Formats the result of a trace, as text or as JSON lines.

use std::fmt::Write;

use lake_audit::trace::{Neighbour, Neighbours, RecordLocation};

use crate::output::Format;

/// Formats every location of a record.
pub(super) fn found(locations: &[RecordLocation], format: Format) -> serde_json::Result<String> {
    let mut out = String::new();
    for location in locations {
        let RecordLocation { key, line, record, .. } = location;
        // Writing into a String does not fail.
        let _ = match (format, &location.reason) {
            (Format::Json, _) => writeln!(out, "{}", serde_json::to_string(location)?),
            (Format::Text, None) => writeln!(out, "stored in {key}, line {line}\n{record}"),
            (Format::Text, Some(reason)) => {
                writeln!(out, "quarantined in {key}, line {line}: {reason}\n{record}")
            }
        };
    }
    Ok(out)
}

/// Formats the neighbours of a record that is in no object.
pub(super) fn not_stored(record: &str, neighbours: &[Neighbours], format: Format) -> serde_json::Result<String> {
    if format == Format::Json {
        let answer = serde_json::json!({"status": "not stored", "around": neighbours});
        return serde_json::to_string(&answer).map(|line| line + "\n");
    }
    let mut out = format!("not stored: {record}\n");
    if neighbours.is_empty() {
        out.push_str("the lake has no object of this topic, partition and generation\n");
    }
    for Neighbours { generation, before, after } in neighbours {
        let _ = writeln!(out, "generation {generation}");
        let _ = match before {
            Some(Neighbour { key, offset }) => writeln!(out, "  before it: offset {offset} in {key}"),
            None => writeln!(out, "  before it: nothing"),
        };
        let _ = match after {
            Some(Neighbour { key, offset }) => writeln!(out, "  after it:  offset {offset} in {key}"),
            None => writeln!(out, "  after it:  nothing"),
        };
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use lake_audit::trace::Status;
    use serde_json::value::RawValue;

    use super::*;

    fn two_locations() -> [RecordLocation; 2] {
        let location = |status, reason: Option<&str>, record: &str| RecordLocation {
            status,
            key: "k".to_owned(),
            line: 4,
            generation: 1,
            reason: reason.map(str::to_owned),
            record: RawValue::from_string(record.to_owned()).unwrap(),
        };
        [
            location(Status::Stored, None, "{\"close\":1.50}"),
            location(Status::Quarantined, Some("tombstone"), "{\"value\":null}"),
        ]
    }

    #[test]
    fn location_is_printed_with_its_unchanged_line() {
        assert_eq!(
            found(&two_locations(), Format::Text).unwrap(),
            "stored in k, line 4\n{\"close\":1.50}\nquarantined in k, line 4: tombstone\n{\"value\":null}\n"
        );
        assert_eq!(
            found(&two_locations(), Format::Json).unwrap(),
            concat!(
                "{\"status\":\"stored\",\"key\":\"k\",\"line\":4,\"generation\":1,\"record\":{\"close\":1.50}}\n",
                "{\"status\":\"quarantined\",\"key\":\"k\",\"line\":4,\"generation\":1,\"reason\":\"tombstone\",",
                "\"record\":{\"value\":null}}\n"
            )
        );
    }

    #[test]
    fn missing_record_is_printed_with_its_neighbours() {
        let neighbours =
            [Neighbours { generation: 0, before: Some(Neighbour { key: "a".to_owned(), offset: 6 }), after: None }];
        assert_eq!(
            not_stored("q/3/7", &neighbours, Format::Text).unwrap(),
            "not stored: q/3/7\ngeneration 0\n  before it: offset 6 in a\n  after it:  nothing\n"
        );
        assert!(not_stored("q/3/7", &[], Format::Text).unwrap().contains("no object of this topic"));
        let json: serde_json::Value =
            serde_json::from_str(&not_stored("q/3/7", &neighbours, Format::Json).unwrap()).unwrap();
        assert_eq!(json["around"][0]["before"]["offset"], 6);
        assert_eq!(json["status"], "not stored");
    }
}
