//! Configuration of producers. By default, records are not lost, repeated or reordered. In a feed that can be resumed,
//! partitions also never have gaps.

use std::collections::BTreeMap;

use rdkafka::ClientConfig;
use thiserror::Error;

/// Settings by librdkafka's canonical key.
pub(crate) type SettingsMap = BTreeMap<String, String>;

/// Default settings: all in-sync replicas confirm every record, retries do not repeat or reorder records, and batches
/// are large, compressed and buffered in bounded memory.
const DEFAULTS: [(&str, &str); 10] = [
    ("acks", "all"),
    ("client.id", "tickerlake-producer"),
    ("compression.type", "lz4"),
    ("enable.idempotence", "true"),
    ("linger.ms", "20"),
    // The default of Java's clients, so that a symbol's partition does not depend on which client sends the record.
    ("partitioner", "murmur2_random"),
    ("queue.buffering.max.kbytes", "131072"),
    ("queue.buffering.max.messages", "200000"),
    ("reconnect.backoff.max.ms", "2000"),
    ("socket.keepalive.enable", "true"),
];

/// Overrides for a feed that can be resumed: a failed record ends the feed, and no record times out.
const GAPLESS: [(&str, &str); 2] = [("enable.gapless.guarantee", "true"), ("message.timeout.ms", "0")];

/// Settings that resuming a feed relies on. Each has a key, the permitted values, and the reason for rejecting other
/// values.
const GAPLESS_REQUIRES: [(&str, &[&str], &str); 5] = [
    ("acks", &["all", "-1"], "a broker that dies could lose rows that were confirmed"),
    ("enable.gapless.guarantee", &["true"], "later rows could be in the topic without earlier ones"),
    ("enable.idempotence", &["true"], "a retry could repeat rows, or change their order"),
    ("message.timeout.ms", &["0"], "later rows could be in the topic without earlier ones that timed out"),
    (
        "partitioner",
        &["murmur2", "murmur2_random"],
        "the producer must know each row's partition before it sends the row",
    ),
];

/// A setting with which a feed cannot be resumed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("--resume: -X {key}={value}: {reason}; leave it out")]
pub struct NotResumable {
    key: &'static str,
    value: String,
    reason: &'static str,
}

/// Rejects settings with which a feed could not be resumed. Resuming requires that each partition holds a prefix of the
/// records sent to it, without gaps, and that the producer can compute each symbol's partition.
pub(crate) fn check_gapless(given: &SettingsMap) -> Result<(), NotResumable> {
    for (key, permitted, reason) in GAPLESS_REQUIRES {
        if let Some(value) = given.get(key).filter(|value| !permitted.contains(&value.as_str())) {
            return Err(NotResumable { key, value: value.clone(), reason });
        }
    }
    Ok(())
}

/// Returns the user's settings on top of a producer's defaults.
pub(crate) fn producer_config(given: &SettingsMap, gapless: bool) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.extend(DEFAULTS.map(|(key, value)| (key.to_owned(), value.to_owned())));
    // Idempotence requires acks=all, so a lower setting disables it.
    if given.get("acks").is_some_and(|acks| acks != "all" && acks != "-1") {
        config.remove("enable.idempotence");
    }
    if gapless {
        config.extend(GAPLESS.map(|(key, value)| (key.to_owned(), value.to_owned())));
    }
    config.extend(given.clone());
    config
}
