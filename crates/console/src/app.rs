//! State that the endpoints share.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use futures::future::BoxFuture;
use lake_audit::Scope;
use lake_query::Session;
use lake_store::Lake;
use rdkafka::ClientConfig;
use serde::Serialize;
use serde_json::{Value, json};
use tokio::sync::{OnceCell, Semaphore};

use crate::api::ApiError;
use crate::audit::{AuditResult, Seal, seal};
use crate::clock::millis_since_1970;
use crate::guard::Rules;
use crate::lab::LabState;
use crate::live::Live;
use crate::live::hub::Hub;
use crate::settings::Settings;

/// Opens the lake. The error is a message for the user.
pub type OpenLake = Box<dyn Fn() -> BoxFuture<'static, Result<Lake, String>> + Send + Sync>;

/// Number of statements that run at the same time; others wait.
const CONCURRENT_QUERIES: usize = 2;

pub(crate) struct App {
    pub(crate) settings: Settings,
    pub(crate) rules: Rules,
    pub(crate) live: Option<Arc<Live>>,
    pub(crate) hub: Arc<Hub>,
    pub(crate) audit: Audits,
    pub(crate) lab: LabState,
    pub(crate) queries: Semaphore,
    open_lake: OpenLake,
    lake: OnceCell<Lake>,
    session: tokio::sync::Mutex<Option<(Instant, Session)>>,
}

impl App {
    pub(crate) fn new(settings: Settings, rules: Rules, open_lake: OpenLake, live: Option<Arc<Live>>) -> Self {
        App {
            settings,
            rules,
            live,
            hub: Arc::default(),
            audit: Audits::default(),
            lab: LabState::default(),
            queries: Semaphore::new(CONCURRENT_QUERIES),
            open_lake,
            lake: OnceCell::new(),
            session: tokio::sync::Mutex::default(),
        }
    }

    /// Returns the lake, which is opened once.
    pub(crate) async fn lake(&self) -> Result<Lake, ApiError> {
        let lake = self.lake.get_or_try_init(|| (self.open_lake)()).await;
        lake.cloned().map_err(ApiError::unavailable)
    }

    /// Returns a session with the lake's tables. It is kept for a few seconds, because opening one lists the lake.
    pub(crate) async fn session(&self) -> Result<Session, ApiError> {
        let mut kept = self.session.lock().await;
        if let Some((opened, session)) = &*kept
            && opened.elapsed() < self.settings.session_lifetime
        {
            return Ok(session.clone());
        }
        let lake = self.lake().await?;
        let options = lake_query::Options { memory_limit: self.settings.memory_limit, ..Default::default() };
        let session = lake_query::session(&lake, &self.settings.topic, options).await?;
        *kept = Some((Instant::now(), session.clone()));
        Ok(session)
    }

    /// Records that the pipeline of this process has stored.
    pub(crate) fn stored(&self) -> u64 {
        self.live.as_ref().map_or(0, |live| live.pipeline.sample().stored.records)
    }
}

/// The audits: their scope, whether one is running, and the last result.
#[derive(Default)]
pub(crate) struct Audits(Mutex<State>);

#[derive(Default)]
struct State {
    scope: Scope,
    broker: Option<ClientConfig>,
    is_running: bool,
    last: Option<Result<Arc<AuditResult>, String>>,
}

/// The part of an audit that the strip shows.
#[derive(Debug, Serialize)]
pub(crate) struct Summary {
    seal: Seal,
    /// Records stored since the audit began.
    since: u64,
    began: Option<i64>,
    line: Option<String>,
    total: Option<Value>,
    error: Option<String>,
}

impl Audits {
    pub(crate) fn set_scope(&self, scope: Scope, broker: Option<ClientConfig>) {
        let mut state = self.state();
        (state.scope, state.broker) = (scope, broker);
    }

    /// Marks an audit as running. Returns its scope, or `None` if one is already running.
    pub(crate) fn begin(&self) -> Option<(Scope, Option<ClientConfig>)> {
        let mut state = self.state();
        if std::mem::replace(&mut state.is_running, true) {
            return None;
        }
        Some((state.scope.clone(), state.broker.clone()))
    }

    pub(crate) fn end(&self, result: Result<AuditResult, String>) {
        let mut state = self.state();
        state.is_running = false;
        state.last = Some(result.map(Arc::new));
    }

    pub(crate) fn last(&self) -> Option<Result<Arc<AuditResult>, String>> {
        self.state().last.clone()
    }

    /// `stored` is the number of records that the pipeline has stored so far.
    pub(crate) fn summary(&self, stored: u64) -> Summary {
        let state = self.state();
        let mut summary = Summary { seal: Seal::None, since: 0, began: None, line: None, total: None, error: None };
        match &state.last {
            None => {}
            Some(Err(error)) => (summary.seal, summary.error) = (Seal::Failed, Some(error.clone())),
            Some(Ok(result)) => {
                summary.since = stored.saturating_sub(result.stored_before);
                summary.seal = seal(&result.total, summary.since);
                summary.began = Some(result.began);
                summary.line = Some(result.line.clone());
                summary.total = Some(json!(result.total));
            }
        }
        if state.is_running {
            summary.seal = Seal::Running;
        }
        summary
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Runs an audit of the lake, unless one is running. Returns `false` in that case.
pub(crate) async fn run_audit(app: &App) -> bool {
    let Some((scope, broker)) = app.audit.begin() else { return false };
    let (began, started, stored) = (millis_since_1970(), Instant::now(), app.stored());
    let audited = async {
        let lake = app.lake().await.map_err(|error| error.message)?;
        let audit = lake_audit::audit(&lake, &scope, broker.as_ref()).await;
        audit.map_err(|error| crate::api::with_causes(&error))
    };
    let result = audited.await.map(|audit| {
        let elapsed = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        AuditResult::new(&audit.report, began, elapsed, stored)
    });
    app.audit.end(result);
    true
}
