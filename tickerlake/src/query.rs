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

/// Runs SQL over the stored objects.
#[derive(Args, Debug)]
#[command(after_help = "\
Tables: one for each topic, `quarantine`, and the view quotes_latest (the newest record of each
symbol and trade_date). The partition column dt is the day on which a record was sent.

Examples:
  tickerlake query 'SELECT symbol, count(*) FROM quotes GROUP BY symbol'
  tickerlake query queries/01_daily_range.sql --format csv
  tickerlake query --watch 1 'SELECT count(*) FROM quotes'")]
pub struct QueryArgs {
    /// SQL, or a file that ends in .sql
    #[arg(value_name = "SQL|FILE.sql")]
    query: String,
    /// The topic that the table `quotes` stands for
    #[arg(short, long, default_value = "quotes")]
    topic: Topic,
    /// How rows are printed
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Run again every so many seconds until Ctrl-C
    #[arg(long, value_name = "SECONDS", value_parser = interval)]
    watch: Option<Duration>,
    #[command(flatten)]
    lake: LakeArgs,
}

/// How rows are printed.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum Format {
    /// A table for the eye.
    #[default]
    Text,
    /// One JSON object a line, every column in each.
    Json,
    /// Comma-separated values under a header.
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

/// Seconds, with a fraction, that a clock can count.
pub(crate) fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "not a number of seconds".to_owned())?;
    Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())
}

fn interval(text: &str) -> Result<Duration, String> {
    seconds(text).and_then(|wait| if wait.is_zero() { Err("more than 0".to_owned()) } else { Ok(wait) })
}

/// Runs the command.
///
/// # Errors
/// When the query is wrong or an object cannot be read.
pub async fn query(args: QueryArgs) -> anyhow::Result<()> {
    let text = statement(&args.query)?;
    let lake = args.lake.tables().await?;
    let Some(wait) = args.watch else {
        return answer(&lake, &args.topic, &text, args.format).await;
    };
    let stop = stop_on_signal();
    let watching = async {
        loop {
            answer(&lake, &args.topic, &text, args.format).await?;
            tokio::time::sleep(wait).await;
        }
    };
    stop.run_until_cancelled(watching).await.unwrap_or(Ok(()))
}

/// Runs the statement once. A session of its own: a table's columns are those of the objects that are there.
async fn answer(lake: &Lake, topic: &Topic, text: &str, format: Format) -> anyhow::Result<()> {
    let session = lake_query::session(lake, topic.as_str()).await?;
    let rows = lake_query::render(&lake_query::execute(&session, text).await?, format.into())?;
    let mut out = std::io::stdout().lock();
    out.write_all(&rows)?;
    Ok(out.flush()?)
}

fn statement(query: &str) -> anyhow::Result<String> {
    let is_file = Path::new(query).extension().is_some_and(|extension| extension.eq_ignore_ascii_case("sql"));
    if is_file {
        std::fs::read_to_string(query).with_context(|| format!("{query} cannot be read"))
    } else {
        Ok(query.to_owned())
    }
}
