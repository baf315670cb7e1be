//! Copies objects, and provides the steps that are shared with copying a part of an upload.

use std::io::{Seek, SeekFrom};
use std::time::SystemTime;

use s3s::dto::{CopyObjectInput, CopyObjectOutput, CopyObjectResult, CopySource, ETag, MetadataDirective};
use s3s::{S3ErrorCode, S3Request, S3Result};

use super::Service;
use super::body::{Received, Stated, receive, send};
use super::conditions::check_read;
use super::errors::{error, failed};
use super::fields::{check_source, headers, http_date};
use super::reads::open;
use super::writes::store;
use crate::objects::{Condition, Found, Headers};

pub(super) async fn copy(service: &Service, request: S3Request<CopyObjectInput>) -> S3Result<CopyObjectOutput> {
    let mut input = request.input;
    service.check_bucket(&input.bucket)?;
    let mut source = open_source(service, input.copy_source).await?;
    check_source!(&source, input)?;
    let replace = input.metadata_directive.as_ref().is_some_and(|how| how.as_str() == MetadataDirective::REPLACE);
    let headers = if replace { headers!(input) } else { std::mem::take(&mut source.headers) };
    let size = source.size;
    let received = receive_range(service, source, 0, size).await?;
    let e_tag = store(service, input.bucket, input.key, Condition::None, received, headers).await?;
    let copied = CopyObjectResult {
        e_tag: Some(ETag::Strong(e_tag)),
        last_modified: Some(SystemTime::now().into()),
        ..Default::default()
    };
    Ok(CopyObjectOutput { copy_object_result: Some(copied), ..Default::default() })
}

/// Copies a range of an object to a temporary file.
pub(super) async fn receive_range(service: &Service, source: Found, start: u64, length: u64) -> S3Result<Received> {
    let mut file = source.file;
    file.seek(SeekFrom::Start(start)).map_err(|source| failed("read the object", &source))?;
    let body = send(file, length).await.map_err(|source| failed("read the object", &source))?;
    receive(&service.objects, Some(body), Stated::default()).await
}

/// Opens the source of a copy.
pub(super) async fn open_source(service: &Service, source: CopySource) -> S3Result<Found> {
    match source {
        CopySource::Bucket { bucket, key, .. } => open(service, bucket.into(), key.into()).await,
        _ => Err(error(S3ErrorCode::NotImplemented)),
    }
}
