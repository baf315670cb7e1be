//! The commit protocol: stores each record of a Kafka partition in exactly one object, with nothing but conditional
//! writes.
//!
//! An invocation delivers a batch of records. Other invocations may deliver the same records at the same time, cut into
//! different batches, and any of them may fail at any request. For the records of one partition in one batch, this
//! crate decides what to read and what to write.
//!
//! # Why each record is stored once
//!
//! Within a group (the records whose keys have the same directory part) objects form a sequence: each begins at the
//! group's first record after the object before it, and is named by the offset of that record. Every writer begins at a
//! state that was true at some time, and continues the same sequence. Two writers that differ only in where their
//! batches end meet at the same key: the first one creates the object, and the other one reads what it holds. **A
//! record is dropped only when it has been seen, equal, in a stored object.**
//!
//! The partition's [`Ledger`] records how far these sequences reach. The protocol reads the ledger before it puts an
//! object and replaces it after the last one, so that the next batch begins at the ledger's `next` and has nothing to
//! look for. `group_writer.rs` decides which records are possibly stored and must be looked for.
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
//! Groups are probed and written at the same time.
//!
//! # One transition function
//!
//! [`CommitProtocol`] does no I/O and uses neither a clock nor a random number: [`CommitProtocol::answer`] takes an
//! answer of the storage and returns the requests to send next. The sink's committer, a random simulation and a model
//! checker drive this same code.

mod group_writer;
mod ledger;
mod request;

use std::collections::BTreeMap;

use group_writer::GroupWriter;
pub use ledger::Ledger;
pub use request::{Answer, Request, Version};

/// An object spans fewer offsets than this. The limit bounds how far below a record the object that holds it can begin.
pub const MAX_OBJECT_SPAN: i64 = 100_000;

/// A record to store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Record<'a> {
    /// Its offset in the partition.
    pub offset: i64,
    /// Index of its group in the batch.
    pub group: usize,
    /// Its line in an object.
    pub line: &'a [u8],
}

/// Why a batch cannot be stored. Another attempt does not help: an operator has to decide.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CommitError {
    /// The batch holds two different records of one offset.
    ConflictingRecords {
        /// The offset of both records.
        offset: i64,
    },
    /// Objects exist, but no ledger.
    LedgerMissing {
        /// Index of the object's group in the batch.
        group: usize,
        /// First offset of one of the objects.
        first: i64,
    },
    /// The ledger was deleted while the batch was being stored.
    LedgerDeleted,
    /// The ledger was written by a sink with other settings.
    LayoutDiffers {
        /// The layout in the ledger.
        theirs: String,
    },
    /// An object holds another record of the same offset: the topic was recreated, or a broker lost the end of its log.
    OffsetReused {
        /// Index of the object's group in the batch.
        group: usize,
        /// The object's first offset.
        first: i64,
        /// The record's offset.
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

/// The state of storing one partition's records of one batch.
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
    /// Reads the ledger: the first time, or again after a conflict before anything was put.
    ReadingLedger,
    /// No ledger exists: looks for an object in each group.
    ProbingGroups {
        awaited: usize,
        found: Option<(usize, i64)>,
    },
    /// An object exists: reads the ledger again, to confirm that it is missing.
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
    /// Creates the protocol for the records of one partition, which may be in any order and must not be empty.
    ///
    /// `groups` are the names of the groups that the records refer to by index, `layout` is the text that must be the
    /// same for all writers of a partition, and `span` is [`MAX_OBJECT_SPAN`] except in tests. Duplicates of a record
    /// are dropped.
    ///
    /// # Errors
    /// [`CommitError::ConflictingRecords`] if two different records have the same offset.
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

    /// The records in the order of their offsets, without duplicates.
    pub fn records(&self) -> &[Record<'a>] {
        &self.records
    }

    /// The name of a group, by its index in the batch.
    pub fn group(&self, group: usize) -> &'a str {
        &self.groups[group]
    }

    /// The first request to send.
    pub fn begin(&self) -> Request {
        Request::ReadLedger
    }

    /// Returns `true` when every record is stored and the ledger is committed.
    pub fn is_done(&self) -> bool {
        self.phase == Phase::Done
    }

    /// The offset from which to deliver the partition again if the batch fails. It is the batch's first offset: until
    /// the ledger is committed, it is not known which of the records are stored.
    pub fn retry_from(&self) -> i64 {
        self.first()
    }

    fn first(&self) -> i64 {
        self.records.first().map_or(0, |record| record.offset)
    }

    /// Takes the answer to a request and returns the requests to send next, which may run at the same time.
    ///
    /// # Errors
    /// [`CommitError`]. The protocol must not be given another answer after an error.
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
            (Request::CreateLedger(_) | Request::ReplaceLedger(..), Answer::Conflict) => Ok(self.on_ledger_conflict()),
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
            (Request::PutObject { group, records }, Answer::Conflict) => {
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
                // The ledger is created before anything is put, so objects without a ledger mean that it was lost.
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
        assert_eq!(protocol.answer(&commit[0], &Answer::Conflict).unwrap(), [Request::ReadLedger]);
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
