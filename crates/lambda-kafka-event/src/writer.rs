//! Writes the event that Lambda's Kafka event source sends, record by record.
//!
//! `aws_lambda_events` has types for this event, but these types write a field that AWS does not send for self-managed
//! Kafka (`eventSourceArn`), and allocate a `String` for each value.

use base64_simd::STANDARD;

/// A record as the broker returns it.
#[derive(Clone, Copy, Debug)]
pub struct SourceRecord<'a> {
    pub topic: &'a str,
    pub partition: i32,
    pub offset: i64,
    /// Milliseconds since 1970, or -1 if the record has no timestamp.
    pub timestamp: i64,
    pub timestamp_type: TimestampType,
    pub key: Option<&'a [u8]>,
    pub value: Option<&'a [u8]>,
}

/// Origin of a record's timestamp.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimestampType {
    /// The producer set the timestamp.
    CreateTime,
    /// The broker set the timestamp.
    LogAppendTime,
    /// The record has no timestamp.
    None,
}

impl TimestampType {
    fn name(self) -> &'static str {
        match self {
            TimestampType::CreateTime => "CREATE_TIME",
            TimestampType::LogAppendTime => "LOG_APPEND_TIME",
            TimestampType::None => "NO_TIMESTAMP_TYPE",
        }
    }
}

pub const EVENT_END: &[u8] = b"}}";

/// Returns the start of an event, up to its first partition.
pub fn event_start(bootstrap_servers: &str) -> Vec<u8> {
    let servers = serde_json::Value::from(bootstrap_servers);
    format!(r#"{{"eventSource":"SelfManagedKafka","bootstrapServers":{servers},"records":{{"#).into_bytes()
}

/// Appends `{"topic":...,"headers":[...]}` as Lambda writes it: an absent key or value has no field, and header bytes
/// are signed, as in Java.
pub fn write_record<'h>(
    record: &SourceRecord<'_>,
    headers: impl Iterator<Item = (&'h str, Option<&'h [u8]>)>,
    out: &mut Vec<u8>,
) {
    let SourceRecord { topic, partition, offset, timestamp, timestamp_type, key, value } = record;
    let mut digits = itoa::Buffer::new();
    // Fields are appended one by one because `format!` would take longer than everything else here. Kafka's topic names
    // need no escaping.
    out.extend_from_slice(b"{\"topic\":\"");
    out.extend_from_slice(topic.as_bytes());
    out.extend_from_slice(b"\",\"partition\":");
    out.extend_from_slice(digits.format(*partition).as_bytes());
    out.extend_from_slice(b",\"offset\":");
    out.extend_from_slice(digits.format(*offset).as_bytes());
    out.extend_from_slice(b",\"timestamp\":");
    out.extend_from_slice(digits.format(*timestamp).as_bytes());
    out.extend_from_slice(b",\"timestampType\":\"");
    out.extend_from_slice(timestamp_type.name().as_bytes());
    out.push(b'"');
    for (lead, bytes) in [(&b",\"key\":\""[..], key), (b",\"value\":\"", value)] {
        if let Some(bytes) = bytes {
            out.extend_from_slice(lead);
            STANDARD.encode_append(bytes, out);
            out.push(b'"');
        }
    }
    out.extend_from_slice(b",\"headers\":[");
    for (index, (name, bytes)) in headers.enumerate() {
        if index > 0 {
            out.push(b',');
        }
        out.push(b'{');
        let _ = serde_json::to_writer(&mut *out, name);
        out.push(b':');
        match bytes {
            None => out.extend_from_slice(b"null"),
            Some(bytes) => {
                let signed: Vec<i8> = bytes.iter().map(|byte| byte.cast_signed()).collect();
                let _ = serde_json::to_writer(&mut *out, &signed);
            }
        }
        out.push(b'}');
    }
    out.extend_from_slice(b"]}");
}
