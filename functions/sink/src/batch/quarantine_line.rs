//! Quarantine line: stores an invalid record with its coordinates, the reason, its key, value and headers.

use std::collections::HashMap;

use super::metadata::{append_payload, append_string};
use lake_format::InvalidRecord;
use lake_format::record_line::{self, Coordinates};
use lambda_kafka_event::{Payload, Record};

/// Appends a record's quarantine line, including the line feed.
pub(super) fn append(
    record: &Record<'_>,
    coordinates: &Coordinates,
    generation: u32,
    reason: &InvalidRecord,
    out: &mut Vec<u8>,
) {
    out.extend_from_slice(b"{\"kafka_topic\":");
    append_string(&record.topic, out);
    out.push(b',');
    record_line::append_coordinates(coordinates, generation, out);
    out.extend_from_slice(b",\"reason\":");
    append_string(&reason.to_string(), out);
    out.extend_from_slice(b",\"key\":");
    append_payload(&record.key, out);
    match &record.value {
        // Checked for every reason, because a record without a timestamp can also have a value that is not base64.
        Payload::Base64(raw) if base64_simd::STANDARD.decode_to_vec(&**raw).is_err() => {
            out.extend_from_slice(b",\"value\":null,\"value_raw\":");
            append_string(&String::from_utf8_lossy(raw), out);
        }
        value => {
            out.extend_from_slice(b",\"value\":");
            append_payload(value, out);
        }
    }
    out.extend_from_slice(b",\"headers\":");
    match record.headers {
        Some(headers) if are_lambda_headers(headers.get()) => {
            let start = out.len();
            out.extend_from_slice(headers.get().as_bytes());
            record_line::replace_line_breaks(&mut out[start..]);
        }
        Some(other) => append_string(other.get(), out),
        None => out.extend_from_slice(b"[]"),
    }
    out.extend_from_slice(b"}\n");
}

/// Returns `true` if two lines contain the same record. Quarantine lines may differ in their reason, because a
/// different version of the sink may phrase the reason differently.
pub(crate) fn is_same_record(a: &[u8], b: &[u8]) -> bool {
    match (without_reason(a), without_reason(b)) {
        (Some(a), Some(b)) => a == b,
        _ => a == b,
    }
}

/// Returns the text before and after the reason, or `None` if the line is not a quarantine line.
fn without_reason(line: &[u8]) -> Option<(&[u8], &[u8])> {
    const NAME: &[u8] = b",\"reason\":\"";
    if !line.starts_with(b"{\"kafka_topic\":") {
        return None;
    }
    let start = line.windows(NAME.len()).position(|window| window == NAME)?;
    let reason = &line[start + NAME.len()..];
    let mut is_escaped = false;
    let end = reason.iter().position(|&byte| {
        let is_end = byte == b'"' && !is_escaped;
        is_escaped = byte == b'\\' && !is_escaped;
        is_end
    })?;
    Some((&line[..start], &reason[end..]))
}

/// Returns `true` for headers in the form that Lambda sends. Any other JSON is stored as a string, because it could
/// make the line invalid, for example with a lone surrogate.
fn are_lambda_headers(json: &str) -> bool {
    serde_json::from_str::<Vec<HashMap<String, Option<Vec<i16>>>>>(json).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::record;

    fn line(offset: i64, reason: &InvalidRecord) -> Vec<u8> {
        let record = record(3, offset);
        let coordinates = Coordinates { partition: 3, offset, timestamp: record.timestamp };
        let mut line = Vec::new();
        append(&record, &coordinates, 0, reason, &mut line);
        line
    }

    #[test]
    fn offset_is_read_from_a_quarantine_line() {
        assert_eq!(record_line::offset(&line(41, &InvalidRecord::Tombstone)), Some(41));
    }

    #[test]
    fn same_record_may_have_another_reason() {
        let quoted = InvalidRecord::CoordinateName("\\\"kafka_offset\",\"reason\":\"".to_owned());
        let reasons = [InvalidRecord::Tombstone, InvalidRecord::NotBase64, quoted];
        for reason in &reasons {
            assert!(is_same_record(&line(41, &InvalidRecord::Tombstone), &line(41, reason)), "{reason}");
            assert!(!is_same_record(&line(42, &InvalidRecord::Tombstone), &line(41, reason)), "{reason}");
        }
    }

    #[test]
    fn valid_records_are_compared_in_full() {
        assert!(!is_same_record(b"{\"a\":1}\n", b"{\"a\":2}\n") && is_same_record(b"{\"a\":1}\n", b"{\"a\":1}\n"));
        assert!(!is_same_record(b"{\"reason\":\"a\"}\n", b"{\"reason\":\"b\"}\n"), "a field of the record itself");
    }
}
