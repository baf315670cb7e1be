//! Feeds a Kafka topic from CSV files of stock quotes: a row becomes one JSON object.
//!
//! [`feed::Feed`] says what is fed and `kafka_client::settings::Settings` where to; [`run::run`] does it, moving the
//! counters of [`report::progress::Progress`], and returns a [`report::summary::Summary`]. [`csv`] and [`encode`] do no
//! I/O. [`resume`] goes on where an earlier run has stopped.

pub mod cli;
pub mod csv;
pub mod delivery;
pub mod encode;
pub mod feed;
mod feeder;
mod preflight;
pub mod report;
pub mod resume;
pub mod run;
#[cfg(test)]
mod test_feed;
