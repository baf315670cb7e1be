//! The lab: actions that break a local pipeline on purpose, to show that nothing is lost or stored twice.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use futures::future::BoxFuture;
use serde::Serialize;

use crate::clock::millis_since_1970;

/// Number of results that the page shows.
const SHOWN_RESULTS: usize = 12;

/// A way to break the pipeline on purpose.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct LabAction {
    pub name: &'static str,
    pub title: &'static str,
    /// The effect, in one sentence.
    pub effect: &'static str,
    /// The same case on AWS, in one sentence.
    pub aws: &'static str,
}

/// Effects of the lab's actions so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct LabFigures {
    /// Invocations that were killed.
    pub killed: u64,
    /// `true` if the next invocation that writes will be killed.
    pub will_kill: bool,
    /// Records that were delivered again.
    pub delivered_again: u64,
    /// Those of them that were already stored.
    pub already_stored: u64,
    /// Requests to S3 that failed.
    pub failed_requests: u64,
    /// `true` as long as an object is cut.
    pub is_damaged: bool,
}

/// A pipeline that can be broken on purpose.
pub trait Lab: Send + Sync {
    fn actions(&self) -> &'static [LabAction];

    fn figures(&self) -> LabFigures;

    /// Carries out an action. Returns what it has done, or why it cannot be done now.
    fn act(&self, name: String) -> BoxFuture<'_, Result<String, String>>;
}

/// A result of an action.
#[derive(Clone, Debug, Serialize)]
struct Done {
    number: u64,
    /// Milliseconds since 1970.
    at: i64,
    name: String,
    text: String,
    is_error: bool,
}

/// The lab of the console, if it has one, and its last results.
#[derive(Default)]
pub(crate) struct LabState {
    lab: OnceLock<Arc<dyn Lab>>,
    done: Mutex<(u64, VecDeque<Done>)>,
}

/// The section of the event stream.
#[derive(Serialize)]
pub(crate) struct Section {
    actions: &'static [LabAction],
    figures: LabFigures,
    done: Vec<Done>,
}

impl LabState {
    pub(crate) fn set(&self, lab: Arc<dyn Lab>) {
        // A console has one pipeline, so the lab is set once.
        let _ = self.lab.set(lab);
    }

    pub(crate) fn get(&self) -> Option<&Arc<dyn Lab>> {
        self.lab.get()
    }

    pub(crate) fn note(&self, name: &str, result: &Result<String, String>) {
        let mut done = self.done.lock().unwrap_or_else(PoisonError::into_inner);
        let (count, results) = &mut *done;
        *count += 1;
        if results.len() == SHOWN_RESULTS {
            results.pop_back();
        }
        let (Ok(text) | Err(text)) = result;
        results.push_front(Done {
            number: *count,
            at: millis_since_1970(),
            name: name.to_owned(),
            text: text.clone(),
            is_error: result.is_err(),
        });
    }

    pub(crate) fn section(&self) -> Option<Section> {
        let lab = self.lab.get()?;
        let done = self.done.lock().unwrap_or_else(PoisonError::into_inner);
        Some(Section { actions: lab.actions(), figures: lab.figures(), done: done.1.iter().cloned().collect() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Nothing;

    impl Lab for Nothing {
        fn actions(&self) -> &'static [LabAction] {
            &[LabAction { name: "a", title: "A", effect: "E", aws: "W" }]
        }

        fn figures(&self) -> LabFigures {
            LabFigures::default()
        }

        fn act(&self, name: String) -> BoxFuture<'_, Result<String, String>> {
            Box::pin(async move { Ok(name) })
        }
    }

    #[test]
    fn section_exists_only_with_a_lab() {
        let state = LabState::default();
        assert!(state.section().is_none());
        state.set(Arc::new(Nothing));
        for _ in 0..40 {
            state.note("a", &Err("no".to_owned()));
        }
        let section = state.section().unwrap();
        assert_eq!((section.done.len(), section.done[0].number, section.done[0].is_error), (SHOWN_RESULTS, 40, true));
    }
}
