//! Validated Kafka settings: librdkafka's keys and values, from the command line and a file.

use std::fmt;
use std::io;
use std::path::PathBuf;

use rdkafka::ClientConfig;
use rdkafka::error::KafkaError;
use thiserror::Error;

use crate::args::KafkaArgs;
use crate::java::Pairs;
use crate::java::properties::{self, EscapeError};
use crate::java::settings::{JavaSettingError, translate};
use crate::producer_config::{self, NotResumable, SettingsMap};

/// Settings that librdkafka accepts, with at least one broker.
#[derive(Clone, PartialEq, Eq)]
pub struct Settings {
    servers: String,
    given: SettingsMap,
    gapless: bool,
}

/// Reason that settings cannot be used. Each message names the argument or setting to change.
#[derive(Debug, Error)]
pub enum SettingsError {
    /// No broker is given.
    #[error("no Kafka broker: give --bootstrap-server HOST:PORT or set KAFKA_BOOTSTRAP_SERVERS")]
    NoServers,
    /// The file cannot be read.
    #[error("--config {}: {source}", path.display())]
    Read { path: PathBuf, source: io::Error },
    /// A line of the file has an invalid escape.
    #[error("--config {}: {source}", path.display())]
    FileSyntax { path: PathBuf, source: EscapeError },
    /// The file has a setting of the Java client that cannot be translated.
    #[error("--config {}: {source}", path.display())]
    FileSetting { path: PathBuf, source: JavaSettingError },
    /// An argument is not of the form KEY=VALUE.
    #[error("-X {0}: expected KEY=VALUE")]
    Syntax(String),
    /// An argument is a setting of the Java client that cannot be translated.
    #[error("-X {0}")]
    ArgumentSetting(#[source] JavaSettingError),
    /// librdkafka rejects a key or its value.
    #[error("Kafka setting `{key}`: {reason}")]
    Rejected {
        /// The key, or `?` if librdkafka does not name it.
        key: String,
        reason: String,
    },
    /// A feed with this setting cannot be resumed.
    #[error(transparent)]
    NotResumable(#[from] NotResumable),
}

impl TryFrom<KafkaArgs> for Settings {
    type Error = SettingsError;

    fn try_from(args: KafkaArgs) -> Result<Self, SettingsError> {
        let file = match args.config {
            None => Pairs::new(),
            Some(path) => read_file(path)?,
        };
        let set = args.set.iter().map(|pair| match pair.split_once('=') {
            Some((key, value)) if !key.trim().is_empty() => Ok((key.trim().to_owned(), value.to_owned())),
            _ => Err(SettingsError::Syntax(pair.clone())),
        });
        let set = translate(set.collect::<Result<_, _>>()?).map_err(SettingsError::ArgumentSetting)?;
        let servers = args.bootstrap_server.map(|servers| ("bootstrap.servers".to_owned(), servers));
        Self::from_pairs(file.into_iter().chain(servers).chain(set))
    }
}

impl Settings {
    /// Creates settings from librdkafka's keys and their values. If a key occurs more than once, its last value is
    /// used.
    ///
    /// # Errors
    /// [`SettingsError`] if no broker is given, or librdkafka rejects a key or a value.
    pub(crate) fn from_pairs(pairs: impl IntoIterator<Item = (String, String)>) -> Result<Self, SettingsError> {
        let given: SettingsMap = pairs.into_iter().map(|(key, value)| (canonical(&key).to_owned(), value)).collect();
        let servers = given.get("bootstrap.servers").map(|servers| servers.trim().to_owned());
        let servers = servers.filter(|servers| !servers.is_empty()).ok_or(SettingsError::NoServers)?;
        let settings = Self { servers, given, gapless: false };
        match settings.producer_config().create_native_config() {
            Ok(_) => Ok(settings),
            Err(KafkaError::ClientConfig(_, reason, key, _)) => Err(SettingsError::Rejected { key, reason }),
            Err(other) => Err(SettingsError::Rejected { key: "?".to_owned(), reason: other.to_string() }),
        }
    }

    /// Returns the settings for a feed that can be resumed: each partition always holds a prefix of the records sent to
    /// it, without gaps, so the feed can continue after the partition's last record.
    ///
    /// # Errors
    /// [`SettingsError::NotResumable`], which names the setting, if a setting of the user could leave gaps or make the
    /// partition of a symbol unpredictable.
    pub fn gapless(self) -> Result<Self, SettingsError> {
        producer_config::check_gapless(&self.given)?;
        Ok(Self { gapless: true, ..self })
    }

    /// Returns the bootstrap servers, as given.
    #[must_use]
    pub fn servers(&self) -> &str {
        &self.servers
    }

    /// Returns only the user's settings, for any kind of client.
    #[must_use]
    pub fn client_config(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.extend(self.given.clone());
        config
    }

    /// Returns the user's settings on top of producer defaults that prevent lost, repeated and reordered records.
    #[must_use]
    pub(crate) fn producer_config(&self) -> ClientConfig {
        producer_config::producer_config(&self.given, self.gapless)
    }
}

/// Reads a file of librdkafka's settings, or a Java `client.properties`, which is translated.
fn read_file(path: PathBuf) -> Result<Pairs, SettingsError> {
    let bytes = match std::fs::read(&path) {
        Ok(bytes) => bytes,
        Err(source) => return Err(SettingsError::Read { path, source }),
    };
    let mut pairs = match properties::parse(&properties::decode(bytes)) {
        Ok(pairs) => pairs,
        Err(source) => return Err(SettingsError::FileSyntax { path, source }),
    };
    // Kafka's own clients trim the value of every setting, passwords included.
    for (_, value) in &mut pairs {
        *value = value.trim_matches(|letter| letter <= ' ').to_owned();
    }
    translate(pairs).map_err(|source| SettingsError::FileSetting { path, source })
}

/// Prints the keys without their values, some of which are passwords.
impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings").field("servers", &self.servers).field("given", &self.given.keys()).finish()
    }
}

/// Returns the canonical name of a setting, so that the user's value replaces a default under any alias.
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
    fn the_user_overrides_defaults_under_any_alias() {
        let config =
            settings(&["queue.buffering.max.ms=3", "compression.codec=zstd"]).expect("settings").producer_config();
        assert_eq!((config.get("linger.ms"), config.get("queue.buffering.max.ms")), (Some("3"), None));
        assert_eq!(config.get("compression.type"), Some("zstd"));
        assert_eq!((config.get("acks"), config.get("enable.idempotence")), (Some("all"), Some("true")));
        let config = settings(&["acks=1"]).expect("settings").producer_config();
        assert_eq!((config.get("acks"), config.get("enable.idempotence")), (Some("1"), None));
    }

    #[test]
    fn a_resumable_feed_accepts_only_settings_without_gaps() {
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
            let rejected = settings(&[setting]).and_then(Settings::gapless).expect_err(setting).to_string();
            let value = setting.split('=').next_back().expect("a value");
            assert!(rejected.starts_with("--resume: -X ") && rejected.contains(&format!("={value}: ")), "{rejected}");
        }
        for setting in ["acks=-1", "message.timeout.ms=0", "partitioner=murmur2"] {
            assert!(settings(&[setting]).and_then(Settings::gapless).is_ok(), "{setting}");
        }
    }

    #[test]
    fn other_clients_get_only_the_given_settings() {
        let config = settings(&["security.protocol=SSL"]).expect("settings").client_config();
        assert_eq!(config.get("bootstrap.servers"), Some("localhost:9092"));
        assert_eq!(config.config_map().len(), 2);
    }

    #[test]
    fn a_setting_that_librdkafka_rejects_is_named() {
        let message = |set: &[&str]| settings(set).expect_err("rejected").to_string();
        assert!(message(&["no.such.key=1"]).starts_with("Kafka setting `no.such.key`:"));
        assert!(message(&["acks=many"]).starts_with("Kafka setting `acks`:"));
        assert!(message(&["max.request.size=1"]).contains("message.max.bytes"));
        assert_eq!(message(&["linger.ms"]), "-X linger.ms: expected KEY=VALUE");
        assert!(matches!(Settings::try_from(KafkaArgs::default()), Err(SettingsError::NoServers)));
    }

    #[test]
    fn the_command_line_overrides_a_java_file() {
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

    #[test]
    fn a_password_is_read_as_java_reads_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("client.properties");
        let password = |text: &[u8]| {
            std::fs::write(&path, text).expect("written");
            let args =
                KafkaArgs { bootstrap_server: Some("kafka:9096".into()), set: vec![], config: Some(path.clone()) };
            let settings = Settings::try_from(args).map_err(|error| error.to_string())?;
            Ok(settings.client_config().get("sasl.password").unwrap_or_default().to_owned())
        };
        let jaas = |password: &str| {
            let module = "org.apache.kafka.common.security.plain.PlainLoginModule";
            format!(
                "sasl.mechanism PLAIN\nsasl.jaas.config : {module} required username=\"u\" password=\"{password}\"; "
            )
        };
        for (text, expected) in [
            (jaas("s3cr=t;#! ").as_bytes(), "s3cr=t;#! "),
            (jaas(r"\u00fc\ud83d\ude00").as_bytes(), "ü\u{1f600}"),
            (jaas(r"a\\tb\\\\c").as_bytes(), "a\tb\\c"),
            (b"sasl.password=\xfc", "ü"),
            ("sasl.password=ü".as_bytes(), "ü"),
            (b"sasl.password = secret \n", "secret"),
        ] {
            assert_eq!(password(text).as_deref(), Ok(expected), "{}", text.escape_ascii());
        }
        let error: Result<String, String> = password(b"a=1\nsasl.password=C:\\users");
        assert!(error.as_ref().is_err_and(|error| error.contains("client.properties: line 2: malformed")), "{error:?}");
    }
}
