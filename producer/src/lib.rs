//! Sends stock quotes from CSV files to a Kafka topic, one JSON object a row.
//!
//! A row passes through these modules, in this order:
//!
//! - [`cli`]: the arguments;
//! - [`feed`]: what to send, in which order and how fast, validated from the arguments; and the opened inputs;
//! - [`csv`]: splits an input into rows and maps its header to fields;
//! - [`encode`]: turns a row into a JSON record;
//! - `feeder`: reads rows and sends them in the configured order and at the configured rate;
//! - [`delivery`]: sends records to Kafka and tracks their delivery, or prints them;
//! - `resume`: finds how far an earlier run has got, and passes over the rows that the topic already holds;
//! - [`report`]: counters, the progress display, the summary and the files of rejected rows.
//!
//! [`run`] puts them together, after `preflight` has checked everything that can be checked before the first record is
//! sent. `csv` and `encode` do no I/O of their own.

pub mod cli;
pub mod csv;
pub mod delivery;
pub mod encode;
mod error;
pub mod feed;
mod feeder;
mod preflight;
pub mod report;
pub mod resume;
pub mod run;
#[cfg(test)]
mod test_feed;
