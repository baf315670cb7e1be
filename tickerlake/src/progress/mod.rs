//! Progress while records are stored: changing lines at the bottom of a terminal, plain lines in a pipe, or JSON.

pub mod status;

use std::io::{Write, stderr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use event_source::clock::millis_since_1970;
use event_source::progress::Progress;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::output::{Format, Output};
use crate::screen::{self, Line};
use status::{Meter, Status, Stored};

const REDRAW_INTERVAL: Duration = Duration::from_millis(200);

/// Sources of the displayed progress, and the interval between lines.
#[derive(Clone)]
pub struct Sources {
    /// The feed of this process, if it has one.
    pub feed: Option<Arc<producer::report::progress::Progress>>,
    pub event_source: Arc<Progress>,
    /// Minimum time between two plain lines.
    pub line_interval: Duration,
}

/// A running display. [`Display::finish`] ends it.
pub struct Display {
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Display {
    /// Starts displaying progress.
    pub fn start(sources: Sources, output: Output) -> Self {
        let stop = CancellationToken::new();
        let token = stop.clone();
        let mut view = View::new(sources, output);
        let task = tokio::spawn(async move {
            let mut ticks = tokio::time::interval(REDRAW_INTERVAL);
            while token.run_until_cancelled(ticks.tick()).await.is_some() {
                view.update(false);
            }
            view.update(true);
        });
        Display { stop, task }
    }

    /// Displays the final state and stops.
    pub async fn finish(self) {
        self.stop.cancel();
        // A panic in the display must not fail the command.
        let _ = self.task.await;
    }
}

struct View {
    sources: Sources,
    output: Output,
    meter: Meter,
    started: Instant,
    lines: Option<Lines>,
    /// The last printed status and the time at which it was printed.
    last: (Status, Instant),
}

/// The lines at the bottom of a terminal.
struct Lines {
    fed: Option<Line>,
    stored: Line,
    lag: Line,
    newest: Line,
}

impl View {
    fn new(sources: Sources, output: Output) -> Self {
        let lines = (output.format == Format::Text && screen::is_terminal()).then(|| Lines {
            fed: sources.feed.is_some().then(|| Line::new("fed")),
            stored: Line::new("stored"),
            lag: Line::new("lag"),
            newest: Line::new("newest"),
        });
        let now = Instant::now();
        View { sources, output, meter: Meter::default(), started: now, lines, last: (Status::default(), now) }
    }

    fn update(&mut self, is_last: bool) {
        let Sources { feed, event_source, line_interval } = &self.sources;
        for notice in feed.iter().flat_map(|feed| feed.take_notices()) {
            // A closed standard error must not fail the feed.
            let _ = screen::above(|| writeln!(stderr(), "{notice}"));
        }
        let fed = feed.as_ref().map(|feed| feed.snapshot());
        let (counts, lag) = (event_source.counts(), event_source.lag());
        let status = self.meter.measure(self.started.elapsed(), millis_since_1970(), fed, &counts, &lag);
        match &mut self.lines {
            Some(lines) => lines.show(&status),
            None => {
                let before = &self.last.0;
                let has_changed = status.stored.records != before.stored.records
                    || status.stored.failed_invocations != before.stored.failed_invocations
                    || status.stored.removed != before.stored.removed
                    || status.total_lag() != before.total_lag();
                if has_changed && (is_last || self.last.1.elapsed() >= *line_interval) {
                    print_status(self.output, &status);
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

fn print_status(output: Output, status: &Status) {
    match output.format {
        Format::Text => {
            if let Some(fed) = &status.fed {
                output.stage("fed", &fed.text());
            }
            output.stage("stored", &status.line());
        }
        Format::Json => output.event("status", status),
    }
}

/// Prints the counters at the end of a command.
pub(crate) fn print_ended(output: Output, stored: &Stored) {
    output.stage("ended", &stored.closing());
    output.event("ended", stored);
}
