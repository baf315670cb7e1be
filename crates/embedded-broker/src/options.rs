//! Settings of the broker.

use std::path::PathBuf;

/// Settings of a [`Broker`](crate::Broker).
#[derive(Debug, Clone)]
pub struct Options {
    /// Port on the loopback address; 0 selects a free one.
    pub port: u16,
    pub storage: Storage,
    /// Number of partitions of a topic that is created when a client asks for it. With `None`, topics must be created
    /// explicitly. Kafka's `auto.create.topics.enable` and `num.partitions`.
    pub auto_create: Option<u32>,
    /// Largest record batch in bytes unless the topic's configuration says otherwise. Kafka's `message.max.bytes`.
    pub max_message_bytes: usize,
    /// Largest request in bytes; a larger one closes the connection. Kafka's `socket.request.max.bytes`.
    pub max_request_bytes: usize,
    /// Memory in bytes for requests of more than 64 KiB of all connections together, and as much for such responses.
    /// Connections wait for it. Similar to Kafka's `queued.max.request.bytes`.
    pub max_buffered_bytes: usize,
    /// Time that a consumer group without members waits for further members after the first. Kafka's
    /// `group.initial.rebalance.delay.ms`.
    pub initial_rebalance_delay_ms: i32,
}

impl Default for Options {
    /// Returns the options of a broker in memory on port 9092 with Kafka's limits, without automatic creation of
    /// topics, and without a delay for the first member of a group.
    fn default() -> Self {
        Options {
            port: 9092,
            storage: Storage::Memory,
            auto_create: None,
            max_message_bytes: 1_048_588,
            max_request_bytes: 100 * 1024 * 1024,
            max_buffered_bytes: 256 * 1024 * 1024,
            initial_rebalance_delay_ms: 0,
        }
    }
}

/// Where the broker stores records, topics and offsets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Storage {
    /// In memory. Everything is lost when the broker stops.
    Memory,
    /// In a folder, which is created if it does not exist. A broker that is started on it again continues.
    Folder(PathBuf),
}
