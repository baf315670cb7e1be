//! The command line of `producer`.

pub mod args;
pub mod simulate;

use clap::builder::styling::{AnsiColor, Styles};
use clap::{Parser, ValueEnum};
use kafka_client::args::KafkaArgs;
use kafka_client::topic::Topic;

use self::args::FeedArgs;

const STYLES: Styles =
    Styles::styled().header(AnsiColor::Green.on_default().bold()).literal(AnsiColor::Cyan.on_default());

const AFTER_LONG_HELP: &str = "\
Each row becomes one JSON object on one line, and its symbol becomes the record's key:

  Index,Date,Open,Close,Adj Close,Volume
  HSI,1986-12-31,2568.300049,2568.300049,2568.300049,0.0

  {\"symbol\":\"HSI\",\"trade_date\":\"1986-12-31\",\"bar\":\"1d\",\"open\":2568.300049,\"close\":2568.300049,\"adj_close\":2568.300049,\"volume\":0.0}

Each file's name, header and sampled rows decide how it is read: delimiter, symbol, date and time,
formats, prices and the length of its bars. One line on standard error announces this reading plan;
`tickerlake inspect FILE` explains it. If a file can be read in two ways, nothing is sent, and
the error names the options that decide and a command to try. Each reading option overrides one
choice, for all files of the command.

Numbers keep every digit. $1,234.50 becomes 1234.50; empty cells, N/A, null and NaN become null. All
other columns are kept, in snake_case. A row with a time of day has the field traded_at, in UTC if
its zone is known. A row that is not a quote goes to <FILE>.rejects.csv with its line number and
the reason.

Records are compressed with lz4. For consumers without lz4, such as a plain kafka-python, add
-X compression.type=gzip.

A row counts as delivered when the broker has confirmed it. Ctrl-C stops reading, waits until the
broker has confirmed what was sent, and prints the summary; a second Ctrl-C aborts.

Examples:
  See what would be sent, without Kafka:
    producer quotes.csv --dry-run | head -3
  Send a file of one symbol, which is the file's name or is given with --symbol:
    producer AAPL.csv -b localhost:9092
    producer HistoricalQuotes.csv --symbol AAPL -b localhost:9092
  Send bars with New York times and dates such as 01/02/2024 (January 2):
    producer SPY.csv --date-format mdy --timezone America/New_York -b localhost:9092
  Send a file to a topic with three partitions:
    producer quotes.csv -b localhost:9092 --create-topic 3
  Replay history at one day per second, all symbols side by side:
    producer *.csv.gz -b localhost:9092 --order date --speed 86400
  Send a long file, with a command that can be repeated after a crash or Ctrl-C:
    producer history.csv.gz -b localhost:9092 --resume
  Simulate an endless live feed of 50 quotes per second:
    producer quotes.csv -b localhost:9092 --order sample --rate 50 --repeat forever
  Replay daily bars as a live market, 60 times faster, with simulated trades:
    producer AAPL.csv MSFT.csv -b localhost:9092 --simulate ticks --order date --speed 60
  Send rows as another program appends them to a file:
    producer today.csv -b localhost:9092 --follow
  Send a program's output, with European dates, to a broker with TLS and SCRAM:
    export | producer - -b kafka:9096 --date-format dmy -X security.protocol=SASL_SSL \\
      -X sasl.mechanism=SCRAM-SHA-512 -X sasl.username=me -X sasl.password=secret

Exit codes:
  0    all rows were delivered
  1    failed; the error gives the reason and the number of delivered records
  2    wrong usage, or --resume cannot continue: nothing was sent
  3    delivered, but some rows were rejected
  130  interrupted before the last row; everything that was sent is delivered. Ctrl-C is the usual
       end of --follow and of --repeat forever, which then end with 0 or 3";

#[derive(Debug, Parser)]
/// Send stock quotes from CSV files to a Kafka topic
///
/// Reads CSV files of stock quotes and sends each row to a Kafka topic, as JSON.
#[command(name = "producer", version, styles = STYLES, after_long_help = AFTER_LONG_HELP, max_term_width = 100)]
#[command(after_help = "See --help for details, examples and exit codes")]
pub struct Cli {
    #[expect(missing_docs, reason = "clap allows no doc comment on a flattened field")]
    #[command(flatten)]
    pub feed: FeedArgs,

    /// Continue where an earlier run of this command stopped, for whatever reason
    ///
    /// Each row is then in the topic once. Use it from the first run on: it adds two headers to each
    /// record, which identify the feed and the row. A later run finds the last row of the feed in each
    /// partition by reading the topic; there is no state file. It ignores rows without these headers.
    /// It also reads the rows that other producers sent in between, which takes time if there are many.
    ///
    /// Records that a killed run had in flight can arrive later. Kafka cannot fence them off here, so
    /// this run waits: it starts sending when no row of the feed has arrived for --resume-wait and the
    /// brokers responded without delay during that time. A row that arrives even later, or is sent by
    /// a second producer of the same feed at the same time, is detected and reported at the end, with
    /// exit code 1.
    ///
    /// A feed is identified by the bytes of its files, by the arguments that shape and order its rows
    /// (not by its rate), and by the topic's number of partitions. To guarantee that each row is in
    /// the topic once, the producer rejects the following: a file that has changed or is fed together
    /// with different files, different arguments, a different number of partitions, standard input and
    /// pipes, a sample without --seed, --repeat forever, a partition whose rows may have been removed,
    /// and settings (-X) with which rows could be lost, repeated or reordered. Compacted topics are
    /// not supported, since they remove rows. The Kafka user needs the READ permission on the topic.
    #[arg(long, conflicts_with = "dry_run", help_heading = "Order and pace")]
    pub resume: bool,

    /// Wait until no row of the feed has arrived for SECONDS before --resume continues
    ///
    /// Use a longer wait for brokers that are far away, busy or slow to replicate: followers that lag
    /// can hold back records for the brokers' replica.lag.time.max.ms, 30 s by default.
    #[arg(
        long, value_name = "SECONDS", default_value = "5", requires = "resume",
        value_parser = clap::value_parser!(u64).range(1..=3600), help_heading = "Order and pace"
    )]
    pub resume_wait: u64,

    #[expect(missing_docs, reason = "clap allows no doc comment on a flattened field")]
    #[command(flatten)]
    pub kafka: KafkaArgs,

    /// Send to TOPIC
    #[arg(short, long, value_name = "TOPIC", default_value = "quotes", help_heading = "Kafka")]
    pub topic: Topic,

    /// Create the topic with N partitions if it does not exist
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000), help_heading = "Kafka")]
    pub create_topic: Option<u32>,

    /// Print the JSON lines instead of sending them; Kafka is not needed
    #[arg(long, help_heading = "Output")]
    pub dry_run: bool,

    /// Choose the format of the summary
    #[arg(long, value_enum, default_value_t, help_heading = "Output")]
    pub format: Format,
}

/// Values of `--format`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Format {
    /// Human-readable text
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
