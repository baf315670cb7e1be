//! CSV to SQL over real wires: a Kafka broker, the AWS SDK against an S3 service, Lambda's runtime API.

// Clippy's allowance for tests does not reach the helpers beside them.
#![allow(clippy::unwrap_used)]

mod audit;
mod bad_inputs;
mod cargo_lambda;
mod commands;
mod csv_accounting;
mod event_accounting;
mod events;
mod exactly_once;
mod faults;
mod golden;
mod kafka_failures;
mod mapping;
mod on_failure;
mod pipeline;
mod poison_table;
mod quality;
mod resume;
mod runtime_api;
mod sam_build;
mod trace;
mod up;
