//! The sink itself on the embedded S3: invocations side by side, offsets used again, ledgers lost.

use std::collections::BTreeMap;
use std::ops::Range;

use aws_sdk_s3::Client;
use aws_sdk_s3::primitives::ByteStream;
use embedded::s3::Storage;
use futures::future::join_all;
use lake_format::keys::KeyLayout;
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

    /// How often each offset is stored, by partition.
    fn offsets(&self) -> BTreeMap<(i64, i64), usize> {
        let mut offsets = BTreeMap::new();
        for line in lake::objects(&self.folder.path().join("lake")).unwrap().values().flatten() {
            let place = (line["kafka_partition"].as_i64().unwrap(), line["kafka_offset"].as_i64().unwrap());
            *offsets.entry(place).or_insert(0) += 1;
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
    // Every third record is of another day, every seventh is poison.
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

fn told(error: &BatchError) -> String {
    assert!(matches!(error, BatchError::Partitions(_)), "{error:?}");
    error.to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn sinks_side_by_side_with_batches_cut_differently_store_every_record_once() {
    let lake = Lake::new();
    let cuts: [&[i64]; 5] = [&[40], &[7, 23, 40], &[1, 40], &[3, 11, 40], &[20, 30, 40]];
    let invoked = join_all(cuts.into_iter().map(|ends| {
        let sink = lake.sink();
        tokio::spawn(async move {
            let mut start = 0;
            for &end in ends {
                sink.handle(&batch(start..end)).await.unwrap();
                start = end;
            }
        })
    }));
    invoked.await.into_iter().for_each(|ended| ended.unwrap());
    assert!(lake.holds_once(0, 0..40), "{:?}", lake.offsets());
    assert_eq!((&lake.ledger()["next"], &lake.ledger()["gaps"]), (&json!(40), &json!([])));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_given_up_leaves_a_declared_gap_and_is_stored_once_when_it_is_fed_again() {
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
async fn an_offset_twice_in_an_event_is_one_record_or_refused() {
    let lake = Lake::new();
    let same = event(vec![record(0, 1, "a"), record(0, 2, "a"), record(0, 1, "a")]);
    let report = lake.sink().handle(&same).await.unwrap().report;
    assert_eq!((report.records, report.skipped), (3, 1));
    let other = event(vec![record(0, 3, "a"), record(0, 3, "b")]);
    let text = told(&lake.sink().handle(&other).await.unwrap_err());
    assert!(text.contains("topic t, partition 0, offsets 3 to 3") && text.contains("two different records"), "{text}");
    assert!(lake.holds_once(0, 1..3), "{:?}", lake.offsets());
}

#[tokio::test(flavor = "multi_thread")]
async fn offsets_used_again_are_refused_until_the_next_generation_is_set() {
    let lake = Lake::new();
    lake.sink().handle(&batch(0..5)).await.unwrap();
    let anew = event((0..3).map(|offset| record(0, offset, "anew")).collect());
    let text = told(&lake.sink().handle(&anew).await.unwrap_err());
    assert!(text.contains("being used again") && text.contains("set SINK_TOPIC_GENERATION to 1"), "{text}");
    assert!(lake.holds_once(0, 0..5), "nothing was stored of it");

    let next = lake.sink_with(|config| config.layout.generation = 1);
    assert_eq!(next.handle(&anew).await.unwrap().report.skipped, 0);
    assert_eq!(lake.offsets().values().sum::<usize>(), 8);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_ledger_is_refused_naming_the_repair() {
    let lake = Lake::new();
    lake.sink().handle(&batch(0..5)).await.unwrap();
    lake.client.delete_object().bucket("lake").key(LEDGER).send().await.unwrap();
    let new_day = |offset| {
        let mut record = record(0, offset, "first");
        record["timestamp"] = json!(1_795_176_000_123_i64 + 5 * 86_400_000);
        record
    };
    // The first record, or the last, may be of a group that has no objects yet.
    let new_first = event(vec![new_day(5), record(0, 7, "first")]);
    let new_last = event(vec![record(0, 5, "first"), new_day(8)]);
    for event in [batch(3..8), batch(5..8), new_first, new_last] {
        let text = told(&lake.sink().handle(&event).await.unwrap_err());
        assert!(text.contains(LEDGER) && text.contains("tickerlake audit --repair"), "{text}");
    }
    assert!(lake.holds_once(0, 0..5));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_field_that_says_what_hive_calls_no_value_is_stored_with_the_records_without_it() {
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
async fn settings_that_differ_from_the_ledgers_are_refused_until_the_prefix_is_new() {
    let lake = Lake::new();
    lake.sink().handle(&batch(0..5)).await.unwrap();
    let other = |prefix: &str| {
        lake.sink_with(|config| {
            let codec = "zstd".parse().unwrap();
            config.layout = KeyLayout { codec, prefix: prefix.to_owned(), ..config.layout.clone() };
        })
    };
    let text = told(&other("").handle(&batch(5..8)).await.unwrap_err());
    for part in ["dt=*/*.json.zst", "dt=*/*.json.gz", "SINK_COMPRESSION", "SINK_PREFIX"] {
        assert!(text.contains(part), "{text}");
    }
    other("second/").handle(&batch(5..8)).await.unwrap();
    assert!(lake.holds_once(0, 0..8));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_or_ledger_that_is_damaged_is_named() {
    let lake = Lake::new();
    lake.sink().handle(&batch(1..3)).await.unwrap();
    let put = |key: String, text: &'static str| {
        lake.client.put_object().bucket("lake").key(key).body(ByteStream::from_static(text.as_bytes())).send()
    };
    let object = "data/t/dt=2026-11-20/00000-00000000000000000001.json.gz".to_owned();
    put(object.clone(), "no gzip").await.unwrap();
    let text = told(&lake.sink().handle(&batch(1..3)).await.unwrap_err());
    assert!(text.contains(&object) && text.contains("tickerlake audit"), "{text}");
    put(LEDGER.to_owned(), "{}").await.unwrap();
    let text = told(&lake.sink().handle(&batch(3..5)).await.unwrap_err());
    assert!(text.contains(LEDGER) && text.contains("not a ledger"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn where_partial_responses_are_on_only_the_partitions_that_fail_are_to_be_delivered_again() {
    let lake = Lake::new();
    lake.sink().handle(&event(vec![record(1, 4, "first")])).await.unwrap();
    let mixed = |note| {
        let of_one = (4..6).map(|offset| record(1, offset, note));
        event((10..13).map(|offset| record(0, offset, note)).chain(of_one).collect())
    };
    let partial = lake.sink_with(|config| config.partial_batch_response = true);
    let outcome = partial.handle(&mixed("other")).await.unwrap();
    assert_eq!(
        serde_json::to_value(Response::of(&outcome.failed)).unwrap(),
        json!({"batchItemFailures": [{"itemIdentifier": {"partition": "t-1", "offset": 4}}]})
    );
    assert_eq!((outcome.report.records, outcome.report.skipped), (3, 0));
    assert!(lake.holds_once(0, 10..13) && lake.holds_once(1, 4..5));

    let whole = lake.sink().handle(&mixed("other")).await.unwrap_err();
    assert!(told(&whole).starts_with("topic t, partition 1, offsets 4 to 5: "), "{whole}");
}
