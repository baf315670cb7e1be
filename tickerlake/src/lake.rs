//! The lake that a command works on: a folder behind the embedded S3, or an S3 bucket.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use aws_sdk_s3::Client;
use clap::Args;
use embedded::s3::{MAX_KEY_BYTES, Storage};
use lake_format::keys::{self, Hour};
use lake_store::{Area, Lake};
use sink::config::{Config, ConfigError};

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
    /// Lock on the folder.
    _lock: Option<File>,
}

impl LakeArgs {
    /// Opens the lake for writing. A folder permits one writer at a time.
    ///
    /// # Errors
    /// If the folder cannot be created, or another process has locked it.
    pub async fn open_for_writing(&self) -> anyhow::Result<WritableLake> {
        if let Some(bucket) = &self.bucket {
            let client = sink::storage::s3_adapter::client().await;
            return Ok(WritableLake { client, bucket: bucket.clone(), storage: None, _lock: None });
        }
        std::fs::create_dir_all(&self.dir).with_context(|| format!("failed to create {}", self.dir.display()))?;
        // Lock first: opening the storage removes the incomplete files of a writer that died.
        let lock = lock(&self.dir)?;
        let storage = Storage::open(&self.dir, FOLDER_BUCKET)?;
        Ok(WritableLake {
            client: storage.client(),
            bucket: FOLDER_BUCKET.to_owned(),
            storage: Some(storage),
            _lock: Some(lock),
        })
    }

    /// Opens the lake for reading.
    ///
    /// # Errors
    /// If the folder does not exist, the prefix is invalid, or no client for the bucket can be built.
    pub async fn open_for_reading(&self) -> anyhow::Result<Lake> {
        let store = match &self.bucket {
            Some(bucket) => lake_store::bucket(bucket, &sink::storage::s3_adapter::sdk_config().await)?,
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
                "{} is in use by another `tickerlake run` or `up`: stop it, or select another folder with --dir",
                dir.display()
            )
        }
        Err(TryLockError::Error(error)) => Err(error).with_context(|| format!("failed to lock {}", path.display())),
    }
}

impl WritableLake {
    /// Returns the sink's settings for a topic of this lake. The embedded broker recreates every topic when it starts,
    /// so each start over the same lake is a new generation.
    ///
    /// # Errors
    /// If a variable is invalid, the lake cannot be listed, or keys would be too long for the embedded S3.
    pub async fn sink_config(&self, args: &LakeArgs, topic: &str, embedded_broker: bool) -> anyhow::Result<Config> {
        let mut config = args.sink_config(&self.bucket)?;
        if embedded_broker {
            config.layout.generation = next_generation(&args.open_for_reading().await?, topic).await?;
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

/// Returns the generation for a recreated topic: one more than the highest in the lake, or 0 if the lake has no object
/// of the topic.
async fn next_generation(lake: &Lake, topic: &str) -> anyhow::Result<u32> {
    let mut next = 0;
    for area in Area::BOTH {
        let visit = |key: &str, _| {
            if let Some((generation, ..)) = key.rsplit('/').next().and_then(keys::parse_name) {
                next = next.max(generation.saturating_add(1));
            }
        };
        lake.for_each_object(&format!("{}/{topic}", area.folder()), visit).await?;
    }
    Ok(next)
}
