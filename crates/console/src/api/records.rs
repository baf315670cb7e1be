//! `GET /api/records`, `/api/quarantine` and `/api/trace`: individual records.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Query, State};
use futures::{StreamExt, TryStreamExt, stream};
use lake_audit::trace::{Neighbours, RecordLocation, Trace, Wanted, find};
use lake_format::keys::parse_name;
use lake_store::{Area, DT, Day, Lake, Object, Partitioned, codec};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::market::literal;
use super::query::run;
use super::{ApiError, on_thread};
use crate::app::App;

/// Maximum number of records in an answer. Beyond this number, only the newest are returned.
const MAX_RECORDS: usize = 200;

/// Maximum number of objects that are read for one answer: those that were modified last.
const MAX_OBJECTS: usize = 64;

const CONCURRENT_READS: usize = 4;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct RecordsQuery {
    symbol: Option<String>,
    partition: Option<i32>,
    offset: Option<i64>,
}

/// A line of an object, as the API returns it.
#[derive(Debug, Serialize)]
pub(crate) struct Line {
    key: String,
    /// Number of the line, from 1; `None` if the line was found with SQL.
    line: Option<usize>,
    record: Box<RawValue>,
    /// The line as it is stored. A reader of `record` can change its numbers: `1.10` becomes `1.1`.
    text: String,
}

impl Line {
    fn new(key: String, line: usize, record: Box<RawValue>) -> Self {
        Line { key, line: Some(line), text: record.get().to_owned(), record }
    }
}

#[derive(Debug, Serialize)]
pub(crate) struct Lines {
    records: Vec<Line>,
    /// Number of objects that were read.
    objects_read: usize,
    /// Number of objects that were listed.
    objects: usize,
    /// `true` if every day was listed, `false` if the newest days had enough objects.
    is_all: bool,
}

/// Returns the newest records, newest first: by partition and offset from the objects, by symbol with SQL.
pub(crate) async fn records(
    State(app): State<Arc<App>>,
    Query(query): Query<RecordsQuery>,
) -> Result<Json<Value>, ApiError> {
    on_thread(move || async move {
    let (lake, topic) = (app.lake().await?, &app.settings.topic);
    match (&query.symbol, query.partition, query.offset) {
        (None, Some(partition), Some(offset)) => {
            let wanted = Wanted { partition, offset, generation: None };
            let lines = match find(&lake, topic, wanted).await? {
                Trace::Missing(_) => Vec::new(),
                Trace::Found(locations) => locations
                    .into_iter()
                    .map(|found| Line::new(found.key, found.line, found.record))
                    .collect(),
            };
            Ok(Json(json!(Lines { objects_read: lines.len(), objects: lines.len(), is_all: true, records: lines })))
        }
        (None, partition, None) => Ok(Json(json!(newest(&lake, Area::Data, Some(topic), partition).await?))),
        (symbol, partition, offset) => {
            let mut conditions = Vec::new();
            conditions.extend(symbol.as_ref().map(|symbol| format!("symbol = {}", literal(symbol))));
            conditions.extend(partition.map(|partition| format!("kafka_partition = {partition}")));
            conditions.extend(offset.map(|offset| format!("kafka_offset = {offset}")));
            let sql = format!(
                "SELECT * FROM quotes WHERE {} ORDER BY kafka_timestamp DESC, kafka_partition, kafka_offset DESC",
                conditions.join(" AND ")
            );
            let answer = run(&app, &sql, MAX_RECORDS).await?;
            let rows = lake_query::render(&answer.batches, lake_query::Format::Json)?;
            let rows: Vec<Value> = rows
                .split(|byte| *byte == b'\n')
                .filter_map(|line| serde_json::from_slice(line).ok())
                .map(|record: Box<RawValue>| {
                    json!({"key": null, "line": null, "record": record, "text": record.get()})
                })
                .collect();
            Ok(Json(
                json!({"records": rows, "objects_read": answer.objects, "objects": answer.objects, "sql": sql, "is_cut": answer.is_cut}),
            ))
        }
    }
    })
    .await
}

/// Returns the newest invalid records, and the number of all invalid records by topic and reason.
pub(crate) async fn quarantine(State(app): State<Arc<App>>) -> Result<Json<Value>, ApiError> {
    on_thread(move || async move {
        let lake = app.lake().await?;
        let newest = newest(&lake, Area::Quarantine, None, None).await?;
        let reasons = if newest.objects == 0 {
            Vec::new()
        } else {
            let sql = "SELECT kafka_topic, reason, count(*) AS records FROM quarantine GROUP BY kafka_topic, reason \
                   ORDER BY records DESC, kafka_topic, reason";
            run(&app, sql, MAX_RECORDS).await?.cells()?
        };
        Ok(Json(json!({"reasons": reasons, "newest": newest})))
    })
    .await
}

#[derive(Deserialize)]
pub(crate) struct TraceQuery {
    #[serde(default)]
    topic: Option<String>,
    partition: i32,
    offset: i64,
}

/// Where a record is stored, with its line as text.
#[derive(Serialize)]
struct Location {
    #[serde(flatten)]
    location: RecordLocation,
    text: String,
}

#[derive(Serialize)]
pub(crate) struct Traced {
    locations: Vec<Location>,
    neighbours: Vec<Neighbours>,
}

pub(crate) async fn trace(
    State(app): State<Arc<App>>,
    Query(query): Query<TraceQuery>,
) -> Result<Json<Traced>, ApiError> {
    on_thread(move || async move {
        let topic = query.topic.as_deref().unwrap_or(&app.settings.topic);
        let wanted = Wanted { partition: query.partition, offset: query.offset, generation: None };
        Ok(Json(match find(&app.lake().await?, topic, wanted).await? {
            Trace::Found(locations) => {
                let locations =
                    locations.into_iter().map(|location| Location { text: location.record.get().to_owned(), location });
                Traced { locations: locations.collect(), neighbours: Vec::new() }
            }
            Trace::Missing(neighbours) => Traced { locations: Vec::new(), neighbours },
        }))
    })
    .await
}

/// Returns the last lines of the newest objects of an area, newest first. Without `topic` or `partition`, the
/// objects of all topics or partitions are included.
async fn newest(lake: &Lake, area: Area, topic: Option<&str>, partition: Option<i32>) -> Result<Lines, ApiError> {
    let topics = match topic {
        Some(topic) => vec![topic.to_owned()],
        None => lake.topics(area).await?,
    };
    let mut days: Vec<Day> = Vec::new();
    for topic in topics {
        days.extend(lake.days(area, &topic).await?);
    }
    // The newest days of all topics first, until there are enough objects.
    days.sort_by(|a, b| date(b).cmp(&date(a)));
    let mut objects: Vec<Object> = Vec::new();
    let mut is_all = true;
    for same_day in days.chunk_by(|a, b| date(a) == date(b)) {
        if objects.len() >= MAX_OBJECTS {
            is_all = false;
            break;
        }
        let of_day = lake.objects(same_day.to_vec()).await?;
        objects.extend(of_day.into_iter().filter(|object| is_of(object, partition)));
    }
    objects.sort_by_key(|object| std::cmp::Reverse(object.meta.last_modified));
    let count = objects.len();
    let reads = objects.into_iter().take(MAX_OBJECTS).map(|object| {
        let lake = lake.clone();
        async move {
            let bytes = lake.read(&object).await?;
            let text = object.codec.map(|codec| codec::text(codec, &bytes)).transpose();
            // A damaged object is reported by the audit.
            Ok::<_, ApiError>((object.key().to_string(), text.ok().flatten().unwrap_or_default()))
        }
    });
    let mut reads = std::pin::pin!(stream::iter(reads).buffered(CONCURRENT_READS));
    let (mut records, mut objects_read): (Vec<(i64, Line)>, _) = (Vec::new(), 0);
    while let Some((key, text)) = reads.try_next().await? {
        objects_read += 1;
        let lines: Vec<&str> = text.lines().collect();
        for (number, line) in lines.iter().enumerate().rev().take(MAX_RECORDS) {
            let Ok(record) = RawValue::from_string((*line).to_owned()) else { continue };
            records.push((timestamp(line), Line::new(key.clone(), number + 1, record)));
        }
        // Objects that were written at about the same time have records of the same time.
        if records.len() >= MAX_RECORDS * CONCURRENT_READS {
            break;
        }
    }
    records.sort_by_key(|(timestamp, line)| std::cmp::Reverse((*timestamp, line.line)));
    records.truncate(MAX_RECORDS);
    Ok(Lines { records: records.into_iter().map(|(_, line)| line).collect(), objects_read, objects: count, is_all })
}

fn date(day: &Day) -> Option<&str> {
    day.partition_value(DT)
}

fn is_of(object: &Object, partition: Option<i32>) -> bool {
    let number = object.key().filename().and_then(parse_name);
    number.is_some_and(|(_, number, _)| partition.is_none_or(|wanted| wanted == number))
}

fn timestamp(line: &str) -> i64 {
    #[derive(Deserialize)]
    struct Timestamp {
        kafka_timestamp: i64,
    }
    serde_json::from_str::<Timestamp>(line).map_or(-1, |at| at.kafka_timestamp)
}

#[cfg(test)]
mod tests {
    use lake_store::testing::Store;

    use super::*;

    fn line(partition: i32, offset: i64, timestamp: i64) -> String {
        format!("{{\"kafka_partition\":{partition},\"kafka_offset\":{offset},\"kafka_timestamp\":{timestamp}}}\n")
    }

    #[tokio::test]
    async fn newest_records_come_first() {
        let store = Store::new();
        store
            .put("data/q/dt=2026-02-01/00000-00000000000000000000.json", &[line(0, 0, 10), line(0, 1, 30)].concat())
            .await;
        store
            .put("data/q/dt=2026-02-02/00001-00000000000000000000.json", &[line(1, 0, 20), line(1, 1, 40)].concat())
            .await;
        let offsets = async |partition| {
            let lines = newest(&store.lake(""), Area::Data, Some("q"), partition).await.unwrap();
            lines.records.iter().map(|line| timestamp(line.record.get())).collect::<Vec<_>>()
        };
        assert_eq!(offsets(None).await, [40, 30, 20, 10]);
        assert_eq!(offsets(Some(0)).await, [30, 10]);
        assert!(offsets(Some(7)).await.is_empty());
    }

    #[tokio::test]
    async fn newest_days_of_all_topics_are_merged() {
        let store = Store::new();
        // Enough objects in the old days of the first topic.
        for day in 1..=10 {
            for partition in 0..10 {
                let key = format!("quarantine/a/dt=2026-01-{day:02}/{partition:05}-00000000000000000000.json");
                store.put(&key, &line(partition, 0, day.into())).await;
            }
        }
        store.put("quarantine/b/dt=2026-02-01/00000-00000000000000000000.json", &line(0, 7, 999)).await;
        let lines = newest(&store.lake(""), Area::Quarantine, None, None).await.unwrap();
        assert_eq!(timestamp(lines.records[0].record.get()), 999);
        assert!(!lines.is_all && lines.objects < 101, "{}", lines.objects);
    }

    #[tokio::test]
    async fn line_is_returned_as_it_is_stored() {
        let store = Store::new();
        let text = r#"{"kafka_partition":0,"kafka_offset":0,"kafka_timestamp":1,"close":1.10,"id":9007199254740993}"#;
        store.put("data/q/dt=1970-01-01/00000-00000000000000000000.json", &format!("{text}\n")).await;
        let lines = newest(&store.lake(""), Area::Data, Some("q"), None).await.unwrap();
        assert_eq!(json!(lines)["records"][0]["text"], text);
    }

    #[tokio::test]
    async fn damaged_object_hides_only_its_own_records() {
        let store = Store::new();
        store.put("data/q/dt=2026-02-01/00000-00000000000000000000.json", &line(0, 0, 10)).await;
        store.put("data/q/dt=2026-02-01/00001-00000000000000000000.json.gz", "not gzip").await;
        let lines = newest(&store.lake(""), Area::Data, Some("q"), None).await.unwrap();
        assert_eq!((lines.records.len(), lines.objects), (1, 2));
    }
}
