//! Writes the key and the headers of a record into its line, or into its quarantine line.

use lake_format::metadata::{HEADERS, KEY, Metadata};
use lambda_kafka_event::{Payload, Record};

/// Appends the fields that `metadata` adds, each after a comma. Headers become a string with their JSON text.
pub(super) fn append(record: &Record<'_>, metadata: Metadata, out: &mut Vec<u8>) {
    if metadata.key {
        append_name(KEY, out);
        append_payload(&record.key, out);
    }
    if metadata.headers {
        append_name(HEADERS, out);
        match record.headers {
            None => out.extend_from_slice(b"\"[]\""),
            Some(headers) if headers.get() == "[]" => out.extend_from_slice(b"\"[]\""),
            Some(headers) => append_string(headers.get(), out),
        }
    }
}

fn append_name(name: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(b",\"");
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\":");
}

/// Appends a payload as a base64 string, or `null` if the payload is absent. JSON that a schema registry has decoded is
/// encoded again, so that all values of the column have the same type.
pub(super) fn append_payload(payload: &Payload<'_>, out: &mut Vec<u8>) {
    match payload {
        Payload::Absent => out.extend_from_slice(b"null"),
        Payload::Base64(text) => append_string(&String::from_utf8_lossy(text), out),
        Payload::Json(json) => {
            append_string(&base64_simd::STANDARD.encode_to_string(json.get()), out);
        }
    }
}

/// Appends `text` as a JSON string.
pub(super) fn append_string(text: &str, out: &mut Vec<u8>) {
    // Writing to memory cannot fail.
    let _ = serde_json::to_writer(out, text);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::record;
    use serde_json::value::RawValue;

    fn fields(key: Payload<'_>, headers: Option<&str>, metadata: Metadata) -> String {
        let headers = headers.map(|text| RawValue::from_string(text.to_owned()).unwrap());
        let record = Record { key, headers: headers.as_deref(), ..record(3, 41) };
        let mut out = Vec::new();
        append(&record, metadata, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn each_field_is_added_alone_or_with_the_other() {
        let key = || Payload::Base64(b"SFNJ".as_slice().into());
        let headers = Some(r#"[{"h":[104,-61,-85]},{"n":null}]"#);
        let expected = [
            "",
            r#","kafka_key":"SFNJ""#,
            r#","kafka_headers":"[{\"h\":[104,-61,-85]},{\"n\":null}]""#,
            r#","kafka_key":"SFNJ","kafka_headers":"[{\"h\":[104,-61,-85]},{\"n\":null}]""#,
        ];
        for (metadata, expected) in Metadata::ALL.into_iter().zip(expected) {
            assert_eq!(fields(key(), headers, metadata), expected);
        }
    }

    #[test]
    fn missing_key_is_null_and_missing_headers_are_an_empty_list() {
        let both = Metadata { key: true, headers: true };
        for headers in [None, Some("[]")] {
            assert_eq!(fields(Payload::Absent, headers, both), r#","kafka_key":null,"kafka_headers":"[]""#);
        }
        assert_eq!(
            fields(Payload::Base64(b"".as_slice().into()), None, both),
            r#","kafka_key":"","kafka_headers":"[]""#
        );
    }

    #[test]
    fn text_that_is_not_base64_or_a_list_stays_valid_json() {
        let both = Metadata { key: true, headers: true };
        for (key, headers) in
            [(b"\"\\\n\xff".as_slice(), "{\n\"\\ud800\": 1}"), (b"a".as_slice(), "\"x\""), (b"".as_slice(), "7")]
        {
            let text = fields(Payload::Base64(key.into()), Some(headers), both);
            let fields: serde_json::Value = serde_json::from_str(&format!("{{{}}}", &text[1..])).unwrap();
            assert_eq!(fields["kafka_key"], *String::from_utf8_lossy(key));
            assert_eq!(fields["kafka_headers"], headers);
            assert!(!text.contains('\n'));
        }
    }
}
