//! The operations on buckets.

use s3s::dto::{
    Bucket, CreateBucketInput, CreateBucketOutput, DeleteBucketInput, DeleteBucketOutput, GetBucketLocationInput,
    GetBucketLocationOutput, GetBucketVersioningInput, GetBucketVersioningOutput, HeadBucketInput, HeadBucketOutput,
    ListBucketsInput, ListBucketsOutput,
};
use s3s::{S3ErrorCode, S3Request, S3Result};

use super::Service;
use super::blocking::blocking;
use super::errors::{error, failed};
use crate::REGION;

pub(super) async fn list(service: &Service, _: S3Request<ListBucketsInput>) -> S3Result<ListBucketsOutput> {
    let buckets =
        blocking(&service.objects, |objects| objects.buckets().map_err(|source| failed("list the buckets", &source)));
    let buckets = buckets.await?.into_iter().map(|(name, created)| Bucket {
        name: Some(name),
        creation_date: Some(created.into()),
        ..Bucket::default()
    });
    Ok(ListBucketsOutput { buckets: Some(buckets.collect()), ..Default::default() })
}

pub(super) async fn create(service: &Service, request: S3Request<CreateBucketInput>) -> S3Result<CreateBucketOutput> {
    let bucket = request.input.bucket;
    let location = format!("/{bucket}");
    let created = blocking(&service.objects, move |objects| {
        objects.create_bucket(&bucket).map_err(|source| failed("create the bucket", &source))
    });
    if !created.await? {
        return Err(error(S3ErrorCode::BucketAlreadyOwnedByYou));
    }
    Ok(CreateBucketOutput { location: Some(location) })
}

/// Deletes a bucket without objects.
pub(super) async fn delete(service: &Service, request: S3Request<DeleteBucketInput>) -> S3Result<DeleteBucketOutput> {
    let bucket = request.input.bucket;
    service.check_bucket(&bucket)?;
    let deleted = blocking(&service.objects, move |objects| {
        objects.delete_bucket(&bucket).map_err(|source| failed("delete the bucket", &source))
    });
    if !deleted.await? {
        return Err(error(S3ErrorCode::BucketNotEmpty));
    }
    Ok(DeleteBucketOutput {})
}

/// Returns the region of a bucket.
pub(super) async fn head(service: &Service, request: S3Request<HeadBucketInput>) -> S3Result<HeadBucketOutput> {
    service.check_bucket(&request.input.bucket)?;
    Ok(HeadBucketOutput { bucket_region: Some(REGION.to_owned()), ..Default::default() })
}

/// Returns the region of a bucket as a location constraint, for older clients.
pub(super) async fn location(
    service: &Service,
    request: S3Request<GetBucketLocationInput>,
) -> S3Result<GetBucketLocationOutput> {
    service.check_bucket(&request.input.bucket)?;
    // The region us-east-1 has no location constraint.
    Ok(GetBucketLocationOutput::default())
}

/// Returns the state of versioning: never enabled.
pub(super) async fn versioning(
    service: &Service,
    request: S3Request<GetBucketVersioningInput>,
) -> S3Result<GetBucketVersioningOutput> {
    service.check_bucket(&request.input.bucket)?;
    // Without a status: versioning was never enabled.
    Ok(GetBucketVersioningOutput::default())
}
