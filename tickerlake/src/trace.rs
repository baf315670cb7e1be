//! `tickerlake trace`: where a record went.

mod answer;

use std::io::Write;
use std::process::ExitCode;
use std::str::FromStr;

use clap::Args;
use kafka_client::topic::{InvalidTopicName, Topic};
use lake_audit::trace::{Trace, Wanted, find};

use crate::lake::LakeArgs;
use crate::say::Format;

/// Tells where a record is stored: object, line, its JSON, and, if it was put aside, why.
#[derive(Args, Debug)]
#[command(after_help = "\
A record that is stored more than once, or in several generations of its topic, is told with each place.

Examples:
  tickerlake trace quotes/1/0
  tickerlake trace quotes/1/0 --generation 1 --format json
  tickerlake trace quotes/1/0 --bucket my-lake

Exit codes: 0 found, good or quarantined; 1 not stored (what lies around it is told), or failed; 2 wrong usage.")]
pub struct TraceArgs {
    /// The record's topic, partition and offset
    #[arg(value_name = "TOPIC/PARTITION/OFFSET")]
    record: RecordId,
    /// Only this generation of the topic [default: all]
    #[arg(long, value_name = "N")]
    generation: Option<u32>,
    /// How the answer is printed
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    #[command(flatten)]
    lake: LakeArgs,
}

/// Which record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordId {
    topic: String,
    partition: i32,
    offset: i64,
}

impl FromStr for RecordId {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut parts = text.split('/');
        let (Some(topic), Some(partition), Some(offset), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err("not of the form TOPIC/PARTITION/OFFSET, as in quotes/1/0".to_owned());
        };
        let topic: Topic = topic.parse().map_err(|error: InvalidTopicName| error.to_string())?;
        let partition: i32 = partition.parse().map_err(|_| format!("{partition:?} is no partition"))?;
        let offset: i64 = offset.parse().map_err(|_| format!("{offset:?} is no offset"))?;
        if partition < 0 || offset < 0 {
            return Err("partitions and offsets begin at 0".to_owned());
        }
        Ok(Self { topic: topic.to_string(), partition, offset })
    }
}

/// Runs the command.
///
/// # Errors
/// When the lake cannot be read.
pub async fn trace(args: TraceArgs) -> anyhow::Result<ExitCode> {
    let RecordId { topic, partition, offset } = args.record;
    let wanted = Wanted { partition, offset, generation: args.generation };
    let lake = args.lake.tables().await?;
    let (text, code) = match find(&lake, &topic, wanted).await? {
        Trace::Found(places) => (answer::places(&places, args.format)?, ExitCode::SUCCESS),
        Trace::Missing(around) => {
            (answer::not_stored(&format!("{topic}/{partition}/{offset}"), &around, args.format)?, ExitCode::FAILURE)
        }
    };
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()?;
    Ok(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_named_by_topic_partition_and_offset() {
        let id: RecordId = "index-EU.v1/3/41".parse().unwrap();
        assert_eq!(id, RecordId { topic: "index-EU.v1".to_owned(), partition: 3, offset: 41 });
        for (text, fault) in [
            ("quotes/1", "TOPIC/PARTITION/OFFSET"),
            ("quotes/1/2/3", "TOPIC/PARTITION/OFFSET"),
            ("quotes/x/2", "partition"),
            ("quotes/1/", "offset"),
            ("quotes/1/-2", "begin at 0"),
            ("../1/2", "topic"),
            ("/1/2", "topic"),
        ] {
            let refused = text.parse::<RecordId>().unwrap_err();
            assert!(refused.contains(fault), "{text}: {refused}");
        }
    }
}
