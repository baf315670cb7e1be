//! `tickerlake drop`: moves a generation to the trash, or back.

use std::process::ExitCode;

use clap::Args;
use kafka_client::topic::Topic;
use lake_audit::drop::{Goal, Summary, Transfer};
use serde::Serialize;
use terminal::numbers::{counted, size};

use crate::lake::{FOLDER_BUCKET, LakeArgs};
use crate::output::{Format, Output};
use crate::shell::shell_word;

/// Reason that a generation may have writers that the lock on the folder does not exclude.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PossibleWriters {
    /// The lake is a bucket.
    #[error(
        "other machines may be writing to the bucket: stop all writers, as `tickerlake drop --help` describes, and add --writers-stopped"
    )]
    Bucket,
    /// The generation is 0, and the topic may never have been recreated, so that a broker still has its records.
    #[error(
        "a broker may still deliver records of generation 0: stop all writers, as `tickerlake drop --help` describes, and add --writers-stopped"
    )]
    FirstGeneration,
}

#[derive(Args, Debug)]
/// Undo a run: move a generation of a topic to the trash, or restore it
#[command(after_help = "\
Each `tickerlake run` with the embedded broker stores its records as a new generation of the topic,
which it prints. This command moves the objects and ledgers of one generation to the folder
trash/TOPIC/gN of the lake. Queries and audits no longer see them, and no later run gets the same
number. Nothing is deleted: --restore moves everything back. To free the space, delete the folder in
the trash, except its file journal.json, which keeps the number in use.

The move can be interrupted at any time. Run the same command again to complete it, or in the
opposite direction to reverse it. Until then `tickerlake audit` reports an unfinished drop. Every
object is read once, to count the records, and deleted only after its copy was compared with it.

A broker may still deliver the records of generation 0, and other machines may write to a bucket. For
generation 0, or with --bucket, stop all writers first and add --writers-stopped: pause the event source mapping on
AWS and wait for one function timeout; end `trigger`, `redrive`, `run`, `up` and other commands that
write to the bucket, including `drop` and `repair`. The move assumes that nothing else writes to the
generation: a writer that keeps running could store more of its records, with a new ledger. If a broker
still has the topic, set SINK_TOPIC_GENERATION to the next number before starting the writers again.

The AWS table quotes_history keeps the records that the daily merge has added to it.

Examples:
  tickerlake drop quotes --generation 3 --dry-run
  tickerlake drop quotes --generation 3
  tickerlake drop quotes --generation 3 --restore
  tickerlake drop quotes --generation 0 --writers-stopped --bucket my-lake

Exit codes: 0 moved, or already in the trash; 1 failed, or there is no such generation; 2 wrong usage,
or --writers-stopped is missing.")]
pub struct DropArgs {
    /// Topic of the generation
    #[arg(value_name = "TOPIC")]
    topic: Topic,
    /// Generation to move
    #[arg(long, value_name = "N")]
    generation: u32,
    /// Move the generation from the trash back to the lake
    #[arg(long)]
    restore: bool,
    /// Print what would be moved, and move nothing
    #[arg(long)]
    dry_run: bool,
    /// Confirm that nothing writes to the lake: needed for generation 0 and with --bucket
    #[arg(long)]
    writers_stopped: bool,
    /// Format of the output
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    #[command(flatten)]
    lake: LakeArgs,
}

/// Runs the command.
///
/// # Errors
/// If the lake cannot be opened or is in use, the generation does not exist, or a request fails. Whatever happens, each
/// object is in the lake or in the trash.
pub async fn drop(args: DropArgs) -> anyhow::Result<ExitCode> {
    let output = Output { format: args.format };
    let goal = if args.restore { Goal::Restore } else { Goal::Drop };
    let lake = args.lake.open_for_reading().await?;
    let transfer = Transfer::new(&lake, args.topic.as_str(), args.generation, goal);
    if args.dry_run {
        print(&args, &transfer.preview().await?, output);
        return Ok(ExitCode::SUCCESS);
    }
    args.check_writers()?;
    // The folder is locked until the end, so that no other `tickerlake` process writes into it.
    let _lock = args.lake.open_for_writing().await?;
    print(&args, &transfer.run().await?, output);
    Ok(ExitCode::SUCCESS)
}

impl DropArgs {
    /// Checks that the generation cannot have writers, or that the arguments confirm that all writers are stopped.
    fn check_writers(&self) -> Result<(), PossibleWriters> {
        match self {
            DropArgs { writers_stopped: true, .. } => Ok(()),
            DropArgs { lake: LakeArgs { bucket: Some(_), .. }, .. } => Err(PossibleWriters::Bucket),
            DropArgs { generation: 0, .. } => Err(PossibleWriters::FirstGeneration),
            _ => Ok(()),
        }
    }
}

/// A summary as JSON.
#[derive(Serialize)]
struct Event<'a> {
    #[serde(flatten)]
    summary: &'a Summary,
    dry_run: bool,
    /// The command that moves the generation back.
    undo: String,
}

fn print(args: &DropArgs, summary: &Summary, output: Output) {
    let undo = command(args, !args.restore);
    let folder = location(&args.lake, &summary.trash);
    let what = format!("generation {} of {}: {}", summary.generation, summary.topic, amount(summary));
    match (args.dry_run, args.restore) {
        (true, false) => output.stage("dry run", &format!("would drop {what}")),
        (true, true) => output.stage("dry run", &format!("would restore {what}")),
        (false, false) => output.stage("dropped", &what),
        (false, true) => output.stage("restored", &what),
    }
    output.stage(if args.restore { "from" } else { "to" }, &folder);
    if !args.dry_run {
        output.stage("undo", &undo);
    }
    if args.lake.bucket.is_some() && !args.restore {
        output.stage("history", "the table quotes_history keeps the records that were merged into it");
    }
    let event = Event { summary, dry_run: args.dry_run, undo };
    output.event(if args.restore { "restored" } else { "dropped" }, event);
}

/// Formats what is moved, such as `3 objects and 3 ledgers, 28.1 kB, 1,200 records`.
fn amount(summary: &Summary) -> String {
    let objects = counted(summary.objects, "object", "objects");
    let ledgers = counted(summary.ledgers, "ledger", "ledgers");
    let records = match summary.records {
        Some(records) => counted(records, "record", "records"),
        None => "an unknown number of records".to_owned(),
    };
    let continued = if summary.continued { "; continues a move that was interrupted" } else { "" };
    format!("{objects} and {ledgers}, {}, {records}{continued}", size(summary.bytes))
}

fn location(lake: &LakeArgs, key: &str) -> String {
    let key = key.trim_end_matches('/');
    match &lake.bucket {
        Some(bucket) => format!("s3://{bucket}/{key}"),
        None => lake.dir.join(FOLDER_BUCKET).join(key).display().to_string(),
    }
}

/// Returns the command that moves the same generation, as a line for a shell.
fn command(args: &DropArgs, restore: bool) -> String {
    let mut words = vec!["tickerlake drop".to_owned(), shell_word(args.topic.as_str())];
    words.push(format!("--generation {}", args.generation));
    if restore {
        words.push("--restore".to_owned());
    }
    if args.writers_stopped {
        words.push("--writers-stopped".to_owned());
    }
    words.extend(args.lake.options());
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: DropArgs,
    }

    fn parse(words: &[&str]) -> DropArgs {
        Line::parse_from([&["drop", "quotes", "--generation"][..], words].concat()).args
    }

    #[test]
    fn generation_with_possible_writers_needs_a_confirmation() {
        for (words, expected) in [
            (&["1"][..], Ok(())),
            (&["0"], Err(PossibleWriters::FirstGeneration)),
            (&["0", "--restore"], Err(PossibleWriters::FirstGeneration)),
            (&["1", "--bucket", "b"], Err(PossibleWriters::Bucket)),
            (&["0", "--writers-stopped"], Ok(())),
            (&["1", "--bucket", "b", "--writers-stopped"], Ok(())),
        ] {
            assert_eq!(parse(words).check_writers(), expected, "{words:?}");
        }
    }

    #[test]
    fn undo_selects_the_same_lake() {
        let args = parse(&["2", "--dir", "my lake", "--prefix", "raw"]);
        assert_eq!(
            command(&args, true),
            "tickerlake drop quotes --generation 2 --restore --dir 'my lake' --prefix raw"
        );
        let args = parse(&["2", "--bucket", "b", "--writers-stopped", "--restore"]);
        assert_eq!(command(&args, false), "tickerlake drop quotes --generation 2 --writers-stopped --bucket b");
    }
}
