//! The function that batches go to: any that implements [`Function`], or one behind Lambda's invocation API.

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

use super::batch::MAX_PAYLOAD;

/// Where a batch goes.
#[async_trait]
pub trait Function: fmt::Display + Send + Sync {
    /// Its name, as Lambda would have it.
    fn name(&self) -> &str;

    /// Hands the function an event that is within Lambda's limit, without a limit of time.
    ///
    /// # Errors
    /// [`InvokeError`] when the batch is not known to have succeeded.
    async fn call(&self, event: Bytes) -> Result<Answer, InvokeError>;

    /// Hands the function an event.
    ///
    /// # Errors
    /// [`InvokeError`] when the batch is not known to have succeeded.
    async fn invoke(&self, event: Bytes, timeout: Duration) -> Result<Answer, InvokeError> {
        if event.len() > MAX_PAYLOAD {
            return Err(InvokeError::TooLarge { size: event.len() });
        }
        tokio::time::timeout(timeout, self.call(event)).await.map_err(|_| InvokeError::Timeout(timeout))?
    }
}

/// A function behind an HTTP address, `http://localhost:9000/2015-03-31/functions/sink/invocations`:
/// `cargo lambda watch`, `sam local start-lambda`.
#[derive(Clone, Debug)]
pub struct HttpFunction {
    url: Uri,
    /// A connection pool.
    client: Client<HttpConnector, Full<Bytes>>,
}

impl HttpFunction {
    /// A function behind an HTTP address.
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

    async fn call(&self, event: Bytes) -> Result<Answer, InvokeError> {
        post(&self.client, &self.url, event).await.map(|body| Answer { body, ..Answer::default() })
    }
}

/// What a function in this process tells of its work.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Records in the event, but for those of partitions that failed.
    pub records: u64,
    /// Bytes put, compressed.
    pub bytes: u64,
    /// Objects put.
    pub objects: u64,
    /// Records sent to the quarantine.
    pub quarantined: u64,
    /// Records left out because they were there already.
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

/// What a function that succeeded has returned.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    /// Its answer's body.
    pub body: Bytes,
    /// What the function tells of its work; one behind HTTP does not.
    pub report: Option<Report>,
}

/// Why an invocation failed.
#[derive(Debug, thiserror::Error)]
pub enum InvokeError {
    /// The function ran and said no.
    #[error("the function failed: {0}")]
    Function(String),
    /// It took longer than it may.
    #[error("the function timed out after {0:?}")]
    Timeout(Duration),
    /// Lambda takes no such event, so that no function sees it: one record is larger than the limit.
    #[error(
        "RequestEntityTooLarge: an event of {size} bytes, and Lambda takes {MAX_PAYLOAD}; --maximum-retry-attempts gives such a record up"
    )]
    TooLarge {
        /// The event's bytes.
        size: usize,
    },
    /// There was no answer, or none of a function's: nobody there, throttled.
    #[error("the function did not answer: {0}")]
    Unanswered(String),
}

impl InvokeError {
    /// Whether the function has had its try; otherwise it is tried again for ever.
    pub fn is_the_functions(&self) -> bool {
        match self {
            InvokeError::Function(_) | InvokeError::Timeout(_) | InvokeError::TooLarge { .. } => true,
            InvokeError::Unanswered(_) => false,
        }
    }
}

/// `cargo lambda watch` answers a function error with the status 500, AWS and `sam local` with 200 and
/// the header `x-amz-function-error`.
async fn post(client: &Client<HttpConnector, Full<Bytes>>, url: &Uri, event: Bytes) -> Result<Bytes, InvokeError> {
    let unanswered = |error: &dyn std::error::Error| InvokeError::Unanswered(format!("{url}: {}", causes(error)));
    let request = Request::post(url)
        .header(header::CONTENT_TYPE, "application/json")
        .body(Full::new(event))
        .map_err(|error| unanswered(&error))?;
    let (head, body) = client.request(request).await.map_err(|error| unanswered(&error))?.into_parts();
    let body = body.collect().await.map_err(|error| unanswered(&error))?.to_bytes();
    let said = || String::from_utf8_lossy(&body[..body.len().min(1000)]).into_owned();
    match head.status {
        // Lambda's throttle is 429, which is none of the function's errors.
        status if status.is_success() && !head.headers.contains_key("x-amz-function-error") => Ok(body),
        status if status.is_success() || status == StatusCode::INTERNAL_SERVER_ERROR => {
            Err(InvokeError::Function(said()))
        }
        status => Err(InvokeError::Unanswered(format!("{url} answered {status}: {}", said()))),
    }
}

/// An error with its causes: the outermost of an HTTP client seldom says what happened.
fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        cause = inner.source();
    }
    text
}
