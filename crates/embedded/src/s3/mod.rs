//! The embedded S3.
//!
//! `s3s` speaks S3's protocol and `s3s-fs` keeps the objects as plain files, so that a user can look at
//! them with `ls` and `zcat`. Nothing outside this module knows either. Within the process the AWS SDK's
//! real client talks to the service without a port (`s3s-aws`); [`Storage::serve`] opens one for other programs.

mod atomic;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use s3s::auth::SimpleAuth;
use s3s::service::{S3Service, S3ServiceBuilder};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::{CancellationToken, DropGuard};

/// The region, and the credentials that the embedded S3 takes: they keep nobody out.
pub const REGION: &str = "us-east-1";
/// See [`REGION`].
pub const ACCESS_KEY: &str = "tickerlake";
/// See [`REGION`].
pub const SECRET_KEY: &str = "tickerlake";

/// Out of file descriptors, say: trying again at once would not help.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);

/// The longest key that the embedded S3 takes: s3s-fs names a file of metadata after the key, in base64.
pub const LONGEST_KEY: usize = 150;

/// Why the embedded S3 did not start.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// The folder cannot be used.
    #[error("{folder}: the folder of the embedded S3 cannot be used: {reason}")]
    Folder {
        /// The folder.
        folder: String,
        /// Why.
        reason: String,
    },
    /// The port is taken, or not to be had.
    #[error(
        "the embedded S3 cannot listen on {address}: {source}; choose another with --s3-port, or --s3-port 0 for any"
    )]
    Listen {
        /// What was asked for.
        address: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
}

/// An S3 service whose buckets are the folders in one folder.
#[derive(Clone)]
pub struct Storage(S3Service);

impl Storage {
    /// A service over `folder`, which it makes, with one bucket in it.
    ///
    /// # Errors
    /// [`StorageError::Folder`] when it cannot be made or written.
    pub fn open(folder: &Path, bucket: &str) -> Result<Self, StorageError> {
        let fault = |reason: String| StorageError::Folder { folder: folder.display().to_string(), reason };
        std::fs::create_dir_all(folder.join(bucket)).map_err(|error| fault(error.to_string()))?;
        let files = s3s_fs::FileSystem::new(folder).map_err(|error| fault(format!("{error:?}")))?;
        let mut builder = S3ServiceBuilder::new(atomic::Atomic::new(files));
        builder.set_auth(SimpleAuth::from_single(ACCESS_KEY, SECRET_KEY));
        Ok(Storage(builder.build()))
    }

    /// The AWS SDK's client, with this service for its network.
    pub fn client(&self) -> Client {
        let config = aws_sdk_s3::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::from_static(REGION))
            .credentials_provider(Credentials::new(ACCESS_KEY, SECRET_KEY, None, None, "embedded"))
            .endpoint_url("http://embedded")
            .force_path_style(true)
            .http_client(s3s_aws::Client::from(self.0.clone()))
            .build();
        Client::from_conf(config)
    }

    /// Opens a loopback port, 0 for any, for other programs.
    ///
    /// # Errors
    /// [`StorageError::Listen`] when the port cannot be had.
    pub async fn serve(&self, port: u16) -> Result<Endpoint, StorageError> {
        let wanted = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port);
        let listen = |source| StorageError::Listen { address: wanted, source };
        let listener = TcpListener::bind(wanted).await.map_err(listen)?;
        let address = listener.local_addr().map_err(listen)?;
        let stop = CancellationToken::new();
        tokio::spawn(stop.clone().run_until_cancelled_owned(serve(listener, self.0.clone())));
        Ok(Endpoint { address, _stop: stop.drop_guard() })
    }
}

/// An open port of the embedded S3; it closes when this is dropped.
#[derive(Debug)]
pub struct Endpoint {
    address: SocketAddr,
    _stop: DropGuard,
}

impl Endpoint {
    /// What a client takes as `AWS_ENDPOINT_URL_S3`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

/// Accepts connections until it is dropped, and every connection with it.
async fn serve(listener: TcpListener, service: S3Service) {
    let http = auto::Builder::new(TokioExecutor::new());
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    // An answer's last packet would wait for the client's delayed acknowledgement, some 40 ms.
                    if let Err(error) = stream.set_nodelay(true) {
                        tracing::debug!("an S3 connection: {error}");
                    }
                    let connection = http.serve_connection(TokioIo::new(stream), service.clone()).into_owned();
                    connections.spawn(async move {
                        if let Err(error) = connection.await {
                            tracing::debug!("an S3 connection ended: {error}");
                        }
                    });
                }
                Err(error) => {
                    tracing::warn!("accepting an S3 connection failed: {error}");
                    tokio::time::sleep(ACCEPT_AGAIN).await;
                }
            },
            Some(_) = connections.join_next() => {}
        }
    }
}
