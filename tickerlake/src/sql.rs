//! Shared by `query` and `run`: the settings of the SQL engine, and the commands that notices suggest.

use std::num::NonZeroUsize;

use clap::Args;
use lake_query::{QUOTES, Session, view};
use lake_store::{Area, Lake};

use crate::lake::LakeArgs;
use crate::shell::shell_word;

/// Maximum number of rows that `run` prints for each query result. It prints the number of further rows, and the
/// command that prints all of them.
pub const MAX_ROWS: usize = 20;

/// Default topic of the table `quotes`.
pub const DEFAULT_TOPIC: &str = "quotes";

/// Arguments of the SQL engine.
#[derive(Args, Clone, Copy, Debug)]
#[command(next_help_heading = "SQL")]
pub struct SqlArgs {
    /// Memory for sorting and grouping, such as 512MB or 4GB; beyond it, queries spill to temporary files in TMPDIR
    #[arg(long, value_name = "SIZE", default_value = "1GB", value_parser = size)]
    pub memory_limit: usize,
    /// Number of objects of each topic to sample for undeclared columns, spread over its days
    #[arg(long, value_name = "N", default_value_t = lake_query::DEFAULT_SAMPLES)]
    pub sample_objects: NonZeroUsize,
}

impl SqlArgs {
    /// Opens a session with the lake's tables and views.
    ///
    /// # Errors
    /// If the lake cannot be listed or read.
    pub async fn open(self, lake: &Lake, topic: &str) -> anyhow::Result<Session> {
        let options = lake_query::Options { memory_limit: self.memory_limit, samples: self.sample_objects };
        Ok(lake_query::session(lake, topic, options).await?)
    }
}

/// Parses a number of bytes with an optional unit.
fn size(text: &str) -> Result<usize, String> {
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let factor = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1.0,
        "kb" | "k" => 1e3,
        "mb" | "m" => 1e6,
        "gb" | "g" => 1e9,
        "kib" => 1024.0,
        "mib" => 1_048_576.0,
        "gib" => 1_073_741_824.0,
        _ => return Err("expected a size such as 512MB, 1GB or 2GiB".to_owned()),
    };
    let bytes = number.parse::<f64>().map_err(|_| "expected a size such as 512MB, 1GB or 2GiB".to_owned())? * factor;
    match bytes {
        1e6..=9e18 => Ok(bytes as usize),
        _ => Err("expected at least 1MB".to_owned()),
    }
}

/// Returns the command that prints all rows of a saved query over the same lake.
pub fn query_command(lake: &LakeArgs, topic: &str, query: &str) -> String {
    let mut words = vec![format!("tickerlake query queries/{query}.sql")];
    words.extend(lake.options());
    if topic != DEFAULT_TOPIC {
        words.push(format!("--topic {}", shell_word(topic)));
    }
    words.join(" ")
}

/// Returns a notice if the topic contains records that the views over quotes leave out, with the command that reads
/// these records as quotes. Returns `None` if there are no such records.
///
/// # Errors
/// If the lake cannot be listed or read.
pub async fn unmapped_notice(args: &LakeArgs, lake: &Lake, topic: &str) -> anyhow::Result<Option<String>> {
    let Some(unmapped) = view::unmapped(lake, topic).await? else { return Ok(None) };
    let topics = lake.topics(Area::Data).await?;
    let is_free = view::list(lake).await?.is_empty() && !topics.iter().any(|topic| topic == QUOTES);
    let (name, then) = match is_free {
        true => (QUOTES.to_owned(), String::new()),
        false => {
            let name = view_name(topic);
            let then = format!(", and then query with --topic {name}");
            (name, then)
        }
    };
    let names: Vec<_> = unmapped.names().collect();
    let mut words = vec![format!("tickerlake view {name} --from {topic} --map {}", shell_word(&unmapped.map()))];
    words.extend(args.options());
    let command = words.join(" ");
    Ok(Some(format!(
        "the topic {topic} holds records without symbol or trade_date, which quotes_latest, daily and the saved queries \
         leave out; their fields are {}. To read them as quotes: {command}{then}",
        names.join(", "),
    )))
}

/// Returns a name for a view of a topic, different from the topic's.
fn view_name(topic: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' };
    format!("{}_mapped", topic.chars().map(plain).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lake(dir: &str) -> LakeArgs {
        LakeArgs { dir: dir.into(), bucket: None, prefix: None }
    }

    #[test]
    fn size_has_a_unit() {
        for (text, bytes) in
            [("1GB", 1_000_000_000), ("1.5 gb", 1_500_000_000), ("512MiB", 536_870_912), ("2000000", 2_000_000)]
        {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
        for text in ["", "GB", "1 TBX", "-1GB", "0", "10KB", "1.2.3GB"] {
            assert!(size(text).is_err(), "{text}");
        }
    }

    #[tokio::test]
    async fn notice_proposes_a_view() {
        let store = lake_store::testing::Store::new();
        store.put("data/a.B/dt=2026-02-01/0-0.json", r#"{"Index":"HSI","Date":"1986-12-31","Adj Close":1}"#).await;
        let notice = async || unmapped_notice(&lake("my lake"), &store.lake(""), "a.B").await.unwrap().unwrap();
        let text = notice().await;
        assert!(text.contains("fields are Index, Date, Adj Close"), "{text}");
        assert!(
            text.ends_with(
                "tickerlake view quotes --from a.B --map 'symbol=Index,trade_date=Date,adj_close=Adj Close' --dir 'my lake'"
            ),
            "{text}"
        );
        store.put("data/quotes/dt=2026-02-01/0-0.json", "{}").await;
        let text = notice().await;
        assert!(text.contains(" view a_b_mapped --from a.B ") && text.ends_with("with --topic a_b_mapped"), "{text}");
    }

    #[test]
    fn command_names_the_lake_unless_it_is_the_default() {
        assert_eq!(query_command(&lake("./lake"), "quotes", "06_coverage"), "tickerlake query queries/06_coverage.sql");
        assert_eq!(
            query_command(&lake("my lake"), "ticks", "quality/gaps"),
            "tickerlake query queries/quality/gaps.sql --dir 'my lake' --topic ticks"
        );
        let bucket = LakeArgs { bucket: Some("b".into()), prefix: Some("raw/".into()), ..lake("./lake") };
        assert_eq!(
            query_command(&bucket, "quotes", "04_drawdown"),
            "tickerlake query queries/04_drawdown.sql --bucket b --prefix raw/"
        );
    }
}
