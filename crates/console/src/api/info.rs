//! `GET /api/info`, `/api/schema` and `/api/queries`: what the page needs to know once.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use lake_query::SavedQuery;
use serde::Serialize;
use serde_json::{Value, json};

use super::query::run;
use super::{ApiError, on_thread};
use crate::app::App;

/// Maximum number of columns of all tables.
const MAX_COLUMNS: usize = 10_000;

const COLUMNS: &str = "SELECT table_name, column_name, data_type FROM information_schema.columns \
                       WHERE table_schema = 'public' ORDER BY table_name, ordinal_position";

pub(crate) async fn info(State(app): State<Arc<App>>) -> Json<Value> {
    let settings = &app.settings;
    Json(json!({
        "version": env!("CARGO_PKG_VERSION"),
        "live": app.live.is_some(),
        "topic": settings.topic,
        "location": settings.location,
        "lake_options": settings.lake_options,
        "query_timeout_seconds": settings.query_timeout.as_secs(),
        "now": crate::clock::millis_since_1970(),
    }))
}

#[derive(Serialize)]
pub(crate) struct Table {
    name: String,
    columns: Vec<(String, String)>,
}

pub(crate) async fn schema(State(app): State<Arc<App>>) -> Result<Json<Vec<Table>>, ApiError> {
    on_thread(move || async move {
        let answer = run(&app, COLUMNS, MAX_COLUMNS).await?;
        let mut tables: Vec<Table> = Vec::new();
        for row in answer.cells()? {
            let mut cells = row.into_iter().map(Option::unwrap_or_default);
            let (Some(table), Some(name), Some(kind)) = (cells.next(), cells.next(), cells.next()) else { continue };
            match tables.last_mut() {
                Some(last) if last.name == table => last.columns.push((name, kind)),
                _ => tables.push(Table { name: table, columns: vec![(name, kind)] }),
            }
        }
        Ok(Json(tables))
    })
    .await
}

pub(crate) async fn queries() -> Json<Value> {
    let list = |queries: &[SavedQuery]| {
        let entry = |query: &SavedQuery| json!({"name": query.name, "title": query.title, "sql": query.sql});
        queries.iter().map(entry).collect::<Vec<_>>()
    };
    Json(
        json!({"saved": list(lake_query::queries()), "quality": list(lake_query::quality_questions()), "views": list(lake_query::views())}),
    )
}
