//! The two backends of a lake, a local folder and an S3 bucket, as object stores.

use std::error::Error;
use std::iter::successors;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use aws_config::SdkConfig;
use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_s3::config::{Credentials, ProvideCredentials, SharedCredentialsProvider};
use object_store::aws::{AmazonS3Builder, AwsCredential};
use object_store::local::LocalFileSystem;
use object_store::{CredentialProvider, ObjectStore};
use tokio::sync::Mutex;

/// Opens a local folder as an object store. As in a bucket, a folder inside it exists only as long as it contains
/// objects: deleting the last object removes it.
///
/// # Errors
/// If the folder does not exist.
pub fn folder(path: &Path) -> object_store::Result<Arc<dyn ObjectStore>> {
    Ok(Arc::new(LocalFileSystem::new_with_prefix(path)?.with_automatic_cleanup(true)))
}

/// Opens an S3 bucket with the region and credentials of `config`. `endpoint` is the URL of a server, which need not be
/// AWS's; requests to it use path-style addresses, and may use plain HTTP.
///
/// # Errors
/// If no client can be built from these settings.
pub fn bucket(name: &str, config: &SdkConfig, endpoint: Option<&str>) -> object_store::Result<Arc<dyn ObjectStore>> {
    let mut builder = AmazonS3Builder::new().with_bucket_name(name);
    if let Some(region) = config.region() {
        builder = builder.with_region(region.as_ref());
    }
    if let Some(endpoint) = endpoint {
        builder = builder.with_endpoint(endpoint).with_allow_http(true).with_virtual_hosted_style_request(false);
    }
    if let Some(provider) = config.credentials_provider() {
        builder = builder.with_credentials(Arc::new(SdkCredentials { provider, cached: Mutex::default() }));
    }
    Ok(Arc::new(builder.build()?))
}

/// Remaining lifetime of credentials below which they are renewed.
const RENEW_BEFORE_EXPIRY: Duration = Duration::from_secs(300);

/// Error for missing credentials. The message contains the remedy instead of the errors of all sources that were tried,
/// because most users have never heard of these sources.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "no AWS credentials were found; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, or give the machine a role"
)]
pub struct NoCredentials;

fn with_remedy(error: CredentialsError) -> Box<dyn Error + Send + Sync> {
    let mut causes = successors(Some(&error as &(dyn Error + 'static)), |&cause| cause.source());
    let is_missing = matches!(error, CredentialsError::CredentialsNotLoaded(_))
        || causes.any(|cause| cause.to_string().contains("IMDS"));
    if is_missing { NoCredentials.into() } else { error.into() }
}

/// Credentials from the AWS SDK, which, unlike `object_store` itself, supports profiles and roles. The credentials are
/// cached, because every request needs them, and fetching them can require a request to another service.
#[derive(Debug)]
struct SdkCredentials {
    provider: SharedCredentialsProvider,
    cached: Mutex<Option<Credentials>>,
}

impl SdkCredentials {
    async fn credentials(&self) -> object_store::Result<Credentials> {
        let mut cached = self.cached.lock().await;
        if let Some(credentials) = cached.as_ref().filter(|credentials| is_fresh(credentials, SystemTime::now())) {
            return Ok(credentials.clone());
        }
        let fresh = self.provider.provide_credentials().await.map_err(|error| {
            object_store::Error::Unauthenticated { path: String::new(), source: with_remedy(error) }
        })?;
        *cached = Some(fresh.clone());
        Ok(fresh)
    }
}

fn is_fresh(credentials: &Credentials, now: SystemTime) -> bool {
    credentials.expiry().is_none_or(|end| end > now + RENEW_BEFORE_EXPIRY)
}

#[async_trait]
impl CredentialProvider for SdkCredentials {
    type Credential = AwsCredential;

    async fn get_credential(&self) -> object_store::Result<Arc<AwsCredential>> {
        let credentials = self.credentials().await?;
        Ok(Arc::new(AwsCredential {
            key_id: credentials.access_key_id().to_owned(),
            secret_key: credentials.secret_access_key().to_owned(),
            token: credentials.session_token().map(str::to_owned),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_renewed_before_they_expire() {
        let now = SystemTime::now();
        let until = |expiry| is_fresh(&Credentials::new("key", "secret", None, expiry, "test"), now);
        assert!(until(None));
        assert!(until(Some(now + RENEW_BEFORE_EXPIRY * 2)));
        assert!(!until(Some(now + RENEW_BEFORE_EXPIRY / 2)));
        assert!(!until(Some(now - RENEW_BEFORE_EXPIRY)));
    }
}
