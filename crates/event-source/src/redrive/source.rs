//! The place where documents are kept: a folder, or a prefix in S3. Lists them, reads them, and marks those whose
//! records have been taken.

use std::path::{Path, PathBuf};

use anyhow::Context;
use aws_sdk_s3::Client;
use aws_sdk_s3::error::DisplayErrorContext;
use aws_sdk_s3::primitives::ByteStream;

use super::super::on_failure::Place;

/// What the name of a document ends with once its records have been taken.
pub const MARK: &str = ".redriven";

/// The place, and what is needed to reach it.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    place: Place,
    client: Option<Client>,
}

impl Kept {
    /// The place; one in S3 needs a client.
    pub(super) fn open(place: Place, client: Option<Client>) -> Self {
        Kept { place, client }
    }

    /// The names of what is not marked: paths within the folder, or keys after the prefix. Hidden files are left
    /// out: a destination's half-written document is one.
    ///
    /// # Errors
    /// When there is no such place.
    pub(super) async fn list(&self) -> anyhow::Result<Vec<String>> {
        let mut names = match (&self.place, &self.client) {
            (Place::Folder(folder), _) => {
                let folder = folder.clone();
                tokio::task::spawn_blocking(move || files(&folder)).await??
            }
            (Place::S3 { bucket, prefix }, client) => {
                let client = client.as_ref().context("no client")?;
                let mut names = Vec::new();
                let mut pages = client.list_objects_v2().bucket(bucket).prefix(prefix).into_paginator().send();
                while let Some(page) = pages.next().await {
                    let page = page.map_err(|error| anyhow::anyhow!("{}", DisplayErrorContext(&error)));
                    let page = page.with_context(|| format!("failed to list s3://{bucket}/{prefix}"))?;
                    let keys = page.contents().iter().filter_map(|object| object.key()?.strip_prefix(&**prefix));
                    names.extend(keys.map(str::to_owned));
                }
                names
            }
        };
        names.retain(|name| is_unmarked(name));
        Ok(names)
    }

    /// A document's bytes.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(super) async fn read(&self, name: &str) -> anyhow::Result<Vec<u8>> {
        let unreadable = "cannot be read";
        match (&self.place, &self.client) {
            (Place::Folder(folder), _) => tokio::fs::read(folder.join(name)).await.context(unreadable),
            (Place::S3 { bucket, prefix }, client) => {
                let client = client.as_ref().context("no client")?;
                let got = client.get_object().bucket(bucket).key(format!("{prefix}{name}")).send().await;
                let got = got.map_err(|error| anyhow::anyhow!("{}", DisplayErrorContext(&error)));
                Ok(got.context(unreadable)?.body.collect().await.context(unreadable)?.to_vec())
            }
        }
    }

    /// Marks a document, whose bytes are given, so that it is not listed again. In S3 it is written under its new
    /// name before the old one is deleted: whatever comes between, its records are kept.
    ///
    /// # Errors
    /// When it cannot be marked; then it is listed again.
    pub(super) async fn mark(&self, name: &str, bytes: Vec<u8>) -> anyhow::Result<()> {
        match (&self.place, &self.client) {
            (Place::Folder(folder), _) => {
                tokio::fs::rename(folder.join(name), folder.join(format!("{name}{MARK}"))).await?;
            }
            (Place::S3 { bucket, prefix }, client) => {
                let client = client.as_ref().context("no client")?;
                let key = format!("{prefix}{name}");
                let put = client.put_object().bucket(bucket).key(format!("{key}{MARK}")).body(ByteStream::from(bytes));
                put.send().await.map_err(|error| anyhow::anyhow!("{}", DisplayErrorContext(&error)))?;
                let delete = client.delete_object().bucket(bucket).key(key);
                delete.send().await.map_err(|error| anyhow::anyhow!("{}", DisplayErrorContext(&error)))?;
            }
        }
        Ok(())
    }

    /// A document's whole name, for people.
    pub(super) fn full_name(&self, name: &str) -> String {
        match &self.place {
            Place::Folder(folder) => folder.join(name).display().to_string(),
            Place::S3 { bucket, prefix } => format!("s3://{bucket}/{prefix}{name}"),
        }
    }
}

/// Neither marked nor hidden, nor one of the empty objects that stand for folders.
fn is_unmarked(name: &str) -> bool {
    let last = name.rsplit('/').next().unwrap_or_default();
    !last.is_empty() && !last.starts_with('.') && !last.ends_with(MARK)
}

fn files(root: &Path) -> anyhow::Result<Vec<String>> {
    let (mut names, mut folders) = (Vec::new(), vec![PathBuf::new()]);
    while let Some(folder) = folders.pop() {
        let path = root.join(&folder);
        let unreadable = || format!("failed to read {}", path.display());
        for entry in std::fs::read_dir(&path).with_context(unreadable)? {
            let entry = entry.with_context(unreadable)?;
            let name = folder.join(entry.file_name());
            // A link to a folder is not followed: it might lead back.
            if entry.file_type().with_context(unreadable)?.is_dir() {
                folders.push(name);
            } else {
                // A name that is no UTF-8 is no destination's: it cannot be read, which is told.
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
    async fn a_folder_lists_what_is_not_marked_and_marks_it() {
        let folder = tempfile::tempdir().unwrap();
        let deep = folder.path().join("aws/lambda/g");
        std::fs::create_dir_all(&deep).unwrap();
        for name in ["b", "a", ".part", "c.redriven"] {
            std::fs::write(deep.join(name), name).unwrap();
        }
        std::fs::write(folder.path().join("top"), "top").unwrap();
        let kept = Kept::open(Place::Folder(folder.path().to_owned()), None);
        let listed = async || {
            let mut names = kept.list().await.unwrap();
            names.sort();
            names
        };
        assert_eq!(listed().await, ["aws/lambda/g/a", "aws/lambda/g/b", "top"]);
        assert_eq!(kept.read("aws/lambda/g/a").await.unwrap(), b"a");
        kept.mark("aws/lambda/g/a", b"a".to_vec()).await.unwrap();
        assert_eq!(listed().await, ["aws/lambda/g/b", "top"]);
        assert_eq!(std::fs::read_to_string(deep.join("a.redriven")).unwrap(), "a");
    }

    #[tokio::test]
    async fn a_missing_folder_is_named() {
        let kept = Kept::open(Place::Folder("/no/such/folder".into()), None);
        let error = kept.list().await.unwrap_err().to_string();
        assert!(error.contains("failed to read /no/such/folder"), "{error}");
    }
}
