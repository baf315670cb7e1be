//! The local twin of Lambda's Kafka event source mapping.
//!
//! It reads topics with a consumer group, collects records into batches ([`batcher`]), hands each to the
//! function ([`function`]) and commits its offsets once the function has succeeded. What fails is tried again,
//! split or given up as [`retry`] decides. One batch is under way at a time, so that the records of a
//! partition are never handled side by side; meanwhile the next is collected.

pub mod batch;
pub mod batcher;
pub mod clock;
mod consumer;
pub mod dead_letter;
mod deliver;
pub mod event;
pub mod function;
mod in_flight;
mod lag;
pub mod on_failure;
pub mod progress;
pub mod redrive;
pub mod response;
pub mod retry;
mod running;

pub use running::Running;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::consumer::Consumer;
use rdkafka::error::KafkaError;
use tokio::runtime::Handle;
use tokio::task::{JoinError, JoinHandle};
use tokio_util::sync::CancellationToken;

use batch::{Batch, Limits};
use batcher::Batcher;
use consumer::{Complaints, GroupConsumer, Member, add, fetch_ahead};
use deliver::Deliverer;
use function::Function;
use in_flight::Flight;
use kafka_client::hints::Operation;
use on_failure::Destination;
use progress::Progress;
use retry::Policy;

/// How often a waiting trigger looks whether it shall stop.
const TICK: Duration = Duration::from_millis(100);

/// So many records that have been fetched are read before the clock, the function and the group are looked at again.
const ROUND: usize = 100;

/// A function that takes longer has its partitions paused, so that the consumer can be polled meanwhile, as
/// the group demands; pausing throws away what was fetched ahead, so quick functions are simply waited for.
const PAUSE_AFTER: Duration = Duration::from_secs(1);

/// Lambda lets a function that a Kafka event source invokes run for 14 minutes at most.
pub const FUNCTION_TIMEOUT: Duration = Duration::from_secs(14 * 60);

/// Where a group that is new begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StartingPosition {
    /// At the first record that the topic still holds.
    #[default]
    TrimHorizon,
    /// After the last record there is when it begins.
    Latest,
}

/// What a trigger is told.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The broker and how to reach it, in librdkafka's keys.
    pub client: ClientConfig,
    /// The topics.
    pub topics: Vec<String>,
    /// The consumer group.
    pub group: String,
    /// Where the group begins, if it is new; one that exists goes on where it was.
    pub starting_position: StartingPosition,
    /// What closes a batch.
    pub limits: Limits,
    /// How long the function may take.
    pub timeout: Duration,
    /// What is done when the function fails.
    pub policy: Policy,
    /// Whether the function's answer is read as a partial batch response (`ReportBatchItemFailures`).
    pub report_batch_item_failures: bool,
    /// Where records go that are given up.
    pub on_failure: Option<Destination>,
}

impl Settings {
    /// Settings with AWS's defaults for what is not named here, and a function that may take as long as
    /// Lambda lets any.
    pub fn new(client: ClientConfig, topics: Vec<String>, group: impl Into<String>, limits: Limits) -> Self {
        Settings {
            client,
            topics,
            group: group.into(),
            starting_position: StartingPosition::default(),
            limits,
            timeout: FUNCTION_TIMEOUT,
            policy: Policy::default(),
            report_batch_item_failures: false,
            on_failure: None,
        }
    }
}

/// Why a trigger ended.
#[derive(Debug, thiserror::Error)]
pub enum TriggerError {
    /// A setting that librdkafka refuses, or a group that cannot be joined.
    #[error("the trigger cannot read from {servers}: {source}{}", Operation::ConsumeInGroup.hint(source.rdkafka_error_code()))]
    Kafka {
        /// The bootstrap servers.
        servers: String,
        /// What librdkafka said.
        source: KafkaError,
    },
    /// The task that delivers has failed: going on would commit past its batch.
    #[error("delivering a batch broke off: {0}")]
    Broken(#[from] JoinError),
}

/// A trigger between a broker and a function.
pub struct Trigger {
    consumer: Arc<GroupConsumer>,
    flight: Arc<Flight>,
    deliverer: Arc<Deliverer>,
}

impl Trigger {
    /// Joins the group.
    ///
    /// # Errors
    /// [`TriggerError`] when librdkafka refuses a setting.
    pub fn new(settings: Settings, function: Arc<dyn Function>, progress: Arc<Progress>) -> Result<Self, TriggerError> {
        let servers = settings.client.get("bootstrap.servers").unwrap_or_default().to_owned();
        let kafka = |source| TriggerError::Kafka { servers: servers.clone(), source };
        let mut client = settings.client.clone();
        fetch_ahead(&mut client);
        client.set("group.id", &settings.group).set("enable.auto.commit", "false").set(
            "auto.offset.reset",
            match settings.starting_position {
                StartingPosition::TrimHorizon => "earliest",
                StartingPosition::Latest => "latest",
            },
        );
        let flight = Arc::new(Flight::default());
        let consumer: GroupConsumer = client.create_with_context(Member::new(Arc::clone(&flight))).map_err(kafka)?;
        let topics: Vec<&str> = settings.topics.iter().map(String::as_str).collect();
        consumer.subscribe(&topics).map_err(kafka)?;
        let consumer = Arc::new(consumer);
        let deliverer = Arc::new(Deliverer {
            settings,
            servers,
            function,
            consumer: Arc::clone(&consumer),
            flight: Arc::clone(&flight),
            progress,
        });
        Ok(Trigger { consumer, flight, deliverer })
    }

    /// Runs until `stop`; the invocation under way is finished and committed first. Blocks its thread.
    ///
    /// # Errors
    /// [`TriggerError`] when the broker refuses for good.
    pub fn run(self, runtime: &Handle, stop: &CancellationToken) -> Result<(), TriggerError> {
        // Whatever ends the reading ends the delivering and the measuring.
        let stop = stop.child_token();
        let progress = Arc::clone(&self.deliverer.progress);
        let lag = lag::watch(Arc::clone(&self.consumer), progress, stop.clone());
        let mut reader = Reader {
            trigger: &self,
            runtime,
            stop: &stop,
            batcher: Batcher::new(self.deliverer.settings.limits, &self.deliverer.servers),
            ready: VecDeque::new(),
            under_way: None,
            paused: false,
            drained: false,
        };
        let read = reader.read();
        stop.cancel();
        let landed = reader.land();
        // A thread that has failed has nothing more to say.
        let _ = lag.join();
        read.and(landed)
    }
}

/// The loop that reads: what it has collected, and what is on its way.
struct Reader<'a> {
    trigger: &'a Trigger,
    runtime: &'a Handle,
    stop: &'a CancellationToken,
    batcher: Batcher,
    /// Closed, and waiting for the one under way.
    ready: VecDeque<Batch>,
    under_way: Option<JoinHandle<()>>,
    paused: bool,
    /// The last poll gave nothing.
    drained: bool,
}

impl Reader<'_> {
    fn read(&mut self) -> Result<(), TriggerError> {
        let mut complaints = Complaints::new(&self.trigger.deliverer.servers);
        while !self.stop.is_cancelled() {
            let now = Instant::now();
            self.set_out(now)?;
            if !self.ready.is_empty() && !self.paused {
                if self.lands_soon()? {
                    continue;
                }
                self.pause()?;
            }
            let mut patience = self.patience(now);
            for _ in 0..ROUND {
                match self.trigger.consumer.poll(patience) {
                    Some(Ok(message)) => {
                        self.drained = false;
                        self.ready.extend(add(&mut self.batcher, &message));
                        if self.paused {
                            // Of a partition that was assigned after the pause began.
                            self.pause()?;
                        }
                    }
                    Some(Err(error)) if Operation::ConsumeInGroup.is_permanent(&error) => return Err(self.kafka(error)),
                    Some(Err(error)) => complaints.hear(&error, Instant::now()),
                    None => self.drained = true,
                }
                if self.drained || !self.ready.is_empty() {
                    break;
                }
                // What is there already: nothing is waited for.
                patience = Duration::ZERO;
            }
            // Rebalances happen within a poll, which then gives no record.
            self.drop_revoked();
        }
        Ok(())
    }

    /// Lets the next batch set out, if none is under way. A window that ends while one is makes the batch
    /// wait, and grow.
    fn set_out(&mut self, now: Instant) -> Result<(), TriggerError> {
        if self.under_way.as_ref().is_some_and(JoinHandle::is_finished) {
            self.land()?;
        }
        if self.under_way.is_some() {
            return Ok(());
        }
        // With a window of 0 a batch is whatever has been fetched already.
        let at_once = self.trigger.deliverer.settings.limits.window.is_zero();
        if self.ready.is_empty() && self.batcher.due().is_some_and(|due| due <= now) && (self.drained || !at_once) {
            self.ready.extend(self.batcher.take());
        }
        if let Some(batch) = self.ready.pop_front() {
            // On this thread, as the rebalances are: what is taken away from now on is the batch's loss.
            self.trigger.flight.set_out();
            let (deliverer, stop) = (Arc::clone(&self.trigger.deliverer), self.stop.clone());
            self.under_way = Some(self.runtime.spawn(async move { deliverer.deliver(batch, &stop).await }));
        }
        if self.paused && self.ready.is_empty() {
            self.resume()?;
        }
        Ok(())
    }

    /// Waits a little for the one under way.
    fn lands_soon(&mut self) -> Result<bool, TriggerError> {
        let Some(under_way) = &mut self.under_way else {
            return Ok(true);
        };
        let landing = async { tokio::time::timeout(PAUSE_AFTER, under_way).await };
        match self.runtime.block_on(landing) {
            Err(_) => Ok(false),
            Ok(landed) => {
                self.under_way = None;
                Ok(landed.map(|()| true)?)
            }
        }
    }

    /// Waits for the one under way.
    fn land(&mut self) -> Result<(), TriggerError> {
        match self.under_way.take() {
            Some(under_way) => Ok(self.runtime.block_on(under_way)?),
            None => Ok(()),
        }
    }

    /// How long to wait for a record.
    fn patience(&self, now: Instant) -> Duration {
        match self.batcher.due() {
            Some(due) if self.under_way.is_none() => due.saturating_duration_since(now).min(TICK),
            // To be looked at again soon: the one under way may land at any moment.
            Some(_) => TICK / 10,
            None => TICK,
        }
    }

    fn pause(&mut self) -> Result<(), TriggerError> {
        self.paused = true;
        let consumer = &self.trigger.consumer;
        consumer.assignment().and_then(|assigned| consumer.pause(&assigned)).map_err(|error| self.kafka(error))
    }

    fn resume(&mut self) -> Result<(), TriggerError> {
        self.paused = false;
        let consumer = &self.trigger.consumer;
        consumer.assignment().and_then(|assigned| consumer.resume(&assigned)).map_err(|error| self.kafka(error))
    }

    /// What is not under way of a partition that was taken away is forgotten: its next reader begins where
    /// the commits end.
    fn drop_revoked(&mut self) {
        for (topic, partition) in self.trigger.flight.take_revoked() {
            self.batcher.drop_partition(&topic, partition);
            for batch in &mut self.ready {
                batch.drop_partition(&topic, partition);
            }
        }
        self.ready.retain(|batch| !batch.is_empty());
    }

    fn kafka(&self, source: KafkaError) -> TriggerError {
        TriggerError::Kafka { servers: self.trigger.deliverer.servers.clone(), source }
    }
}
