//! The command-line arguments that name a Kafka cluster and how to reach it.

use std::path::PathBuf;

use clap::Args;

/// Kafka brokers, and librdkafka's settings for reaching them.
#[derive(Debug, Clone, Default, Args)]
pub struct KafkaArgs {
    /// Kafka brokers, as host:port, separated by commas
    #[arg(short, long, value_name = "SERVERS", env = "KAFKA_BOOTSTRAP_SERVERS", help_heading = "Kafka")]
    pub bootstrap_server: Option<String>,

    /// A setting of librdkafka, such as -X linger.ms=5; may be repeated
    ///
    /// Settings given here win over --bootstrap-server, and that over --config.
    #[arg(short = 'X', value_name = "KEY=VALUE", help_heading = "Kafka")]
    pub set: Vec<String>,

    /// A file of librdkafka's settings, or a Java client.properties
    ///
    /// Of Java's settings, sasl.jaas.config with SCRAM or PLAIN and PEM key stores are translated;
    /// for any other that librdkafka does not have, an error says what to use.
    #[arg(long, value_name = "FILE", help_heading = "Kafka")]
    pub config: Option<PathBuf>,
}
