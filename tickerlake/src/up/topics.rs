//! The topics that `up` stores, each through its own event source and sink, as on AWS.
//!
//! The sink's settings contain the generation of the topic's records, so one sink cannot store two topics. Each event
//! source has its own consumer group, because a new member would interrupt the others.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context;
use embedded_broker::{Broker, Topic as BrokerTopic};
use event_source::function::Function;
use event_source::progress::Progress;
use event_source::{EventSource, EventSourceError, Limits, Settings};
use kafka_client::topic::Topic;
use kafka_client::watermarks::{commit_offsets, committed_offsets};
use lake_store::Lake;
use rdkafka::ClientConfig;
use serde_json::json;
use terminal::numbers::counted;
use tokio::sync::mpsc::UnboundedSender;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::generation::{self, Generation};
use crate::lake::{LakeArgs, WritableLake};
use crate::output::Output;
use crate::trigger::args::FunctionArgs;
use crate::trigger::sink_function::SinkFunction;

/// Consumer group of the selected topic's event source. The groups of other topics end with the topic.
const GROUP: &str = "tickerlake";

/// Maximum number of topics that are stored. Each takes a few threads and up to 64 MB for records that were read ahead.
/// Further topics are skipped with a warning.
const MAX_TOPICS: usize = 50;

/// The broker, the lake and the settings that the event sources share.
pub(super) struct Shared {
    pub(super) broker: Broker,
    /// Folder of the broker's log, unless the log is in memory.
    pub(super) log: Option<PathBuf>,
    pub(super) client: ClientConfig,
    pub(super) lake_args: LakeArgs,
    pub(super) lake: WritableLake,
    pub(super) readable: Lake,
    pub(super) limits: Limits,
    pub(super) function: FunctionArgs,
    /// The topic of `--topic`.
    pub(super) selected: Topic,
    /// Handling of topics that other programs create.
    pub(super) others: Others,
    pub(super) output: Output,
    pub(super) progress: Arc<Progress>,
}

/// Handling of topics other than the selected one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Others {
    Store,
    /// `--only-topic`.
    Ignore,
    /// An external function has the settings of one topic.
    FunctionStoresOne,
}

/// Event sources of the stored topics, by topic.
pub(super) struct Topics {
    pub(super) shared: Shared,
    stored: BTreeMap<String, Stored>,
    /// Event sources of deleted topics that complete their last invocation.
    ending: BTreeMap<String, JoinHandle<()>>,
    skipped: BTreeMap<String, Skipped>,
    failures: UnboundedSender<EventSourceError>,
}

/// A topic with a running event source.
struct Stored {
    id: Uuid,
    stop: CancellationToken,
    /// Offset at which the event source began, by partition number.
    start: Vec<i64>,
    task: JoinHandle<()>,
}

/// A topic that is not stored. `up` tries again at every discovery.
#[derive(PartialEq, Eq)]
struct Skipped {
    id: Uuid,
    /// The error, which is logged once. `None` with `--only-topic`.
    reason: Option<String>,
}

impl Topics {
    /// Creates an empty list of topics. Event sources that fail send their errors to `failures`.
    pub(super) fn new(shared: Shared, failures: UnboundedSender<EventSourceError>) -> Self {
        Topics { shared, stored: BTreeMap::new(), ending: BTreeMap::new(), skipped: BTreeMap::new(), failures }
    }

    /// Starts the event source of the selected topic.
    ///
    /// # Errors
    /// If its offsets cannot be committed, or librdkafka rejects a setting.
    pub(super) async fn start_selected(
        &mut self,
        generation: Generation,
        function: Arc<dyn Function>,
    ) -> anyhow::Result<()> {
        let topic = self.shared.find(self.shared.selected.as_str())?;
        self.start(topic, generation, function).await
    }

    /// Starts event sources for topics that have none, and ends those of deleted topics. A recreated topic counts as a
    /// different topic. Its event source starts when the event source of the deleted topic has ended.
    pub(super) async fn discover(&mut self) {
        let topics = self.shared.broker.topics();
        let exists = |name: &str, id: Uuid| topics.iter().any(|topic| topic.name == name && topic.id == id);
        for (name, deleted) in self.stored.extract_if(.., |name, stored| !exists(name, stored.id)) {
            deleted.stop.cancel();
            self.ending.insert(name, deleted.task);
        }
        for (name, _) in self.ending.extract_if(.., |_, task| task.is_finished()) {
            self.shared.progress.forget(&name);
        }
        self.skipped.retain(|name, skipped| exists(name, skipped.id));
        for topic in topics {
            if self.stored.contains_key(&topic.name) || self.ending.contains_key(&topic.name) {
                continue;
            }
            let (name, id) = (topic.name.clone(), topic.id);
            let reason = match self.add(topic).await {
                Ok(true) => continue,
                Ok(false) => None,
                Err(error) => Some(format!("{error:#}")),
            };
            let skipped = Skipped { id, reason };
            if self.skipped.get(&name) != Some(&skipped) {
                if let Some(error) = &skipped.reason {
                    tracing::warn!(topic = name, error, "the topic is not stored");
                }
                self.skipped.insert(name, skipped);
            }
        }
    }

    /// Starts the event sources of all topics that exist now, after the event sources of deleted topics have ended.
    pub(super) async fn discover_all(&mut self) {
        self.discover().await;
        for (name, task) in std::mem::take(&mut self.ending) {
            // The task sends the event source's error to `failures`.
            let _ = task.await;
            self.shared.progress.forget(&name);
        }
        self.discover().await;
    }

    /// Starts the event source of a topic. Returns `false` if the arguments exclude the topic.
    async fn add(&mut self, topic: BrokerTopic) -> anyhow::Result<bool> {
        let shared = &self.shared;
        if topic.name == shared.selected.as_str() {
            if shared.function.invoke.http().is_some() {
                anyhow::bail!(
                    "the topic was recreated, and the function still has the settings of the deleted topic: restart `up` and the function"
                );
            }
        } else {
            match shared.others {
                Others::Store => {}
                Others::Ignore => return Ok(false),
                Others::FunctionStoresOne => anyhow::bail!(
                    "the function given by --function has the settings of {} only: store this topic with another `tickerlake trigger`, or leave out --function",
                    shared.selected
                ),
            }
        }
        if self.stored.len() >= MAX_TOPICS {
            anyhow::bail!("`up` stores at most {MAX_TOPICS} topics: delete those that are not needed");
        }
        let generation = shared.generation(&topic).await?;
        let config = shared.lake.sink_config(&shared.lake_args, &topic.name, Some(generation.number)).await?;
        let function = Arc::new(SinkFunction::new(shared.lake.sink(config)));
        let (name, partitions) = (topic.name.clone(), topic.end_offsets.len());
        self.start(topic, generation, function).await?;
        let output = self.shared.output;
        output.stage("topic", &format!("{name} with {}", counted(partitions as u64, "partition", "partitions")));
        output.event("topic", json!({"topic": name, "partitions": partitions}));
        Ok(true)
    }

    async fn start(
        &mut self,
        topic: BrokerTopic,
        generation: Generation,
        function: Arc<dyn Function>,
    ) -> anyhow::Result<()> {
        let shared = &self.shared;
        let is_selected = topic.name == shared.selected.as_str();
        let group = if is_selected { GROUP.to_owned() } else { format!("{GROUP}-{}", topic.name) };
        let is_external = is_selected && shared.function.invoke.http().is_some();
        let start = start_offsets(&shared.client, &group, &topic.name, generation, is_external).await?;
        let mut settings = Settings::new(shared.client.clone(), vec![topic.name.clone()], group, shared.limits);
        shared.function.apply(&mut settings).await?;
        let event_source = EventSource::start(settings, function, Arc::clone(&shared.progress))?;
        let stop = CancellationToken::new();
        let (failures, stopped) = (self.failures.clone(), stop.clone());
        let task = tokio::spawn(async move {
            if let Err(error) = event_source.until(stopped).await {
                // The receiver ends with the command.
                let _ = failures.send(error);
            }
        });
        self.skipped.remove(&topic.name);
        self.stored.insert(topic.name, Stored { id: topic.id, stop, start, task });
        Ok(())
    }

    /// Returns the names of the stored topics, each with the offsets at which its event source began, by partition.
    pub(super) fn starts(&self) -> impl Iterator<Item = (&str, &[i64])> {
        self.stored.iter().map(|(name, stored)| (name.as_str(), stored.start.as_slice()))
    }

    /// Returns the topics that are not stored, each with the number of its records.
    pub(super) fn not_stored(&self) -> Vec<(String, u64)> {
        let topics = self.shared.broker.topics().into_iter();
        let is_skipped =
            |topic: &BrokerTopic| self.skipped.get(&topic.name).is_some_and(|skipped| skipped.id == topic.id);
        let skipped = topics.filter(is_skipped);
        let counted = skipped.map(|topic| (topic.name, topic.end_offsets.iter().map(|&end| end.unsigned_abs()).sum()));
        counted.filter(|(_, records)| *records > 0).collect()
    }

    /// Stops all event sources. Their current invocations are completed and their offsets are committed first.
    pub(super) async fn finish(&mut self) {
        for stored in self.stored.values() {
            stored.stop.cancel();
        }
        let stored = std::mem::take(&mut self.stored).into_values().map(|stored| stored.task);
        for task in stored.chain(std::mem::take(&mut self.ending).into_values()) {
            // The task sends the event source's error to `failures`.
            let _ = task.await;
        }
    }
}

impl Shared {
    fn find(&self, name: &str) -> anyhow::Result<BrokerTopic> {
        let found = self.broker.topics().into_iter().find(|found| found.name == name);
        found.context("internal error: the broker has no topic (this is a bug)")
    }

    /// Returns the generation of the selected topic's records in the broker.
    pub(super) async fn selected_generation(&self) -> anyhow::Result<Generation> {
        self.generation(&self.find(self.selected.as_str())?).await
    }

    async fn generation(&self, topic: &BrokerTopic) -> anyhow::Result<Generation> {
        match &self.log {
            Some(log) => generation::of_kept_log(log, &self.readable, topic).await,
            None => {
                let number = generation::next(&self.readable, &topic.name).await?;
                // The topic is empty, or its records are those of this process.
                Ok(Generation { number, is_new: true, stored: vec![0; topic.end_offsets.len()] })
            }
        }
    }
}

/// Returns the offsets at which an event source begins, by partition. Commits the offsets up to which the lake is
/// filled, rather than continuing at the group's committed offsets, so that a lake that lost objects is filled again.
/// An external function may store elsewhere, so it continues at the committed offsets unless the generation is new.
async fn start_offsets(
    client: &ClientConfig,
    group: &str,
    topic: &str,
    generation: Generation,
    is_external: bool,
) -> anyhow::Result<Vec<i64>> {
    let (client, group, topic) = (client.clone(), group.to_owned(), topic.to_owned());
    let decide = move || {
        if is_external && !generation.is_new {
            committed_offsets(&client, &group, &topic, generation.stored.len())
        } else {
            commit_offsets(&client, &group, &topic, &generation.stored)?;
            Ok(generation.stored)
        }
    };
    Ok(tokio::task::spawn_blocking(decide).await??)
}
