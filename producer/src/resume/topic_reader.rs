//! Reads what a topic holds, to find the records of a feed among them.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use kafka_client::context::SilentContext;
use kafka_client::hints::Operation;
use kafka_client::settings::Settings;
use kafka_client::topic::Topic;
use kafka_client::watermarks::{TopicWatermarks, topic_watermarks};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::Message;
use rdkafka::{Offset, TopicPartitionList};
use tokio_util::sync::CancellationToken;

use crate::resume::ResumeError;
use crate::resume::fingerprint::Stamp;
use crate::resume::high_water_marks::Range;

/// A broker that has said nothing for so long is not waited for.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often a shutdown is looked for.
const POLL: Duration = Duration::from_millis(100);

/// A reader of one topic that is in no group and commits nothing.
pub(crate) struct TopicReader<'a> {
    consumer: BaseConsumer<SilentContext>,
    settings: &'a Settings,
    topic: &'a Topic,
}

impl<'a> TopicReader<'a> {
    pub(crate) fn new(settings: &'a Settings, topic: &'a Topic) -> Result<Self, ResumeError> {
        let mut config = settings.client_config();
        // Replicas other than the leader may lag.
        config.remove("client.rack");
        let consumer = config
            // librdkafka wants a name, even though nobody joins.
            .set("group.id", "tickerlake-producer-resume")
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            .set("enable.partition.eof", "true")
            .set("auto.offset.reset", "earliest")
            // What stands behind another producer's open transaction counts as well.
            .set("isolation.level", "read_uncommitted")
            .set("queued.max.messages.kbytes", "16384")
            .create_with_context(SilentContext)
            .map_err(|error| unreadable(settings, topic, &error))?;
        Ok(Self { consumer, settings, topic })
    }

    /// The first offset and the end of each partition, as the partitions' leaders tell; `None` if a shutdown came
    /// first.
    pub(crate) fn watermarks(
        &self,
        partitions: u32,
        shutdown: &CancellationToken,
    ) -> Result<Option<TopicWatermarks>, ResumeError> {
        topic_watermarks(&self.consumer, self.topic.as_str(), partitions, shutdown)
            .map_err(|error| self.unreadable(&error))
    }

    /// Shows `saw` each record of the ranges that a feed has stamped: partition, offset, stamp. `false` if a shutdown
    /// came first.
    ///
    /// Ranges end at or before the ends that [`TopicReader::watermarks`] has told, and do not overlap.
    pub(crate) fn read(
        &self,
        ranges: &[Range],
        shutdown: &CancellationToken,
        mut saw: impl FnMut(i32, i64, Stamp) -> Result<(), ResumeError>,
    ) -> Result<bool, ResumeError> {
        if ranges.is_empty() {
            return Ok(true);
        }
        let mut open: BTreeMap<i32, Range> = ranges.iter().map(|range| (range.partition, *range)).collect();
        let mut assigned = TopicPartitionList::with_capacity(open.len());
        for range in open.values() {
            assigned
                .add_partition_offset(self.topic.as_str(), range.partition, Offset::Offset(range.from))
                .map_err(|error| self.unreadable(&error))?;
        }
        self.consumer.assign(&assigned).map_err(|error| self.unreadable(&error))?;
        let mut heard = Instant::now();
        let mut trouble = None;
        while !open.is_empty() {
            if shutdown.is_cancelled() {
                return Ok(false);
            }
            match self.consumer.poll(POLL) {
                Some(Ok(message)) => {
                    heard = Instant::now();
                    let (partition, offset) = (message.partition(), message.offset());
                    let Some(range) = open.get(&partition) else { continue };
                    if (range.from..range.to).contains(&offset)
                        && let Some(stamp) = message.headers().and_then(Stamp::of)
                    {
                        saw(partition, offset, stamp)?;
                    }
                    // The last offsets may hold nothing; then a later record, or the partition's end, tells.
                    if offset + 1 >= range.to {
                        open.remove(&partition);
                    }
                }
                Some(Err(KafkaError::PartitionEOF(partition))) => {
                    heard = Instant::now();
                    open.remove(&partition);
                }
                Some(Err(error)) if Operation::ReadTopic.is_permanent(&error) => return Err(self.unreadable(&error)),
                Some(Err(error)) => trouble = Some(error),
                None => {}
            }
            if heard.elapsed() > PATIENCE {
                return Err(self.unreadable(&trouble.unwrap_or(KafkaError::NoMessageReceived)));
            }
        }
        self.consumer.unassign().map_err(|error| self.unreadable(&error))?;
        Ok(true)
    }

    fn unreadable(&self, error: &KafkaError) -> ResumeError {
        unreadable(self.settings, self.topic, error)
    }
}

fn unreadable(settings: &Settings, topic: &Topic, error: &KafkaError) -> ResumeError {
    let code = error.rdkafka_error_code();
    let said = code.map_or_else(|| error.to_string(), |code| code.to_string());
    let reason = format!("{said}{}", Operation::ReadTopic.hint(code));
    ResumeError::Unreadable { topic: topic.clone(), servers: settings.servers().to_owned(), reason }
}
