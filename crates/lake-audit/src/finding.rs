//! What an audit has found, and in which words it is told. Pure.

use std::collections::BTreeMap;
use std::ops::Range;

use serde::Serialize;

use crate::finding_kind::Kind;

/// Findings of one kind that are printed; of the rest it is told how many there are.
pub(crate) const SHOWN: usize = 20;

/// A topic's partition in one generation.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Place {
    /// The topic.
    pub topic: String,
    /// How often it was made anew.
    pub generation: u32,
    /// The partition.
    pub partition: i32,
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Place { topic, generation, partition } = self;
        match generation {
            0 => write!(f, "{topic}/{partition}"),
            generation => write!(f, "{topic}/{partition} of generation {generation}"),
        }
    }
}

/// Something found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What it is.
    pub kind: Kind,
    /// Whose.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
    /// The first of the offsets that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first: Option<i64>,
    /// The last of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last: Option<i64>,
    /// The objects that it is about.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<String>,
    /// What there is to say besides.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub text: String,
}

impl Finding {
    pub(crate) fn of(kind: Kind, place: &Place, text: impl Into<String>) -> Self {
        Finding { kind, place: Some(place.clone()), first: None, last: None, keys: Vec::new(), text: text.into() }
    }

    #[must_use]
    pub(crate) fn offsets(self, offsets: &Range<i64>) -> Self {
        Finding { first: Some(offsets.start), last: Some(offsets.end - 1), ..self }
    }

    #[must_use]
    pub(crate) fn keys(self, keys: impl IntoIterator<Item = String>) -> Self {
        Finding { keys: keys.into_iter().collect(), ..self }
    }

    /// One line, for people.
    pub fn line(&self) -> String {
        let mut parts = Vec::new();
        if let Some(place) = &self.place {
            parts.push(match (self.first, self.last) {
                (Some(first), Some(last)) => format!("{place} {}", offsets(&(first..last + 1))),
                _ => place.to_string(),
            });
        }
        if !self.keys.is_empty() {
            parts.push(self.keys.join(" and "));
        }
        if !self.text.is_empty() {
            parts.push(self.text.clone());
        }
        format!("{}: {}", self.kind.name(), parts.join(": "))
    }
}

/// `offset 7`, `offsets 7 to 9 (3)`.
pub(crate) fn offsets(range: &Range<i64>) -> String {
    match range.end - range.start {
        1 => format!("offset {}", range.start),
        count => format!("offsets {} to {} ({count})", range.start, range.end - 1),
    }
}

/// The findings: of each kind the first few, and how many there are.
#[derive(Debug, Default)]
pub struct Findings {
    by_kind: BTreeMap<Kind, (Vec<Finding>, u64)>,
}

impl Findings {
    pub(crate) fn add(&mut self, finding: Finding) {
        let (shown, count) = self.by_kind.entry(finding.kind).or_default();
        *count += 1;
        if shown.len() < SHOWN {
            shown.push(finding);
        }
    }

    /// The one finding of this kind about a place has been mended.
    pub(crate) fn mended(&mut self, kind: Kind, place: &Place) {
        if let Some((shown, count)) = self.by_kind.get_mut(&kind) {
            shown.retain(|finding| finding.place.as_ref() != Some(place));
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.by_kind.remove(&kind);
            }
        }
    }

    /// By kind, what is shown and how many there are.
    pub fn kinds(&self) -> impl Iterator<Item = (Kind, &[Finding], u64)> {
        self.by_kind.iter().map(|(kind, (shown, count))| (*kind, &shown[..], *count))
    }

    /// How many findings of a kind there are.
    pub fn count(&self, kind: Kind) -> u64 {
        self.by_kind.get(&kind).map_or(0, |(_, count)| *count)
    }

    /// Nothing is missing, nothing is there twice, nothing is damaged.
    pub fn is_clean(&self) -> bool {
        self.by_kind.keys().all(|kind| !kind.is_fault())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(generation: u32) -> Place {
        Place { topic: "q".to_owned(), generation, partition: 3 }
    }

    #[test]
    fn a_finding_is_one_line_that_names_what_it_is_about() {
        let finding = Finding::of(Kind::Twice, &place(2), "").offsets(&(7..10)).keys(["a".to_owned(), "b".to_owned()]);
        assert_eq!(finding.line(), "stored twice: q/3 of generation 2 offsets 7 to 9 (3): a and b");
        assert_eq!(Finding::of(Kind::Missing, &place(0), "x").offsets(&(7..8)).line(), "missing: q/3 offset 7: x");
    }

    #[test]
    fn of_a_kind_only_the_first_are_kept_and_all_are_counted() {
        let mut findings = Findings::default();
        for offset in 0..100 {
            findings.add(Finding::of(Kind::ForeignObject, &place(0), offset.to_string()));
        }
        assert!(findings.is_clean(), "a note is no fault");
        let (kind, shown, count) = findings.kinds().next().unwrap();
        assert_eq!((kind, shown.len(), count, shown[19].text.as_str()), (Kind::ForeignObject, SHOWN, 100, "19"));
        findings.add(Finding::of(Kind::NoLedger, &place(0), ""));
        assert!(!findings.is_clean());
    }
}
