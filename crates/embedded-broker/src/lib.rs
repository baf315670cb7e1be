//! A Kafka-compatible broker for one machine.
