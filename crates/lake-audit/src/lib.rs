//! Audits a lake: reads every object and reports what is missing, stored twice or damaged. Also finds individual
//! records ([`trace`]), rebuilds lost ledgers ([`repair`]), and moves generations to the trash and back ([`mod@drop`]).
//!
//! Memory is bounded, however many objects and offsets there are:
//!
//! ```text
//! objects         listing -> objects sorted by generation, partition and first offset, in bounded passes
//! object_text     one object -> its text, up to a size limit
//! object_lines    text -> offsets, lines and problems
//! window          offsets -> missing ranges and duplicates, keeping only the offsets near the current object
//! gaps            missing ranges -> gaps, classified by the ledger
//! partition       one partition: runs the steps above and compares the result with the ledger
//! gap_classifier  gaps -> gaps, reclassified by the records that the broker delivers
//! broker          reads records and watermarks from the broker
//! audit           runs everything and returns a report of rows and findings
//! ```

mod audit;
mod broker;
pub mod drop;
mod finding;
mod finding_kind;
mod gap_classifier;
mod gaps;
mod object_lines;
mod object_text;
mod objects;
mod partition;
pub mod repair;
mod report;
mod row;
pub mod trace;
mod window;

pub use audit::{Audit, AuditError, Scope, audit};
pub use broker::{BrokerError, ReadError};
pub use finding::{Finding, Findings, PartitionKey};
pub use finding_kind::FindingKind;
pub use partition::LostLedger;
pub use report::{Report, Total};
pub use row::{LedgerSummary, Row, Watermarks};
