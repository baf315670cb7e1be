//! The function that batches go to: in this process, or behind Lambda's invocation API.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{Request, StatusCode, Uri, header};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use sink::Sink;
use sink::metrics::Report;
use sink::response::Response;

use super::batch::MAX_PAYLOAD;

/// Where a batch goes.
#[derive(Clone, Debug)]
pub enum Function {
    /// The sink, in this process.
    Sink(Box<Sink>),
    /// `http://localhost:9000/2015-03-31/functions/sink/invocations`: `cargo lambda watch`,
    /// `sam local start-lambda`.
    Http {
        /// The function's invocation address.
        url: Uri,
        /// A connection pool.
        client: Box<Client<HttpConnector, Full<Bytes>>>,
    },
}

/// What a function that succeeded has returned.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    /// Its answer's body.
    pub body: Bytes,
    /// What the sink in this process has stored; a function behind HTTP does not tell.
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

impl fmt::Display for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Function::Sink(_) => f.write_str("the sink, in this process"),
            Function::Http { url, .. } => url.fmt(f),
        }
    }
}

impl Function {
    /// A function behind an HTTP address.
    pub fn http(url: Uri) -> Self {
        Function::Http { url, client: Box::new(Client::builder(TokioExecutor::new()).build_http()) }
    }

    /// Its name, as Lambda would have it.
    pub fn name(&self) -> &str {
        match self {
            Function::Sink(_) => "sink",
            // /2015-03-31/functions/NAME/invocations
            Function::Http { url, .. } => url.path().split('/').rev().nth(1).unwrap_or_default(),
        }
    }

    /// Hands the function an event.
    ///
    /// # Errors
    /// [`InvokeError`] when the batch is not known to have succeeded.
    pub async fn invoke(&self, event: Bytes, timeout: Duration) -> Result<Answer, InvokeError> {
        if event.len() > MAX_PAYLOAD {
            return Err(InvokeError::TooLarge { size: event.len() });
        }
        tokio::time::timeout(timeout, self.invoke_untimed(event)).await.map_err(|_| InvokeError::Timeout(timeout))?
    }

    async fn invoke_untimed(&self, event: Bytes) -> Result<Answer, InvokeError> {
        match self {
            Function::Sink(sink) => {
                let stored = sink.handle(event).await.map_err(|error| InvokeError::Function(error.to_string()))?;
                for error in &stored.failed {
                    tracing::error!("{error}");
                }
                let body = serde_json::to_vec(&Response::of(&stored.failed));
                let body = body.map_err(|error| InvokeError::Function(error.to_string()))?.into();
                Ok(Answer { body, report: Some(stored.report) })
            }
            Function::Http { url, client } => {
                post(client, url, event).await.map(|body| Answer { body, ..Answer::default() })
            }
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
