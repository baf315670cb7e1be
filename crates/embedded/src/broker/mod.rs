//! A Kafka-compatible broker that keeps its records in memory.
//!
//! `tansu-broker` with its in-memory storage was chosen because it is the one broker that can be linked into a Rust
//! program and supports consumer groups and idempotent producers. It handles several hundred thousand records a second
//! on two cores. The records are lost when the process ends.

mod batches;
mod service;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rama::Service;
use rama::context::Context;
use tansu_broker::coordinator::group::administrator::Controller;
use tansu_storage::{BrokerRegistrationRequest, Storage, StorageContainer};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_util::sync::{CancellationToken, DropGuard};
use url::Url;
use uuid::Uuid;

use batches::Batches;
use service::Appends;

const CLUSTER_ID: &str = "tickerlake";
const NODE_ID: i32 = 1;

/// Pause after a failed accept. Retrying at once would fail again if, for example, no file descriptor is free.
const ACCEPT_RETRY_DELAY: Duration = Duration::from_millis(100);

/// Reason that the embedded broker failed to start.
#[derive(Debug, thiserror::Error)]
pub enum BrokerError {
    /// The port is in use or not permitted.
    #[error(
        "the embedded broker failed to listen on {address}: {source}; choose another port with --port, or a free one with --port 0"
    )]
    Listen { address: SocketAddr, source: std::io::Error },
    /// The broker's storage or group controller failed to start.
    #[error("failed to start the embedded broker")]
    Start(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// A running broker. Dropping it stops the broker.
#[derive(Debug)]
pub struct Broker {
    address: SocketAddr,
    closed: Arc<AtomicBool>,
    _stop: DropGuard,
}

impl Broker {
    /// Starts a broker on a loopback port; port 0 selects a free one.
    ///
    /// # Errors
    /// [`BrokerError`] if the port is in use or the broker fails to start.
    pub async fn start(port: u16) -> Result<Self, BrokerError> {
        let wanted = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port);
        let listen = |source| BrokerError::Listen { address: wanted, source };
        let listener = TcpListener::bind(wanted).await.map_err(listen)?;
        let address = listener.local_addr().map_err(listen)?;
        let storage = storage(address).await.map_err(BrokerError::Start)?;
        let groups = Controller::with_storage(storage.clone()).map_err(|error| BrokerError::Start(error.into()))?;
        let stop = CancellationToken::new();
        let closed = Arc::new(AtomicBool::new(false));
        tokio::spawn(stop.clone().run_until_cancelled_owned(serve(listener, storage, groups, Arc::clone(&closed))));
        Ok(Broker { address, closed, _stop: stop.drop_guard() })
    }

    /// Stops accepting records. A producer that sends a record is disconnected, as if the broker were shutting down.
    /// Consumers can still read.
    pub fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
    }

    /// Returns the address for a client's `bootstrap.servers`, such as `127.0.0.1:9092`.
    pub fn bootstrap_servers(&self) -> String {
        self.address.to_string()
    }
}

async fn storage(address: SocketAddr) -> Result<StorageContainer, Box<dyn std::error::Error + Send + Sync>> {
    let storage = StorageContainer::builder()
        .cluster_id(CLUSTER_ID)
        .node_id(NODE_ID)
        .advertised_listener(Url::parse(&format!("tcp://{address}"))?)
        .storage(Url::parse("memory://tickerlake/")?)
        .build()
        .await?;
    storage
        .register_broker(BrokerRegistrationRequest {
            broker_id: NODE_ID,
            cluster_id: CLUSTER_ID.to_owned(),
            incarnation_id: Uuid::new_v4(),
            rack: None,
        })
        .await?;
    Ok(storage)
}

/// Accepts connections. Dropping the future closes all of them.
async fn serve(
    listener: TcpListener,
    storage: StorageContainer,
    groups: Controller<StorageContainer>,
    closed: Arc<AtomicBool>,
) {
    let mut connections = JoinSet::new();
    let batches = Batches::default();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    let appends = Appends { batches: batches.clone(), closed: Arc::clone(&closed) };
                    connections.spawn(connection(stream, storage.clone(), groups.clone(), appends));
                }
                Err(error) => {
                    tracing::warn!(%error, "failed to accept a Kafka connection");
                    tokio::time::sleep(ACCEPT_RETRY_DELAY).await;
                }
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn connection(
    stream: TcpStream,
    storage: StorageContainer,
    groups: Controller<StorageContainer>,
    appends: Appends,
) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "failed to set TCP_NODELAY on a Kafka connection");
    }
    match service::connection(CLUSTER_ID, storage, groups, appends) {
        Ok(service) => {
            // A client that disconnects also ends its connection with an error, so this is not worth a warning.
            if let Err(error) = service.serve(Context::default(), stream).await {
                tracing::debug!(%error, "Kafka connection closed");
            }
        }
        Err(error) => tracing::error!(%error, "failed to serve a Kafka connection"),
    }
}
