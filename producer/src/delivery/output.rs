//! The output of a feed: a Kafka topic, or a stream of lines.

use std::io::{self, BufWriter, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use kafka_client::settings::Settings;
use kafka_client::topic::Topic;
use tokio_util::sync::CancellationToken;

use super::Flow;
use super::error::OutputError;
use super::sender::KafkaSender;
use crate::feed::Feed;
use crate::feed::input::Input;
use crate::feed::record_buffer::Record;
use crate::plan::ReadingPlan;
use crate::report::progress::Progress;
use crate::report::summary::Delivered;
use crate::resume::RowStatus;

const STREAM_BUFFER_BYTES: usize = 1 << 16;

/// Destination of the records.
pub enum Target {
    /// A Kafka topic.
    Kafka {
        /// Addresses of the brokers, and the settings of the connection.
        settings: Settings,
        topic: Topic,
    },
    /// A stream that receives one JSON object per line.
    Lines(Mutex<Box<dyn Write + Send>>),
}

impl Target {
    /// Creates a target that prints records to a stream.
    #[must_use]
    pub fn lines(stream: impl Write + Send + 'static) -> Self {
        Self::Lines(Mutex::new(Box::new(stream)))
    }
}

/// An opened target.
pub(crate) enum Output<'a> {
    Kafka(KafkaSender<'a>),
    Lines { stream: BufWriter<LockedStream<'a>>, printed: u64, progress: &'a Progress },
}

pub(crate) struct LockedStream<'a>(MutexGuard<'a, Box<dyn Write + Send>>);

impl Write for LockedStream<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl<'a> Output<'a> {
    /// Opens the target: connects to Kafka and, if the feed is resumed, finds the rows that the topic already contains.
    pub(crate) fn open(
        feed: &Feed,
        plans: &[Option<ReadingPlan>],
        target: &'a Target,
        progress: &'a Arc<Progress>,
        shutdown: &CancellationToken,
    ) -> Result<Self, OutputError> {
        Ok(match target {
            Target::Kafka { settings, topic } => {
                let inputs = feed.inputs().iter().map(Input::name).collect();
                let mut sender = KafkaSender::connect(settings, topic, inputs, progress, shutdown)?;
                if let Some(wait) = feed.resume() {
                    sender.resume(feed, plans, wait, progress, shutdown)?;
                }
                Self::Kafka(sender)
            }
            Target::Lines(stream) => {
                let locked = LockedStream(stream.lock().unwrap_or_else(PoisonError::into_inner));
                let stream = BufWriter::with_capacity(STREAM_BUFFER_BYTES, locked);
                Self::Lines { stream, printed: 0, progress }
            }
        })
    }

    /// Advances to the next row of the feed, whose record has this key, and returns whether the topic already contains
    /// that row. Must be called for each row, in order.
    pub(crate) fn advance(&mut self, key: &[u8]) -> RowStatus {
        match self {
            Self::Kafka(sender) => sender.advance(key),
            Self::Lines { .. } => RowStatus::New,
        }
    }

    /// Sends the record of the current row. Returns [`Flow::Stop`] if the record was not sent because of a shutdown, or
    /// because the reading end of the pipe is closed.
    pub(crate) fn send(&mut self, record: Record<'_>, shutdown: &CancellationToken) -> Result<Flow, OutputError> {
        match self {
            Self::Kafka(sender) => Ok(sender.send(record, shutdown)?),
            Self::Lines { stream, printed, progress } => {
                let written = stream.write_all(record.value).and_then(|()| stream.write_all(b"\n"));
                *printed += 1;
                progress.add_bytes((record.key.len() + record.value.len()) as u64);
                stop_if_closed(written)
            }
        }
    }

    /// Flushes buffered lines before a pause in which nothing is sent. Returns [`Flow::Stop`] if the reading end of the
    /// pipe is closed.
    pub(crate) fn flush(&mut self) -> Result<Flow, OutputError> {
        match self {
            Self::Kafka(_) => Ok(Flow::Continue),
            Self::Lines { stream, .. } => stop_if_closed(stream.flush()),
        }
    }

    /// Returns the first delivery failure as an error, if there was one.
    pub(crate) fn check(&self) -> Result<(), OutputError> {
        match self {
            Self::Kafka(sender) => Ok(sender.check()?),
            Self::Lines { .. } => Ok(()),
        }
    }

    /// Waits until every record is delivered. Returns the delivered records by partition, and the number of printed
    /// records.
    pub(crate) fn finish(self, shutdown: &CancellationToken) -> Result<(Delivered, u64), OutputError> {
        match self {
            Self::Kafka(sender) => Ok((sender.finish(shutdown)?, 0)),
            Self::Lines { mut stream, printed, .. } => {
                stop_if_closed(stream.flush())?;
                Ok((Delivered::new(), printed))
            }
        }
    }
}

/// Returns [`Flow::Stop`] instead of an error if the reading end of the pipe is closed, as after `| head`.
fn stop_if_closed(written: io::Result<()>) -> Result<Flow, OutputError> {
    match written {
        Ok(()) => Ok(Flow::Continue),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Flow::Stop),
        Err(error) => Err(OutputError::Print(error)),
    }
}
