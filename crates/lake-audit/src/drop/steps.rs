//! Derives the next step of a move from the journal and from what is stored. Does no I/O.

use super::journal::{Journal, State};

/// Direction of a move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Goal {
    /// From the lake to the trash.
    Drop,
    /// From the trash to the lake.
    Restore,
}

/// Totals of a generation in the lake, or in the trash.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Contents {
    pub(crate) objects: u64,
    pub(crate) ledgers: u64,
    /// Size of objects and ledgers in bytes.
    pub(crate) bytes: u64,
    /// Key of one object or ledger, for messages.
    pub(crate) example: Option<String>,
}

impl Contents {
    fn is_empty(&self) -> bool {
        self.objects == 0 && self.ledgers == 0
    }

    fn lacks(&self, journal: &Journal) -> bool {
        self.objects < journal.objects || self.ledgers < journal.ledgers
    }
}

/// The part of a generation that one step moves. Objects and ledgers never move in the same step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Objects,
    Ledgers,
}

/// The next step of a move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Write the journal with this state.
    SetState(State),
    /// Move the generation's objects, or its ledgers, in the direction of the goal.
    Move(Part),
    /// Delete the journal. Completes a restore.
    DeleteJournal,
    /// The move is complete.
    Done,
}

/// Reason that a move cannot begin or continue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// Neither the lake nor the trash has the generation.
    NotStored,
    /// The generation is to be restored, but the trash does not have it.
    NotInTrash,
    /// The trash has objects of the generation, but no journal.
    NoJournal,
    /// The whole generation is in the trash, and the lake has objects or ledgers with the same generation number.
    Reused,
    /// Objects of the generation appeared in the lake after the generation's ledgers had left the lake.
    StillWritten,
    /// Everything has been moved, but objects or ledgers of the generation were deleted meanwhile.
    Deleted,
}

/// Returns the next step towards `goal`, or the reason that the move cannot begin or continue.
pub(crate) fn next_step(
    goal: Goal,
    journal: Option<&Journal>,
    lake: &Contents,
    trash: &Contents,
) -> Result<Step, Refusal> {
    let Some(journal) = journal else {
        return match goal {
            _ if !trash.is_empty() => Err(Refusal::NoJournal),
            Goal::Restore => Err(Refusal::NotInTrash),
            Goal::Drop if lake.is_empty() => Err(Refusal::NotStored),
            Goal::Drop => Ok(Step::SetState(State::Dropping)),
        };
    };
    match (goal, journal.state) {
        (_, State::Dropped) if !lake.is_empty() => Err(Refusal::Reused),
        (Goal::Drop, State::Dropped) => Ok(Step::Done),
        (Goal::Restore, State::Dropped) if trash.lacks(journal) => Err(Refusal::Deleted),

        // Ledgers leave the lake only after its last object, and return before the first: see the module's header.
        (Goal::Drop, State::Dropping) if lake.objects > 0 && trash.ledgers > 0 => Err(Refusal::StillWritten),
        (Goal::Drop, State::Dropping) if lake.objects > 0 => Ok(Step::Move(Part::Objects)),
        (Goal::Drop, State::Dropping) if lake.ledgers > 0 => Ok(Step::Move(Part::Ledgers)),
        (Goal::Drop, State::Dropping) if trash.lacks(journal) => Err(Refusal::Deleted),
        (Goal::Drop, State::Dropping) => Ok(Step::SetState(State::Dropped)),

        (Goal::Restore, State::Restoring) if trash.ledgers > 0 => Ok(Step::Move(Part::Ledgers)),
        (Goal::Restore, State::Restoring) if trash.objects > 0 => Ok(Step::Move(Part::Objects)),
        (Goal::Restore, State::Restoring) if lake.lacks(journal) => Err(Refusal::Deleted),
        (Goal::Restore, State::Restoring) => Ok(Step::DeleteJournal),

        // The opposite of a move that was interrupted.
        (Goal::Drop, State::Restoring) => Ok(Step::SetState(State::Dropping)),
        (Goal::Restore, State::Dropping | State::Dropped) => Ok(Step::SetState(State::Restoring)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contents(objects: u64, ledgers: u64) -> Contents {
        Contents { objects, ledgers, ..Contents::default() }
    }

    /// Returns the next step for a generation of two objects and one ledger.
    fn step(goal: Goal, state: Option<State>, lake: (u64, u64), trash: (u64, u64)) -> Result<Step, Refusal> {
        let journal = state.map(|state| Journal { objects: 2, ledgers: 1, ..Journal::new("q", 1, state) });
        next_step(goal, journal.as_ref(), &contents(lake.0, lake.1), &contents(trash.0, trash.1))
    }

    #[test]
    fn drop_moves_ledgers_after_the_last_object() {
        let drop = |state, lake, trash| step(Goal::Drop, state, lake, trash);
        assert_eq!(drop(None, (2, 1), (0, 0)), Ok(Step::SetState(State::Dropping)));
        assert_eq!(drop(Some(State::Dropping), (1, 1), (1, 0)), Ok(Step::Move(Part::Objects)));
        assert_eq!(drop(Some(State::Dropping), (0, 1), (2, 1)), Ok(Step::Move(Part::Ledgers)));
        assert_eq!(drop(Some(State::Dropping), (0, 0), (2, 1)), Ok(Step::SetState(State::Dropped)));
        assert_eq!(drop(Some(State::Dropped), (0, 0), (2, 1)), Ok(Step::Done));
    }

    #[test]
    fn restore_moves_ledgers_before_the_first_object() {
        let restore = |state, lake, trash| step(Goal::Restore, Some(state), lake, trash);
        assert_eq!(restore(State::Dropped, (0, 0), (2, 1)), Ok(Step::SetState(State::Restoring)));
        assert_eq!(restore(State::Restoring, (0, 1), (2, 1)), Ok(Step::Move(Part::Ledgers)));
        assert_eq!(restore(State::Restoring, (1, 1), (2, 0)), Ok(Step::Move(Part::Objects)));
        assert_eq!(restore(State::Restoring, (2, 1), (0, 0)), Ok(Step::DeleteJournal));
    }

    #[test]
    fn interrupted_move_can_be_reversed() {
        assert_eq!(step(Goal::Restore, Some(State::Dropping), (1, 1), (1, 0)), Ok(Step::SetState(State::Restoring)));
        assert_eq!(step(Goal::Drop, Some(State::Restoring), (1, 1), (2, 0)), Ok(Step::SetState(State::Dropping)));
    }

    #[test]
    fn unknown_generation_is_refused() {
        assert_eq!(step(Goal::Drop, None, (0, 0), (0, 0)), Err(Refusal::NotStored));
        assert_eq!(step(Goal::Restore, None, (2, 1), (0, 0)), Err(Refusal::NotInTrash));
        assert_eq!(step(Goal::Drop, None, (2, 1), (1, 0)), Err(Refusal::NoJournal));
        assert_eq!(step(Goal::Restore, None, (0, 0), (1, 0)), Err(Refusal::NoJournal));
    }

    #[test]
    fn objects_of_another_writer_are_refused() {
        assert_eq!(step(Goal::Drop, Some(State::Dropping), (1, 0), (2, 1)), Err(Refusal::StillWritten));
        for goal in [Goal::Drop, Goal::Restore] {
            assert_eq!(step(goal, Some(State::Dropped), (0, 1), (2, 1)), Err(Refusal::Reused));
        }
    }

    #[test]
    fn deleted_objects_are_noticed() {
        assert_eq!(step(Goal::Restore, Some(State::Dropped), (0, 0), (1, 1)), Err(Refusal::Deleted));
        assert_eq!(step(Goal::Restore, Some(State::Restoring), (1, 1), (0, 0)), Err(Refusal::Deleted));
        assert_eq!(step(Goal::Drop, Some(State::Dropping), (0, 0), (2, 0)), Err(Refusal::Deleted));
    }
}
