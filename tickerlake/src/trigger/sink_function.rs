//! The sink in this process, as a function that batches go to.

use std::fmt;

use async_trait::async_trait;
use bytes::Bytes;
use event_source::function::{Answer, Function, InvokeError, Report};
use sink::Sink;
use sink::response::Response;

/// The sink, in this process.
#[derive(Clone, Debug)]
pub struct SinkFunction(Sink);

impl SinkFunction {
    /// The sink, as a function.
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

    async fn call(&self, event: Bytes) -> Result<Answer, InvokeError> {
        let stored = self.0.handle(event).await.map_err(|error| InvokeError::Function(error.to_string()))?;
        for error in &stored.failed {
            tracing::error!("{error}");
        }
        let body = serde_json::to_vec(&Response::from_failed(&stored.failed));
        let body = body.map_err(|error| InvokeError::Function(error.to_string()))?.into();
        Ok(Answer { body, report: Some(report(stored.report)) })
    }
}

fn report(sink::metrics::Report { records, bytes, objects, quarantined, skipped }: sink::metrics::Report) -> Report {
    Report { records, bytes, objects, quarantined, skipped }
}
