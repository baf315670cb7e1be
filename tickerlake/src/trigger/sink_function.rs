//! Runs the sink in this process, as the function of an event source.

use std::fmt;

use async_trait::async_trait;
use bytes::Bytes;
use event_source::function::{Function, InvokeError, Report, Response};
use sink::Sink;
use sink::response::Response as BatchResponse;

/// The sink in this process.
#[derive(Clone, Debug)]
pub struct SinkFunction(Sink);

impl SinkFunction {
    pub fn new(sink: Sink) -> Self {
        SinkFunction(sink)
    }
}

impl fmt::Display for SinkFunction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the sink, in this process")
    }
}

#[async_trait]
impl Function for SinkFunction {
    fn name(&self) -> &str {
        "sink"
    }

    async fn run(&self, event: Bytes) -> Result<Response, InvokeError> {
        let stored = self.0.handle(event).await.map_err(|error| InvokeError::Function(error.into()))?;
        for error in &stored.failed {
            tracing::error!(%error, "failed to store a partition's records");
        }
        let body = serde_json::to_vec(&BatchResponse::from_failed(&stored.failed));
        let body = body.map_err(|error| InvokeError::Function(error.into()))?.into();
        Ok(Response { body, report: Some(report(stored.report)) })
    }
}

fn report(report: sink::metrics::Report) -> Report {
    let sink::metrics::Report { records, bytes, objects, quarantined, skipped } = report;
    Report { records, bytes, objects, quarantined, skipped }
}
