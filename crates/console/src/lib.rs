//! The web console: one page that shows the market, the pipeline and the lake.
//!
//! ```text
//! browser ── GET /            the page; all files are in the binary
//!         ── GET /api/events  server-sent events: a snapshot, then deltas, at most ten a second
//!         ── GET, POST /api/  SQL, records, audit, lake
//! ```
//!
//! `tickerlake run` and `up` serve it for the pipeline of their process ([`Pipeline`], [`Live`]), `tickerlake console`
//! for any lake. The server runs on separate threads, so that a user's statement does not delay the pipeline's
//! tasks. `guard` explains which requests are answered.

mod api;
mod app;
mod assets;
mod audit;
mod clock;
mod connections;
mod guard;
mod lab;
mod live;
mod market;
mod server;
mod settings;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use lake_audit::{Report, Scope};
use rdkafka::ClientConfig;
use tokio_util::sync::{CancellationToken, DropGuard};
use uuid::Uuid;

use app::App;
pub use app::OpenLake;
use guard::Rules;
pub use lab::{Lab, LabAction, LabFigures};
pub use live::meter::Meter;
pub use live::pipeline::{BatchFill, Feed, Invoked, Lane, Pipeline, Range, Sample, Stored};
pub use live::{Live, Phase};
pub use settings::{PORT, Settings};

/// Number of threads of the server and of its statements.
const THREADS: usize = 2;

/// Stack size of these threads, in bytes. An unoptimised build of the SQL engine needs more than the default.
const STACK: usize = 8 << 20;

/// Maximum time to wait for running work when the console stops. Work that takes longer is abandoned.
const STOP_TIMEOUT: Duration = Duration::from_millis(300);

/// Reason that the console failed to start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConsoleError {
    #[error("failed to listen on {address} for the console: {source}")]
    Listen { address: SocketAddr, source: std::io::Error },
    #[error("failed to start the console's threads")]
    Threads(#[source] std::io::Error),
    /// Without a token, other machines could read the lake.
    #[error(
        "{0} is not a loopback address, so a token is required: give one with --token-file or TICKERLAKE_CONSOLE_TOKEN"
    )]
    NoToken(SocketAddr),
}

/// A running console. Dropping it stops the server.
pub struct Console {
    app: Arc<App>,
    url: String,
    _stop: DropGuard,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Console {
    /// Starts the server. `pipeline` is the pipeline of this process, if it has one.
    ///
    /// # Errors
    /// If the address is not available, or can be reached by other machines and no token is set.
    pub fn start(
        settings: Settings,
        open_lake: OpenLake,
        pipeline: Option<Arc<dyn Pipeline>>,
    ) -> Result<Console, ConsoleError> {
        if !settings.listen.ip().is_loopback() && settings.bearer.is_none() {
            return Err(ConsoleError::NoToken(settings.listen));
        }
        let listen = |source| ConsoleError::Listen { address: settings.listen, source };
        let listener = server::bind(settings.listen, settings.search_port).map_err(listen)?;
        listener.set_nonblocking(true).map_err(listen)?;
        let address = listener.local_addr().map_err(listen)?;
        let mut hosts: Vec<_> = settings.allowed_hosts.iter().map(|host| host.to_ascii_lowercase()).collect();
        // The URL contains the first permitted name, or the address if no name is given.
        hosts.push(host(address.ip()));
        let url = format!("http://{}:{}/", hosts[0], address.port());
        let rules = Rules { hosts, page_token: Uuid::new_v4().simple().to_string(), bearer: settings.bearer.clone() };
        let live = pipeline.map(|pipeline| Arc::new(Live::new(pipeline)));
        let app = Arc::new(App::new(settings, rules, open_lake, live));
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(THREADS)
            .thread_name("console")
            .thread_stack_size(STACK)
            .enable_all()
            .build()
            .map_err(ConsoleError::Threads)?;
        let stop = CancellationToken::new();
        let (token, served) = (stop.clone(), Arc::clone(&app));
        let thread = std::thread::Builder::new().name("console".to_owned()).spawn(move || {
            runtime.block_on(token.run_until_cancelled(serve(listener, served)));
            runtime.shutdown_timeout(STOP_TIMEOUT);
        });
        let thread = thread.map_err(ConsoleError::Threads)?;
        Ok(Console { app, url, _stop: stop.drop_guard(), thread: Some(thread) })
    }

    /// Returns the URL of the page, with a name that the console permits.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Returns the URL with which a browser opens the page for the first time. It contains the bearer token if one is
    /// set.
    pub fn first_url(&self) -> String {
        match &self.app.rules.bearer {
            Some(token) => format!("{}?token={token}", self.url),
            None => self.url.clone(),
        }
    }

    /// Returns the [`Live`] to which the pipeline's owner reports activity, or `None` without a pipeline.
    pub fn live(&self) -> Option<&Arc<Live>> {
        self.app.live.as_ref()
    }

    /// Sets the scope of the audit, and the broker with which it compares the lake.
    pub fn set_audit_scope(&self, scope: Scope, broker: Option<ClientConfig>) {
        self.app.audit.set_scope(scope, broker);
    }

    /// Lets the page break the pipeline on purpose.
    pub fn set_lab(&self, lab: Arc<dyn Lab>) {
        self.app.lab.set(lab);
    }

    /// Shows the result of an audit that this process ran outside the console. Must be called when the audit ends, because
    /// its start time is computed as now minus `elapsed`.
    pub fn show_audit(&self, report: &Report, elapsed: Duration) {
        self.app.show_audit(report, elapsed);
    }

    /// Stops the server and waits until its threads have ended.
    pub fn stop(self) {
        let Console { _stop: stop, thread, .. } = self;
        drop(stop);
        // A panic of the server no longer matters.
        let _ = thread.map(std::thread::JoinHandle::join);
    }
}

async fn serve(listener: std::net::TcpListener, app: Arc<App>) {
    let listener = match tokio::net::TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => return tracing::warn!(%error, "failed to serve the console"),
    };
    let router = server::router(Arc::clone(&app));
    tokio::select! {
        () = connections::serve(listener, router, connections::Limits::default()) => {}
        () = live::run(app) => {}
    }
}

/// Returns an address as the host of a URL. A server that listens on every address can be reached at the loopback
/// address.
fn host(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) if address.is_unspecified() => Ipv4Addr::LOCALHOST.to_string(),
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) if address.is_unspecified() => format!("[{}]", Ipv6Addr::LOCALHOST),
        IpAddr::V6(address) => format!("[{address}]"),
    }
}
