//! Bodies of requests and responses: received into temporary files with their checksums, sent in chunks.

use std::fs::File;
use std::io::{self, Read, Write};
use std::sync::Arc;

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use s3s::checksum::ChecksumHasher;
use s3s::crypto::{Checksum as _, Md5};
use s3s::dto::{Checksum, ChecksumAlgorithm, StreamingBlob};
use s3s::{Body, S3Error, S3ErrorCode, S3Result, TrailingHeaders};

use super::blocking::blocking;
use super::errors::{error, failed};
use crate::objects::{Objects, Temporary};

/// Size in bytes of the pieces in which a received body is written to a file and a sent body is read from a file, so
/// that only one piece is in memory.
const CHUNK: usize = 1 << 19;

/// A body in a temporary file.
pub(super) struct Received {
    pub(super) bytes: Temporary,
    pub(super) size: u64,
    pub(super) md5: [u8; 16],
    pub(super) checksum: Checksum,
}

/// The checksums that a request states.
#[derive(Default)]
pub(super) struct Stated {
    pub(super) algorithm: Option<ChecksumAlgorithm>,
    pub(super) md5: Option<String>,
    pub(super) checksum: Checksum,
    pub(super) trailers: Option<TrailingHeaders>,
}

/// Receives a body and verifies the checksums.
pub(super) async fn receive(objects: &Arc<Objects>, body: Option<StreamingBlob>, stated: Stated) -> S3Result<Received> {
    let Stated { algorithm, md5, checksum: mut expected, trailers } = stated;
    let mut hasher = hasher(&expected, algorithm.as_ref())?;
    let mut hash = Md5::new();
    let mut size = 0;
    let mut bytes =
        blocking(objects, |objects| objects.temporary().map_err(|source| failed("create a file", &source))).await?;
    let mut buffer = Vec::new();
    let mut body = body.map(StreamExt::fuse);
    loop {
        let chunk = match &mut body {
            Some(body) => body.try_next().await.map_err(|source| incomplete(source.as_ref()))?,
            None => None,
        };
        if let Some(chunk) = &chunk {
            hash.update(chunk);
            hasher.update(chunk);
            size += chunk.len() as u64;
            buffer.extend_from_slice(chunk);
        }
        if buffer.len() >= CHUNK || (chunk.is_none() && !buffer.is_empty()) {
            let full = std::mem::take(&mut buffer);
            bytes = blocking(objects, move |_| {
                bytes.file.write_all(&full).map_err(|source| failed("store the object", &source))?;
                Ok(bytes)
            })
            .await?;
        }
        if chunk.is_none() {
            break;
        }
    }
    if let Some(trailers) = trailers.and_then(|trailers| trailers.take()) {
        let trailer = |name: &str| trailers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        expected.checksum_crc32 = trailer("x-amz-checksum-crc32").or(expected.checksum_crc32);
        expected.checksum_crc32c = trailer("x-amz-checksum-crc32c").or(expected.checksum_crc32c);
        expected.checksum_sha1 = trailer("x-amz-checksum-sha1").or(expected.checksum_sha1);
        expected.checksum_sha256 = trailer("x-amz-checksum-sha256").or(expected.checksum_sha256);
        expected.checksum_crc64nvme = trailer("x-amz-checksum-crc64nvme").or(expected.checksum_crc64nvme);
    }
    let (received, checksum) = (hash.finalize(), hasher.finalize());
    let differs = |expected: &Option<String>, received: &Option<String>| {
        expected.as_ref().is_some_and(|expected| received.as_ref().is_some_and(|received| received != expected))
    };
    if md5.is_some_and(|md5| md5 != base64_simd::STANDARD.encode_to_string(received))
        || differs(&expected.checksum_crc32, &checksum.checksum_crc32)
        || differs(&expected.checksum_crc32c, &checksum.checksum_crc32c)
        || differs(&expected.checksum_sha1, &checksum.checksum_sha1)
        || differs(&expected.checksum_sha256, &checksum.checksum_sha256)
        || differs(&expected.checksum_crc64nvme, &checksum.checksum_crc64nvme)
    {
        return Err(error(S3ErrorCode::BadDigest));
    }
    Ok(Received { bytes, size, md5: received, checksum })
}

fn incomplete(source: &(dyn std::error::Error + Send + Sync + 'static)) -> S3Error {
    S3Error::with_message(S3ErrorCode::IncompleteBody, format!("failed to receive the body: {source}"))
}

fn hasher(expected: &Checksum, algorithm: Option<&ChecksumAlgorithm>) -> S3Result<ChecksumHasher> {
    let algorithm = algorithm.map_or("", ChecksumAlgorithm::as_str);
    let is_known = |known: &str| algorithm == known;
    if !["", "CRC32", "CRC32C", "SHA1", "SHA256", "CRC64NVME"].into_iter().any(is_known) {
        let text = format!("The embedded S3 of Tickerlake does not support the checksum algorithm {algorithm}.");
        return Err(S3Error::with_message(S3ErrorCode::NotImplemented, text));
    }
    Ok(ChecksumHasher {
        crc32: (expected.checksum_crc32.is_some() || is_known("CRC32")).then(Default::default),
        crc32c: (expected.checksum_crc32c.is_some() || is_known("CRC32C")).then(Default::default),
        sha1: (expected.checksum_sha1.is_some() || is_known("SHA1")).then(Default::default),
        sha256: (expected.checksum_sha256.is_some() || is_known("SHA256")).then(Default::default),
        crc64nvme: (expected.checksum_crc64nvme.is_some() || is_known("CRC64NVME")).then(Default::default),
    })
}

/// Returns a body of `length` bytes that starts at the current position of `file`.
pub(super) async fn send(mut file: File, length: u64) -> io::Result<StreamingBlob> {
    if length <= CHUNK as u64 {
        let bytes = tokio::task::spawn_blocking(move || read_chunk(&mut file, length)).await??;
        return Ok(StreamingBlob::from(Body::from(bytes)));
    }
    let chunks = stream::try_unfold((file, length), |(mut file, length)| async move {
        if length == 0 {
            return Ok(None);
        }
        let read = move || read_chunk(&mut file, length).map(|chunk| (chunk, file));
        let (chunk, file) = tokio::task::spawn_blocking(read).await??;
        let rest = length - chunk.len() as u64;
        Ok::<_, io::Error>(Some((chunk, (file, rest))))
    });
    Ok(StreamingBlob::wrap(chunks))
}

fn read_chunk(file: &mut File, length: u64) -> io::Result<Bytes> {
    let mut chunk = vec![0; usize::try_from(length).unwrap_or(CHUNK).min(CHUNK)];
    file.read_exact(&mut chunk)?;
    Ok(chunk.into())
}
