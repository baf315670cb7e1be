//! Shows the progress of a feed on standard error: as a bar on a terminal, otherwise as a line every few seconds.

use std::io::{IsTerminal, Write, stderr};
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::progress::{Progress, Snapshot};
use terminal::numbers::grouped;

/// Interval between printed lines if standard error is not a terminal.
const LINE_INTERVAL: Duration = Duration::from_secs(5);
/// Interval between updates of the bar.
const BAR_INTERVAL: Duration = Duration::from_millis(100);
/// Interval at which new notices are printed if standard error is not a terminal.
const NOTICE_INTERVAL: Duration = Duration::from_millis(500);
const BAR_REDRAWS_PER_SECOND: u8 = 10;
const BAR_STEPS: u64 = 10_000;

/// Display of a feed's progress on standard error, which runs on a separate thread until it is dropped.
#[must_use = "a display ends when it is dropped"]
pub struct Display {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Display {
    /// Starts a display of `progress`.
    pub fn start(progress: Arc<Progress>) -> Self {
        let (stop, stopped) = channel();
        let thread = std::thread::spawn(move || {
            let mut screen = Screen::new();
            let wait = if screen.bar.is_some() { BAR_INTERVAL } else { NOTICE_INTERVAL };
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
            // A panic of the display must not fail the feed.
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
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(BAR_REDRAWS_PER_SECOND));
            let style =
                ProgressStyle::with_template("{spinner} {msg}").unwrap_or_else(|_| ProgressStyle::default_spinner());
            bar.set_style(style);
            bar
        });
        Self { bar, started: Instant::now(), last_line: Instant::now() }
    }

    fn show(&mut self, progress: &Progress) {
        self.print_notices(progress);
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
            None if now.read > 0 && self.last_line.elapsed() >= LINE_INTERVAL => {
                self.last_line = Instant::now();
                print_line(&text);
            }
            None => {}
        }
    }

    fn print_notices(&self, progress: &Progress) {
        for notice in progress.take_notices() {
            match &self.bar {
                Some(bar) => bar.suspend(|| print_line(&notice)),
                None => print_line(&notice),
            }
        }
    }

    fn end(&self, progress: &Progress) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
        self.print_notices(progress);
    }
}

/// Prints a line to standard error. Ignores errors, since the feed must continue even if standard error is closed.
fn print_line(text: &str) {
    let _ = writeln!(stderr(), "{text}");
}

fn line(now: &Snapshot, elapsed: Duration) -> String {
    let records = if now.delivered == 0 { now.sent } else { now.delivered };
    let verb = if now.delivered == 0 { "sent" } else { "delivered" };
    let rate = records as f64 / elapsed.as_secs_f64().max(0.001);
    let mut line = format!("{} read, {} {verb}", grouped(now.read), grouped(records));
    for (count, what) in
        [(now.already_in_topic, "already in the topic"), (now.rejected, "rejected"), (now.blank, "blank")]
    {
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
    fn only_confirmed_records_are_shown_as_delivered() {
        let sent = Snapshot { read: 2_000, sent: 1_500, ..Snapshot::default() };
        assert_eq!(line(&sent, Duration::from_secs(10)), "2,000 read, 1,500 sent, 150/s");
        let delivered = Snapshot { delivered: 1_000, rejected: 2, ..sent };
        assert_eq!(line(&delivered, Duration::from_secs(10)), "2,000 read, 1,000 delivered, 2 rejected, 100/s");
    }
}
