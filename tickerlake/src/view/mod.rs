//! What a person, or a script, sees while records are stored: lines that change at the foot of a terminal,
//! plain lines in a pipe, or JSON.

pub mod screen;
pub mod status;

use std::io::{Write, stderr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::say::{Format, Say};
use event_source::clock::millis_since_1970;
use event_source::progress::Progress;
use screen::Line;
use status::{Meter, Status};

const REDRAW_EVERY: Duration = Duration::from_millis(200);

/// What is looked at.
#[derive(Clone)]
pub struct Watched {
    /// This process's own feed.
    pub fed: Option<Arc<producer::report::progress::Progress>>,
    /// The trigger.
    pub trigger: Arc<Progress>,
    /// How often a plain line is printed, at most.
    pub line_every: Duration,
}

/// A view; it ends with [`View::end`].
pub struct View {
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl View {
    /// Shows what is watched from now on.
    pub fn start(watched: Watched, say: Say) -> Self {
        let stop = CancellationToken::new();
        let token = stop.clone();
        let mut shown = Shown::new(watched, say);
        let task = tokio::spawn(async move {
            let mut ticks = tokio::time::interval(REDRAW_EVERY);
            while token.run_until_cancelled(ticks.tick()).await.is_some() {
                shown.show(false);
            }
            shown.show(true);
        });
        View { stop, task }
    }

    /// Ends it, with a last line where one is due.
    pub async fn end(self) {
        self.stop.cancel();
        // A view that has failed is no reason for anything else to fail.
        let _ = self.task.await;
    }
}

struct Shown {
    watched: Watched,
    say: Say,
    meter: Meter,
    started: Instant,
    lines: Option<Lines>,
    /// What was last printed, and when.
    last: (Status, Instant),
}

/// At the foot of a terminal.
struct Lines {
    fed: Option<Line>,
    stored: Line,
    lag: Line,
    newest: Line,
}

impl Shown {
    fn new(watched: Watched, say: Say) -> Self {
        let lines = (say.format == Format::Text && screen::is_there()).then(|| Lines {
            fed: watched.fed.is_some().then(|| Line::new("fed")),
            stored: Line::new("stored"),
            lag: Line::new("lag"),
            newest: Line::new("newest"),
        });
        let now = Instant::now();
        Shown { watched, say, meter: Meter::default(), started: now, lines, last: (Status::default(), now) }
    }

    fn show(&mut self, is_last: bool) {
        let Watched { fed, trigger, line_every } = &self.watched;
        for notice in fed.iter().flat_map(|fed| fed.take_notices()) {
            // A standard error that is gone is no reason for the feed to fail.
            let _ = screen::above(|| writeln!(stderr(), "{notice}"));
        }
        let fed = fed.as_ref().map(|fed| fed.snapshot());
        let status =
            self.meter.measure(self.started.elapsed(), millis_since_1970(), fed, &trigger.counts(), &trigger.lag());
        match &mut self.lines {
            Some(lines) => lines.show(&status),
            None => {
                let before = &self.last.0;
                let moved = status.stored.records != before.stored.records
                    || status.stored.failed_invocations != before.stored.failed_invocations
                    || status.total_lag() != before.total_lag();
                if moved && (is_last || self.last.1.elapsed() >= *line_every) {
                    self.say.status(&status);
                    self.last = (status, Instant::now());
                }
            }
        }
    }
}

impl Lines {
    fn show(&mut self, status: &Status) {
        if let (Some(line), Some(fed)) = (&mut self.fed, &status.fed) {
            line.show(fed.text(), fed.fraction);
        }
        self.stored.show(status.stored.text(), None);
        self.lag.show(status.lag_text(), None);
        let newest =
            status.age_text().map_or_else(|| "nothing stored yet".to_owned(), |age| format!("record sent {age} ago"));
        self.newest.show(newest, None);
    }
}
