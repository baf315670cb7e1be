//! Carries out the steps of a move.

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use lake_format::keys::trash_folder;
use lake_store::{Comparison, Lake, StoreError, Version};
use serde::Serialize;

use super::error::{DropError, Generations};
use super::journal::{Journal, State};
use super::listing::{self, Listing, MAX_KEYS};
use super::steps::{Contents, Goal, Part, Refusal, Step, next_step};
use super::trash::generations_in_trash;
use crate::audit::{Scope, audit};
use crate::finding_kind::FindingKind;

/// Number of objects to move concurrently: enough to hide the store's latency, too few to be throttled.
const CONCURRENT_MOVES: usize = 16;

/// A move of one generation between the lake and the trash.
#[derive(Clone, Debug)]
pub struct Transfer {
    lake: Lake,
    /// The generation's folder in the trash, which is a lake with a longer prefix.
    trash: Lake,
    topic: String,
    generation: u32,
    goal: Goal,
    max_keys: usize,
}

/// Totals of a move.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Summary {
    pub topic: String,
    pub generation: u32,
    /// Number of objects with records.
    pub objects: u64,
    pub ledgers: u64,
    /// Size of objects and ledgers in bytes, as stored.
    pub bytes: u64,
    /// Number of valid and quarantined records; `None` if the number is unknown, for example because an object is
    /// damaged.
    pub records: Option<u64>,
    /// The generation's folder in the trash, including the lake's prefix.
    pub trash: String,
    /// `true` if the command continued a move that had been interrupted.
    pub continued: bool,
}

/// The journal and the stored objects, from which the next step is derived.
struct Seen {
    journal: Option<(Journal, Version)>,
    lake: Listing,
    trash: Listing,
}

impl Transfer {
    /// Creates a move. Nothing is read or written yet.
    pub fn new(lake: &Lake, topic: &str, generation: u32, goal: Goal) -> Self {
        let prefix = format!("{}{}", lake.prefix, trash_folder(topic, generation));
        let trash = Lake { store: lake.store.clone(), prefix };
        Transfer { lake: lake.clone(), trash, topic: topic.to_owned(), generation, goal, max_keys: MAX_KEYS }
    }

    /// Moves the generation, or completes a move that was interrupted. Succeeds at once if a drop is already complete.
    ///
    /// # Errors
    /// [`DropError`] if the generation was not moved, or not completely. Each object is then in the lake, in the trash,
    /// or in both.
    pub async fn run(&self) -> Result<Summary, DropError> {
        let mut seen = self.look().await?;
        let continued = self.is_unfinished(&seen);
        loop {
            let step = self.next(&seen).await?;
            let journal = match (step, seen.journal.take()) {
                (Step::Done, Some((journal, _))) => return Ok(self.summary(&journal, continued)),
                (Step::DeleteJournal, Some((journal, _))) => {
                    self.lake.delete(&self.journal_key()).await?;
                    return Ok(self.summary(&journal, continued));
                }
                (Step::Move(part), _) => {
                    self.move_part(part, &seen).await?;
                    None
                }
                (Step::SetState(state), journal) => Some((state, journal)),
                // `next_step` returns these steps only if the journal exists.
                (Step::Done | Step::DeleteJournal, None) => return Err(self.no_journal()),
            };
            if let Some((state, before)) = journal {
                self.write_journal(state, before, &seen).await?;
            }
            seen = self.look().await?;
        }
    }

    /// Returns what [`Transfer::run`] would move. Writes nothing.
    ///
    /// # Errors
    /// [`DropError`], as for [`Transfer::run`].
    pub async fn preview(&self) -> Result<Summary, DropError> {
        let seen = self.look().await?;
        self.next(&seen).await?;
        let (from, lake) = match self.goal {
            Goal::Drop => (&seen.lake.contents, &self.lake),
            Goal::Restore => (&seen.trash.contents, &self.trash),
        };
        let mut journal = Journal::new(&self.topic, self.generation, State::Dropping);
        count(&mut journal, from);
        journal.records = match &seen.journal {
            // Records in the lake and in the trash are not counted together.
            Some(_) if self.is_unfinished(&seen) => None,
            Some((journal, _)) => journal.records,
            None => self.records(lake).await?,
        };
        Ok(self.summary(&journal, self.is_unfinished(&seen)))
    }

    fn is_unfinished(&self, seen: &Seen) -> bool {
        seen.journal.as_ref().is_some_and(|(journal, _)| journal.state != State::Dropped)
    }

    fn summary(&self, journal: &Journal, continued: bool) -> Summary {
        let Journal { objects, ledgers, bytes, records, .. } = *journal;
        let (topic, trash) = (self.topic.clone(), self.trash.prefix.clone());
        Summary { topic, generation: self.generation, objects, ledgers, bytes, records, trash, continued }
    }

    fn journal_key(&self) -> String {
        format!("{}{}", self.lake.prefix, Journal::key(&self.topic, self.generation))
    }

    async fn look(&self) -> Result<Seen, DropError> {
        let key = self.journal_key();
        let journal = match self.lake.get_versioned(&key).await? {
            None => None,
            Some((text, version)) => match Journal::from_json(&text, &self.topic, self.generation) {
                Ok(journal) => Some((journal, version)),
                Err(source) => return Err(DropError::Journal { key, source }),
            },
        };
        let list = |lake| listing::list(lake, &self.topic, self.generation, self.max_keys);
        Ok(Seen { journal, lake: list(&self.lake).await?, trash: list(&self.trash).await? })
    }

    async fn next(&self, seen: &Seen) -> Result<Step, DropError> {
        let journal = seen.journal.as_ref().map(|(journal, _)| journal);
        match next_step(self.goal, journal, &seen.lake.contents, &seen.trash.contents) {
            Ok(step) => Ok(step),
            Err(refusal) => Err(self.refused(refusal, journal, seen).await?),
        }
    }

    async fn refused(&self, refusal: Refusal, journal: Option<&Journal>, seen: &Seen) -> Result<DropError, StoreError> {
        let (topic, generation, folder) = (self.topic.clone(), self.generation, self.trash.prefix.clone());
        let key = seen.lake.contents.example.clone().unwrap_or_default();
        let dropped = generations_in_trash(&self.lake, &topic).await?;
        let others = Generations { stored: seen.lake.generations.clone(), dropped };
        Ok(match refusal {
            Refusal::NotStored => DropError::NotStored { topic, generation, others },
            Refusal::NotInTrash => DropError::NotInTrash { topic, generation, others },
            Refusal::NoJournal => self.no_journal(),
            Refusal::Reused => DropError::Reused { topic, generation, key, folder },
            Refusal::StillWritten => DropError::StillWritten { topic, generation, key },
            Refusal::Deleted => {
                let expected = journal.map_or(0, |journal| journal.objects + journal.ledgers);
                let found = [&seen.lake.contents, &seen.trash.contents].map(|all| all.objects + all.ledgers);
                DropError::Deleted { deleted: expected.saturating_sub(found[0] + found[1]), expected, folder }
            }
        })
    }

    fn no_journal(&self) -> DropError {
        DropError::NoJournal { folder: self.trash.prefix.clone() }
    }

    /// Writes the journal with a new state. Counts the generation for its first journal, and again when a drop is
    /// complete.
    async fn write_journal(
        &self,
        state: State,
        before: Option<(Journal, Version)>,
        seen: &Seen,
    ) -> Result<(), DropError> {
        let key = self.journal_key();
        let (mut journal, version) = match before {
            Some((journal, version)) => (journal, Some(version)),
            None => {
                let mut journal = Journal::new(&self.topic, self.generation, state);
                count(&mut journal, &seen.lake.contents);
                journal.records = self.records(&self.lake).await?;
                (journal, None)
            }
        };
        journal.state = state;
        if state == State::Dropped {
            let planned = journal.objects;
            count(&mut journal, &seen.trash.contents);
            // Objects that a writer added after the drop had begun were not counted.
            journal.records = journal.records.filter(|_| journal.objects == planned);
        }
        let text = journal.to_json().map_err(|source| DropError::Journal { key: key.clone(), source })?;
        let written = match version {
            None => self.lake.create(&key, Bytes::from(text)).await,
            Some(version) => self.lake.replace(&key, Bytes::from(text), version).await,
        };
        match written {
            Ok(_) => Ok(()),
            Err(StoreError::Changed { key }) => Err(DropError::OtherCommand { key }),
            Err(error) => Err(error.into()),
        }
    }

    /// Counts the records of the generation by reading every object. Returns `None` if an object is damaged.
    async fn records(&self, lake: &Lake) -> Result<Option<u64>, DropError> {
        let scope = Scope { topic: Some(self.topic.clone()), generation: Some(self.generation), from_first: true };
        let report = audit(lake, &scope, None).await.map_err(DropError::Count)?.report;
        let is_damaged = report.findings.kinds().any(|(kind, ..)| kind == FindingKind::Damaged);
        let total = report.total();
        Ok((!is_damaged).then_some(total.stored + total.quarantined))
    }

    async fn move_part(&self, part: Part, seen: &Seen) -> Result<(), DropError> {
        let (from, to, listing) = match self.goal {
            Goal::Drop => (&self.lake, &self.trash, &seen.lake),
            Goal::Restore => (&self.trash, &self.lake, &seen.trash),
        };
        let keys = match part {
            Part::Objects => &listing.objects,
            Part::Ledgers => &listing.ledgers,
        };
        let moves = keys
            .iter()
            .map(|key| move_object(&self.lake, format!("{}{key}", from.prefix), format!("{}{key}", to.prefix)));
        stream::iter(moves).buffer_unordered(CONCURRENT_MOVES).try_collect().await
    }
}

fn count(journal: &mut Journal, contents: &Contents) {
    (journal.objects, journal.ledgers, journal.bytes) = (contents.objects, contents.ledgers, contents.bytes);
}

/// Moves an object. Deletes the original only after an equal object was seen at `to`, and never overwrites a different
/// one.
async fn move_object(lake: &Lake, from: String, to: String) -> Result<(), DropError> {
    let mut compared = lake.compare(&from, &to).await?;
    if compared == Comparison::NoCopy {
        lake.copy(&from, &to).await?;
        compared = lake.compare(&from, &to).await?;
    }
    match compared {
        Comparison::Equal => Ok(lake.delete(&from).await?),
        // Another command has moved it.
        Comparison::OnlyCopy => Ok(()),
        Comparison::Different => Err(DropError::Differs { from, to }),
        Comparison::NoCopy | Comparison::Neither => Err(DropError::Lost { key: from }),
    }
}

#[cfg(test)]
mod tests;
