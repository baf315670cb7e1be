//! Remedies for Kafka's errors, and the distinction between permanent and temporary ones.
//!
//! librdkafka's errors name neither the setting to change nor the permission that is missing. Both depend on the
//! operation, so this module looks up hints by [`Operation`] and error code. No other module contains hints.

use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaErrorCode as Code;

/// Operation during which Kafka returned an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// Sending records to a topic, or looking up the topic.
    Produce,
    /// Reading topics as a member of a consumer group.
    ConsumeInGroup,
    /// Reading a topic without a consumer group.
    ReadTopic,
    /// Creating a topic with the admin client.
    CreateTopic,
}

impl Operation {
    /// Returns the remedy for an error, to be appended to its message, or an empty string if none is known.
    #[must_use]
    pub fn hint(self, code: Option<Code>) -> &'static str {
        match (self, code) {
            (Self::Produce, Some(Code::MessageSizeTooLarge)) => {
                "; max.message.bytes of the topic limits records and batches: raise it, or lower -X batch.size"
            }
            (Self::Produce, Some(Code::MessageTimedOut)) => "; raise -X message.timeout.ms to try for longer",
            (Self::Produce, Some(Code::TopicAuthorizationFailed | Code::ClusterAuthorizationFailed)) => {
                "; the user (-X sasl.username) needs DESCRIBE on the topic, and WRITE to send to it or READ to read it"
            }
            (Self::Produce, Some(Code::UnknownTopic | Code::UnknownTopicOrPartition)) => {
                "; the topic may have been deleted; `producer --create-topic N` creates it again"
            }
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

    /// Returns `true` if retrying does not help.
    ///
    /// A topic may still be created while a consumer group waits for it, but a topic that is read without a group must
    /// already exist. Permissions on a group concern only its members.
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
