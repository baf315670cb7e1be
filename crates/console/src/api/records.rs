//! `GET /api/records`, `/api/quarantine` and `/api/trace`: single records.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Query, State};
use futures::{StreamExt, TryStreamExt, stream};
use lake_audit::trace::{Neighbours, RecordLocation, Trace, Wanted, find};
use lake_format::keys::parse_name;
use lake_store::{Area, Lake, Object, codec};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::market::literal;
use super::query::run;
use super::{ApiError, on_thread};
use crate::app::App;

/// Maximum number of records in an answer.
const MAX_RECORDS: usize = 200;

/// Maximum number of objects that are read for one answer.
const MAX_OBJECTS: usize = 64;

const CONCURRENT_READS: usize = 4;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct RecordsQuery {
    symbol: Option<String>,
    partition: Option<i32>,
    offset: Option<i64>,
}

/// A line of the lake.
#[derive(Debug, Serialize)]
pub(crate) struct Line {
    key: String,
    /// Number of the line, from 1; `None` if the line was found with SQL.
    line: Option<usize>,
    record: Box<RawValue>,
}

#[derive(Debug, Serialize)]
pub(crate) struct Lines {
    records: Vec<Line>,
    /// Number of objects that were read, and of all objects that could have records.
    objects_read: usize,
    objects: usize,
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
                    .map(|found| Line { key: found.key, line: Some(found.line), record: found.record })
                    .collect(),
            };
            Ok(Json(json!(Lines { objects_read: lines.len(), objects: lines.len(), records: lines })))
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
                .map(|record: Box<RawValue>| json!({"key": null, "line": null, "record": record}))
                .collect();
            Ok(Json(
                json!({"records": rows, "objects_read": answer.objects, "objects": answer.objects, "sql": sql, "is_cut": answer.is_cut}),
            ))
        }
    }
    })
    .await
}

/// Returns the newest invalid records, and the number of all of them by reason.
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

#[derive(Serialize)]
pub(crate) struct Traced {
    locations: Vec<RecordLocation>,
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
            Trace::Found(locations) => Traced { locations, neighbours: Vec::new() },
            Trace::Missing(neighbours) => Traced { locations: Vec::new(), neighbours },
        }))
    })
    .await
}

/// Returns the last lines of the newest objects of an area, newest first. `topic` limits the objects of both areas;
/// without it, the objects of all topics are read.
async fn newest(lake: &Lake, area: Area, topic: Option<&str>, partition: Option<i32>) -> Result<Lines, ApiError> {
    let topics = match topic {
        Some(topic) => vec![topic.to_owned()],
        None => lake.topics(area).await?,
    };
    let mut days = Vec::new();
    for topic in topics {
        // The last days first, until there are enough objects.
        days.extend(lake.days(area, &topic).await?.into_iter().rev());
    }
    let mut objects: Vec<Object> = Vec::new();
    for day in days {
        let of_day = lake.objects(vec![day]).await?;
        objects.extend(of_day.into_iter().filter(|object| is_of(object, partition)));
        if objects.len() >= MAX_OBJECTS {
            break;
        }
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
            records.push((timestamp(line), Line { key: key.clone(), line: Some(number + 1), record }));
        }
        // Objects that were written at about the same time have records of the same time.
        if records.len() >= MAX_RECORDS * CONCURRENT_READS {
            break;
        }
    }
    records.sort_by_key(|(timestamp, line)| std::cmp::Reverse((*timestamp, line.line)));
    records.truncate(MAX_RECORDS);
    Ok(Lines { records: records.into_iter().map(|(_, line)| line).collect(), objects_read, objects: count })
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
    async fn damaged_object_hides_only_its_own_records() {
        let store = Store::new();
        store.put("data/q/dt=2026-02-01/00000-00000000000000000000.json", &line(0, 0, 10)).await;
        store.put("data/q/dt=2026-02-01/00001-00000000000000000000.json.gz", "not gzip").await;
        let lines = newest(&store.lake(""), Area::Data, Some("q"), None).await.unwrap();
        assert_eq!((lines.records.len(), lines.objects), (1, 2));
    }
}
