//! The rim towards S3.

use std::time::Duration;

use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, SdkConfig};
use aws_sdk_s3::Client;
use aws_sdk_s3::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use aws_sdk_s3::operation::put_object::PutObjectError;
use aws_sdk_s3::primitives::ByteStream;

use crate::plan::Object;

/// An object could not be put; the batch may succeed when it is delivered again.
#[derive(Debug, thiserror::Error)]
#[error("putting s3://{bucket}/{key} failed: {reason}")]
pub struct PutError {
    bucket: String,
    key: String,
    reason: String,
}

impl PutError {
    fn new(bucket: &str, key: String, error: &SdkError<PutObjectError>) -> Self {
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
        PutError { bucket: bucket.to_owned(), key, reason }
    }
}

/// What a user can do about an error that a retry does not mend.
fn remedy(code: &str) -> Option<&'static str> {
    Some(match code {
        "NoSuchBucket" => "create the bucket or mend SINK_BUCKET",
        "AccessDenied" => "allow the function's role s3:PutObject on this key",
        "ExpiredToken" | "InvalidAccessKeyId" | "InvalidToken" | "SignatureDoesNotMatch" => {
            "mend the credentials: the function's role, AWS_PROFILE, or AWS_ACCESS_KEY_ID and its siblings"
        }
        "PermanentRedirect" | "AuthorizationHeaderMalformed" => "set AWS_REGION to the bucket's region",
        "KMS.DisabledException" | "KMS.NotFoundException" => "enable the bucket's KMS key",
        _ => return None,
    })
}

/// AWS's own settings: environment, profile, or the function's role.
pub async fn sdk_config() -> SdkConfig {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(3))
        .operation_attempt_timeout(Duration::from_secs(30))
        .build();
    aws_config::defaults(BehaviorVersion::latest()).timeout_config(timeouts).load().await
}

/// A client as the environment says. Servers other than S3 seldom resolve `bucket.host`, so an endpoint
/// of one's own is addressed by path.
pub async fn client() -> Client {
    let names_endpoint = |name| std::env::var_os(name).is_some_and(|url| !url.is_empty());
    let own_endpoint = ["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"].into_iter().any(names_endpoint);
    let config = aws_sdk_s3::config::Builder::from(&sdk_config().await);
    Client::from_conf(config.force_path_style(own_endpoint).build())
}

/// Puts an object.
///
/// # Errors
/// [`PutError`] once the SDK's own retries are used up.
pub(crate) async fn put(client: &Client, bucket: &str, object: Object) -> Result<(), PutError> {
    let Object { key, body, records, last_offset, is_data } = object;
    let mut request = client.put_object().bucket(bucket).key(&key).body(ByteStream::from(body));
    if is_data {
        request = request.metadata("last-offset", last_offset.to_string()).metadata("records", records.to_string());
    }
    match request.send().await {
        Ok(_) => Ok(()),
        Err(error) => Err(PutError::new(bucket, key, &error)),
    }
}
