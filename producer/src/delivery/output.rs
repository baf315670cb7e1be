//! The target of a feed: a Kafka topic, or a stream of lines.

use std::collections::BTreeMap;
use std::io::{self, BufWriter, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use kafka_client::settings::Settings;
use kafka_client::topic::Topic;
use tokio_util::sync::CancellationToken;

use crate::delivery::sender::Delivery;
use crate::delivery::tracker::PartitionDelivery;
use crate::feed::Feed;
use crate::feed::input::Input;
use crate::feed::record_buffer::Record;
use crate::report::progress::Progress;
use crate::run::RunError;

/// Where records go.
pub enum Target {
    /// A Kafka topic.
    Kafka {
        /// The brokers and how to talk to them.
        settings: Settings,
        /// The topic.
        topic: Topic,
    },
    /// A stream, one JSON object a line.
    Lines(Mutex<Box<dyn Write + Send>>),
}

impl Target {
    /// A stream as the target.
    #[must_use]
    pub fn lines(stream: impl Write + Send + 'static) -> Self {
        Self::Lines(Mutex::new(Box::new(stream)))
    }
}

/// Whether to go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flow {
    Go,
    Stop,
}

/// A target, opened.
pub(crate) enum Outlet<'a> {
    Kafka(Delivery<'a>),
    Lines { stream: BufWriter<Locked<'a>>, printed: u64, progress: &'a Progress },
}

pub(crate) struct Locked<'a>(MutexGuard<'a, Box<dyn Write + Send>>);

impl Write for Locked<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

pub(crate) type Delivered = BTreeMap<i32, PartitionDelivery>;

impl<'a> Outlet<'a> {
    pub(crate) fn open(
        feed: &Feed,
        target: &'a Target,
        progress: &'a Arc<Progress>,
        shutdown: &CancellationToken,
    ) -> Result<Self, RunError> {
        Ok(match target {
            Target::Kafka { settings, topic } => {
                let inputs = feed.inputs().iter().map(Input::name).collect();
                let mut delivery = Delivery::connect(settings, topic, inputs, progress, shutdown)?;
                if let Some(wait) = feed.resume() {
                    delivery.resume(feed, wait, progress, shutdown)?;
                }
                Self::Kafka(delivery)
            }
            Target::Lines(stream) => {
                let locked = Locked(stream.lock().unwrap_or_else(PoisonError::into_inner));
                Self::Lines { stream: BufWriter::with_capacity(1 << 16, locked), printed: 0, progress }
            }
        })
    }

    /// Goes on to the next record; whether the target has it already. To be asked of each, in order.
    pub(crate) fn has(&mut self, key: &[u8]) -> bool {
        match self {
            Self::Kafka(delivery) => delivery.has(key),
            Self::Lines { .. } => false,
        }
    }

    pub(crate) fn send(&mut self, record: Record<'_>, shutdown: &CancellationToken) -> Result<Flow, RunError> {
        match self {
            Self::Kafka(delivery) => match delivery.send(record, shutdown)? {
                true => Ok(Flow::Go),
                false => Ok(Flow::Stop),
            },
            Self::Lines { stream, printed, progress } => {
                let written = stream.write_all(record.value).and_then(|()| stream.write_all(b"\n"));
                *printed += 1;
                progress.add_bytes((record.key.len() + record.value.len()) as u64);
                unless_closed(written)
            }
        }
    }

    /// Nothing will be sent for a while.
    pub(crate) fn pause(&mut self) -> Result<(), RunError> {
        if let Self::Lines { stream, .. } = self {
            unless_closed(stream.flush())?;
        }
        Ok(())
    }

    pub(crate) fn check(&self) -> Result<(), RunError> {
        match self {
            Self::Kafka(delivery) => Ok(delivery.check()?),
            Self::Lines { .. } => Ok(()),
        }
    }

    pub(crate) fn finish(self, shutdown: &CancellationToken) -> Result<(Delivered, u64), RunError> {
        match self {
            Self::Kafka(delivery) => Ok((delivery.finish(shutdown)?, 0)),
            Self::Lines { mut stream, printed, .. } => {
                unless_closed(stream.flush())?;
                Ok((Delivered::new(), printed))
            }
        }
    }
}

/// Whoever reads the lines may have seen enough, as `head` does.
fn unless_closed(written: io::Result<()>) -> Result<Flow, RunError> {
    match written {
        Ok(()) => Ok(Flow::Go),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Flow::Stop),
        Err(error) => Err(RunError::Print(error)),
    }
}
