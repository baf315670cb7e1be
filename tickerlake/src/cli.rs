//! The command line.

use clap::{Parser, Subcommand};

use crate::audit::AuditArgs;
use crate::query::QueryArgs;
use crate::run::RunArgs;
use crate::trace::TraceArgs;
use crate::trigger::TriggerArgs;
use crate::up::UpArgs;

/// A stock-market feed from a CSV file to SQL on a data lake, on one machine
#[derive(Parser, Debug)]
#[command(
    version,
    after_help = "\
Exit codes: 0 done, 1 failed, 2 wrong usage, 3 (run) done, but rows of the CSV
were rejected, 4 (audit, run) something is missing, twice or damaged,
130 (run) interrupted before the last row.
Logging: RUST_LOG, for instance RUST_LOG=tickerlake=debug."
)]
pub struct Cli {
    /// What to do
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// Feed CSV files through the whole pipeline, show what was stored and the answers of queries/
    Run(Box<RunArgs>),
    /// Keep broker, S3, trigger and sink up until Ctrl-C, for producer, kcat, cargo lambda and others
    Up(Box<UpArgs>),
    /// Read topics in batches and hand them to the sink or to a function, as Lambda's event source does
    Trigger(Box<TriggerArgs>),
    /// Run SQL over the stored objects
    Query(Box<QueryArgs>),
    /// Tell where a record of the topic went: object, line, or why it is in the quarantine
    Trace(Box<TraceArgs>),
    /// Read every object and say what is missing, what is there twice, and what is damaged
    Audit(Box<AuditArgs>),
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
