//! Audits a lake: reads every object and reports what is missing, stored twice or damaged. Finds single records
//! ([`trace`]) and rebuilds lost ledgers ([`repair`]).
//!
//! Memory is bounded whatever the number of objects and offsets:
//!
//! ```text
//! objects       listing -> objects by generation, partition and first offset, part of the listing at a time
//! object_text   one object -> its text, up to a limit
//! object_lines  text -> offsets and lines, and what is wrong with them
//! window        offsets -> gaps and duplicates, remembering only the offsets around the current object
//! partition     one partition: the above, compared with its ledger
//! gaps          what an offset in no object is, by the ledger and by what the broker delivers
//! broker        which offsets the broker delivers, and how far it reaches
//! audit         all of it; the result is a report of rows and findings
//! ```

mod audit;
mod broker;
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
