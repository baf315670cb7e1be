//! S3 adapter: executes the commit protocol's requests against a bucket.

use std::error::Error;
use std::io;
use std::ops::RangeInclusive;
use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::operation::put_object::builders::PutObjectFluentBuilder;
use aws_sdk_s3::operation::put_object::{PutObjectError, PutObjectOutput};
use aws_sdk_s3::primitives::ByteStream;
use bytes::Bytes;

use super::condition_ignored::ConditionIgnored;
use super::remedy::{Remedy, no_answer};

use commit_protocol::{Ledger, Version};
use lake_format::codec::Codec;
use lake_format::keys;
use lake_format::ledger::{self, LedgerError};

/// Error code with which S3 rejects concurrent conditional writes of the same key. The client should retry.
const CONFLICT: &str = "ConditionalRequestConflict";

/// Maximum number of attempts when S3 reports a conflict or a response body is truncated. After the last attempt, the
/// error is returned. The SDK retries neither.
///
/// A retry classifier could make the SDK retry conflicts, but conflicts would then share the limit of three attempts
/// and the retry quota with all other errors.
const MAX_ATTEMPTS: u32 = 5;
/// Pause after the first attempt, and the time by which each further attempt lengthens the pause.
const BACKOFF: Duration = Duration::from_millis(50);

/// Error returned when an object or a ledger cannot be read, written or listed.
#[derive(Debug, thiserror::Error)]
pub enum S3Error {
    /// A request failed. Retrying may help.
    #[error("failed to {action} {url}: {source}")]
    Failed {
        /// The request, as a verb: `read`, `write` or `list`.
        action: &'static str,
        /// URL of the object, the ledger or the listed prefix, in the form `s3://bucket/key`.
        url: String,
        source: RequestError,
    },
    /// A stored object or ledger is damaged. Retrying does not help.
    #[error("{url} {source}")]
    Damaged {
        /// URL of the object or the ledger, in the form `s3://bucket/key`.
        url: String,
        source: Damage,
    },
    /// The server does not honour conditional writes.
    #[error(transparent)]
    ConditionIgnored(ConditionIgnored),
}

/// Reason that a request to S3 failed.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    /// S3 returned an error.
    #[error("{code}: {message}{remedy}", remedy = Remedy(code))]
    Service {
        /// S3's error code, such as `AccessDenied`.
        code: String,
        message: String,
        source: Box<dyn Error + Send + Sync>,
    },
    /// No complete response was received, for example because of a timeout.
    #[error("{}", no_answer(&**.0))]
    NoAnswer(#[source] Box<dyn Error + Send + Sync>),
    /// The response lacks the `ETag` that conditional writes need.
    #[error("the response has no ETag; use a server that supports conditional writes with ETags")]
    NoETag,
}

/// Damage to a stored object or ledger.
#[derive(Debug, thiserror::Error)]
pub enum Damage {
    /// The ledger cannot be parsed.
    #[error("is {0}; pause the event source, delete the ledger and run `tickerlake repair`")]
    Ledger(#[from] LedgerError),
    /// The object was deleted after a listing or a conditional write had found it.
    #[error("was deleted while records were being stored; run `tickerlake audit`")]
    Deleted,
    /// The object cannot be decompressed.
    #[error("cannot be decompressed: {0}; run `tickerlake audit`")]
    Compression(#[source] io::Error),
    /// A line of the object has no offset, so the sink did not write it.
    #[error("has a line without an offset; run `tickerlake audit`")]
    LineWithoutOffset,
}

/// A bucket and the client to access it.
#[derive(Clone, Debug)]
pub(crate) struct S3Adapter {
    pub(super) client: Client,
    pub(super) bucket: String,
}

/// An object to write.
pub(crate) struct Object<'a> {
    pub(crate) key: &'a str,
    pub(crate) body: Bytes,
    /// Highest offset in the object, stored as metadata like `records`.
    pub(crate) last_offset: i64,
    pub(crate) records: usize,
    /// `false` for an object in the quarantine, which gets no metadata.
    pub(crate) is_data: bool,
}

/// Result of a conditional write.
#[derive(Debug)]
pub(crate) enum PutOutcome {
    /// S3 has written the ledger or the object. Contains the ledger's new version; the version is empty for an object.
    Written(Version),
    /// The condition was not met. The stored content may also come from an earlier attempt whose response was lost.
    PreconditionFailed,
}

impl S3Adapter {
    pub(crate) fn new(client: Client, bucket: String) -> Self {
        S3Adapter { client, bucket }
    }

    /// Returns `true` if an object has this key.
    pub(super) async fn exists(&self, key: &str) -> Result<bool, S3Error> {
        match self.client.head_object().bucket(&self.bucket).key(key).send().await {
            Ok(_) => Ok(true),
            Err(error) if status(&error) == Some(404) => Ok(false),
            Err(error) => Err(self.failed("read", key, error.into())),
        }
    }

    /// Returns the URL of a key for messages, in the form `s3://bucket/key`.
    pub(crate) fn url(&self, key: &str) -> String {
        format!("s3://{}/{key}", self.bucket)
    }

    /// Reads a ledger and its version. Returns `None` if the ledger does not exist.
    pub(crate) async fn read_ledger(&self, key: &str) -> Result<Option<(Ledger, Version)>, S3Error> {
        let Some((text, version)) = self.read(key).await? else { return Ok(None) };
        let ledger = ledger::from_json(&text).map_err(|error| self.damaged(key, error.into()))?;
        let version = version.ok_or_else(|| self.failed("read", key, RequestError::NoETag))?;
        Ok(Some((ledger, version)))
    }

    /// Replaces a ledger if the stored one still has the version `replaces`. With `None`, creates the ledger if it does
    /// not exist.
    pub(crate) async fn write_ledger(
        &self,
        key: &str,
        ledger: &Ledger,
        replaces: Option<&str>,
    ) -> Result<PutOutcome, S3Error> {
        let body = Bytes::from(ledger::to_json(ledger));
        let request = || {
            let request = self.client.put_object().bucket(&self.bucket).key(key).content_type("application/json");
            let request = match replaces {
                Some(version) => request.if_match(version),
                None => request.if_none_match("*"),
            };
            request.body(ByteStream::from(body.clone()))
        };
        let result = match replaces {
            // After a conflict, another writer has changed the ledger, so retrying does not help.
            Some(_) => request().send().await,
            None => retry_conflicts(request).await,
        };
        match result {
            Ok(answer) => {
                let version = answer.e_tag.ok_or_else(|| self.failed("write", key, RequestError::NoETag))?;
                Ok(PutOutcome::Written(version))
            }
            Err(error) if is_precondition_failed(&error) => Ok(PutOutcome::PreconditionFailed),
            Err(error) if replaces.is_some() && (is_conflict(&error) || is_missing_key(&error)) => {
                Ok(PutOutcome::PreconditionFailed)
            }
            Err(error) => Err(self.failed("write", key, error.into())),
        }
    }

    /// Writes an object if its key does not exist.
    pub(crate) async fn put(&self, object: &Object<'_>) -> Result<PutOutcome, S3Error> {
        let request = || {
            let request = self.client.put_object().bucket(&self.bucket).key(object.key).if_none_match("*");
            let request = if object.is_data {
                request
                    .metadata("last-offset", object.last_offset.to_string())
                    .metadata("records", object.records.to_string())
            } else {
                request
            };
            request.body(ByteStream::from(object.body.clone()))
        };
        match retry_conflicts(request).await {
            Ok(_) => Ok(PutOutcome::Written(Version::new())),
            Err(error) if is_precondition_failed(&error) => Ok(PutOutcome::PreconditionFailed),
            Err(error) => Err(self.failed("write", object.key, error.into())),
        }
    }

    /// Reads an object that a listing or a conditional write has found. Fails with [`Damage::Deleted`] if the object no
    /// longer exists.
    pub(crate) async fn read_object(&self, key: &str) -> Result<Vec<u8>, S3Error> {
        match self.read(key).await? {
            Some((bytes, _)) => Ok(bytes),
            None => Err(self.damaged(key, Damage::Deleted)),
        }
    }

    /// Lists the objects with this codec whose key begins with `prefix` and whose first offset is in `range`, and
    /// returns their first offsets in ascending order. With `page_size`, stops after the first page that contains such
    /// an object.
    pub(crate) async fn list(
        &self,
        prefix: &str,
        codec: Codec,
        range: RangeInclusive<i64>,
        page_size: Option<i32>,
    ) -> Result<Vec<i64>, S3Error> {
        // S3 lists keys in lexicographic order, which is the order of their offsets, because all offsets have twenty
        // digits. `after` sorts just before the key of `from`.
        let (from, to) = range.into_inner();
        let after = format!("{prefix}{from:020}");
        let request = self.client.list_objects_v2().bucket(&self.bucket).prefix(prefix);
        let mut pages = request.start_after(after).set_max_keys(page_size).into_paginator().send();
        let mut firsts = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| self.failed("list", prefix, error.into()))?;
            for object in page.contents() {
                let name = object.key().and_then(|key| key.rsplit('/').next());
                let name = name
                    .filter(|name| name.split_once('.').is_some_and(|(_, extension)| extension == codec.extension()));
                let Some((_, _, first)) = name.and_then(keys::parse_name) else { continue };
                if first > to {
                    return Ok(firsts);
                }
                if first >= from {
                    firsts.push(first);
                }
            }
            if page_size.is_some() && !firsts.is_empty() {
                break;
            }
        }
        Ok(firsts)
    }

    /// Reads an object and its version. Returns `None` if the key does not exist.
    async fn read(&self, key: &str) -> Result<Option<(Vec<u8>, Option<Version>)>, S3Error> {
        let mut attempt = 1;
        loop {
            let answer = match self.client.get_object().bucket(&self.bucket).key(key).send().await {
                Ok(answer) => answer,
                Err(error) if code(&error) == Some("NoSuchKey") => return Ok(None),
                Err(error) => return Err(self.failed("read", key, error.into())),
            };
            match answer.body.collect().await {
                Ok(body) => return Ok(Some((body.to_vec(), answer.e_tag))),
                Err(_) if attempt < MAX_ATTEMPTS => tokio::time::sleep(BACKOFF * attempt).await,
                Err(error) => return Err(self.failed("read", key, RequestError::NoAnswer(error.into()))),
            }
            attempt += 1;
        }
    }

    pub(crate) fn damaged(&self, key: &str, source: Damage) -> S3Error {
        S3Error::Damaged { url: self.url(key), source }
    }

    pub(super) fn failed(&self, action: &'static str, key: &str, source: RequestError) -> S3Error {
        S3Error::Failed { action, url: self.url(key), source }
    }
}

/// Sends a conditional write up to [`MAX_ATTEMPTS`] times, as long as S3 reports a conflict.
pub(super) async fn retry_conflicts(
    request: impl Fn() -> PutObjectFluentBuilder,
) -> Result<PutObjectOutput, SdkError<PutObjectError>> {
    let mut attempt = 1;
    loop {
        match request().send().await {
            Err(error) if is_conflict(&error) && attempt < MAX_ATTEMPTS => {}
            result => return result,
        }
        tokio::time::sleep(BACKOFF * attempt).await;
        attempt += 1;
    }
}

impl<E: ProvideErrorMetadata + Error + Send + Sync + 'static> From<SdkError<E>> for RequestError {
    fn from(error: SdkError<E>) -> Self {
        match error.as_service_error() {
            Some(answer) => RequestError::Service {
                code: answer.code().unwrap_or("no error code").to_owned(),
                message: answer.message().unwrap_or("no message").trim_end_matches('.').to_owned(),
                source: error.into(),
            },
            None => RequestError::NoAnswer(error.into()),
        }
    }
}

fn code<E: ProvideErrorMetadata>(error: &SdkError<E>) -> Option<&str> {
    error.as_service_error().and_then(ProvideErrorMetadata::code)
}

fn status<E>(error: &SdkError<E>) -> Option<u16> {
    error.raw_response().map(|response| response.status().as_u16())
}

fn is_precondition_failed<E>(error: &SdkError<E>) -> bool {
    status(error) == Some(412)
}

fn is_conflict<E: ProvideErrorMetadata>(error: &SdkError<E>) -> bool {
    code(error) == Some(CONFLICT)
}

/// Returns `true` if a write with `If-Match` found no object.
fn is_missing_key<E: ProvideErrorMetadata>(error: &SdkError<E>) -> bool {
    status(error) == Some(404) && code(error) != Some("NoSuchBucket")
}
