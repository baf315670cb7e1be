//! The terminal: lines that stay at its foot while others scroll above them.

use std::io::{IsTerminal, Write, stderr};
use std::sync::LazyLock;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

/// One for the process, since whatever is printed must make room for it.
static SCREEN: LazyLock<MultiProgress> =
    LazyLock::new(|| MultiProgress::with_draw_target(ProgressDrawTarget::stderr_with_hz(10)));

const STEPS: u64 = 1_000;

/// Prints while the lines at the foot are out of the way.
pub fn above<T>(print: impl FnOnce() -> T) -> T {
    SCREEN.suspend(print)
}

/// Whether there is somebody to look at lines that change.
pub(super) fn is_there() -> bool {
    stderr().is_terminal()
}

/// Standard error, for the log.
#[derive(Clone, Copy, Debug)]
pub struct Log;

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        above(|| stderr().write_all(bytes))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        stderr().flush()
    }
}

/// A line at the foot of the screen; it goes when it is dropped.
pub(super) struct Line {
    bar: ProgressBar,
    has_bar: bool,
}

impl Line {
    pub(super) fn new(name: &'static str) -> Self {
        let bar = SCREEN.add(ProgressBar::no_length());
        bar.set_style(style("{prefix:<10} {wide_msg}"));
        bar.set_prefix(name);
        Line { bar, has_bar: false }
    }

    /// Shows a text, and which part of the work is done, where that is known.
    pub(super) fn show(&mut self, text: String, fraction: Option<f64>) {
        if let Some(fraction) = fraction {
            if !self.has_bar {
                self.bar.set_style(style("{prefix:<10} {bar:20} {percent:>3}% {wide_msg}"));
                self.bar.set_length(STEPS);
                self.has_bar = true;
            }
            self.bar.set_position((fraction * STEPS as f64) as u64);
        }
        self.bar.set_message(text);
        self.bar.tick();
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
        SCREEN.remove(&self.bar);
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner())
}
