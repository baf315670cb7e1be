//! Fields that several S3 requests or responses share. Macros set them, because the request and response types
//! implement no common trait.

use s3s::dto::{EncodingType, Metadata, Range, Timestamp, TimestampFormat};
use s3s::{S3ErrorCode, S3Result};

use super::errors::error;
use crate::objects::Headers;

/// Maximum number of entries of a page, as on AWS. A request for more entries gets this many.
pub(super) const MAX_KEYS: i32 = 1000;

pub(super) fn http_date(timestamp: &Timestamp) -> Option<String> {
    let mut text = Vec::new();
    timestamp.format(TimestampFormat::HttpDate, &mut text).ok()?;
    String::from_utf8(text).ok()
}

pub(super) fn length(size: u64) -> i64 {
    i64::try_from(size).unwrap_or(i64::MAX)
}

pub(super) fn metadata(headers: &Headers) -> Option<Metadata> {
    (!headers.metadata.is_empty()).then(|| headers.metadata.clone())
}

/// Returns `None` for an empty list, because the outputs omit empty lists.
pub(super) fn some<T>(list: Vec<T>) -> Option<Vec<T>> {
    (!list.is_empty()).then_some(list)
}

/// Returns the start and the length of a range, and the header `Content-Range`. Without a range, returns the whole
/// object and no header.
pub(super) fn part_of(range: Option<Range>, size: u64) -> S3Result<(u64, u64, Option<String>)> {
    let Some(range) = range else { return Ok((0, size, None)) };
    let range = range.check(size).map_err(|_| error(S3ErrorCode::InvalidRange))?;
    let text = format!("bytes {}-{}/{size}", range.start, range.end.saturating_sub(1));
    Ok((range.start, range.end - range.start, Some(text)))
}

/// Returns `true` if keys should be encoded as in URLs.
pub(super) fn is_url(encoding: Option<&EncodingType>) -> bool {
    encoding.is_some_and(|encoding| encoding.as_str() == EncodingType::URL)
}

/// Takes the headers that are stored with an object out of an input.
macro_rules! headers {
    ($input:expr) => {
        Headers {
            metadata: $input.metadata.take().unwrap_or_default(),
            content_type: $input.content_type.take(),
            content_encoding: $input.content_encoding.take(),
            content_disposition: $input.content_disposition.take(),
            content_language: $input.content_language.take(),
            cache_control: $input.cache_control.take(),
            expires: $input.expires.as_ref().and_then(http_date),
        }
    };
}

/// Takes the stated checksums out of an input.
macro_rules! stated {
    ($input:expr, $trailers:expr) => {
        Stated {
            algorithm: $input.checksum_algorithm.take(),
            md5: $input.content_md5.take(),
            checksum: Checksum {
                checksum_crc32: $input.checksum_crc32.take(),
                checksum_crc32c: $input.checksum_crc32c.take(),
                checksum_crc64nvme: $input.checksum_crc64nvme.take(),
                checksum_sha1: $input.checksum_sha1.take(),
                checksum_sha256: $input.checksum_sha256.take(),
                ..Checksum::default()
            },
            trailers: $trailers,
        }
    };
}

/// Fills the fields that `GetObjectOutput` and `HeadObjectOutput` share.
macro_rules! object_output {
    ($output:ident, $found:expr, $length:expr, $range:expr, $($field:ident: $value:expr),*) => {{
        let Headers {
            ref content_type, ref content_encoding, ref content_disposition, ref content_language, ref cache_control,
            ref expires, ..
        } = $found.headers;
        $output {
            $($field: $value,)*
            accept_ranges: Some("bytes".to_owned()),
            content_length: Some(length($length)),
            content_range: $range,
            content_type: Some(content_type.clone().unwrap_or_else(|| "binary/octet-stream".to_owned())),
            content_encoding: content_encoding.clone(),
            content_disposition: content_disposition.clone(),
            content_language: content_language.clone(),
            cache_control: cache_control.clone(),
            expires: expires.as_ref().and_then(|text| Timestamp::parse(TimestampFormat::HttpDate, text).ok()),
            e_tag: Some(ETag::Strong($found.e_tag.clone())),
            last_modified: Some($found.modified.into()),
            metadata: metadata(&$found.headers),
            ..$output::default()
        }
    }};
}

/// Fills the fields that `PutObjectOutput` and `UploadPartOutput` share.
macro_rules! written_output {
    ($output:ident, $e_tag:expr, $checksum:expr) => {{
        let checksum = $checksum;
        $output {
            e_tag: Some(ETag::Strong($e_tag)),
            checksum_crc32: checksum.checksum_crc32,
            checksum_crc32c: checksum.checksum_crc32c,
            checksum_crc64nvme: checksum.checksum_crc64nvme,
            checksum_sha1: checksum.checksum_sha1,
            checksum_sha256: checksum.checksum_sha256,
            ..$output::default()
        }
    }};
}

/// Checks the conditions of the source of a copy, which `CopyObjectInput` and `UploadPartCopyInput` share.
macro_rules! check_source {
    ($source:expr, $input:expr) => {
        check_read(
            $source,
            ($input.copy_source_if_match.as_ref(), $input.copy_source_if_none_match.as_ref()),
            ($input.copy_source_if_modified_since.as_ref(), $input.copy_source_if_unmodified_since.as_ref()),
            false,
        )
    };
}

pub(super) use {check_source, headers, object_output, stated, written_output};
