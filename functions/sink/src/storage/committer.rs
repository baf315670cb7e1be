//! Committer: runs the commit protocol for one partition of a batch.
//!
//! The protocol decides what to read and write. The committer sends each request as soon as a permit is free and passes
//! the answer back, until the protocol is done:
//!
//! ```text
//! CommitProtocol --- requests ---> Committer --- conditional writes, reads, lists ---> S3
//!       ^                              |
//!       +---------- answers -----------+
//! ```

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::stream::{FuturesUnordered, StreamExt};
use tokio::sync::Semaphore;
use tracing::Instrument as _;

use super::partition_error::{Cause, MAX_LEDGER_CONFLICTS, PartitionError, Rejection};
use super::probe::Probe;
use super::s3_adapter::{Damage, Object, PutOutcome, S3Adapter, S3Error};
use crate::batch::{self, Batch, PartitionBatch};
use crate::metrics::Report;
use commit_protocol::{Answer, CommitError, CommitProtocol, Ledger, MAX_OBJECT_SPAN, Request, Version};
use lake_format::keys::{KeyLayout, parse_ledger_layout};
use lake_format::record_line;

/// Pause after the second conflict on a ledger, and the time by which each further conflict lengthens the pause. There
/// is no pause after the first conflict.
const CONFLICT_BACKOFF: Duration = Duration::from_millis(20);

/// Result of reading a ledger: the ledger and its version, or `None` if it does not exist.
pub(crate) type LedgerRead = Result<Option<(Ledger, Version)>, S3Error>;

/// An [`Answer`] that owns its data.
enum Reply {
    Ledger(Option<(Ledger, Version)>),
    LedgerPut(PutOutcome),
    /// Result of writing an object, and the object's compressed size in bytes.
    ObjectPut(PutOutcome, usize),
    /// First offsets of the listed objects.
    Objects(Vec<i64>),
    /// Decompressed lines of an object.
    Lines(Vec<u8>),
}

/// Driver of the commit protocol for the records of one partition.
pub(crate) struct Committer<'p> {
    pub(crate) s3: &'p S3Adapter,
    /// Probe of a server that may not be AWS's.
    pub(crate) probe: Option<&'p Probe>,
    pub(crate) layout: &'p KeyLayout,
    pub(crate) batch: &'p Batch<'p>,
    pub(crate) partition_batch: &'p PartitionBatch,
    /// Limits the number of concurrent requests across all partitions of the batch.
    pub(crate) permits: &'p Semaphore,
}

impl Committer<'_> {
    /// Stores the partition's records. `ledger` resolves to the result of the first read of the partition's ledger.
    pub(crate) async fn commit(&self, ledger: impl Future<Output = LedgerRead>) -> Result<Report, PartitionError> {
        let PartitionBatch { topic, partition, prefixes, .. } = self.partition_batch;
        let records = self.batch.records(self.partition_batch);
        let offsets = || records.iter().map(|record| record.offset);
        let (first_offset, last_offset) = (offsets().min().unwrap_or(0), offsets().max().unwrap_or(0));
        let span = tracing::info_span!("partition", topic, partition, first_offset, records = records.len());
        let layout = self.layout.ledger_layout();
        let committed = match CommitProtocol::new(records, prefixes, &layout, MAX_OBJECT_SPAN) {
            Ok(protocol) => self.run(protocol, ledger).instrument(span).await,
            Err(error) => Err((first_offset, self.rejected(error))),
        };
        committed.map_err(|(retry_from, cause)| PartitionError {
            topic: topic.clone(),
            partition: *partition,
            retry_from,
            last_offset,
            records: self.partition_batch.len(),
            cause,
        })
    }

    /// Executes the protocol's requests until the protocol is done. Returns an error together with the offset from
    /// which to deliver the partition again.
    async fn run(
        &self,
        mut protocol: CommitProtocol<'_>,
        ledger: impl Future<Output = LedgerRead>,
    ) -> Result<Report, (i64, Cause)> {
        let mut report = Report { records: self.partition_batch.len(), ..Report::default() };
        let mut stored = 0;
        let mut conflicts = 0;
        let has_failed = AtomicBool::new(false);
        let mut in_flight = FuturesUnordered::new();
        let mut result = ledger.await.map(|ledger| (protocol.begin(), Reply::Ledger(ledger))).map_err(Cause::from);
        let cause = loop {
            let (request, reply) = match result {
                Ok(answered) => answered,
                Err(cause) => break cause,
            };
            if let (Request::PutObject { records, .. }, Reply::ObjectPut(PutOutcome::Written(_), size)) =
                (&request, &reply)
            {
                stored += records.len() as u64;
                report.objects += 1;
                report.bytes += *size as u64;
            }
            if let Reply::LedgerPut(PutOutcome::PreconditionFailed) = reply {
                conflicts += 1;
                if conflicts == MAX_LEDGER_CONFLICTS {
                    break Cause::LedgerConflicts { ledger: self.s3.url(&self.ledger_key()) };
                }
                tokio::time::sleep(CONFLICT_BACKOFF * (conflicts - 1)).await;
            }
            match self.answer(&mut protocol, &request, &reply) {
                Ok(requests) => {
                    for request in requests {
                        let lines = lines_to_put(&protocol, &request);
                        in_flight.push(self.send(request, lines, &has_failed));
                    }
                }
                Err(cause) => break cause,
            }
            if protocol.is_done() {
                let is_quarantined =
                    |record: &&commit_protocol::Record<'_>| !self.partition_batch.is_data[record.group];
                report.quarantined = protocol.records().iter().filter(is_quarantined).count() as u64;
                report.skipped = report.records.saturating_sub(stored);
                return Ok(report);
            }
            result = match in_flight.next().await {
                Some(Some(result)) => result,
                Some(None) | None => break Cause::Rejected(Rejection::NoNextRequest),
            };
        };
        // Waits for the requests in flight before reporting the failure, so that no write is under way when the records
        // are delivered again.
        has_failed.store(true, Ordering::Relaxed);
        while in_flight.next().await.is_some() {}
        Err((protocol.retry_from(), cause))
    }

    /// Sends a request as soon as a permit is free. Returns `None` without sending it if the partition has failed by
    /// then.
    async fn send(
        &self,
        request: Request,
        lines: Vec<(i64, &[u8])>,
        has_failed: &AtomicBool,
    ) -> Option<Result<(Request, Reply), Cause>> {
        // The semaphore is never closed. If it were, the number of requests would not be limited.
        let _permit = self.permits.acquire().await.ok();
        if has_failed.load(Ordering::Relaxed) {
            return None;
        }
        Some(self.execute(&request, &lines).await.map(|reply| (request, reply)))
    }

    async fn execute(&self, request: &Request, lines: &[(i64, &[u8])]) -> Result<Reply, Cause> {
        let Committer { s3, layout: KeyLayout { codec, .. }, .. } = *self;
        if let Request::CreateLedger(_) | Request::ReplaceLedger(..) | Request::PutObject { .. } = request
            && let Some(probe) = self.probe
        {
            probe.check(s3, &self.layout.probe_key(&self.partition_batch.topic)).await?;
        }
        Ok(match request {
            Request::ReadLedger => Reply::Ledger(s3.read_ledger(&self.ledger_key()).await?),
            Request::CreateLedger(ledger) => Reply::LedgerPut(s3.write_ledger(&self.ledger_key(), ledger, None).await?),
            Request::ReplaceLedger(ledger, version) => {
                Reply::LedgerPut(s3.write_ledger(&self.ledger_key(), ledger, Some(version)).await?)
            }
            Request::ProbeGroup { group } => {
                Reply::Objects(s3.list(&self.key_prefix(*group), *codec, 0..=i64::MAX, Some(1)).await?)
            }
            Request::ListObjects { group, from, to } => {
                Reply::Objects(s3.list(&self.key_prefix(*group), *codec, *from..=*to, None).await?)
            }
            Request::ReadObject { group, first } => {
                let key = self.key(*group, *first);
                let object = s3.read_object(&key).await?;
                let lines = codec.decode(&object).map_err(|error| s3.damaged(&key, Damage::Compression(error)))?;
                Reply::Lines(lines)
            }
            Request::PutObject { group, .. } => {
                let (first, last) = lines.first().zip(lines.last()).map_or((0, 0), |(first, last)| (first.0, last.0));
                let key = self.key(*group, first);
                let bytes: Vec<&[u8]> = lines.iter().map(|(_, line)| *line).collect();
                let body = codec
                    .encode(&self.batch.concat(&bytes))
                    .map_err(|source| Cause::Compression { object: s3.url(&key), source })?;
                let size = body.len();
                let object = Object {
                    key: &key,
                    body: body.into(),
                    last_offset: last,
                    records: lines.len(),
                    is_data: self.partition_batch.is_data[*group],
                };
                Reply::ObjectPut(s3.put(&object).await?, size)
            }
        })
    }

    /// Passes an answer to the protocol and returns its next requests.
    fn answer(
        &self,
        protocol: &mut CommitProtocol<'_>,
        request: &Request,
        reply: &Reply,
    ) -> Result<Vec<Request>, Cause> {
        let lines: Vec<(i64, &[u8])>;
        let answer = match reply {
            Reply::Ledger(None) => Answer::Absent,
            Reply::Ledger(Some((ledger, version))) => Answer::Ledger(ledger.clone(), version.clone()),
            Reply::LedgerPut(PutOutcome::Written(version)) | Reply::ObjectPut(PutOutcome::Written(version), _) => {
                Answer::Written(version.clone())
            }
            Reply::LedgerPut(PutOutcome::PreconditionFailed) | Reply::ObjectPut(PutOutcome::PreconditionFailed, _) => {
                Answer::PreconditionFailed
            }
            Reply::Objects(firsts) => Answer::Objects(firsts),
            Reply::Lines(stored) => {
                let Some(all) = offsets_and_lines(stored, protocol) else {
                    let Request::ReadObject { group, first } = request else { return Ok(Vec::new()) };
                    return Err(self.s3.damaged(&self.key(*group, *first), Damage::LineWithoutOffset).into());
                };
                lines = all;
                Answer::Object(&lines)
            }
        };
        protocol.answer(request, &answer).map_err(|error| self.rejected(error))
    }

    fn ledger_key(&self) -> String {
        self.layout.ledger_key(&self.partition_batch.topic, self.partition_batch.partition)
    }

    /// Returns the key of an object, given the index of its object prefix and its first offset.
    fn key(&self, group: usize, first: i64) -> String {
        self.layout.object_key(&self.partition_batch.prefixes[group], self.partition_batch.partition, first)
    }

    /// Returns the key prefix that the partition's objects share, given the index of their object prefix.
    fn key_prefix(&self, group: usize) -> String {
        self.layout.key_prefix_in(&self.partition_batch.prefixes[group], self.partition_batch.partition)
    }

    /// Converts an error of the protocol, adding the URLs and settings that its message shows.
    fn rejected(&self, error: CommitError) -> Cause {
        let object = |group: usize, first: i64| self.s3.url(&self.key(group, first));
        let ledger = self.s3.url(&self.ledger_key());
        Cause::Rejected(match error {
            CommitError::ConflictingRecords { offset } => Rejection::ConflictingRecords { offset },
            CommitError::LedgerMissing { group, first } => {
                Rejection::LedgerMissing { ledger, object: object(group, first) }
            }
            CommitError::LedgerDeleted => Rejection::LedgerDeleted { ledger },
            CommitError::LayoutDiffers { theirs } => {
                let (configured, stored) = (self.layout.pattern(), parse_ledger_layout(&theirs));
                let rules = self.layout.line_rules();
                if stored.pattern == configured {
                    Rejection::RulesDiffer {
                        ledger,
                        configured: rules.settings_unlike(stored.rules),
                        stored: stored.rules.settings_unlike(rules),
                        next_generation: self.layout.generation.saturating_add(1),
                    }
                } else {
                    Rejection::LayoutDiffers { ledger, configured, stored: stored.pattern.to_owned() }
                }
            }
            CommitError::OffsetReused { group, first, offset } => Rejection::OffsetReused {
                object: object(group, first),
                offset,
                next_generation: self.layout.generation.saturating_add(1),
            },
            CommitError::DamagedObject { group, first } => Rejection::WrongFirstOffset { object: object(group, first) },
        })
    }
}

/// Returns the offset and the line of each record in a stored object, or `None` if a line has no offset.
///
/// If a stored line and the batch's line with the same offset differ only in the quarantine reason, returns the batch's
/// line. The protocol compares lines, and a different version of the sink may have phrased the reason differently.
fn offsets_and_lines<'o>(stored: &'o [u8], protocol: &CommitProtocol<'o>) -> Option<Vec<(i64, &'o [u8])>> {
    let records = protocol.records();
    let each = stored.split_inclusive(|&byte| byte == b'\n').map(|line| {
        let offset = record_line::offset(line)?;
        let ours = records.binary_search_by_key(&offset, |record| record.offset).ok().map(|index| records[index].line);
        Some((offset, ours.filter(|ours| batch::is_same_record(ours, line)).unwrap_or(line)))
    });
    each.collect()
}

/// Returns the offsets and lines of the records that a request writes; empty unless it puts an object.
fn lines_to_put<'a>(protocol: &CommitProtocol<'a>, request: &Request) -> Vec<(i64, &'a [u8])> {
    let Request::PutObject { records, .. } = request else { return Vec::new() };
    let records = records.iter().map(|&index| protocol.records()[index]);
    records.map(|record| (record.offset, record.line)).collect()
}
