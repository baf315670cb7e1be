//! A partial batch response: `{"batchItemFailures":[{"itemIdentifier":{"partition":"topic-0","offset":100}}]}`.
//!
//! It is read only where the mapping has `ReportBatchItemFailures`; elsewhere AWS ignores what a function returns.

use serde::Deserialize;

/// What a function's answer says of its batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Response {
    /// All of it is done: no failures, an empty object, null, or nothing at all.
    Complete,
    /// The records that are not.
    Failures(Vec<Item>),
    /// It cannot be read; Lambda then takes the whole batch for failed.
    Unreadable(String),
}

/// A record that a function names as failed; in its partition those before it are done.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
pub struct Item {
    /// Topic and partition, as in `quotes-0`.
    pub partition: String,
    /// The record's offset.
    pub offset: i64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Body {
    batch_item_failures: Option<Vec<Failure>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Failure {
    item_identifier: Item,
}

/// Reads the body that a function returned.
pub fn read(body: &[u8]) -> Response {
    if body.trim_ascii().is_empty() {
        return Response::Complete;
    }
    match serde_json::from_slice::<Option<Body>>(body) {
        Ok(None | Some(Body { batch_item_failures: None })) => Response::Complete,
        Ok(Some(Body { batch_item_failures: Some(failures) })) if failures.is_empty() => Response::Complete,
        Ok(Some(Body { batch_item_failures: Some(failures) })) => {
            Response::Failures(failures.into_iter().map(|failure| failure.item_identifier).collect())
        }
        Err(error) => Response::Unreadable(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_answers_are_success() {
        for body in ["", "null", "{}", r#"{"batchItemFailures":null}"#, r#"{"batchItemFailures":[]}"#, r#"{"n":1}"#] {
            assert_eq!(read(body.as_bytes()), Response::Complete, "{body}");
        }
    }

    #[test]
    fn failures_are_named_by_partition_and_offset() {
        let body = br#"{"batchItemFailures":[{"itemIdentifier":{"partition":"topic-0","offset":100}}]}"#;
        assert_eq!(read(body), Response::Failures(vec![Item { partition: "topic-0".into(), offset: 100 }]));
    }

    #[test]
    fn an_answer_that_names_no_record_is_unreadable() {
        for body in [
            r#"{"batchItemFailures":[{"itemIdentifier":null}]}"#,
            r#"{"batchItemFailures":[{"itemIdentifier":""}]}"#,
            r#"{"batchItemFailures":[{"item":{"partition":"topic-0","offset":1}}]}"#,
            r#"{"batchItemFailures":[{"itemIdentifier":{"partition":"topic-0"}}]}"#,
            r#""done""#,
            "done",
        ] {
            assert!(matches!(read(body.as_bytes()), Response::Unreadable(_)), "{body}");
        }
    }
}
