//! What is told about a record: for the eye, or as JSON lines. Pure.

use std::fmt::Write;

use lake_audit::trace::{Around, Neighbour, Place};

use crate::say::Format;

/// Every place of a record.
pub(super) fn places(places: &[Place], format: Format) -> serde_json::Result<String> {
    let mut out = String::new();
    for place in places {
        // Writing into a String does not fail.
        let _ = match (format, &place.reason) {
            (Format::Json, _) => writeln!(out, "{}", serde_json::to_string(place)?),
            (Format::Text, None) => writeln!(out, "stored in {}, line {}\n{}", place.key, place.line, place.record),
            (Format::Text, Some(reason)) => {
                writeln!(out, "quarantined in {}, line {}: {reason}\n{}", place.key, place.line, place.record)
            }
        };
    }
    Ok(out)
}

/// A record that is in no object.
pub(super) fn not_stored(record: &str, around: &[Around], format: Format) -> serde_json::Result<String> {
    if format == Format::Json {
        let answer = serde_json::json!({"status": "not stored", "around": around});
        return serde_json::to_string(&answer).map(|line| line + "\n");
    }
    let mut out = format!("not stored: {record}\n");
    if around.is_empty() {
        out.push_str("the lake has no object of this topic, partition and generation\n");
    }
    for Around { generation, before, after } in around {
        let _ = writeln!(out, "generation {generation}");
        let _ = match before {
            Some(Neighbour { key, offset }) => writeln!(out, "  before it: {key}, which has {offset}"),
            None => writeln!(out, "  before it: nothing"),
        };
        let _ = match after {
            Some(Neighbour { key, offset }) => writeln!(out, "  after it:  {key}, which has {offset}"),
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

    fn two_places() -> [Place; 2] {
        let place = |status, reason: Option<&str>, record: &str| Place {
            status,
            key: "k".to_owned(),
            line: 4,
            generation: 1,
            reason: reason.map(str::to_owned),
            record: RawValue::from_string(record.to_owned()).unwrap(),
        };
        [
            place(Status::Stored, None, "{\"close\":1.50}"),
            place(Status::Quarantined, Some("tombstone"), "{\"value\":null}"),
        ]
    }

    #[test]
    fn a_place_is_told_with_its_line_digit_for_digit() {
        assert_eq!(
            places(&two_places(), Format::Text).unwrap(),
            "stored in k, line 4\n{\"close\":1.50}\nquarantined in k, line 4: tombstone\n{\"value\":null}\n"
        );
        assert_eq!(
            places(&two_places(), Format::Json).unwrap(),
            concat!(
                "{\"status\":\"stored\",\"key\":\"k\",\"line\":4,\"generation\":1,\"record\":{\"close\":1.50}}\n",
                "{\"status\":\"quarantined\",\"key\":\"k\",\"line\":4,\"generation\":1,\"reason\":\"tombstone\",",
                "\"record\":{\"value\":null}}\n"
            )
        );
    }

    #[test]
    fn what_is_not_stored_is_told_with_its_neighbours() {
        let around =
            [Around { generation: 0, before: Some(Neighbour { key: "a".to_owned(), offset: 6 }), after: None }];
        assert_eq!(
            not_stored("q/3/7", &around, Format::Text).unwrap(),
            "not stored: q/3/7\ngeneration 0\n  before it: a, which has 6\n  after it:  nothing\n"
        );
        assert!(not_stored("q/3/7", &[], Format::Text).unwrap().contains("no object of this topic"));
        let json: serde_json::Value =
            serde_json::from_str(&not_stored("q/3/7", &around, Format::Json).unwrap()).unwrap();
        assert_eq!(json["around"][0]["before"]["offset"], 6);
        assert_eq!(json["status"], "not stored");
    }
}
