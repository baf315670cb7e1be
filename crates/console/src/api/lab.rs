//! `POST /api/lab`: carries out an action of the lab.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use serde_json::{Value, json};

use super::ApiError;
use crate::app::App;

#[derive(Deserialize)]
pub(crate) struct Act {
    action: String,
}

pub(crate) async fn act(State(app): State<Arc<App>>, Json(Act { action }): Json<Act>) -> Result<Json<Value>, ApiError> {
    let Some(lab) = app.lab.get().cloned() else {
        return Err(ApiError::not_found("the pipeline has no lab; start it with `tickerlake up --lab`"));
    };
    if !lab.actions().iter().any(|known| known.name == action) {
        return Err(ApiError::bad(format!("the lab has no action {action}")));
    }
    // Spawned, so that a client that disconnects does not end the action half way.
    let acting = tokio::spawn(async move {
        let result = lab.act(action.clone()).await;
        app.lab.note(&action, &result);
        app.audit.lake_changed();
        result
    });
    let result = acting.await.unwrap_or_else(|error| Err(format!("internal error: the action failed ({error})")));
    result.map(|text| Json(json!({"text": text}))).map_err(ApiError::bad)
}
