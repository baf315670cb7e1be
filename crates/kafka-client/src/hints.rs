//! What a user can do about an error of Kafka's, and which errors waiting does not cure.
//!
//! librdkafka's errors name neither the setting nor the permission that is missing. Both depend on what the client was
//! doing, so every hint is looked up by [`Operation`] and error code, here and nowhere else.

use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaErrorCode as Code;

/// What a client was doing when Kafka returned an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// Sends records to a topic, or looks the topic up.
    Produce,
    /// Reads topics as a member of a consumer group.
    ConsumeInGroup,
    /// Reads a topic without a group.
    ReadTopic,
    /// Creates a topic.
    CreateTopic,
}

impl Operation {
    /// Returns what the user can do about an error, to be appended to its message; empty if there is nothing to say.
    #[must_use]
    pub fn hint(self, code: Option<Code>) -> &'static str {
        match (self, code) {
            (Self::Produce, Some(Code::MessageSizeTooLarge)) => {
                "; max.message.bytes of the topic limits a record, and a batch of them: raise it, or lower -X batch.size"
            }
            (Self::Produce, Some(Code::MessageTimedOut)) => "; raise -X message.timeout.ms to try for longer",
            (Self::Produce, Some(Code::TopicAuthorizationFailed | Code::ClusterAuthorizationFailed)) => {
                "; the user (-X sasl.username) needs DESCRIBE on the topic, and WRITE to send to it or READ to read it"
            }
            (Self::Produce, Some(Code::UnknownTopic | Code::UnknownTopicOrPartition)) => "; was the topic deleted?",
            (Self::ConsumeInGroup, Some(Code::TopicAuthorizationFailed)) => {
                "; the user (-X sasl.username) needs READ on the topic"
            }
            (Self::ConsumeInGroup, Some(Code::GroupAuthorizationFailed)) => {
                "; the user (-X sasl.username) needs READ on the group (--consumer-group-id)"
            }
            (Self::ConsumeInGroup, Some(Code::SaslAuthenticationFailed | Code::Authentication)) => {
                "; check -X sasl.mechanism, sasl.username and sasl.password"
            }
            (Self::ReadTopic, Some(Code::TopicAuthorizationFailed)) => {
                "; the user (-X sasl.username) needs READ and DESCRIBE on the topic"
            }
            (Self::CreateTopic, Some(Code::TopicAuthorizationFailed)) => {
                "; the user (-X sasl.username) needs CREATE on the topic or the cluster"
            }
            _ => "",
        }
    }

    /// Returns `true` if waiting and trying again does not cure the error.
    ///
    /// A topic may still be created while a group waits for it, but a topic that is read without a group was there
    /// before. A group permission matters to members of a group only.
    #[must_use]
    pub fn is_permanent(self, error: &KafkaError) -> bool {
        match error.rdkafka_error_code() {
            Some(
                Code::TopicAuthorizationFailed | Code::SaslAuthenticationFailed | Code::Authentication | Code::Fatal,
            ) => true,
            Some(Code::GroupAuthorizationFailed | Code::InvalidTopic) => self == Self::ConsumeInGroup,
            Some(Code::UnknownTopic | Code::UnknownTopicOrPartition | Code::UnknownPartition) => {
                self == Self::ReadTopic
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_permission_is_named_by_operation() {
        for (operation, code, permission) in [
            (Operation::Produce, Code::TopicAuthorizationFailed, "WRITE to send to it"),
            (Operation::ConsumeInGroup, Code::TopicAuthorizationFailed, "READ on the topic"),
            (Operation::ConsumeInGroup, Code::GroupAuthorizationFailed, "READ on the group"),
            (Operation::ReadTopic, Code::TopicAuthorizationFailed, "READ and DESCRIBE on the topic"),
            (Operation::CreateTopic, Code::TopicAuthorizationFailed, "CREATE on the topic or the cluster"),
        ] {
            let hint = operation.hint(Some(code));
            assert!(hint.starts_with("; the user (-X sasl.username) needs ") && hint.contains(permission), "{hint}");
        }
        assert_eq!(Operation::Produce.hint(None), "");
    }

    #[test]
    fn an_unknown_topic_is_permanent_only_outside_a_group() {
        let error = KafkaError::MetadataFetch(Code::UnknownTopicOrPartition);
        assert!(Operation::ReadTopic.is_permanent(&error));
        assert!(!Operation::ConsumeInGroup.is_permanent(&error));
    }
}
