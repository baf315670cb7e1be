//! Calls the functions of [`Objects`], which block.

use std::sync::Arc;

use s3s::{S3Error, S3ErrorCode, S3Result};

use crate::objects::Objects;

/// Runs a function that blocks. It runs to its end even if the client has disconnected.
pub(super) async fn blocking<T: Send + 'static>(
    objects: &Arc<Objects>,
    run: impl FnOnce(&Objects) -> S3Result<T> + Send + 'static,
) -> S3Result<T> {
    let objects = Arc::clone(objects);
    let task = tokio::task::spawn_blocking(move || run(&objects));
    task.await.map_err(|error| S3Error::with_message(S3ErrorCode::InternalError, error.to_string()))?
}
