//! Merges the simulated rows of all bars in chronological order.
//!
//! The bars are sorted by the time at which their rows begin, and the rows of a bar are simulated only when that time
//! is reached. Only bars that overlap in time have their rows in memory.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

use super::record_buffer::{Record, RecordBuffer};
use crate::simulate::{MadeRows, Simulation};

/// Iterator over the records of a sorted buffer in chronological order, with simulated rows in place of bars.
pub(crate) struct Interleaved<'a> {
    simulation: Simulation,
    buffer: &'a RecordBuffer,
    /// Index of the next record of the buffer.
    next: usize,
    active: BinaryHeap<Reverse<Active>>,
}

/// A bar with simulated rows that have not been returned yet.
struct Active {
    micros: i64,
    index: usize,
    rows: MadeRows,
}

/// A record and its origin.
pub(crate) struct Interleave<'a> {
    pub(crate) record: Record<'a>,
    pub(crate) kind: RecordKind,
}

/// Origin of a record to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RecordKind {
    /// A row of an input.
    Row,
    /// The first simulated row of a bar.
    FirstMade,
    /// A later simulated row of a bar.
    Made,
}

impl<'a> Interleaved<'a> {
    /// Creates an iterator. `buffer` must be sorted by the times at which rows begin.
    pub(crate) fn new(simulation: Simulation, buffer: &'a RecordBuffer) -> Self {
        Interleaved { simulation, buffer, next: 0, active: BinaryHeap::new() }
    }

    /// Returns the next record; `None` at the end. Simulated rows are written to `json`. Simulated rows with the same
    /// time keep the order of their bars; an unchanged record with that time comes before them.
    pub(crate) fn next<'b>(&mut self, json: &'b mut Vec<u8>) -> Option<Interleave<'b>>
    where
        'a: 'b,
    {
        loop {
            let begins = self.buffer.get(self.next);
            let is_due = |first: &Reverse<Active>| begins.is_none_or(|begins| first.0.micros < begins.micros);
            if self.active.peek().is_some_and(is_due) {
                let Reverse(Active { index, mut rows, .. }) = self.active.pop()?;
                let kind = if rows.is_at_start() { RecordKind::FirstMade } else { RecordKind::Made };
                let micros = rows.write_next(json)?;
                if let Some(micros) = rows.next_micros() {
                    self.active.push(Reverse(Active { micros, index, rows }));
                }
                let record = Record { micros, value: json, ..self.buffer.get(index)? };
                return Some(Interleave { record, kind });
            }
            let record = begins?;
            let index = self.next;
            self.next += 1;
            let Ok(bar) = self.simulation.bar(record.value, record.micros) else {
                return Some(Interleave { record, kind: RecordKind::Row });
            };
            let rows = self.simulation.make(&bar);
            if let Some(micros) = rows.next_micros() {
                self.active.push(Reverse(Active { micros, index, rows }));
            }
        }
    }
}

impl PartialEq for Active {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Active {}

impl PartialOrd for Active {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Active {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.micros, self.index).cmp(&(other.micros, other.index))
    }
}
