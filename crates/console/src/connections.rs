//! Accepts connections, with limits that apply before a request is checked: a stranger can neither hold all of them nor
//! keep one busy with a header that never ends.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

/// Time before the next attempt after a connection could not be accepted, for example because no file descriptor is
/// free.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// Limits of the connections.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Maximum number of open connections. Further ones wait in the system's queue.
    pub(crate) connections: usize,
    /// Maximum time for a client to send the header of a request.
    pub(crate) header: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { connections: 256, header: Duration::from_secs(15) }
    }
}

/// Serves connections until the future is dropped.
pub(crate) async fn serve(listener: TcpListener, router: Router, limits: Limits) {
    let slots = Arc::new(Semaphore::new(limits.connections));
    // The semaphore is never closed.
    while let Ok(slot) = Arc::clone(&slots).acquire_owned().await {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "failed to accept a connection to the console");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        // Without this, small events can wait for the acknowledgement of those before. A failure changes nothing else.
        let _ = stream.set_nodelay(true);
        let service = TowerToHyperService::new(router.clone());
        tokio::spawn(async move {
            let _slot = slot;
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(limits.header)
                .serve_connection(TokioIo::new(stream), service);
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection to the console ended early");
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::{SocketAddr, TcpStream};

    use axum::routing::get;

    use super::*;

    const WAIT: Duration = Duration::from_secs(10);

    async fn start(limits: Limits) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new().route("/", get(|| async { "here" }));
        tokio::spawn(serve(listener, router, limits));
        address
    }

    fn connect(address: SocketAddr, wait: Duration) -> TcpStream {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(wait)).unwrap();
        stream
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn header_that_never_ends_is_cut_off() {
        let address = start(Limits { header: Duration::from_millis(200), ..Limits::default() }).await;
        let mut stream = connect(address, WAIT);
        stream.write_all(b"GET / HTTP/1.1\r\nHost: local").unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        assert!(!text.contains("here"), "{text}");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn connections_beyond_the_limit_wait() {
        let address = start(Limits { connections: 1, header: WAIT }).await;
        let request = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
        let mut first = connect(address, WAIT);
        first.write_all(request).unwrap();
        let mut byte = [0];
        first.read_exact(&mut byte).unwrap();
        let mut second = connect(address, Duration::from_millis(300));
        second.write_all(request).unwrap();
        assert!(second.read_exact(&mut byte).is_err(), "served too early");
        drop(first);
        second.set_read_timeout(Some(WAIT)).unwrap();
        second.read_exact(&mut byte).unwrap();
    }
}
