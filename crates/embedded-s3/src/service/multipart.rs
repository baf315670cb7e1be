//! The operations of multipart uploads.

use std::sync::Arc;
use std::time::SystemTime;

use s3s::crypto::{Checksum as _, Md5};
use s3s::dto::{
    AbortMultipartUploadInput, AbortMultipartUploadOutput, Checksum, CompleteMultipartUploadInput,
    CompleteMultipartUploadOutput, CopyPartResult, CreateMultipartUploadInput, CreateMultipartUploadOutput, ETag,
    ListMultipartUploadsInput, ListMultipartUploadsOutput, ListPartsInput, ListPartsOutput, MultipartUpload,
    Part as ListedPart, Range, UploadPartCopyInput, UploadPartCopyOutput, UploadPartInput, UploadPartOutput,
};
use s3s::{S3Error, S3ErrorCode, S3Request, S3Result};

use super::Service;
use super::blocking::blocking;
use super::body::{Received, Stated, receive};
use super::conditions::{check_read, condition};
use super::copies;
use super::errors::{error, failed, write_error};
use super::fields::{
    MAX_KEYS, check_source, headers, http_date, is_url, length, part_of, some, stated, written_output,
};
use super::key_text::encoded;
use super::uploads::{Part, Upload};
use crate::objects::{Headers, hex};

/// Minimum size in bytes of every part of an upload except the last, as on AWS. An upload with a smaller part cannot be
/// completed.
const MIN_PART: u64 = 5 << 20;
/// Highest number of a part, as on AWS. Parts with higher numbers are rejected.
const MAX_PART_NUMBER: i32 = 10_000;

pub(super) async fn begin(
    service: &Service,
    request: S3Request<CreateMultipartUploadInput>,
) -> S3Result<CreateMultipartUploadOutput> {
    let mut input = request.input;
    service.check_bucket(&input.bucket)?;
    let id = service.uploads.begin(input.bucket.clone(), input.key.clone(), headers!(input));
    Ok(CreateMultipartUploadOutput {
        bucket: Some(input.bucket),
        key: Some(input.key),
        upload_id: Some(id),
        checksum_algorithm: input.checksum_algorithm,
        checksum_type: input.checksum_type,
        ..Default::default()
    })
}

/// Receives a part.
pub(super) async fn upload_part(service: &Service, request: S3Request<UploadPartInput>) -> S3Result<UploadPartOutput> {
    let mut input = request.input;
    find(service, &input.bucket, &input.key, &input.upload_id)?;
    check_part_number(input.part_number)?;
    let received = receive(&service.objects, input.body.take(), stated!(input, request.trailing_headers)).await?;
    let checksum = received.checksum.clone();
    let (e_tag, _) = add(service, &input.upload_id, input.part_number, received)?;
    Ok(written_output!(UploadPartOutput, e_tag, checksum))
}

/// Copies a range of an object as a part.
pub(super) async fn copy_part(
    service: &Service,
    request: S3Request<UploadPartCopyInput>,
) -> S3Result<UploadPartCopyOutput> {
    let input = request.input;
    find(service, &input.bucket, &input.key, &input.upload_id)?;
    check_part_number(input.part_number)?;
    let source = copies::open_source(service, input.copy_source).await?;
    check_source!(&source, input)?;
    let range = input.copy_source_range.as_deref().map(Range::parse).transpose();
    let range = range.map_err(|_| error(S3ErrorCode::InvalidArgument))?;
    let (start, length, _) = part_of(range, source.size)?;
    let received = copies::receive_range(service, source, start, length).await?;
    let (e_tag, time) = add(service, &input.upload_id, input.part_number, received)?;
    let copied =
        CopyPartResult { e_tag: Some(ETag::Strong(e_tag)), last_modified: Some(time.into()), ..Default::default() };
    Ok(UploadPartCopyOutput { copy_part_result: Some(copied), ..Default::default() })
}

/// Lists the parts of an upload.
pub(super) async fn list_parts(service: &Service, request: S3Request<ListPartsInput>) -> S3Result<ListPartsOutput> {
    let input = request.input;
    let upload = find(service, &input.bucket, &input.key, &input.upload_id)?;
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
    Ok(ListPartsOutput {
        parts: Some(parts.collect()),
        bucket: Some(input.bucket),
        key: Some(input.key),
        upload_id: Some(input.upload_id),
        max_parts: Some(max_parts),
        is_truncated: Some(is_truncated),
        part_number_marker: input.part_number_marker,
        next_part_number_marker: page.last().filter(|_| is_truncated).map(|&(&number, _)| number),
        ..Default::default()
    })
}

/// Lists the uploads of a bucket.
pub(super) async fn list(
    service: &Service,
    request: S3Request<ListMultipartUploadsInput>,
) -> S3Result<ListMultipartUploadsOutput> {
    let input = request.input;
    service.check_bucket(&input.bucket)?;
    let encode = is_url(input.encoding_type.as_ref());
    let prefix = input.prefix.clone().unwrap_or_default();
    let uploads = service.uploads.of_bucket(&input.bucket).into_iter();
    let uploads = uploads.filter(|(_, upload)| upload.key.starts_with(&prefix)).map(|(id, upload)| MultipartUpload {
        key: Some(if encode { encoded(&upload.key) } else { upload.key }),
        upload_id: Some(id),
        initiated: Some(upload.begun.into()),
        ..Default::default()
    });
    Ok(ListMultipartUploadsOutput {
        uploads: some(uploads.collect()),
        bucket: Some(input.bucket),
        prefix: input.prefix,
        max_uploads: Some(MAX_KEYS),
        is_truncated: Some(false),
        encoding_type: input.encoding_type,
        ..Default::default()
    })
}

/// Assembles the uploaded parts into an object.
pub(super) async fn complete(
    service: &Service,
    request: S3Request<CompleteMultipartUploadInput>,
) -> S3Result<CompleteMultipartUploadOutput> {
    let CompleteMultipartUploadInput { bucket, key, upload_id, multipart_upload, if_match, if_none_match, .. } =
        request.input;
    let upload = find(service, &bucket, &key, &upload_id)?;
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
    blocking(&service.objects, move |objects| {
        let failed = |source| failed("store the object", &source);
        let mut whole = objects.temporary().map_err(failed)?;
        for part in parts {
            let mut bytes = std::fs::File::open(&part.bytes.path).map_err(failed)?;
            std::io::copy(&mut bytes, &mut whole.file).map_err(failed)?;
        }
        objects.write(&bucket, &key, &condition, whole, e_tag, headers).map_err(write_error)
    })
    .await?;
    service.uploads.end(&upload_id);
    let (bucket, key, e_tag) = output;
    Ok(CompleteMultipartUploadOutput {
        location: Some(format!("/{bucket}/{key}")),
        bucket: Some(bucket),
        key: Some(key),
        e_tag: Some(ETag::Strong(e_tag)),
        ..Default::default()
    })
}

/// Discards an upload and its parts.
pub(super) async fn abort(
    service: &Service,
    request: S3Request<AbortMultipartUploadInput>,
) -> S3Result<AbortMultipartUploadOutput> {
    let AbortMultipartUploadInput { bucket, key, upload_id, .. } = request.input;
    find(service, &bucket, &key, &upload_id)?;
    service.uploads.end(&upload_id);
    Ok(AbortMultipartUploadOutput::default())
}

fn find(service: &Service, bucket: &str, key: &str, id: &str) -> S3Result<Upload> {
    service.uploads.get(bucket, key, id).ok_or_else(|| error(S3ErrorCode::NoSuchUpload))
}

fn add(service: &Service, id: &str, number: i32, received: Received) -> S3Result<(String, SystemTime)> {
    let Received { bytes, size, md5, .. } = received;
    let part = Part { bytes: Arc::new(bytes), size, md5, received: SystemTime::now() };
    let (e_tag, time) = (hex(&md5), part.received);
    if service.uploads.add(id, number, part) { Ok((e_tag, time)) } else { Err(error(S3ErrorCode::NoSuchUpload)) }
}

fn check_part_number(number: i32) -> S3Result<()> {
    if (1..=MAX_PART_NUMBER).contains(&number) {
        return Ok(());
    }
    let text = "Part number must be an integer between 1 and 10000, inclusive";
    Err(S3Error::with_message(S3ErrorCode::InvalidArgument, text))
}
