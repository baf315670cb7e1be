//! The `producer` command: parses the arguments, runs the feed, and prints the summary or the error.

use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use clap::{CommandFactory, Parser, error::ErrorKind};
use kafka_client::create_topic::create_topic;
use kafka_client::settings::Settings;
use producer::cli::args::FeedArgs;
use producer::cli::{Cli, Format};
use producer::delivery::output::Target;
use producer::feed::Feed;
use producer::report::display::Display;
use producer::report::progress::Progress;
use producer::report::summary::Summary;
use producer::run::{RunError, run_in_background};
use terminal::arguments::command_line;
use terminal::errors::in_one_line;
use terminal::exit_code::{FAILURE, USAGE};
use terminal::numbers::counted;
use terminal::signal::stop_on_signal;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    let resume = cli.resume.then(|| Duration::from_secs(cli.resume_wait));
    let feed = Feed::try_from(FeedArgs { resume, command: command_line(), ..cli.feed })
        .unwrap_or_else(|error| exit_with_usage(&error));
    let target = match cli.dry_run {
        true => Target::lines(std::io::stdout()),
        false => {
            let settings = Settings::try_from(cli.kafka)
                .and_then(|settings| if cli.resume { settings.gapless() } else { Ok(settings) })
                .unwrap_or_else(|error| exit_with_usage(&error));
            Target::Kafka { settings, topic: cli.topic }
        }
    };
    let progress = Arc::new(Progress::default());
    let done = feed_to(feed, target, cli.create_topic, &progress).await;
    let printed = done.and_then(|summary| print(&summary, cli.format, cli.dry_run).map(|()| summary));
    match printed {
        Ok(summary) => summary.exit_code().into(),
        Err(error) => {
            eprintln!("error: {}", in_one_line(error.as_ref()));
            let delivered = progress.snapshot().delivered;
            if delivered > 0 {
                eprintln!("failed after delivering {}", counted(delivered, "record", "records"));
            }
            let is_usage = error.downcast_ref().is_some_and(RunError::is_usage);
            if is_usage { USAGE.into() } else { FAILURE.into() }
        }
    }
}

async fn feed_to(
    feed: Feed,
    target: Target,
    partitions: Option<u32>,
    progress: &Arc<Progress>,
) -> anyhow::Result<Summary> {
    if let (Target::Kafka { settings, topic }, Some(partitions)) = (&target, partitions) {
        create_topic(settings, topic, partitions).await?;
    }
    let display = Display::start(Arc::clone(progress));
    let summary = run_in_background(feed, target, Arc::clone(progress), stop_on_signal()).await;
    drop(display);
    Ok(summary?)
}

/// Prints the summary to standard output, or to standard error if the records are on standard output.
fn print(summary: &Summary, format: Format, to_stderr: bool) -> anyhow::Result<()> {
    let text = match format {
        Format::Text => summary.to_text(),
        Format::Json => summary.to_json()? + "\n",
    };
    match to_stderr {
        true => std::io::stderr().write_all(text.as_bytes()),
        false => std::io::stdout().write_all(text.as_bytes()),
    }
    .context("failed to print the summary")
}

fn exit_with_usage(error: &dyn std::error::Error) -> ! {
    Cli::command().error(ErrorKind::ValueValidation, error).exit()
}
