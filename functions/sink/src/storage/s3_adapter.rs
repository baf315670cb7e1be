//! The rim towards S3: what a chain asks, asked of a bucket.

use std::ops::RangeInclusive;
use std::time::Duration;

use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, SdkConfig};
use aws_sdk_s3::Client;
use aws_sdk_s3::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use aws_sdk_s3::primitives::ByteStream;
use bytes::Bytes;

use super::https;
use commit_protocol::{Ledger, Version};
use lake_format::codec::Codec;
use lake_format::keys;
use lake_format::ledger;

/// Two conditional writes of one key at the same moment; S3 asks to try again.
const CONFLICT: &str = "ConditionalRequestConflict";
/// What is tried again here: the SDK repeats neither a conflict nor an answer whose body is cut short.
const ATTEMPTS: u32 = 5;
const BACKOFF: Duration = Duration::from_millis(50);

/// Why something could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// S3 did not do what was asked; it may when it is asked again.
    #[error("{action} s3://{bucket}/{key} failed: {reason}")]
    Failed {
        /// What was asked.
        action: &'static str,
        /// Of which bucket.
        bucket: String,
        /// And which key.
        key: String,
        /// What S3 said, or the network, and what to do about it.
        reason: String,
    },
    /// What is stored is not what its key says, today or tomorrow.
    #[error("s3://{bucket}/{key} {fault}")]
    Damaged {
        /// The bucket.
        bucket: String,
        /// The key.
        key: String,
        /// What is wrong with it, and what to do about it.
        fault: String,
    },
}

/// What a user can do about an error that a retry does not mend.
fn remedy(code: &str) -> Option<&'static str> {
    Some(match code {
        "NoSuchBucket" => "create the bucket or mend SINK_BUCKET",
        "AccessDenied" => {
            "allow the function's role s3:GetObject and s3:PutObject on the keys and s3:ListBucket on the bucket, without which a missing object reads as AccessDenied"
        }
        "ExpiredToken" | "InvalidAccessKeyId" | "InvalidToken" | "SignatureDoesNotMatch" => {
            "mend the credentials: the function's role, AWS_PROFILE, or AWS_ACCESS_KEY_ID and its siblings"
        }
        "PermanentRedirect" | "AuthorizationHeaderMalformed" => "set AWS_REGION to the bucket's region",
        "KMS.DisabledException" | "KMS.NotFoundException" => "enable the bucket's KMS key",
        "InvalidObjectState" => "restore the object: what may still be delivered again must stay readable",
        "KeyTooLongError" => "choose a shorter SINK_PREFIX or SINK_PARTITION_FIELD, and put it into a new prefix",
        _ => return None,
    })
}

/// AWS's own settings: environment, profile, or the function's role.
pub async fn sdk_config() -> SdkConfig {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(3))
        .operation_attempt_timeout(Duration::from_secs(30))
        .build();
    let loader = aws_config::defaults(BehaviorVersion::latest()).http_client(https::client());
    loader.timeout_config(timeouts).load().await
}

/// A client as the environment says. Servers other than S3 seldom resolve `bucket.host`, so an endpoint
/// of one's own is addressed by path.
pub async fn client() -> Client {
    let names_endpoint = |name| std::env::var_os(name).is_some_and(|url| !url.is_empty());
    let own_endpoint = ["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"].into_iter().any(names_endpoint);
    let config = aws_sdk_s3::config::Builder::from(&sdk_config().await);
    Client::from_conf(config.force_path_style(own_endpoint).build())
}

/// A bucket.
#[derive(Clone, Debug)]
pub(crate) struct Store {
    client: Client,
    pub(crate) bucket: String,
}

/// An object to be put.
pub(crate) struct Object<'a> {
    pub(crate) key: &'a str,
    pub(crate) body: Bytes,
    /// Told as metadata: the greatest offset, and how many records.
    pub(crate) last_offset: i64,
    pub(crate) records: usize,
    /// It holds data, not poison.
    pub(crate) is_data: bool,
}

/// How a conditional write went.
#[derive(Debug)]
pub(crate) enum Written {
    /// It is in place, and has this version.
    Now(Version),
    /// The condition does not hold: S3 has something else, or what an attempt without an answer has written.
    Refused,
}

impl Store {
    pub(crate) fn new(client: Client, bucket: String) -> Self {
        Store { client, bucket }
    }

    /// The ledger and its version; none where there is none.
    pub(crate) async fn read_ledger(&self, key: &str) -> Result<Option<(Ledger, Version)>, StoreError> {
        let Some((text, version)) = self.read(key).await? else { return Ok(None) };
        let ledger = ledger::from_json(&text).map_err(|error| {
            self.damaged(key, format!("is {error}; mend it, or delete it and run `tickerlake audit --repair`"))
        })?;
        let version = version.ok_or_else(|| self.error("reading", key, "the answer has no ETag".to_owned()))?;
        Ok(Some((ledger, version)))
    }

    /// Writes a ledger over the version that was read, or where there is none.
    pub(crate) async fn write_ledger(
        &self,
        key: &str,
        ledger: &Ledger,
        over: Option<&str>,
    ) -> Result<Written, StoreError> {
        let body = Bytes::from(ledger::to_json(ledger));
        let mut attempt = 1;
        loop {
            let request = self.client.put_object().bucket(&self.bucket).key(key).content_type("application/json");
            let request = match over {
                Some(version) => request.if_match(version),
                None => request.if_none_match("*"),
            };
            match request.body(ByteStream::from(body.clone())).send().await {
                Ok(answer) => {
                    let version =
                        answer.e_tag.ok_or_else(|| self.error("writing", key, "the answer has no ETag".to_owned()))?;
                    return Ok(Written::Now(version));
                }
                // A ledger that is not there any more has no version.
                Err(error)
                    if is_refused_condition(&error)
                        || (over.is_some() && status(&error) == Some(404) && code(&error) != Some("NoSuchBucket")) =>
                {
                    return Ok(Written::Refused);
                }
                // Whoever was faster has changed the ledger.
                Err(error) if code(&error) == Some(CONFLICT) && over.is_some() => return Ok(Written::Refused),
                Err(error) if code(&error) == Some(CONFLICT) && attempt < ATTEMPTS => {}
                Err(error) => return Err(self.failed("writing", key, &error)),
            }
            tokio::time::sleep(BACKOFF * attempt).await;
            attempt += 1;
        }
    }

    /// Puts an object where there is none.
    pub(crate) async fn put(&self, object: &Object<'_>) -> Result<Written, StoreError> {
        let mut attempt = 1;
        loop {
            let request = self.client.put_object().bucket(&self.bucket).key(object.key).if_none_match("*");
            let request = if object.is_data {
                request
                    .metadata("last-offset", object.last_offset.to_string())
                    .metadata("records", object.records.to_string())
            } else {
                request
            };
            match request.body(ByteStream::from(object.body.clone())).send().await {
                Ok(_) => return Ok(Written::Now(Version::new())),
                Err(error) if is_refused_condition(&error) => return Ok(Written::Refused),
                Err(error) if code(&error) == Some(CONFLICT) && attempt < ATTEMPTS => {}
                Err(error) => return Err(self.failed("putting", object.key, &error)),
            }
            tokio::time::sleep(BACKOFF * attempt).await;
            attempt += 1;
        }
    }

    /// The bytes of an object that has been listed, or has been in the way.
    pub(crate) async fn read_object(&self, key: &str) -> Result<Vec<u8>, StoreError> {
        let object = self.read(key).await?;
        object
            .map(|(bytes, _)| bytes)
            .ok_or_else(|| self.damaged(key, "has been deleted; see `tickerlake audit`".to_owned()))
    }

    /// The first offsets, in a range, of the objects of a codec whose keys begin with `prefix`; of `most`, no page
    /// after the first that has some is looked at.
    pub(crate) async fn list(
        &self,
        prefix: &str,
        codec: Codec,
        range: RangeInclusive<i64>,
        most: Option<i32>,
    ) -> Result<Vec<i64>, StoreError> {
        // Keys are in the order of their offsets, which all have twenty digits: this one is before `from`'s.
        let (from, to) = range.into_inner();
        let after = format!("{prefix}{from:020}");
        let request =
            self.client.list_objects_v2().bucket(&self.bucket).prefix(prefix).start_after(after).set_max_keys(most);
        let mut pages = request.into_paginator().send();
        let mut firsts = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| self.failed("listing", prefix, &error))?;
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
            if most.is_some() && !firsts.is_empty() {
                break;
            }
        }
        Ok(firsts)
    }

    async fn read(&self, key: &str) -> Result<Option<(Vec<u8>, Option<Version>)>, StoreError> {
        let mut attempt = 1;
        loop {
            let answer = match self.client.get_object().bucket(&self.bucket).key(key).send().await {
                Ok(answer) => answer,
                Err(error) if code(&error) == Some("NoSuchKey") => return Ok(None),
                Err(error) => return Err(self.failed("reading", key, &error)),
            };
            match answer.body.collect().await {
                Ok(body) => return Ok(Some((body.to_vec(), answer.e_tag))),
                Err(_) if attempt < ATTEMPTS => tokio::time::sleep(BACKOFF * attempt).await,
                Err(error) => return Err(self.error("reading", key, DisplayErrorContext(error).to_string())),
            }
            attempt += 1;
        }
    }

    /// What is stored is not what its key says.
    pub(crate) fn damaged(&self, key: &str, fault: String) -> StoreError {
        StoreError::Damaged { bucket: self.bucket.clone(), key: key.to_owned(), fault }
    }

    fn failed<E>(&self, action: &'static str, key: &str, error: &SdkError<E>) -> StoreError
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        let reason = match error.as_service_error() {
            // S3 has answered: its own words, and what to do where that is known.
            Some(answer) => {
                let code = answer.code().unwrap_or("no error code");
                let message = answer.message().unwrap_or("no message");
                match remedy(code) {
                    Some(remedy) => format!("{code}: {message}; {remedy}"),
                    None => format!("{code}: {message}"),
                }
            }
            None => DisplayErrorContext(error).to_string(),
        };
        self.error(action, key, reason)
    }

    pub(crate) fn error(&self, action: &'static str, key: &str, reason: String) -> StoreError {
        StoreError::Failed { action, bucket: self.bucket.clone(), key: key.to_owned(), reason }
    }
}

fn code<E: ProvideErrorMetadata>(error: &SdkError<E>) -> Option<&str> {
    error.as_service_error().and_then(ProvideErrorMetadata::code)
}

fn status<E>(error: &SdkError<E>) -> Option<u16> {
    error.raw_response().map(|response| response.status().as_u16())
}

fn is_refused_condition<E: ProvideErrorMetadata>(error: &SdkError<E>) -> bool {
    status(error) == Some(412)
}
