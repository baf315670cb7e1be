//! The coordinator of Kafka's consumer groups and transactions, as state machines without I/O.
//!
//! A broker that offers consumer groups has three kinds of state: who is a member of which group, what the groups have
//! committed, and which transactions are open. This crate has one type for each, and one that joins the first two:
//!
//! ```text
//!   JoinGroup, SyncGroup, ...      OffsetCommit, OffsetFetch, ...      InitProducerId, EndTxn, ...
//!            |                                  |                                  |
//!            v                                  v                                  v
//!     classic::Groups  <--- coordinator --->  offsets::Offsets        transactions::Transactions
//!            |                                  |                                  |
//!     outputs by token                    events to store          events to store, markers to write
//! ```
//!
//! None of them reads a clock, opens a connection or writes a file. The caller passes the time in milliseconds with
//! each request, sends the outputs to the connections that wait for them, and calls again when the next deadline has
//! passed. So a test can replay any order of requests and timeouts, and the broker decides how to lock and store.
//!
//! Behaviour and error codes are those of Apache Kafka 4.2. The crate knows no wire format except the two places where
//! Kafka's coordinator itself looks into a payload: the topics of a consumer's subscription, and its own journal.

pub mod classic;
mod codec;
pub mod coordinator;
mod error;
pub mod offsets;
mod topic_partition;
pub mod transactions;

pub use codec::DecodeError;
pub use coordinator::GroupCoordinator;
pub use error::ErrorCode;
