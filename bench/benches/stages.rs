//! The event path, stage by stage, over a full event of the sample's rows: `cargo bench -p bench`.
//!
//! `BENCH_FILE` names another CSV file.

#![expect(clippy::expect_used, reason = "a benchmark that cannot be set up has nothing to measure")]

use std::path::PathBuf;

use bench::floor::{self, Level};
use bench::{columns, event, path, rows};
use divan::Bencher;
use divan::counter::BytesCount;
use sink::Config;
use sink::chain::{Answer, Chain, Ledger, SPAN};
use sink::codec::Codec;
use sink::event::Event;
use sink::part::{Part, Renderer, by_partition};

fn main() {
    divan::main();
}

fn text() -> String {
    let sample = concat!(env!("CARGO_MANIFEST_DIR"), "/../data/us-stocks-sample.csv");
    let file = std::env::var_os("BENCH_FILE").map_or_else(|| PathBuf::from(sample), PathBuf::from);
    event::event(&rows::read(&[file]).expect("rows"), 5_900_000, 1, 0).text
}

#[divan::bench]
fn parse(bencher: Bencher<'_, '_>) {
    let text = text();
    bencher.counter(BytesCount::of_str(&text)).bench(|| Event::parse(&text).expect("an event").records.len());
}

#[divan::bench]
fn decode_alone(bencher: Bencher<'_, '_>) {
    let values = floor::values(&text()).expect("an event");
    let mut decoded = Vec::new();
    bencher.bench_local(|| floor::decode(&values, &mut decoded).expect("base64"));
}

#[divan::bench(args = [false, true])]
fn render(bencher: Bencher<'_, '_>, with_columns: bool) {
    let text = text();
    let mut config = Config::new("bench");
    if with_columns {
        config.columns = columns::template().parse().expect("columns");
    }
    let event = Event::parse(&text).expect("an event");
    let deliveries = by_partition(&event.records);
    bencher.bench(|| {
        let mut renderer = Renderer::new(&config);
        let mut part = Part::new(&deliveries[0]);
        deliveries[0].records.iter().for_each(|record| renderer.add(record, &mut part));
        part
    });
}

#[divan::bench]
fn chain(bencher: Bencher<'_, '_>) {
    let text = text();
    let config = Config::new("bench");
    let event = Event::parse(&text).expect("an event");
    let mut renderer = Renderer::new(&config);
    let mut part = Part::new(&by_partition(&event.records)[0]);
    event.records.iter().for_each(|record| renderer.add(record, &mut part));
    bencher.bench(|| {
        let mut chain = Chain::new(part.records(), &part.groups, "layout", SPAN).expect("one record an offset");
        let ledger = Ledger::starting_at(event.records[0].offset, "layout");
        chain.answer(&chain.begin(), &Answer::Ledger(ledger, String::new())).expect("a batch that follows").len()
    });
}

#[divan::bench(args = [Codec::Gzip, Codec::Zstd])]
fn encode(bencher: Bencher<'_, '_>, codec: &Codec) {
    let lines = path::lines(&Config::new("bench"), &text()).expect("an event").concat();
    bencher.counter(BytesCount::of_slice(&lines)).bench(|| codec.encode(&lines).expect("memory").len());
}

#[divan::bench(args = [Level::Gzip(2), Level::Deflate(1), Level::Deflate(6), Level::Zstd(3)])]
fn encode_otherwise(bencher: Bencher<'_, '_>, level: &Level) {
    let lines = path::lines(&Config::new("bench"), &text()).expect("an event").concat();
    bencher.counter(BytesCount::of_slice(&lines)).bench(|| level.compress(&lines).expect("memory").len());
}
