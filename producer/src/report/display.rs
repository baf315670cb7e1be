//! Shows a feed's progress: a bar on a terminal, a line now and then elsewhere.

use std::io::{IsTerminal, Write, stderr};
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::report::progress::{Progress, Snapshot};
use terminal::numbers::grouped;

const LINE_EVERY: Duration = Duration::from_secs(5);
const BAR_STEPS: u64 = 10_000;

/// A display on standard error, in a thread of its own; it ends when it is dropped.
#[must_use = "a display ends when it is dropped"]
pub struct Display {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Display {
    /// Shows `progress` from now on.
    pub fn start(progress: Arc<Progress>) -> Self {
        let (stop, stopped) = channel();
        let thread = std::thread::spawn(move || {
            let mut screen = Screen::new();
            let wait = if screen.bar.is_some() { Duration::from_millis(100) } else { Duration::from_millis(500) };
            while stopped.recv_timeout(wait) == Err(RecvTimeoutError::Timeout) {
                screen.show(&progress);
            }
            screen.end(&progress);
        });
        Self { stop: Some(stop), thread: Some(thread) }
    }
}

impl Drop for Display {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A display that failed is no reason for the feed to fail.
            let _ = thread.join();
        }
    }
}

struct Screen {
    bar: Option<ProgressBar>,
    started: Instant,
    last_line: Instant,
}

impl Screen {
    fn new() -> Self {
        let bar = stderr().is_terminal().then(|| {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(10));
            let style =
                ProgressStyle::with_template("{spinner} {msg}").unwrap_or_else(|_| ProgressStyle::default_spinner());
            bar.set_style(style);
            bar
        });
        Self { bar, started: Instant::now(), last_line: Instant::now() }
    }

    fn show(&mut self, progress: &Progress) {
        self.say_notices(progress);
        let now = progress.snapshot();
        let text = line(&now, self.started.elapsed());
        match &self.bar {
            Some(bar) => {
                if let (Some(fraction), None) = (now.fraction(), bar.length()) {
                    let template = "{bar:30} {percent:>3}% {msg}";
                    if let (Ok(style), true) = (ProgressStyle::with_template(template), fraction < 1.0) {
                        bar.set_style(style);
                    }
                    bar.set_length(BAR_STEPS);
                }
                if let Some(fraction) = now.fraction() {
                    bar.set_position((fraction * BAR_STEPS as f64) as u64);
                }
                bar.set_message(text);
                bar.tick();
            }
            None if now.read > 0 && self.last_line.elapsed() >= LINE_EVERY => {
                self.last_line = Instant::now();
                say(&text);
            }
            None => {}
        }
    }

    fn say_notices(&self, progress: &Progress) {
        for notice in progress.take_notices() {
            match &self.bar {
                Some(bar) => bar.suspend(|| say(&notice)),
                None => say(&notice),
            }
        }
    }

    fn end(&self, progress: &Progress) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
        self.say_notices(progress);
    }
}

/// A standard error that is gone is no reason for the feed to fail.
fn say(text: &str) {
    let _ = writeln!(stderr(), "{text}");
}

fn line(now: &Snapshot, since: Duration) -> String {
    let records = if now.delivered == 0 { now.sent } else { now.delivered };
    let verb = if now.delivered == 0 { "sent" } else { "delivered" };
    let rate = records as f64 / since.as_secs_f64().max(0.001);
    let mut line = format!("{} read, {} {verb}", grouped(now.read), grouped(records));
    for (count, what) in [(now.already, "there already"), (now.rejected, "rejected"), (now.blank, "blank")] {
        if count > 0 {
            line.push_str(&format!(", {} {what}", grouped(count)));
        }
    }
    line.push_str(&format!(", {}/s", grouped(rate.round() as u64)));
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_delivered_only_of_what_was_confirmed() {
        let sent = Snapshot { read: 2_000, sent: 1_500, ..Snapshot::default() };
        assert_eq!(line(&sent, Duration::from_secs(10)), "2,000 read, 1,500 sent, 150/s");
        let delivered = Snapshot { delivered: 1_000, rejected: 2, ..sent };
        assert_eq!(line(&delivered, Duration::from_secs(10)), "2,000 read, 1,000 delivered, 2 rejected, 100/s");
    }
}
