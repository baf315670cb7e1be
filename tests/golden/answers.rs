//! Answers of the commands about a golden lake, as text that later versions must reproduce.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use super::product::Lake;
use super::script::Script;

/// Questions about each topic of a lake, which is the table `quotes`.
const QUESTIONS: &[&str] = &[
    "SELECT count(*) AS records, count(DISTINCT symbol) AS symbols, sum(volume) AS volume, \
     sum(CAST(close AS decimal(20, 4))) AS close FROM quotes WHERE abs(close) < 1e12 OR close IS NULL",
    "SELECT kafka_partition, kafka_generation, dt, count(*) AS records, min(kafka_offset) AS first, \
     max(kafka_offset) AS last, min(kafka_timestamp) AS sent FROM quotes GROUP BY 1, 2, 3 ORDER BY 1, 2, 3",
    "SELECT symbol, count(*) AS days, min(trade_date) AS first, max(trade_date) AS last, sum(volume) AS volume, \
     max(kafka_offset) AS newest FROM quotes_latest GROUP BY symbol ORDER BY symbol",
    "SELECT symbol, trade_date, open, high, low, close, adj_close, volume, kafka_generation, kafka_partition, \
     kafka_offset FROM quotes_latest ORDER BY symbol, trade_date LIMIT 5",
];

/// Questions about a whole lake.
const QUARANTINE: &[&str] = &[
    "SELECT kafka_topic, reason, count(*) AS records, min(kafka_offset) AS first FROM quarantine \
     GROUP BY 1, 2 ORDER BY 1, 2",
    "SELECT kafka_topic, kafka_partition, kafka_offset, kafka_timestamp, kafka_generation, reason, key, value, \
     value_raw, headers, dt FROM quarantine ORDER BY kafka_topic, kafka_partition, kafka_offset LIMIT 3",
];

/// Fields of JSON answers that contain sentences, whose wording may change.
const PROSE: [&str; 2] = ["remedy", "text"];

/// Runs `tickerlake audit`.
pub(super) fn audit(lake: &Lake, script: &Script) -> String {
    answer(lake, script, &["audit", "--format", "json"])
}

/// Runs `tickerlake query` with every question.
pub(super) fn query(lake: &Lake, script: &Script) -> String {
    let mut answers = String::new();
    for topic in &script.topics {
        for question in QUESTIONS {
            answers += &answer(lake, script, &["query", "--format", "csv", "--topic", topic, question]);
        }
    }
    for question in script.questions.iter().map(String::as_str).chain(QUARANTINE.iter().copied()) {
        answers += &answer(lake, script, &["query", "--format", "csv", question]);
    }
    answers
}

/// Runs `tickerlake trace` for each record.
pub(super) fn trace(lake: &Lake, script: &Script) -> String {
    script.records.iter().map(|record| answer(lake, script, &["trace", record, "--format", "json"])).collect()
}

/// Runs a command and returns its words, what it prints on standard output, and its exit code.
fn answer(lake: &Lake, script: &Script, arguments: &[&str]) -> String {
    let output = lake.tickerlake(script.variables(), arguments);
    let text = String::from_utf8(output.stdout).unwrap();
    let lines: String = text.lines().map(|line| without_prose(line) + "\n").collect();
    format!("$ {}\n{lines}exit {}\n\n", arguments.join(" "), output.status.code().unwrap())
}

/// Returns a line of JSON with sorted fields and without prose for people. Returns any other line as it is.
fn without_prose(line: &str) -> String {
    match serde_json::from_str::<&RawValue>(line) {
        Ok(json) if line.starts_with('{') => canonical(json),
        _ => line.to_owned(),
    }
}

fn canonical(json: &RawValue) -> String {
    if let Ok(mut fields) = serde_json::from_str::<BTreeMap<&str, &RawValue>>(json.get()) {
        fields.retain(|name, _| !PROSE.contains(name));
        let fields = fields.into_iter().map(|(name, value)| match name {
            // A stored line, byte for byte.
            "record" => format!("\"{name}\":{value}"),
            _ => format!("\"{name}\":{}", canonical(value)),
        });
        return format!("{{{}}}", fields.collect::<Vec<_>>().join(","));
    }
    if let Ok(items) = serde_json::from_str::<Vec<&RawValue>>(json.get()) {
        return format!("[{}]", items.into_iter().map(canonical).collect::<Vec<_>>().join(","));
    }
    json.get().to_owned()
}
