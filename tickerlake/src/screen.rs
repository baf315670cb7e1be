//! The terminal: lines that stay at the bottom while other lines scroll above them.

use std::io::{IsTerminal, Write, stderr};
use std::sync::LazyLock;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

/// The only manager of the terminal in this process. All output must go through the manager, so that it does not
/// overwrite the lines at the bottom.
static SCREEN: LazyLock<MultiProgress> =
    LazyLock::new(|| MultiProgress::with_draw_target(ProgressDrawTarget::stderr_with_hz(10)));

/// Number of steps of a full progress bar.
const BAR_STEPS: u64 = 1_000;

/// Hides the lines at the bottom while `print` runs.
pub fn above<T>(print: impl FnOnce() -> T) -> T {
    SCREEN.suspend(print)
}

/// Returns `true` if standard error is a terminal, on which lines can change.
pub(crate) fn is_terminal() -> bool {
    stderr().is_terminal()
}

/// A writer for the log: prints to standard error, above the lines that stay at the bottom.
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

/// A line at the bottom of the terminal. Dropping the value removes the line.
pub(crate) struct Line {
    bar: ProgressBar,
    has_bar: bool,
}

impl Line {
    pub(crate) fn new(name: &'static str) -> Self {
        let bar = SCREEN.add(ProgressBar::no_length());
        bar.set_style(style("{prefix:<10} {wide_msg}"));
        bar.set_prefix(name);
        Line { bar, has_bar: false }
    }

    /// Shows `text`, and a progress bar once the completed fraction of the work is known.
    pub(crate) fn show(&mut self, text: String, fraction: Option<f64>) {
        if let Some(fraction) = fraction {
            if !self.has_bar {
                self.bar.set_style(style("{prefix:<10} {bar:20} {percent:>3}% {wide_msg}"));
                self.bar.set_length(BAR_STEPS);
                self.has_bar = true;
            }
            self.bar.set_position((fraction * BAR_STEPS as f64) as u64);
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
