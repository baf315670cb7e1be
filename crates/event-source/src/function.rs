//! The function that receives batches: any type that implements [`Function`], for example [`HttpFunction`] for a
//! function behind Lambda's invocation API.

use std::error::Error;
use std::fmt;
use std::ops::AddAssign;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{Request, StatusCode, Uri, header};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

use crate::batch::MAX_PAYLOAD;

/// Maximum number of bytes of a failed response's body to include in the error. The rest is left out.
const MAX_REPORTED_BODY: usize = 1000;

/// A function that is invoked with batches. `Display` formats it for the user, for example as a URL.
#[async_trait]
pub trait Function: fmt::Display + Send + Sync {
    /// Returns the function's name in Lambda.
    fn name(&self) -> &str;

    /// Runs the function with an event. [`Function::invoke`] limits the event's size and the duration.
    ///
    /// # Errors
    /// [`InvokeError`] unless the function is known to have succeeded.
    async fn run(&self, event: Bytes) -> Result<Response, InvokeError>;

    /// Invokes the function with an event of at most [`MAX_PAYLOAD`] bytes, for at most `timeout`.
    ///
    /// # Errors
    /// [`InvokeError`] unless the function is known to have succeeded.
    async fn invoke(&self, event: Bytes, timeout: Duration) -> Result<Response, InvokeError> {
        if event.len() > MAX_PAYLOAD {
            return Err(InvokeError::TooLarge { size: event.len() });
        }
        tokio::time::timeout(timeout, self.run(event)).await.map_err(|_| InvokeError::Timeout(timeout))?
    }
}

/// A function behind Lambda's invocation API, which `cargo lambda watch`, `sam local start-lambda` and the Runtime
/// Interface Emulator provide. Its URL looks like `http://localhost:9000/2015-03-31/functions/sink/invocations`.
#[derive(Clone, Debug)]
pub struct HttpFunction {
    url: Uri,
    client: Client<HttpConnector, Full<Bytes>>,
}

impl HttpFunction {
    /// Creates a client of the function at a URL. Sends no request before the first invocation.
    pub fn new(url: Uri) -> Self {
        HttpFunction { url, client: Client::builder(TokioExecutor::new()).build_http() }
    }
}

impl fmt::Display for HttpFunction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.url.fmt(f)
    }
}

#[async_trait]
impl Function for HttpFunction {
    fn name(&self) -> &str {
        // /2015-03-31/functions/NAME/invocations
        self.url.path().split('/').rev().nth(1).unwrap_or_default()
    }

    /// Invokes the function over HTTP. Servers report a function error in different ways; see `is_function_error`.
    async fn run(&self, event: Bytes) -> Result<Response, InvokeError> {
        let no_response = |source: Box<dyn Error + Send + Sync>| InvokeError::NoResponse {
            url: self.url.clone(),
            causes: causes(&*source),
            source,
        };
        let request = Request::post(&self.url)
            .header(header::CONTENT_TYPE, "application/json")
            .body(Full::new(event))
            .map_err(|error| no_response(error.into()))?;
        let response = self.client.request(request).await.map_err(|error| no_response(error.into()))?;
        let (head, body) = response.into_parts();
        let body = body.collect().await.map_err(|error| no_response(error.into()))?.to_bytes();
        let text = || String::from_utf8_lossy(&body[..body.len().min(MAX_REPORTED_BODY)]).into_owned();
        if is_function_error(head.status, head.headers.contains_key("x-amz-function-error"), &body) {
            Err(InvokeError::Function(text().into()))
        } else if head.status.is_success() {
            Ok(Response { body, report: None })
        } else {
            // Lambda throttles with status 429, which is not an error of the function.
            Err(InvokeError::Status { url: self.url.clone(), status: head.status, body: text() })
        }
    }
}

/// Returns `true` if a response reports that the function failed. AWS and `sam local` set the header
/// `x-amz-function-error`, and `cargo lambda watch` returns status 500. The Runtime Interface Emulator does neither: it
/// reports errors and timeouts with status 200 and crashes with status 502, so the body decides.
fn is_function_error(status: StatusCode, has_header: bool, body: &[u8]) -> bool {
    status == StatusCode::INTERNAL_SERVER_ERROR
        || status.is_success() && (has_header || is_timeout(body) || is_error_document(body))
        || status == StatusCode::BAD_GATEWAY && is_error_document(body)
}

/// Returns `true` if the body is a runtime's error report, an object with `errorType` and `errorMessage`. A function
/// has no reason to respond to a Kafka event with these fields.
fn is_error_document(body: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct ErrorDocument {
        #[serde(rename = "errorType")]
        _type: IgnoredAny,
        #[serde(rename = "errorMessage")]
        _message: IgnoredAny,
    }
    serde_json::from_slice::<ErrorDocument>(body).is_ok()
}

/// Returns `true` for the emulator's text `Task timed out after 3.00 seconds`, which is not JSON.
fn is_timeout(body: &[u8]) -> bool {
    body.starts_with(b"Task timed out after ") && body.ends_with(b" seconds")
}

/// Formats an error with its causes, because the outermost error of an HTTP client rarely explains what happened.
fn causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        cause = inner.source();
    }
    text
}

/// Response of a function that succeeded.
#[derive(Clone, Debug, Default)]
pub struct Response {
    pub body: Bytes,
    /// Counters that the function reported. `None` for a function behind HTTP.
    pub report: Option<Report>,
}

/// Counters that a function in this process reports.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Records in the event, except those of partitions that failed.
    pub records: u64,
    /// Bytes stored, after compression.
    pub bytes: u64,
    /// Objects stored.
    pub objects: u64,
    /// Records stored in the quarantine.
    pub quarantined: u64,
    /// Records skipped because they had already been stored.
    pub skipped: u64,
}

impl AddAssign for Report {
    fn add_assign(&mut self, other: Self) {
        self.records += other.records;
        self.bytes += other.bytes;
        self.objects += other.objects;
        self.quarantined += other.quarantined;
        self.skipped += other.skipped;
    }
}

/// Error returned when an invocation fails.
#[derive(Debug, thiserror::Error)]
pub enum InvokeError {
    /// The function ran and returned an error.
    #[error("the function failed: {0}")]
    Function(#[source] Box<dyn Error + Send + Sync>),
    /// The function ran for longer than permitted.
    #[error("the function timed out after {0:?}")]
    Timeout(Duration),
    /// The event exceeds Lambda's payload limit, so the function is not invoked. Only an event with a single record can
    /// be this large.
    #[error(
        "RequestEntityTooLarge: the event is {size} bytes long, but Lambda accepts at most {MAX_PAYLOAD} bytes; set --maximum-retry-attempts to discard its record"
    )]
    TooLarge {
        /// Size of the event in bytes.
        size: usize,
    },
    /// The function could not be reached, or the connection broke before the response was complete.
    #[error("the function did not respond: {url}: {causes}")]
    NoResponse {
        url: Uri,
        /// Messages of the source error and of its causes.
        causes: String,
        source: Box<dyn Error + Send + Sync>,
    },
    /// The API returned a status that does not come from the function, for example 429 for throttling.
    #[error("the function did not run: {url} returned {status}: {body}")]
    Status {
        url: Uri,
        status: StatusCode,
        /// Start of the response's body.
        body: String,
    },
}

impl InvokeError {
    /// Returns `true` if the invocation counts as an attempt. Otherwise, the function returned no result, and the batch
    /// is retried until it does.
    pub fn counts_as_attempt(&self) -> bool {
        match self {
            InvokeError::Function(_) | InvokeError::Timeout(_) | InvokeError::TooLarge { .. } => true,
            InvokeError::NoResponse { .. } | InvokeError::Status { .. } => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RAISED: &str = r#"{"errorMessage": "no", "errorType": "ValueError", "requestId": "r", "stackTrace": []}"#;

    fn fails(status: u16, has_header: bool, body: &str) -> bool {
        is_function_error(StatusCode::from_u16(status).unwrap(), has_header, body.as_bytes())
    }

    #[test]
    fn error_is_recognised_in_the_form_of_each_server() {
        assert!(fails(200, true, r#"{"errorType":"x"}"#), "AWS and sam local");
        assert!(fails(500, false, r#"{"errorType":"x"}"#), "cargo lambda watch");
        assert!(fails(200, false, RAISED), "emulator, error");
        assert!(fails(200, false, "Task timed out after 2.00 seconds"), "emulator, timeout");
        let exited = r#"{"errorType":"Runtime.ExitError","errorMessage":"Runtime exited with error: exit status 3"}"#;
        assert!(fails(502, false, exited), "emulator, crash");
    }

    #[test]
    fn other_responses_are_no_function_error() {
        let responses =
            ["", "null", "{}", r#"{"batchItemFailures":[]}"#, r#"{"errorMessage":"x"}"#, r#""Task timed out""#];
        for body in responses {
            assert!(!fails(200, false, body), "{body}");
        }
        assert!(!fails(429, false, r#"{"Reason":"ReservedFunctionConcurrentInvocationLimitExceeded"}"#));
        assert!(!fails(502, false, "<html>Bad Gateway</html>"));
    }
}
