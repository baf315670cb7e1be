//! The two places a lake can be in, as object stores.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use aws_config::SdkConfig;
use aws_sdk_s3::config::{Credentials, ProvideCredentials, SharedCredentialsProvider};
use object_store::aws::{AmazonS3Builder, AwsCredential};
use object_store::local::LocalFileSystem;
use object_store::{CredentialProvider, ObjectStore};
use tokio::sync::Mutex;

/// A folder that stands for a bucket.
///
/// # Errors
/// When there is no such folder.
pub fn folder(path: &Path) -> object_store::Result<Arc<dyn ObjectStore>> {
    Ok(Arc::new(LocalFileSystem::new_with_prefix(path)?))
}

/// A bucket, with the region, the endpoint and the credentials that AWS's own variables and profiles
/// name, as for the sink.
///
/// # Errors
/// When the settings do not make a client.
pub fn bucket(name: &str, config: &SdkConfig) -> object_store::Result<Arc<dyn ObjectStore>> {
    let mut builder = AmazonS3Builder::new().with_bucket_name(name);
    if let Some(region) = config.region() {
        builder = builder.with_region(region.as_ref());
    }
    let endpoint = std::env::var("AWS_ENDPOINT_URL_S3").ok().or_else(|| config.endpoint_url().map(str::to_owned));
    if let Some(endpoint) = endpoint.filter(|endpoint| !endpoint.is_empty()) {
        builder = builder.with_endpoint(endpoint).with_allow_http(true).with_virtual_hosted_style_request(false);
    }
    if let Some(provider) = config.credentials_provider() {
        builder = builder.with_credentials(Arc::new(SdkCredentials { provider, known: Mutex::default() }));
    }
    Ok(Arc::new(builder.build()?))
}

/// Credentials are renewed this long before they expire.
const AHEAD: Duration = Duration::from_secs(300);

/// The AWS SDK's credentials, which know of profiles and roles what `object_store`'s own do not. They
/// are kept, for every request asks for them and a profile may have to ask a service.
#[derive(Debug)]
struct SdkCredentials {
    provider: SharedCredentialsProvider,
    known: Mutex<Option<Credentials>>,
}

impl SdkCredentials {
    async fn credentials(&self) -> object_store::Result<Credentials> {
        let mut known = self.known.lock().await;
        if let Some(kept) = known.as_ref().filter(|kept| is_fresh(kept, SystemTime::now())) {
            return Ok(kept.clone());
        }
        let fresh = self
            .provider
            .provide_credentials()
            .await
            .map_err(|error| object_store::Error::Unauthenticated { path: String::new(), source: error.into() })?;
        *known = Some(fresh.clone());
        Ok(fresh)
    }
}

fn is_fresh(credentials: &Credentials, now: SystemTime) -> bool {
    credentials.expiry().is_none_or(|end| end > now + AHEAD)
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
        assert!(until(Some(now + AHEAD * 2)));
        assert!(!until(Some(now + AHEAD / 2)));
        assert!(!until(Some(now - AHEAD)));
    }
}
