//! Parses a partial batch response: `{"batchItemFailures":[{"itemIdentifier":{"partition":"topic-0","offset":100}}]}`.
//!
//! The response is parsed only if the mapping has `ReportBatchItemFailures`; otherwise AWS ignores it.

use serde::Deserialize;

/// A function's response to a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum BatchResponse {
    /// The function processed every record. The list of failures is empty, null or missing, or the body is `null` or
    /// empty.
    Complete,
    /// The function failed to process these records.
    Failures(Vec<ItemIdentifier>),
}

/// A failed record. The function processed the earlier records of the same partition.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
pub(crate) struct ItemIdentifier {
    /// Topic and partition, as in `quotes-0`.
    pub(crate) partition: String,
    pub(crate) offset: i64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Body {
    batch_item_failures: Option<Vec<Failure>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Failure {
    item_identifier: ItemIdentifier,
}

/// Parses the body of a function's response.
///
/// # Errors
/// If the body is not a partial batch response. Lambda treats the whole batch as failed in this case.
pub(crate) fn parse(body: &[u8]) -> serde_json::Result<BatchResponse> {
    if body.trim_ascii().is_empty() {
        return Ok(BatchResponse::Complete);
    }
    let body: Option<Body> = serde_json::from_slice(body)?;
    Ok(match body.and_then(|body| body.batch_item_failures) {
        Some(failures) if !failures.is_empty() => {
            BatchResponse::Failures(failures.into_iter().map(|failure| failure.item_identifier).collect())
        }
        _ => BatchResponse::Complete,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn response_without_failures_is_complete() {
        for body in ["", "null", "{}", r#"{"batchItemFailures":null}"#, r#"{"batchItemFailures":[]}"#, r#"{"n":1}"#] {
            assert_eq!(parse(body.as_bytes()).unwrap(), BatchResponse::Complete, "{body}");
        }
    }

    #[test]
    fn failures_have_partition_and_offset() {
        let body = br#"{"batchItemFailures":[{"itemIdentifier":{"partition":"topic-0","offset":100}}]}"#;
        let item = ItemIdentifier { partition: "topic-0".into(), offset: 100 };
        assert_eq!(parse(body).unwrap(), BatchResponse::Failures(vec![item]));
    }

    #[test]
    fn response_that_names_no_record_is_an_error() {
        for body in [
            r#"{"batchItemFailures":[{"itemIdentifier":null}]}"#,
            r#"{"batchItemFailures":[{"itemIdentifier":""}]}"#,
            r#"{"batchItemFailures":[{"item":{"partition":"topic-0","offset":1}}]}"#,
            r#"{"batchItemFailures":[{"itemIdentifier":{"partition":"topic-0"}}]}"#,
            r#""done""#,
            "done",
        ] {
            assert!(parse(body.as_bytes()).is_err(), "{body}");
        }
    }
}
