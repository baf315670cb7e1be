//! Makes object writes atomic, as they are on S3.
//!
//! s3s-fs checks a write's condition first and writes afterwards, and it writes an object's bytes and its metadata
//! one after the other. Another write can come in between, a reader can see the bytes of one write with the `ETag`
//! of another, and a client that disconnects can leave an object in that state. [`Atomic`] therefore serves one
//! request at a time for each key, and completes a write that has begun even if the client has disconnected.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use s3s::dto::{
    AbortMultipartUploadInput, AbortMultipartUploadOutput, CompleteMultipartUploadInput, CompleteMultipartUploadOutput,
    CopyObjectInput, CopyObjectOutput, CreateBucketInput, CreateBucketOutput, CreateMultipartUploadInput,
    CreateMultipartUploadOutput, DeleteBucketInput, DeleteBucketOutput, DeleteObjectInput, DeleteObjectOutput,
    DeleteObjectsInput, DeleteObjectsOutput, GetBucketLocationInput, GetBucketLocationOutput, GetObjectInput,
    GetObjectOutput, HeadBucketInput, HeadBucketOutput, HeadObjectInput, HeadObjectOutput, ListBucketsInput,
    ListBucketsOutput, ListObjectsInput, ListObjectsOutput, ListObjectsV2Input, ListObjectsV2Output, ListPartsInput,
    ListPartsOutput, PutObjectInput, PutObjectOutput, UploadPartCopyInput, UploadPartCopyOutput, UploadPartInput,
    UploadPartOutput,
};
use s3s::{S3, S3Error, S3ErrorCode, S3Request, S3Response, S3Result};
use s3s_fs::FileSystem;
use tokio::sync::{Mutex, OwnedMutexGuard};

/// Number of locks. Requests for keys that share a lock wait for each other, which is harmless.
const LOCKS: usize = 64;

/// An S3 implementation that serves files as objects, one request at a time for each key.
#[derive(Debug)]
pub(super) struct Atomic {
    files: Arc<FileSystem>,
    locks: [Arc<Mutex<()>>; LOCKS],
    hash: RandomState,
}

impl Atomic {
    pub(super) fn new(files: FileSystem) -> Self {
        let locks = std::array::from_fn(|_| Arc::default());
        Atomic { files: Arc::new(files), locks, hash: RandomState::new() }
    }

    async fn lock(&self, bucket: &str, key: &str) -> OwnedMutexGuard<()> {
        let index = self.hash.hash_one((bucket, key)) % LOCKS as u64;
        Arc::clone(&self.locks[usize::try_from(index).unwrap_or(0)]).lock_owned().await
    }
}

/// Removes the checksums from a response. If a process died in the middle of a write, the stored checksums are those of
/// the previous write, and a client that verifies checksums could never read the object again.
fn without_checksums(mut response: S3Response<GetObjectOutput>) -> S3Response<GetObjectOutput> {
    let output = &mut response.output;
    output.checksum_crc32 = None;
    output.checksum_crc32c = None;
    output.checksum_crc64nvme = None;
    output.checksum_sha1 = None;
    output.checksum_sha256 = None;
    response
}

/// Delegates every operation to s3s-fs: operations on one object under the lock of its key, the others directly.
macro_rules! delegate {
    (
        locked { $($one:ident: $one_input:ty => $one_output:ty $(, $then:ident)?;)* }
        unlocked { $($other:ident: $input:ty => $output:ty,)* }
    ) => {
        #[async_trait::async_trait]
        impl S3 for Atomic {
            $(async fn $one(&self, request: S3Request<$one_input>) -> S3Result<S3Response<$one_output>> {
                let lock = self.lock(&request.input.bucket, &request.input.key).await;
                let files = Arc::clone(&self.files);
                let task = tokio::spawn(async move {
                    let _lock = lock;
                    files.$one(request).await$(.map($then))?
                });
                task.await.map_err(|error| S3Error::with_source(S3ErrorCode::InternalError, Box::new(error)))?
            })*

            $(async fn $other(&self, request: S3Request<$input>) -> S3Result<S3Response<$output>> {
                self.files.$other(request).await
            })*
        }
    };
}

delegate! {
    locked {
        get_object: GetObjectInput => GetObjectOutput, without_checksums;
        head_object: HeadObjectInput => HeadObjectOutput;
        put_object: PutObjectInput => PutObjectOutput;
        copy_object: CopyObjectInput => CopyObjectOutput;
        delete_object: DeleteObjectInput => DeleteObjectOutput;
        complete_multipart_upload: CompleteMultipartUploadInput => CompleteMultipartUploadOutput;
    }
    unlocked {
        create_bucket: CreateBucketInput => CreateBucketOutput,
        delete_bucket: DeleteBucketInput => DeleteBucketOutput,
        delete_objects: DeleteObjectsInput => DeleteObjectsOutput,
        get_bucket_location: GetBucketLocationInput => GetBucketLocationOutput,
        head_bucket: HeadBucketInput => HeadBucketOutput,
        list_buckets: ListBucketsInput => ListBucketsOutput,
        list_objects: ListObjectsInput => ListObjectsOutput,
        list_objects_v2: ListObjectsV2Input => ListObjectsV2Output,
        create_multipart_upload: CreateMultipartUploadInput => CreateMultipartUploadOutput,
        upload_part: UploadPartInput => UploadPartOutput,
        upload_part_copy: UploadPartCopyInput => UploadPartCopyOutput,
        list_parts: ListPartsInput => ListPartsOutput,
        abort_multipart_upload: AbortMultipartUploadInput => AbortMultipartUploadOutput,
    }
}
