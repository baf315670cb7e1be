//! Shared by `query` and `run`: the limit of the SQL engine, and hints about records and answers.

use clap::Args;
use lake_query::Session;
use lake_store::Lake;

use crate::lake::LakeArgs;

/// Largest number of rows of an answer that `run` prints.
pub const MAX_ROWS: usize = 20;

/// Default topic of the table `quotes`.
pub const DEFAULT_TOPIC: &str = "quotes";

/// Arguments of the SQL engine.
#[derive(Args, Clone, Copy, Debug)]
#[command(next_help_heading = "SQL")]
pub struct SqlArgs {
    /// Memory for sorting and grouping, such as 512MB or 4GB; beyond it, queries continue in temporary files in TMPDIR
    #[arg(long, value_name = "SIZE", default_value = "1GB", value_parser = size)]
    pub memory_limit: usize,
}

impl SqlArgs {
    /// Opens a session with the lake's tables and views.
    ///
    /// # Errors
    /// If the lake cannot be listed or read.
    pub async fn open(self, lake: &Lake, topic: &str) -> anyhow::Result<Session> {
        Ok(lake_query::session(lake, topic, self.memory_limit).await?)
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
    let mut command = format!("tickerlake query queries/{query}.sql");
    let mut option = |name: &str, value: &str| {
        command += &format!(" --{name} {}", shell_word(value));
    };
    match &lake.bucket {
        Some(bucket) => option("bucket", bucket),
        None if lake.dir.as_os_str() != "./lake" => option("dir", &lake.dir.to_string_lossy()),
        None => {}
    }
    if let Some(prefix) = lake.prefix.as_deref().filter(|prefix| !prefix.is_empty()) {
        option("prefix", prefix);
    }
    if topic != DEFAULT_TOPIC {
        option("topic", topic);
    }
    command
}

fn shell_word(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-=+:@%".contains(c);
    if !text.is_empty() && text.chars().all(is_plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

/// Returns a notice if the topic holds records that the views leave out, with a way to select them.
///
/// # Errors
/// If the lake cannot be listed or read.
pub async fn unmapped_notice(lake: &Lake, topic: &str) -> anyhow::Result<Option<String>> {
    let unmapped = lake_query::unmapped(lake, topic).await?;
    Ok(unmapped.map(|unmapped| {
        format!(
            "the topic {topic} holds records without symbol or trade_date, which quotes_latest, daily and the saved \
             queries leave out; their fields are {}. To select them as quotes: tickerlake query {}",
            unmapped.columns.join(", "),
            shell_word(&unmapped.select())
        )
    }))
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
