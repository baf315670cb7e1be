//! Writes that hold what S3 promises.
//!
//! s3s-fs looks at a write's condition and writes afterwards, and it writes an object's bytes and what it knows of them
//! one after the other: another write can slip in between, a reader can see the bytes of one write with the `ETag` of another,
//! and a client that goes away can leave it so. Here a key is read or written by one request at a time, and a write that
//! has begun is finished whoever waits for it.

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

/// Two keys that share a lock wait for each other in vain, no more.
const LOCKS: usize = 64;

/// Files as objects, with one request a key.
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
        let place = self.hash.hash_one((bucket, key)) % LOCKS as u64;
        Arc::clone(&self.locks[usize::try_from(place).unwrap_or(0)]).lock_owned().await
    }
}

/// What s3s-fs knows of an object's bytes is that of the write before, if the process died in the midst of a write; a client
/// that compares would never read the object again.
fn without_checksums(mut answer: S3Response<GetObjectOutput>) -> S3Response<GetObjectOutput> {
    let output = &mut answer.output;
    output.checksum_crc32 = None;
    output.checksum_crc32c = None;
    output.checksum_crc64nvme = None;
    output.checksum_sha1 = None;
    output.checksum_sha256 = None;
    answer
}

/// Hands everything on to the files: what reads or writes one object in its turn, the rest as it comes.
macro_rules! storage {
    (
        in_turn { $($one:ident: $one_input:ty => $one_output:ty $(, $then:ident)?;)* }
        as_it_comes { $($other:ident: $input:ty => $output:ty,)* }
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

storage! {
    in_turn {
        get_object: GetObjectInput => GetObjectOutput, without_checksums;
        head_object: HeadObjectInput => HeadObjectOutput;
        put_object: PutObjectInput => PutObjectOutput;
        copy_object: CopyObjectInput => CopyObjectOutput;
        delete_object: DeleteObjectInput => DeleteObjectOutput;
        complete_multipart_upload: CompleteMultipartUploadInput => CompleteMultipartUploadOutput;
    }
    as_it_comes {
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
