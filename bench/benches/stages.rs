//! Measures the stages of the event path on a full event of the sample's rows: `cargo bench -p bench`.
//!
//! Set `BENCH_FILE` to use a different CSV file.

#![expect(clippy::expect_used, reason = "a benchmark without its input measures nothing")]

use std::path::PathBuf;

use bench::floor::{self, Level};
use bench::{columns, event, path, rows};
use commit_protocol::{Answer, CommitProtocol, Ledger, MAX_OBJECT_SPAN};
use divan::Bencher;
use divan::counter::BytesCount;
use lake_format::codec::Codec;
use lambda_kafka_event::Records;
use sink::Config;
use sink::batch::Batch;

fn main() {
    divan::main();
}

fn event_text() -> String {
    let sample = concat!(env!("CARGO_MANIFEST_DIR"), "/../data/us-stocks-sample.csv");
    let file = std::env::var_os("BENCH_FILE").map_or_else(|| PathBuf::from(sample), PathBuf::from);
    event::event(&rows::read(&[file]).expect("rows"), 5_900_000, 1, 0).text
}

#[divan::bench]
fn read(bencher: Bencher<'_, '_>) {
    let text = event_text();
    bencher.counter(BytesCount::of_str(&text)).bench(|| {
        let mut records = Records::new(text.as_bytes());
        while records.advance().expect("an event").is_some() {}
    });
}

#[divan::bench]
fn decode_values(bencher: Bencher<'_, '_>) {
    let values = floor::values(&event_text()).expect("an event");
    let mut decoded = Vec::new();
    bencher.bench_local(|| floor::decode(&values, &mut decoded).expect("base64"));
}

#[divan::bench(args = [false, true])]
fn lines(bencher: Bencher<'_, '_>, with_columns: bool) {
    let text = event_text();
    let mut config = Config::new("bench");
    if with_columns {
        config.columns = columns::template().parse().expect("columns");
    }
    bencher.bench(|| Batch::from_event(&config, text.as_bytes()).expect("an event"));
}

#[divan::bench]
fn protocol(bencher: Bencher<'_, '_>) {
    let text = event_text();
    let config = Config::new("bench");
    let batch = Batch::from_event(&config, text.as_bytes()).expect("an event");
    let part = &batch.partitions()[0];
    bencher.bench(|| {
        let mut protocol = CommitProtocol::new(batch.records(part), &part.prefixes, "layout", MAX_OBJECT_SPAN)
            .expect("one record for each offset");
        let ledger = Ledger::starting_at(protocol.records()[0].offset, "layout");
        protocol
            .answer(&protocol.begin(), &Answer::Ledger(ledger, String::new()))
            .expect("a batch that follows the ledger")
            .len()
    });
}

#[divan::bench(args = [Codec::Gzip, Codec::Zstd])]
fn encode(bencher: Bencher<'_, '_>, codec: &Codec) {
    let lines = path::lines(&Config::new("bench"), &event_text()).expect("an event").concat();
    bencher.counter(BytesCount::of_slice(&lines)).bench(|| codec.encode(&lines).expect("compression").len());
}

#[divan::bench(args = [Level::Gzip(2), Level::Deflate(1), Level::Deflate(6), Level::Zstd(3)])]
fn encode_at_other_levels(bencher: Bencher<'_, '_>, level: &Level) {
    let lines = path::lines(&Config::new("bench"), &event_text()).expect("an event").concat();
    bencher.counter(BytesCount::of_slice(&lines)).bench(|| level.compress(&lines).expect("compression").len());
}
