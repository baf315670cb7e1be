//! State that the endpoints share.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures::future::BoxFuture;
use lake_audit::{Report, Scope};
use lake_query::{Memory, Session};
use lake_store::Lake;
use rdkafka::ClientConfig;
use serde::Serialize;
use serde_json::{Value, json};
use tokio::sync::{OnceCell, Semaphore};

use crate::api::ApiError;
use crate::audit::{AuditResult, Began, Now, Seal, seal};
use crate::clock::millis_since_1970;
use crate::guard::Rules;
use crate::lab::LabState;
use crate::live::Live;
use crate::live::hub::Hub;
use crate::settings::Settings;

/// Opens the lake. The error is a message for the user.
pub type OpenLake = Box<dyn Fn() -> BoxFuture<'static, Result<Lake, String>> + Send + Sync>;

/// Maximum number of users' statements that run at the same time. Further ones wait.
const CONCURRENT_STATEMENTS: usize = 2;

pub(crate) struct App {
    pub(crate) settings: Settings,
    pub(crate) rules: Rules,
    pub(crate) live: Option<Arc<Live>>,
    pub(crate) hub: Arc<Hub>,
    pub(crate) audit: Audits,
    pub(crate) lab: LabState,
    /// Permits of users' statements.
    pub(crate) statements: Arc<Semaphore>,
    memory: Memory,
    open_lake: OpenLake,
    lake: OnceCell<Lake>,
    session: tokio::sync::Mutex<Option<(Instant, Session)>>,
}

impl App {
    pub(crate) fn new(settings: Settings, rules: Rules, open_lake: OpenLake, live: Option<Arc<Live>>) -> Self {
        App {
            memory: Memory::new(settings.memory_limit),
            settings,
            rules,
            live,
            hub: Arc::default(),
            audit: Audits::default(),
            lab: LabState::default(),
            statements: Arc::new(Semaphore::new(CONCURRENT_STATEMENTS)),
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
        // Statements of an earlier session can still run, so all sessions share their memory.
        let (topic, samples) = (&self.settings.topic, self.settings.samples);
        let session = lake_query::session_within(&lake, topic, samples, &self.memory).await?;
        *kept = Some((Instant::now(), session.clone()));
        Ok(session)
    }

    /// Returns the part of the audit that the strip shows.
    pub(crate) fn audit_summary(&self) -> Summary {
        self.audit.summary(self.now())
    }

    /// Returns what is known about the lake now.
    fn now(&self) -> Now {
        let stored = self.live.as_ref().map(|live| match self.audit.topic() {
            Some(topic) => live.pipeline.stored_of(&topic),
            None => live.pipeline.sample().stored.records,
        });
        Now { at: millis_since_1970(), stored }
    }

    fn began(&self) -> Began {
        let Now { at, stored } = self.now();
        Began { at, stored: stored.unwrap_or_default(), changes: self.audit.state().changes }
    }

    /// Shows the result of an audit that this process ran outside the console. Must be called when the audit ends, because
    /// its start time is computed as now minus `elapsed`.
    pub(crate) fn show_audit(&self, report: &Report, elapsed: Duration) {
        let now = self.began();
        let millis = i64::try_from(elapsed.as_millis()).unwrap_or(0);
        let began = Began { at: now.at - millis, ..now };
        self.audit.show(began.at, Ok(AuditResult::new(report, began, elapsed)));
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
    last: Option<Last>,
    /// Number of changes by the lab.
    changes: u64,
}

#[derive(Clone)]
struct Last {
    /// Time at which the audit began, in milliseconds since 1970.
    began: i64,
    result: Result<Arc<AuditResult>, String>,
}

/// The part of an audit that the strip shows.
#[derive(Debug, Serialize)]
pub(crate) struct Summary {
    seal: Seal,
    /// Records of the audited topic that the pipeline has stored since the audit began.
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

    /// Returns the audited topic, or `None` if all topics are audited.
    fn topic(&self) -> Option<String> {
        self.state().scope.topic.clone()
    }

    /// Notes that the lab has acted, so that an audit before it no longer counts.
    pub(crate) fn lake_changed(&self) {
        self.state().changes += 1;
    }

    /// Marks an audit as running. Returns `None` if one is already running.
    fn begin(&self) -> Option<Running<'_>> {
        let mut state = self.state();
        if std::mem::replace(&mut state.is_running, true) {
            return None;
        }
        Some(Running { audits: self, scope: state.scope.clone(), broker: state.broker.clone() })
    }

    /// Shows a result, unless the result of a later audit is already shown.
    fn show(&self, began: i64, result: Result<AuditResult, String>) {
        let mut state = self.state();
        if state.last.as_ref().is_none_or(|last| last.began <= began) {
            state.last = Some(Last { began, result: result.map(Arc::new) });
        }
    }

    pub(crate) fn last(&self) -> Option<Result<Arc<AuditResult>, String>> {
        self.state().last.clone().map(|last| last.result)
    }

    fn summary(&self, now: Now) -> Summary {
        let state = self.state();
        let mut summary = Summary { seal: Seal::None, since: 0, began: None, line: None, total: None, error: None };
        match state.last.as_ref().map(|last| &last.result) {
            None => {}
            Some(Err(error)) => (summary.seal, summary.error) = (Seal::Failed, Some(error.clone())),
            Some(Ok(result)) => {
                summary.since = now.stored.unwrap_or_default().saturating_sub(result.at_start.stored);
                summary.seal = seal(&result.total, result.at_start, now, state.changes);
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

/// A running audit. It ends when this is dropped, so also if the audit panics.
struct Running<'a> {
    audits: &'a Audits,
    scope: Scope,
    broker: Option<ClientConfig>,
}

impl Running<'_> {
    /// Shows the result. `began` is the time at which the audit began.
    fn end(self, began: i64, result: Result<AuditResult, String>) {
        self.audits.show(began, result);
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.audits.state().is_running = false;
    }
}

/// Runs an audit of the lake. Returns `false` without running one if an audit is already running.
pub(crate) async fn run_audit(app: &App) -> bool {
    let Some(running) = app.audit.begin() else { return false };
    let (began, started) = (app.began(), Instant::now());
    let audited = async {
        let lake = app.lake().await.map_err(|error| error.message)?;
        let audit = lake_audit::audit(&lake, &running.scope, running.broker.as_ref()).await;
        audit.map_err(|error| crate::api::with_causes(&error))
    };
    let result = audited.await.map(|audit| AuditResult::new(&audit.report, began, started.elapsed()));
    running.end(began.at, result);
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn result(at: i64) -> Result<AuditResult, String> {
        Ok(AuditResult::new(&Report::default(), Began { at, ..Began::default() }, Duration::ZERO))
    }

    #[test]
    fn later_audit_stays_and_the_running_one_goes_on() {
        let audits = Audits::default();
        let began = |audits: &Audits| audits.last().unwrap().unwrap().began;
        let running = audits.begin().unwrap();
        audits.show(20, result(20));
        assert!(audits.begin().is_none(), "the user's audit still runs");
        running.end(10, result(10));
        assert_eq!(began(&audits), 20);
        audits.begin().unwrap().end(30, result(30));
        assert_eq!(began(&audits), 30);
    }

    #[test]
    fn panic_ends_the_audit() {
        let audits = Audits::default();
        let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let _running = audits.begin().unwrap();
            panic!("injected");
        }));
        assert!(panic.is_err() && audits.begin().is_some());
    }

    #[test]
    fn change_by_the_lab_ends_the_seal() {
        let audits = Audits::default();
        let now = Now { at: 30, stored: Some(0) };
        audits.show(20, result(20));
        assert_eq!(audits.summary(now).seal, Seal::Clean);
        audits.lake_changed();
        assert_eq!(audits.summary(now).seal, Seal::Changed);
    }
}
