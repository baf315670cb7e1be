//! Command-line arguments for reaching a Kafka cluster.

use std::path::PathBuf;

use clap::Args;

/// Kafka brokers, and librdkafka's settings for reaching them.
#[derive(Debug, Clone, Default, Args)]
pub struct KafkaArgs {
    /// Connect to these Kafka brokers, given as host:port and separated by commas
    #[arg(short, long, value_name = "SERVERS", env = "KAFKA_BOOTSTRAP_SERVERS", help_heading = "Kafka")]
    pub bootstrap_server: Option<String>,

    /// Set a librdkafka setting, such as -X linger.ms=5; may be repeated
    ///
    /// It overrides --bootstrap-server, which overrides --config.
    #[arg(short = 'X', value_name = "KEY=VALUE", help_heading = "Kafka")]
    pub set: Vec<String>,

    /// Read librdkafka settings or a Java client.properties from FILE
    ///
    /// Java's sasl.jaas.config with SCRAM or PLAIN, and its PEM key stores, are translated. For any
    /// other setting that librdkafka does not have, the error says what to do.
    #[arg(long, value_name = "FILE", help_heading = "Kafka")]
    pub config: Option<PathBuf>,
}
