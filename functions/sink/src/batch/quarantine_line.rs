//! The line that an invalid record becomes in the quarantine.

use std::collections::HashMap;

use lake_format::InvalidRecord;
use lake_format::record_line;
use lambda_kafka_event::{Payload, Record};

use super::coordinates;

/// Appends a record's quarantine line, its line feed included.
pub(crate) fn quarantine_line(record: &Record<'_>, generation: u32, reason: &InvalidRecord, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"kafka_topic\":");
    json_string(&record.topic, out);
    out.push(b',');
    record_line::append_coordinates(&coordinates(record), generation, out);
    out.extend_from_slice(b",\"reason\":");
    json_string(&reason.to_string(), out);
    out.extend_from_slice(b",\"key\":");
    payload(&record.key, out);
    match &record.value {
        // Whatever the reason is: a record without a timestamp can have such a value, too.
        Payload::Base64(raw) if base64_simd::STANDARD.decode_to_vec(&**raw).is_err() => {
            out.extend_from_slice(b",\"value\":null,\"value_raw\":");
            json_string(&String::from_utf8_lossy(raw), out);
        }
        value => {
            out.extend_from_slice(b",\"value\":");
            payload(value, out);
        }
    }
    out.extend_from_slice(b",\"headers\":");
    match record.headers {
        Some(headers) if are_headers(headers.get()) => {
            let start = out.len();
            out.extend_from_slice(headers.get().as_bytes());
            record_line::replace_line_breaks(&mut out[start..]);
        }
        Some(other) => json_string(other.get(), out),
        None => out.extend_from_slice(b"[]"),
    }
    out.extend_from_slice(b"}\n");
}

/// Quarantine lines of one record, whatever their reasons say.
pub(crate) fn is_same(a: &[u8], b: &[u8]) -> bool {
    match (without_reason(a), without_reason(b)) {
        (Some(a), Some(b)) => a == b,
        _ => a == b,
    }
}

/// What stands before and after the reason; none where the line is no quarantine line.
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

/// Headers as Lambda sends them. Anything else would have to be checked like a value, and is kept as text.
fn are_headers(json: &str) -> bool {
    serde_json::from_str::<Vec<HashMap<String, Option<Vec<i16>>>>>(json).is_ok()
}

/// A payload as it came: base64 stays base64. What a schema registry had decoded is encoded again, so
/// that the column holds one type.
fn payload(payload: &Payload<'_>, out: &mut Vec<u8>) {
    match payload {
        Payload::Absent => out.extend_from_slice(b"null"),
        Payload::Base64(text) => json_string(&String::from_utf8_lossy(text), out),
        Payload::Json(json) => {
            json_string(&base64_simd::STANDARD.encode_to_string(json.get()), out);
        }
    }
}

/// Writing JSON into memory does not fail.
fn json_string(text: &str, out: &mut Vec<u8>) {
    let _ = serde_json::to_writer(out, text);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::record;

    fn quarantined(offset: i64, reason: &InvalidRecord) -> Vec<u8> {
        let mut line = Vec::new();
        quarantine_line(&record(3, offset), 0, reason, &mut line);
        line
    }

    #[test]
    fn a_line_tells_its_offset() {
        assert_eq!(record_line::offset(&quarantined(41, &InvalidRecord::Tombstone)), Some(41));
    }

    #[test]
    fn lines_of_one_record_are_the_same_whatever_their_reasons_say() {
        let quoted = InvalidRecord::CoordinateName("\\\"kafka_offset\",\"reason\":\"".to_owned());
        let reasons = [InvalidRecord::Tombstone, InvalidRecord::NotBase64, quoted];
        for reason in &reasons {
            assert!(is_same(&quarantined(41, &InvalidRecord::Tombstone), &quarantined(41, reason)), "{reason}");
            assert!(!is_same(&quarantined(42, &InvalidRecord::Tombstone), &quarantined(41, reason)), "{reason}");
        }
        assert!(!is_same(b"{\"a\":1}\n", b"{\"a\":2}\n") && is_same(b"{\"a\":1}\n", b"{\"a\":1}\n"));
        assert!(!is_same(b"{\"reason\":\"a\"}\n", b"{\"reason\":\"b\"}\n"), "a good record's own field");
    }
}
