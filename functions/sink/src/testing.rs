//! Records for unit tests.

use lambda_kafka_event::{Payload, Record};

/// Returns a record of the topic `quotes` without a key, a value or headers.
pub(crate) fn record(partition: i32, offset: i64) -> Record<'static> {
    Record {
        topic: "quotes".into(),
        partition,
        offset,
        timestamp: 1_764_028_800_123,
        key: Payload::Absent,
        value: Payload::Absent,
        headers: None,
    }
}
