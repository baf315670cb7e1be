//! The records of one partition in a batch, each with its object prefix and the byte range of its line.

use std::collections::HashMap;
use std::ops::Range;

use lake_format::keys::{KeyLayout, ObjectPrefix};
use lake_format::record_line::LineHead;

/// The records of one partition in a batch.
#[derive(Debug)]
pub struct PartitionBatch {
    pub topic: String,
    pub partition: i32,
    /// Object prefixes of the records, such as `data/quotes/dt=2026-11-21/`. The commit protocol's groups are indexes
    /// into this list.
    pub prefixes: Vec<String>,
    /// For each prefix, `true` if its objects contain valid records, `false` if the prefix is in the quarantine.
    pub is_data: Vec<bool>,
    /// Records in the order of the event.
    records: Vec<Entry>,
    prefix_indexes: HashMap<ObjectPrefix<'static>, usize>,
    /// Object prefix of the record added last, and its index. Most records have the same prefix as the previous one.
    last_prefix: Option<(ObjectPrefix<'static>, usize)>,
    /// Writes the beginning of each line of the partition.
    pub(super) head: LineHead,
}

#[derive(Debug)]
struct Entry {
    offset: i64,
    /// Index of the record's object prefix in [`PartitionBatch::prefixes`].
    prefix: usize,
    /// Byte range of the record's line in the batch's lines.
    line: Range<usize>,
}

impl PartitionBatch {
    pub(super) fn new(topic: &str, partition: i32) -> Self {
        PartitionBatch {
            topic: topic.to_owned(),
            partition,
            prefixes: Vec::new(),
            is_data: Vec::new(),
            records: Vec::new(),
            prefix_indexes: HashMap::new(),
            last_prefix: None,
            head: LineHead::default(),
        }
    }

    /// Returns the number of the partition's records in the event, duplicates included.
    pub fn len(&self) -> u64 {
        self.records.len() as u64
    }

    /// Returns `true` if the event has no records of the partition.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// Adds a record. `line` is the byte range of its line in the batch's lines.
    #[inline]
    pub(super) fn push(&mut self, offset: i64, prefix: ObjectPrefix<'static>, line: Range<usize>, layout: &KeyLayout) {
        let prefix = match &self.last_prefix {
            Some((last, index)) if *last == prefix => *index,
            _ => self.prefix_index(prefix, layout),
        };
        self.records.push(Entry { offset, prefix, line });
    }

    /// Returns the index of a prefix, and adds the prefix if it is new.
    fn prefix_index(&mut self, prefix: ObjectPrefix<'static>, layout: &KeyLayout) -> usize {
        let index = *self.prefix_indexes.entry(prefix.clone()).or_insert_with(|| {
            self.prefixes.push(layout.directory(&self.topic, &prefix));
            self.is_data.push(matches!(prefix, ObjectPrefix::Data { .. }));
            self.prefixes.len() - 1
        });
        self.last_prefix = Some((prefix, index));
        index
    }

    /// Returns the records for the commit protocol. `lines` are the batch's lines.
    pub(super) fn records<'b>(&self, lines: &'b [u8]) -> Vec<commit_protocol::Record<'b>> {
        self.records
            .iter()
            .map(|Entry { offset, prefix, line }| commit_protocol::Record {
                offset: *offset,
                group: *prefix,
                line: &lines[line.clone()],
            })
            .collect()
    }
}
