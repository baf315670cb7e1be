//! The operations that read an object.

use std::io::{Seek, SeekFrom};
use std::time::SystemTime;

use s3s::dto::{ETag, GetObjectInput, GetObjectOutput, HeadObjectInput, HeadObjectOutput, Timestamp, TimestampFormat};
use s3s::{S3ErrorCode, S3Request, S3Result};

use super::Service;
use super::blocking::blocking;
use super::body::send;
use super::conditions::check_read;
use super::errors::{error, failed};
use super::fields::{length, metadata, object_output, part_of};
use crate::objects::{Found, Headers};

/// Returns the headers of an object.
pub(super) async fn head(service: &Service, request: S3Request<HeadObjectInput>) -> S3Result<HeadObjectOutput> {
    let input = request.input;
    let found = open(service, input.bucket, input.key).await?;
    let tags = (input.if_match.as_ref(), input.if_none_match.as_ref());
    check_read(&found, tags, (input.if_modified_since.as_ref(), input.if_unmodified_since.as_ref()), true)?;
    let (_, length_sent, range) = part_of(input.range, found.size)?;
    Ok(object_output!(HeadObjectOutput, found, length_sent, range,))
}

/// Returns an object or a range of it.
pub(super) async fn get(service: &Service, request: S3Request<GetObjectInput>) -> S3Result<GetObjectOutput> {
    let input = request.input;
    let mut found = open(service, input.bucket, input.key).await?;
    let tags = (input.if_match.as_ref(), input.if_none_match.as_ref());
    check_read(&found, tags, (input.if_modified_since.as_ref(), input.if_unmodified_since.as_ref()), true)?;
    let (start, length_sent, range) = part_of(input.range, found.size)?;
    let read_failed = |source| failed("read the object", &source);
    found.file.seek(SeekFrom::Start(start)).map_err(read_failed)?;
    let Found { file, modified, e_tag, headers, .. } = found;
    let body = send(file, length_sent).await.map_err(read_failed)?;
    let found = Described { modified, e_tag, headers };
    Ok(object_output!(GetObjectOutput, found, length_sent, range, body: Some(body)))
}

/// Opens an object.
pub(super) async fn open(service: &Service, bucket: String, key: String) -> S3Result<Found> {
    blocking(&service.objects, move |objects| {
        match objects.read(&bucket, &key).map_err(|source| failed("read the object", &source))? {
            Some(found) => Ok(found),
            None if objects.has_bucket(&bucket) => Err(error(S3ErrorCode::NoSuchKey)),
            None => Err(error(S3ErrorCode::NoSuchBucket)),
        }
    })
    .await
}

/// The attributes of an object whose file is being sent.
struct Described {
    modified: SystemTime,
    e_tag: String,
    headers: Headers,
}
