//! The on-failure destination: a folder, or a prefix in S3.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use anyhow::Context;
use aws_sdk_s3::Client;
use aws_sdk_s3::error::DisplayErrorContext;
use aws_sdk_s3::primitives::ByteStream;

/// Where records go that are given up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A folder of this machine.
    Folder(PathBuf),
    /// `s3://bucket/prefix`
    S3 {
        /// The bucket.
        bucket: String,
        /// What keys begin with; empty, or ending in a slash.
        prefix: String,
    },
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Folder(folder) => folder.display().fmt(f),
            Place::S3 { bucket, prefix } => write!(f, "s3://{bucket}/{prefix}"),
        }
    }
}

impl FromStr for Place {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let Some(rest) = text.strip_prefix("s3://") else {
            return match text.contains("://") || text.starts_with("arn:") || text.is_empty() {
                true => Err("a folder, or s3://BUCKET[/PREFIX]".to_owned()),
                false => Ok(Place::Folder(text.into())),
            };
        };
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let prefix = prefix.trim_matches('/');
        match bucket {
            "" => Err("s3:// is followed by the bucket's name".to_owned()),
            bucket => Ok(Place::S3 {
                bucket: bucket.to_owned(),
                prefix: if prefix.is_empty() { String::new() } else { format!("{prefix}/") },
            }),
        }
    }
}

/// A place, and what is needed to write there.
#[derive(Clone, Debug)]
pub struct Destination {
    place: Place,
    client: Option<Client>,
}

impl Destination {
    /// Makes a folder; a place in S3 needs a client.
    ///
    /// # Errors
    /// When the folder cannot be made.
    pub fn open(place: Place, client: Option<Client>) -> anyhow::Result<Self> {
        if let Place::Folder(folder) = &place {
            std::fs::create_dir_all(folder)
                .with_context(|| format!("--on-failure {} cannot be made", folder.display()))?;
        }
        Ok(Destination { place, client })
    }

    /// Keeps a record.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn keep(&self, key: &str, record: &str) -> anyhow::Result<()> {
        match (&self.place, &self.client) {
            (Place::S3 { bucket, prefix }, Some(client)) => {
                let body = ByteStream::from(record.as_bytes().to_vec());
                let put = client.put_object().bucket(bucket).key(format!("{prefix}{key}")).body(body).send().await;
                let put = put.map_err(|error| anyhow::anyhow!("{}", DisplayErrorContext(&error)));
                put.map(drop).with_context(|| format!("--on-failure: s3://{bucket}/{prefix}{key}"))
            }
            (Place::Folder(folder), _) => {
                let path = folder.join(key);
                let parent = path.parent().unwrap_or(folder);
                let unwritable = || format!("--on-failure: {} cannot be written", path.display());
                tokio::fs::create_dir_all(parent).await.with_context(unwritable)?;
                // Under its name only when it is whole.
                let part = parent.join(".part");
                tokio::fs::write(&part, record).await.with_context(unwritable)?;
                tokio::fs::rename(&part, &path).await.with_context(unwritable)
            }
            (Place::S3 { bucket, .. }, None) => anyhow::bail!("no client for s3://{bucket}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_a_folder_or_a_prefix_in_s3() {
        assert_eq!("./lost".parse(), Ok(Place::Folder("./lost".into())));
        let s3 = |bucket: &str, prefix: &str| Ok(Place::S3 { bucket: bucket.into(), prefix: prefix.into() });
        assert_eq!("s3://b".parse(), s3("b", ""));
        assert_eq!("s3://b/a/c/".parse(), s3("b", "a/c/"));
        for wrong in ["", "s3://", "s3:///x", "arn:aws:sqs:us-east-1:1:q", "kafka://t"] {
            assert!(wrong.parse::<Place>().is_err(), "{wrong}");
        }
    }

    #[tokio::test]
    async fn a_folder_keeps_a_record_under_its_key() {
        let folder = tempfile::tempdir().unwrap();
        let destination = Destination::open(Place::Folder(folder.path().join("deep")), None).unwrap();
        destination.keep("aws/lambda/g/2025-11-25T00.00.00-6b5d", "{}").await.unwrap();
        let kept = std::fs::read_to_string(folder.path().join("deep/aws/lambda/g/2025-11-25T00.00.00-6b5d"));
        assert_eq!(kept.unwrap(), "{}");
    }
}
