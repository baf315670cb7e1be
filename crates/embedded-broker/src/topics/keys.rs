//! The configuration keys of a topic with their types and defaults, which are Kafka's except for two.
//!
//! All keys of Apache Kafka 4.2 are accepted, so that tools which set them work. Those that concern replication,
//! compaction or tiered storage have no effect on one node that keeps its records, nor do those that tune the files of
//! Apache Kafka: `file.delete.delay.ms`, `index.interval.bytes`, `preallocate`, `segment.index.bytes` and
//! `segment.jitter.ms`.

/// Type of a configuration's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ConfigKind {
    Boolean,
    /// A text that is one of these values.
    Choice(&'static [&'static str]),
    /// A whole number in a range, both ends included; 32 bits.
    Int(i64, i64),
    /// A whole number in a range, both ends included; 64 bits.
    Long(i64, i64),
    /// A number between 0 and 1.
    Ratio,
    /// Texts separated by commas, each of which is one of these values; any if the list is empty.
    List(&'static [&'static str]),
}

/// A configuration key of a topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TopicKey {
    pub(crate) name: &'static str,
    pub(crate) kind: ConfigKind,
    pub(crate) default: &'static str,
    /// The broker setting that the default comes from, or an empty text.
    pub(crate) broker_key: &'static str,
}

const MAX_INT: i64 = i32::MAX as i64;
const MAX_LONG: i64 = i64::MAX;

const fn key(name: &'static str, kind: ConfigKind, default: &'static str, broker_key: &'static str) -> TopicKey {
    TopicKey { name, kind, default, broker_key }
}

use ConfigKind::{Boolean, Choice, Int, List, Long, Ratio};

/// All keys in the order of their names.
pub(crate) const TOPIC_KEYS: &[TopicKey] = &[
    key("cleanup.policy", List(&["delete", "compact"]), "delete", "log.cleanup.policy"),
    key("compression.gzip.level", Int(-1, 9), "-1", "compression.gzip.level"),
    key("compression.lz4.level", Int(1, 17), "9", "compression.lz4.level"),
    // The broker stores batches as producers send them.
    key("compression.type", Choice(&["producer"]), "producer", "compression.type"),
    key("compression.zstd.level", Int(-131_072, 22), "3", "compression.zstd.level"),
    key("delete.retention.ms", Long(0, MAX_LONG), "86400000", "log.cleaner.delete.retention.ms"),
    key("file.delete.delay.ms", Long(0, MAX_LONG), "60000", "log.segment.delete.delay.ms"),
    key("flush.messages", Long(1, MAX_LONG), "9223372036854775807", "log.flush.interval.messages"),
    key("flush.ms", Long(0, MAX_LONG), "9223372036854775807", "log.flush.interval.ms"),
    key("follower.replication.throttled.replicas", List(&[]), "", ""),
    key("index.interval.bytes", Int(0, MAX_INT), "4096", "log.index.interval.bytes"),
    key("leader.replication.throttled.replicas", List(&[]), "", ""),
    key("local.retention.bytes", Long(-2, MAX_LONG), "-2", "log.local.retention.bytes"),
    key("local.retention.ms", Long(-2, MAX_LONG), "-2", "log.local.retention.ms"),
    key("max.compaction.lag.ms", Long(1, MAX_LONG), "9223372036854775807", "log.cleaner.max.compaction.lag.ms"),
    key(MAX_MESSAGE_BYTES, Int(0, MAX_INT), "1048588", "message.max.bytes"),
    key("message.timestamp.after.max.ms", Long(0, MAX_LONG), "3600000", "log.message.timestamp.after.max.ms"),
    key(
        "message.timestamp.before.max.ms",
        Long(0, MAX_LONG),
        "9223372036854775807",
        "log.message.timestamp.before.max.ms",
    ),
    key("message.timestamp.type", Choice(&["CreateTime", "LogAppendTime"]), "CreateTime", "log.message.timestamp.type"),
    key("min.cleanable.dirty.ratio", Ratio, "0.5", "log.cleaner.min.cleanable.ratio"),
    key("min.compaction.lag.ms", Long(0, MAX_LONG), "0", "log.cleaner.min.compaction.lag.ms"),
    key("min.insync.replicas", Int(1, MAX_INT), "1", "min.insync.replicas"),
    key("preallocate", Boolean, "false", "log.preallocate"),
    key("remote.log.copy.disable", Boolean, "false", ""),
    key("remote.log.delete.on.disable", Boolean, "false", ""),
    key("remote.storage.enable", Choice(&["false"]), "false", ""),
    key("retention.bytes", Long(-1, MAX_LONG), "-1", "log.retention.bytes"),
    // Kafka's default is 7 days. Here nothing is deleted unless the topic asks for it.
    key("retention.ms", Long(-1, MAX_LONG), "-1", "log.retention.ms"),
    // Kafka's default is 1 GiB. A smaller segment is scanned faster when the broker starts.
    key("segment.bytes", Int(14, MAX_INT), "67108864", "log.segment.bytes"),
    key("segment.index.bytes", Int(4, MAX_INT), "10485760", "log.index.size.max.bytes"),
    key("segment.jitter.ms", Long(0, MAX_LONG), "0", "log.roll.jitter.ms"),
    key("segment.ms", Long(1, MAX_LONG), "604800000", "log.roll.ms"),
    key("unclean.leader.election.enable", Boolean, "false", "unclean.leader.election.enable"),
];

/// The key whose default is an option of the broker.
pub(crate) const MAX_MESSAGE_BYTES: &str = "max.message.bytes";

impl TopicKey {
    pub(crate) fn find(name: &str) -> Option<&'static TopicKey> {
        TOPIC_KEYS.iter().find(|key| key.name == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_sorted() {
        assert!(TOPIC_KEYS.is_sorted_by_key(|key| key.name));
    }
}
