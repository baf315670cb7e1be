//! Tests of the broker over a socket, with requests made by the client side of the crate `kafka-protocol`.
//!
//! With `TICKERLAKE_TEST_BROKER=HOST:PORT` the tests run against that broker instead. Those of behaviour pass on Apache
//! Kafka 4.2 too; those in `own` and
//! `durability` are about this broker only.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod client;
mod configs;
mod durability;
mod fetch;
mod groups;
mod list_offsets;
mod metadata;
mod offsets;
mod own;
mod produce;
mod topics;
mod transactions;
mod versions;
