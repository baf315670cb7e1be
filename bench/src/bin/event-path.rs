//! Measures the sink against its floor, and prints one line of JSON for each codec.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use bench::event::EventArgs;
use bench::floor::{self, Level};
use bench::s3::DiscardingS3;
use bench::timing::{cpu_time, shortest};
use bench::{event, path, rows};
use clap::Parser;
use lake_format::codec::{Codec, GZIP_LEVEL, ZSTD_LEVEL};
use serde_json::json;
use sink::{Config, Sink};

/// Measure the CPU time of the sink for a full-size event.
///
/// Prints the CPU time of the event path (from the event's bytes to the objects' bytes), of the whole sink (including
/// its requests to S3 over the loopback interface), and of the floor, the work that no sink can avoid: decoding the
/// values and compressing the lines.
#[derive(Parser)]
struct Args {
    #[command(flatten)]
    event: EventArgs,
    /// Distribute the records over N partitions
    #[arg(long, value_name = "N", default_value_t = 1)]
    partitions: usize,
    /// Run each measurement N times in turn, and take its shortest time
    #[arg(long, value_name = "N", default_value_t = 15)]
    runs: usize,
    /// Validate values against these columns, in the format of `SINK_COLUMNS`
    #[arg(long, default_value = "")]
    columns: String,
    /// Write the event to FILE instead of measuring
    #[arg(long, value_name = "FILE")]
    write_event: Option<PathBuf>,
}

fn main() -> Result<()> {
    let args = Args::parse();
    let quotes = rows::read(&args.event.files)?;
    let first = event::event(&quotes, args.event.bytes, args.partitions, 0);
    if let Some(path) = args.write_event {
        return std::fs::write(&path, &first.text).with_context(|| path.display().to_string());
    }
    ensure!(args.runs > 0, "--runs must be at least 1");
    // In each partition, an event begins where the previous one ends.
    let per_partition = first.records / args.partitions.max(1);
    let events: Vec<_> = (1..=args.runs)
        .map(|run| event::event(&quotes, args.event.bytes, args.partitions, run * per_partition))
        .collect();
    let values = floor::values(&first.text)?;
    for (codec, level) in [(Codec::Gzip, Level::Deflate(GZIP_LEVEL)), (Codec::Zstd, Level::Zstd(ZSTD_LEVEL))] {
        let server = DiscardingS3::start()?;
        let mut config = Config::new("bench");
        config.layout.codec = codec;
        config.columns = args.columns.parse().map_err(anyhow::Error::msg)?;
        let lines = path::lines(&config, &first.text)?;
        let sink = Sink::new(config.clone(), server.client());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        // Runs everything once before the measurement, to check the results and to create the ledger.
        let mut decoded = Vec::new();
        floor::decode(&values, &mut decoded)?;
        let objects = path::objects(&config, first.text.as_bytes())?;
        let compressed: usize = objects.iter().map(Vec::len).sum();
        runtime.block_on(sink.handle(&first.text))?;
        ensure!(
            server.take_counts() == (objects.len(), compressed),
            "the event path and the sink write different objects"
        );
        let (mut decode, mut compress) = (
            |_| cpu_time(|| floor::decode(&values, &mut decoded)).0,
            |_| cpu_time(|| lines.iter().map(|lines| level.compress(lines).map(|o| o.len())).collect::<Vec<_>>()).0,
        );
        let mut path = |run: usize| cpu_time(|| path::objects(&config, events[run].text.as_bytes()).map(|o| o.len())).0;
        let mut failed = None;
        let mut handle = |run: usize| {
            let (taken, outcome) = cpu_time(|| runtime.block_on(sink.handle(&events[run].text)));
            failed = failed.take().or(outcome.err());
            taken
        };
        let [decode, compress, path, handle] =
            shortest(args.runs, [&mut decode, &mut compress, &mut path, &mut handle]);
        if let Some(error) = failed {
            return Err(error.into());
        }
        let (objects, bytes) = server.take_counts();
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
