//! Drives the chain of one partition on S3.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::stream::{FuturesUnordered, StreamExt};
use tokio::sync::Semaphore;

use crate::batch::Batch;
use crate::batch::partition_batch::PartitionBatch;
use crate::batch::quarantine_line;
use crate::storage::s3_adapter::{Object, Store, StoreError, Written};
use commit_protocol::{Answer, CommitError, CommitProtocol, Ledger, MAX_OBJECT_SPAN, Request, Version};
use lake_format::keys::KeyLayout;
use lake_format::record_line;

/// So often somebody else may write the ledger between a read and a write of ours.
const MOST_CONFLICTS: u32 = 20;
const PAUSE: Duration = Duration::from_millis(20);
const CONFLICTS: &str = "it has changed between reading and writing 20 times: if nobody else writes it, the server does not honour If-Match with the ETag that it gives";

/// Why a partition's records are not all stored.
#[derive(Debug)]
pub struct PartitionError {
    /// The topic's name.
    pub topic: String,
    /// The partition's number.
    pub partition: i32,
    /// The first of the records' offsets: where the partition has to be delivered from again ([`CommitProtocol::retry_from`]).
    pub retry_from: i64,
    /// The last of them.
    pub last: i64,
    /// What stood in the way.
    pub fault: Fault,
}

/// What stood in the way, by what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// S3 did not do what was asked: the same records may be stored when they are delivered again.
    #[error(transparent)]
    Storage(StoreError),
    /// What is stored and what is delivered contradict each other: somebody has to look.
    #[error("{0}")]
    Rejected(String),
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Failed { .. } => Fault::Storage(error),
            StoreError::Damaged { .. } => Fault::Rejected(error.to_string()),
        }
    }
}

impl fmt::Display for PartitionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let PartitionError { topic, partition, retry_from: first, last, fault } = self;
        write!(f, "topic {topic}, partition {partition}, offsets {first} to {last}: {fault}")
    }
}

/// What a partition came to.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally {
    /// Records put.
    pub(crate) stored: u64,
    /// Of the records, put now or before, poison.
    pub(crate) quarantined: u64,
    /// Objects put.
    pub(crate) objects: u64,
    /// Their bytes, compressed.
    pub(crate) bytes: u64,
}

/// An answer that owns what it tells.
enum Reply {
    Ledger(Option<(Ledger, Version)>),
    LedgerWritten(Written),
    /// An object of so many bytes.
    Put(Written, usize),
    Objects(Vec<i64>),
    /// An object's lines, all in one.
    Object(Vec<u8>),
}

/// A partition on its way into a bucket.
pub(crate) struct Partition<'p> {
    pub(crate) store: &'p Store,
    pub(crate) layout: &'p KeyLayout,
    pub(crate) batch: &'p Batch<'p>,
    pub(crate) part: &'p PartitionBatch,
    /// Requests under way at once, of all partitions.
    pub(crate) permits: &'p Semaphore,
}

impl Partition<'_> {
    /// Stores the part's records; `ledger` is the answer to a read of the partition's ledger.
    pub(crate) async fn store(
        &self,
        ledger: impl Future<Output = Result<Option<(Ledger, Version)>, StoreError>>,
    ) -> Result<Tally, PartitionError> {
        let records = self.batch.records(self.part);
        let offsets = || records.iter().map(|record| record.offset);
        let (first, last) = (offsets().min().unwrap_or(0), offsets().max().unwrap_or(0));
        let pattern = self.layout.pattern();
        let stored = match CommitProtocol::new(records, &self.part.prefixes, &pattern, MAX_OBJECT_SPAN) {
            Ok(protocol) => self.drive(protocol, ledger).await,
            Err(refusal) => Err((first, Fault::Rejected(self.told(&refusal)))),
        };
        stored.map_err(|(retry_from, fault)| PartitionError {
            topic: self.part.topic.clone(),
            partition: self.part.partition,
            retry_from,
            last,
            fault,
        })
    }

    /// Does what a protocol asks until it is done; the error tells where to begin again.
    async fn drive(
        &self,
        mut protocol: CommitProtocol<'_>,
        ledger: impl Future<Output = Result<Option<(Ledger, Version)>, StoreError>>,
    ) -> Result<Tally, (i64, Fault)> {
        let mut tally = Tally::default();
        let mut conflicts = 0;
        let has_failed = AtomicBool::new(false);
        let mut under_way = FuturesUnordered::new();
        let mut answered = ledger.await.map(|ledger| (protocol.begin(), Reply::Ledger(ledger)));
        let fault = loop {
            let (request, reply) = match answered {
                Ok(answered) => answered,
                Err(error) => break error.into(),
            };
            self.count(&request, &reply, &mut tally);
            if matches!(reply, Reply::LedgerWritten(Written::Refused)) {
                conflicts += 1;
                if conflicts == MOST_CONFLICTS {
                    break Fault::Storage(self.store.error("writing", &self.ledger_key(), CONFLICTS.to_owned()));
                }
                tokio::time::sleep(PAUSE * (conflicts - 1)).await;
            }
            match self.answer(&mut protocol, &request, &reply) {
                Ok(requests) => {
                    for request in requests {
                        let lines = lines_of(&protocol, &request);
                        under_way.push(self.send(request, lines, &has_failed));
                    }
                }
                Err(fault) => break fault,
            }
            if protocol.is_done() {
                let poison = protocol.records().iter().filter(|record| !self.part.is_data[record.group]);
                return Ok(Tally { quarantined: poison.count() as u64, ..tally });
            }
            answered = match under_way.next().await {
                Some(Some(next)) => next,
                Some(None) | None => break Fault::Rejected("the chain is at a loss: a fault of the sink".to_owned()),
            };
        };
        // The batch has failed only when nothing of it can be done any more: what comes next may rely on it.
        has_failed.store(true, Ordering::Relaxed);
        while under_way.next().await.is_some() {}
        Err((protocol.retry_from(), fault))
    }

    /// Sends a request as soon as there is room for it, or not at all when the batch has failed by then.
    async fn send(
        &self,
        request: Request,
        lines: Vec<(i64, &[u8])>,
        has_failed: &AtomicBool,
    ) -> Option<Result<(Request, Reply), StoreError>> {
        // The semaphore is never closed, and if it were, there would be no limit.
        let _permit = self.permits.acquire().await.ok();
        if has_failed.load(Ordering::Relaxed) {
            return None;
        }
        Some(self.ask(&request, &lines).await.map(|reply| (request, reply)))
    }

    /// Asks the bucket.
    async fn ask(&self, request: &Request, lines: &[(i64, &[u8])]) -> Result<Reply, StoreError> {
        let store = self.store;
        Ok(match request {
            Request::ReadLedger => Reply::Ledger(store.read_ledger(&self.ledger_key()).await?),
            Request::CreateLedger(ledger) => {
                Reply::LedgerWritten(store.write_ledger(&self.ledger_key(), ledger, None).await?)
            }
            Request::ReplaceLedger(ledger, version) => {
                Reply::LedgerWritten(store.write_ledger(&self.ledger_key(), ledger, Some(version)).await?)
            }
            Request::ProbeGroup { group } => {
                Reply::Objects(store.list(&self.keys(*group), self.layout.codec, 0..=i64::MAX, Some(1)).await?)
            }
            Request::ListObjects { group, from, to } => {
                Reply::Objects(store.list(&self.keys(*group), self.layout.codec, *from..=*to, None).await?)
            }
            Request::ReadObject { group, first } => {
                let key = self.key(*group, *first);
                let bytes = store.read_object(&key).await?;
                Reply::Object(
                    self.layout.codec.decode(&bytes).map_err(|error| {
                        store.damaged(&key, format!("cannot be read: {error}; see `tickerlake audit`"))
                    })?,
                )
            }
            Request::PutObject { group, .. } => {
                let (first, last) = lines.first().zip(lines.last()).map_or((0, 0), |(first, last)| (first.0, last.0));
                let key = self.key(*group, first);
                let bytes: Vec<&[u8]> = lines.iter().map(|(_, line)| *line).collect();
                let body = self.layout.codec.encode(&self.batch.together(&bytes));
                let body = body.map_err(|error| store.error("compressing", &key, error.to_string()))?;
                let size = body.len();
                let object = Object {
                    key: &key,
                    body: body.into(),
                    last_offset: last,
                    records: lines.len(),
                    is_data: self.part.is_data[*group],
                };
                Reply::Put(store.put(&object).await?, size)
            }
        })
    }

    /// Feeds a protocol with an answer.
    fn answer(
        &self,
        protocol: &mut CommitProtocol<'_>,
        request: &Request,
        reply: &Reply,
    ) -> Result<Vec<Request>, Fault> {
        let lines: Vec<(i64, &[u8])>;
        let answer = match reply {
            Reply::Ledger(None) => Answer::Absent,
            Reply::Ledger(Some((ledger, version))) => Answer::Ledger(ledger.clone(), version.clone()),
            Reply::LedgerWritten(Written::Now(version)) | Reply::Put(Written::Now(version), _) => {
                Answer::Written(version.clone())
            }
            Reply::LedgerWritten(Written::Refused) | Reply::Put(Written::Refused, _) => Answer::Conflict,
            Reply::Objects(firsts) => Answer::Objects(firsts),
            Reply::Object(bytes) => {
                let ours = protocol.records();
                let each = bytes.split_inclusive(|&byte| byte == b'\n').map(|line| {
                    let offset = record_line::offset(line)?;
                    // Another version may have told of the same poison in other words.
                    let own =
                        ours.binary_search_by_key(&offset, |record| record.offset).ok().map(|place| ours[place].line);
                    Some((offset, own.filter(|own| quarantine_line::is_same(own, line)).unwrap_or(line)))
                });
                let Some(all) = each.collect() else {
                    let Request::ReadObject { group, first } = request else { return Ok(Vec::new()) };
                    let key = self.key(*group, *first);
                    return Err(self
                        .store
                        .damaged(&key, "has a line without offset; see `tickerlake audit`".to_owned())
                        .into());
                };
                lines = all;
                Answer::Object(&lines)
            }
        };
        protocol.answer(request, &answer).map_err(|refusal| Fault::Rejected(self.told(&refusal)))
    }

    fn count(&self, request: &Request, reply: &Reply, tally: &mut Tally) {
        if let (Request::PutObject { records, .. }, Reply::Put(Written::Now(_), size)) = (request, reply) {
            tally.stored += records.len() as u64;
            tally.objects += 1;
            tally.bytes += *size as u64;
        }
    }

    fn ledger_key(&self) -> String {
        self.layout.ledger_key(&self.part.topic, self.part.partition)
    }

    fn key(&self, group: usize, first: i64) -> String {
        self.layout.key_in(&self.part.prefixes[group], self.part.partition, first)
    }

    fn keys(&self, group: usize) -> String {
        self.layout.key_prefix_in(&self.part.prefixes[group], self.part.partition)
    }

    /// A refusal in words, with its remedy.
    fn told(&self, refusal: &CommitError) -> String {
        let object = |group: usize, first: i64| format!("s3://{}/{}", self.store.bucket, self.key(group, first));
        let ledger = format!("s3://{}/{}", self.store.bucket, self.ledger_key());
        match refusal {
            CommitError::ConflictingRecords { offset } => {
                format!("the event holds two different records of offset {offset}")
            }
            CommitError::LedgerMissing { group, first } => format!(
                "{ledger} is lost, for there are objects, as {}: pause the event source and rebuild it with `tickerlake audit --repair`",
                object(*group, *first)
            ),
            CommitError::LedgerDeleted => format!(
                "{ledger} was deleted while records were being stored: pause the event source and rebuild it with `tickerlake audit --repair`"
            ),
            CommitError::LayoutDiffers { theirs } => format!(
                "the sink is set to write {} and {ledger} says that its objects are {theirs}: set SINK_COMPRESSION, SINK_PARTITION_BY and SINK_PARTITION_FIELD back, wait until the lag is 0, and set them anew together with a new SINK_PREFIX",
                self.layout.pattern()
            ),
            CommitError::OffsetReused { group, first, offset } => format!(
                "{} holds another record of offset {offset}, so offsets are being used again: if the topic was made anew, or its broker lost records, set SINK_TOPIC_GENERATION to {}, or to one more than the greatest in use",
                object(*group, *first),
                self.layout.generation.saturating_add(1)
            ),
            CommitError::DamagedObject { group, first } => format!(
                "{} does not begin with the offset that its name tells: see `tickerlake audit`",
                object(*group, *first)
            ),
        }
    }
}

/// What a request to put an object puts.
fn lines_of<'a>(protocol: &CommitProtocol<'a>, request: &Request) -> Vec<(i64, &'a [u8])> {
    let Request::PutObject { records, .. } = request else { return Vec::new() };
    let records = records.iter().map(|&place| protocol.records()[place]);
    records.map(|record| (record.offset, record.line)).collect()
}
