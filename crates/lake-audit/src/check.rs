//! Reads a lake and tells what is in it: ledgers first, then objects, then what the broker says. In this order
//! whatever a ledger says is stored has been stored when the objects are listed.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use commit_protocol::Ledger;
use futures::{StreamExt, TryStreamExt, stream};
use lake_format::keys::{self, KeyLayout};
use lake_format::ledger;
use lake_store::{Area, Lake};
use rdkafka::ClientConfig;
use tokio::task::block_in_place;

use crate::body::{LARGEST, text};
use crate::broker::Broker;
use crate::finding::{Finding, Findings, Place};
use crate::finding_kind::Kind;
use crate::gaps::{Hole, Verdict, judged, untold};
use crate::objects::{A_PASS, Object, Pass, plain_layout};
use crate::partition::{LedgerRead, Lost, Partition};
use crate::report::Report;
use crate::row::{Row, Watermarks};

/// Objects that are fetched side by side.
const READS_AT_ONCE: usize = 8;

/// Holes that the broker is asked about together.
const ASKED_AT_ONCE: usize = 10_000;

/// What is looked at.
#[derive(Clone, Debug, Default)]
pub struct Scope {
    /// The topic; all where it is not said.
    pub topic: Option<String>,
    /// Its generation; all where it is not said.
    pub generation: Option<u32>,
    /// What is below a partition's first stored offset is not asked for.
    pub from_first: bool,
}

/// Looks at the whole of a scope; with `client`, a broker's settings, the broker is asked, too.
///
/// # Errors
/// When the lake cannot be read, or the broker does not answer. What is found is no error.
pub async fn check(lake: &Lake, scope: &Scope, client: Option<&ClientConfig>) -> anyhow::Result<Report> {
    Ok(look(lake, scope, client).await?.0)
}

/// As [`check`]; gives the ledgers that are lost, too.
///
/// # Errors
/// As [`check`].
pub async fn look(lake: &Lake, scope: &Scope, client: Option<&ClientConfig>) -> anyhow::Result<(Report, Vec<Lost>)> {
    look_in_passes(lake, scope, client, A_PASS).await
}

async fn look_in_passes(
    lake: &Lake,
    scope: &Scope,
    client: Option<&ClientConfig>,
    a_pass: usize,
) -> anyhow::Result<(Report, Vec<Lost>)> {
    let broker = client.map(Broker::new).transpose()?;
    let mut check = Check { lake, scope, broker, a_pass, report: Report::default(), lost: Vec::new() };
    for topic in check.topics().await? {
        check.topic(&topic).await?;
    }
    check.report.rows.sort_by(|one, other| one.place.cmp(&other.place));
    Ok((check.report, check.lost))
}

struct Check<'a> {
    lake: &'a Lake,
    scope: &'a Scope,
    broker: Option<Broker>,
    /// Objects that one pass over the listing takes along.
    a_pass: usize,
    report: Report,
    lost: Vec<Lost>,
}

/// What is known of a topic before its objects are read.
struct Topic<'a> {
    name: &'a str,
    /// By generation and partition.
    ledgers: BTreeMap<(u32, i32), LedgerRead>,
    /// The broker's partitions of the newest generation, which is the one that the broker has.
    broker: Option<(u32, Vec<i32>)>,
}

impl Check<'_> {
    async fn topics(&self) -> anyhow::Result<BTreeSet<String>> {
        let mut topics = BTreeSet::new();
        for folder in [keys::DATA, keys::QUARANTINE, keys::LEDGER] {
            topics.extend(self.lake.names(folder).await?);
        }
        if let Some(topic) = &self.scope.topic {
            topics.retain(|name| name == topic);
        }
        Ok(topics)
    }

    async fn topic(&mut self, name: &str) -> anyhow::Result<()> {
        let (ledgers, mut greatest) = self.ledgers(name).await?;
        let mut topic = Topic { name, ledgers, broker: None };
        let mut partition: Option<Partition> = None;
        let mut seen = BTreeSet::new();
        let mut after = None;
        loop {
            let is_first = after.is_none();
            let pass = self.pass(name, after.take(), is_first).await?;
            if is_first {
                greatest = greatest.max(pass.greatest).max(self.scope.generation);
                topic.broker = self.partitions(name, greatest.unwrap_or(0))?;
            }
            let (objects, is_last) = pass.end();
            let lake = self.lake;
            let reads = objects.into_iter().map(|object| async move {
                let bytes = if object.size > LARGEST { None } else { lake.bytes(&object.key()).await? };
                anyhow::Ok((object, bytes))
            });
            let mut reads = stream::iter(reads).buffered(READS_AT_ONCE);
            while let Some((object, bytes)) = reads.try_next().await? {
                let number = (object.generation, object.partition);
                if seen.insert(number)
                    && let Some(done) = partition.replace(self.begin(&topic, number))
                {
                    self.end(&topic, done)?;
                }
                after = Some(object.clone());
                let Some(partition) = &mut partition else { continue };
                let text = text(&object, bytes);
                let text = text.as_deref().map_err(Clone::clone);
                let holes = partition.object(object, text, &mut self.report.findings);
                if !holes.is_empty() {
                    let ledger = partition.ledger().cloned();
                    self.judge(&topic, &mut partition.row, ledger.as_ref(), &holes)?;
                }
            }
            if is_last {
                break;
            }
        }
        if let Some(done) = partition {
            self.end(&topic, done)?;
        }
        let mut others: BTreeSet<_> = topic.ledgers.keys().copied().collect();
        if let Some((generation, partitions)) = &topic.broker {
            others.extend(partitions.iter().map(|partition| (*generation, *partition)));
        }
        for number in others.difference(&seen) {
            let empty = self.begin(&topic, *number);
            self.end(&topic, empty)?;
        }
        if let Some((newest, _)) = topic.broker
            && seen.iter().any(|(generation, _)| *generation < newest)
        {
            let text = format!("{name}, generations before {newest}");
            self.report.findings.add(Finding { text, ..of_no_place(Kind::NotCompared) });
        }
        Ok(())
    }

    /// Reads a topic's ledgers; gives the greatest generation that has one, too.
    async fn ledgers(&mut self, topic: &str) -> anyhow::Result<(BTreeMap<(u32, i32), LedgerRead>, Option<u32>)> {
        let mut keys = Vec::new();
        let mut greatest = None;
        let prefix = &self.lake.prefix;
        let findings = &mut self.report.findings;
        let generation = self.scope.generation;
        let see = |key: &str, _| {
            let number = key.rsplit('/').next().and_then(keys::parse_ledger_name);
            match number.filter(|number| ledger_key(prefix, topic, *number) == key) {
                None => findings.add(foreign(key)),
                Some(number) => {
                    greatest = greatest.max(Some(number.0));
                    if generation.is_none_or(|only| only == number.0) {
                        keys.push((number, key.to_owned()));
                    }
                }
            }
        };
        self.lake.each(&format!("{}/{topic}", keys::LEDGER), see).await?;
        let lake = self.lake;
        let reads = keys.into_iter().map(|(number, key)| async move {
            let read = match lake.bytes(&key).await? {
                None => LedgerRead::Absent,
                Some(text) => match ledger::from_json(&text) {
                    Ok(ledger) => LedgerRead::Read(ledger),
                    Err(error) => LedgerRead::Damaged(error.to_string()),
                },
            };
            anyhow::Ok((number, read))
        });
        Ok((stream::iter(reads).buffered(READS_AT_ONCE).try_collect().await?, greatest))
    }

    /// Lists a topic's objects.
    async fn pass(&mut self, topic: &str, after: Option<Object>, is_first: bool) -> anyhow::Result<Pass> {
        let mut pass = Pass::new(after, self.a_pass, self.scope.generation);
        for area in Area::BOTH {
            let folder = format!("{}/{topic}", area.folder());
            let root = format!("{}{folder}/", self.lake.prefix);
            let findings = &mut self.report.findings;
            let see = |key: &str, size| {
                if !pass.see(area, &root, key, size) && is_first {
                    findings.add(foreign(key));
                }
            };
            self.lake.each(&folder, see).await?;
        }
        Ok(pass)
    }

    /// The broker's partitions of a topic whose newest generation is known.
    fn partitions(&mut self, topic: &str, newest: u32) -> anyhow::Result<Option<(u32, Vec<i32>)>> {
        let Some(broker) = &self.broker else { return Ok(None) };
        let partitions = block_in_place(|| broker.partitions(topic))?;
        if partitions.is_empty() {
            let text = format!("the broker has no topic {topic}");
            self.report.findings.add(Finding { text, ..of_no_place(Kind::NotCompared) });
            return Ok(None);
        }
        if let Some(only) = self.scope.generation.filter(|only| *only != newest) {
            let text = format!("{topic}, generation {only}: the newest is {newest}");
            self.report.findings.add(Finding { text, ..of_no_place(Kind::NotCompared) });
            return Ok(None);
        }
        Ok(Some((newest, partitions)))
    }

    fn begin(&self, topic: &Topic<'_>, number: (u32, i32)) -> Partition {
        let ledger = topic.ledgers.get(&number).cloned().unwrap_or(LedgerRead::Absent);
        let place = Place { topic: topic.name.to_owned(), generation: number.0, partition: number.1 };
        Partition::new(place, ledger_key(&self.lake.prefix, topic.name, number), ledger)
    }

    fn end(&mut self, topic: &Topic<'_>, partition: Partition) -> anyhow::Result<()> {
        let ledger = partition.ledger().cloned();
        let (mut row, holes, lost) = partition.end(&mut self.report.findings);
        self.judge(topic, &mut row, ledger.as_ref(), &holes)?;
        if let Some(broker) = topic.knows(&row.place, self.broker.as_ref()) {
            let (low, high) = block_in_place(|| broker.watermarks(topic.name, row.place.partition))?;
            let next = row.last.map_or(0, |last| last + 1).max(ledger.map_or(0, |ledger| ledger.next));
            row.broker = Some(Watermarks { low, high, lag: u64::try_from(high - next.max(low)).unwrap_or(0) });
            if next > high {
                let text = format!("the broker's partition ends at {high}, the lake's at {next}");
                self.report.findings.add(Finding::of(Kind::BrokerBehind, &row.place, text));
            }
        }
        self.report.rows.push(row);
        self.lost.extend(lost);
        Ok(())
    }

    /// Tells what holes are, after asking whoever may know.
    fn judge(
        &mut self,
        topic: &Topic<'_>,
        row: &mut Row,
        ledger: Option<&Ledger>,
        holes: &[Hole],
    ) -> anyhow::Result<()> {
        let is_asked_for = |hole: &&Hole| !(self.scope.from_first && hole.kind == Kind::BeforeFirst);
        let holes: Vec<Hole> = holes.iter().filter(is_asked_for).cloned().collect();
        let findings = &mut self.report.findings;
        let partition = row.place.partition;
        match topic.knows(&row.place, self.broker.as_ref()) {
            None => {
                for Hole { kind, offsets } in holes {
                    tell(row, ledger, kind, None, offsets, findings);
                }
            }
            Some(broker) => {
                for holes in holes.chunks(ASKED_AT_ONCE) {
                    let tell = |kind, verdict, offsets| tell(row, ledger, kind, Some(verdict), offsets, findings);
                    block_in_place(|| broker.judge(topic.name, partition, holes, tell))?;
                }
            }
        }
        Ok(())
    }
}

impl Topic<'_> {
    /// The broker, where it can be asked about a partition.
    fn knows<'b>(&self, place: &Place, broker: Option<&'b Broker>) -> Option<&'b Broker> {
        let (generation, partitions) = self.broker.as_ref()?;
        broker.filter(|_| *generation == place.generation && partitions.contains(&place.partition))
    }
}

/// Counts offsets that are in no object, and tells of them.
fn tell(
    row: &mut Row,
    ledger: Option<&Ledger>,
    kind: Kind,
    verdict: Option<Verdict>,
    offsets: Range<i64>,
    findings: &mut Findings,
) {
    let count = (offsets.end - offsets.start).unsigned_abs();
    let judged = verdict.map_or(kind, |verdict| judged(kind, verdict));
    if judged.is_fault() {
        row.missing += count;
        row.gaps += 1;
    } else {
        row.not_delivered += count;
    }
    let mut text = untold(&Hole { kind, offsets: offsets.clone() }, ledger);
    if let Some(verdict) = verdict {
        text = format!("{text}; {}", verdict.text());
    }
    findings.add(Finding::of(judged, &row.place, text).offsets(&offsets));
}

fn ledger_key(prefix: &str, topic: &str, (generation, partition): (u32, i32)) -> String {
    let layout = KeyLayout { prefix: prefix.to_owned(), generation, ..plain_layout() };
    layout.ledger_key(topic, partition)
}

fn foreign(key: &str) -> Finding {
    Finding { keys: vec![key.to_owned()], ..of_no_place(Kind::ForeignObject) }
}

fn of_no_place(kind: Kind) -> Finding {
    Finding { kind, place: None, first: None, last: None, keys: Vec::new(), text: String::new() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use tempfile::TempDir;

    /// Objects of two lines each, of two partitions, on two days by turns; one that would be the third is not there.
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
    async fn the_same_is_found_however_many_passes_the_listing_takes() {
        let folder = TempDir::new().unwrap();
        let lake = lake(&folder);
        let mut told = Vec::new();
        for a_pass in [1, 2, 5, A_PASS] {
            let (report, lost) = look_in_passes(&lake, &Scope::default(), None, a_pass).await.unwrap();
            assert_eq!(lost.len(), 2);
            told.push([report.table(), report.told(), report.closing()].concat());
        }
        assert!(told[0].contains("missing: q/1 offsets 4 to 5 (2)") && told[0].contains("28 stored"), "{}", told[0]);
        assert!(told.iter().all(|other| *other == told[0]), "{told:#?}");
    }
}
