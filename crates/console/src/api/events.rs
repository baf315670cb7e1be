//! `GET /api/events`: server-sent events.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures::StreamExt;

use super::ApiError;
use crate::app::App;
use crate::live::hub::{MAX_CLIENTS, Message};

/// Interval at which a comment is sent if nothing changes, so that a broken connection is noticed.
const KEEP_ALIVE: Duration = Duration::from_secs(10);

pub(crate) async fn events(State(app): State<Arc<App>>) -> Result<impl IntoResponse, ApiError> {
    let Some(messages) = app.hub.connect() else {
        return Err(ApiError {
            status: StatusCode::TOO_MANY_REQUESTS,
            message: format!("{MAX_CLIENTS} pages are open; close one of them"),
        });
    };
    // At once, rather than with the next sample: the page reads the market now, and misses no record after that.
    if let Some(live) = &app.live {
        live.set_clients(app.hub.clients());
    }
    let events = messages.map(|message| {
        let (kind, frame) = match message {
            Message::Snapshot(frame) => ("snapshot", frame),
            Message::Resync(frame) => ("resync", frame),
            Message::Delta(frame) => ("delta", frame),
        };
        Ok::<_, Infallible>(Event::default().event(kind).data(&*frame.json))
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)))
}
