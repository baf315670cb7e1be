//! The `tickerlake` program: parses the command line, runs the command and prints its error.

use std::io::{ErrorKind, IsTerminal};
use std::process::ExitCode;

use clap::Parser;
use kafka_client::settings::SettingsError;
use lake_store::S3Failure;
use producer::feed::FeedError;
use sink::config::ConfigError;
use tickerlake::cli::{Cli, Command};
use tickerlake::drop::PossibleWriters;
use tickerlake::trigger::mapping_args::FillError;
use tickerlake::{audit, console, drop, inspect, query, redrive, repair, run, screen, trace, trigger, up, view};
use tracing_subscriber::EnvFilter;

/// Default of `RUST_LOG`. `aws_config` logs errors only: if credentials are missing, the command's error already
/// contains the text of the AWS SDK's warning.
const LOGGED: &str = "warn,aws_config=error,tickerlake=info,event_source=info,lake_audit=info,console=info";

#[tokio::main]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(LOGGED));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(|| screen::Log)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false)
        .init();
    let result = match cli.command.without_deprecated() {
        Command::Run(args) => run::run(*args).await,
        Command::Up(args) => up::up(*args).await.map(|()| ExitCode::SUCCESS),
        Command::Trigger(args) => trigger::trigger(*args).await,
        Command::Redrive(args) => redrive::redrive(*args).await,
        Command::Console(args) => console::console(*args).await.map(|()| ExitCode::SUCCESS),
        Command::Inspect(args) => inspect::inspect(*args),
        Command::Query(args) => query::query(*args).await.map(|()| ExitCode::SUCCESS),
        Command::View(args) => view::view(*args).await.map(|()| ExitCode::SUCCESS),
        Command::Trace(args) => trace::trace(*args).await,
        Command::Audit(args) => audit::audit(*args).await,
        Command::Repair(args) => repair::repair(*args).await,
        Command::Drop(args) => drop::drop(*args).await,
    };
    result.unwrap_or_else(|error| {
        // The program that reads the output, such as `head`, has closed the pipe. That is not a failure.
        if error
            .root_cause()
            .downcast_ref::<std::io::Error>()
            .is_some_and(|cause| cause.kind() == ErrorKind::BrokenPipe)
        {
            return ExitCode::SUCCESS;
        }
        eprintln!("tickerlake: {}", in_one_line(&error));
        if is_usage(&error) { ExitCode::from(2) } else { ExitCode::FAILURE }
    })
}

/// Formats an error and its causes, without causes that the text already contains. For a failed request to S3, the text
/// ends with the cause that contains the remedy.
fn in_one_line(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain() {
        let failure = S3Failure::of(cause);
        let cause = failure.as_ref().map_or_else(|| cause.to_string(), ToString::to_string);
        if text.is_empty() {
            text = cause;
        } else if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
        if failure.is_some() {
            break;
        }
    }
    text
}

/// Returns `true` if the arguments or settings are invalid; nothing was done in that case.
fn is_usage(error: &anyhow::Error) -> bool {
    error.is::<FeedError>()
        || error.is::<SettingsError>()
        || error.is::<ConfigError>()
        || error.is::<FillError>()
        || error.is::<PossibleWriters>()
}
