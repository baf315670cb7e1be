//! The coordinator of Kafka's consumer groups and transactions, as state machines without I/O.
