//! Numbers in sentences.

use producer::summary::grouped;

/// Formats a number of things in the singular or the plural: `1 batch`, `1,200 batches`.
pub(crate) fn counted(number: u64, singular: &str, plural: &str) -> String {
    format!("{} {}", grouped(number), if number == 1 { singular } else { plural })
}
