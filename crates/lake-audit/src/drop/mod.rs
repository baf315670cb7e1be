//! Moves a generation to the trash, and back: a way to undo a run that was a mistake.
//!
//! A dropped generation is moved to `trash/<topic>/g<generation>/`, where every object keeps its key below that folder.
//! The folder is itself a lake with a longer prefix, so `audit` and `query` can read it with `--prefix`. Nothing else
//! reads the folder, because all readers list below `data/`, `quarantine/` and `ledger/`. The generation's number is
//! not reused, because the choice of the next generation takes [`generations_in_trash`] into account.
//!
//! ```text
//!  drop      journal: dropping   -> objects -> ledgers -> journal: dropped
//!  restore   journal: restoring  -> ledgers -> objects -> journal deleted
//!
//!  each object:  copy, compare the copy with the original, delete the original
//! ```
//!
//! # Interruptions
//!
//! No request depends on what an earlier process remembered. `steps` derives the next step from the journal and from
//! what is in the lake and in the trash, so the command can be killed between any two requests and run again: an object
//! in both places is compared again and then deleted from the place that it is leaving. An object is deleted only after
//! an equal one has been seen in the other place, so at least one of the two places always has it. An interrupted drop
//! can be restored, and an interrupted restore can be turned back into a drop.
//!
//! # Order
//!
//! Ledgers leave the lake after the last object and return before the first. This keeps a rule of the commit protocol:
//! a partition that has objects in the lake also has its ledger there, unless the ledger was lost before.
//!
//! - The sink and `repair` treat objects without a ledger as evidence that the ledger was lost. If ledgers moved first,
//!   a killed drop would leave such objects, and `repair` would write a ledger for the rest of the generation.
//! - A ledger without objects does no harm.
//! - The journal exists from before the first copy until after the last deletion. Whenever an object of
//!   the generation is missing from the lake, the trash therefore has the generation's folder, and the next generation
//!   gets a different number.
//!
//! Other commands can run during a move:
//!
//! - `audit` reads the journals first, leaves out a generation that is being moved, and reports it as an unfinished
//!   drop. An audit that had read the journals before the move began finds objects of that generation missing: it reads
//!   ledgers before objects, and ledgers move last. Such findings are gone in the next audit.
//! - SQL sees the rows that are in the lake at that time. A query that listed an object just before it was moved fails
//!   to read it; the next one succeeds. No order of the requests avoids this in a bucket, because a bucket cannot
//!   delete several objects at once.
//! - Two commands that move the same generation could each delete the copy on which the other one relies. In a folder,
//!   the lock prevents that. In a bucket, nothing does, so the operator has to stop all other writers.
//!
//! # Memory
//!
//! A pass lists the topic in the lake and in the trash, and keeps up to `listing::MAX_KEYS` keys of each; a larger
//! generation needs several passes.

mod error;
mod journal;
mod listing;
mod steps;
mod transfer;
mod trash;

pub use error::{DropError, Generations};
pub use journal::State;
pub use steps::Goal;
pub use transfer::{Summary, Transfer};
pub use trash::generations_in_trash;
pub(crate) use trash::unfinished;
