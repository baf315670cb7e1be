//! Location of discarded batches: a folder or an S3 prefix.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use aws_sdk_s3::Client;

/// A folder or an S3 prefix to which discarded batches are written, or from which they are read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Location {
    /// A folder on this machine.
    Folder(PathBuf),
    /// `s3://bucket/prefix`
    S3 {
        bucket: String,
        /// Prefix of each key: empty, or ending with a slash.
        prefix: String,
    },
}

/// Error returned when a string cannot be parsed as a [`Location`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LocationError {
    /// The string is empty, an ARN, or a URL whose scheme is not `s3`.
    #[error("expected a folder or s3://BUCKET[/PREFIX]")]
    Other,
    /// The bucket name is empty.
    #[error("expected a bucket name after s3://")]
    NoBucket,
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Location::Folder(folder) => folder.display().fmt(f),
            Location::S3 { bucket, prefix } => write!(f, "s3://{bucket}/{prefix}"),
        }
    }
}

impl FromStr for Location {
    type Err = LocationError;

    fn from_str(text: &str) -> Result<Self, LocationError> {
        let Some(rest) = text.strip_prefix("s3://") else {
            return match text.contains("://") || text.starts_with("arn:") || text.is_empty() {
                true => Err(LocationError::Other),
                false => Ok(Location::Folder(text.into())),
            };
        };
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let prefix = prefix.trim_matches('/');
        match bucket {
            "" => Err(LocationError::NoBucket),
            bucket => Ok(Location::S3 {
                bucket: bucket.to_owned(),
                prefix: if prefix.is_empty() { String::new() } else { format!("{prefix}/") },
            }),
        }
    }
}

/// A [`Location`], with a client if it is in S3.
#[derive(Clone, Debug)]
pub enum OpenLocation {
    /// A folder on this machine.
    Folder(PathBuf),
    /// `s3://bucket/prefix`
    S3 {
        client: Client,
        bucket: String,
        /// Prefix of each key: empty, or ending with a slash.
        prefix: String,
    },
}

impl fmt::Display for OpenLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OpenLocation::Folder(folder) => folder.display().fmt(f),
            OpenLocation::S3 { bucket, prefix, .. } => write!(f, "s3://{bucket}/{prefix}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn location_is_a_folder_or_a_prefix_in_s3() {
        assert_eq!("./lost".parse(), Ok(Location::Folder("./lost".into())));
        let s3 = |bucket: &str, prefix: &str| Ok(Location::S3 { bucket: bucket.into(), prefix: prefix.into() });
        assert_eq!("s3://b".parse(), s3("b", ""));
        assert_eq!("s3://b/a/c/".parse(), s3("b", "a/c/"));
        for wrong in ["", "s3://", "s3:///x", "arn:aws:sqs:us-east-1:1:q", "kafka://t"] {
            assert!(wrong.parse::<Location>().is_err(), "{wrong}");
        }
    }
}
