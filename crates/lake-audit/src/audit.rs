//! Audits a lake: reads each topic's ledgers first, then its objects, then the broker. Because of this order, every
//! object that a ledger counts as stored existed before the objects were listed. If such an object is not listed, it
//! was lost, or `drop` has moved its generation since. Generations that `drop` is moving are therefore left out.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use commit_protocol::Ledger;
use futures::{StreamExt, TryStreamExt, stream};
use lake_format::keys::{self, KeyLayout, LineRules};
use lake_format::ledger;
use lake_store::{Area, Lake, StoreError};
use rdkafka::ClientConfig;
use tokio::task::block_in_place;

use crate::broker::{Broker, BrokerError};
use crate::drop::unfinished;
use crate::finding::{Finding, Findings, PartitionKey};
use crate::finding_kind::FindingKind;
use crate::gap_classifier::Delivery;
use crate::gaps::{self, Gap};
use crate::object_text::{MAX_OBJECT_BYTES, text};
use crate::objects::{Generations, MAX_PASS_OBJECTS, Object, Pass};
use crate::partition::{LedgerRead, LostLedger, Partition};
use crate::report::Report;
use crate::row::{Row, Watermarks};

const CONCURRENT_READS: usize = 8;

/// Maximum number of gaps to classify in one pass over the broker's records. More gaps need several passes.
const MAX_GAPS_PER_REQUEST: usize = 10_000;

/// The part of a lake to audit.
#[derive(Clone, Debug, Default)]
pub struct Scope {
    /// The only topic to audit, or `None` for all.
    pub topic: Option<String>,
    /// The only generation to audit, or `None` for all.
    pub generation: Option<u32>,
    /// `true` to ignore missing offsets below a partition's first stored offset, unless its ledger declares them as
    /// skipped.
    pub from_first: bool,
}

/// The result of an audit.
#[derive(Debug)]
pub struct Audit {
    pub report: Report,
    /// Partitions that have stored records but no ledger.
    pub lost_ledgers: Vec<LostLedger>,
}

/// Reason that a lake could not be audited.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AuditError {
    /// The lake could not be listed or read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The broker could not be queried.
    #[error(transparent)]
    Broker(#[from] BrokerError),
}

/// Audits the part of the lake that `scope` selects. `client` contains the settings for connecting to a broker: if it
/// is given, missing offsets are compared with the records that the broker delivers.
///
/// # Errors
/// [`AuditError`] if the lake cannot be read or the broker cannot be queried. A finding is not an error.
///
/// # Panics
/// If `client` is given and the runtime is not multi-threaded.
pub async fn audit(lake: &Lake, scope: &Scope, client: Option<&ClientConfig>) -> Result<Audit, AuditError> {
    audit_in_passes(lake, scope, client, MAX_PASS_OBJECTS).await
}

async fn audit_in_passes(
    lake: &Lake,
    scope: &Scope,
    client: Option<&ClientConfig>,
    pass_objects: usize,
) -> Result<Audit, AuditError> {
    let broker = client.map(Broker::new).transpose()?;
    let mut auditor =
        Auditor { lake, scope, broker, pass_objects, report: Report::default(), lost_ledgers: Vec::new() };
    let mut moving = auditor.moving().await?;
    for topic in auditor.topics().await? {
        let except = moving.remove(&topic).unwrap_or_default();
        auditor.audit_topic(&topic, Generations { only: scope.generation, except }).await?;
    }
    auditor.report.rows.sort_by(|a, b| a.partition.cmp(&b.partition));
    Ok(Audit { report: auditor.report, lost_ledgers: auditor.lost_ledgers })
}

struct Auditor<'a> {
    lake: &'a Lake,
    scope: &'a Scope,
    broker: Option<Broker>,
    /// Maximum number of objects that one pass over the listing keeps in memory.
    pass_objects: usize,
    report: Report,
    lost_ledgers: Vec<LostLedger>,
}

/// A topic, before its objects are read.
struct Topic<'a> {
    name: &'a str,
    generations: Generations,
    /// Ledgers by generation and partition.
    ledgers: BTreeMap<(u32, i32), LedgerRead>,
    /// The newest generation, to which the broker's records belong, and the topic's partitions on the broker; `None` if
    /// the topic is not compared with a broker.
    broker: Option<(u32, Vec<i32>)>,
}

impl Auditor<'_> {
    async fn topics(&self) -> Result<BTreeSet<String>, AuditError> {
        let mut topics = BTreeSet::new();
        for folder in [keys::DATA, keys::QUARANTINE, keys::LEDGER] {
            topics.extend(self.lake.folder_names(folder).await?);
        }
        if let Some(topic) = &self.scope.topic {
            topics.retain(|name| name == topic);
        }
        Ok(topics)
    }

    /// Returns the generations that are partly in the trash, by topic, and adds a finding for each one in scope.
    async fn moving(&mut self) -> Result<BTreeMap<String, BTreeSet<u32>>, AuditError> {
        let all = unfinished(self.lake).await?;
        for (topic, generations) in &all {
            for (generation, state) in generations {
                let is_in_scope = self.scope.topic.as_ref().is_none_or(|only| only == topic)
                    && self.scope.generation.is_none_or(|only| only == *generation);
                if is_in_scope {
                    let text = format!("{topic}, generation {generation}: {state}");
                    self.report.findings.add(Finding::global(FindingKind::UnfinishedDrop, text));
                }
            }
        }
        Ok(all.into_iter().map(|(topic, generations)| (topic, generations.into_keys().collect())).collect())
    }

    async fn audit_topic(&mut self, name: &str, generations: Generations) -> Result<(), AuditError> {
        let (ledgers, mut newest) = self.read_ledgers(name, &generations).await?;
        let mut topic = Topic { name, generations, ledgers, broker: None };
        let mut partition: Option<Partition> = None;
        let mut seen = BTreeSet::new();
        let mut after = None;
        loop {
            let is_first = after.is_none();
            let pass = self.list_pass(&topic, after.take(), is_first).await?;
            if is_first {
                newest = newest.max(pass.greatest).max(self.scope.generation);
                topic.broker = self.broker_partitions(name, newest.unwrap_or(0))?;
            }
            let (objects, is_last) = pass.finish();
            let lake = self.lake;
            let reads = objects.into_iter().map(|object| async move {
                let bytes = if object.size > MAX_OBJECT_BYTES { None } else { lake.get(&object.key()).await? };
                Ok::<_, AuditError>((object, bytes))
            });
            let mut reads = stream::iter(reads).buffered(CONCURRENT_READS);
            while let Some((object, bytes)) = reads.try_next().await? {
                let number = (object.generation, object.partition);
                if seen.insert(number)
                    && let Some(finished) = partition.replace(self.begin_partition(&topic, number))
                {
                    self.finish_partition(&topic, finished)?;
                }
                after = Some(object.clone());
                let Some(partition) = &mut partition else { continue };
                let text = text(&object, bytes);
                let gaps = partition.add_object(object, text.as_deref(), &mut self.report.findings);
                if !gaps.is_empty() {
                    let ledger = partition.ledger().cloned();
                    self.report_gaps(&topic, &mut partition.row, ledger.as_ref(), &gaps)?;
                }
            }
            if is_last {
                break;
            }
        }
        if let Some(finished) = partition {
            self.finish_partition(&topic, finished)?;
        }
        let mut others: BTreeSet<_> = topic.ledgers.keys().copied().collect();
        if let Some((generation, partitions)) = &topic.broker {
            others.extend(partitions.iter().map(|partition| (*generation, *partition)));
        }
        for number in others.difference(&seen) {
            let empty = self.begin_partition(&topic, *number);
            self.finish_partition(&topic, empty)?;
        }
        if let Some((newest, _)) = topic.broker
            && seen.iter().any(|(generation, _)| *generation < newest)
        {
            let text = format!("{name}, generations before {newest}");
            self.report.findings.add(Finding::global(FindingKind::NotCompared, text));
        }
        Ok(())
    }

    /// Reads a topic's ledgers. Returns the ledgers in scope, and the highest generation that has a ledger.
    async fn read_ledgers(
        &mut self,
        topic: &str,
        generations: &Generations,
    ) -> Result<(BTreeMap<(u32, i32), LedgerRead>, Option<u32>), AuditError> {
        let mut keys = Vec::new();
        let mut greatest = None;
        let prefix = &self.lake.prefix;
        let findings = &mut self.report.findings;
        let visit = |key: &str, _| {
            let name = key.rsplit('/').next().unwrap_or_default();
            if keys::is_probe_name(name) {
                return;
            }
            let number = keys::parse_ledger_name(name);
            match number.filter(|number| ledger_key(prefix, topic, *number) == key) {
                None => findings.add(foreign(key)),
                Some(number) => {
                    greatest = greatest.max(Some(number.0));
                    if generations.contains(number.0) {
                        keys.push((number, key.to_owned()));
                    }
                }
            }
        };
        self.lake.for_each_object(&format!("{}/{topic}", keys::LEDGER), visit).await?;
        let lake = self.lake;
        let reads = keys.into_iter().map(|(number, key)| async move {
            let read = match lake.get(&key).await? {
                None => LedgerRead::Absent,
                Some(text) => match ledger::from_json(&text) {
                    Ok(ledger) => LedgerRead::Read(ledger),
                    Err(error) => LedgerRead::Damaged(error.to_string()),
                },
            };
            Ok::<_, AuditError>((number, read))
        });
        Ok((stream::iter(reads).buffered(CONCURRENT_READS).try_collect().await?, greatest))
    }

    /// Lists a topic's objects and returns the next ones after `after`. Only the first pass reports foreign objects.
    async fn list_pass(
        &mut self,
        topic: &Topic<'_>,
        after: Option<Object>,
        is_first: bool,
    ) -> Result<Pass, AuditError> {
        let mut pass = Pass::new(after, self.pass_objects, topic.generations.clone());
        for area in Area::BOTH {
            let folder = format!("{}/{}", area.folder(), topic.name);
            let root = format!("{}{folder}/", self.lake.prefix);
            let findings = &mut self.report.findings;
            let visit = |key: &str, size| {
                if !pass.add(area, &root, key, size) && is_first {
                    findings.add(foreign(key));
                }
            };
            self.lake.for_each_object(&folder, visit).await?;
        }
        Ok(pass)
    }

    /// Returns the newest generation and the broker's partitions, or `None` without a broker. Also returns `None`, and
    /// adds a finding, if the broker does not have the topic or the scope selects an older generation.
    fn broker_partitions(&mut self, topic: &str, newest: u32) -> Result<Option<(u32, Vec<i32>)>, AuditError> {
        let Some(broker) = &self.broker else { return Ok(None) };
        let partitions = block_in_place(|| broker.partitions(topic))?;
        let reason = match self.scope.generation.filter(|only| *only != newest) {
            _ if partitions.is_empty() => format!("the broker has no topic {topic}"),
            Some(only) => format!("{topic}, generation {only}: the newest generation is {newest}"),
            None => return Ok(Some((newest, partitions))),
        };
        self.report.findings.add(Finding::global(FindingKind::NotCompared, reason));
        Ok(None)
    }

    fn begin_partition(&self, topic: &Topic<'_>, number: (u32, i32)) -> Partition {
        let ledger = topic.ledgers.get(&number).cloned().unwrap_or(LedgerRead::Absent);
        let key = PartitionKey { topic: topic.name.to_owned(), generation: number.0, partition: number.1 };
        Partition::new(key, ledger_key(&self.lake.prefix, topic.name, number), ledger)
    }

    fn finish_partition(&mut self, topic: &Topic<'_>, partition: Partition) -> Result<(), AuditError> {
        let ledger = partition.ledger().cloned();
        let (mut row, gaps, lost_ledger) = partition.finish(&mut self.report.findings);
        self.report_gaps(topic, &mut row, ledger.as_ref(), &gaps)?;
        if let Some(broker) = topic.broker_of(&row.partition, self.broker.as_ref()) {
            let (low, high) = block_in_place(|| broker.watermarks(topic.name, row.partition.partition))?;
            let next = row.last.map_or(0, |last| last + 1).max(ledger.map_or(0, |ledger| ledger.next));
            row.broker = Some(Watermarks { low, high, lag: u64::try_from(high - next.max(low)).unwrap_or(0) });
            if next > high {
                let text =
                    format!("the partition ends at offset {high} on the broker, but at offset {next} in the lake");
                self.report.findings.add(Finding::new(FindingKind::BrokerBehind, &row.partition, text));
            }
        }
        self.report.rows.push(row);
        self.lost_ledgers.extend(lost_ledger.map(|lost| {
            let rules = topic.line_rules(lost.partition.generation);
            LostLedger { rules, ..lost }
        }));
        Ok(())
    }

    /// Reports gaps. If the broker has the partition, the gaps are first classified by the records that it delivers.
    fn report_gaps(
        &mut self,
        topic: &Topic<'_>,
        row: &mut Row,
        ledger: Option<&Ledger>,
        gaps: &[Gap],
    ) -> Result<(), AuditError> {
        let is_in_scope = |gap: &&Gap| !(self.scope.from_first && gap.kind == FindingKind::BeforeFirst);
        let gaps: Vec<Gap> = gaps.iter().filter(is_in_scope).cloned().collect();
        let findings = &mut self.report.findings;
        let partition = row.partition.partition;
        match topic.broker_of(&row.partition, self.broker.as_ref()) {
            None => {
                for Gap { kind, offsets } in gaps {
                    report_gap(row, ledger, kind, None, offsets, findings);
                }
            }
            Some(broker) => {
                for gaps in gaps.chunks(MAX_GAPS_PER_REQUEST) {
                    let report =
                        |kind, delivery, offsets| report_gap(row, ledger, kind, Some(delivery), offsets, findings);
                    block_in_place(|| broker.classify(topic.name, partition, gaps, report))?;
                }
            }
        }
        Ok(())
    }
}

impl Topic<'_> {
    /// Returns the line rules recorded in the first readable ledger of a generation, or `None` if no ledger of the
    /// generation could be read.
    fn line_rules(&self, generation: u32) -> Option<LineRules> {
        let ledgers = self.ledgers.iter().filter(|((other, _), _)| *other == generation);
        let mut layouts = ledgers.filter_map(|(_, read)| Some(&read.ledger()?.layout));
        layouts.next().map(|layout| keys::parse_ledger_layout(layout).rules)
    }

    /// Returns the broker if it has the partition `key`.
    fn broker_of<'b>(&self, key: &PartitionKey, broker: Option<&'b Broker>) -> Option<&'b Broker> {
        let (generation, partitions) = self.broker.as_ref()?;
        broker.filter(|_| *generation == key.generation && partitions.contains(&key.partition))
    }
}

/// Adds a gap to its row's totals and to the findings.
fn report_gap(
    row: &mut Row,
    ledger: Option<&Ledger>,
    kind: FindingKind,
    delivery: Option<Delivery>,
    offsets: Range<i64>,
    findings: &mut Findings,
) {
    let count = (offsets.end - offsets.start).unsigned_abs();
    let final_kind = delivery.map_or(kind, |delivery| delivery.refine(kind));
    if final_kind.is_fault() {
        row.missing += count;
        row.gaps += 1;
    } else {
        row.not_delivered += count;
    }
    let mut text = gaps::description(&Gap { kind, offsets: offsets.clone() }, ledger);
    if let Some(delivery) = delivery {
        text = format!("{text}; {}", delivery.text());
    }
    findings.add(Finding::new(final_kind, &row.partition, text).offsets(&offsets));
}

fn ledger_key(prefix: &str, topic: &str, (generation, partition): (u32, i32)) -> String {
    let layout = KeyLayout { prefix: prefix.to_owned(), generation, ..KeyLayout::default() };
    layout.ledger_key(topic, partition)
}

fn foreign(key: &str) -> Finding {
    Finding::global(FindingKind::ForeignObject, "").keys([key.to_owned()])
}

#[cfg(test)]
mod tests {
    use std::fs;

    use tempfile::TempDir;

    use super::*;

    /// Creates a lake with two partitions. Objects have two lines each and alternate between two days. The third
    /// object of each partition is missing.
    fn lake(folder: &TempDir) -> Lake {
        for (partition, first) in (0..2).flat_map(|partition| (0..8_i64).map(move |n| (partition, 2 * n))) {
            let day = 20_000 + first / 2 % 2;
            let dt = ["2024-10-04", "2024-10-05"][usize::try_from(first / 2 % 2).unwrap()];
            let lines: String = (first..first + 2)
                .map(|offset| {
                    let time = day * 86_400_000;
                    format!(
                        "{{\"kafka_partition\":{partition},\"kafka_offset\":{offset},\"kafka_timestamp\":{time}}}\n"
                    )
                })
                .collect();
            let path = folder.path().join(format!("data/q/dt={dt}"));
            fs::create_dir_all(&path).unwrap();
            if first != 4 {
                fs::write(path.join(format!("{partition:05}-{first:020}.json")), lines).unwrap();
            }
        }
        Lake { store: lake_store::folder(folder.path()).unwrap(), prefix: String::new() }
    }

    #[tokio::test]
    async fn report_does_not_depend_on_the_number_of_passes() {
        let folder = TempDir::new().unwrap();
        let lake = lake(&folder);
        let mut texts = Vec::new();
        for pass_objects in [1, 2, 5, MAX_PASS_OBJECTS] {
            let Audit { report, lost_ledgers } =
                audit_in_passes(&lake, &Scope::default(), None, pass_objects).await.unwrap();
            assert_eq!(lost_ledgers.len(), 2);
            texts.push([report.table(), report.findings_text(), report.closing_line()].concat());
        }
        assert!(texts[0].contains("missing: q/1 offsets 4 to 5 (2)") && texts[0].contains("28 stored"), "{}", texts[0]);
        assert!(texts.iter().all(|other| *other == texts[0]), "{texts:#?}");
    }
}
