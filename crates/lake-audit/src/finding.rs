//! The findings of an audit.

use std::collections::BTreeMap;
use std::ops::Range;

use serde::Serialize;

use crate::finding_kind::FindingKind;

/// Maximum number of findings of one kind that the report shows.
const MAX_SHOWN: usize = 20;

/// Maximum number of findings of one kind that are kept. Further findings are only counted.
const MAX_KEPT: usize = 10_000;

/// A partition of a topic in one generation.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct PartitionKey {
    pub topic: String,
    /// Number of times that the topic was recreated.
    pub generation: u32,
    pub partition: i32,
}

impl std::fmt::Display for PartitionKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let PartitionKey { topic, generation, partition } = self;
        match generation {
            0 => write!(f, "{topic}/{partition}"),
            generation => write!(f, "{topic}/{partition} of generation {generation}"),
        }
    }
}

/// A fault or note that an audit reports.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    pub kind: FindingKind,
    /// Affected partition; `None` if the finding does not concern a single partition.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub partition: Option<PartitionKey>,
    /// First affected offset; `None` if the finding does not concern a range of offsets.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first: Option<i64>,
    /// Last affected offset, inclusive; `None` if `first` is `None`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last: Option<i64>,
    /// Keys of the affected objects and ledgers.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<String>,
    /// Details of the finding; may be empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub text: String,
}

impl Finding {
    pub(crate) fn new(kind: FindingKind, partition: &PartitionKey, text: impl Into<String>) -> Self {
        Finding {
            kind,
            partition: Some(partition.clone()),
            first: None,
            last: None,
            keys: Vec::new(),
            text: text.into(),
        }
    }

    /// Creates a finding that does not concern a single partition.
    pub(crate) fn global(kind: FindingKind, text: impl Into<String>) -> Self {
        Finding { kind, partition: None, first: None, last: None, keys: Vec::new(), text: text.into() }
    }

    #[must_use]
    pub(crate) fn offsets(self, offsets: &Range<i64>) -> Self {
        Finding { first: Some(offsets.start), last: Some(offsets.end - 1), ..self }
    }

    #[must_use]
    pub(crate) fn keys(self, keys: impl IntoIterator<Item = String>) -> Self {
        Finding { keys: keys.into_iter().collect(), ..self }
    }

    /// Formats the finding as one line.
    pub fn line(&self) -> String {
        let mut parts = Vec::new();
        if let Some(partition) = &self.partition {
            parts.push(match (self.first, self.last) {
                (Some(first), Some(last)) => format!("{partition} {}", offsets(&(first..last + 1))),
                _ => partition.to_string(),
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

/// Formats offsets as `offset 7` or `offsets 7 to 9 (3)`.
fn offsets(range: &Range<i64>) -> String {
    match range.end - range.start {
        1 => format!("offset {}", range.start),
        count => format!("offsets {} to {} ({count})", range.start, range.end - 1),
    }
}

/// Findings by kind: the first 10,000 of each kind, and the number of all findings of the kind.
#[derive(Debug, Default)]
pub struct Findings {
    by_kind: BTreeMap<FindingKind, (Vec<Finding>, u64)>,
}

impl Findings {
    pub(crate) fn add(&mut self, finding: Finding) {
        let (kept, count) = self.by_kind.entry(finding.kind).or_default();
        *count += 1;
        if kept.len() < MAX_KEPT {
            kept.push(finding);
        }
    }

    /// Removes the finding of this kind about `partition`. A partition must have at most one finding of the kind.
    pub(crate) fn resolve(&mut self, kind: FindingKind, partition: &PartitionKey) {
        if let Some((kept, count)) = self.by_kind.get_mut(&kind) {
            kept.retain(|finding| finding.partition.as_ref() != Some(partition));
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.by_kind.remove(&kind);
            }
        }
    }

    /// Returns each kind with the findings to show, at most 20, and the number of all findings of the kind.
    pub fn kinds(&self) -> impl Iterator<Item = (FindingKind, &[Finding], u64)> {
        self.by_kind.iter().map(|(kind, (kept, count))| (*kind, &kept[..kept.len().min(MAX_SHOWN)], *count))
    }

    /// Returns every finding that was kept, for displays that draw each of them.
    pub fn kept(&self) -> impl Iterator<Item = &Finding> {
        self.by_kind.values().flat_map(|(kept, _)| kept)
    }

    /// Returns the number of findings that were only counted.
    pub fn not_kept(&self) -> u64 {
        self.by_kind.values().map(|(kept, count)| count.saturating_sub(kept.len() as u64)).sum()
    }

    /// Returns `true` if no finding is a fault of the lake, as [`FindingKind::is_fault`] defines it.
    pub fn is_clean(&self) -> bool {
        self.by_kind.keys().all(|kind| !kind.is_fault())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn partition(generation: u32) -> PartitionKey {
        PartitionKey { topic: "q".to_owned(), generation, partition: 3 }
    }

    #[test]
    fn finding_is_one_line() {
        let finding = Finding::new(FindingKind::Duplicate, &partition(2), "")
            .offsets(&(7..10))
            .keys(["a".to_owned(), "b".to_owned()]);
        assert_eq!(finding.line(), "stored twice: q/3 of generation 2 offsets 7 to 9 (3): a and b");
        assert_eq!(
            Finding::new(FindingKind::Missing, &partition(0), "x").offsets(&(7..8)).line(),
            "missing: q/3 offset 7: x"
        );
    }

    #[test]
    fn findings_keep_the_first_and_count_all() {
        let mut findings = Findings::default();
        for offset in 0..MAX_KEPT as u64 + 100 {
            findings.add(Finding::new(FindingKind::ForeignObject, &partition(0), offset.to_string()));
        }
        assert!(findings.is_clean(), "a note is not a fault");
        let (kind, shown, count) = findings.kinds().next().unwrap();
        assert_eq!(
            (kind, shown.len(), count, shown[19].text.as_str()),
            (FindingKind::ForeignObject, MAX_SHOWN, MAX_KEPT as u64 + 100, "19")
        );
        assert_eq!((findings.kept().count(), findings.not_kept()), (MAX_KEPT, 100));
        findings.add(Finding::new(FindingKind::NoLedger, &partition(0), ""));
        assert!(!findings.is_clean());
    }
}
