//! Stores the records of Kafka topics in segment files or in memory.
