//! `POST /api/query` and `/api/download`: SQL that only reads, limited in time, rows and memory.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use lake_query::{AnswerColumn, Format, ReadAnswer, read, render};
use serde::{Deserialize, Serialize};
use tokio::time::timeout;

use super::{ApiError, on_thread};
use crate::app::App;

/// Maximum number of rows that the page receives.
const MAX_ROWS: usize = 5_000;

/// Maximum number of rows of a download.
const MAX_DOWNLOAD_ROWS: usize = 1_000_000;

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
    elapsed_ms: f64,
    objects: u64,
    bytes: u64,
}

/// Runs a statement. It ends when the client disconnects, because the future is dropped then.
pub(crate) async fn query(State(app): State<Arc<App>>, Json(query): Json<Query>) -> Result<Json<Answer>, ApiError> {
    on_thread(move || async move {
        let began = Instant::now();
        let rows = query.rows.unwrap_or(MAX_ROWS).min(MAX_ROWS);
        let answer = run(&app, &query.sql, rows).await?;
        Ok(Json(Answer {
            columns: answer.columns(),
            rows: answer.cells()?,
            is_cut: answer.is_cut,
            elapsed_ms: milliseconds(began.elapsed()),
            objects: answer.objects,
            bytes: answer.bytes,
        }))
    })
    .await
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum FileFormat {
    Csv,
    Json,
}

#[derive(Deserialize)]
pub(crate) struct Download {
    sql: String,
    format: FileFormat,
}

pub(crate) async fn download(State(app): State<Arc<App>>, Json(query): Json<Download>) -> Result<Response, ApiError> {
    on_thread(move || async move {
        let answer = run(&app, &query.sql, MAX_DOWNLOAD_ROWS).await?;
        if answer.is_cut {
            return Err(ApiError::bad(format!(
                "the result has more than {MAX_DOWNLOAD_ROWS} rows; use `tickerlake query` for larger results"
            )));
        }
        let (format, kind) = match query.format {
            FileFormat::Csv => (Format::Csv, "text/csv; charset=utf-8"),
            FileFormat::Json => (Format::Json, "application/x-ndjson"),
        };
        let mut batches = answer.batches;
        if batches.is_empty() {
            batches.push(lake_query::RecordBatch::new_empty(answer.schema));
        }
        Ok(([(header::CONTENT_TYPE, kind)], render(&batches, format)?).into_response())
    })
    .await
}

/// Runs a statement within the limits. Waits while other statements run.
pub(crate) async fn run(app: &App, sql: &str, rows: usize) -> Result<ReadAnswer, ApiError> {
    let limit = app.settings.query_timeout;
    let run = async {
        let _permit = app.queries.acquire().await;
        let session = app.session().await?;
        Ok(read(&session, sql, rows).await?)
    };
    match timeout(limit, run).await {
        Ok(answer) => answer,
        Err(_) => Err(ApiError::bad(format!(
            "the statement took longer than {} s and was stopped; use `tickerlake query`, which has no limit",
            limit.as_secs()
        ))),
    }
}

pub(crate) fn milliseconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e4).round() / 10.0
}
