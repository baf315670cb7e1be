//! The function that batches go to: in this process, or behind Lambda's invocation API.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{Request, StatusCode, Uri, header};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use sink::Sink;
use sink::metrics::Report;

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

/// Why an invocation failed. The batch is delivered again whichever it is.
#[derive(Debug, thiserror::Error)]
pub enum InvokeError {
    /// The function ran and said no.
    #[error("the function failed: {0}")]
    Function(String),
    /// There was no answer, or none of a function's.
    #[error("the function did not answer: {0}")]
    Unanswered(String),
    /// It took longer than it may.
    #[error("the function timed out after {0:?}")]
    Timeout(Duration),
}

impl Function {
    /// A function behind an HTTP address.
    pub fn http(url: Uri) -> Self {
        Function::Http { url, client: Box::new(Client::builder(TokioExecutor::new()).build_http()) }
    }

    /// Hands the function an event. The sink in this process tells what it stored; a function behind
    /// HTTP does not.
    ///
    /// # Errors
    /// [`InvokeError`] when the batch is not known to have succeeded.
    pub async fn invoke(&self, event: Bytes, timeout: Duration) -> Result<Option<Report>, InvokeError> {
        tokio::time::timeout(timeout, self.invoke_untimed(event)).await.map_err(|_| InvokeError::Timeout(timeout))?
    }

    async fn invoke_untimed(&self, event: Bytes) -> Result<Option<Report>, InvokeError> {
        match self {
            Function::Sink(sink) => {
                let text = std::str::from_utf8(&event).map_err(|error| InvokeError::Function(error.to_string()))?;
                sink.handle(text).await.map(Some).map_err(|error| InvokeError::Function(error.to_string()))
            }
            Function::Http { url, client } => post(client, url, event).await.map(|()| None),
        }
    }
}

/// `cargo lambda watch` answers a function error with the status 500, AWS and `sam local` with 200 and
/// the header `x-amz-function-error`.
async fn post(client: &Client<HttpConnector, Full<Bytes>>, url: &Uri, event: Bytes) -> Result<(), InvokeError> {
    let unanswered = |error: &dyn std::error::Error| InvokeError::Unanswered(format!("{url}: {}", causes(error)));
    let request = Request::post(url)
        .header(header::CONTENT_TYPE, "application/json")
        .body(Full::new(event))
        .map_err(|error| unanswered(&error))?;
    let (head, body) = client.request(request).await.map_err(|error| unanswered(&error))?.into_parts();
    let body = body.collect().await.map_err(|error| unanswered(&error))?.to_bytes();
    let said = || String::from_utf8_lossy(&body[..body.len().min(1000)]).into_owned();
    match head.status {
        status if status.is_success() && !head.headers.contains_key("x-amz-function-error") => Ok(()),
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
