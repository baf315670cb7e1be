//! Reads the configuration files of Java's Kafka client.
//!
//! `properties.rs` reads the syntax, `settings.rs` translates Java's keys to librdkafka's, and `jaas.rs` reads the
//! login in `sasl.jaas.config`. The tests compare the results with Java's, which are recorded in `testdata`.

pub(crate) mod jaas;
pub(crate) mod properties;
pub(crate) mod settings;

/// Key and value pairs, in order.
pub(crate) type Pairs = Vec<(String, String)>;
