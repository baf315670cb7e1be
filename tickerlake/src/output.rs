//! Standard output of the commands: lines for people, or JSON lines for scripts.

use std::io::Write;

use serde::Serialize;

use crate::screen;

/// Format of the output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// Text for people.
    #[default]
    Text,
    /// One JSON object per line, whose kind is in `type`.
    Json,
}

/// Prints to standard output in one format. Output for the other format is dropped.
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
    /// Prints a line of text that begins with the stage it is about.
    pub fn stage(&self, stage: &str, text: &str) {
        if self.format == Format::Text {
            print(format!("{stage:<10} {text}\n").as_bytes());
        }
    }

    /// Prints text.
    pub fn text(&self, text: &[u8]) {
        if self.format == Format::Text {
            print(text);
        }
    }

    /// Prints a JSON object of this type.
    pub fn event(&self, kind: &str, content: impl Serialize) {
        if self.format == Format::Json {
            match serde_json::to_string(&Typed { r#type: kind, content }) {
                Ok(line) => print((line + "\n").as_bytes()),
                Err(error) => tracing::warn!(kind, %error, "failed to write an event as JSON"),
            }
        }
    }
}

/// Ignores errors: records are stored even if the reader of a pipe is gone.
fn print(bytes: &[u8]) {
    screen::above(|| {
        let mut out = std::io::stdout().lock();
        let _ = out.write_all(bytes).and_then(|()| out.flush());
    });
}
