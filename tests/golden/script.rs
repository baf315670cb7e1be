//! The script of a golden lake: its settings, the events that filled it, and the questions about it.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::product::in_workspace;

/// Settings of the sink by the names of their variables.
pub(super) type Variables = Vec<(String, String)>;

/// One invocation of the sink.
#[derive(Clone, Debug)]
pub(super) struct Delivery {
    pub(super) variables: Variables,
    pub(super) event: String,
    /// The function ends before it writes the ledger.
    pub(super) is_uncommitted: bool,
}

/// The steps that filled a golden lake, and the questions about it.
#[derive(Clone, Debug, Default)]
pub(super) struct Script {
    /// Name of the lake and of its folders.
    pub(super) name: String,
    pub(super) deliveries: Vec<Delivery>,
    /// The batch that follows.
    pub(super) following: Option<Delivery>,
    pub(super) topics: Vec<String>,
    /// SQL to run in addition to the questions about every lake.
    pub(super) questions: Vec<String>,
    /// Records to trace, each as TOPIC/PARTITION/OFFSET.
    pub(super) records: Vec<String>,
}

impl Script {
    /// Reads a script. A line is a comment, a setting that applies to all later lines, or a word with its arguments.
    fn parse(name: &str, text: &str) -> Self {
        let mut script = Script { name: name.to_owned(), ..Script::default() };
        let mut variables = Variables::new();
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            if let Some((variable, value)) = line.split_once('=').filter(|_| line.starts_with("SINK_")) {
                variables.push((variable.to_owned(), value.to_owned()));
                continue;
            }
            let (word, arguments) = line.split_once(' ').unwrap();
            let list = || arguments.split(' ').map(str::to_owned).collect();
            let delivery = |is_uncommitted| Delivery {
                variables: variables.clone(),
                event: read(&format!("events/{arguments}")),
                is_uncommitted,
            };
            match word {
                "deliver" => script.deliveries.push(delivery(false)),
                "deliver-uncommitted" => script.deliveries.push(delivery(true)),
                "continue" => script.following = Some(delivery(false)),
                "topics" => script.topics = list(),
                "ask" => script.questions.push(arguments.to_owned()),
                "trace" => script.records = list(),
                _ => panic!("{name}: {line}"),
            }
        }
        script
    }

    /// Returns the scripts of all golden lakes.
    pub(super) fn all() -> Vec<Script> {
        let files = std::fs::read_dir(in_workspace("tests/golden/events")).unwrap();
        let mut names: Vec<String> = files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        let scripts: Vec<Script> = names
            .iter()
            .filter_map(|name| Some(Script::parse(name.strip_suffix(".txt")?, &read(&format!("events/{name}")))))
            .collect();
        assert!(!scripts.is_empty());
        scripts
    }

    /// Returns the settings of the last delivery.
    pub(super) fn variables(&self) -> &Variables {
        &self.deliveries.last().unwrap().variables
    }

    /// Returns the deliveries that were committed.
    pub(super) fn committed(&self) -> impl Iterator<Item = &Delivery> {
        self.deliveries.iter().filter(|delivery| !delivery.is_uncommitted)
    }

    /// Returns the committed records in batches of at most `length` records of each partition, in the order of offsets.
    /// Batches never mix settings.
    pub(super) fn cut(&self, length: usize) -> Vec<Delivery> {
        let committed: Vec<&Delivery> = self.committed().collect();
        let runs = committed.chunk_by(|one, other| one.variables == other.variables);
        runs.flat_map(|run| cut(run, length)).collect()
    }
}

/// Reads a golden text file.
pub(super) fn read(path: &str) -> String {
    let path = in_workspace("tests/golden").join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[derive(Deserialize)]
struct Event<'a> {
    #[serde(borrow)]
    records: BTreeMap<String, Vec<&'a RawValue>>,
}

#[derive(Deserialize)]
struct Offset {
    offset: i64,
}

fn cut(deliveries: &[&Delivery], length: usize) -> Vec<Delivery> {
    let mut partitions: BTreeMap<String, BTreeMap<i64, &str>> = BTreeMap::new();
    for delivery in deliveries {
        let event: Event<'_> = serde_json::from_str(&delivery.event).unwrap();
        for (partition, records) in event.records {
            let by_offset = partitions.entry(partition).or_default();
            for record in records {
                let Offset { offset } = serde_json::from_str(record.get()).unwrap();
                by_offset.insert(offset, record.get());
            }
        }
    }
    let longest = partitions.values().map(BTreeMap::len).max().unwrap_or(0);
    let batch = |number: usize| {
        let lists = partitions.iter().filter_map(|(partition, records)| {
            let records: Vec<&str> = records.values().skip(number * length).take(length).copied().collect();
            (!records.is_empty()).then(|| format!("\"{partition}\":[{}]", records.join(",")))
        });
        let lists: Vec<String> = lists.collect();
        format!("{{\"eventSource\":\"SelfManagedKafka\",\"records\":{{{}}}}}", lists.join(","))
    };
    let batches = (0..longest.div_ceil(length)).map(batch);
    batches.map(|event| Delivery { variables: deliveries[0].variables.clone(), event, is_uncommitted: false }).collect()
}
