//! Starts and stops the broker.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use crate::blocking::blocking;
use crate::clock::Clock;
use crate::connection;
use crate::descriptors;
use crate::error::BrokerError;
use crate::journaled::run_rewrites;
use crate::markers;
use crate::options::Options;
use crate::recovery;
use crate::state::State;

/// Pause after a failed accept. Retrying at once would fail again if, for example, no file descriptor is free.
const ACCEPT_RETRY_DELAY: Duration = Duration::from_millis(100);

/// Connections that the operating system keeps until they are accepted.
const BACKLOG: u32 = 1024;

/// Time between two deletions of expired segments.
const RETENTION_INTERVAL: Duration = Duration::from_secs(30);

/// Time between two searches for records that `flush.ms` requires to be written to the disk.
const FLUSH_INTERVAL: Duration = Duration::from_secs(1);

/// A topic of the broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topic {
    pub name: String,
    /// A topic that is deleted and created again has another id.
    pub id: Uuid,
    /// One past the last offset of each partition, by partition number.
    pub end_offsets: Vec<i64>,
}

/// A running broker. Dropping it stops the broker without waiting for its connections.
#[derive(Debug)]
pub struct Broker {
    state: Arc<State>,
    tasks: TaskTracker,
    stop: DropGuard,
}

impl Broker {
    /// Starts a broker on a loopback port.
    ///
    /// # Errors
    /// [`BrokerError`] if the port is in use, or if the folder cannot be opened.
    pub async fn start(options: Options) -> Result<Broker, BrokerError> {
        let wanted = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), options.port);
        let listen = |source| BrokerError::Listen { address: wanted, source };
        let socket = bind(wanted).map_err(listen)?;
        let address = socket.local_addr().map_err(listen)?;
        let open = || State::open(options, address).inspect(recovery::complete);
        let state = Arc::new(blocking(open)?);
        // Clients that come before are refused at once. They would time out if they had to wait for the recovery.
        let listener = socket.listen(BACKLOG).map_err(listen)?;
        let stop = CancellationToken::new();
        let tasks = TaskTracker::new();
        tasks.spawn(stop.clone().run_until_cancelled_owned(accept(
            listener,
            Arc::clone(&state),
            tasks.clone(),
            stop.clone(),
        )));
        tasks.spawn(stop.clone().run_until_cancelled_owned(run_timeouts(Arc::clone(&state))));
        tasks.spawn(stop.clone().run_until_cancelled_owned(enforce_retention(Arc::clone(&state))));
        tasks.spawn(stop.clone().run_until_cancelled_owned(rewrite_journals(Arc::clone(&state))));
        tasks.spawn(stop.clone().run_until_cancelled_owned(flush_due(Arc::clone(&state))));
        tasks.close();
        Ok(Broker { state, tasks, stop: stop.drop_guard() })
    }

    /// Returns the address for a client's `bootstrap.servers`, such as `127.0.0.1:9092`.
    pub fn bootstrap_servers(&self) -> String {
        self.state.address.to_string()
    }

    /// Stops accepting records. A producer that sends a record is disconnected, as if the broker were shutting down.
    /// Consumers can still read.
    pub fn close(&self) {
        self.state.close();
    }

    /// Closes all connections and writes everything to the disk.
    ///
    /// # Errors
    /// [`BrokerError::Storage`] if a file cannot be written.
    pub async fn stop(self) -> Result<(), BrokerError> {
        drop(self.stop);
        self.tasks.wait().await;
        let flushed = self.state.groups.flush().and(self.state.transactions.flush());
        self.state.topics.close()?;
        Ok(flushed?)
    }

    /// Returns the topics in the order of their names.
    pub fn topics(&self) -> Vec<Topic> {
        let ends = |topic: &crate::topics::Topic| {
            let partitions = (0..topic.partition_count()).map_while(|index| topic.partition(index));
            partitions.map(|partition| partition.read(kafka_log::Log::high_watermark).unwrap_or(0)).collect()
        };
        let topics = self.state.topics.all();
        topics.iter().map(|topic| Topic { name: topic.name.clone(), id: topic.id, end_offsets: ends(topic) }).collect()
    }
}

/// Takes the port, on which the operating system refuses connections until the socket listens.
fn bind(address: SocketAddr) -> std::io::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    // As `TcpListener::bind` does. Without it, the port of a stopped broker is in use for a minute.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket)
}

async fn accept(listener: TcpListener, state: Arc<State>, tasks: TaskTracker, stop: CancellationToken) {
    let limit = descriptors::max_connections();
    let free = Arc::new(Semaphore::new(limit));
    loop {
        let Some(permit) = acquire_connection(&free, limit).await else { return };
        match listener.accept().await {
            Ok((stream, peer)) => {
                let state = Arc::clone(&state);
                let connection = async move {
                    connection::serve(state, stream, peer).await;
                    drop(permit);
                };
                tasks.spawn(stop.clone().run_until_cancelled_owned(connection));
            }
            Err(error) => {
                tracing::warn!(%error, "failed to accept a Kafka connection");
                tokio::time::sleep(ACCEPT_RETRY_DELAY).await;
            }
        }
    }
}

/// Waits until a connection may be accepted. As in Apache Kafka with `max.connections`, clients wait if there are too
/// many; the logs need file descriptors, too.
async fn acquire_connection(free: &Arc<Semaphore>, limit: usize) -> Option<OwnedSemaphorePermit> {
    if let Ok(permit) = Arc::clone(free).try_acquire_owned() {
        return Some(permit);
    }
    tracing::warn!(
        limit,
        "Kafka connections wait because too many are open; raise the limit of open files (ulimit -n)"
    );
    Arc::clone(free).acquire_owned().await.ok()
}

async fn run_timeouts(state: Arc<State>) {
    tokio::join!(state.groups.run_timeouts(), markers::run_timeouts(&state));
}

async fn rewrite_journals(state: Arc<State>) {
    tokio::join!(run_rewrites(&state.groups), run_rewrites(&state.transactions));
}

async fn enforce_retention(state: Arc<State>) {
    let mut interval = tokio::time::interval(RETENTION_INTERVAL);
    loop {
        interval.tick().await;
        blocking(|| state.topics.enforce_retention(Clock::wall_ms()));
    }
}

async fn flush_due(state: Arc<State>) {
    let mut interval = tokio::time::interval(FLUSH_INTERVAL);
    loop {
        interval.tick().await;
        state.topics.flush_due(Clock::wall_ms());
    }
}
