//! Partial batch response: reports which partitions failed.

use serde::Serialize;

use crate::storage::PartitionError;

/// Partitions to deliver again, each with the offset to start from:
/// `{"batchItemFailures":[{"itemIdentifier":{"partition":"quotes-0","offset":100}}]}`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Response {
    batch_item_failures: Vec<Item>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Item {
    item_identifier: Identifier,
}

#[derive(Debug, Serialize)]
struct Identifier {
    partition: String,
    offset: i64,
}

impl Response {
    /// Creates the response to a batch. Returns `None`, which serializes to `null`, if no partition failed.
    pub fn from_failed(failed: &[PartitionError]) -> Option<Self> {
        let item = |error: &PartitionError| Item {
            item_identifier: Identifier {
                partition: format!("{}-{}", error.topic, error.partition),
                offset: error.retry_from,
            },
        };
        (!failed.is_empty()).then(|| Response { batch_item_failures: failed.iter().map(item).collect() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::{Cause, Rejection};

    #[test]
    fn batch_without_failures_is_answered_with_null() {
        assert!(Response::from_failed(&[]).is_none());
    }

    #[test]
    fn failed_partitions_are_reported_in_the_form_of_aws() {
        let failed = |topic: &str, partition, retry_from| PartitionError {
            topic: topic.to_owned(),
            partition,
            retry_from,
            last_offset: retry_from + 9,
            records: 10,
            cause: Cause::Rejected(Rejection::ConflictingRecords { offset: retry_from }),
        };
        let response = Response::from_failed(&[failed("quotes", 0, 100), failed("us-quotes", 12, 7)]);
        assert_eq!(
            serde_json::to_string(&response).unwrap(),
            r#"{"batchItemFailures":[{"itemIdentifier":{"partition":"quotes-0","offset":100}},{"itemIdentifier":{"partition":"us-quotes-12","offset":7}}]}"#
        );
    }
}
