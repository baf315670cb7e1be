//! Conditional writes that hold what they promise.
//!
//! s3s-fs looks at a write's condition and writes afterwards; in between another write can slip in. Here a key has one
//! writer at a time.

use std::hash::{BuildHasher, RandomState};

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
use s3s::{S3, S3Request, S3Response, S3Result};
use s3s_fs::FileSystem;
use tokio::sync::{Mutex, MutexGuard};

/// More than the requests that are under way at once; two keys that share a lock wait for each other in vain, no more.
const LOCKS: usize = 64;

/// Files as objects, with one writer a key.
#[derive(Debug)]
pub(super) struct Atomic {
    files: FileSystem,
    locks: [Mutex<()>; LOCKS],
    hash: RandomState,
}

impl Atomic {
    pub(super) fn new(files: FileSystem) -> Self {
        Atomic { files, locks: std::array::from_fn(|_| Mutex::new(())), hash: RandomState::new() }
    }

    async fn lock(&self, bucket: &str, key: &str) -> MutexGuard<'_, ()> {
        let place = self.hash.hash_one((bucket, key)) % LOCKS as u64;
        self.locks[usize::try_from(place).unwrap_or(0)].lock().await
    }
}

/// Hands everything on to the files: what writes one object while it holds the key's lock, the rest as it comes.
macro_rules! storage {
    (
        one_at_a_time { $($write:ident: $write_input:ty => $write_output:ty,)* }
        as_it_comes { $($other:ident: $input:ty => $output:ty,)* }
    ) => {
        #[async_trait::async_trait]
        impl S3 for Atomic {
            $(async fn $write(&self, request: S3Request<$write_input>) -> S3Result<S3Response<$write_output>> {
                let _lock = self.lock(&request.input.bucket, &request.input.key).await;
                self.files.$write(request).await
            })*

            $(async fn $other(&self, request: S3Request<$input>) -> S3Result<S3Response<$output>> {
                self.files.$other(request).await
            })*
        }
    };
}

storage! {
    one_at_a_time {
        put_object: PutObjectInput => PutObjectOutput,
        copy_object: CopyObjectInput => CopyObjectOutput,
        delete_object: DeleteObjectInput => DeleteObjectOutput,
        complete_multipart_upload: CompleteMultipartUploadInput => CompleteMultipartUploadOutput,
    }
    as_it_comes {
        create_bucket: CreateBucketInput => CreateBucketOutput,
        delete_bucket: DeleteBucketInput => DeleteBucketOutput,
        delete_objects: DeleteObjectsInput => DeleteObjectsOutput,
        get_bucket_location: GetBucketLocationInput => GetBucketLocationOutput,
        get_object: GetObjectInput => GetObjectOutput,
        head_bucket: HeadBucketInput => HeadBucketOutput,
        head_object: HeadObjectInput => HeadObjectOutput,
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
