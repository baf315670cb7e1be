//! The records of one partition: which group each belongs to, and where its line is.

use std::collections::HashMap;
use std::ops::Range;

use commit_protocol as chain;
use lake_format::keys::{KeyLayout, ObjectPrefix};
use lake_format::record_line::LineHead;

/// The part of a batch that is of one partition.
#[derive(Debug)]
pub struct PartitionBatch {
    /// The topic's name.
    pub topic: String,
    /// The partition's number.
    pub partition: i32,
    /// The directories of the prefixes that the records belong to.
    pub prefixes: Vec<String>,
    /// Which of the prefixes hold data, not poison.
    pub is_data: Vec<bool>,
    /// Offset, group and place in the batch's lines, in the order of the event.
    records: Vec<(i64, usize, Range<usize>)>,
    places: HashMap<ObjectPrefix<'static>, usize>,
    /// The group of the record before, which mostly is the next one's too.
    last: Option<(ObjectPrefix<'static>, usize)>,
    /// What the lines begin with.
    pub(crate) head: LineHead,
}

impl PartitionBatch {
    /// No records yet.
    pub(crate) fn new(topic: &str, partition: i32) -> Self {
        PartitionBatch {
            topic: topic.to_owned(),
            partition,
            prefixes: Vec::new(),
            is_data: Vec::new(),
            records: Vec::new(),
            places: HashMap::new(),
            last: None,
            head: LineHead::default(),
        }
    }

    /// How many records the event holds of it.
    pub fn len(&self) -> u64 {
        self.records.len() as u64
    }

    /// There are none.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// Adds a record, by its offset, its group and the place of its line.
    #[inline]
    pub(crate) fn push(&mut self, offset: i64, group: ObjectPrefix<'static>, line: Range<usize>, layout: &KeyLayout) {
        let place = match &self.last {
            Some((last, place)) if *last == group => *place,
            _ => self.place(group, layout),
        };
        self.records.push((offset, place, line));
    }

    /// The place of a group, a new one if there has been no record of it.
    fn place(&mut self, group: ObjectPrefix<'static>, layout: &KeyLayout) -> usize {
        let place = *self.places.entry(group.clone()).or_insert_with(|| {
            self.prefixes.push(layout.directory(&self.topic, &group));
            self.is_data.push(matches!(group, ObjectPrefix::Data { .. }));
            self.prefixes.len() - 1
        });
        self.last = Some((group, place));
        place
    }

    /// The records as a chain takes them, `lines` being the batch's.
    pub(crate) fn records<'b>(&self, lines: &'b [u8]) -> Vec<chain::Record<'b>> {
        self.records
            .iter()
            .map(|(offset, group, line)| chain::Record { offset: *offset, group: *group, line: &lines[line.clone()] })
            .collect()
    }
}
