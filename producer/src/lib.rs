//! Feeds a Kafka topic from CSV files of stock quotes: a row becomes one JSON object.
//!
//! [`feed::Feed`] says what is fed and [`kafka::Settings`] where to; [`run::run`] does it, moving the
//! counters of [`progress::Progress`], and returns a [`summary::Summary`]; [`foreground`] adds a display and Ctrl-C. On the way,
//! [`row`] splits the input, [`header`] maps its columns, [`encode`] writes the JSON with the help of
//! [`number`] and [`date`], and [`pace`] says when a record is due; none of these does any I/O. [`resume`] goes on where
//! an earlier run has stopped.

pub mod args;
#[cfg(test)]
mod bench;
mod checks;
pub mod date;
pub mod delimiter;
pub mod delivery;
pub mod display;
pub mod encode;
pub mod feed;
pub mod header;
mod held;
mod identity;
pub mod input;
mod marks;
pub mod number;
mod outlet;
pub mod pace;
mod partitioner;
pub mod progress;
pub mod reading;
pub mod rejects;
mod rejects_paths;
mod reports;
pub mod resume;
pub mod row;
pub mod run;
mod runner;
pub mod source;
pub mod summary;
mod topic_reader;
