//! Sends stock quotes from CSV files to a Kafka topic, one JSON object per row.
//!
//! A row passes through these modules, in this order:
//!
//! - [`cli`]: defines the arguments;
//! - [`feed`]: validates the arguments into a feed (its inputs, order and pace), and opens the inputs;
//! - [`plan`]: decides how an input is read, from its name and from sampled rows;
//! - [`csv`]: splits an input into rows and converts its titles to field names;
//! - [`encode`]: turns a row into a JSON record, according to the plan;
//! - `simulate`: replaces a bar with simulated rows, with `--simulate`;
//! - `feeder`: reads rows and sends them in the configured order and at the configured rate;
//! - [`delivery`]: sends records to Kafka and tracks their delivery, or prints them;
//! - `resume`: finds the last rows of an earlier run, and skips the rows that the topic already contains;
//! - [`report`]: counts rows, shows progress, and writes the summary and the files of rejected rows.
//!
//! [`run`] connects them, after `preflight` has checked everything that can be checked before the first record is sent.
//! `csv` and `encode` open no files: `csv` reads from a stream that the caller opens, and `encode` and `simulate` do no
//! I/O.

pub mod cli;
pub mod csv;
pub mod delivery;
pub mod encode;
mod error;
pub mod feed;
mod feeder;
pub mod inspect;
pub mod plan;
mod preflight;
pub mod report;
mod resume;
pub mod run;
mod simulate;
#[cfg(test)]
mod test_feed;
