//! The on-failure destination, to which discarded batches are written.

use std::path::{Path, PathBuf};

use aws_sdk_s3::error::DisplayErrorContext;
use aws_sdk_s3::primitives::ByteStream;

use crate::location::OpenLocation;

/// An open destination for discarded batches.
#[derive(Clone, Debug)]
pub struct OnFailureDestination(OpenLocation);

/// Error returned when an on-failure destination cannot be opened or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DestinationError {
    /// The folder cannot be created.
    #[error("failed to create the --on-failure folder {}", path.display())]
    CreateFolder { path: PathBuf, source: std::io::Error },
    /// A file cannot be written.
    #[error("failed to write {}: {source}", path.display())]
    WriteFile { path: PathBuf, source: std::io::Error },
    /// An object cannot be written.
    #[error("failed to write s3://{bucket}/{key}: {}", DisplayErrorContext(&**source))]
    PutObject { bucket: String, key: String, source: Box<dyn std::error::Error + Send + Sync> },
}

impl OnFailureDestination {
    /// Opens a destination. A folder is created if it does not exist.
    ///
    /// # Errors
    /// [`DestinationError::CreateFolder`] if the folder cannot be created.
    pub fn open(location: OpenLocation) -> Result<Self, DestinationError> {
        if let OpenLocation::Folder(path) = &location
            && let Err(source) = std::fs::create_dir_all(path)
        {
            return Err(DestinationError::CreateFolder { path: path.clone(), source });
        }
        Ok(OnFailureDestination(location))
    }

    /// Writes a document. `key` is relative to the folder or the prefix.
    ///
    /// # Errors
    /// [`DestinationError`] if the document cannot be written.
    pub(crate) async fn write(&self, key: &str, document: &str) -> Result<(), DestinationError> {
        match &self.0 {
            OpenLocation::S3 { client, bucket, prefix } => {
                let key = format!("{prefix}{key}");
                let body = ByteStream::from(document.as_bytes().to_vec());
                let put = client.put_object().bucket(bucket).key(&key).body(body).send().await;
                put.map(drop).map_err(|source| DestinationError::PutObject {
                    bucket: bucket.clone(),
                    key,
                    source: source.into(),
                })
            }
            OpenLocation::Folder(folder) => {
                let path = folder.join(key);
                let written = write_file(&path, path.parent().unwrap_or(folder), document).await;
                written.map_err(|source| DestinationError::WriteFile { path, source })
            }
        }
    }
}

/// Writes a file so that it appears under its name only when it is complete.
async fn write_file(path: &Path, folder: &Path, text: &str) -> std::io::Result<()> {
    tokio::fs::create_dir_all(folder).await?;
    let part = folder.join(".part");
    tokio::fs::write(&part, text).await?;
    tokio::fs::rename(&part, path).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn folder_stores_a_document_under_its_key() {
        let folder = tempfile::tempdir().unwrap();
        let destination = OnFailureDestination::open(OpenLocation::Folder(folder.path().join("deep"))).unwrap();
        destination.write("aws/lambda/g/2025-11-25T00.00.00-6b5d", "{}").await.unwrap();
        let written = std::fs::read_to_string(folder.path().join("deep/aws/lambda/g/2025-11-25T00.00.00-6b5d"));
        assert_eq!(written.unwrap(), "{}");
    }
}
