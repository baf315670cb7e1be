//! Builds the frames of the event stream: a snapshot of every section, then deltas with the sections that changed.
//!
//! ```text
//! sections   strip   feed   topic   ...         quotes
//! snapshot   x       x      x       x           -        state at one moment
//! delta      -       x      x       -           x        what changed since the frame before
//! ```
//!
//! The section `server` identifies the process. It never changes, so only snapshots contain it. A client that connects
//! to another process notices the change.
//!
//! A section is replaced as a whole, so a client that applies every delta has the state of a new snapshot. The records
//! of `quotes` are not state: a client that missed a frame receives a snapshot, and reads its chart again.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;

/// Names of sections, and their JSON.
pub(crate) type Sections = BTreeMap<&'static str, String>;

/// A frame, with its number.
#[derive(Clone, Debug)]
pub(crate) struct Frame {
    pub(crate) number: u64,
    pub(crate) json: Arc<str>,
}

/// The latest state of every section.
#[derive(Debug, Default)]
pub(crate) struct Frames {
    number: u64,
    sections: Sections,
}

impl Frames {
    /// Creates the frames of a server. `id` is different for each server.
    pub(crate) fn of_server(id: &str) -> Self {
        Frames { number: 0, sections: Sections::from([("server", format!("\"{id}\""))]) }
    }

    /// Replaces sections. Returns the delta, or `None` if nothing changed and there are no quotes. `quotes` is the JSON
    /// of new records.
    pub(crate) fn update(&mut self, sections: Sections, quotes: Option<&str>) -> Option<Frame> {
        let changed: Sections =
            sections.into_iter().filter(|(name, json)| self.sections.get(name) != Some(json)).collect();
        if changed.is_empty() && quotes.is_none() {
            return None;
        }
        self.number += 1;
        let mut json = object(self.number, &changed);
        if let Some(quotes) = quotes {
            json.truncate(json.len() - 1);
            // Writing to a String does not fail.
            let _ = write!(json, ",\"quotes\":{quotes}}}");
        }
        self.sections.extend(changed);
        Some(Frame { number: self.number, json: json.into() })
    }

    /// Returns a snapshot of all sections.
    pub(crate) fn snapshot(&self) -> Frame {
        Frame { number: self.number, json: object(self.number, &self.sections).into() }
    }
}

fn object(number: u64, sections: &Sections) -> String {
    let mut json = format!("{{\"frame\":{number}");
    for (name, section) in sections {
        let _ = write!(json, ",\"{name}\":{section}");
    }
    json.push('}');
    json
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Map, Value};

    use super::*;

    const NAMES: [&str; 3] = ["strip", "feed", "topic"];

    fn parse(frame: &Frame) -> Map<String, Value> {
        serde_json::from_str(&frame.json).unwrap()
    }

    fn sections(values: &[u8]) -> Sections {
        NAMES.into_iter().zip(values).map(|(name, value)| (name, value.to_string())).collect()
    }

    #[test]
    fn unchanged_sections_make_no_frame() {
        let mut frames = Frames::default();
        assert!(frames.update(sections(&[1, 2, 3]), None).is_some());
        assert!(frames.update(sections(&[1, 2, 3]), None).is_none());
        let delta = parse(&frames.update(sections(&[1, 9, 3]), None).unwrap());
        assert_eq!(Value::Object(delta), serde_json::json!({"frame": 2, "feed": 9}));
    }

    #[test]
    fn quotes_are_no_state() {
        let mut frames = Frames::default();
        let delta = parse(&frames.update(Sections::new(), Some("[[1]]")).unwrap());
        assert_eq!(delta["quotes"], serde_json::json!([[1]]));
        assert!(!parse(&frames.snapshot()).contains_key("quotes"));
    }

    proptest! {
        #[test]
        fn deltas_lead_to_the_snapshot(steps in prop::collection::vec(prop::array::uniform3(0_u8..3), 1..30), from in 0_usize..30) {
            let mut frames = Frames::default();
            let mut client: Option<Map<String, Value>> = None;
            for (at, step) in steps.iter().enumerate() {
                let delta = frames.update(sections(step), None);
                if at == from.min(steps.len() - 1) {
                    client = Some(parse(&frames.snapshot()));
                } else if let (Some(client), Some(delta)) = (&mut client, delta) {
                    client.extend(parse(&delta));
                }
            }
            prop_assert_eq!(client.unwrap(), parse(&frames.snapshot()));
        }
    }
}
