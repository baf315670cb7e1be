//! Creates the S3 client from the environment, for the sink and for the tools that read the lake.

use std::time::Duration;

use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, SdkConfig};
use aws_sdk_s3::Client;
use aws_types::service_config::ServiceConfigKey;

use super::https;

/// Connection to S3, as configured by the environment, the AWS profile and the function's role.
#[derive(Clone, Debug)]
pub struct Connection {
    pub client: Client,
    /// Region and credentials, for clients that are not the SDK's.
    pub sdk: SdkConfig,
    /// URL of a server that may not be AWS's. `None` without a custom endpoint.
    pub endpoint: Option<String>,
}

/// Error for an endpoint that is not a URL.
#[derive(Debug, thiserror::Error)]
#[error(
    "the S3 endpoint {endpoint:?} from {setting} is not a URL: it must begin with http:// or https://, such as http://{suggestion}"
)]
pub struct EndpointError {
    endpoint: String,
    /// The environment variable or profile setting that contains the endpoint.
    setting: &'static str,
    suggestion: String,
}

/// Creates a client from the environment. Connecting times out after 3 seconds, and each attempt after 30 seconds. Uses
/// path-style addressing with a custom endpoint, because servers other than S3 rarely support virtual-hosted-style
/// addressing (`bucket.host`).
///
/// # Errors
/// If the endpoint is not a URL.
pub async fn connect() -> Result<Connection, EndpointError> {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(3))
        .operation_attempt_timeout(Duration::from_secs(30))
        .build();
    let loader = aws_config::defaults(BehaviorVersion::latest()).http_client(https::client());
    let sdk = loader.timeout_config(timeouts).load().await;
    let endpoint = endpoint(&sdk);
    if let Some(endpoint) = &endpoint {
        check(endpoint)?;
    }
    let mut config = aws_sdk_s3::config::Builder::from(&sdk).force_path_style(endpoint.is_some());
    // Set explicitly, so that every client of this connection uses the same endpoint.
    config.set_endpoint_url(endpoint.clone());
    Ok(Connection { client: Client::from_conf(config.build()), sdk, endpoint })
}

/// Returns the first S3 endpoint that is set, in the order of the AWS SDK: `AWS_ENDPOINT_URL_S3`, the profile's
/// `services`, `AWS_ENDPOINT_URL`, the profile's `endpoint_url`.
fn endpoint(sdk: &SdkConfig) -> Option<String> {
    let key = ServiceConfigKey::builder().service_id("S3").env("AWS_ENDPOINT_URL").profile("endpoint_url").build();
    let service = sdk.service_config().zip(key.ok()).and_then(|(config, key)| config.load_config(key));
    service.or_else(|| sdk.endpoint_url().map(str::to_owned)).filter(|endpoint| !endpoint.is_empty())
}

fn check(endpoint: &str) -> Result<(), EndpointError> {
    let has_scheme = |scheme: &str| {
        let rest = endpoint.get(..scheme.len()).filter(|start| start.eq_ignore_ascii_case(scheme));
        rest.is_some() && !endpoint[scheme.len()..].trim_start_matches('/').is_empty()
    };
    let is_uri = endpoint.parse::<http::Uri>().is_ok();
    if is_uri && (has_scheme("http://") || has_scheme("https://")) {
        return Ok(());
    }
    let is_set_to = |name: &str| std::env::var(name).is_ok_and(|value| value == endpoint);
    let setting = ["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"].into_iter().find(|name| is_set_to(name));
    let host = endpoint.rsplit("://").next().unwrap_or_default().trim_matches('/');
    let suggestion = if host.is_empty() { "127.0.0.1:9000".to_owned() } else { host.to_owned() };
    let setting = setting.unwrap_or("the AWS profile (endpoint_url)");
    Err(EndpointError { endpoint: endpoint.to_owned(), setting, suggestion })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoint_without_a_scheme_is_named() {
        for right in ["http://127.0.0.1:9000", "https://s3.example.com/", "HTTP://localhost"] {
            assert!(check(right).is_ok(), "{right}");
        }
        let text = |endpoint| check(endpoint).unwrap_err().to_string();
        assert_eq!(
            text("127.0.0.1:9000"),
            "the S3 endpoint \"127.0.0.1:9000\" from the AWS profile (endpoint_url) is not a URL: it must begin with http:// or https://, such as http://127.0.0.1:9000"
        );
        for wrong in ["localhost", "ftp://host", "http://", "http://a b"] {
            assert!(text(wrong).contains("must begin with"), "{wrong}");
        }
    }
}
