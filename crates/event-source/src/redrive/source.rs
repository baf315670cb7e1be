//! Lists and reads the files of a redrive, and renames those whose event the function has processed.

use std::error::Error;
use std::io;
use std::path::{Path, PathBuf};

use aws_sdk_s3::error::DisplayErrorContext;
use aws_sdk_s3::primitives::ByteStream;

use crate::location::OpenLocation;

/// Extension that is appended to a file's name once the function has processed its event.
pub const REDRIVEN: &str = ".redriven";

/// Error returned when the files of a redrive cannot be listed, read or renamed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SourceError {
    /// A folder cannot be listed.
    #[error("failed to list {}: {source}", folder.display())]
    Folder { folder: PathBuf, source: io::Error },
    /// A prefix cannot be listed.
    #[error("failed to list {location}: {}", DisplayErrorContext(&**source))]
    Prefix {
        /// URL of the prefix, in the form `s3://bucket/prefix`.
        location: String,
        source: S3Error,
    },
    /// A file cannot be read.
    #[error("failed to read the file: {0}")]
    ReadFile(#[source] io::Error),
    /// An object cannot be read.
    #[error("failed to read the object: {}", DisplayErrorContext(&**.0))]
    GetObject(#[source] S3Error),
    /// A file cannot be renamed.
    #[error("failed to rename the file: {0}")]
    RenameFile(#[source] io::Error),
    /// An object cannot be renamed.
    #[error("failed to rename the object: {}", DisplayErrorContext(&**.0))]
    RenameObject(#[source] S3Error),
    /// The task that lists a folder panicked.
    #[error("failed to list the files")]
    Task(#[from] tokio::task::JoinError),
}

type S3Error = Box<dyn Error + Send + Sync>;

/// The files in a folder, or the objects below a prefix.
#[derive(Clone, Debug)]
pub(super) struct Source(OpenLocation);

impl Source {
    pub(super) fn new(location: OpenLocation) -> Self {
        Source(location)
    }

    /// Lists the files that have not been redriven, as paths relative to the folder or keys without the prefix. Skips
    /// hidden files, because incomplete documents are hidden.
    pub(super) async fn list(&self) -> Result<Vec<String>, SourceError> {
        let mut names = match &self.0 {
            OpenLocation::Folder(folder) => {
                let folder = folder.clone();
                tokio::task::spawn_blocking(move || list_files(&folder)).await??
            }
            OpenLocation::S3 { client, bucket, prefix } => {
                let mut names = Vec::new();
                let mut pages = client.list_objects_v2().bucket(bucket).prefix(prefix).into_paginator().send();
                while let Some(page) = pages.next().await {
                    let failed = |source: S3Error| SourceError::Prefix { location: self.0.to_string(), source };
                    let page = page.map_err(|error| failed(error.into()))?;
                    let keys = page.contents().iter().filter_map(|object| object.key()?.strip_prefix(&**prefix));
                    names.extend(keys.map(str::to_owned));
                }
                names
            }
        };
        names.retain(|name| is_pending(name));
        Ok(names)
    }

    pub(super) async fn read(&self, name: &str) -> Result<Vec<u8>, SourceError> {
        match &self.0 {
            OpenLocation::Folder(folder) => tokio::fs::read(folder.join(name)).await.map_err(SourceError::ReadFile),
            OpenLocation::S3 { client, bucket, prefix } => {
                let got = client.get_object().bucket(bucket).key(format!("{prefix}{name}")).send().await;
                let body = got.map_err(|error| SourceError::GetObject(error.into()))?.body.collect().await;
                Ok(body.map_err(|error| SourceError::GetObject(error.into()))?.to_vec())
            }
        }
    }

    /// Renames a file that contains `bytes`, so that it is not listed again. In S3, the new object is written before
    /// the old one is deleted, so the event is never lost.
    pub(super) async fn rename(&self, name: &str, bytes: Vec<u8>) -> Result<(), SourceError> {
        match &self.0 {
            OpenLocation::Folder(folder) => {
                let renamed = tokio::fs::rename(folder.join(name), folder.join(format!("{name}{REDRIVEN}"))).await;
                renamed.map_err(SourceError::RenameFile)
            }
            OpenLocation::S3 { client, bucket, prefix } => {
                let key = format!("{prefix}{name}");
                let new = format!("{key}{REDRIVEN}");
                let put = client.put_object().bucket(bucket).key(new).body(ByteStream::from(bytes));
                put.send().await.map_err(|error| SourceError::RenameObject(error.into()))?;
                let delete = client.delete_object().bucket(bucket).key(key);
                delete.send().await.map_err(|error| SourceError::RenameObject(error.into()))?;
                Ok(())
            }
        }
    }

    /// Returns a file's path or URL.
    pub(super) fn full_name(&self, name: &str) -> String {
        match &self.0 {
            OpenLocation::Folder(folder) => folder.join(name).display().to_string(),
            OpenLocation::S3 { bucket, prefix, .. } => format!("s3://{bucket}/{prefix}{name}"),
        }
    }
}

/// Returns `false` for files that are redriven or hidden, and for the empty objects that mark folders.
fn is_pending(name: &str) -> bool {
    let last = name.rsplit('/').next().unwrap_or_default();
    !last.is_empty() && !last.starts_with('.') && !last.ends_with(REDRIVEN)
}

fn list_files(root: &Path) -> Result<Vec<String>, SourceError> {
    let (mut names, mut folders) = (Vec::new(), vec![PathBuf::new()]);
    while let Some(folder) = folders.pop() {
        let path = root.join(&folder);
        let failed = |source| SourceError::Folder { folder: path.clone(), source };
        for entry in std::fs::read_dir(&path).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let name = folder.join(entry.file_name());
            // A symbolic link to a folder is not followed, because it could form a cycle.
            if entry.file_type().map_err(failed)?.is_dir() {
                folders.push(name);
            } else {
                // No destination writes a file name that is not UTF-8. Reading such a file fails, and the redrive
                // reports it.
                names.push(name.to_string_lossy().into_owned());
            }
        }
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn renamed_files_are_not_listed_again() {
        let folder = tempfile::tempdir().unwrap();
        let deep = folder.path().join("aws/lambda/g");
        std::fs::create_dir_all(&deep).unwrap();
        for name in ["b", "a", ".part", "c.redriven"] {
            std::fs::write(deep.join(name), name).unwrap();
        }
        std::fs::write(folder.path().join("top"), "top").unwrap();
        let source = Source::new(OpenLocation::Folder(folder.path().to_owned()));
        let list = async || {
            let mut names = source.list().await.unwrap();
            names.sort();
            names
        };
        assert_eq!(list().await, ["aws/lambda/g/a", "aws/lambda/g/b", "top"]);
        assert_eq!(source.read("aws/lambda/g/a").await.unwrap(), b"a");
        source.rename("aws/lambda/g/a", b"a".to_vec()).await.unwrap();
        assert_eq!(list().await, ["aws/lambda/g/b", "top"]);
        assert_eq!(std::fs::read_to_string(deep.join("a.redriven")).unwrap(), "a");
    }

    #[tokio::test]
    async fn missing_folder_is_named() {
        let source = Source::new(OpenLocation::Folder("/no/such/folder".into()));
        let error = source.list().await.unwrap_err().to_string();
        assert!(error.contains("failed to list /no/such/folder"), "{error}");
    }
}
