//! The sink against the embedded S3: concurrent invocations, reused offsets, missing ledgers.

use std::collections::BTreeMap;
use std::ops::Range;

use aws_sdk_s3::Client;
use aws_sdk_s3::primitives::ByteStream;
use embedded_s3::Storage;
use futures::future::join_all;
use lake_format::field_names::FieldNames;
use lake_format::keys::KeyLayout;
use lake_format::metadata::Metadata;
use serde_json::{Value, json};
use sink::response::Response;
use sink::{BatchError, Config, Sink};
use tempfile::TempDir;
use tickerlake_tests::lake;

const LEDGER: &str = "ledger/t/00000.json";

struct Lake {
    folder: TempDir,
    client: Client,
}

impl Lake {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let client = Storage::open(folder.path(), "lake").unwrap().client();
        Lake { folder, client }
    }

    fn sink(&self) -> Sink {
        self.sink_with(|_| ())
    }

    fn sink_with(&self, settings: impl FnOnce(&mut Config)) -> Sink {
        let mut config = Config::new("lake");
        settings(&mut config);
        Sink::new(config, self.client.clone())
    }

    /// Returns the number of stored lines for each partition and offset.
    fn offsets(&self) -> BTreeMap<(i64, i64), usize> {
        let mut offsets = BTreeMap::new();
        for line in lake::objects(&self.folder.path().join("lake")).unwrap().values().flatten() {
            let location = (line["kafka_partition"].as_i64().unwrap(), line["kafka_offset"].as_i64().unwrap());
            *offsets.entry(location).or_insert(0) += 1;
        }
        offsets
    }

    fn holds_once(&self, partition: i64, offsets: Range<i64>) -> bool {
        let stored: Vec<_> = self.offsets().into_iter().filter(|((other, _), _)| *other == partition).collect();
        stored == offsets.map(|offset| ((partition, offset), 1)).collect::<Vec<_>>()
    }

    fn ledger(&self) -> Value {
        let text = std::fs::read(self.folder.path().join("lake").join(LEDGER)).unwrap();
        serde_json::from_slice(&text).unwrap()
    }
}

fn record(partition: i64, offset: i64, note: &str) -> Value {
    let value = json!({"note": note, "n": offset}).to_string();
    // Every third record has a different date, and every seventh is invalid.
    let day = 86_400_000 * i64::from(offset % 3 == 0);
    let value = if offset % 7 == 6 { value[1..].to_owned() } else { value };
    json!({"topic": "t", "partition": partition, "offset": offset, "timestamp": 1_795_176_000_123_i64 + day,
           "value": base64_simd::STANDARD.encode_to_string(value)})
}

fn event(records: Vec<Value>) -> String {
    json!({"eventSource": "SelfManagedKafka", "records": {"t-0": records}}).to_string()
}

fn batch(offsets: Range<i64>) -> String {
    event(offsets.map(|offset| record(0, offset, "first")).collect())
}

fn message(error: &BatchError) -> String {
    assert!(matches!(error, BatchError::Partitions(_)), "{error:?}");
    error.to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_sinks_store_every_record_once() {
    let lake = Lake::new();
    let cuts: [&[i64]; 5] = [&[40], &[7, 23, 40], &[1, 40], &[3, 11, 40], &[20, 30, 40]];
    let running = join_all(cuts.into_iter().map(|ends| {
        let sink = lake.sink();
        tokio::spawn(async move {
            let mut start = 0;
            for &end in ends {
                sink.handle(&batch(start..end)).await.unwrap();
                start = end;
            }
        })
    }));
    running.await.into_iter().for_each(|ended| ended.unwrap());
    assert!(lake.holds_once(0, 0..40), "{:?}", lake.offsets());
    assert_eq!((&lake.ledger()["next"], &lake.ledger()["gaps"]), (&json!(40), &json!([])));
}

#[tokio::test(flavor = "multi_thread")]
async fn redriven_batch_is_stored_once_in_its_declared_gap() {
    let lake = Lake::new();
    lake.sink().handle(&batch(0..5)).await.unwrap();
    lake.sink().handle(&batch(9..12)).await.unwrap();
    assert_eq!(lake.ledger()["gaps"], json!([[5, 9]]));
    for _ in 0..2 {
        lake.sink().handle(&batch(5..9)).await.unwrap();
        assert!(lake.holds_once(0, 0..12), "{:?}", lake.offsets());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn repeated_offset_is_one_record_or_a_conflict() {
    let lake = Lake::new();
    let same = event(vec![record(0, 1, "a"), record(0, 2, "a"), record(0, 1, "a")]);
    let report = lake.sink().handle(&same).await.unwrap().report;
    assert_eq!((report.records, report.skipped), (3, 1));
    let other = event(vec![record(0, 3, "a"), record(0, 3, "b")]);
    let text = message(&lake.sink().handle(&other).await.unwrap_err());
    assert!(text.contains("topic t, partition 0, offsets 3 to 3") && text.contains("two different records"), "{text}");
    assert!(lake.holds_once(0, 1..3), "{:?}", lake.offsets());
}

#[tokio::test(flavor = "multi_thread")]
async fn reused_offsets_are_rejected_until_the_next_generation() {
    let lake = Lake::new();
    lake.sink().handle(&batch(0..5)).await.unwrap();
    let recreated = event((0..3).map(|offset| record(0, offset, "recreated")).collect());
    let text = message(&lake.sink().handle(&recreated).await.unwrap_err());
    assert!(text.contains("being reused") && text.contains("set SINK_TOPIC_GENERATION to 1"), "{text}");
    assert!(lake.holds_once(0, 0..5), "nothing of the second event is stored");

    let next = lake.sink_with(|config| config.layout.generation = 1);
    assert_eq!(next.handle(&recreated).await.unwrap().report.skipped, 0);
    assert_eq!(lake.offsets().values().sum::<usize>(), 8);
}

#[tokio::test(flavor = "multi_thread")]
async fn missing_ledger_error_names_the_repair() {
    let lake = Lake::new();
    lake.sink().handle(&batch(0..5)).await.unwrap();
    lake.client.delete_object().bucket("lake").key(LEDGER).send().await.unwrap();
    let new_day = |offset| {
        let mut record = record(0, offset, "first");
        record["timestamp"] = json!(1_795_176_000_123_i64 + 5 * 86_400_000);
        record
    };
    // The first record, or the last, may have an object prefix without objects.
    let new_first = event(vec![new_day(5), record(0, 7, "first")]);
    let new_last = event(vec![record(0, 5, "first"), new_day(8)]);
    for event in [batch(3..8), batch(5..8), new_first, new_last] {
        let text = message(&lake.sink().handle(&event).await.unwrap_err());
        assert!(text.contains(LEDGER) && text.contains("tickerlake repair"), "{text}");
    }
    assert!(lake.holds_once(0, 0..5));
}

#[tokio::test(flavor = "multi_thread")]
async fn hives_name_for_no_value_is_stored_as_no_value() {
    let lake = Lake::new();
    let sink = lake.sink_with(|config| config.layout.partition_field = Some("sector".to_owned()));
    let record = |offset: i64, value: &str| {
        json!({"topic": "t", "partition": 0, "offset": offset, "timestamp": 1_795_176_000_123_i64,
               "value": base64_simd::STANDARD.encode_to_string(value)})
    };
    let named = r#"{"sector":"__HIVE_DEFAULT_PARTITION__"}"#;
    let all = [record(0, "{}"), record(1, named), record(2, "{}"), record(3, named)];
    for offsets in [0..4, 0..2, 1..4] {
        sink.handle(&event(all[offsets].to_vec())).await.unwrap();
    }
    assert!(lake.holds_once(0, 0..4), "{:?}", lake.offsets());
}

#[tokio::test(flavor = "multi_thread")]
async fn other_settings_are_rejected_until_the_prefix_is_new() {
    let lake = Lake::new();
    lake.sink().handle(&batch(0..5)).await.unwrap();
    let other = |prefix: &str| {
        lake.sink_with(|config| {
            let codec = "zstd".parse().unwrap();
            config.layout = KeyLayout { codec, prefix: prefix.to_owned(), ..config.layout.clone() };
        })
    };
    let text = message(&other("").handle(&batch(5..8)).await.unwrap_err());
    for part in ["dt=*/*.json.zst", "dt=*/*.json.gz", "SINK_COMPRESSION", "SINK_PREFIX"] {
        assert!(text.contains(part), "{text}");
    }
    other("second/").handle(&batch(5..8)).await.unwrap();
    assert!(lake.holds_once(0, 0..8));
}

#[tokio::test(flavor = "multi_thread")]
async fn other_field_names_are_rejected_until_the_next_generation() {
    let lake = Lake::new();
    lake.sink().handle(&batch(0..5)).await.unwrap();
    let other = |generation| {
        lake.sink_with(|config| {
            config.layout.field_names = FieldNames::IgnoreCase;
            config.layout.generation = generation;
        })
    };
    let text = message(&other(0).handle(&batch(5..8)).await.unwrap_err());
    for part in ["written with SINK_FIELD_NAMES=exact", "has SINK_FIELD_NAMES=ignore-case", "SINK_TOPIC_GENERATION=1"] {
        assert!(text.contains(part), "{text}");
    }
    assert!(lake.holds_once(0, 0..5));
    other(1).handle(&batch(5..8)).await.unwrap();
    let text = message(&lake.sink_with(|config| config.layout.generation = 1).handle(&batch(8..9)).await.unwrap_err());
    assert!(text.contains("restore SINK_FIELD_NAMES=ignore-case"), "{text}");
    other(1).handle(&batch(5..9)).await.unwrap();
    assert!(lake.holds_once(0, 0..9));
}

#[tokio::test(flavor = "multi_thread")]
async fn other_metadata_is_rejected_until_the_next_generation() {
    let lake = Lake::new();
    lake.sink().handle(&batch(0..5)).await.unwrap();
    let metadata = Metadata { key: true, headers: true };
    let other = |generation| {
        lake.sink_with(|config| {
            config.layout.metadata = metadata;
            config.layout.generation = generation;
        })
    };
    let text = message(&other(0).handle(&batch(5..8)).await.unwrap_err());
    for part in ["written with SINK_METADATA=none", "has SINK_METADATA=key,headers", "SINK_TOPIC_GENERATION=1"] {
        assert!(text.contains(part), "{text}");
    }
    other(1).handle(&batch(5..8)).await.unwrap();
    for fewer in [Metadata::NONE, Metadata { headers: false, ..metadata }] {
        let sink = lake.sink_with(|config| {
            config.layout.metadata = fewer;
            config.layout.field_names = FieldNames::IgnoreCase;
            config.layout.generation = 1;
        });
        let text = message(&sink.handle(&batch(8..9)).await.unwrap_err());
        assert!(text.contains("restore SINK_FIELD_NAMES=exact and SINK_METADATA=key,headers;"), "{text}");
    }
    // A redelivery is compared with the whole line.
    other(1).handle(&batch(5..9)).await.unwrap();
    assert!(lake.holds_once(0, 0..9));
}

#[tokio::test(flavor = "multi_thread")]
async fn damaged_object_or_ledger_is_named() {
    let lake = Lake::new();
    lake.sink().handle(&batch(1..3)).await.unwrap();
    let put = |key: String, text: &'static str| {
        lake.client.put_object().bucket("lake").key(key).body(ByteStream::from_static(text.as_bytes())).send()
    };
    let object = "data/t/dt=2026-11-20/00000-00000000000000000001.json.gz".to_owned();
    put(object.clone(), "no gzip").await.unwrap();
    let text = message(&lake.sink().handle(&batch(1..3)).await.unwrap_err());
    assert!(text.contains(&object) && text.contains("tickerlake audit"), "{text}");
    put(LEDGER.to_owned(), "{}").await.unwrap();
    let text = message(&lake.sink().handle(&batch(3..5)).await.unwrap_err());
    assert!(text.contains(LEDGER) && text.contains("not a ledger"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn partial_response_names_only_failed_partitions() {
    let lake = Lake::new();
    lake.sink().handle(&event(vec![record(1, 4, "first")])).await.unwrap();
    let mixed = |note| {
        let of_one = (4..6).map(|offset| record(1, offset, note));
        event((10..13).map(|offset| record(0, offset, note)).chain(of_one).collect())
    };
    let partial = lake.sink_with(|config| config.partial_batch_response = true);
    let outcome = partial.handle(&mixed("other")).await.unwrap();
    assert_eq!(
        serde_json::to_value(Response::from_failed(&outcome.failed)).unwrap(),
        json!({"batchItemFailures": [{"itemIdentifier": {"partition": "t-1", "offset": 4}}]})
    );
    assert_eq!((outcome.report.records, outcome.report.skipped), (3, 0));
    assert!(lake.holds_once(0, 10..13) && lake.holds_once(1, 4..5));

    let whole = lake.sink().handle(&mixed("other")).await.unwrap_err();
    assert!(message(&whole).starts_with("topic t, partition 1, offsets 4 to 5: "), "{whole}");
}
