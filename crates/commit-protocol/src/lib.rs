//! Exactly once: the records of one partition in one batch, on their way into objects that other
//! invocations may be writing at the same time.
//!
//! Within a group (the directory part of a record's key) objects form a chain: each begins at the group's first
//! record after the one before, and is named by it. Every writer begins at a state that once was true and
//! writers the same chain. Two that differ only in where their batches end meet at the same key; the first one wins,
//! and the other sees what the object holds. **A record is dropped only when it has been seen, equal, in a stored
//! object.**
//!
//! The partition's [`Ledger`] tells how far the chains go. It is read before anything is put and written after
//! everything is, so that a batch begins at the ledger's `next`, where there is nothing to look for. What makes a
//! record doubtful, and is looked for, is told in `group_writer.rs`.
//!
//! [`CommitProtocol`] does no I/O, and no clock and no chance has a part in it: it is fed answers and gives requests. The
//! function's driver (`partition`), a random simulation and a model checker drive this very code.

mod group_writer;
mod ledger;
mod request;

use std::collections::BTreeMap;

use group_writer::GroupWriter;
pub use ledger::Ledger;
pub use request::{Answer, Request, Version};

/// An object spans fewer offsets than this: how far down an object that holds a record can begin.
pub const MAX_OBJECT_SPAN: i64 = 100_000;

/// A record, as far as its storage goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Record<'a> {
    /// Its place in its partition.
    pub offset: i64,
    /// Which of the batch's groups it belongs to.
    pub group: usize,
    /// What an object holds of it.
    pub line: &'a [u8],
}

/// Why a batch cannot be stored, now or later, before somebody has looked at it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CommitError {
    /// One offset, two records, in one batch.
    ConflictingRecords {
        /// The offset.
        offset: i64,
    },
    /// There are objects but no ledger.
    LedgerMissing {
        /// Which of the batch's groups.
        group: usize,
        /// An object's first offset.
        first: i64,
    },
    /// The ledger disappeared while the batch was being stored.
    LedgerDeleted,
    /// The ledger was written by a sink with other settings.
    LayoutDiffers {
        /// The ledger's layout.
        theirs: String,
    },
    /// An object holds another record of the same offset: the topic was made anew, or a broker lost its tail.
    OffsetReused {
        /// Which of the batch's groups.
        group: usize,
        /// The object's first offset.
        first: i64,
        /// The record's.
        offset: i64,
    },
    /// An object does not begin with the offset that its name tells, or holds nothing.
    DamagedObject {
        /// Which of the batch's groups.
        group: usize,
        /// What the name tells.
        first: i64,
    },
}

/// A partition's records on their way.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CommitProtocol<'a> {
    records: Vec<Record<'a>>,
    groups: &'a [String],
    layout: &'a str,
    span: i64,
    writers: Vec<GroupWriter>,
    ledger: Ledger,
    version: Version,
    phase: Phase,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Phase {
    /// The ledger is awaited for the first time, or after a conflict before anything was put.
    Reading,
    /// There is none: are there objects?
    Probing {
        awaited: usize,
        found: Option<(usize, i64)>,
    },
    /// There are objects: is there really no ledger?
    Confirming {
        group: usize,
        first: i64,
    },
    Creating(Ledger),
    DeclaringGap(Ledger),
    Writing,
    Committing,
    Done,
}

impl<'a> CommitProtocol<'a> {
    /// The records of one partition, in any order; never none. `groups` are the names of the groups that they refer to,
    /// `layout` what must be the same for all who write these protocols, `span` is [`MAX_OBJECT_SPAN`] but for tests.
    ///
    /// # Errors
    /// [`CommitError::ConflictingRecords`]. The same record twice is one record.
    pub fn new(
        mut records: Vec<Record<'a>>,
        groups: &'a [String],
        layout: &'a str,
        span: i64,
    ) -> Result<Self, CommitError> {
        records.sort_by_key(|record| record.offset);
        records.dedup();
        if let Some(pair) = records.windows(2).find(|pair| pair[0].offset == pair[1].offset) {
            return Err(CommitError::ConflictingRecords { offset: pair[0].offset });
        }
        let mut writers: Vec<GroupWriter> = (0..groups.len()).map(GroupWriter::new).collect();
        for (place, record) in records.iter().enumerate() {
            writers[record.group].add(place);
        }
        let ledger = Ledger::starting_at(records.first().map_or(0, |record| record.offset), layout);
        Ok(CommitProtocol {
            records,
            groups,
            layout,
            span,
            writers,
            ledger,
            version: Version::new(),
            phase: Phase::Reading,
        })
    }

    /// The records, one an offset, by offset.
    pub fn records(&self) -> &[Record<'a>] {
        &self.records
    }

    /// The name of one of the batch's groups.
    pub fn group(&self, group: usize) -> &'a str {
        &self.groups[group]
    }

    /// What can be asked before anything is known.
    pub fn begin(&self) -> Request {
        Request::ReadLedger
    }

    /// Every record is in an object, and the ledger says so.
    pub fn is_done(&self) -> bool {
        self.phase == Phase::Done
    }

    /// Where the partition must be delivered from again when the batch has failed: with nothing committed, what is
    /// stored of it cannot be told from what is not.
    pub fn retry_from(&self) -> i64 {
        self.first()
    }

    fn first(&self) -> i64 {
        self.records.first().map_or(0, |record| record.offset)
    }

    /// Takes an answer, and gives the requests that can be sent now: they may be under way side by side.
    ///
    /// # Errors
    /// [`CommitError`]; the chain is not to be fed any more.
    pub fn answer(&mut self, request: &Request, answer: &Answer<'_>) -> Result<Vec<Request>, CommitError> {
        match (request, answer) {
            (Request::ReadLedger, Answer::Ledger(ledger, version)) => self.ledger_is(ledger.clone(), version.clone()),
            (Request::ReadLedger, Answer::Absent) => self.ledger_is_absent(),
            (Request::ProbeGroup { group }, Answer::Objects(firsts)) => Ok(self.probed(*group, firsts)),
            (Request::CreateLedger(_) | Request::ReplaceLedger(..), Answer::Written(version)) => {
                Ok(self.ledger_written(version.clone()))
            }
            (Request::CreateLedger(_) | Request::ReplaceLedger(..), Answer::Conflict) => Ok(self.ledger_has_changed()),
            (Request::ListObjects { group, .. }, Answer::Objects(firsts)) => {
                let requests = self.writers[*group].listed(firsts, &self.records, &self.ledger, self.span);
                Ok(self.or_commit(requests))
            }
            (Request::ReadObject { group, first }, Answer::Object(lines)) => {
                let requests = self.writers[*group].seen(*first, lines, &self.records, &self.ledger, self.span)?;
                Ok(self.or_commit(requests))
            }
            (Request::PutObject { group, .. }, Answer::Written(_)) => {
                let requests = self.writers[*group].written(&self.records, &self.ledger, self.span);
                Ok(self.or_commit(requests))
            }
            (Request::PutObject { group, records }, Answer::Conflict) => {
                Ok(self.writers[*group].key_exists(self.records[records[0]].offset))
            }
            (request, answer) => unreachable!("{answer:?} is no answer to {request:?}"),
        }
    }

    fn ledger_is(&mut self, ledger: Ledger, version: Version) -> Result<Vec<Request>, CommitError> {
        if ledger.layout != self.layout {
            return Err(CommitError::LayoutDiffers { theirs: ledger.layout });
        }
        self.version = version;
        if self.phase == Phase::Committing {
            self.ledger = ledger;
            return Ok(self.commit());
        }
        let first = self.first();
        if first > ledger.next {
            let with_gap = ledger.with_gap(first, self.span);
            self.phase = Phase::DeclaringGap(with_gap.clone());
            return Ok(vec![Request::ReplaceLedger(with_gap, self.version.clone())]);
        }
        self.ledger = ledger;
        Ok(self.write_groups())
    }

    fn ledger_is_absent(&mut self) -> Result<Vec<Request>, CommitError> {
        match self.phase {
            Phase::Reading => {
                let probes: Vec<Request> = (0..self.groups.len()).map(|group| Request::ProbeGroup { group }).collect();
                self.phase = Phase::Probing { awaited: probes.len(), found: None };
                Ok(probes)
            }
            Phase::Confirming { group, first } => Err(CommitError::LedgerMissing { group, first }),
            _ => Err(CommitError::LedgerDeleted),
        }
    }

    fn probed(&mut self, group: usize, firsts: &[i64]) -> Vec<Request> {
        let Phase::Probing { awaited, found } = &mut self.phase else { return Vec::new() };
        *awaited -= 1;
        *found = found.or(firsts.first().map(|&first| (group, first)));
        match (*awaited, *found) {
            (0, None) => {
                // Before anything is put, so that objects without a ledger mean that one was lost.
                self.phase = Phase::Creating(self.ledger.clone());
                vec![Request::CreateLedger(self.ledger.clone())]
            }
            (0, Some((group, first))) => {
                // Another invocation may have created the ledger and begun in the meantime.
                self.phase = Phase::Confirming { group, first };
                vec![Request::ReadLedger]
            }
            _ => Vec::new(),
        }
    }

    fn ledger_written(&mut self, version: Version) -> Vec<Request> {
        match std::mem::replace(&mut self.phase, Phase::Done) {
            Phase::Creating(ledger) | Phase::DeclaringGap(ledger) => {
                self.ledger = ledger;
                self.version = version;
                self.write_groups()
            }
            _ => Vec::new(),
        }
    }

    fn ledger_has_changed(&mut self) -> Vec<Request> {
        if self.phase != Phase::Committing {
            self.phase = Phase::Reading;
        }
        vec![Request::ReadLedger]
    }

    fn write_groups(&mut self) -> Vec<Request> {
        self.phase = Phase::Writing;
        let (records, ledger, span) = (&self.records, &self.ledger, self.span);
        let writers = self.writers.iter_mut().zip(self.groups);
        let requests = writers.flat_map(|(writer, name)| writer.begin(name, records, ledger, span)).collect();
        self.or_commit(requests)
    }

    fn or_commit(&mut self, requests: Vec<Request>) -> Vec<Request> {
        if !self.writers.iter().all(GroupWriter::is_done) {
            return requests;
        }
        self.phase = Phase::Committing;
        self.commit()
    }

    fn commit(&mut self) -> Vec<Request> {
        let next = self.records.last().map_or(0, |record| record.offset + 1);
        let high_watermark = self
            .groups
            .iter()
            .zip(&self.writers)
            .filter_map(|(name, writer)| Some((name.clone(), writer.high_watermark?)));
        let high_watermarks: BTreeMap<String, i64> = high_watermark.collect();
        let joined = self.ledger.advanced(next, &high_watermarks, self.span);
        if joined == self.ledger {
            self.phase = Phase::Done;
            return Vec::new();
        }
        vec![Request::ReplaceLedger(joined, self.version.clone())]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn groups() -> Vec<String> {
        vec!["data/".to_owned(), "quarantine/".to_owned()]
    }

    fn protocol(groups: &[String]) -> CommitProtocol<'_> {
        let record = |offset, group| Record { offset, group, line: b"line" };
        CommitProtocol::new(vec![record(6, 1), record(5, 0), record(7, 0)], groups, "gzip", MAX_OBJECT_SPAN).unwrap()
    }

    fn put(group: usize, records: &[usize]) -> Request {
        Request::PutObject { group, records: records.to_vec() }
    }

    #[test]
    fn a_batch_that_follows_the_one_before_puts_each_group_and_then_the_ledger() {
        let groups = groups();
        let mut protocol = protocol(&groups);
        let (before, version) = (Ledger::starting_at(5, "gzip"), "one".to_owned());
        let requests = protocol.answer(&protocol.begin(), &Answer::Ledger(before, version.clone())).unwrap();
        assert_eq!(requests, [put(0, &[0, 2]), put(1, &[1])]);
        let written = Answer::Written(Version::new());
        assert_eq!(protocol.answer(&requests[1], &written).unwrap(), [], "one is still under way");
        let commit = [Request::ReplaceLedger(Ledger::starting_at(8, "gzip"), version)];
        assert_eq!(protocol.answer(&requests[0], &written).unwrap(), commit);
        assert_eq!(protocol.answer(&commit[0], &written).unwrap(), []);
        assert!(protocol.is_done());
    }

    #[test]
    fn a_ledger_that_is_deleted_before_the_commit_is_not_made_anew() {
        let groups = groups();
        let mut protocol = protocol(&groups);
        let before = Ledger::starting_at(5, "gzip");
        let puts = protocol.answer(&protocol.begin(), &Answer::Ledger(before, "one".to_owned())).unwrap();
        let written = Answer::Written(Version::new());
        protocol.answer(&puts[0], &written).unwrap();
        let commit = protocol.answer(&puts[1], &written).unwrap();
        assert_eq!(protocol.answer(&commit[0], &Answer::Conflict).unwrap(), [Request::ReadLedger]);
        assert_eq!(protocol.answer(&Request::ReadLedger, &Answer::Absent), Err(CommitError::LedgerDeleted));
    }

    #[test]
    fn a_ledger_is_made_before_anything_is_put_once_no_group_has_an_object() {
        let groups = groups();
        let mut protocol = protocol(&groups);
        let probes = protocol.answer(&protocol.begin(), &Answer::Absent).unwrap();
        assert_eq!(probes, [Request::ProbeGroup { group: 0 }, Request::ProbeGroup { group: 1 }]);
        assert_eq!(protocol.answer(&probes[0], &Answer::Objects(&[])).unwrap(), []);
        let create = [Request::CreateLedger(Ledger::starting_at(5, "gzip"))];
        assert_eq!(protocol.answer(&probes[1], &Answer::Objects(&[])).unwrap(), create);
        let requests = protocol.answer(&create[0], &Answer::Written("one".to_owned())).unwrap();
        assert_eq!(requests, [put(0, &[0, 2]), put(1, &[1])]);
    }
}
