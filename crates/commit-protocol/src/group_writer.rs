//! One group's part of a protocol: what is stored already is dropped, the rest is put, object by object.

use std::collections::BTreeSet;
use std::ops::Range;

use super::{CommitError, Ledger, Record, Request};

/// The records of one group, on their way into objects.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct GroupWriter {
    group: usize,
    /// Places of the group's records, by offset.
    records: Vec<usize>,
    /// Which of `records` are in no object that has been seen.
    unstored: Vec<bool>,
    /// Objects that have been asked for and not been seen.
    awaited: BTreeSet<i64>,
    listing: bool,
    /// Which of `records` are being put.
    putting: Range<usize>,
    /// The greatest offset of the objects that have been seen.
    pub(super) high_watermark: Option<i64>,
}

impl GroupWriter {
    pub(super) fn new(group: usize) -> Self {
        GroupWriter {
            group,
            records: Vec::new(),
            unstored: Vec::new(),
            awaited: BTreeSet::new(),
            listing: false,
            putting: 0..0,
            high_watermark: None,
        }
    }

    pub(super) fn add(&mut self, place: usize) {
        self.records.push(place);
    }

    pub(super) fn is_done(&self) -> bool {
        !self.unstored.contains(&true) && self.awaited.is_empty() && !self.listing
    }

    /// Sets out: a record in doubt is looked for, then all that is left is put.
    pub(super) fn begin(&mut self, name: &str, records: &[Record<'_>], ledger: &Ledger, span: i64) -> Vec<Request> {
        self.unstored = vec![true; self.records.len()];
        let known = ledger.high_watermarks.get(name).copied();
        let is_possibly_stored =
            |offset: i64| offset < ledger.next || known.is_some_and(|last| offset <= last) || !ledger.gaps.is_empty();
        let mut possibly_stored =
            self.records.iter().map(|&place| records[place].offset).filter(|&offset| is_possibly_stored(offset));
        let Some(first) = possibly_stored.next() else { return self.put(records, ledger, span) };
        let last = possibly_stored.next_back().unwrap_or(first);
        self.listing = true;
        // An object that begins further down cannot reach the first.
        vec![Request::ListObjects { group: self.group, from: (first - span + 1).max(0), to: last }]
    }

    /// These objects are in the range that was asked for.
    pub(super) fn listed(
        &mut self,
        firsts: &[i64],
        records: &[Record<'_>],
        ledger: &Ledger,
        span: i64,
    ) -> Vec<Request> {
        self.listing = false;
        // Objects of a group do not overlap, so of those that begin before the first record only the last can hold it.
        let first = self.records.first().map_or(0, |&place| records[place].offset);
        self.awaited.extend(firsts.iter().copied().filter(|&other| other <= first).max());
        self.awaited.extend(firsts.iter().copied().filter(|&other| other > first));
        if self.awaited.is_empty() {
            return self.put(records, ledger, span);
        }
        self.awaited.iter().map(|&first| Request::ReadObject { group: self.group, first }).collect()
    }

    /// An object holds these offsets and lines.
    pub(super) fn seen(
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
            let Ok(index) = self.records.binary_search_by_key(&offset, |&place| records[place].offset) else {
                continue;
            };
            if records[self.records[index]].line != line {
                return Err(CommitError::OffsetReused { group: self.group, first, offset });
            }
            self.unstored[index] = false;
        }
        self.awaited.remove(&first);
        Ok(if self.awaited.is_empty() { self.put(records, ledger, span) } else { Vec::new() })
    }

    /// What was to be put is in place.
    pub(super) fn written(&mut self, records: &[Record<'_>], ledger: &Ledger, span: i64) -> Vec<Request> {
        self.unstored[std::mem::take(&mut self.putting)].fill(false);
        self.put(records, ledger, span)
    }

    /// There is an object already where one was to be put: it is seen before anything else is done.
    pub(super) fn key_exists(&mut self, first: i64) -> Vec<Request> {
        self.putting = 0..0;
        self.awaited.insert(first);
        vec![Request::ReadObject { group: self.group, first }]
    }

    /// The next object: from the first record that is left, without a record that is elsewhere, within the
    /// span, and on one side of the ledger's `next`, where other writers begin.
    fn put(&mut self, records: &[Record<'_>], ledger: &Ledger, span: i64) -> Vec<Request> {
        let Some(first) = self.unstored.iter().position(|&unstored| unstored) else { return Vec::new() };
        let start = records[self.records[first]].offset;
        let fits = |offset: i64| offset - start < span && (offset < ledger.next) == (start < ledger.next);
        let rest = self.records[first..].iter().zip(&self.unstored[first..]);
        let length = rest.take_while(|&(&place, &unstored)| unstored && fits(records[place].offset)).count();
        self.putting = first..first + length;
        vec![Request::PutObject { group: self.group, records: self.records[self.putting.clone()].to_vec() }]
    }
}
