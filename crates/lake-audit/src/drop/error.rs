//! Errors that can occur when a generation is moved.

use std::collections::BTreeSet;
use std::fmt;

use lake_store::StoreError;

use super::journal::JournalError;
use crate::audit::AuditError;

/// Reason that a generation was not moved, or not completely.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DropError {
    /// A request failed. Running the command again continues the move.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The records of the generation could not be counted. Nothing was moved.
    #[error("failed to count the records of the generation: {0}")]
    Count(#[source] AuditError),
    /// Neither the lake nor the trash has the generation.
    #[error("the lake has no generation {generation} of the topic {topic}: {others}")]
    NotStored { topic: String, generation: u32, others: Generations },
    /// The trash does not have the generation.
    #[error("the trash has no generation {generation} of the topic {topic}: {others}")]
    NotInTrash { topic: String, generation: u32, others: Generations },
    /// The whole generation is in the trash, and the lake has objects or ledgers with the same generation number.
    #[error(
        "generation {generation} of the topic {topic} is in the trash, but a writer has reused the number for {key}; move the new objects or the folder {folder} to another bucket or folder first"
    )]
    Reused {
        topic: String,
        generation: u32,
        /// Key of one of the objects or ledgers in the lake.
        key: String,
        folder: String,
    },
    /// A writer is storing records of the generation while the generation is being moved.
    #[error(
        "a writer still stores records of generation {generation} of the topic {topic}, for example in {key}: stop the writer, move the objects that it has stored since then to another bucket or folder, and run the command again"
    )]
    StillWritten { topic: String, generation: u32, key: String },
    /// The generation has fewer objects or ledgers than when the drop began.
    #[error(
        "{deleted} of the generation's {expected} objects and ledgers were deleted after the drop began: restore them under {folder}, for example from earlier versions in the bucket, and run the command again"
    )]
    Deleted { deleted: u64, expected: u64, folder: String },
    /// The trash has objects of the generation, but their journal was deleted.
    #[error("{folder} has objects but no journal.json: move its contents back to the lake, or to another folder")]
    NoJournal { folder: String },
    /// The journal cannot be read.
    #[error("failed to read {key}: {source}")]
    Journal { key: String, source: JournalError },
    /// An object and its copy differ, so neither was deleted.
    #[error(
        "{from} and its copy {to} differ, so neither was deleted; a writer may have replaced one of them: stop all writers, delete the wrong one, and run the command again"
    )]
    Differs { from: String, to: String },
    /// Another command is moving the same generation.
    #[error("another command has written {key}: wait until it has ended, then run the command again")]
    OtherCommand { key: String },
    /// An object was listed, but is now neither in the lake nor in the trash.
    #[error("{key} was deleted by another program while it was being moved; run `tickerlake audit`")]
    Lost { key: String },
}

/// The generations of a topic, for messages.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Generations {
    /// Generations in the lake.
    pub stored: BTreeSet<u32>,
    /// Generations in the trash.
    pub dropped: BTreeSet<u32>,
}

impl fmt::Display for Generations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |generations: &BTreeSet<u32>| {
            let numbers: Vec<String> = generations.iter().map(u32::to_string).collect();
            match numbers.as_slice() {
                [] => None,
                [one] => Some(format!("generation {one}")),
                [all @ .., last] => Some(format!("the generations {} and {last}", all.join(", "))),
            }
        };
        match (list(&self.stored), list(&self.dropped)) {
            (None, None) => write!(f, "neither the lake nor the trash has any generations of this topic"),
            (Some(stored), None) => write!(f, "the topic has {stored}"),
            (None, Some(dropped)) => write!(f, "the topic has {dropped} in the trash"),
            (Some(stored), Some(dropped)) => write!(f, "the topic has {stored}, and {dropped} in the trash"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_generation_is_reported_with_the_others() {
        let others = Generations { stored: BTreeSet::from([0, 1, 5]), dropped: BTreeSet::from([2]) };
        let error = DropError::NotStored { topic: "quotes".to_owned(), generation: 7, others };
        assert_eq!(
            error.to_string(),
            "the lake has no generation 7 of the topic quotes: the topic has the generations 0, 1 and 5, and generation 2 in the trash"
        );
        assert_eq!(
            Generations::default().to_string(),
            "neither the lake nor the trash has any generations of this topic"
        );
    }
}
