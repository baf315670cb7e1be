//! Joins the consumer group, collects records into batches, and starts the delivery of one batch at a time.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::consumer::{CommitMode, Consumer};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::message::Message;
use rdkafka::{Offset, TopicPartitionList};
use tokio::runtime::Handle;
use tokio::task::{JoinError, JoinHandle};
use tokio_util::sync::CancellationToken;

use crate::batch::Batch;
use crate::batcher::Batcher;
use kafka_client::hints::Operation;

use crate::consumer::{GroupConsumer, GroupMember, ThrottledWarning, add, apply_defaults, offset};
use crate::deliver::Deliverer;
use crate::function::Function;
use crate::in_flight::InFlight;
use crate::lag;
use crate::progress::{Collected, Progress};
use crate::removed::{ReadPositions, Removals};
use crate::settings::{Settings, StartingPosition};

/// Maximum time to wait for a record before the reader checks whether it should stop.
const POLL_TIMEOUT: Duration = Duration::from_millis(100);

/// Maximum number of records to read before the reader checks the clock, the delivery and the group again.
const MAX_RECORDS_PER_ROUND: usize = 100;

/// Maximum time to wait for the current delivery when the next batch is ready. After that, the reader pauses the
/// partitions and polls, because the group requires its members to poll. Pausing discards the prefetched records, so it
/// is avoided during short deliveries.
const PAUSE_AFTER: Duration = Duration::from_secs(1);

/// Minimum time between two commits of offsets that belong to no record.
const IDLE_COMMIT_INTERVAL: Duration = Duration::from_secs(1);

/// Error that ended an event source.
#[derive(Debug, thiserror::Error)]
pub enum EventSourceError {
    /// librdkafka rejected a setting, or the broker permanently rejected the consumer.
    #[error("the event source failed to read from {servers}: {source}{}", Operation::ConsumeInGroup.hint(source.rdkafka_error_code()))]
    Kafka { servers: String, source: KafkaError },
    /// The task that delivers a batch, or the thread that reads, panicked. Continuing would commit offsets past a batch
    /// that was not delivered.
    #[error("internal error: a task of the event source failed (this is a bug)")]
    Task(#[from] JoinError),
    /// The event source was stopped without an error.
    #[error("the event source was stopped")]
    Stopped,
}

/// A member of the consumer group, and the function that receives its records.
pub(crate) struct Subscription {
    consumer: Arc<GroupConsumer>,
    in_flight: Arc<InFlight>,
    removals: Arc<Mutex<Removals>>,
    deliverer: Arc<Deliverer>,
}

impl Subscription {
    /// Subscribes to the topics as a member of the group.
    ///
    /// # Errors
    /// [`EventSourceError::Kafka`] if librdkafka rejects a setting or the topics.
    pub(crate) fn new(
        settings: Settings,
        function: Arc<dyn Function>,
        progress: Arc<Progress>,
    ) -> Result<Self, EventSourceError> {
        let servers = settings.client.get("bootstrap.servers").unwrap_or_default().to_owned();
        let kafka = |source| EventSourceError::Kafka { servers: servers.clone(), source };
        let mut client = settings.client.clone();
        apply_defaults(&mut client);
        client.set("group.id", &settings.group).set("enable.auto.commit", "false").set(
            "auto.offset.reset",
            match settings.starting_position {
                StartingPosition::TrimHorizon => "earliest",
                StartingPosition::Latest => "latest",
            },
        );
        let in_flight = Arc::new(InFlight::default());
        let removals = Arc::new(Mutex::new(Removals::default()));
        let member = GroupMember::new(Arc::clone(&in_flight), Arc::clone(&removals));
        let consumer: GroupConsumer = client.create_with_context(member).map_err(kafka)?;
        let topics: Vec<&str> = settings.topics.iter().map(String::as_str).collect();
        consumer.subscribe(&topics).map_err(kafka)?;
        let consumer = Arc::new(consumer);
        let deliverer = Arc::new(Deliverer {
            settings,
            servers,
            function,
            consumer: Arc::clone(&consumer),
            in_flight: Arc::clone(&in_flight),
            progress,
        });
        Ok(Subscription { consumer, in_flight, removals, deliverer })
    }

    /// Reads and delivers records until `stop` is cancelled, then completes the current invocation and commits its
    /// offsets. Blocks the thread.
    ///
    /// # Errors
    /// [`EventSourceError::Kafka`] if the broker permanently rejects the consumer, [`EventSourceError::Task`] if a
    /// delivery panics.
    pub(crate) fn run(self, runtime: &Handle, stop: &CancellationToken) -> Result<(), EventSourceError> {
        // If reading ends for any reason, delivery and the measurement of the lag end too.
        let stop = stop.child_token();
        let meter = lag::Meter {
            topics: self.deliverer.settings.topics.clone(),
            consumer: Arc::clone(&self.consumer),
            removals: Arc::clone(&self.removals),
            progress: Arc::clone(&self.deliverer.progress),
        };
        let lag = lag::watch(meter.clone(), stop.clone());
        let mut reader = Reader {
            subscription: &self,
            runtime,
            stop: &stop,
            batcher: Batcher::new(self.deliverer.settings.limits, &self.deliverer.servers),
            ready: VecDeque::new(),
            positions: ReadPositions::default(),
            last_idle_commit: None,
            delivery: None,
            paused: false,
            drained: false,
            collected: Collected::default(),
        };
        let read = reader.read();
        stop.cancel();
        let delivered = reader.join_delivery();
        // A panic of the lag thread no longer matters.
        let _ = lag.join();
        // The last status is the state after the last commit.
        meter.update(&CancellationToken::new());
        read.and(delivered)
    }
}

/// The loop that reads records and starts deliveries.
struct Reader<'a> {
    subscription: &'a Subscription,
    runtime: &'a Handle,
    stop: &'a CancellationToken,
    batcher: Batcher,
    /// Closed batches that wait for the current delivery to end.
    ready: VecDeque<Batch>,
    positions: ReadPositions,
    /// Time of the last call to [`Reader::commit_positions`].
    last_idle_commit: Option<Instant>,
    delivery: Option<JoinHandle<()>>,
    paused: bool,
    /// `true` if the last poll returned no record.
    drained: bool,
    /// As passed to [`Progress::set_collected`].
    collected: Collected,
}

impl Reader<'_> {
    fn read(&mut self) -> Result<(), EventSourceError> {
        let mut warning = ThrottledWarning::new(&self.subscription.deliverer.servers);
        while !self.stop.is_cancelled() {
            let now = Instant::now();
            self.start_delivery(now)?;
            if !self.ready.is_empty() && !self.paused {
                if self.delivery_ends_soon()? {
                    continue;
                }
                self.pause()?;
            }
            let mut timeout = self.poll_timeout(now);
            for _ in 0..MAX_RECORDS_PER_ROUND {
                match self.subscription.consumer.poll(timeout) {
                    Some(Ok(message)) => {
                        self.drained = false;
                        let (topic, partition) = (message.topic(), message.partition());
                        if let Some(skipped) = self.positions.advance(topic, partition, message.offset()) {
                            self.removals().skip(topic, partition, skipped);
                        }
                        self.ready.extend(add(&mut self.batcher, &message));
                        if self.paused {
                            // The record is from a partition that was assigned after the pause.
                            self.pause()?;
                        }
                    }
                    Some(Err(error)) if Operation::ConsumeInGroup.is_permanent(&error) => return Err(self.kafka(error)),
                    Some(Err(error)) => warning.warn(&error, Instant::now()),
                    None => self.drained = true,
                }
                if self.drained || !self.ready.is_empty() {
                    break;
                }
                // The rest of the round takes only records that have already been fetched.
                timeout = Duration::ZERO;
            }
            self.show_collected();
            // Rebalances happen during a poll that returns no record.
            self.drop_revoked();
            if self.is_idle() && self.last_idle_commit.is_none_or(|last| now - last >= IDLE_COMMIT_INTERVAL) {
                self.last_idle_commit = Some(now);
                if let Err(error) = self.commit_positions() {
                    tracing::debug!(%error, "failed to commit the offsets after the last record");
                }
            }
        }
        Ok(())
    }

    /// Returns `true` if every record that was read has been delivered, and its offset committed.
    fn is_idle(&self) -> bool {
        self.drained && self.delivery.is_none() && self.ready.is_empty() && self.batcher.due().is_none()
    }

    /// Commits the positions of partitions that end in offsets without a record, such as the marker after the last
    /// record of a transaction. Otherwise, the lag of such a partition never reaches 0. Must be called only while idle:
    /// every record before the positions has then been delivered.
    fn commit_positions(&self) -> KafkaResult<()> {
        let Subscription { consumer, deliverer, .. } = self.subscription;
        let mut offsets = TopicPartitionList::new();
        for one in consumer.position()?.elements() {
            let Some(position) = offset(one.offset()) else { continue };
            let partition = (one.topic().to_owned(), one.partition());
            let known = self.removals().committed(&partition).max(deliverer.progress.next_offset(&partition));
            if known.is_none_or(|known| known < position) {
                offsets.add_partition_offset(one.topic(), one.partition(), Offset::Offset(position))?;
            }
        }
        if offsets.count() == 0 { Ok(()) } else { consumer.commit(&offsets, CommitMode::Async) }
    }

    fn removals(&self) -> MutexGuard<'_, Removals> {
        self.subscription.removals.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts the delivery of the next batch unless a delivery is running. A batch whose window ends during a delivery
    /// keeps growing until the delivery ends.
    fn start_delivery(&mut self, now: Instant) -> Result<(), EventSourceError> {
        if self.delivery.as_ref().is_some_and(JoinHandle::is_finished) {
            self.join_delivery()?;
        }
        if self.delivery.is_some() {
            return Ok(());
        }
        // With a window of 0, a batch is closed once no fetched record is left.
        let no_window = self.subscription.deliverer.settings.limits.window.is_zero();
        if self.ready.is_empty() && (self.drained || !no_window) {
            self.ready.extend(self.batcher.close_if_due(now));
        }
        if let Some(batch) = self.ready.pop_front() {
            // Called on this thread because rebalance callbacks run on it too: every partition revoked from now on
            // counts as lost to this batch.
            self.subscription.in_flight.begin_batch();
            let (deliverer, stop) = (Arc::clone(&self.subscription.deliverer), self.stop.clone());
            self.delivery = Some(self.runtime.spawn(async move { deliverer.deliver(batch, &stop).await }));
        }
        if self.paused && self.ready.is_empty() {
            self.resume()?;
        }
        Ok(())
    }

    /// Waits up to [`PAUSE_AFTER`] for the current delivery to end. Returns `true` if no delivery is running any more.
    fn delivery_ends_soon(&mut self) -> Result<bool, EventSourceError> {
        let Some(delivery) = &mut self.delivery else {
            return Ok(true);
        };
        let ends = async { tokio::time::timeout(PAUSE_AFTER, delivery).await };
        match self.runtime.block_on(ends) {
            Err(_) => Ok(false),
            Ok(ended) => {
                self.delivery = None;
                Ok(ended.map(|()| true)?)
            }
        }
    }

    /// Waits for the current delivery, if any.
    fn join_delivery(&mut self) -> Result<(), EventSourceError> {
        match self.delivery.take() {
            Some(delivery) => Ok(self.runtime.block_on(delivery)?),
            None => Ok(()),
        }
    }

    fn poll_timeout(&self, now: Instant) -> Duration {
        match self.batcher.due() {
            Some(due) if self.delivery.is_none() => due.saturating_duration_since(now).min(POLL_TIMEOUT),
            // Short, because the delivery of this batch should start as soon as the current one ends.
            Some(_) => POLL_TIMEOUT / 10,
            None => POLL_TIMEOUT,
        }
    }

    fn pause(&mut self) -> Result<(), EventSourceError> {
        self.paused = true;
        let consumer = &self.subscription.consumer;
        consumer.assignment().and_then(|assigned| consumer.pause(&assigned)).map_err(|error| self.kafka(error))
    }

    fn resume(&mut self) -> Result<(), EventSourceError> {
        self.paused = false;
        let consumer = &self.subscription.consumer;
        consumer.assignment().and_then(|assigned| consumer.resume(&assigned)).map_err(|error| self.kafka(error))
    }

    /// Drops the records of revoked partitions, except those in flight. The next consumer of each partition starts at
    /// its committed offset.
    fn drop_revoked(&mut self) {
        for (topic, partition) in self.subscription.in_flight.take_revoked() {
            self.positions.forget(&topic, partition);
            self.batcher.drop_partition(&topic, partition);
            for batch in &mut self.ready {
                batch.drop_partition(&topic, partition);
            }
        }
        self.ready.retain(|batch| !batch.is_empty());
    }

    fn show_collected(&mut self) {
        let add = |(records, bytes), batch: &Batch| (records + batch.records(), bytes + batch.size());
        let (open, waiting) = (self.batcher.filled(), self.ready.iter().fold((0, 0), add));
        let now = Collected {
            records: open.0 as u64,
            bytes: open.1 as u64,
            waiting_records: waiting.0 as u64,
            waiting_bytes: waiting.1 as u64,
        };
        if now != self.collected {
            self.collected = now;
            let Deliverer { settings, progress, .. } = &*self.subscription.deliverer;
            progress.set_collected(&settings.topics, now);
        }
    }

    fn kafka(&self, source: KafkaError) -> EventSourceError {
        EventSourceError::Kafka { servers: self.subscription.deliverer.servers.clone(), source }
    }
}
