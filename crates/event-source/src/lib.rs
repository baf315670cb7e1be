//! A local implementation of AWS Lambda's event source mapping for Kafka, for any function.
//!
//! [`EventSource`] reads topics as a member of a consumer group, collects records into batches (`batcher`), invokes the
//! [`function`] with each batch in exactly the format that Lambda sends, and commits the offsets once the function has
//! succeeded. When the function fails, `retry` decides which records are retried, whether the batch is split, and which
//! records are discarded. Discarded records are written to the on-failure destination ([`on_failure`]), if there is
//! one, and [`redrive`] can deliver them again.
//!
//! ```text
//! consumer -> batcher -> deliver -> function
//!                          |  ^
//!                          v  | retry
//!          (on-failure destination, then) commit
//! ```
//!
//! One batch is in flight at a time, so that records of a partition are never processed concurrently. The next batch is
//! collected in the meantime.
//!
//! [`function::Function`] is a trait: the function can be behind Lambda's invocation API ([`function::HttpFunction`])
//! or in this process. A separate crate keeps this code independent of the sink, which is just one implementation of
//! the trait.

mod batch;
mod batch_response;
mod batcher;
pub mod clock;
mod consumer;
mod dead_letter;
mod deliver;
mod event_source;
mod failure;
pub mod function;
mod in_flight;
mod lag;
pub mod location;
pub mod observer;
pub mod on_failure;
pub mod progress;
mod reader;
pub mod redrive;
mod removed;
mod retry;
mod settings;

pub use batch::{ClosedBy, Limits, MAX_PAYLOAD};
pub use event_source::EventSource;
pub use failure::Failure;
pub use reader::EventSourceError;
pub use retry::RetryPolicy;
pub use settings::{FUNCTION_TIMEOUT, Settings, StartingPosition};
