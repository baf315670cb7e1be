//! Committed offsets of all groups.
//!
//! Offsets change only by [`OffsetEvent`]s, so a journal of the events is enough to restore them. An offset that a
//! transaction commits is pending until the transaction ends.

mod event;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

pub use event::OffsetEvent;

pub use crate::codec::DecodeError;
pub use crate::topic_partition::TopicPartition;

/// An offset that a group has committed for a partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommittedOffset {
    pub offset: i64,
    /// -1 if the client did not send one.
    pub leader_epoch: i32,
    pub metadata: String,
    /// Wall-clock time of the commit, in milliseconds since 1970.
    pub commit_timestamp_ms: i64,
}

/// A committed offset, and how many events were replayed before it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Stored {
    offset: CommittedOffset,
    sequence: u64,
}

type ByPartition = BTreeMap<TopicPartition, Stored>;
type ByGroup = BTreeMap<String, ByPartition>;

/// Committed offsets of all groups, and those of open transactions.
#[derive(Clone, Debug, Default)]
pub struct Offsets {
    committed: ByGroup,
    /// Offsets of open transactions by producer id.
    pending: BTreeMap<i64, ByGroup>,
    sequence: u64,
}

impl Offsets {
    /// Returns the committed offset of a partition.
    #[must_use]
    pub fn get(&self, group_id: &str, partition: &TopicPartition) -> Option<&CommittedOffset> {
        self.committed.get(group_id)?.get(partition).map(|stored| &stored.offset)
    }

    /// Iterates over the committed offsets of a group, in the order of topics and partitions.
    pub fn of_group(&self, group_id: &str) -> impl Iterator<Item = (&TopicPartition, &CommittedOffset)> {
        let offsets = self.committed.get(group_id);
        offsets.into_iter().flatten().map(|(partition, stored)| (partition, &stored.offset))
    }

    /// Returns `true` if an open transaction has committed an offset for the partition.
    #[must_use]
    pub fn is_pending(&self, group_id: &str, partition: &TopicPartition) -> bool {
        self.pending.values().any(|groups| groups.get(group_id).is_some_and(|offsets| offsets.contains_key(partition)))
    }

    /// Returns `true` if the producer has an open transaction with offsets.
    #[must_use]
    pub fn has_pending(&self, producer_id: i64) -> bool {
        self.pending.contains_key(&producer_id)
    }

    /// Returns `true` if the group has an offset, committed or pending.
    #[must_use]
    pub fn has_group(&self, group_id: &str) -> bool {
        self.committed.contains_key(group_id) || self.pending.values().any(|groups| groups.contains_key(group_id))
    }

    /// Iterates over the groups in which a transaction of the producer has pending offsets.
    pub(crate) fn pending_groups(&self, producer_id: i64) -> impl Iterator<Item = &str> {
        self.pending.get(&producer_id).into_iter().flat_map(|groups| groups.keys().map(String::as_str))
    }

    /// Returns the topics for which a group has an offset, committed or pending.
    pub(crate) fn topics(&self) -> BTreeSet<String> {
        let groups = std::iter::once(&self.committed).chain(self.pending.values()).flatten();
        groups.flat_map(|(_, offsets)| offsets.keys()).map(|partition| partition.topic.clone()).collect()
    }

    /// Returns the ids of all groups that have an offset for the topic, committed or pending, with the partition.
    pub(crate) fn of_topic(&self, topic: &str) -> Vec<(String, TopicPartition)> {
        let mut found: Vec<(String, TopicPartition)> = std::iter::once(&self.committed)
            .chain(self.pending.values())
            .flatten()
            .flat_map(|(group_id, offsets)| offsets.keys().map(move |partition| (group_id, partition)))
            .filter(|(_, partition)| partition.topic == topic)
            .map(|(group_id, partition)| (group_id.clone(), partition.clone()))
            .collect();
        found.sort();
        found.dedup();
        found
    }

    /// Changes the offsets by an event. A generation changes nothing here.
    pub fn replay(&mut self, event: OffsetEvent) {
        self.sequence += 1;
        match event {
            OffsetEvent::Committed { group_id, partition, offset } => {
                let stored = Stored { offset, sequence: self.sequence };
                self.committed.entry(group_id).or_default().insert(partition, stored);
            }
            OffsetEvent::Deleted { group_id, partition } => {
                remove(&mut self.committed, &group_id, &partition);
                for groups in self.pending.values_mut() {
                    remove(groups, &group_id, &partition);
                }
            }
            OffsetEvent::GroupDeleted { group_id } => {
                self.committed.remove(&group_id);
                for groups in self.pending.values_mut() {
                    groups.remove(&group_id);
                }
            }
            OffsetEvent::Pending { group_id, producer_id, partition, offset } => {
                let stored = Stored { offset, sequence: self.sequence };
                let groups = self.pending.entry(producer_id).or_default();
                groups.entry(group_id).or_default().insert(partition, stored);
            }
            OffsetEvent::TransactionEnded { producer_id, committed } => {
                let groups = self.pending.remove(&producer_id).unwrap_or_default();
                if committed {
                    self.commit_pending(groups);
                }
            }
            OffsetEvent::Generation { .. } | OffsetEvent::Members { .. } => {}
        }
        self.pending.retain(|_, groups| !groups.is_empty());
    }

    /// Makes the offsets of a transaction visible, except where the group has committed a newer one without it.
    fn commit_pending(&mut self, groups: ByGroup) {
        for (group_id, offsets) in groups {
            let committed = self.committed.entry(group_id).or_default();
            for (partition, stored) in offsets {
                if committed.get(&partition).is_none_or(|present| present.sequence < stored.sequence) {
                    committed.insert(partition, stored);
                }
            }
        }
    }

    /// Returns events that lead from no offsets to the present ones.
    #[must_use]
    pub fn snapshot(&self) -> Vec<OffsetEvent> {
        let committed = self.committed.iter().flat_map(|(group_id, offsets)| {
            offsets.iter().map(move |(partition, stored)| {
                let offset = stored.offset.clone();
                let event = OffsetEvent::Committed { group_id: group_id.clone(), partition: partition.clone(), offset };
                (stored.sequence, event)
            })
        });
        let pending = self.pending.iter().flat_map(|(producer_id, groups)| {
            groups.iter().flat_map(move |(group_id, offsets)| {
                offsets.iter().map(move |(partition, stored)| {
                    let event = OffsetEvent::Pending {
                        group_id: group_id.clone(),
                        producer_id: *producer_id,
                        partition: partition.clone(),
                        offset: stored.offset.clone(),
                    };
                    (stored.sequence, event)
                })
            })
        });
        let mut events: Vec<(u64, OffsetEvent)> = committed.chain(pending).collect();
        events.sort_by_key(|(sequence, _)| *sequence);
        events.into_iter().map(|(_, event)| event).collect()
    }
}

fn remove(groups: &mut ByGroup, group_id: &str, partition: &TopicPartition) {
    if let Some(offsets) = groups.get_mut(group_id) {
        offsets.remove(partition);
        if offsets.is_empty() {
            groups.remove(group_id);
        }
    }
}
