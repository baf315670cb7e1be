//! Reads every object of a lake and says what is missing and what is there twice; finds a single record ([`trace`]).
//!
//! What is looked at is bounded whatever the number of offsets: `objects` brings the objects into the order of
//! their offsets with a bounded part of the listing at a time, `content` reads one object, and `window` remembers
//! only the offsets around it. `partition` puts these together and compares with the ledger, `gaps` says what
//! offsets in no object are, `broker` asks about them, `report` tells, `repair` makes lost ledgers anew.

mod body;
mod broker;
mod check;
mod content;
mod finding;
mod finding_kind;
mod gaps;
mod objects;
mod partition;
pub mod repair;
mod report;
mod row;
pub mod trace;
mod window;

pub use check::{Scope, check, look};
pub use finding::{Finding, Findings, Place};
pub use finding_kind::Kind;
pub use partition::Lost;
pub use report::{Report, Sum};
pub use row::{LedgerTold, Row, Watermarks};
