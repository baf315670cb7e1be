//! The lake that a command works on: a folder behind the embedded S3, or an S3 bucket.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use aws_sdk_s3::Client;
use clap::Args;
use embedded_s3::{MAX_KEY_BYTES, Storage};
use lake_format::field_names::FieldNames;
use lake_format::keys::{self, Hour, LineRules};
use lake_format::ledger;
use lake_format::metadata::Metadata;
use lake_store::Lake;
use sink::Sink;
use sink::config::{Config, ConfigError};
use sink::storage::endpoint::{self, Connection};

use crate::console::lab::damage::restore_all;
use crate::generation::ledger_keys;
use crate::shell::shell_word;

/// Name of the embedded S3's bucket, and of the folder that contains its objects.
pub const FOLDER_BUCKET: &str = "tickerlake";

/// Arguments that select the lake.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Lake")]
pub struct LakeArgs {
    /// Folder of the lake; the objects are plain files below DIR/tickerlake/data
    #[arg(long, value_name = "DIR", default_value = "./lake")]
    pub dir: PathBuf,
    /// Use an S3 bucket instead of a folder; AWS's environment variables set the endpoint and the credentials
    #[arg(long, value_name = "NAME", conflicts_with = "dir")]
    pub bucket: Option<String>,
    /// Prefix of every object key
    #[arg(long, value_name = "PATH", env = "SINK_PREFIX", hide_env_values = true)]
    pub prefix: Option<String>,
}

/// A lake that this process may write to.
pub struct WritableLake {
    pub client: Client,
    pub bucket: String,
    /// The embedded S3, if the lake is a folder.
    pub storage: Option<Storage>,
    /// The connection to S3, if the lake is a bucket.
    connection: Option<Connection>,
    /// Lock on the folder.
    _lock: Option<File>,
}

impl LakeArgs {
    /// Returns the options that select the same lake, for a command line.
    pub(crate) fn options(&self) -> Vec<String> {
        let prefix = self.prefix.as_deref().filter(|prefix| !prefix.is_empty());
        let dir = (self.dir.as_os_str() != "./lake").then(|| self.dir.to_string_lossy());
        let location = match &self.bucket {
            Some(bucket) => Some(format!("--bucket {}", shell_word(bucket))),
            None => dir.map(|dir| format!("--dir {}", shell_word(&dir))),
        };
        location.into_iter().chain(prefix.map(|prefix| format!("--prefix {}", shell_word(prefix)))).collect()
    }

    /// Opens the lake for writing. A folder permits one writer at a time.
    ///
    /// # Errors
    /// If the folder cannot be created, or another process has locked it.
    pub async fn open_for_writing(&self) -> anyhow::Result<WritableLake> {
        if let Some(bucket) = &self.bucket {
            let connection = endpoint::connect().await?;
            return Ok(WritableLake {
                client: connection.client.clone(),
                bucket: bucket.clone(),
                storage: None,
                connection: Some(connection),
                _lock: None,
            });
        }
        std::fs::create_dir_all(&self.dir).with_context(|| format!("failed to create {}", self.dir.display()))?;
        // Lock first: opening the storage removes the incomplete files of a writer that died.
        let lock = lock(&self.dir)?;
        for object in restore_all(&self.dir).context("failed to restore an object that the lab had truncated")? {
            tracing::warn!(object = %object.display(), "restored an object that the lab had truncated");
        }
        let storage = Storage::open(&self.dir, FOLDER_BUCKET)?;
        Ok(WritableLake {
            client: storage.client(),
            bucket: FOLDER_BUCKET.to_owned(),
            storage: Some(storage),
            connection: None,
            _lock: Some(lock),
        })
    }

    /// Opens the lake for reading.
    ///
    /// # Errors
    /// If the folder does not exist, the prefix is invalid, or no client for the bucket can be built.
    pub async fn open_for_reading(&self) -> anyhow::Result<Lake> {
        let store = match &self.bucket {
            Some(bucket) => {
                let connection = endpoint::connect().await?;
                lake_store::bucket(bucket, &connection.sdk, connection.endpoint.as_deref())?
            }
            None => {
                let folder = self.dir.join(FOLDER_BUCKET);
                if !folder.is_dir() {
                    bail!(
                        "no lake exists in {}: create one with `tickerlake run`, or select another folder with --dir",
                        self.dir.display()
                    );
                }
                lake_store::folder(&folder)?
            }
        };
        let prefix = match self.prefix.as_deref().filter(|prefix| !prefix.is_empty()) {
            None => String::new(),
            Some(prefix) => keys::parse_prefix(prefix).with_context(|| {
                format!(
                    "--prefix {prefix}: expected a relative path without `.` or `..`, such as `lake` or `raw/quotes`"
                )
            })?,
        };
        Ok(Lake { store, prefix })
    }

    /// Returns the sink's settings for this lake.
    ///
    /// # Errors
    /// If a variable is invalid.
    pub fn sink_config(&self, bucket: &str) -> Result<Config, ConfigError> {
        sink_config(|name| match name {
            "SINK_BUCKET" => Some(bucket.to_owned()),
            "SINK_PREFIX" => self.prefix.clone(),
            _ => std::env::var(name).ok(),
        })
    }
}

/// Reads the sink's settings from variables, as the function does. Without `SINK_COLUMNS`, the columns are those that
/// `tickerlake query` declares.
///
/// # Errors
/// If a variable is missing or invalid.
pub fn sink_config(variable: impl Fn(&str) -> Option<String>) -> Result<Config, ConfigError> {
    Config::from_variables(|name| match variable(name).filter(|value| !value.is_empty()) {
        None if name == "SINK_COLUMNS" => Some(lake_query::columns::sink_columns()),
        value => value,
    })
}

fn lock(dir: &Path) -> anyhow::Result<File> {
    let path = dir.join(".lock");
    let file = File::create(&path).with_context(|| format!("failed to create {}", path.display()))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            bail!(
                "{} is in use by another `tickerlake` command, such as `run` or `up`: stop it, or select another folder with --dir",
                dir.display()
            )
        }
        Err(TryLockError::Error(error)) => Err(error).with_context(|| format!("failed to lock {}", path.display())),
    }
}

impl WritableLake {
    /// Creates a sink that writes to this lake.
    pub fn sink(&self, config: Config) -> Sink {
        match &self.connection {
            Some(connection) => Sink::connected(config, connection.clone()),
            // The embedded S3 honours conditional writes.
            None => Sink::new(config, self.client.clone()),
        }
    }

    /// Returns the sink's settings for a topic of this lake. `generation` has precedence over `SINK_TOPIC_GENERATION`.
    ///
    /// If `SINK_FIELD_NAMES` or `SINK_METADATA` is not set, its value is read from the ledgers of the generation.
    /// Without ledgers, the sink quarantines records with field names that differ only in case, or adds no metadata.
    ///
    /// # Errors
    /// If a variable is invalid, the lake cannot be listed, a view has the topic's name, or keys would be too long for
    /// the embedded S3.
    pub async fn sink_config(&self, args: &LakeArgs, topic: &str, generation: Option<u32>) -> anyhow::Result<Config> {
        let mut config = args.sink_config(&self.bucket)?;
        let lake = args.open_for_reading().await?;
        if let Some(generation) = generation {
            config.layout.generation = generation;
        }
        let is_set = |name| std::env::var(name).is_ok_and(|rule| !rule.trim().is_empty());
        let (is_rule_set, is_metadata_set) = (is_set("SINK_FIELD_NAMES"), is_set("SINK_METADATA"));
        if !(is_rule_set && is_metadata_set) {
            let stored = stored_rules(&lake, topic, config.layout.generation).await?;
            if !is_rule_set {
                config.layout.field_names = stored.map_or(FieldNames::IgnoreCase, |rules| rules.field_names);
            }
            if !is_metadata_set {
                config.layout.metadata = stored.map_or(Metadata::NONE, |rules| rules.metadata);
            }
        }
        if lake_query::view::list(&lake).await?.iter().any(|view| view.name == topic) {
            bail!(
                "the lake has a view {topic}, which would hide the topic: remove it with `tickerlake view {topic} --remove`, or select another topic with --topic"
            );
        }
        let layout = &config.layout;
        let longest = layout.object_key(&layout.directory(topic, &layout.quarantine(Hour::UNKNOWN)), 0, 0).len();
        if self.storage.is_some() && longest > MAX_KEY_BYTES {
            bail!(
                "keys of the topic {topic} would be {longest} bytes long, but the embedded S3 supports at most {MAX_KEY_BYTES} bytes: use a shorter topic or --prefix"
            );
        }
        Ok(config)
    }
}

/// Returns the rules for lines in the ledgers of a topic's generation, or `None` if no ledger can be read. The sink
/// rejects the batches of a partition whose ledger has different rules, or is damaged.
async fn stored_rules(lake: &Lake, topic: &str, generation: u32) -> anyhow::Result<Option<LineRules>> {
    for (_, key) in ledger_keys(lake, topic, generation).await? {
        if let Some(Ok(ledger)) = lake.get(&key).await?.map(|text| ledger::from_json(&text)) {
            return Ok(Some(keys::parse_ledger_layout(&ledger.layout).rules));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use lake_store::testing::Store;

    #[tokio::test]
    async fn ledgers_of_the_generation_decide_the_rules() {
        let store = Store::new();
        let ledger = |layout: &str| format!(r#"{{"next":1,"ahead":{{}},"gaps":[],"layout":"{layout}"}}"#);
        store.put("ledger/q/00000.json", "damaged").await;
        store.put("ledger/q/00001.json", &ledger("dt=*/*.json.gz")).await;
        store.put("ledger/q/g1-00000.json", &ledger("dt=*/*.json.gz field-names=ignore-case metadata=key")).await;
        let lake = store.lake("");
        let rules = async |topic, generation| stored_rules(&lake, topic, generation).await.unwrap();
        assert_eq!(rules("q", 0).await, Some(LineRules::default()));
        let metadata = Metadata { key: true, headers: false };
        assert_eq!(rules("q", 1).await, Some(LineRules { field_names: FieldNames::IgnoreCase, metadata }));
        assert_eq!((rules("q", 2).await, rules("other", 0).await), (None, None));
    }
}
