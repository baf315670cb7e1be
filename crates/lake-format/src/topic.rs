//! Topic names.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// A topic name that Kafka accepts: 1 to 249 ASCII letters, digits, dots, dashes and underscores, but not `.` or `..`.
///
/// The rule is defined by Kafka's class
/// [`Topic`](https://github.com/apache/kafka/blob/4.0/clients/src/main/java/org/apache/kafka/common/internals/Topic.java).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Topic(String);

/// Error returned when a string is not a topic name that Kafka accepts.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("a topic name must be 1 to 249 ASCII letters, digits, dots, dashes and underscores, and not `.` or `..`")]
pub struct InvalidTopicName;

impl Topic {
    /// Maximum length of a topic name in bytes. Kafka rejects a longer name.
    const MAX_LENGTH: usize = 249;

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Topic {
    type Err = InvalidTopicName;

    fn from_str(name: &str) -> Result<Self, InvalidTopicName> {
        let is_legal = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        let has_legal_length = (1..=Self::MAX_LENGTH).contains(&name.len());
        if has_legal_length && name != "." && name != ".." && name.bytes().all(is_legal) {
            Ok(Self(name.to_owned()))
        } else {
            Err(InvalidTopicName)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topic_names_are_those_that_kafka_accepts() {
        assert_eq!("quotes.v1_a-b".parse::<Topic>().map(|topic| topic.to_string()), Ok("quotes.v1_a-b".to_owned()));
        for name in ["", ".", "..", "a b", "a/b", "börse", &"x".repeat(250)] {
            assert!(name.parse::<Topic>().is_err(), "{name}");
        }
    }
}
