//! Integration tests from CSV to SQL over real protocols: a Kafka broker, the AWS SDK with an S3 server, and Lambda's
//! Runtime API.

// Clippy's `allow-unwrap-in-tests` does not cover the helper functions beside the tests.
#![allow(clippy::unwrap_used)]

mod audit;
mod bad_inputs;
mod cargo_lambda;
mod cli_reference;
mod commands;
mod csv_accounting;
mod drop;
mod event_accounting;
mod events;
mod exactly_once;
mod faults;
mod golden;
mod invalid_records;
mod kafka_failures;
mod live_feed;
mod mapping;
mod metadata;
mod on_failure;
mod pages;
mod pipeline;
mod quality;
mod reading;
mod requests;
mod resume;
mod runtime_api;
mod s3_settings;
mod sam_build;
mod trace;
mod up;
mod view;
