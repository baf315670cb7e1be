//! `tickerlake query`: SQL over the objects of the lake.

use std::io::Write;
use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use clap::{Args, ValueEnum};
use kafka_client::topic::Topic;
use lake_store::Lake;
use terminal::signal::stop_on_signal;

use crate::lake::LakeArgs;

#[derive(Args, Debug)]
/// Run SQL over the stored objects
#[command(after_help = "\
Tables: one per topic; `quotes`, which is the topic selected with --topic; `quarantine`, which contains
the invalid records of all topics. The view quotes_latest contains the newest record of each symbol and
trade_date. The column dt is the UTC date on which a record was sent.

Examples:
  tickerlake query 'SELECT symbol, count(*) FROM quotes GROUP BY symbol'
  tickerlake query queries/01_daily_range.sql --format csv
  tickerlake query --watch 1 'SELECT count(*) FROM quotes'

Exit codes: 0 done, 1 failed, 2 wrong usage, 130 (--watch) aborted by a second Ctrl-C.")]
pub struct QueryArgs {
    /// SQL statement, or the path of a file that ends in .sql
    #[arg(value_name = "SQL|FILE.sql")]
    query: String,
    /// Topic of the table `quotes`
    #[arg(short, long, default_value = "quotes")]
    topic: Topic,
    /// Format of the rows
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Run the query every SECONDS until Ctrl-C
    #[arg(long, value_name = "SECONDS", value_parser = interval)]
    watch: Option<Duration>,
    #[command(flatten)]
    lake: LakeArgs,
}

/// Format of the rows.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum Format {
    /// An aligned table
    #[default]
    Text,
    /// One JSON object per line, with every column
    Json,
    /// Comma-separated values with a header
    Csv,
}

impl From<Format> for lake_query::Format {
    fn from(format: Format) -> Self {
        match format {
            Format::Text => lake_query::Format::Text,
            Format::Json => lake_query::Format::Json,
            Format::Csv => lake_query::Format::Csv,
        }
    }
}

/// Parses a number of seconds, with an optional fraction.
pub(crate) fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "not a number of seconds".to_owned())?;
    Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())
}

fn interval(text: &str) -> Result<Duration, String> {
    seconds(text)
        .and_then(|interval| if interval.is_zero() { Err("must be greater than 0".to_owned()) } else { Ok(interval) })
}

/// Runs the command.
///
/// # Errors
/// If the query is invalid, an object cannot be read, or standard output cannot be written.
pub async fn query(args: QueryArgs) -> anyhow::Result<()> {
    let text = statement(&args.query)?;
    let lake = args.lake.open_for_reading().await?;
    let Some(interval) = args.watch else {
        return run_once(&lake, &args.topic, &text, args.format).await;
    };
    let stop = stop_on_signal();
    let watch = async {
        loop {
            run_once(&lake, &args.topic, &text, args.format).await?;
            tokio::time::sleep(interval).await;
        }
    };
    stop.run_until_cancelled(watch).await.unwrap_or(Ok(()))
}

/// Runs the statement in a new session, because a session's columns are those of the objects that exist when the
/// session is opened.
async fn run_once(lake: &Lake, topic: &Topic, text: &str, format: Format) -> anyhow::Result<()> {
    let session = lake_query::session(lake, topic.as_str()).await?;
    let rows = lake_query::render(&lake_query::execute(&session, text).await?, format.into())?;
    let mut out = std::io::stdout().lock();
    out.write_all(&rows)?;
    Ok(out.flush()?)
}

fn statement(query: &str) -> anyhow::Result<String> {
    let is_file = Path::new(query).extension().is_some_and(|extension| extension.eq_ignore_ascii_case("sql"));
    if is_file {
        std::fs::read_to_string(query).with_context(|| format!("failed to read {query}"))
    } else {
        Ok(query.to_owned())
    }
}
