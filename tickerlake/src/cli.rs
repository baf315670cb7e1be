//! Definition of the command line: the subcommands and their deprecated spellings.

use clap::{Parser, Subcommand};

use crate::audit::AuditArgs;
use crate::console::ConsoleArgs;
use crate::drop::DropArgs;
use crate::inspect::InspectArgs;
use crate::query::QueryArgs;
use crate::redrive::RedriveArgs;
use crate::repair::RepairArgs;
use crate::run::RunArgs;
use crate::trace::TraceArgs;
use crate::trigger::TriggerArgs;
use crate::up::UpArgs;
use crate::view::ViewArgs;

#[derive(Parser, Debug)]
/// A stock-market feed from CSV files to SQL on a data lake, on one machine
#[command(
    version,
    after_help = "\
Exit codes: 0 done, 1 failed, 2 wrong usage, 3 (run, redrive) done, but some rows or files were
rejected, 4 (run, audit, repair) records are missing, stored twice or damaged,
130 interrupted before the end (run, redrive), or aborted by a second Ctrl-C. Each command's help has
its own list.
Logging: RUST_LOG, for example RUST_LOG=tickerlake=debug,event_source=debug."
)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Subcommand, Debug)]
pub enum Command {
    /// Feed CSV files through the whole pipeline, then print what was stored and the results of the saved queries
    Run(Box<RunArgs>),
    /// Run broker, S3, event source and sink until Ctrl-C, for use with producer, kcat, cargo lambda and other programs
    Up(Box<UpArgs>),
    /// Read topics in batches and invoke the sink or another function, as Lambda's Kafka event source does
    Trigger(Box<TriggerArgs>),
    /// Invoke the function again with the batches in an on-failure destination
    Redrive(Box<RedriveArgs>),
    /// Serve a page for the browser: charts, SQL, records, quarantine, quality and audit of a lake
    Console(Box<ConsoleArgs>),
    /// Show how CSV files would be read: the reading plan, the reasons for it, and the first records
    Inspect(Box<InspectArgs>),
    /// Run SQL over the stored objects
    Query(Box<QueryArgs>),
    /// Read another program's topic as quotes: define a view that renames and converts its columns
    View(Box<ViewArgs>),
    /// Find a record: the object and line that store it, or why it is in the quarantine
    Trace(Box<TraceArgs>),
    /// Read every object and report records that are missing, stored twice or damaged
    Audit(Box<AuditArgs>),
    /// Rebuild lost ledgers from the objects
    Repair(Box<RepairArgs>),
    /// Undo a run: move a generation of a topic to the trash, or restore it
    Drop(Box<DropArgs>),
}

impl Command {
    /// Replaces a deprecated spelling with its command, and prints the new spelling to standard error.
    #[must_use]
    pub fn without_deprecated(self) -> Self {
        match self {
            Command::Trigger(args) => match args.redrive {
                Some(source) => {
                    eprintln!("tickerlake: `trigger --redrive` is deprecated; use `tickerlake redrive {source}`");
                    Command::Redrive(Box::new(RedriveArgs::from_trigger(source, args.mapping.function, args.format)))
                }
                None => Command::Trigger(args),
            },
            Command::Audit(args) if args.repair => {
                eprintln!("tickerlake: `audit --repair` is deprecated; use `tickerlake repair`");
                Command::Repair(Box::new((*args).into()))
            }
            other => other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
