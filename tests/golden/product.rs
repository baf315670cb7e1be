//! Everything that the golden tests use of the project, so that a version that renames or moves any of it needs to
//! change only this file.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use aws_sdk_s3::Client;
use embedded_s3::Storage;
use sink::{Config, Sink};
use tempfile::TempDir;
use tickerlake_tests::programs::program;
use tickerlake_tests::workspace;

use super::tree::Tree;

/// The name of the bucket, and of its folder, in which the commands look for the objects.
const BUCKET: &str = "tickerlake";

/// Returns the path of a file or folder of the workspace.
pub(super) fn in_workspace(path: &str) -> PathBuf {
    workspace().join(path)
}

/// A lake in a temporary folder behind the embedded S3.
pub(super) struct Lake {
    folder: TempDir,
    client: Client,
}

impl Lake {
    /// Creates a lake with these objects and ledgers.
    pub(super) fn new(objects: &Tree) -> Self {
        let folder = TempDir::new().unwrap();
        objects.write(&folder.path().join(BUCKET));
        let client = Storage::open(folder.path(), BUCKET).unwrap().client();
        Lake { folder, client }
    }

    /// Returns the folder of the bucket. The embedded S3 keeps its own files, such as checksums, beside it.
    pub(super) fn bucket(&self) -> PathBuf {
        self.folder.path().join(BUCKET)
    }

    /// Invokes the sink, with these variables for settings.
    pub(super) async fn deliver(&self, variables: &[(String, String)], event: &str) -> Result<(), String> {
        let config = Config::from_variables(|name| match name {
            "SINK_BUCKET" => Some(BUCKET.to_owned()),
            _ => variables.iter().rfind(|(other, _)| other == name).map(|(_, value)| value.clone()),
        });
        let sink = Sink::new(config.map_err(|error| error.to_string())?, self.client.clone());
        sink.handle(event).await.map(|_| ()).map_err(|error| error.to_string())
    }

    /// Returns an object's user metadata, sorted by name, as S3 returns it to a HEAD request.
    pub(super) async fn metadata(&self, key: &str) -> Vec<(String, String)> {
        let head = self.client.head_object().bucket(BUCKET).key(key).send().await.unwrap();
        let mut metadata: Vec<_> = head.metadata.unwrap_or_default().into_iter().collect();
        metadata.sort();
        metadata
    }

    /// Runs `tickerlake` on the lake, in an environment with only these variables.
    pub(super) fn tickerlake(&self, variables: &[(String, String)], arguments: &[&str]) -> Output {
        tickerlake(self.folder.path(), variables, arguments)
    }
}

fn tickerlake(folder: &Path, variables: &[(String, String)], arguments: &[&str]) -> Output {
    Command::new(program("tickerlake").unwrap())
        .args(arguments)
        .arg("--dir")
        .arg(folder)
        .current_dir(folder)
        .env_clear()
        .envs(variables.iter().map(|(name, value)| (name, value)))
        .output()
        .unwrap()
}
