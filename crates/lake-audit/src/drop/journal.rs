//! The journal of a move: `trash/<topic>/g<generation>/journal.json`.
//!
//! It contains the state of the move and the totals of the generation when the drop began. It lists no keys, because
//! the objects themselves show what is left to move, and a list would grow with the generation.

use lake_format::keys::trash_folder;
use serde::{Deserialize, Serialize};

/// Version of the journal's format.
const VERSION: u32 = 1;

/// State of a generation that is in the trash, completely or in part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// A drop has begun.
    Dropping,
    /// The whole generation is in the trash.
    Dropped,
    /// A restore has begun.
    Restoring,
}

/// The journal of a generation.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Journal {
    pub(super) version: u32,
    pub(crate) topic: String,
    pub(crate) generation: u32,
    pub(crate) state: State,
    /// Number of objects when the drop began; once the drop is complete, the number of objects in the trash.
    pub(crate) objects: u64,
    /// Number of ledgers, counted at the same times as `objects`.
    pub(crate) ledgers: u64,
    /// Size of objects and ledgers in bytes, counted at the same times as `objects`.
    pub(crate) bytes: u64,
    /// Number of valid and quarantined records; `None` if an object could not be read, or a writer added objects during
    /// the drop.
    pub(crate) records: Option<u64>,
}

/// Reason that a journal cannot be parsed.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The object is not JSON with exactly the fields of a journal.
    #[error("not a journal: {0}")]
    Json(#[from] serde_json::Error),
    /// A later version of `tickerlake` has written the journal.
    #[error("the journal has format version {0}, which only a later version of tickerlake can read")]
    Version(u32),
    /// The journal belongs to another folder.
    #[error("the journal belongs to generation {generation} of {topic}, not to the generation of its folder")]
    Other { topic: String, generation: u32 },
}

impl Journal {
    pub(crate) fn new(topic: &str, generation: u32, state: State) -> Self {
        let topic = topic.to_owned();
        Journal { version: VERSION, topic, generation, state, objects: 0, ledgers: 0, bytes: 0, records: None }
    }

    /// Returns the journal's key, without the lake's prefix.
    pub(crate) fn key(topic: &str, generation: u32) -> String {
        format!("{}journal.json", trash_folder(topic, generation))
    }

    /// Parses the journal of a generation. Rejects the journal of another topic or generation.
    pub(crate) fn from_json(text: &[u8], topic: &str, generation: u32) -> Result<Self, JournalError> {
        let journal: Journal = serde_json::from_slice(text)?;
        if journal.version != VERSION {
            return Err(JournalError::Version(journal.version));
        }
        if (journal.topic.as_str(), journal.generation) != (topic, generation) {
            return Err(JournalError::Other { topic: journal.topic, generation: journal.generation });
        }
        Ok(journal)
    }

    /// Returns the journal as it is stored: JSON and a line feed.
    pub(crate) fn to_json(&self) -> Result<Vec<u8>, JournalError> {
        let mut text = serde_json::to_vec(self)?;
        text.push(b'\n');
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn journal_is_read_as_it_was_written() {
        let journal = Journal { objects: 3, records: Some(7), ..Journal::new("q", 2, State::Restoring) };
        let text = journal.to_json().unwrap();
        assert_eq!(
            String::from_utf8(text.clone()).unwrap(),
            concat!(
                r#"{"version":1,"topic":"q","generation":2,"state":"restoring","#,
                r#""objects":3,"ledgers":0,"bytes":0,"records":7}"#,
                "\n"
            )
        );
        assert_eq!(Journal::from_json(&text, "q", 2).unwrap(), journal);
    }

    #[test]
    fn other_journals_are_rejected() {
        let text = Journal::new("q", 2, State::Dropped).to_json().unwrap();
        let error = |text: &[u8], topic, generation| Journal::from_json(text, topic, generation).unwrap_err();
        assert!(matches!(error(&text, "q", 1), JournalError::Other { .. }));
        assert!(matches!(error(&text, "p", 2), JournalError::Other { .. }));
        assert!(matches!(error(&text[..text.len() - 3], "q", 2), JournalError::Json(_)));
        let later = String::from_utf8(text).unwrap().replace(r#""version":1"#, r#""version":2"#);
        assert!(matches!(error(later.as_bytes(), "q", 2), JournalError::Version(2)));
    }
}
