//! The operations of S3 over the objects of the folder.

use std::io::{Seek, SeekFrom};
use std::sync::Arc;
use std::time::SystemTime;

use s3s::crypto::{Checksum as _, Md5};
use s3s::dto::{
    AbortMultipartUploadInput, AbortMultipartUploadOutput, Bucket, Checksum, CommonPrefix,
    CompleteMultipartUploadInput, CompleteMultipartUploadOutput, CopyObjectInput, CopyObjectOutput, CopyObjectResult,
    CopyPartResult, CopySource, CreateBucketInput, CreateBucketOutput, CreateMultipartUploadInput,
    CreateMultipartUploadOutput, DeleteBucketInput, DeleteBucketOutput, DeleteObjectInput, DeleteObjectOutput,
    DeleteObjectsInput, DeleteObjectsOutput, DeletedObject, ETag, EncodingType, Error as DeleteObjectsError,
    GetBucketLocationInput, GetBucketLocationOutput, GetBucketVersioningInput, GetBucketVersioningOutput,
    GetObjectInput, GetObjectOutput, HeadBucketInput, HeadBucketOutput, HeadObjectInput, HeadObjectOutput,
    ListBucketsInput, ListBucketsOutput, ListMultipartUploadsInput, ListMultipartUploadsOutput, ListObjectsInput,
    ListObjectsOutput, ListObjectsV2Input, ListObjectsV2Output, ListPartsInput, ListPartsOutput, MetadataDirective,
    MultipartUpload, Object, ObjectStorageClass, Part as ListedPart, PutObjectInput, PutObjectOutput, Range, Timestamp,
    TimestampFormat, UploadPartCopyInput, UploadPartCopyOutput, UploadPartInput, UploadPartOutput,
};
use s3s::{S3, S3Error, S3ErrorCode, S3Request, S3Response, S3Result};

use super::blocking::blocking;
use super::body::{Received, Stated, receive, send};
use super::conditions::{check_read, condition};
use super::errors::{error, failed};
use super::fields::{check_source, headers, http_date, length, metadata, object_output, stated, written_output};
use super::key_text::{encoded, parse_token, token};
use super::listing::{self, Entry, Query};
use super::multipart::{Part, Upload, Uploads};
use super::objects::{Condition, Found, Headers, Objects, WriteError, hex};

/// Maximum number of entries of a page, as on AWS.
const MAX_KEYS: i32 = 1000;
/// Minimum size in bytes of every part of an upload except the last, as on AWS.
const MIN_PART: u64 = 5 << 20;
/// Highest number of a part, as on AWS.
const MAX_PART_NUMBER: i32 = 10_000;

/// Answers the requests of S3 clients.
#[derive(Debug)]
pub(super) struct Service {
    objects: Arc<Objects>,
    uploads: Arc<Uploads>,
}

impl Service {
    pub(super) fn new(objects: Objects) -> Self {
        Service { objects: Arc::new(objects), uploads: Arc::default() }
    }

    /// Opens an object.
    async fn open(&self, bucket: String, key: String) -> S3Result<Found> {
        blocking(&self.objects, move |objects| {
            match objects.read(&bucket, &key).map_err(|source| failed("read the object", &source))? {
                Some(found) => Ok(found),
                None if objects.has_bucket(&bucket) => Err(error(S3ErrorCode::NoSuchKey)),
                None => Err(error(S3ErrorCode::NoSuchBucket)),
            }
        })
        .await
    }

    /// Fails if a bucket does not exist.
    fn check_bucket(&self, bucket: &str) -> S3Result<()> {
        if self.objects.has_bucket(bucket) { Ok(()) } else { Err(error(S3ErrorCode::NoSuchBucket)) }
    }

    fn upload(&self, bucket: &str, key: &str, id: &str) -> S3Result<Upload> {
        self.uploads.get(bucket, key, id).ok_or_else(|| error(S3ErrorCode::NoSuchUpload))
    }

    /// Returns the entries of a listing, and the last entry if more exist.
    async fn list(&self, listing: Listing) -> S3Result<Listed> {
        blocking(&self.objects, move |objects| {
            let Listing { bucket, prefix, delimiter, after, max_keys, encode } = listing;
            let limit = usize::try_from(max_keys).map_err(|_| error(S3ErrorCode::InvalidArgument))?;
            if !objects.has_bucket(&bucket) {
                return Err(error(S3ErrorCode::NoSuchBucket));
            }
            let failed = |source| failed("list the bucket", &source);
            let query = Query { prefix: &prefix, delimiter: delimiter.as_deref(), after: after.as_deref(), limit };
            let further = objects.unusual_keys(&bucket, &prefix);
            let page = listing::list(&objects.bucket_folder(&bucket), further, query).map_err(failed)?;
            let last = page.entries.last().filter(|_| page.is_truncated).map(|entry| entry.name().to_owned());
            let text = |key: String| if encode { encoded(&key) } else { key };
            let mut listed = Listed { last, ..Listed::default() };
            for entry in page.entries {
                match entry {
                    Entry::CommonPrefix(prefix) => {
                        listed.common_prefixes.push(CommonPrefix { prefix: Some(text(prefix)) });
                    }
                    Entry::Key(key) => {
                        // Another request may have deleted the object.
                        let Some(found) = objects.read(&bucket, &key).map_err(failed)? else { continue };
                        listed.objects.push(Object {
                            key: Some(text(key)),
                            e_tag: Some(ETag::Strong(found.e_tag)),
                            size: Some(length(found.size)),
                            last_modified: Some(found.modified.into()),
                            storage_class: Some(ObjectStorageClass::from_static(ObjectStorageClass::STANDARD)),
                            ..Object::default()
                        });
                    }
                }
            }
            Ok(listed)
        })
        .await
    }

    /// Makes received bytes an object.
    async fn store(
        &self,
        bucket: String,
        key: String,
        condition: Condition,
        received: Received,
        headers: Headers,
    ) -> S3Result<String> {
        let e_tag = hex(&received.md5);
        blocking(&self.objects, move |objects| {
            let written = objects.write(&bucket, &key, &condition, received.bytes, e_tag.clone(), headers);
            written.map(|_| e_tag).map_err(write_error)
        })
        .await
    }

    /// Copies a range of an object to a temporary file.
    async fn copy_bytes(&self, source: Found, start: u64, length: u64) -> S3Result<Received> {
        let mut file = source.file;
        file.seek(SeekFrom::Start(start)).map_err(|source| failed("read the object", &source))?;
        let body = send(file, length).await.map_err(|source| failed("read the object", &source))?;
        receive(&self.objects, Some(body), Stated::default()).await
    }

    /// Opens the source of a copy.
    async fn copy_source(&self, source: CopySource) -> S3Result<Found> {
        match source {
            CopySource::Bucket { bucket, key, .. } => self.open(bucket.into(), key.into()).await,
            _ => Err(error(S3ErrorCode::NotImplemented)),
        }
    }
}

/// A listing to return.
struct Listing {
    bucket: String,
    prefix: String,
    delimiter: Option<String>,
    after: Option<String>,
    max_keys: i32,
    /// Encode the keys as in URLs, so that XML can contain every key.
    encode: bool,
}

/// The entries of a page.
#[derive(Default)]
struct Listed {
    objects: Vec<Object>,
    common_prefixes: Vec<CommonPrefix>,
    /// The last entry, if more entries follow.
    last: Option<String>,
}

fn write_error(error: WriteError) -> S3Error {
    match error {
        WriteError::NoSuchBucket => self::error(S3ErrorCode::NoSuchBucket),
        WriteError::NoSuchKey => self::error(S3ErrorCode::NoSuchKey),
        WriteError::PreconditionFailed => self::error(S3ErrorCode::PreconditionFailed),
        WriteError::Io(source) => failed("store the object", &source),
    }
}

fn not_empty(delimiter: Option<String>) -> Option<String> {
    delimiter.filter(|delimiter| !delimiter.is_empty())
}

/// Returns the parts of a list that are not empty, as the output expects them.
fn some<T>(list: Vec<T>) -> Option<Vec<T>> {
    (!list.is_empty()).then_some(list)
}

/// Returns the start and the length of a range, and the header `Content-Range`.
fn part_of(range: Option<Range>, size: u64) -> S3Result<(u64, u64, Option<String>)> {
    let Some(range) = range else { return Ok((0, size, None)) };
    let range = range.check(size).map_err(|_| error(S3ErrorCode::InvalidRange))?;
    let text = format!("bytes {}-{}/{size}", range.start, range.end.saturating_sub(1));
    Ok((range.start, range.end - range.start, Some(text)))
}

#[async_trait::async_trait]
impl S3 for Service {
    async fn list_buckets(&self, _: S3Request<ListBucketsInput>) -> S3Result<S3Response<ListBucketsOutput>> {
        let buckets =
            blocking(&self.objects, |objects| objects.buckets().map_err(|source| failed("list the buckets", &source)));
        let buckets = buckets.await?.into_iter().map(|(name, created)| Bucket {
            name: Some(name),
            creation_date: Some(created.into()),
            ..Bucket::default()
        });
        Ok(S3Response::new(ListBucketsOutput { buckets: Some(buckets.collect()), ..Default::default() }))
    }

    async fn create_bucket(&self, request: S3Request<CreateBucketInput>) -> S3Result<S3Response<CreateBucketOutput>> {
        let bucket = request.input.bucket;
        let location = format!("/{bucket}");
        let created = blocking(&self.objects, move |objects| {
            objects.create_bucket(&bucket).map_err(|source| failed("create the bucket", &source))
        });
        if !created.await? {
            return Err(error(S3ErrorCode::BucketAlreadyOwnedByYou));
        }
        Ok(S3Response::new(CreateBucketOutput { location: Some(location) }))
    }

    async fn delete_bucket(&self, request: S3Request<DeleteBucketInput>) -> S3Result<S3Response<DeleteBucketOutput>> {
        let bucket = request.input.bucket;
        let listing = Listing {
            bucket: bucket.clone(),
            prefix: String::new(),
            delimiter: None,
            after: None,
            max_keys: 1,
            encode: false,
        };
        if !self.list(listing).await?.objects.is_empty() {
            return Err(error(S3ErrorCode::BucketNotEmpty));
        }
        blocking(&self.objects, move |objects| {
            objects.delete_bucket(&bucket).map_err(|source| failed("delete the bucket", &source))
        })
        .await?;
        Ok(S3Response::new(DeleteBucketOutput {}))
    }

    async fn head_bucket(&self, request: S3Request<HeadBucketInput>) -> S3Result<S3Response<HeadBucketOutput>> {
        self.check_bucket(&request.input.bucket)?;
        Ok(S3Response::new(HeadBucketOutput { bucket_region: Some(super::REGION.to_owned()), ..Default::default() }))
    }

    async fn get_bucket_location(
        &self,
        request: S3Request<GetBucketLocationInput>,
    ) -> S3Result<S3Response<GetBucketLocationOutput>> {
        self.check_bucket(&request.input.bucket)?;
        // The region us-east-1 has no location constraint.
        Ok(S3Response::new(GetBucketLocationOutput::default()))
    }

    async fn get_bucket_versioning(
        &self,
        request: S3Request<GetBucketVersioningInput>,
    ) -> S3Result<S3Response<GetBucketVersioningOutput>> {
        self.check_bucket(&request.input.bucket)?;
        // Without a status: versioning was never enabled.
        Ok(S3Response::new(GetBucketVersioningOutput::default()))
    }

    async fn list_objects(&self, request: S3Request<ListObjectsInput>) -> S3Result<S3Response<ListObjectsOutput>> {
        let input = request.input;
        let max_keys = input.max_keys.unwrap_or(MAX_KEYS).min(MAX_KEYS);
        let encode = is_url(input.encoding_type.as_ref());
        let listed = self
            .list(Listing {
                bucket: input.bucket.clone(),
                prefix: input.prefix.clone().unwrap_or_default(),
                delimiter: not_empty(input.delimiter.clone()),
                after: input.marker.clone().filter(|marker| !marker.is_empty()),
                max_keys,
                encode,
            })
            .await?;
        let text = |text: String| if encode { encoded(&text) } else { text };
        Ok(S3Response::new(ListObjectsOutput {
            name: Some(input.bucket),
            prefix: Some(text(input.prefix.unwrap_or_default())),
            delimiter: not_empty(input.delimiter).map(text),
            marker: Some(text(input.marker.unwrap_or_default())),
            max_keys: Some(max_keys),
            is_truncated: Some(listed.last.is_some()),
            next_marker: listed.last.map(text),
            contents: some(listed.objects),
            common_prefixes: some(listed.common_prefixes),
            encoding_type: input.encoding_type,
            ..Default::default()
        }))
    }

    async fn list_objects_v2(
        &self,
        request: S3Request<ListObjectsV2Input>,
    ) -> S3Result<S3Response<ListObjectsV2Output>> {
        let input = request.input;
        let max_keys = input.max_keys.unwrap_or(MAX_KEYS).min(MAX_KEYS);
        let encode = is_url(input.encoding_type.as_ref());
        let after = match &input.continuation_token {
            Some(token) => Some(parse_token(token)?),
            None => input.start_after.clone().filter(|after| !after.is_empty()),
        };
        let listed = self
            .list(Listing {
                bucket: input.bucket.clone(),
                prefix: input.prefix.clone().unwrap_or_default(),
                delimiter: not_empty(input.delimiter.clone()),
                after,
                max_keys,
                encode,
            })
            .await?;
        let text = |text: String| if encode { encoded(&text) } else { text };
        let count = listed.objects.len() + listed.common_prefixes.len();
        Ok(S3Response::new(ListObjectsV2Output {
            name: Some(input.bucket),
            prefix: Some(text(input.prefix.unwrap_or_default())),
            delimiter: not_empty(input.delimiter).map(text),
            start_after: input.start_after.map(text),
            max_keys: Some(max_keys),
            key_count: i32::try_from(count).ok(),
            is_truncated: Some(listed.last.is_some()),
            continuation_token: input.continuation_token,
            next_continuation_token: listed.last.as_deref().map(token),
            contents: some(listed.objects),
            common_prefixes: some(listed.common_prefixes),
            encoding_type: input.encoding_type,
            ..Default::default()
        }))
    }

    async fn head_object(&self, request: S3Request<HeadObjectInput>) -> S3Result<S3Response<HeadObjectOutput>> {
        let input = request.input;
        let found = self.open(input.bucket, input.key).await?;
        let tags = (input.if_match.as_ref(), input.if_none_match.as_ref());
        check_read(&found, tags, (input.if_modified_since.as_ref(), input.if_unmodified_since.as_ref()), true)?;
        let (_, length_sent, range) = part_of(input.range, found.size)?;
        Ok(S3Response::new(object_output!(HeadObjectOutput, found, length_sent, range,)))
    }

    async fn get_object(&self, request: S3Request<GetObjectInput>) -> S3Result<S3Response<GetObjectOutput>> {
        let input = request.input;
        let mut found = self.open(input.bucket, input.key).await?;
        let tags = (input.if_match.as_ref(), input.if_none_match.as_ref());
        check_read(&found, tags, (input.if_modified_since.as_ref(), input.if_unmodified_since.as_ref()), true)?;
        let (start, length_sent, range) = part_of(input.range, found.size)?;
        let read_failed = |source| failed("read the object", &source);
        found.file.seek(SeekFrom::Start(start)).map_err(read_failed)?;
        let Found { file, modified, e_tag, headers, .. } = found;
        let body = send(file, length_sent).await.map_err(read_failed)?;
        let found = Described { modified, e_tag, headers };
        Ok(S3Response::new(object_output!(GetObjectOutput, found, length_sent, range, body: Some(body))))
    }

    async fn put_object(&self, request: S3Request<PutObjectInput>) -> S3Result<S3Response<PutObjectOutput>> {
        let mut input = request.input;
        self.check_bucket(&input.bucket)?;
        let condition = condition(input.if_match.take(), input.if_none_match.take())?;
        let received = receive(&self.objects, input.body.take(), stated!(input, request.trailing_headers)).await?;
        let checksum = received.checksum.clone();
        let e_tag = self.store(input.bucket, input.key, condition, received, headers!(input)).await?;
        Ok(S3Response::new(written_output!(PutObjectOutput, e_tag, checksum)))
    }

    async fn copy_object(&self, request: S3Request<CopyObjectInput>) -> S3Result<S3Response<CopyObjectOutput>> {
        let mut input = request.input;
        self.check_bucket(&input.bucket)?;
        let mut source = self.copy_source(input.copy_source).await?;
        check_source!(&source, input)?;
        let replace = input.metadata_directive.as_ref().is_some_and(|how| how.as_str() == MetadataDirective::REPLACE);
        let headers = if replace { headers!(input) } else { std::mem::take(&mut source.headers) };
        let size = source.size;
        let received = self.copy_bytes(source, 0, size).await?;
        let e_tag = self.store(input.bucket, input.key, Condition::None, received, headers).await?;
        let copied = CopyObjectResult {
            e_tag: Some(ETag::Strong(e_tag)),
            last_modified: Some(SystemTime::now().into()),
            ..Default::default()
        };
        Ok(S3Response::new(CopyObjectOutput { copy_object_result: Some(copied), ..Default::default() }))
    }

    async fn delete_object(&self, request: S3Request<DeleteObjectInput>) -> S3Result<S3Response<DeleteObjectOutput>> {
        let DeleteObjectInput { bucket, key, if_match, .. } = request.input;
        let condition = condition(if_match, None)?;
        blocking(&self.objects, move |objects| objects.delete(&bucket, &key, &condition).map_err(write_error)).await?;
        Ok(S3Response::new(DeleteObjectOutput::default()))
    }

    async fn delete_objects(
        &self,
        request: S3Request<DeleteObjectsInput>,
    ) -> S3Result<S3Response<DeleteObjectsOutput>> {
        let DeleteObjectsInput { bucket, delete, .. } = request.input;
        self.check_bucket(&bucket)?;
        let is_quiet = delete.quiet.unwrap_or(false);
        let (deleted, errors) = blocking(&self.objects, move |objects| {
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
        Ok(S3Response::new(DeleteObjectsOutput {
            deleted: some(deleted).filter(|_| !is_quiet),
            errors: some(errors),
            ..Default::default()
        }))
    }

    async fn create_multipart_upload(
        &self,
        request: S3Request<CreateMultipartUploadInput>,
    ) -> S3Result<S3Response<CreateMultipartUploadOutput>> {
        let mut input = request.input;
        self.check_bucket(&input.bucket)?;
        let id = self.uploads.begin(input.bucket.clone(), input.key.clone(), headers!(input));
        Ok(S3Response::new(CreateMultipartUploadOutput {
            bucket: Some(input.bucket),
            key: Some(input.key),
            upload_id: Some(id),
            checksum_algorithm: input.checksum_algorithm,
            checksum_type: input.checksum_type,
            ..Default::default()
        }))
    }

    async fn upload_part(&self, request: S3Request<UploadPartInput>) -> S3Result<S3Response<UploadPartOutput>> {
        let mut input = request.input;
        self.upload(&input.bucket, &input.key, &input.upload_id)?;
        check_part_number(input.part_number)?;
        let received = receive(&self.objects, input.body.take(), stated!(input, request.trailing_headers)).await?;
        let checksum = received.checksum.clone();
        let (e_tag, _) = self.add_part(&input.upload_id, input.part_number, received)?;
        Ok(S3Response::new(written_output!(UploadPartOutput, e_tag, checksum)))
    }

    async fn upload_part_copy(
        &self,
        request: S3Request<UploadPartCopyInput>,
    ) -> S3Result<S3Response<UploadPartCopyOutput>> {
        let input = request.input;
        self.upload(&input.bucket, &input.key, &input.upload_id)?;
        check_part_number(input.part_number)?;
        let source = self.copy_source(input.copy_source).await?;
        check_source!(&source, input)?;
        let range = input.copy_source_range.as_deref().map(Range::parse).transpose();
        let range = range.map_err(|_| error(S3ErrorCode::InvalidArgument))?;
        let (start, length, _) = part_of(range, source.size)?;
        let received = self.copy_bytes(source, start, length).await?;
        let (e_tag, time) = self.add_part(&input.upload_id, input.part_number, received)?;
        let copied =
            CopyPartResult { e_tag: Some(ETag::Strong(e_tag)), last_modified: Some(time.into()), ..Default::default() };
        Ok(S3Response::new(UploadPartCopyOutput { copy_part_result: Some(copied), ..Default::default() }))
    }

    async fn list_parts(&self, request: S3Request<ListPartsInput>) -> S3Result<S3Response<ListPartsOutput>> {
        let input = request.input;
        let upload = self.upload(&input.bucket, &input.key, &input.upload_id)?;
        let max_parts = input.max_parts.unwrap_or(MAX_KEYS).clamp(1, MAX_KEYS);
        let marker = input.part_number_marker.as_ref().and_then(|marker| marker.to_string().parse().ok()).unwrap_or(0);
        let mut after = upload.parts.range(marker + 1..);
        let page: Vec<_> = after.by_ref().take(usize::try_from(max_parts).unwrap_or(1)).collect();
        let parts = page.iter().map(|&(&number, part)| ListedPart {
            part_number: Some(number),
            e_tag: Some(ETag::Strong(hex(&part.md5))),
            size: Some(length(part.size)),
            last_modified: Some(part.received.into()),
            ..Default::default()
        });
        let is_truncated = after.next().is_some();
        Ok(S3Response::new(ListPartsOutput {
            parts: Some(parts.collect()),
            bucket: Some(input.bucket),
            key: Some(input.key),
            upload_id: Some(input.upload_id),
            max_parts: Some(max_parts),
            is_truncated: Some(is_truncated),
            part_number_marker: input.part_number_marker,
            next_part_number_marker: page.last().filter(|_| is_truncated).map(|&(&number, _)| number),
            ..Default::default()
        }))
    }

    async fn list_multipart_uploads(
        &self,
        request: S3Request<ListMultipartUploadsInput>,
    ) -> S3Result<S3Response<ListMultipartUploadsOutput>> {
        let input = request.input;
        self.check_bucket(&input.bucket)?;
        let encode = is_url(input.encoding_type.as_ref());
        let prefix = input.prefix.clone().unwrap_or_default();
        let uploads = self.uploads.of_bucket(&input.bucket).into_iter();
        let uploads =
            uploads.filter(|(_, upload)| upload.key.starts_with(&prefix)).map(|(id, upload)| MultipartUpload {
                key: Some(if encode { encoded(&upload.key) } else { upload.key }),
                upload_id: Some(id),
                initiated: Some(upload.begun.into()),
                ..Default::default()
            });
        Ok(S3Response::new(ListMultipartUploadsOutput {
            uploads: some(uploads.collect()),
            bucket: Some(input.bucket),
            prefix: input.prefix,
            max_uploads: Some(MAX_KEYS),
            is_truncated: Some(false),
            encoding_type: input.encoding_type,
            ..Default::default()
        }))
    }

    async fn complete_multipart_upload(
        &self,
        request: S3Request<CompleteMultipartUploadInput>,
    ) -> S3Result<S3Response<CompleteMultipartUploadOutput>> {
        let CompleteMultipartUploadInput { bucket, key, upload_id, multipart_upload, if_match, if_none_match, .. } =
            request.input;
        let upload = self.upload(&bucket, &key, &upload_id)?;
        let condition = condition(if_match, if_none_match)?;
        let named = multipart_upload.and_then(|upload| upload.parts).unwrap_or_default();
        if named.is_empty() {
            return Err(error(S3ErrorCode::MalformedXML));
        }
        let mut parts = Vec::new();
        let mut previous = 0;
        for part in &named {
            let number = part.part_number.unwrap_or(0);
            if number <= previous {
                return Err(error(S3ErrorCode::InvalidPartOrder));
            }
            previous = number;
            let stored = upload.parts.get(&number).filter(|stored| {
                part.e_tag.as_ref().is_none_or(|e_tag| e_tag.value().trim_matches('"') == hex(&stored.md5))
            });
            parts.push(stored.cloned().ok_or_else(|| error(S3ErrorCode::InvalidPart))?);
        }
        if parts.iter().rev().skip(1).any(|part| part.size < MIN_PART) {
            return Err(error(S3ErrorCode::EntityTooSmall));
        }
        let hashes: Vec<u8> = parts.iter().flat_map(|part| part.md5).collect();
        let e_tag = format!("{}-{}", hex(&Md5::checksum(&hashes)), parts.len());
        let (output, headers) = ((bucket.clone(), key.clone(), e_tag.clone()), upload.headers);
        blocking(&self.objects, move |objects| {
            let failed = |source| failed("store the object", &source);
            let mut whole = objects.temporary().map_err(failed)?;
            for part in parts {
                let mut bytes = std::fs::File::open(&part.bytes.path).map_err(failed)?;
                std::io::copy(&mut bytes, &mut whole.file).map_err(failed)?;
            }
            objects.write(&bucket, &key, &condition, whole, e_tag, headers).map_err(write_error)
        })
        .await?;
        self.uploads.end(&upload_id);
        let (bucket, key, e_tag) = output;
        Ok(S3Response::new(CompleteMultipartUploadOutput {
            location: Some(format!("/{bucket}/{key}")),
            bucket: Some(bucket),
            key: Some(key),
            e_tag: Some(ETag::Strong(e_tag)),
            ..Default::default()
        }))
    }

    async fn abort_multipart_upload(
        &self,
        request: S3Request<AbortMultipartUploadInput>,
    ) -> S3Result<S3Response<AbortMultipartUploadOutput>> {
        let AbortMultipartUploadInput { bucket, key, upload_id, .. } = request.input;
        self.upload(&bucket, &key, &upload_id)?;
        self.uploads.end(&upload_id);
        Ok(S3Response::new(AbortMultipartUploadOutput::default()))
    }
}

/// An object whose file is being sent.
struct Described {
    modified: SystemTime,
    e_tag: String,
    headers: Headers,
}

impl Service {
    fn add_part(&self, id: &str, number: i32, received: Received) -> S3Result<(String, SystemTime)> {
        let Received { bytes, size, md5, .. } = received;
        let part = Part { bytes: Arc::new(bytes), size, md5, received: SystemTime::now() };
        let (e_tag, time) = (hex(&md5), part.received);
        if self.uploads.add(id, number, part) { Ok((e_tag, time)) } else { Err(error(S3ErrorCode::NoSuchUpload)) }
    }
}

fn check_part_number(number: i32) -> S3Result<()> {
    if (1..=MAX_PART_NUMBER).contains(&number) {
        return Ok(());
    }
    let text = "Part number must be an integer between 1 and 10000, inclusive";
    Err(S3Error::with_message(S3ErrorCode::InvalidArgument, text))
}

fn is_url(encoding: Option<&EncodingType>) -> bool {
    encoding.is_some_and(|encoding| encoding.as_str() == EncodingType::URL)
}
