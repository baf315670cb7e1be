//! The log of a partition, and the protocol for a batch of its records.

use std::sync::LazyLock;

use commit_protocol::{CommitError, CommitProtocol, Record};

/// Maximum number of offsets in a log.
pub(super) const MAX_OFFSETS: usize = 24;
/// Maximum number of groups in a log.
pub(super) const MAX_GROUPS: usize = 3;

const LAYOUT: &str = "gzip by day";

/// A line for every offset.
static LINES: LazyLock<Vec<Vec<u8>>> =
    LazyLock::new(|| (0..MAX_OFFSETS).map(|n| format!("line {n}").into_bytes()).collect());

/// The names of every set of groups. Bit `n` of the index says whether group `n` is in the set.
static GROUP_SETS: LazyLock<Vec<Vec<String>>> = LazyLock::new(|| {
    let chosen = |bits: usize| (0..MAX_GROUPS).filter(move |group| bits >> group & 1 == 1);
    (0..1 << MAX_GROUPS).map(|bits| chosen(bits).map(|group| format!("group {group}")).collect()).collect()
});

/// The group of each record, by offset. `None` is a hole: an offset without a record.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Log(pub(super) Vec<Option<usize>>);

impl Log {
    pub(super) fn end(&self) -> usize {
        self.0.len()
    }

    pub(super) fn line(offset: usize) -> &'static [u8] {
        &LINES[offset]
    }

    /// Returns the offsets of the records at or above `from`.
    pub(super) fn offsets(&self, from: usize) -> impl Iterator<Item = usize> {
        (from..self.end()).filter(|&offset| self.0[offset].is_some())
    }

    /// Creates the protocol of an invocation that delivers the records of these offsets.
    pub(super) fn protocol(&self, offsets: &[usize], span: i64) -> Result<CommitProtocol<'static>, CommitError> {
        let group_of = |offset: usize| self.0[offset].unwrap_or_default();
        let bits = offsets.iter().fold(0, |bits, &offset| bits | 1 << group_of(offset));
        let index_of = |group: usize| (0..group).filter(|other| bits >> other & 1 == 1).count();
        let records = offsets.iter().map(|&offset| Record {
            offset: offset as i64,
            group: index_of(group_of(offset)),
            line: &LINES[offset],
        });
        CommitProtocol::new(records.collect(), &GROUP_SETS[bits], LAYOUT, span)
    }
}
