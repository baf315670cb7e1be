//! Measures the sink against its floor, and prints a line of JSON for each compression.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use bench::event::EventArgs;
use bench::floor::{self, Level};
use bench::least::{cpu, least};
use bench::s3::ForgetfulS3;
use bench::{event, path, rows};
use clap::Parser;
use lake_format::codec::{Codec, GZIP_LEVEL, ZSTD_LEVEL};
use serde_json::json;
use sink::{Config, Sink};

/// What the sink takes of a processor for an event of full size: its path, from the event's bytes to the objects' bytes,
/// and all of it, with the requests to S3 over the loopback; and what decoding the values and compressing the lines
/// takes alone.
#[derive(Parser)]
struct Args {
    #[command(flatten)]
    event: EventArgs,
    /// The partitions that the records are spread over
    #[arg(long, default_value_t = 1)]
    partitions: usize,
    /// Of so many runs in turn the least counts
    #[arg(long, default_value_t = 15)]
    runs: usize,
    /// `SINK_COLUMNS`: what the values are checked against
    #[arg(long, default_value = "")]
    columns: String,
    /// Only writes the event there
    #[arg(long)]
    write_event: Option<PathBuf>,
}

fn main() -> Result<()> {
    let args = Args::parse();
    let quotes = rows::read(&args.event.files)?;
    let first = event::event(&quotes, args.event.bytes, args.partitions, 0);
    if let Some(path) = args.write_event {
        return std::fs::write(&path, &first.text).with_context(|| path.display().to_string());
    }
    ensure!(args.runs > 0, "--runs is 0");
    // Each begins in each partition where the one before has ended.
    let each = first.records / args.partitions.max(1);
    let events: Vec<_> =
        (1..=args.runs).map(|run| event::event(&quotes, args.event.bytes, args.partitions, run * each)).collect();
    let values = floor::values(&first.text)?;
    for (codec, level) in [(Codec::Gzip, Level::Deflate(GZIP_LEVEL)), (Codec::Zstd, Level::Zstd(ZSTD_LEVEL))] {
        let server = ForgetfulS3::start()?;
        let mut config = Config::new("bench");
        config.layout.codec = codec;
        config.columns = args.columns.parse().map_err(anyhow::Error::msg)?;
        let lines = path::lines(&config, &first.text)?;
        let sink = Sink::new(config.clone(), server.client());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        // Not measured: all does what it should, and the ledger is made.
        let mut decoded = Vec::new();
        floor::decode(&values, &mut decoded)?;
        let objects = path::objects(&config, first.text.as_bytes())?;
        let compressed: usize = objects.iter().map(Vec::len).sum();
        runtime.block_on(sink.handle(&first.text))?;
        ensure!(server.taken() == (objects.len(), compressed), "the path makes other objects than the sink");
        let (mut decode, mut compress) = (
            |_| cpu(|| floor::decode(&values, &mut decoded)).0,
            |_| cpu(|| lines.iter().map(|lines| level.compress(lines).map(|o| o.len())).collect::<Vec<_>>()).0,
        );
        let mut path = |run: usize| cpu(|| path::objects(&config, events[run].text.as_bytes()).map(|o| o.len())).0;
        let mut failed = None;
        let mut handle = |run: usize| {
            let (taken, outcome) = cpu(|| runtime.block_on(sink.handle(&events[run].text)));
            failed = failed.take().or(outcome.err());
            taken
        };
        let [decode, compress, path, handle] = least(args.runs, [&mut decode, &mut compress, &mut path, &mut handle]);
        if let Some(error) = failed {
            return Err(error.into());
        }
        let (objects, bytes) = server.taken();
        let floor = decode + compress;
        println!(
            "{}",
            json!({
                "codec": codec.name(), "event_bytes": first.text.len(), "records": first.records,
                "level": level.names().1, "decode_ms": millis(decode), "compress_ms": millis(compress),
                "path_ms": millis(path), "sink_ms": millis(handle), "path_ratio": path.div_duration_f64(floor),
                "sink_ratio": handle.div_duration_f64(floor),
                "objects": objects / args.runs, "object_bytes": bytes / args.runs,
            })
        );
    }
    Ok(())
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}
