//! The commit protocol: stores each record of a Kafka partition in exactly one object, using only conditional writes.
//!
//! An invocation delivers a batch of records. Other invocations may deliver the same records at the same time, split
//! into different batches, and any invocation may fail at any request. For the records of one partition in one batch,
//! this crate decides what to read and what to write.
//!
//! # Why each record is stored once
//!
//! Within a group (the records whose objects share an object prefix), objects form a sequence. Each object begins with
//! the group's first record after the previous object and is named after the offset of that record. Every writer starts
//! from a view of the ledger and the objects that was correct when the writer read it, and continues the same sequence.
//! Two writers whose batches differ only in where they end arrive at the same key: the first writer creates the object,
//! and the second one reads it. **A writer drops a record only after it has seen an equal record in a stored object.**
//!
//! The partition's [`Ledger`] records how far these sequences reach. The protocol reads the ledger before it puts the
//! first object and replaces the ledger after the last one. The next batch then begins at the ledger's `next` and does
//! not have to search for its records. `group_writer.rs` decides which records are possibly stored and must be searched
//! for.
//!
//! # Phases
//!
//! ```text
//!          read ledger <------------------------------------------+
//!           |       |                                             |
//!     found |       | missing                                     |
//!           |       v                                             |
//!           |   probe each group -- no object --> create ledger --+ conflict:
//!           |       |                                |            | another writer
//!           |       | object: read again;            | written    | was faster
//!           |       | still missing: error           |            |
//!           v       v                                |            |
//! batch begins past `next`? -- yes --> declare gap --|------------+
//!           |                              |         |
//!        no |                      written |         |
//!           v                              v         v
//! write each group: list -> read -> put -> put -> ...
//!           |
//!           v
//! commit ledger (conflict: read, merge, replace again)
//!           |
//!           v
//!          done
//! ```
//!
//! Groups are probed concurrently and written concurrently.
//!
//! # One transition function
//!
//! [`CommitProtocol`] does no I/O and uses neither a clock nor random numbers. [`CommitProtocol::answer`] takes the
//! storage's answer to a request and returns the requests to send next. The sink's committer, a randomized simulation
//! and a model checker all drive this code.

mod group_writer;
mod ledger;
mod request;

use std::collections::BTreeMap;

use group_writer::GroupWriter;
pub use ledger::Ledger;
pub use request::{Answer, Request, Version};

/// Maximum number of offsets that an object spans. Records that span more are split into several objects. The limit
/// bounds how far below a record's offset the object that contains the record can begin.
pub const MAX_OBJECT_SPAN: i64 = 100_000;

/// A record to store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Record<'a> {
    pub offset: i64,
    /// Index of the record's group in the batch.
    pub group: usize,
    /// The record's line in an object.
    pub line: &'a [u8],
}

/// Reason that a batch cannot be stored. Retrying does not help; an operator must intervene.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CommitError {
    /// The batch contains two different records with the same offset.
    ConflictingRecords {
        /// Offset of both records.
        offset: i64,
    },
    /// Objects exist, but the ledger does not.
    LedgerMissing {
        /// Index of the object's group in the batch.
        group: usize,
        /// First offset of one of the objects.
        first: i64,
    },
    /// The ledger was deleted while the batch was being stored.
    LedgerDeleted,
    /// The ledger was written with a different layout.
    LayoutDiffers {
        /// Layout in the ledger.
        theirs: String,
    },
    /// An object contains a different record with the same offset: the topic was recreated, or a broker lost the end of
    /// its log.
    OffsetReused {
        /// Index of the object's group in the batch.
        group: usize,
        /// The object's first offset.
        first: i64,
        /// Offset of both records.
        offset: i64,
    },
    /// An object is empty, or does not begin with the offset in its name.
    DamagedObject {
        /// Index of the object's group in the batch.
        group: usize,
        /// The first offset in the object's name.
        first: i64,
    },
}

/// State machine that stores the records of one partition in one batch.
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
    /// Reading the ledger for the first time, or again after a conflict that occurred before any object was put.
    ReadingLedger,
    /// The ledger is missing. Looking for an object in each group.
    ProbingGroups {
        awaited: usize,
        found: Option<(usize, i64)>,
    },
    /// An object exists. Reading the ledger again, to confirm that the ledger is missing.
    ConfirmingLedgerMissing {
        group: usize,
        first: i64,
    },
    CreatingLedger(Ledger),
    DeclaringGap(Ledger),
    WritingGroups,
    CommittingLedger,
    Done,
}

impl<'a> CommitProtocol<'a> {
    /// Creates the protocol for the records of one partition, which may be in any order but must not be empty.
    ///
    /// `groups` are the names of the groups, to which the records refer by index. `layout` is a string that must be the
    /// same for all writers of the partition. `span` is [`MAX_OBJECT_SPAN`], except in tests. Exact duplicates of a
    /// record are dropped.
    ///
    /// # Errors
    /// [`CommitError::ConflictingRecords`] if two different records have the same offset.
    ///
    /// # Panics
    /// If a record's group is not an index into `groups`.
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
        for (index, record) in records.iter().enumerate() {
            writers[record.group].add(index);
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
            phase: Phase::ReadingLedger,
        })
    }

    /// Returns the records sorted by offset, without duplicates.
    pub fn records(&self) -> &[Record<'a>] {
        &self.records
    }

    /// Returns the name of a group, given its index in the batch.
    pub fn group(&self, group: usize) -> &'a str {
        &self.groups[group]
    }

    /// Returns the first request to send.
    pub fn begin(&self) -> Request {
        Request::ReadLedger
    }

    /// Returns `true` when every record is stored and the ledger is committed.
    pub fn is_done(&self) -> bool {
        self.phase == Phase::Done
    }

    /// Returns the offset from which to deliver the partition again if the batch fails. This is always the first
    /// offset, because which records are stored is unknown until the ledger is committed.
    pub fn retry_from(&self) -> i64 {
        self.first()
    }

    fn first(&self) -> i64 {
        self.records.first().map_or(0, |record| record.offset)
    }

    /// Takes the answer to a request and returns the requests to send next, which may run concurrently.
    ///
    /// # Errors
    /// [`CommitError`] if the batch cannot be stored. This method must not be called again after an error.
    ///
    /// # Panics
    /// If the answer does not match the request.
    pub fn answer(&mut self, request: &Request, answer: &Answer<'_>) -> Result<Vec<Request>, CommitError> {
        match (request, answer) {
            (Request::ReadLedger, Answer::Ledger(ledger, version)) => {
                self.on_ledger_read(ledger.clone(), version.clone())
            }
            (Request::ReadLedger, Answer::Absent) => self.on_ledger_absent(),
            (Request::ProbeGroup { group }, Answer::Objects(firsts)) => Ok(self.on_group_probed(*group, firsts)),
            (Request::CreateLedger(_) | Request::ReplaceLedger(..), Answer::Written(version)) => {
                Ok(self.on_ledger_written(version.clone()))
            }
            (Request::CreateLedger(_) | Request::ReplaceLedger(..), Answer::PreconditionFailed) => {
                Ok(self.on_ledger_conflict())
            }
            (Request::ListObjects { group, .. }, Answer::Objects(firsts)) => {
                let requests = self.writers[*group].on_objects_listed(firsts, &self.records, &self.ledger, self.span);
                Ok(self.commit_if_stored(requests))
            }
            (Request::ReadObject { group, first }, Answer::Object(lines)) => {
                let requests =
                    self.writers[*group].on_object_read(*first, lines, &self.records, &self.ledger, self.span)?;
                Ok(self.commit_if_stored(requests))
            }
            (Request::PutObject { group, .. }, Answer::Written(_)) => {
                let requests = self.writers[*group].on_object_written(&self.records, &self.ledger, self.span);
                Ok(self.commit_if_stored(requests))
            }
            (Request::PutObject { group, records }, Answer::PreconditionFailed) => {
                Ok(self.writers[*group].on_key_exists(self.records[records[0]].offset))
            }
            (request, answer) => unreachable!("{answer:?} does not answer {request:?}"),
        }
    }

    fn on_ledger_read(&mut self, ledger: Ledger, version: Version) -> Result<Vec<Request>, CommitError> {
        if ledger.layout != self.layout {
            return Err(CommitError::LayoutDiffers { theirs: ledger.layout });
        }
        self.version = version;
        if self.phase == Phase::CommittingLedger {
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

    fn on_ledger_absent(&mut self) -> Result<Vec<Request>, CommitError> {
        match self.phase {
            Phase::ReadingLedger => {
                let probes: Vec<Request> = (0..self.groups.len()).map(|group| Request::ProbeGroup { group }).collect();
                self.phase = Phase::ProbingGroups { awaited: probes.len(), found: None };
                Ok(probes)
            }
            Phase::ConfirmingLedgerMissing { group, first } => Err(CommitError::LedgerMissing { group, first }),
            _ => Err(CommitError::LedgerDeleted),
        }
    }

    fn on_group_probed(&mut self, group: usize, firsts: &[i64]) -> Vec<Request> {
        let Phase::ProbingGroups { awaited, found } = &mut self.phase else { return Vec::new() };
        *awaited -= 1;
        *found = found.or(firsts.first().map(|&first| (group, first)));
        match (*awaited, *found) {
            (0, None) => {
                // The ledger is created before any object is put, so objects without a ledger mean that the ledger was
                // lost.
                self.phase = Phase::CreatingLedger(self.ledger.clone());
                vec![Request::CreateLedger(self.ledger.clone())]
            }
            (0, Some((group, first))) => {
                // Another invocation may have created the ledger and put an object in the meantime.
                self.phase = Phase::ConfirmingLedgerMissing { group, first };
                vec![Request::ReadLedger]
            }
            _ => Vec::new(),
        }
    }

    fn on_ledger_written(&mut self, version: Version) -> Vec<Request> {
        match std::mem::replace(&mut self.phase, Phase::Done) {
            Phase::CreatingLedger(ledger) | Phase::DeclaringGap(ledger) => {
                self.ledger = ledger;
                self.version = version;
                self.write_groups()
            }
            _ => Vec::new(),
        }
    }

    fn on_ledger_conflict(&mut self) -> Vec<Request> {
        if self.phase != Phase::CommittingLedger {
            self.phase = Phase::ReadingLedger;
        }
        vec![Request::ReadLedger]
    }

    fn write_groups(&mut self) -> Vec<Request> {
        self.phase = Phase::WritingGroups;
        let (records, ledger, span) = (&self.records, &self.ledger, self.span);
        let writers = self.writers.iter_mut().zip(self.groups);
        let requests = writers.flat_map(|(writer, name)| writer.begin(name, records, ledger, span)).collect();
        self.commit_if_stored(requests)
    }

    fn commit_if_stored(&mut self, requests: Vec<Request>) -> Vec<Request> {
        if !self.writers.iter().all(GroupWriter::is_done) {
            return requests;
        }
        self.phase = Phase::CommittingLedger;
        self.commit()
    }

    fn commit(&mut self) -> Vec<Request> {
        let next = self.records.last().map_or(0, |record| record.offset + 1);
        let writers = self.groups.iter().zip(&self.writers);
        let high_watermarks: BTreeMap<String, i64> =
            writers.filter_map(|(name, writer)| Some((name.clone(), writer.high_watermark?))).collect();
        let merged = self.ledger.merged(next, &high_watermarks, self.span);
        if merged == self.ledger {
            self.phase = Phase::Done;
            return Vec::new();
        }
        vec![Request::ReplaceLedger(merged, self.version.clone())]
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
    fn next_batch_puts_each_group_then_the_ledger() {
        let groups = groups();
        let mut protocol = protocol(&groups);
        let (before, version) = (Ledger::starting_at(5, "gzip"), "one".to_owned());
        let requests = protocol.answer(&protocol.begin(), &Answer::Ledger(before, version.clone())).unwrap();
        assert_eq!(requests, [put(0, &[0, 2]), put(1, &[1])]);
        let written = Answer::Written(Version::new());
        assert_eq!(protocol.answer(&requests[1], &written).unwrap(), [], "the other put is still running");
        let commit = [Request::ReplaceLedger(Ledger::starting_at(8, "gzip"), version)];
        assert_eq!(protocol.answer(&requests[0], &written).unwrap(), commit);
        assert_eq!(protocol.answer(&commit[0], &written).unwrap(), []);
        assert!(protocol.is_done());
    }

    #[test]
    fn deleted_ledger_is_not_recreated_by_the_commit() {
        let groups = groups();
        let mut protocol = protocol(&groups);
        let before = Ledger::starting_at(5, "gzip");
        let puts = protocol.answer(&protocol.begin(), &Answer::Ledger(before, "one".to_owned())).unwrap();
        let written = Answer::Written(Version::new());
        protocol.answer(&puts[0], &written).unwrap();
        let commit = protocol.answer(&puts[1], &written).unwrap();
        assert_eq!(protocol.answer(&commit[0], &Answer::PreconditionFailed).unwrap(), [Request::ReadLedger]);
        assert_eq!(protocol.answer(&Request::ReadLedger, &Answer::Absent), Err(CommitError::LedgerDeleted));
    }

    #[test]
    fn ledger_is_created_before_the_first_put() {
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
