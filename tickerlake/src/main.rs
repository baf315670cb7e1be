//! `tickerlake`: reads the command line and wires.

use std::io::{ErrorKind, IsTerminal};
use std::process::ExitCode;

use clap::Parser;
use kafka_client::settings::SettingsError;
use producer::feed::FeedError;
use sink::config::ConfigError;
use tickerlake::cli::{Cli, Command};
use tickerlake::trigger::from_template::FillError;
use tickerlake::view::screen;
use tickerlake::{audit, query, redrive, repair, run, trace, trigger, up};
use tracing_subscriber::EnvFilter;

#[tokio::main]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    // What the AWS SDK warns of while it looks for credentials is in the error, if there are none.
    let filter = EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| EnvFilter::new("warn,aws_config=error,tickerlake=info,event_source=info,lake_audit=info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(|| screen::Log)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false)
        .init();
    let done = match cli.command {
        Command::Run(args) => run::run(*args).await,
        Command::Up(args) => up::up(*args).await.map(|()| ExitCode::SUCCESS),
        Command::Trigger(args) => trigger::trigger(*args).await,
        Command::Redrive(args) => redrive::redrive(*args).await,
        Command::Query(args) => query::query(*args).await.map(|()| ExitCode::SUCCESS),
        Command::Trace(args) => trace::trace(*args).await,
        Command::Audit(args) => audit::audit(*args).await,
        Command::Repair(args) => repair::repair(*args).await,
    };
    done.unwrap_or_else(|error| {
        // Whoever reads the output has seen enough, as `head` does.
        if error
            .root_cause()
            .downcast_ref::<std::io::Error>()
            .is_some_and(|cause| cause.kind() == ErrorKind::BrokenPipe)
        {
            return ExitCode::SUCCESS;
        }
        eprintln!("tickerlake: {}", terminal::errors::in_one_line(error.as_ref()));
        if is_usage(&error) { ExitCode::from(2) } else { ExitCode::FAILURE }
    })
}

/// Arguments or settings that must be mended before anything is done.
fn is_usage(error: &anyhow::Error) -> bool {
    error.is::<FeedError>() || error.is::<SettingsError>() || error.is::<ConfigError>() || error.is::<FillError>()
}
