//! The Kafka protocol below the APIs: which versions are offered, request headers, and a check of every request before
//! it is decoded.
//!
//! The messages themselves are those of the crate `kafka-protocol`, which is generated from Apache Kafka's definitions.
//! Its decoder reserves memory for as many elements as an array claims to have, so [`layouts::check`] first checks that
//! the bytes of a request can contain them.

pub(crate) mod head;
pub(crate) mod layout;
pub(crate) mod layouts;
pub(crate) mod offered;

#[cfg(test)]
mod tests;

/// Returns the body of a request, without its header, whose lengths and values are chosen by `choices`.
#[cfg(test)]
pub(crate) fn generate(api: kafka_protocol::messages::ApiKey, version: i16, choices: &[u8]) -> Vec<u8> {
    layout::generate(layouts::layout_of(api).unwrap(), version, choices)
}
