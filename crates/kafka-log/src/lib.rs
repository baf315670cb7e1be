//! Stores the records of Kafka topics in segment files or in memory.
//!
//! The embedded broker needs Kafka's log. The log assigns consecutive offsets, stores batches as the producer sent
//! them, recognises the duplicates of an idempotent producer, and keeps every confirmed record when the process is
//! killed. No crate provides this except as part of a complete broker, so this crate does, for a single replica.
//!
//! ```text
//! Folder               topics, configurations, cluster id, producer ids; one lock file
//!   ├── Journal        opaque entries, for example the offsets of consumer groups
//!   └── Log            one partition
//!         ├── Segment  record batches in one file or in memory, with a sparse index in memory
//!         ├── producers       sequences and open transactions
//!         └── aborted         offset ranges of aborted transactions
//! ```
//!
//! # Durability
//!
//! [`Log::append`] and [`Journal::append`] write to the operating system before they return. A process that is killed
//! loses nothing that was confirmed; the next start removes a last batch that is incomplete. `fsync` is called when a
//! segment is full, when a small file is replaced, in [`Log::flush`], and as often as a topic's `flush.messages` and
//! `flush.ms` require it, so **a power failure can lose the end of a log**.
//!
//! # Threads and time
//!
//! All calls are synchronous and do file I/O. [`Log`] and [`Folder`] change only through `&mut self`; the caller locks
//! them and passes the time. All derived data (indexes, sequences, transactions) is kept in memory and rebuilt from the
//! batch headers when a log is opened. Because a producer's batches may be deleted, the state of the producers is
//! stored with each segment.

mod aborted;
mod batch;
mod config;
mod control;
mod error;
mod files;
mod folder;
mod index;
mod partition;
mod producers;
mod records;
mod segment;
mod store;
mod validate;
mod verification;

pub use aborted::AbortedTransaction;
pub use batch::{BatchError, BatchHeader, Compression, TimestampType, batches};
pub use config::LogConfig;
pub use control::{EndMarker, TransactionResult};
pub use error::{AppendError, DeleteRecordsError, FolderError, ReadError, StorageError};
pub use files::LOCK_FILE;
pub use folder::{DeletedTopic, Folder, Journal, JournalKind, Rewrite, Topic};
pub use partition::{Appended, FullSegment, Isolation, Log, ReadRecords, ReadRequest, TimestampOffset};
pub use producers::ProducerSnapshot;
pub use validate::ValidBatch;
