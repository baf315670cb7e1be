//! Writes one group of a batch: drops the records that are already stored and puts the rest, object by object.
//!
//! A record is *possibly stored* if an earlier invocation may have put it into an object:
//!
//! ```text
//!                  gap                next          high watermark
//!   offset  ------[....]---------------|------------------|---------->
//!           stored, or skipped         | some of these    | new, unless
//!           by a gap                   | may be stored    | a gap is listed
//! ```
//!
//! - below the ledger's `next`: an earlier batch has stored the record, or a gap has skipped it;
//! - up to the group's high watermark: another invocation has read an object that reaches this far;
//! - at any offset, while the ledger lists a gap: an object that begins in the gap can reach past `next`.
//!
//! Before the writer puts anything, it lists and reads the objects that can contain a possibly stored record. Every
//! other record is new.

use std::collections::BTreeSet;
use std::ops::Range;

use super::{CommitError, Ledger, Record, Request};

/// State of one group: its unstored records, and the requests in flight.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct GroupWriter {
    group: usize,
    /// Indexes of the group's records, in the order of their offsets.
    records: Vec<usize>,
    /// For each of `records`, `true` until an object that contains the record has been read or put.
    unstored: Vec<bool>,
    /// First offsets of the objects that are being read.
    reading: BTreeSet<i64>,
    listing: bool,
    /// Range of `records` in the object that is being put; empty if no object is being put.
    putting: Range<usize>,
    /// Highest offset in the objects that have been read, if any.
    pub(super) high_watermark: Option<i64>,
}

impl GroupWriter {
    pub(super) fn new(group: usize) -> Self {
        GroupWriter {
            group,
            records: Vec::new(),
            unstored: Vec::new(),
            reading: BTreeSet::new(),
            listing: false,
            putting: 0..0,
            high_watermark: None,
        }
    }

    pub(super) fn add(&mut self, record: usize) {
        self.records.push(record);
    }

    pub(super) fn is_done(&self) -> bool {
        !self.unstored.contains(&true) && self.reading.is_empty() && !self.listing
    }

    /// Starts writing: lists the objects that can contain a possibly stored record, or puts the first object if the
    /// group has no possibly stored record.
    pub(super) fn begin(&mut self, name: &str, records: &[Record<'_>], ledger: &Ledger, span: i64) -> Vec<Request> {
        self.unstored = vec![true; self.records.len()];
        let high_watermark = ledger.high_watermarks.get(name).copied();
        let is_possibly_stored = |offset: i64| {
            offset < ledger.next || high_watermark.is_some_and(|last| offset <= last) || !ledger.gaps.is_empty()
        };
        let mut possibly_stored =
            self.records.iter().map(|&record| records[record].offset).filter(|&offset| is_possibly_stored(offset));
        let Some(first) = possibly_stored.next() else { return self.put_next(records, ledger, span) };
        let last = possibly_stored.next_back().unwrap_or(first);
        self.listing = true;
        // An object that begins below `from` cannot reach `first`.
        vec![Request::ListObjects { group: self.group, from: (first - span + 1).max(0), to: last }]
    }

    /// Reads the listed objects that can contain a record of the group. If no listed object can, puts the next object.
    pub(super) fn on_objects_listed(
        &mut self,
        firsts: &[i64],
        records: &[Record<'_>],
        ledger: &Ledger,
        span: i64,
    ) -> Vec<Request> {
        self.listing = false;
        // Objects of a group do not overlap, so only the last of those that begin at or below the first record can
        // contain that record.
        let first = self.records.first().map_or(0, |&record| records[record].offset);
        self.reading.extend(firsts.iter().copied().filter(|&other| other <= first).max());
        self.reading.extend(firsts.iter().copied().filter(|&other| other > first));
        if self.reading.is_empty() {
            return self.put_next(records, ledger, span);
        }
        self.reading.iter().map(|&first| Request::ReadObject { group: self.group, first }).collect()
    }

    /// Marks the records that an object contains as stored. `lines` are the object's offsets and lines. Puts the next
    /// object once all objects have been read. Fails if the object does not begin with the offset `first`, or contains
    /// a different record with the same offset.
    pub(super) fn on_object_read(
        &mut self,
        first: i64,
        lines: &[(i64, &[u8])],
        records: &[Record<'_>],
        ledger: &Ledger,
        span: i64,
    ) -> Result<Vec<Request>, CommitError> {
        if lines.first().is_none_or(|&(offset, _)| offset != first) {
            return Err(CommitError::DamagedObject { group: self.group, first });
        }
        for &(offset, line) in lines {
            self.high_watermark = self.high_watermark.max(Some(offset));
            let Ok(index) = self.records.binary_search_by_key(&offset, |&record| records[record].offset) else {
                continue;
            };
            if records[self.records[index]].line != line {
                return Err(CommitError::OffsetReused { group: self.group, first, offset });
            }
            self.unstored[index] = false;
        }
        self.reading.remove(&first);
        Ok(if self.reading.is_empty() { self.put_next(records, ledger, span) } else { Vec::new() })
    }

    /// Marks the records of the object that was put as stored, and puts the next object.
    pub(super) fn on_object_written(&mut self, records: &[Record<'_>], ledger: &Ledger, span: i64) -> Vec<Request> {
        self.unstored[std::mem::take(&mut self.putting)].fill(false);
        self.put_next(records, ledger, span)
    }

    /// Handles a conditional put that failed: requests the object that exists under the key. Nothing else is put until
    /// the object has been read.
    pub(super) fn on_key_exists(&mut self, first: i64) -> Vec<Request> {
        self.putting = 0..0;
        self.reading.insert(first);
        vec![Request::ReadObject { group: self.group, first }]
    }

    /// Puts the next object, if a record is unstored. The object begins with the first unstored record. It ends before
    /// the next stored record, spans at most `span` offsets, and does not cross the ledger's `next`, where other
    /// writers begin.
    fn put_next(&mut self, records: &[Record<'_>], ledger: &Ledger, span: i64) -> Vec<Request> {
        let Some(first) = self.unstored.iter().position(|&unstored| unstored) else { return Vec::new() };
        let start = records[self.records[first]].offset;
        let fits = |offset: i64| offset - start < span && (offset < ledger.next) == (start < ledger.next);
        let rest = self.records[first..].iter().zip(&self.unstored[first..]);
        let length = rest.take_while(|&(&record, &unstored)| unstored && fits(records[record].offset)).count();
        self.putting = first..first + length;
        vec![Request::PutObject { group: self.group, records: self.records[self.putting.clone()].to_vec() }]
    }
}
