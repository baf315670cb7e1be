//! The lake that a command works on: a folder behind the embedded S3, or a bucket of a real one.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use aws_sdk_s3::Client;
use clap::Args;
use lake_format::keys::{self, Hour};
use sink::config::{Config, ConfigError};

use embedded::s3::{MAX_KEY_BYTES, Storage};

/// The bucket of the embedded S3: a folder of this name holds the objects.
pub const FOLDER_BUCKET: &str = "tickerlake";

/// Which lake.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Lake")]
pub struct LakeArgs {
    /// The folder of the lake; its objects are plain files below DIR/tickerlake/data
    #[arg(long, value_name = "DIR", default_value = "./lake")]
    pub dir: PathBuf,
    /// A bucket of a real S3 instead of a folder; AWS's own variables say where and who
    #[arg(long, value_name = "NAME", conflicts_with = "dir")]
    pub bucket: Option<String>,
    /// What every object key begins with
    #[arg(long, value_name = "PATH", env = "SINK_PREFIX", hide_env_values = true)]
    pub prefix: Option<String>,
}

/// A lake that this process writes to.
pub struct Lake {
    /// The client that objects are written with.
    pub client: Client,
    /// The bucket they are written to.
    pub bucket: String,
    /// The embedded S3, where it is one.
    pub storage: Option<Storage>,
    /// Held as long as this process uses the folder.
    _lock: Option<File>,
}

impl LakeArgs {
    /// Opens the lake for writing. Of a folder there is one writer at a time.
    ///
    /// # Errors
    /// When the folder cannot be used.
    pub async fn open(&self) -> anyhow::Result<Lake> {
        if let Some(bucket) = &self.bucket {
            let client = sink::storage::s3_adapter::client().await;
            return Ok(Lake { client, bucket: bucket.clone(), storage: None, _lock: None });
        }
        std::fs::create_dir_all(&self.dir).with_context(|| format!("{} cannot be made", self.dir.display()))?;
        // The lock first: opening the storage clears away what a writer that died has left half written.
        let lock = lock(&self.dir)?;
        let storage = Storage::open(&self.dir, FOLDER_BUCKET)?;
        Ok(Lake {
            client: storage.client(),
            bucket: FOLDER_BUCKET.to_owned(),
            storage: Some(storage),
            _lock: Some(lock),
        })
    }

    /// The lake as the SQL engine sees it.
    ///
    /// # Errors
    /// When there is no such folder, or no way to the bucket.
    pub async fn tables(&self) -> anyhow::Result<lake_store::Lake> {
        let store = match &self.bucket {
            Some(bucket) => lake_store::bucket(bucket, &sink::storage::s3_adapter::sdk_config().await)?,
            None => {
                let folder = self.dir.join(FOLDER_BUCKET);
                if !folder.is_dir() {
                    bail!(
                        "there is no lake in {}: fill one with `tickerlake run`, or name another with --dir",
                        self.dir.display()
                    );
                }
                lake_store::folder(&folder)?
            }
        };
        let prefix = match self.prefix.as_deref().filter(|prefix| !prefix.is_empty()) {
            None => String::new(),
            Some(prefix) => keys::parse_prefix(prefix).with_context(|| format!("--prefix {prefix}: not a path"))?,
        };
        Ok(lake_store::Lake { store, prefix })
    }

    /// The sink's settings for this lake.
    ///
    /// # Errors
    /// When a variable cannot be used.
    pub fn sink_config(&self, bucket: &str) -> Result<Config, ConfigError> {
        sink_config(|name| match name {
            "SINK_BUCKET" => Some(bucket.to_owned()),
            "SINK_PREFIX" => self.prefix.clone(),
            _ => std::env::var(name).ok(),
        })
    }
}

/// The sink's settings as the function reads them; where no columns are named, those of the table that
/// `tickerlake query` reads through.
///
/// # Errors
/// When a variable cannot be used.
pub fn sink_config(variable: impl Fn(&str) -> Option<String>) -> Result<Config, ConfigError> {
    Config::from_variables(|name| match variable(name).filter(|value| !value.is_empty()) {
        None if name == "SINK_COLUMNS" => Some(lake_query::columns::sink_columns()),
        value => value,
    })
}

fn lock(dir: &Path) -> anyhow::Result<File> {
    let path = dir.join(".lock");
    let file = File::create(&path).with_context(|| format!("{} cannot be written", path.display()))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            bail!(
                "{} is in use by another `tickerlake run` or `up`: stop it, or name another folder with --dir",
                dir.display()
            )
        }
        Err(TryLockError::Error(error)) => Err(error).with_context(|| format!("{} cannot be locked", path.display())),
    }
}

impl Lake {
    /// The generation for a topic that begins anew: one more than the greatest that the lake holds
    /// objects of, 0 where it holds none.
    ///
    /// # Errors
    /// When the lake cannot be listed.
    pub async fn next_generation(&self, prefix: &str, topic: &str) -> anyhow::Result<u32> {
        let mut next = 0;
        for kind in [keys::DATA, keys::QUARANTINE] {
            let folder = format!("{prefix}{kind}/{topic}/");
            let mut pages = self.client.list_objects_v2().bucket(&self.bucket).prefix(&folder).into_paginator().send();
            while let Some(page) = pages.next().await {
                let page = page.with_context(|| format!("s3://{}/{folder} cannot be listed", self.bucket))?;
                let names = page.contents().iter().filter_map(|object| object.key()?.rsplit('/').next());
                for (generation, ..) in names.filter_map(keys::parse_name) {
                    next = next.max(generation.saturating_add(1));
                }
            }
        }
        Ok(next)
    }

    /// The sink's settings for a topic of this lake. The embedded broker begins every topic anew, so each of
    /// its starts over the same lake is the next generation.
    ///
    /// # Errors
    /// When a variable is wrong or the lake cannot be listed.
    pub async fn sink_config(&self, args: &LakeArgs, topic: &str, embedded_broker: bool) -> anyhow::Result<Config> {
        let mut config = args.sink_config(&self.bucket)?;
        if embedded_broker {
            config.layout.generation = self.next_generation(&config.layout.prefix, topic).await?;
        }
        let layout = &config.layout;
        let longest = layout.key(topic, 0, &layout.quarantine(Hour::UNKNOWN), 0).len();
        if self.storage.is_some() && longest > MAX_KEY_BYTES {
            bail!(
                "keys of topic {topic} would have {longest} bytes, and the embedded S3 takes {MAX_KEY_BYTES}: give the topic or the prefix a shorter name"
            );
        }
        Ok(config)
    }
}
