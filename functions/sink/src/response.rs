//! The function's answer where its event source takes partial batch responses.

use serde::Serialize;

use crate::storage::committer::PartitionError;

/// `{"batchItemFailures":[{"itemIdentifier":{"partition":"quotes-0","offset":100}}]}`: the partitions that must be
/// delivered again, from these offsets on.
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
    /// The answer to a batch; none, which is `null`, where nothing has failed.
    pub fn of(failed: &[PartitionError]) -> Option<Self> {
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
    use crate::storage::committer::Fault;

    #[test]
    fn a_partition_that_failed_is_named_with_the_offset_it_starts_at_as_aws_reads_it() {
        assert!(Response::of(&[]).is_none(), "an answer of null is success");
        let failed = |topic: &str, partition, first| PartitionError {
            topic: topic.to_owned(),
            partition,
            retry_from: first,
            last: first + 9,
            fault: Fault::Rejected(String::new()),
        };
        let response = Response::of(&[failed("quotes", 0, 100), failed("us-quotes", 12, 7)]);
        assert_eq!(
            serde_json::to_string(&response).unwrap(),
            r#"{"batchItemFailures":[{"itemIdentifier":{"partition":"quotes-0","offset":100}},{"itemIdentifier":{"partition":"us-quotes-12","offset":7}}]}"#
        );
    }
}
