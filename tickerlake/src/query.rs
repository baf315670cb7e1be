//! `tickerlake query`: SQL over the objects of the lake.

use std::io::{ErrorKind, Write};
use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use clap::{Args, ValueEnum};
use kafka_client::topic::Topic;
use lake_store::Lake;
use terminal::signal::stop_on_signal;

use crate::lake::LakeArgs;
use crate::sql::{DEFAULT_TOPIC, SqlArgs, unmapped_notice};

#[derive(Args, Debug)]
/// Run SQL over the stored objects
#[command(after_help = "\
Tables: one per topic and view; `quotes`, which is the topic or view selected with --topic; `quarantine`, which has the
invalid records of all topics. Views: `quotes_latest` has the newest record of each bar and tick,
`daily` the trading days computed from them, `quotes_timed` every record with its time in the same format.
The column dt is the UTC date on which a record was sent. Names of columns are matched ignoring case.
The saved queries are built in: queries/01_daily_range.sql works in any folder.

Examples:
  tickerlake query 'SELECT symbol, count(*) FROM quotes GROUP BY symbol'
  tickerlake query queries/01_daily_range.sql --format csv
  tickerlake query queries/quality/gaps.sql --memory-limit 4GB
  tickerlake query --watch 1 'SELECT count(*) FROM quotes'

Exit codes: 0 done, 1 failed, 2 wrong usage, 130 (--watch) aborted by a second Ctrl-C.")]
pub struct QueryArgs {
    /// SQL, or a file or saved query that ends in .sql
    #[arg(value_name = "SQL|FILE.sql")]
    query: String,
    /// Topic or view to query as the table `quotes`
    #[arg(short, long, default_value = DEFAULT_TOPIC)]
    topic: Topic,
    /// Format of the rows
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Run the query every SECONDS until Ctrl-C
    #[arg(long, value_name = "SECONDS", value_parser = interval)]
    watch: Option<Duration>,
    #[command(flatten)]
    sql: SqlArgs,
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

pub(crate) fn interval(text: &str) -> Result<Duration, String> {
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
    if reads_quotes(&text)
        && let Some(notice) = unmapped_notice(&args.lake, &lake, args.topic.as_str()).await?
    {
        tracing::warn!("{notice}");
    }
    let Some(interval) = args.watch else {
        return run_once(&lake, &args, &text).await;
    };
    let stop = stop_on_signal();
    let watch = async {
        loop {
            run_once(&lake, &args, &text).await?;
            tokio::time::sleep(interval).await;
        }
    };
    stop.run_until_cancelled(watch).await.unwrap_or(Ok(()))
}

/// Runs the statement in a new session, because a session infers its columns from the objects that exist when it is
/// opened.
async fn run_once(lake: &Lake, args: &QueryArgs, text: &str) -> anyhow::Result<()> {
    let session = args.sql.open(lake, args.topic.as_str()).await?;
    let rows = lake_query::render(&lake_query::execute(&session, text).await?, args.format.into())?;
    let mut out = std::io::stdout().lock();
    out.write_all(&rows)?;
    Ok(out.flush()?)
}

fn statement(query: &str) -> anyhow::Result<String> {
    let is_file = Path::new(query).extension().is_some_and(|extension| extension.eq_ignore_ascii_case("sql"));
    if !is_file {
        return Ok(query.to_owned());
    }
    match (std::fs::read_to_string(query), saved(query)) {
        (Err(error), Some(sql)) if error.kind() == ErrorKind::NotFound => Ok(sql.to_owned()),
        (text, _) => text.with_context(|| format!("failed to read {query}")),
    }
}

/// Returns the text of the saved query with this path, or `None` if no saved query has the path.
fn saved(path: &str) -> Option<&'static str> {
    let name = path.strip_prefix("queries/")?.strip_suffix(".sql")?;
    let mut saved = lake_query::queries().iter().chain(lake_query::quality_questions());
    saved.find(|query| query.name == name).map(|query| query.sql)
}

/// Returns `true` if a statement may read the views over quotes, which leave out records without a symbol or a date.
fn reads_quotes(text: &str) -> bool {
    let is_name = |c: char| c.is_alphanumeric() || c == '_';
    text.split(|c| !is_name(c)).any(|word| ["quotes", "quotes_latest", "daily"].contains(&word.to_lowercase().as_str()))
}
