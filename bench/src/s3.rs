//! An S3 server that accepts every object and stores only the latest ledgers, on a separate thread.
//!
//! Measurements on the sink's thread include the full cost of the sink's requests, but none of the server's work.

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Result;
use aws_sdk_s3::Client;
use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region};
use bytes::Bytes;
use http_body_util::{BodyExt, Collected, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

const ABSENT: &str = "<Error><Code>NoSuchKey</Code><Message>not stored</Message></Error>";

/// A running server.
#[derive(Clone, Debug)]
pub struct DiscardingS3 {
    address: SocketAddr,
    put: Arc<Mutex<HashMap<String, usize>>>,
}

impl DiscardingS3 {
    /// Starts the server.
    ///
    /// # Errors
    /// If no port can be bound.
    pub fn start() -> Result<Self> {
        let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
        listener.set_nonblocking(true)?;
        let server = DiscardingS3 { address: listener.local_addr()?, put: Arc::default() };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let put = Arc::clone(&server.put);
        std::thread::spawn(move || {
            runtime.block_on(async move {
                let listener = TcpListener::from_std(listener)?;
                let ledgers = Arc::new(Mutex::new(HashMap::new()));
                loop {
                    let (stream, _) = listener.accept().await?;
                    let (ledgers, put) = (Arc::clone(&ledgers), Arc::clone(&put));
                    let service = service_fn(move |request| answer(request, Arc::clone(&ledgers), Arc::clone(&put)));
                    let http = hyper::server::conn::http1::Builder::new();
                    tokio::spawn(http.serve_connection(TokioIo::new(stream), service));
                }
                #[expect(unreachable_code, reason = "gives the type of the error")]
                Ok::<(), std::io::Error>(())
            })
        });
        Ok(server)
    }

    /// Returns the URL of the endpoint.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Returns a client of the AWS SDK for this server.
    pub fn client(&self) -> Client {
        let config = aws_sdk_s3::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .endpoint_url(self.url())
            .force_path_style(true)
            .region(Region::new("us-east-1"))
            .credentials_provider(Credentials::new("bench", "bench", None, None, "bench"))
            .http_client(sink::storage::https::client());
        Client::from_conf(config.build())
    }

    /// Returns the number of objects written since the last call, without ledgers, and their total size in bytes.
    /// Resets both.
    pub fn take_counts(&self) -> (usize, usize) {
        let put = std::mem::take(&mut *self.put.lock().unwrap_or_else(PoisonError::into_inner));
        (put.len(), put.values().sum())
    }
}

async fn answer(
    request: Request<Incoming>,
    ledgers: Arc<Mutex<HashMap<String, Bytes>>>,
    put: Arc<Mutex<HashMap<String, usize>>>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let path = request.uri().path().to_owned();
    let answer = Response::builder();
    let response = match *request.method() {
        Method::GET => match ledgers.lock().unwrap_or_else(PoisonError::into_inner).get(&path) {
            Some(ledger) => answer.header("etag", "\"1\"").body(Full::new(ledger.clone())),
            None if path.ends_with(".json") => answer.status(StatusCode::NOT_FOUND).body(ABSENT.into()),
            None => answer.body("<ListBucketResult><KeyCount>0</KeyCount></ListBucketResult>".into()),
        },
        _ => {
            let body = request.into_body().collect().await.map(Collected::to_bytes).unwrap_or_default();
            if path.contains("/data/") {
                put.lock().unwrap_or_else(PoisonError::into_inner).insert(path, body.len());
            } else {
                ledgers.lock().unwrap_or_else(PoisonError::into_inner).insert(path, body);
            }
            answer.header("etag", "\"1\"").body(Full::default())
        }
    };
    Ok(response.unwrap_or_default())
}
