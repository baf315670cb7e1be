//! Standard output of the commands: human-readable lines, or JSON lines for scripts.

use std::io::Write;

use serde::Serialize;

use crate::screen;

/// Format in which commands print their results (`--format`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// Human-readable text
    #[default]
    Text,
    /// One JSON object per line; `type` is its kind
    Json,
}

/// Standard output in one format. Output in the other format is dropped.
#[derive(Clone, Copy, Debug, Default)]
pub struct Output {
    pub format: Format,
}

#[derive(Serialize)]
struct Typed<'a, T> {
    r#type: &'a str,
    #[serde(flatten)]
    content: T,
}

impl Output {
    /// Prints a line of text that begins with the name of its stage, if the format is text.
    pub fn stage(&self, stage: &str, text: &str) {
        if self.format == Format::Text {
            print(format!("{stage:<10} {text}\n").as_bytes());
        }
    }

    /// Prints `text` if the format is text.
    pub fn text(&self, text: &[u8]) {
        if self.format == Format::Text {
            print(text);
        }
    }

    /// Prints `content` as a JSON object whose `type` is `kind`, if the format is JSON.
    pub fn event(&self, kind: &str, content: impl Serialize) {
        if self.format == Format::Json {
            match serde_json::to_string(&Typed { r#type: kind, content }) {
                Ok(line) => print((line + "\n").as_bytes()),
                Err(error) => tracing::warn!(kind, %error, "failed to serialize an event as JSON"),
            }
        }
    }
}

/// Prints to standard output. Ignores errors, because records must be stored even if standard output is a closed pipe.
fn print(bytes: &[u8]) {
    screen::above(|| {
        let mut out = std::io::stdout().lock();
        let _ = out.write_all(bytes).and_then(|()| out.flush());
    });
}
