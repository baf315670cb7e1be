//! The command line.

pub mod args;

use self::args::FeedArgs;
use clap::builder::styling::{AnsiColor, Styles};
use clap::{Parser, ValueEnum};
use kafka_client::args::KafkaArgs;
use kafka_client::topic::Topic;

const STYLES: Styles =
    Styles::styled().header(AnsiColor::Green.on_default().bold()).literal(AnsiColor::Cyan.on_default());

const AFTER: &str = "\
A row becomes one JSON object on one line, and its symbol becomes the record's key:

  Index,Date,Open,Close,Adj Close,Volume
  HSI,1986-12-31,2568.300049,2568.300049,2568.300049,0.0

  {\"symbol\":\"HSI\",\"trade_date\":\"1986-12-31\",\"open\":2568.300049,\"close\":2568.300049,\"adj_close\":2568.300049,\"volume\":0.0}

Two columns are needed: the symbol (called Symbol, Ticker or Index; --symbol stands in for it) and
the date (Date, Datetime or Timestamp). All others are kept, in snake_case. Numbers keep every
digit, empty cells become null.
A row that cannot be a quote goes to <FILE>.rejects.csv with its line number and the reason.

A row counts as delivered when the broker has confirmed it. Ctrl-C stops reading, waits until what
was sent is confirmed, and summarises; a second Ctrl-C stops at once.

Examples:
  See what would be sent, without Kafka:
    producer quotes.csv --dry-run | head -3
  The download of a single symbol; a European export:
    producer AAPL.csv --symbol AAPL -b localhost:9092
    producer kurse.csv --delimiter ';' --date-format %d.%m.%Y -b localhost:9092
  Send a file to a topic of three partitions:
    producer quotes.csv -b localhost:9092 --create-topic 3
  Play history, a day a second, all symbols side by side:
    producer *.csv.gz -b localhost:9092 --order date --speed 86400
  A long file, in a command that can be given again after a crash or Ctrl-C:
    producer history.csv.gz -b localhost:9092 --resume
  A simulated live feed of 50 quotes a second, without end:
    producer quotes.csv -b localhost:9092 --order sample --rate 50 --repeat forever
  A broker with TLS and SCRAM, European dates, rows from another program:
    export | producer - -b kafka:9096 --date-format %d/%m/%Y -X security.protocol=SASL_SSL \\
      -X sasl.mechanism=SCRAM-SHA-512 -X sasl.username=me -X sasl.password=secret

Exit codes:
  0    all rows were delivered
  1    failed: the error says why, and what was delivered until then
  2    wrong usage, or nothing that --resume can go on with: nothing was sent
  3    delivered, but some rows were rejected
  130  interrupted before the last row; what was sent is delivered";

/// Feeds a Kafka topic from CSV files of stock quotes
///
/// Reads CSV files of stock quotes and sends each row to a Kafka topic, as JSON.
#[derive(Debug, Parser)]
#[command(name = "producer", version, styles = STYLES, after_long_help = AFTER, max_term_width = 100)]
#[command(after_help = "--help has the details, examples and exit codes")]
pub struct Cli {
    #[expect(missing_docs, reason = "clap allows no doc comment on a flattened field")]
    #[command(flatten)]
    pub feed: FeedArgs,

    /// Go on where an earlier run of this command has stopped, whatever stopped it
    ///
    /// Each row is then in the topic once. Give it from the first run on: it adds two headers to each
    /// record, the feed and the row's number in it, and a later run reads back from the topic itself
    /// how far each partition got; there is no state file. Rows of a topic without these headers
    /// count as none. Rows that other producers sent in between are read over, which takes its time
    /// where there are many.
    ///
    /// What a killed run had under way can land later. It is waited for, not fenced off: rows are sent
    /// once no row of the feed has landed for --resume-wait, while the brokers answered without delay.
    /// What lands later still, or is sent by a second producer of the same feed at the same time, is
    /// found at the end and told, with exit code 1.
    ///
    /// The feed is known by the bytes of its files, by the arguments that shape and order rows (not by
    /// its pace), and by the topic's number of partitions. Refused, because it cannot be guaranteed:
    /// a file that has changed or is fed together with other files than before, other arguments or
    /// partitions, standard input and pipes, a sample without --seed, --repeat forever, a partition
    /// whose rows may have been removed, settings (-X) that leave gaps. Not for compacted topics, which
    /// remove rows. The user needs READ on the topic.
    #[arg(long, conflicts_with = "dry_run", help_heading = "Order and pace")]
    pub resume: bool,

    /// How long nothing of the feed must have landed before --resume goes on
    ///
    /// Longer where brokers are far, busy or slow to replicate: followers that lag may hold back what
    /// has landed for the brokers' replica.lag.time.max.ms, 30 s by default.
    #[arg(
        long, value_name = "SECONDS", default_value = "5", requires = "resume",
        value_parser = clap::value_parser!(u64).range(1..=3600), help_heading = "Order and pace"
    )]
    pub resume_wait: u64,

    #[expect(missing_docs, reason = "clap allows no doc comment on a flattened field")]
    #[command(flatten)]
    pub kafka: KafkaArgs,

    /// The topic
    #[arg(short, long, value_name = "TOPIC", default_value = "quotes", help_heading = "Kafka")]
    pub topic: Topic,

    /// Create the topic, unless it exists, with so many partitions
    #[arg(long, value_name = "PARTITIONS", value_parser = clap::value_parser!(u32).range(1..=100_000), help_heading = "Kafka")]
    pub create_topic: Option<u32>,

    /// Print the JSON lines instead of sending them; needs no Kafka
    #[arg(long, help_heading = "Output")]
    pub dry_run: bool,

    /// How the summary is written
    #[arg(long, value_enum, default_value_t, help_heading = "Output")]
    pub format: Format,
}

/// The values of `--format`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Format {
    /// For people
    #[default]
    Text,
    /// One JSON object on one line
    Json,
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
