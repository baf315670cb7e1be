//! The operations that list objects.

use s3s::dto::{
    CommonPrefix, ETag, ListObjectsInput, ListObjectsOutput, ListObjectsV2Input, ListObjectsV2Output, Object,
    ObjectStorageClass,
};
use s3s::{S3ErrorCode, S3Request, S3Result};

use super::Service;
use super::blocking::blocking;
use super::errors::{error, failed};
use super::fields::{MAX_KEYS, is_url, length, some};
use super::key_text::{encoded, parse_token, token};
use super::page::{self, Entry, Query};

/// Parameters of a listing.
struct Listing {
    bucket: String,
    prefix: String,
    delimiter: Option<String>,
    after: Option<String>,
    max_keys: i32,
    /// `true` to encode the keys as in URLs, so that XML can contain every key.
    encode: bool,
}

/// The entries of a page.
#[derive(Default)]
struct Listed {
    objects: Vec<Object>,
    common_prefixes: Vec<CommonPrefix>,
    /// Name of the last entry, if more entries follow.
    last: Option<String>,
}

/// Lists a page of objects, starting after a key (`ListObjects`).
pub(super) async fn list_v1(service: &Service, request: S3Request<ListObjectsInput>) -> S3Result<ListObjectsOutput> {
    let input = request.input;
    let max_keys = input.max_keys.unwrap_or(MAX_KEYS).min(MAX_KEYS);
    let encode = is_url(input.encoding_type.as_ref());
    let listed = list(
        service,
        Listing {
            bucket: input.bucket.clone(),
            prefix: input.prefix.clone().unwrap_or_default(),
            delimiter: not_empty(input.delimiter.clone()),
            after: input.marker.clone().filter(|marker| !marker.is_empty()),
            max_keys,
            encode,
        },
    )
    .await?;
    let text = |text: String| if encode { encoded(&text) } else { text };
    Ok(ListObjectsOutput {
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
    })
}

/// Lists a page of objects, starting after the key in a continuation token (`ListObjectsV2`).
pub(super) async fn list_v2(
    service: &Service,
    request: S3Request<ListObjectsV2Input>,
) -> S3Result<ListObjectsV2Output> {
    let input = request.input;
    let max_keys = input.max_keys.unwrap_or(MAX_KEYS).min(MAX_KEYS);
    let encode = is_url(input.encoding_type.as_ref());
    let after = match &input.continuation_token {
        Some(token) => Some(parse_token(token)?),
        None => input.start_after.clone().filter(|after| !after.is_empty()),
    };
    let listed = list(
        service,
        Listing {
            bucket: input.bucket.clone(),
            prefix: input.prefix.clone().unwrap_or_default(),
            delimiter: not_empty(input.delimiter.clone()),
            after,
            max_keys,
            encode,
        },
    )
    .await?;
    let text = |text: String| if encode { encoded(&text) } else { text };
    let count = listed.objects.len() + listed.common_prefixes.len();
    Ok(ListObjectsV2Output {
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
    })
}

/// Returns a page of a listing, and the name of its last entry if more entries follow.
async fn list(service: &Service, listing: Listing) -> S3Result<Listed> {
    blocking(&service.objects, move |objects| {
        let Listing { bucket, prefix, delimiter, after, max_keys, encode } = listing;
        let limit = usize::try_from(max_keys).map_err(|_| error(S3ErrorCode::InvalidArgument))?;
        if !objects.has_bucket(&bucket) {
            return Err(error(S3ErrorCode::NoSuchBucket));
        }
        let failed = |source| failed("list the bucket", &source);
        let query = Query { prefix: &prefix, delimiter: delimiter.as_deref(), after: after.as_deref(), limit };
        let further = objects.unusual_keys(&bucket, &prefix);
        let page = page::list(&objects.bucket_folder(&bucket), further, query).map_err(failed)?;
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

fn not_empty(delimiter: Option<String>) -> Option<String> {
    delimiter.filter(|delimiter| !delimiter.is_empty())
}
