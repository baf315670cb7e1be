//! The JSON endpoints. The book's page `reference/console-api.md` documents them.

pub(crate) mod audit;
pub(crate) mod events;
pub(crate) mod info;
pub(crate) mod lab;
pub(crate) mod lake;
pub(crate) mod market;
pub(crate) mod query;
pub(crate) mod records;
mod work;

use std::error::Error;

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use lake_audit::trace::TraceError;
use lake_query::{RenderError, SqlError};
use lake_store::StoreError;
use serde_json::json;

pub(crate) use work::on_thread;

/// An error, as JSON `{"error": "..."}`.
#[derive(Clone, Debug)]
pub(crate) struct ApiError {
    pub(crate) status: StatusCode,
    pub(crate) message: String,
}

impl ApiError {
    /// Creates the error of a wrong request.
    pub(crate) fn bad(message: impl Into<String>) -> Self {
        ApiError { status: StatusCode::BAD_REQUEST, message: message.into() }
    }

    /// Creates the error of a lake that cannot be read now.
    pub(crate) fn unavailable(message: impl Into<String>) -> Self {
        ApiError { status: StatusCode::SERVICE_UNAVAILABLE, message: message.into() }
    }

    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        ApiError { status: StatusCode::NOT_FOUND, message: message.into() }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        (self.status, Json(json!({"error": self.message}))).into_response()
    }
}

impl From<SqlError> for ApiError {
    fn from(error: SqlError) -> Self {
        match error {
            SqlError::Store(_) => ApiError::unavailable(with_causes(&error)),
            _ => ApiError::bad(with_causes(&error)),
        }
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Key { .. } => ApiError::bad(with_causes(&error)),
            _ => ApiError::unavailable(with_causes(&error)),
        }
    }
}

impl From<TraceError> for ApiError {
    fn from(error: TraceError) -> Self {
        ApiError::unavailable(with_causes(&error))
    }
}

impl From<RenderError> for ApiError {
    fn from(error: RenderError) -> Self {
        ApiError::bad(with_causes(&error))
    }
}

/// Formats an error with its causes, without causes that the text already contains.
pub(crate) fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let inner_text = inner.to_string();
        if !text.contains(&inner_text) {
            text = format!("{text}: {inner_text}");
        }
        cause = inner.source();
    }
    text
}
