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
use serde::Serialize;

use crate::batch::MAX_PAYLOAD;

/// Maximum number of bytes of a failed response's body to include in the error.
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

/// A function behind Lambda's invocation API, which `cargo lambda watch` and `sam local start-lambda` provide. Its URL
/// looks like `http://localhost:9000/2015-03-31/functions/sink/invocations`.
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

    /// `cargo lambda watch` reports a function error with status 500, AWS and `sam local` with status 200 and the header
    /// `x-amz-function-error`.
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
        match head.status {
            status if status.is_success() && !head.headers.contains_key("x-amz-function-error") => {
                Ok(Response { body, report: None })
            }
            status if status.is_success() || status == StatusCode::INTERNAL_SERVER_ERROR => {
                Err(InvokeError::Function(text().into()))
            }
            // Lambda throttles with status 429, which is not an error of the function.
            status => Err(InvokeError::Status { url: self.url.clone(), status, body: text() }),
        }
    }
}

/// Formats an error with its causes: the outermost error of an HTTP client rarely explains what happened.
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
    /// Counters of what the function stored. `None` for a function behind HTTP.
    pub report: Option<Report>,
}

/// Counters of what a function in this process stored.
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
        /// Message of the source error, followed by those of its causes.
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
