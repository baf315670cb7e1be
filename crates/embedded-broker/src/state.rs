//! Everything that the handlers of requests share.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use kafka_log::{Folder, FolderError, JournalKind};

use crate::blocking::blocking;
use crate::clock::Clock;
use crate::error::BrokerError;
use crate::groups::Groups;
use crate::memory::Memory;
use crate::options::{Options, Storage};
use crate::topics::{Topic, TopicConfigs, Topics};
use crate::transactions::Transactions;

/// Id of the only node.
pub(crate) const NODE_ID: i32 = 1;

/// Epoch of every partition's leader, which never changes.
pub(crate) const LEADER_EPOCH: i32 = 0;

/// The state of a running broker.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) options: Options,
    pub(crate) address: SocketAddr,
    pub(crate) cluster_id: String,
    pub(crate) topics: Topics,
    pub(crate) groups: Groups,
    pub(crate) transactions: Transactions,
    pub(crate) memory: Memory,
    closed: AtomicBool,
}

impl State {
    /// Opens the storage. To be followed by [`recovery::complete`](crate::recovery::complete).
    pub(crate) fn open(options: Options, address: SocketAddr) -> Result<Self, BrokerError> {
        let folder = match &options.storage {
            Storage::Memory => Folder::in_memory(),
            Storage::Folder(path) => Folder::open(path)?,
        };
        let cluster_id = folder.cluster_id().to_owned();
        let (journal, entries) = folder.open_journal(JournalKind::Offsets)?;
        let group_options = kafka_groups::classic::Options {
            initial_rebalance_delay_ms: options.initial_rebalance_delay_ms,
            ..Default::default()
        };
        let groups = Groups::open(group_options, journal, &entries, Clock::start())?;
        let (journal, entries) = folder.open_journal(JournalKind::Transactions)?;
        let transactions = Transactions::open(journal, &entries)?;
        let topics = Topics::open(folder, &options)?;
        let memory = Memory::new(options.max_buffered_bytes);
        let closed = AtomicBool::new(false);
        Ok(State { options, address, cluster_id, topics, groups, transactions, memory, closed })
    }

    /// Creates a topic without committed offsets.
    pub(crate) fn create_topic(
        &self,
        name: &str,
        partitions: i32,
        configs: TopicConfigs,
    ) -> Result<Arc<Topic>, FolderError> {
        blocking(|| self.topics.create(name, partitions, configs, || self.groups.forget_topic(name)))
    }

    /// Deletes a topic with its committed offsets and its records, in this order: a topic that is created with the name
    /// must not be read from those offsets.
    pub(crate) fn delete_topic(&self, topic: &Topic) -> Result<(), FolderError> {
        let forget = || {
            if let Err(error) = self.groups.forget_topic(&topic.name) {
                let name = topic.name.as_str();
                tracing::error!(topic = name, %error, "committed offsets of a deleted topic stay until it is recreated");
            }
        };
        blocking(|| {
            self.topics.delete(topic, forget)?.remove();
            Ok(())
        })
    }

    /// Stops accepting records.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::SeqCst)
    }
}
