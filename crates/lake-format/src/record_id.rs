//! The identity of a record: topic, partition and offset.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use crate::topic::{InvalidTopicName, Topic};

/// Identity of a record. The string form is `TOPIC/PARTITION/OFFSET`, such as `quotes/1/0`, which is unambiguous
/// because a topic name contains no slash.
///
/// A topic that is deleted and recreated reuses its offsets, so the identity is unique only within one generation of
/// the topic.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RecordId {
    pub topic: Topic,
    /// Partition number, at least 0.
    pub partition: i32,
    /// Offset in the partition, at least 0.
    pub offset: i64,
}

/// Error returned when a string cannot be parsed as a [`RecordId`].
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ParseRecordIdError {
    /// The string does not have three parts.
    #[error("expected TOPIC/PARTITION/OFFSET, such as quotes/1/0")]
    Form,
    /// The first part is not a topic name.
    #[error(transparent)]
    Topic(#[from] InvalidTopicName),
    /// The second part is not a 32-bit integer.
    #[error("{0:?} is not a partition number; expected a whole number from 0 to {max}", max = i32::MAX)]
    Partition(String),
    /// The third part is not a 64-bit integer.
    #[error("{0:?} is not an offset; expected a whole number from 0 to {max}", max = i64::MAX)]
    Offset(String),
    /// The partition or the offset is negative.
    #[error("a partition or offset is negative; both begin at 0")]
    Negative,
}

impl fmt::Display for RecordId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let RecordId { topic, partition, offset } = self;
        write!(f, "{topic}/{partition}/{offset}")
    }
}

impl FromStr for RecordId {
    type Err = ParseRecordIdError;

    fn from_str(text: &str) -> Result<Self, ParseRecordIdError> {
        let mut parts = text.split('/');
        let (Some(topic), Some(partition), Some(offset), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(ParseRecordIdError::Form);
        };
        let topic: Topic = topic.parse()?;
        let partition: i32 = partition.parse().map_err(|_| ParseRecordIdError::Partition(partition.to_owned()))?;
        let offset: i64 = offset.parse().map_err(|_| ParseRecordIdError::Offset(offset.to_owned()))?;
        if partition < 0 || offset < 0 {
            return Err(ParseRecordIdError::Negative);
        }
        Ok(RecordId { topic, partition, offset })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn id_is_topic_partition_and_offset() {
        let id: RecordId = "index-EU.v1/3/41".parse().unwrap();
        assert_eq!(id, RecordId { topic: "index-EU.v1".parse().unwrap(), partition: 3, offset: 41 });
    }

    #[test]
    fn invalid_id_names_the_part() {
        for (text, fault) in [
            ("", "TOPIC/PARTITION/OFFSET"),
            ("quotes/1", "TOPIC/PARTITION/OFFSET"),
            ("quotes/1/2/3", "TOPIC/PARTITION/OFFSET"),
            ("quotes/x/2", "\"x\" is not a partition"),
            ("quotes/2147483648/2", "\"2147483648\" is not a partition"),
            ("quotes/1/", "\"\" is not an offset"),
            ("quotes/1/9223372036854775808", "\"9223372036854775808\" is not an offset"),
            ("quotes/1/-2", "begin at 0"),
            ("quotes/-1/2", "begin at 0"),
            ("../1/2", "topic"),
            ("/1/2", "topic"),
        ] {
            let error = text.parse::<RecordId>().unwrap_err().to_string();
            assert!(error.contains(fault), "{text}: {error}");
        }
    }

    proptest! {
        #[test]
        fn text_form_parses_back(topic in "[A-Za-z0-9_-][A-Za-z0-9._-]{0,20}", partition in 0..=i32::MAX, offset in 0..=i64::MAX) {
            let text = format!("{topic}/{partition}/{offset}");
            let id: RecordId = text.parse().unwrap();
            prop_assert_eq!((id.partition, id.offset), (partition, offset));
            prop_assert_eq!(id.to_string(), text);
        }
    }
}
