//! The operations that write and delete objects.

use s3s::dto::{
    Checksum, DeleteObjectInput, DeleteObjectOutput, DeleteObjectsInput, DeleteObjectsOutput, DeletedObject, ETag,
    Error as DeleteObjectsError, PutObjectInput, PutObjectOutput,
};
use s3s::{S3Request, S3Result};

use super::Service;
use super::blocking::blocking;
use super::body::{Received, Stated, receive};
use super::conditions::condition;
use super::errors::write_error;
use super::fields::{headers, http_date, some, stated, written_output};
use crate::objects::{Condition, Headers, hex};

/// Writes an object.
pub(super) async fn put(service: &Service, request: S3Request<PutObjectInput>) -> S3Result<PutObjectOutput> {
    let mut input = request.input;
    service.check_bucket(&input.bucket)?;
    let condition = condition(input.if_match.take(), input.if_none_match.take())?;
    let received = receive(&service.objects, input.body.take(), stated!(input, request.trailing_headers)).await?;
    let checksum = received.checksum.clone();
    let e_tag = store(service, input.bucket, input.key, condition, received, headers!(input)).await?;
    Ok(written_output!(PutObjectOutput, e_tag, checksum))
}

pub(super) async fn delete(service: &Service, request: S3Request<DeleteObjectInput>) -> S3Result<DeleteObjectOutput> {
    let DeleteObjectInput { bucket, key, if_match, .. } = request.input;
    let condition = condition(if_match, None)?;
    blocking(&service.objects, move |objects| objects.delete(&bucket, &key, &condition).map_err(write_error)).await?;
    Ok(DeleteObjectOutput::default())
}

/// Deletes the named objects.
pub(super) async fn delete_all(
    service: &Service,
    request: S3Request<DeleteObjectsInput>,
) -> S3Result<DeleteObjectsOutput> {
    let DeleteObjectsInput { bucket, delete, .. } = request.input;
    service.check_bucket(&bucket)?;
    let is_quiet = delete.quiet.unwrap_or(false);
    let (deleted, errors) = blocking(&service.objects, move |objects| {
        let (mut deleted, mut errors) = (Vec::new(), Vec::new());
        for object in delete.objects {
            let key = object.key;
            match objects.delete(&bucket, &key, &Condition::None).map_err(write_error) {
                Ok(()) => deleted.push(DeletedObject { key: Some(key), ..Default::default() }),
                Err(error) => errors.push(DeleteObjectsError {
                    key: Some(key),
                    code: Some(error.code().as_str().to_owned()),
                    message: error.message().map(str::to_owned),
                    ..Default::default()
                }),
            }
        }
        Ok((deleted, errors))
    })
    .await?;
    Ok(DeleteObjectsOutput { deleted: some(deleted).filter(|_| !is_quiet), errors: some(errors), ..Default::default() })
}

/// Stores received bytes as an object and returns its `ETag`.
pub(super) async fn store(
    service: &Service,
    bucket: String,
    key: String,
    condition: Condition,
    received: Received,
    headers: Headers,
) -> S3Result<String> {
    let e_tag = hex(&received.md5);
    blocking(&service.objects, move |objects| {
        let written = objects.write(&bucket, &key, &condition, received.bytes, e_tag.clone(), headers);
        written.map(|_| e_tag).map_err(write_error)
    })
    .await
}
