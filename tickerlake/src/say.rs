//! What a command prints of its stages on standard output: lines for people, or JSON lines for scripts.

use std::io::Write;

use event_source::function::Report;
use serde::Serialize;
use terminal::numbers::{counted, grouped, size};

use crate::view::screen;
use crate::view::status::{Status, Stored};

/// How a command's output is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line; `type` says what it is.
    Json,
}

/// A command's voice.
#[derive(Clone, Copy, Debug, Default)]
pub struct Say {
    /// How it is written.
    pub format: Format,
}

#[derive(Serialize)]
struct Typed<'a, T> {
    r#type: &'a str,
    #[serde(flatten)]
    content: T,
}

impl Say {
    /// What a stage has to say, for people.
    pub fn stage(&self, stage: &str, what: &str) {
        if self.format == Format::Text {
            print(format!("{stage:<10} {what}\n").as_bytes());
        }
    }

    /// Text as it is, for people.
    pub fn text(&self, text: &[u8]) {
        if self.format == Format::Text {
            print(text);
        }
    }

    /// An object, for scripts.
    pub fn event(&self, kind: &str, content: impl Serialize) {
        if self.format == Format::Json {
            match serde_json::to_string(&Typed { r#type: kind, content }) {
                Ok(line) => print((line + "\n").as_bytes()),
                Err(error) => tracing::warn!("{kind} cannot be written as JSON: {error}"),
            }
        }
    }

    /// What has been done in all, at the end.
    pub fn ended(&self, stored: &Stored) {
        self.stage("ended", &stored.closing());
        self.event("ended", stored);
    }

    /// How things stand.
    pub fn status(&self, status: &Status) {
        match self.format {
            Format::Text => {
                if let Some(fed) = &status.fed {
                    self.stage("fed", &fed.text());
                }
                self.stage("stored", &status.line());
            }
            Format::Json => self.event("status", status),
        }
    }
}

/// A reader of a pipe that has gone away is no reason to stop storing.
fn print(bytes: &[u8]) {
    screen::above(|| {
        let mut out = std::io::stdout().lock();
        let _ = out.write_all(bytes).and_then(|()| out.flush());
    });
}

/// What the sink has stored.
pub fn stored(report: &Report) -> String {
    format!(
        "{} in {}, {}; {} quarantined",
        counted(report.records, "record", "records"),
        counted(report.objects, "object", "objects"),
        size(report.bytes),
        grouped(report.quarantined)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_not_many() {
        let report = Report { records: 1_200, bytes: 45_000, objects: 1, quarantined: 0, skipped: 0 };
        assert_eq!(stored(&report), "1,200 records in 1 object, 45.0 kB; 0 quarantined");
    }
}
