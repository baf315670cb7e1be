//! What the broker says: how far its partitions reach, and which offsets it delivers. Blocks while it answers.

use std::ops::Range;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use kafka_client::context::SilentContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::Message;
use rdkafka::metadata::{MetadataPartition, MetadataTopic};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};

use crate::finding_kind::Kind;
use crate::gaps::{Hole, Sieve, Verdict};

/// For an answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// For the next record.
const READING: Duration = Duration::from_secs(30);
const TICK: Duration = Duration::from_millis(100);

/// Offsets between two holes that are rather read than leapt over.
const NEAR: i64 = 10_000;

/// A broker, asked as the trigger asks it: what it delivers under the user's own settings.
pub(crate) struct Broker {
    consumer: BaseConsumer<SilentContext>,
    servers: String,
}

impl Broker {
    pub(crate) fn new(client: &ClientConfig) -> anyhow::Result<Self> {
        let servers = client.get("bootstrap.servers").unwrap_or_default().to_owned();
        let mut client = client.clone();
        // No group is joined and nothing is committed; librdkafka wants a name all the same.
        client
            .set("group.id", "tickerlake-audit")
            .set("enable.auto.commit", "false")
            .set("enable.partition.eof", "true")
            .set("auto.offset.reset", "error");
        let consumer = client
            .create_with_context(SilentContext)
            .with_context(|| format!("the broker {servers} (--bootstrap-server)"))?;
        Ok(Broker { consumer, servers })
    }

    fn silent(&self) -> String {
        format!("the broker {} (--bootstrap-server) does not answer", self.servers)
    }

    /// The partitions of a topic; none where the broker has no such topic.
    pub(crate) fn partitions(&self, topic: &str) -> anyhow::Result<Vec<i32>> {
        // Asked for by its name, a topic may be made by that.
        let metadata = self.consumer.fetch_metadata(None, PATIENCE).with_context(|| self.silent())?;
        let named = metadata.topics().iter().filter(|one| one.name() == topic);
        Ok(named.flat_map(MetadataTopic::partitions).map(MetadataPartition::id).collect())
    }

    /// The first offset that the broker still has, and one past the last.
    pub(crate) fn watermarks(&self, topic: &str, partition: i32) -> anyhow::Result<(i64, i64)> {
        let asked = self.consumer.fetch_watermarks(topic, partition, PATIENCE);
        asked.with_context(|| format!("{}: {topic}/{partition}", self.silent()))
    }

    /// Asks which offsets of the holes, which are in order, are delivered.
    pub(crate) fn judge(
        &self,
        topic: &str,
        partition: i32,
        holes: &[Hole],
        mut tell: impl FnMut(Kind, Verdict, Range<i64>),
    ) -> anyhow::Result<()> {
        let (low, high) = self.watermarks(topic, partition)?;
        let mut sieve = Sieve::new(holes);
        sieve.settle(low, Verdict::Gone, &mut tell);
        let end = holes.last().map_or(0, |hole| hole.offsets.end).min(high);
        let read = self.read(topic, partition, &mut sieve, end, &mut tell);
        // Without an assignment nothing is fetched any more.
        self.consumer.unassign()?;
        read.with_context(|| format!("reading {topic}/{partition} from the broker {}", self.servers))?;
        sieve.settle(high, Verdict::PassedOver, &mut tell);
        sieve.settle(i64::MAX, Verdict::Beyond, &mut tell);
        sieve.end(&mut tell);
        Ok(())
    }

    /// Reads what lies in the holes below `end`.
    fn read(
        &self,
        topic: &str,
        partition: i32,
        sieve: &mut Sieve<'_>,
        end: i64,
        mut tell: impl FnMut(Kind, Verdict, Range<i64>),
    ) -> anyhow::Result<()> {
        let mut at = None;
        let mut heard = Instant::now();
        while let Some(wanted) = sieve.wanted().filter(|wanted| *wanted < end) {
            if at.is_none_or(|at| wanted - at > NEAR) {
                let mut assignment = TopicPartitionList::new();
                assignment.add_partition_offset(topic, partition, Offset::Offset(wanted))?;
                self.consumer.assign(&assignment)?;
                at = Some(wanted);
            }
            match self.consumer.poll(TICK) {
                // What was on its way from before the leap.
                Some(Ok(message)) if at.is_some_and(|at| message.offset() < at) => {}
                Some(Ok(message)) => {
                    heard = Instant::now();
                    at = Some(message.offset());
                    sieve.delivered(message.offset(), &mut tell);
                }
                Some(Err(KafkaError::PartitionEOF(_))) => return Ok(()),
                Some(Err(error)) if is_transient(&error) && heard.elapsed() < READING => {
                    tracing::debug!("audit: {error}");
                }
                Some(Err(error)) => return Err(error.into()),
                None if heard.elapsed() > READING => bail!("no answer within {} seconds", READING.as_secs()),
                None => {}
            }
        }
        Ok(())
    }
}

/// Troubles that librdkafka overcomes by itself; that the group is not allowed is none, since nobody joins it.
fn is_transient(error: &KafkaError) -> bool {
    matches!(
        error.rdkafka_error_code(),
        Some(
            RDKafkaErrorCode::AllBrokersDown
                | RDKafkaErrorCode::BrokerTransportFailure
                | RDKafkaErrorCode::GroupAuthorizationFailed
                | RDKafkaErrorCode::OperationTimedOut
                | RDKafkaErrorCode::Resolve
        )
    )
}
