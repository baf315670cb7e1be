//! Configurations that were set for a topic, and the log settings that follow from them.

use std::collections::BTreeMap;

use kafka_log::{LogConfig, TimestampType};

use super::keys::{ConfigKind, TopicKey};

/// A configuration that Kafka rejects too, with `INVALID_CONFIG`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    #[error("unknown topic configuration {0}")]
    UnknownKey(String),
    #[error("invalid value {value} for {key}: {expected}")]
    InvalidValue { key: &'static str, value: String, expected: String },
}

/// The valid configurations of a topic; defaults are not included.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct TopicConfigs(BTreeMap<&'static str, String>);

impl TopicConfigs {
    pub(crate) fn parse(configs: impl IntoIterator<Item = (String, String)>) -> Result<Self, ConfigError> {
        let mut parsed = TopicConfigs::default();
        configs.into_iter().try_for_each(|(key, value)| parsed.set(&key, value))?;
        Ok(parsed)
    }

    pub(crate) fn set(&mut self, key: &str, value: String) -> Result<(), ConfigError> {
        let key = TopicKey::find(key).ok_or_else(|| ConfigError::UnknownKey(key.to_owned()))?;
        let value = value.trim().to_owned();
        match rejection(key.kind, &value) {
            Some(expected) => Err(ConfigError::InvalidValue { key: key.name, value, expected }),
            None => {
                self.0.insert(key.name, value);
                Ok(())
            }
        }
    }

    /// Resets a key to its default. Does nothing to an unknown key, as Apache Kafka.
    pub(crate) fn remove(&mut self, key: &str) {
        self.0.remove(key);
    }

    pub(crate) fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str)
    }

    pub(crate) fn to_map(&self) -> BTreeMap<String, String> {
        self.0.iter().map(|(&key, value)| (key.to_owned(), value.clone())).collect()
    }

    /// Returns `true` if the topic has the cleanup policy.
    pub(crate) fn has_policy(&self, policy: &str) -> bool {
        self.get("cleanup.policy").unwrap_or("delete").split(',').any(|item| item.trim() == policy)
    }

    /// Returns the settings of the topic's logs. `max_message_bytes` applies if the topic does not set
    /// `max.message.bytes`.
    pub(crate) fn log_config(&self, max_message_bytes: usize) -> LogConfig {
        let default = LogConfig::default();
        let number = |key| self.get(key).and_then(|value| value.parse::<i64>().ok());
        let limit = |key| number(key).filter(|&value| value >= 0);
        let default_number = |key| TopicKey::find(key).and_then(|key| key.default.parse().ok());
        let size = |key| limit(key).and_then(|value| u64::try_from(value).ok());
        let timestamp_type = match self.get("message.timestamp.type") {
            Some("LogAppendTime") => TimestampType::LogAppendTime,
            _ => default.timestamp_type,
        };
        // Without the policy `delete`, retention deletes nothing.
        let deletes = self.has_policy("delete");
        LogConfig {
            segment_bytes: size("segment.bytes").unwrap_or(default.segment_bytes),
            segment_ms: limit("segment.ms").or(default_number("segment.ms")),
            flush_messages: size("flush.messages"),
            flush_ms: limit("flush.ms"),
            max_message_bytes: limit("max.message.bytes")
                .and_then(|value| usize::try_from(value).ok())
                .unwrap_or(max_message_bytes),
            timestamp_type,
            timestamp_before_max_ms: limit("message.timestamp.before.max.ms")
                .unwrap_or(default.timestamp_before_max_ms),
            timestamp_after_max_ms: limit("message.timestamp.after.max.ms").unwrap_or(default.timestamp_after_max_ms),
            retention_ms: limit("retention.ms").filter(|_| deletes),
            retention_bytes: size("retention.bytes").filter(|_| deletes),
            require_keys: self.has_policy("compact"),
        }
    }
}

/// Returns what is expected instead if the value is not valid.
fn rejection(kind: ConfigKind, value: &str) -> Option<String> {
    let in_range = |low: i64, high: i64| match value.parse::<i64>() {
        Ok(number) if (low..=high).contains(&number) => None,
        _ => Some(format!("a whole number from {low} to {high} is expected")),
    };
    match kind {
        ConfigKind::Boolean => (!matches!(value.to_ascii_lowercase().as_str(), "true" | "false"))
            .then(|| "true or false is expected".to_owned()),
        ConfigKind::Choice(choices) => {
            (!choices.contains(&value)).then(|| format!("this broker supports {}", choices.join(", ")))
        }
        ConfigKind::Int(low, high) | ConfigKind::Long(low, high) => in_range(low, high),
        ConfigKind::Ratio => match value.parse::<f64>() {
            Ok(number) if (0.0..=1.0).contains(&number) => None,
            _ => Some("a number from 0 to 1 is expected".to_owned()),
        },
        ConfigKind::List(choices) => {
            let valid = |item: &str| choices.is_empty() || choices.contains(&item.trim());
            // An empty list is valid.
            (!value.is_empty() && !value.split(',').all(valid))
                .then(|| format!("a list of {} is expected", choices.join(", ")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(key: &str, value: &str) -> Result<TopicConfigs, ConfigError> {
        TopicConfigs::parse([(key.to_owned(), value.to_owned())])
    }

    #[test]
    fn unknown_key_is_rejected() {
        assert_eq!(parse("retention.hours", "1"), Err(ConfigError::UnknownKey("retention.hours".to_owned())));
    }

    #[test]
    fn values_are_validated_by_their_type() {
        for (key, value) in [
            ("retention.ms", "-2"),
            ("retention.ms", "one"),
            ("segment.bytes", "2147483648"),
            ("cleanup.policy", "forget"),
            ("compression.type", "zstd"),
            ("preallocate", "yes"),
            ("min.cleanable.dirty.ratio", "2"),
        ] {
            assert!(matches!(parse(key, value), Err(ConfigError::InvalidValue { .. })), "{key}={value}");
        }
    }

    #[test]
    fn every_default_is_valid() {
        for key in super::super::TOPIC_KEYS {
            assert_eq!(rejection(key.kind, key.default), None, "{}={}", key.name, key.default);
        }
    }

    #[test]
    fn retention_of_minus_one_is_off() {
        assert_eq!(parse("retention.ms", "-1").unwrap().log_config(1).retention_ms, None);
        assert_eq!(parse("retention.ms", "5").unwrap().log_config(1).retention_ms, Some(5));
    }

    #[test]
    fn topic_overrides_the_brokers_message_size() {
        assert_eq!(TopicConfigs::default().log_config(7).max_message_bytes, 7);
        assert_eq!(parse("max.message.bytes", "9").unwrap().log_config(7).max_message_bytes, 9);
    }

    #[test]
    fn retention_needs_the_policy_delete() {
        for (policy, retention) in [("", None), ("compact", None), ("delete", Some(5)), ("compact, delete", Some(5))] {
            let mut configs = parse("retention.ms", "5").unwrap();
            configs.set("cleanup.policy", policy.to_owned()).unwrap();
            assert_eq!(configs.log_config(1).retention_ms, retention, "{policy:?}");
        }
    }

    #[test]
    fn segments_and_flushes_are_configured() {
        let default = TopicConfigs::default().log_config(1);
        assert_eq!((default.segment_ms, default.flush_messages, default.flush_ms), (Some(604_800_000), None, None));
        assert_eq!(parse("segment.ms", "5").unwrap().log_config(1).segment_ms, Some(5));
        assert_eq!(parse("flush.messages", "1").unwrap().log_config(1).flush_messages, Some(1));
        assert_eq!(parse("flush.ms", "7").unwrap().log_config(1).flush_ms, Some(7));
    }

    #[test]
    fn compaction_requires_keys() {
        assert!(parse("cleanup.policy", "compact,delete").unwrap().log_config(1).require_keys);
    }
}
