//! Drives the chain of one partition on S3.

use std::fmt;

use futures::stream::{FuturesUnordered, StreamExt};
use tokio::sync::Semaphore;

use crate::chain::{Answer, Chain, Ledger, Refusal, Request, SPAN, Version};
use crate::layout::Layout;
use crate::line;
use crate::part::Part;
use crate::poison;
use crate::store::{Object, Store, StoreError, Written};

/// Why a partition's records are not all stored.
#[derive(Debug)]
pub struct PartitionError {
    /// The topic's name.
    pub topic: String,
    /// The partition's number.
    pub partition: i32,
    /// The first of the records' offsets: where the partition has to be delivered from again ([`Chain::retry_from`]).
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
    Storage(#[from] StoreError),
    /// What is stored and what is delivered contradict each other: somebody has to look.
    #[error("{0}")]
    Refused(String),
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
    pub(crate) layout: &'p Layout,
    pub(crate) part: &'p Part,
    /// Requests under way at once, of all partitions.
    pub(crate) permits: &'p Semaphore,
}

impl Partition<'_> {
    /// Stores the part's records; `ledger` is the answer to a read of the partition's ledger.
    pub(crate) async fn store(
        &self,
        ledger: impl Future<Output = Result<Option<(Ledger, Version)>, StoreError>>,
    ) -> Result<Tally, PartitionError> {
        let records = self.part.records();
        let offsets = || records.iter().map(|record| record.offset);
        let (first, last) = (offsets().min().unwrap_or(0), offsets().max().unwrap_or(0));
        let error = |retry_from, fault| PartitionError {
            topic: self.part.topic.clone(),
            partition: self.part.partition,
            retry_from,
            last,
            fault,
        };
        let pattern = self.layout.pattern();
        let mut chain = Chain::new(records, &self.part.groups, &pattern, SPAN)
            .map_err(|refusal| error(first, Fault::Refused(self.told(&refusal))))?;
        let retry_from = chain.retry_from();
        let error = |fault| error(retry_from, fault);
        let ledger = ledger.await.map_err(|fault| error(fault.into()))?;
        let mut tally = Tally::default();
        let mut under_way = FuturesUnordered::new();
        let mut answered = (chain.begin(), Reply::Ledger(ledger));
        loop {
            let (request, reply) = &answered;
            self.count(request, reply, &mut tally);
            for request in self.answer(&mut chain, request, reply).map_err(error)? {
                let lines = lines_of(&chain, &request);
                under_way.push(self.send(request, lines));
            }
            if chain.is_done() {
                let poison = chain.records().iter().filter(|record| !self.part.is_data[record.group]);
                return Ok(Tally { quarantined: poison.count() as u64, ..tally });
            }
            match under_way.next().await {
                Some(Ok(next)) => answered = next,
                Some(Err(fault)) => return Err(error(fault.into())),
                None => {
                    return Err(error(Fault::Refused(
                        "the chain is at a loss; this is a fault of the sink".to_owned(),
                    )));
                }
            }
        }
    }

    /// Sends a request as soon as there is room for it.
    async fn send(&self, request: Request, lines: Vec<(i64, &[u8])>) -> Result<(Request, Reply), StoreError> {
        // The semaphore is never closed, and if it were, there would be no limit.
        let _permit = self.permits.acquire().await.ok();
        let store = self.store;
        let reply = match &request {
            Request::ReadLedger => Reply::Ledger(store.read_ledger(&self.ledger_key()).await?),
            Request::CreateLedger(ledger) => {
                Reply::LedgerWritten(store.write_ledger(&self.ledger_key(), ledger, None).await?)
            }
            Request::ReplaceLedger(ledger, version) => {
                Reply::LedgerWritten(store.write_ledger(&self.ledger_key(), ledger, Some(version)).await?)
            }
            Request::ProbeGroup { group } => {
                Reply::Objects(store.list(&self.keys(*group), 0, i64::MAX, Some(1)).await?)
            }
            Request::ListObjects { group, from, to } => {
                Reply::Objects(store.list(&self.keys(*group), *from, *to, None).await?)
            }
            Request::ReadObject { group, first } => {
                let key = self.key(*group, *first);
                let bytes = store.read_object(&key).await?;
                Reply::Object(
                    self.layout.codec.decode(&bytes).map_err(|error| store.damaged(&key, &error.to_string()))?,
                )
            }
            Request::PutObject { group, .. } => {
                let (first, last) = lines.first().zip(lines.last()).map_or((0, 0), |(first, last)| (first.0, last.0));
                let key = self.key(*group, first);
                let mut encoder =
                    self.layout.codec.encoder().map_err(|error| store.damaged(&key, &error.to_string()))?;
                for (_, line) in &lines {
                    encoder.write(line).map_err(|error| store.damaged(&key, &error.to_string()))?;
                }
                let body = encoder.finish().map_err(|error| store.damaged(&key, &error.to_string()))?;
                let size = body.len();
                let object = Object {
                    key: &key,
                    body,
                    last_offset: last,
                    records: lines.len(),
                    is_data: self.part.is_data[*group],
                };
                Reply::Put(store.put(&object).await?, size)
            }
        };
        Ok((request, reply))
    }

    /// Feeds a chain with an answer.
    fn answer(&self, chain: &mut Chain<'_>, request: &Request, reply: &Reply) -> Result<Vec<Request>, Fault> {
        let lines: Vec<(i64, &[u8])>;
        let answer = match reply {
            Reply::Ledger(None) => Answer::Absent,
            Reply::Ledger(Some((ledger, version))) => Answer::Ledger(ledger.clone(), version.clone()),
            Reply::LedgerWritten(Written::Now(version)) | Reply::Put(Written::Now(version), _) => {
                Answer::Written(version.clone())
            }
            Reply::LedgerWritten(Written::NotNow) | Reply::Put(Written::NotNow, _) => Answer::Conflict,
            Reply::Objects(firsts) => Answer::Objects(firsts),
            Reply::Object(bytes) => {
                let ours = chain.records();
                let each = bytes.split_inclusive(|&byte| byte == b'\n').map(|line| {
                    let offset = line::offset(line)?;
                    // Another version may have told of the same poison in other words.
                    let own =
                        ours.binary_search_by_key(&offset, |record| record.offset).ok().map(|place| ours[place].line);
                    Some((offset, own.filter(|own| poison::is_same(own, line)).unwrap_or(line)))
                });
                let Some(all) = each.collect() else {
                    let Request::ReadObject { group, first } = request else { return Ok(Vec::new()) };
                    let key = self.key(*group, *first);
                    return Err(self.store.damaged(&key, "a line of it has no offset").into());
                };
                lines = all;
                Answer::Object(&lines)
            }
        };
        chain.answer(request, &answer).map_err(|refusal| Fault::Refused(self.told(&refusal)))
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
        self.layout.key_in(&self.part.groups[group], self.part.partition, first)
    }

    fn keys(&self, group: usize) -> String {
        self.layout.keys_in(&self.part.groups[group], self.part.partition)
    }

    /// A refusal in words, with its remedy.
    fn told(&self, refusal: &Refusal) -> String {
        let object = |group: usize, first: i64| format!("s3://{}/{}", self.store.bucket, self.key(group, first));
        let ledger = format!("s3://{}/{}", self.store.bucket, self.ledger_key());
        match refusal {
            Refusal::TwoRecords { offset } => format!("the event holds two different records of offset {offset}"),
            Refusal::LedgerLost { group, first } => format!(
                "{ledger} is lost, for there are objects, as {}: pause the event source and rebuild it with `tickerlake audit --repair`",
                object(*group, *first)
            ),
            Refusal::LedgerDeleted => format!(
                "{ledger} was deleted while records were being stored: pause the event source and rebuild it with `tickerlake audit --repair`"
            ),
            Refusal::LayoutDiffers { theirs } => format!(
                "the sink is set to write {} and {ledger} says that its objects are {theirs}: set SINK_COMPRESSION, SINK_PARTITION_BY and SINK_PARTITION_FIELD back, wait until the lag is 0, and set them anew together with a new SINK_PREFIX",
                self.layout.pattern()
            ),
            Refusal::OffsetReused { group, first, offset } => format!(
                "{} holds another record of offset {offset}, so offsets are being used again: if the topic was made anew, or its broker lost records, set SINK_TOPIC_GENERATION to {}",
                object(*group, *first),
                self.layout.generation.saturating_add(1)
            ),
            Refusal::Damaged { group, first } => format!(
                "{} does not begin with the offset that its name tells: see `tickerlake audit`",
                object(*group, *first)
            ),
        }
    }
}

/// What a request to put an object puts.
fn lines_of<'a>(chain: &Chain<'a>, request: &Request) -> Vec<(i64, &'a [u8])> {
    let Request::PutObject { records, .. } = request else { return Vec::new() };
    let records = records.iter().map(|&place| chain.records()[place]);
    records.map(|record| (record.offset, record.line)).collect()
}
