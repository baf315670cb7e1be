//! `POST /api/query` and `/api/download`: SQL that only reads, limited in time, rows and memory.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use lake_query::{AnswerColumn, FileFormat, Limits, ReadAnswer, read};
use serde::{Deserialize, Serialize};

use super::ApiError;
use super::work::statement;
use crate::app::App;

/// Maximum number of rows that the page receives.
const MAX_ROWS: usize = 5_000;

/// Maximum number of rows of a download.
const MAX_DOWNLOAD_ROWS: usize = 1_000_000;

/// Maximum size of a download in bytes.
const MAX_DOWNLOAD_BYTES: usize = 200_000_000;

#[derive(Deserialize)]
pub(crate) struct Query {
    sql: String,
    /// Rows to return, up to [`MAX_ROWS`].
    #[serde(default)]
    rows: Option<usize>,
}

#[derive(Serialize)]
pub(crate) struct Answer {
    columns: Vec<AnswerColumn>,
    rows: Vec<Vec<Option<String>>>,
    /// `true` if there are more rows.
    is_cut: bool,
    /// Duration without the time for which the statement waited for others.
    elapsed_ms: f64,
    waited_ms: f64,
    objects: u64,
    bytes: u64,
}

/// Runs a statement. It ends when the client disconnects, because the future is dropped then.
pub(crate) async fn query(State(app): State<Arc<App>>, Json(query): Json<Query>) -> Result<Response, ApiError> {
    let asked = Instant::now();
    let shared = Arc::clone(&app);
    statement(&app.statements, app.settings.query_timeout, move || async move {
        let (waited, began) = (asked.elapsed(), Instant::now());
        let limits = Limits::rows(query.rows.unwrap_or(MAX_ROWS).min(MAX_ROWS));
        let answer = read(&shared.session().await?, &query.sql, limits).await?;
        let answer = Answer {
            columns: answer.columns(),
            rows: answer.cells()?,
            is_cut: answer.is_cut,
            elapsed_ms: milliseconds(began.elapsed()),
            waited_ms: milliseconds(waited),
            objects: answer.objects,
            bytes: answer.bytes,
        };
        Ok(Json(answer).into_response())
    })
    .await
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Csv,
    Json,
}

#[derive(Deserialize)]
pub(crate) struct Download {
    sql: String,
    format: Kind,
}

pub(crate) async fn download(State(app): State<Arc<App>>, Json(query): Json<Download>) -> Result<Response, ApiError> {
    let shared = Arc::clone(&app);
    statement(&app.statements, app.settings.query_timeout, move || async move {
        let (format, kind) = match query.format {
            Kind::Csv => (FileFormat::Csv, "text/csv; charset=utf-8"),
            Kind::Json => (FileFormat::Json, "application/x-ndjson"),
        };
        let limits = Limits { rows: MAX_DOWNLOAD_ROWS, bytes: MAX_DOWNLOAD_BYTES };
        let text = lake_query::download(&shared.session().await?, &query.sql, format, limits).await?;
        Ok(([(header::CONTENT_TYPE, kind)], text).into_response())
    })
    .await
}

/// Runs a statement of the page itself, within [`on_thread`](super::on_thread).
pub(crate) async fn run(app: &App, sql: &str, rows: usize) -> Result<ReadAnswer, ApiError> {
    Ok(read(&app.session().await?, sql, Limits::rows(rows)).await?)
}

pub(crate) fn milliseconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e4).round() / 10.0
}
