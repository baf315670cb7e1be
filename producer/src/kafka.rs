//! Kafka settings, validated; the defaults of a producer that loses and repeats nothing.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;

use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::KafkaError;
use rdkafka::{ClientConfig, ClientContext};
use thiserror::Error;

use crate::args::KafkaArgs;
use crate::java_properties::{self, Pairs, PropertyError};

/// Settings that librdkafka takes, with brokers among them.
#[derive(Clone, PartialEq, Eq)]
pub struct Settings {
    servers: String,
    given: BTreeMap<String, String>,
    gapless: bool,
}

/// The context of a client that logs nothing: what librdkafka complains of comes as errors of what is asked, as well.
pub struct Quiet;

impl ClientContext for Quiet {
    fn log(&self, _: RDKafkaLogLevel, _: &str, _: &str) {}
    fn error(&self, _: KafkaError, _: &str) {}
}

impl ConsumerContext for Quiet {}

/// Why settings cannot be used; each names the argument to change.
#[derive(Debug, Error)]
pub enum SettingsError {
    /// No broker.
    #[error("no Kafka broker: give --bootstrap-server HOST:PORT or set KAFKA_BOOTSTRAP_SERVERS")]
    NoServers,
    /// The file cannot be read.
    #[error("--config {}: {problem}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What is the matter.
        problem: io::Error,
    },
    /// The file holds something that cannot be used.
    #[error("--config {}: {problem}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The property.
        problem: PropertyError,
    },
    /// Not KEY=VALUE.
    #[error("-X {0}: expected KEY=VALUE")]
    Syntax(String),
    /// A key of Java's client.
    #[error("-X {0}")]
    Set(PropertyError),
    /// A key or value that librdkafka refuses.
    #[error("Kafka setting `{key}`: {reason}")]
    Refused {
        /// The key.
        key: String,
        /// What librdkafka says.
        reason: String,
    },
    /// A setting under which a feed that was cut could not go on.
    #[error("--resume: -X {setting}: {reason}; leave it out")]
    Resume {
        /// The setting.
        setting: String,
        /// Why it cannot be.
        reason: &'static str,
    },
}

impl TryFrom<KafkaArgs> for Settings {
    type Error = SettingsError;

    fn try_from(args: KafkaArgs) -> Result<Self, SettingsError> {
        let file = match args.config {
            None => Pairs::new(),
            Some(path) => {
                let text = match std::fs::read_to_string(&path) {
                    Ok(text) => text,
                    Err(problem) => return Err(SettingsError::Read { path, problem }),
                };
                java_properties::parse(&text)
                    .and_then(java_properties::translate)
                    .map_err(|problem| SettingsError::File { path, problem })?
            }
        };
        let set = args.set.iter().map(|pair| match pair.split_once('=') {
            Some((key, value)) if !key.trim().is_empty() => Ok((key.trim().to_owned(), value.to_owned())),
            _ => Err(SettingsError::Syntax(pair.clone())),
        });
        let set = java_properties::translate(set.collect::<Result<_, _>>()?).map_err(SettingsError::Set)?;
        let servers = args.bootstrap_server.map(|servers| ("bootstrap.servers".to_owned(), servers));
        Self::from_pairs(file.into_iter().chain(servers).chain(set))
    }
}

impl Settings {
    /// Settings of librdkafka's keys and their values; later ones win.
    ///
    /// # Errors
    /// [`SettingsError`] names the key that librdkafka refuses, or says that no broker is named.
    pub fn from_pairs(pairs: impl IntoIterator<Item = (String, String)>) -> Result<Self, SettingsError> {
        let mut given = BTreeMap::new();
        for (key, value) in pairs {
            given.insert(canonical(&key).to_owned(), value);
        }
        let servers = given.get("bootstrap.servers").map(|servers| servers.trim().to_owned());
        let servers = servers.filter(|servers| !servers.is_empty()).ok_or(SettingsError::NoServers)?;
        let settings = Self { servers, given, gapless: false };
        match settings.producer_config().create_native_config() {
            Ok(_) => Ok(settings),
            Err(KafkaError::ClientConfig(_, reason, key, _)) => Err(SettingsError::Refused { key, reason }),
            Err(other) => Err(SettingsError::Refused { key: "?".to_owned(), reason: other.to_string() }),
        }
    }

    /// Settings under which what has landed in a partition is always the beginning of what was sent to it, so that a
    /// feed can go on from its last record: a record that fails ends the feed, and none is given up in the meantime.
    ///
    /// # Errors
    /// [`SettingsError`] names the user's setting that would leave gaps, or put a symbol into another partition.
    pub fn gapless(self) -> Result<Self, SettingsError> {
        for (key, fits, reason) in RESUMABLE {
            if let Some(value) = self.given.get(key).filter(|value| !fits.contains(&value.as_str())) {
                return Err(SettingsError::Resume { setting: format!("{key}={value}"), reason });
            }
        }
        Ok(Self { gapless: true, ..self })
    }

    /// The brokers, as given.
    #[must_use]
    pub fn servers(&self) -> &str {
        &self.servers
    }

    /// A configuration with nothing but what the user gave, for any kind of client.
    #[must_use]
    pub fn client_config(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.extend(self.given.clone());
        config
    }

    /// The user's configuration over a producer's defaults: every record confirmed by all replicas,
    /// none repeated or reordered by a retry, and large compressed batches in bounded memory.
    #[must_use]
    pub fn producer_config(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.extend(DEFAULTS.map(|(key, value)| (key.to_owned(), value.to_owned())));
        // Idempotence needs acks=all; who asks for less gets less.
        if self.given.get("acks").is_some_and(|acks| acks != "all" && acks != "-1") {
            config.remove("enable.idempotence");
        }
        if self.gapless {
            config.extend(GAPLESS.map(|(key, value)| (key.to_owned(), value.to_owned())));
        }
        config.extend(self.given.clone());
        config
    }
}

/// Shows keys, but no values, since there are passwords among them.
impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Settings").field("servers", &self.servers).field("given", &self.given.keys()).finish()
    }
}

const DEFAULTS: [(&str, &str); 10] = [
    ("acks", "all"),
    ("client.id", "tickerlake-producer"),
    ("compression.type", "lz4"),
    ("enable.idempotence", "true"),
    ("linger.ms", "20"),
    // As Java's clients do it, so that a symbol has one partition whoever sends it.
    ("partitioner", "murmur2_random"),
    ("queue.buffering.max.kbytes", "131072"),
    ("queue.buffering.max.messages", "200000"),
    ("reconnect.backoff.max.ms", "2000"),
    ("socket.keepalive.enable", "true"),
];

/// Over the defaults, for a feed that can be resumed.
const GAPLESS: [(&str, &str); 2] = [("enable.gapless.guarantee", "true"), ("message.timeout.ms", "0")];

/// Settings that a feed which can be resumed has one way only: the values that fit, and why others do not.
const RESUMABLE: [(&str, &[&str], &str); 5] = [
    ("acks", &["all", "-1"], "a broker that dies could lose rows that were confirmed"),
    ("enable.gapless.guarantee", &["true"], "later rows could be in the topic without earlier ones"),
    ("enable.idempotence", &["true"], "a retry could repeat rows, or change their order"),
    ("message.timeout.ms", &["0"], "later rows could be in the topic without earlier ones that were given up"),
    ("partitioner", &["murmur2", "murmur2_random"], "which partition a row is in has to be known beforehand"),
];

/// One name for each setting, so that a default never meets the user's value under an alias.
fn canonical(key: &str) -> &str {
    match key {
        "metadata.broker.list" => "bootstrap.servers",
        "request.required.acks" => "acks",
        "compression.codec" => "compression.type",
        "queue.buffering.max.ms" => "linger.ms",
        "delivery.timeout.ms" => "message.timeout.ms",
        "max.partition.fetch.bytes" => "fetch.message.max.bytes",
        "sasl.mechanisms" => "sasl.mechanism",
        key => key,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(set: &[&str]) -> Result<Settings, SettingsError> {
        Settings::try_from(KafkaArgs {
            bootstrap_server: Some("localhost:9092".into()),
            set: set.iter().map(|&pair| pair.to_owned()).collect(),
            config: None,
        })
    }

    #[test]
    fn tls_and_scram_are_built_in() {
        let scram =
            ["security.protocol=SASL_SSL", "sasl.mechanism=SCRAM-SHA-512", "sasl.username=u", "sasl.password=p"];
        let settings = settings(&scram).expect("settings");
        let created: Result<rdkafka::producer::BaseProducer, _> = settings.producer_config().create();
        assert!(created.is_ok(), "{:?}", created.err());
        let features =
            settings.client_config().create_native_config().and_then(|config| config.get("builtin.features"));
        let features = features.expect("a read-only setting");
        for needed in ["ssl", "sasl_scram", "sasl_plain", "lz4", "zstd"] {
            assert!(features.split(',').any(|feature| feature == needed), "{needed} not in {features}");
        }
    }

    #[test]
    fn the_user_wins_over_defaults_under_any_alias() {
        let config =
            settings(&["queue.buffering.max.ms=3", "compression.codec=zstd"]).expect("settings").producer_config();
        assert_eq!((config.get("linger.ms"), config.get("queue.buffering.max.ms")), (Some("3"), None));
        assert_eq!(config.get("compression.type"), Some("zstd"));
        assert_eq!((config.get("acks"), config.get("enable.idempotence")), (Some("all"), Some("true")));
        let config = settings(&["acks=1"]).expect("settings").producer_config();
        assert_eq!((config.get("acks"), config.get("enable.idempotence")), (Some("1"), None));
    }

    #[test]
    fn a_feed_that_can_be_resumed_leaves_no_gaps_and_says_which_settings_would() {
        let config = settings(&["linger.ms=3"]).and_then(Settings::gapless).expect("settings").producer_config();
        assert_eq!(
            (config.get("enable.gapless.guarantee"), config.get("message.timeout.ms")),
            (Some("true"), Some("0"))
        );
        assert!(config.create_native_config().is_ok());
        for setting in [
            "acks=1",
            "request.required.acks=0",
            "enable.idempotence=false",
            "delivery.timeout.ms=60000",
            "partitioner=consistent_random",
        ] {
            let refused = settings(&[setting]).and_then(Settings::gapless).expect_err(setting).to_string();
            let value = setting.split('=').next_back().expect("a value");
            assert!(refused.starts_with("--resume: -X ") && refused.contains(&format!("={value}: ")), "{refused}");
        }
        for setting in ["acks=-1", "message.timeout.ms=0", "partitioner=murmur2"] {
            assert!(settings(&[setting]).and_then(Settings::gapless).is_ok(), "{setting}");
        }
    }

    #[test]
    fn other_clients_get_only_what_was_given() {
        let config = settings(&["security.protocol=SSL"]).expect("settings").client_config();
        assert_eq!(config.get("bootstrap.servers"), Some("localhost:9092"));
        assert_eq!(config.config_map().len(), 2);
    }

    #[test]
    fn what_librdkafka_refuses_is_named() {
        let message = |set: &[&str]| settings(set).expect_err("refused").to_string();
        assert!(message(&["no.such.key=1"]).starts_with("Kafka setting `no.such.key`:"));
        assert!(message(&["acks=many"]).starts_with("Kafka setting `acks`:"));
        assert!(message(&["max.request.size=1"]).contains("message.max.bytes"));
        assert_eq!(message(&["linger.ms"]), "-X linger.ms: expected KEY=VALUE");
        assert!(matches!(Settings::try_from(KafkaArgs::default()), Err(SettingsError::NoServers)));
    }

    #[test]
    fn a_java_file_is_read_and_the_command_line_wins() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("client.properties");
        let text = "bootstrap.servers=far:9096\nlinger.ms=1\nsasl.mechanism=PLAIN\n\
            sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required username=\"u\" password=\"p\";\n";
        std::fs::write(&path, text).expect("written");
        let args = KafkaArgs { bootstrap_server: None, set: vec!["linger.ms=2".into()], config: Some(path.clone()) };
        let settings = Settings::try_from(args.clone()).expect("settings");
        assert_eq!(settings.servers(), "far:9096");
        let config = settings.producer_config();
        assert_eq!((config.get("linger.ms"), config.get("sasl.username")), (Some("2"), Some("u")));
        let near = Settings::try_from(KafkaArgs { bootstrap_server: Some("near:9092".into()), ..args });
        assert_eq!(near.expect("settings").servers(), "near:9092");
        assert!(!format!("{settings:?}").contains("\"p\""), "a password is never shown");
    }
}
