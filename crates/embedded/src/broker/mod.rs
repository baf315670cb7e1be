//! The embedded Kafka-compatible broker.
//!
//! `tansu-broker` with its in-memory storage: of the brokers that can be linked into a Rust program it is
//! the one that speaks consumer groups and idempotent producers, and it keeps up with several hundred
//! thousand records a second on two cores. It forgets everything when it ends. Nothing outside this
//! module knows it, so that another may take its place.

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

const CLUSTER: &str = "tickerlake";
const NODE: i32 = 1;

/// Out of file descriptors, say: trying again at once would not help.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);

/// Why the broker did not start.
#[derive(Debug, thiserror::Error)]
pub enum BrokerError {
    /// The port is taken, or not to be had.
    #[error(
        "the embedded broker cannot listen on {address}: {source}; choose another with --port, or --port 0 for any"
    )]
    Listen {
        /// What was asked for.
        address: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// Anything of the broker's own.
    #[error("the embedded broker did not start: {0}")]
    Start(String),
}

/// A running broker; it stops when this is dropped.
#[derive(Debug)]
pub struct Broker {
    address: SocketAddr,
    closed: Arc<AtomicBool>,
    _stop: DropGuard,
}

impl Broker {
    /// Starts a broker on a loopback port, 0 for any.
    ///
    /// # Errors
    /// [`BrokerError`] when the port cannot be had.
    pub async fn start(port: u16) -> Result<Self, BrokerError> {
        let wanted = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port);
        let listen = |source| BrokerError::Listen { address: wanted, source };
        let listener = TcpListener::bind(wanted).await.map_err(listen)?;
        let address = listener.local_addr().map_err(listen)?;
        let storage = storage(address).await.map_err(BrokerError::Start)?;
        let groups =
            Controller::with_storage(storage.clone()).map_err(|error| BrokerError::Start(error.to_string()))?;
        let stop = CancellationToken::new();
        let closed = Arc::new(AtomicBool::new(false));
        tokio::spawn(stop.clone().run_until_cancelled_owned(serve(listener, storage, groups, Arc::clone(&closed))));
        Ok(Broker { address, closed, _stop: stop.drop_guard() })
    }

    /// Takes no more records: who sends one is hung up on, as by a broker that goes away. Reading goes on.
    pub fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
    }

    /// `127.0.0.1:9092`, what a client takes as `bootstrap.servers`.
    pub fn bootstrap_servers(&self) -> String {
        self.address.to_string()
    }
}

async fn storage(address: SocketAddr) -> Result<StorageContainer, String> {
    let url = |text: &str| Url::parse(text).map_err(|error| error.to_string());
    let storage = StorageContainer::builder()
        .cluster_id(CLUSTER)
        .node_id(NODE)
        .advertised_listener(url(&format!("tcp://{address}"))?)
        .storage(url("memory://tickerlake/")?)
        .build()
        .await
        .map_err(|error| error.to_string())?;
    storage
        .register_broker(BrokerRegistrationRequest {
            broker_id: NODE,
            cluster_id: CLUSTER.to_owned(),
            incarnation_id: Uuid::new_v4(),
            rack: None,
        })
        .await
        .map_err(|error| error.to_string())?;
    Ok(storage)
}

/// Accepts connections until it is dropped, and every connection with it.
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
                    tracing::warn!("accepting a Kafka connection failed: {error}");
                    tokio::time::sleep(ACCEPT_AGAIN).await;
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
        tracing::debug!("{error}");
    }
    match service::connection(CLUSTER, storage, groups, appends) {
        // A client that hangs up ends its connection with an error: nobody needs to hear of it.
        Ok(service) => match service.serve(Context::default(), stream).await {
            Ok(()) => {}
            Err(error) => tracing::debug!("a Kafka connection ended: {error}"),
        },
        Err(error) => tracing::error!("a Kafka connection was refused: {error}"),
    }
}
