//! An S3-compatible object store that runs in this process and keeps its objects as plain files.
//!
//! With it, `tickerlake run` and `up` need neither a container nor an AWS account. `s3s` implements the protocol, and
//! this crate the storage: users can inspect the objects with `ls` and `zcat`. No other crate of the workspace uses
//! `s3s`. `s3s-fs`, the file storage of `s3s`, is not used: it writes objects in several steps, between which other
//! requests can see or change them, lists objects without `ETag`s, mistakes a folder for an object, and cannot store
//! keys longer than about 150 bytes. Inside the process, the AWS SDK's client calls the service without a port (through
//! `s3s-aws`). [`Storage::serve`] opens a port for other programs.
//!
//! - `objects`: objects as files; conditional, atomic writes.
//! - `service`: the operations of S3 over these objects.

mod objects;
mod service;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region};
use hyper::Request;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use s3s::auth::{S3Auth, SecretKey};
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s::{Body, HttpResponse, S3ErrorCode, S3Result};
use service::errors::{error, message};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::{CancellationToken, DropGuard};

/// Region of the embedded S3.
pub const REGION: &str = "us-east-1";
/// Access key of the embedded S3. It is not a secret: only programs on this machine can connect.
pub const ACCESS_KEY: &str = "tickerlake";
/// Secret key of the embedded S3, as public as [`ACCESS_KEY`].
pub const SECRET_KEY: &str = "tickerlake";

/// Pause after a failed accept. Retrying at once would fail again if, for example, no file descriptor is free.
const ACCEPT_RETRY_DELAY: Duration = Duration::from_millis(100);

/// Maximum length of a key in bytes, as on AWS. Requests with a longer key fail.
pub const MAX_KEY_BYTES: usize = 1024;

/// Reason that the embedded S3 failed to start.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// The folder cannot be created or used.
    #[error(
        "failed to open {} as the folder of the embedded S3: {source}; select another folder with --dir",
        folder.display()
    )]
    Folder { folder: PathBuf, source: Box<dyn std::error::Error + Send + Sync> },
    /// The port is in use or not permitted.
    #[error(
        "the embedded S3 failed to listen on {address}: {source}; choose another port with --s3-port, or a free one with --s3-port 0"
    )]
    Listen { address: SocketAddr, source: std::io::Error },
}

/// Authentication with the only access key.
struct Auth;

#[async_trait::async_trait]
impl S3Auth for Auth {
    async fn get_secret_key(&self, access_key: &str) -> S3Result<SecretKey> {
        if access_key == ACCESS_KEY {
            Ok(SecretKey::from(SECRET_KEY))
        } else {
            Err(error(S3ErrorCode::InvalidAccessKeyId))
        }
    }
}

/// An S3 service. Each folder in its root folder is a bucket.
#[derive(Clone)]
pub struct Storage(S3Service);

impl Storage {
    /// Opens a service whose root is `folder`. Creates the folder and the bucket if they do not exist.
    ///
    /// # Errors
    /// [`StorageError::Folder`] if the folder cannot be created or used.
    pub fn open(folder: &Path, bucket: &str) -> Result<Self, StorageError> {
        let failed = |source| StorageError::Folder { folder: folder.to_owned(), source };
        std::fs::create_dir_all(folder.join(bucket)).map_err(|error| failed(error.into()))?;
        let objects = objects::Objects::open(folder).map_err(|error| failed(error.into()))?;
        let mut builder = S3ServiceBuilder::new(service::Service::new(objects));
        builder.set_auth(Auth);
        Ok(Storage(builder.build()))
    }

    /// Returns an AWS SDK client that calls this service directly, without a network.
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

    /// Listens on a loopback port for other programs; port 0 selects a free one.
    ///
    /// # Errors
    /// [`StorageError::Listen`] if the port is in use or not permitted.
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

/// An open port of the embedded S3. Dropping it closes the port and its connections.
#[derive(Debug)]
pub struct Endpoint {
    address: SocketAddr,
    _stop: DropGuard,
}

impl Endpoint {
    /// Returns the URL for `AWS_ENDPOINT_URL_S3`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

/// Adds AWS's text to an error response of `s3s` that has none, so that clients do not print "Unknown".
fn with_message(mut response: HttpResponse) -> HttpResponse {
    let text = response.body().bytes().filter(|_| response.status().is_client_error());
    let text = text.and_then(|bytes| String::from_utf8(bytes.into()).ok());
    let text = text.filter(|text| text.contains("<Error>") && !text.contains("<Message>"));
    let Some((start, rest)) = text.as_deref().and_then(|text| text.split_once("</Code>")) else { return response };
    let code = start.rsplit('>').next().unwrap_or_default();
    let body = format!("{start}</Code><Message>{}</Message>{rest}", message(code));
    response.headers_mut().remove(hyper::header::CONTENT_LENGTH);
    *response.body_mut() = Body::from(body);
    response
}

/// Accepts connections. Dropping the future closes all of them.
async fn serve(listener: TcpListener, service: S3Service) {
    let http = auto::Builder::new(TokioExecutor::new());
    let service = service_fn(move |request: Request<Incoming>| {
        let service = service.clone();
        async move { service.call(request.map(Body::from)).await.map(with_message) }
    });
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    // With Nagle's algorithm, a response's last packet waits about 40 ms for the client's delayed
                    // acknowledgement.
                    if let Err(error) = stream.set_nodelay(true) {
                        tracing::debug!(%error, "failed to set TCP_NODELAY on an S3 connection");
                    }
                    let connection = http.serve_connection(TokioIo::new(stream), service.clone()).into_owned();
                    connections.spawn(async move {
                        if let Err(error) = connection.await {
                            tracing::debug!(%error, "S3 connection closed");
                        }
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "failed to accept an S3 connection");
                    tokio::time::sleep(ACCEPT_RETRY_DELAY).await;
                }
            },
            Some(_) = connections.join_next() => {}
        }
    }
}
