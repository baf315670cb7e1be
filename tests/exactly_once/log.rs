//! A partition of a topic, and the batches that are cut from it.

use std::sync::LazyLock;

use commit_protocol::{CommitError, CommitProtocol, Record};

/// The most offsets of a log.
pub(super) const LONGEST: usize = 24;
/// The most groups.
pub(super) const GROUPS: usize = 3;

const LAYOUT: &str = "gzip by day";

/// A line for every offset.
static LINES: LazyLock<Vec<Vec<u8>>> =
    LazyLock::new(|| (0..LONGEST).map(|n| format!("line {n}").into_bytes()).collect());

/// Every choice of groups, by the bits of its place.
static CHOICES: LazyLock<Vec<Vec<String>>> = LazyLock::new(|| {
    let chosen = |bits: usize| (0..GROUPS).filter(move |group| bits >> group & 1 == 1);
    (0..1 << GROUPS).map(|bits| chosen(bits).map(|group| format!("group {group}")).collect()).collect()
});

/// The groups of a log's records by offset; none where the offset is a hole.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Log(pub(super) Vec<Option<usize>>);

impl Log {
    pub(super) fn end(&self) -> usize {
        self.0.len()
    }

    /// The line of an offset.
    pub(super) fn line(offset: usize) -> &'static [u8] {
        &LINES[offset]
    }

    /// The offsets that are records, from one on.
    pub(super) fn offsets(&self, from: usize) -> impl Iterator<Item = usize> {
        (from..self.end()).filter(|&offset| self.0[offset].is_some())
    }

    /// What an invocation makes of these offsets, which are records.
    pub(super) fn protocol(&self, offsets: &[usize], span: i64) -> Result<CommitProtocol<'static>, CommitError> {
        let group_of = |offset: usize| self.0[offset].unwrap_or_default();
        let bits = offsets.iter().fold(0, |bits, &offset| bits | 1 << group_of(offset));
        let place = |group: usize| (0..group).filter(|other| bits >> other & 1 == 1).count();
        let records = offsets.iter().map(|&offset| Record {
            offset: offset as i64,
            group: place(group_of(offset)),
            line: &LINES[offset],
        });
        CommitProtocol::new(records.collect(), &CHOICES[bits], LAYOUT, span)
    }
}
