//! Prints a table with the CPU time and the compressed size of the lines of a full event, for each codec and level.

use std::time::Duration;

use anyhow::Result;
use bench::event::EventArgs;
use bench::floor::Level;
use bench::timing::cpu_time;
use bench::{event, path, rows};
use clap::Parser;
use sink::Config;

/// Measure the CPU time and the compressed size of the lines of a full event, for each codec and level.
#[derive(Parser)]
struct Args {
    #[command(flatten)]
    event: EventArgs,
    /// Run all levels N times in turn, and take each level's shortest time
    #[arg(long, value_name = "N", default_value_t = 7)]
    runs: usize,
}

fn main() -> Result<()> {
    let args = Args::parse();
    let event = event::event(&rows::read(&args.event.files)?, args.event.bytes, 1, 0);
    let lines = path::lines(&Config::new("bench"), &event.text)?.concat();
    println!("{} records, {} bytes of lines\n", event.records, lines.len());
    println!("| codec | level | ms | bytes | share of the lines |\n|---|---|---|---|---|");
    let gzip = [1, 2, 3, 4, 5, 6, 9].map(Level::Gzip);
    let deflate = [1, 2, 3, 4, 5, 6, 7, 8, 9].map(Level::Deflate);
    let zstd = [1, 2, 3, 4, 5, 6, 7, 9, 12].map(Level::Zstd);
    let levels: Vec<Level> = gzip.into_iter().chain(deflate).chain(zstd).collect();
    let mut shortest = vec![(Duration::MAX, 0); levels.len()];
    for _ in 0..args.runs {
        for (level, shortest) in levels.iter().zip(&mut shortest) {
            let (taken, object) = cpu_time(|| level.compress(&lines));
            *shortest = (shortest.0.min(taken), object?.len());
        }
    }
    for (level, (taken, bytes)) in levels.iter().zip(shortest) {
        let (codec, level) = level.names();
        let (millis, share) = (taken.as_secs_f64() * 1000.0, 100.0 * bytes as f64 / lines.len() as f64);
        println!("| {codec} | {level} | {millis:.1} | {bytes} | {share:.1} % |");
    }
    Ok(())
}
