//! Translates the settings of Kafka's Java client to librdkafka's.

use thiserror::Error;

use super::Pairs;
use super::jaas::{self, JaasError};

/// Reason that a setting of the Java client cannot be translated.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum JavaSettingError {
    /// librdkafka has no setting of this name.
    #[error("`{key}` is a setting of the Java client; {instead}")]
    JavaOnly {
        key: String,
        /// Advice at the end of the message.
        instead: String,
    },
    /// The login cannot be translated.
    #[error("`sasl.jaas.config`: {0}")]
    Jaas(#[source] JaasError),
}

/// Settings of the Java client that have a different name in librdkafka, with both names.
const RENAMED: [(&str, &str); 6] = [
    ("max.request.size", "message.max.bytes"),
    ("partitioner.class", "partitioner"),
    ("receive.buffer.bytes", "socket.receive.buffer.bytes"),
    ("send.buffer.bytes", "socket.send.buffer.bytes"),
    ("fetch.max.wait.ms", "fetch.wait.max.ms"),
    ("buffer.memory", "queue.buffering.max.kbytes (in KiB)"),
];

/// Java's keys without an equivalent in librdkafka.
const UNSUPPORTED: [&str; 20] = [
    "key.serializer",
    "value.serializer",
    "key.deserializer",
    "value.deserializer",
    "interceptor.classes",
    "metric.reporters",
    "max.block.ms",
    "max.poll.records",
    "default.api.timeout.ms",
    "sasl.login.class",
    "sasl.login.callback.handler.class",
    "sasl.client.callback.handler.class",
    "security.providers",
    "ssl.protocol",
    "ssl.enabled.protocols",
    "ssl.provider",
    "ssl.keymanager.algorithm",
    "ssl.trustmanager.algorithm",
    "ssl.secure.random.implementation",
    "ssl.engine.factory.class",
];

/// Translates Java's keys to librdkafka's. Keys that are the same in both are kept.
///
/// # Errors
/// [`JavaSettingError`], which names the key and its replacement, if a setting cannot be translated.
pub(crate) fn translate(pairs: Pairs) -> Result<Pairs, JavaSettingError> {
    let value_of = |wanted: &str| pairs.iter().rev().find(|(key, _)| key == wanted).map(|(_, value)| value.as_str());
    let pem = |store: &str| value_of(store).is_some_and(|kind| kind.eq_ignore_ascii_case("PEM"));
    let (pem_trust, pem_key) = (pem("ssl.truststore.type"), pem("ssl.keystore.type"));
    let mut translated = Pairs::with_capacity(pairs.len() + 1);
    for (key, value) in &pairs {
        let mut put = |key: &str, value: &str| translated.push((key.to_owned(), value.to_owned()));
        let java_only =
            |instead: &str| Err(JavaSettingError::JavaOnly { key: key.clone(), instead: instead.to_owned() });
        match key.as_str() {
            "sasl.jaas.config" => {
                let login = jaas::parse(value).map_err(JavaSettingError::Jaas)?;
                put("sasl.username", &login.username);
                put("sasl.password", &login.password);
                if value_of("sasl.mechanism").is_none() && value_of("sasl.mechanisms").is_none() {
                    if !login.is_plain {
                        return Err(JavaSettingError::Jaas(JaasError::NoMechanism));
                    }
                    put("sasl.mechanism", "PLAIN");
                }
            }
            "ssl.truststore.location" if pem_trust => put("ssl.ca.location", value),
            "ssl.truststore.certificates" => put("ssl.ca.pem", value),
            "ssl.truststore.type" if pem_trust => {}
            "ssl.truststore.location" | "ssl.truststore.type" | "ssl.truststore.password" => {
                return java_only("export the certificates as PEM and set `ssl.ca.location` to that file");
            }
            // A PEM key store contains both the certificate and the key, and librdkafka reads both from the same file.
            "ssl.keystore.location" if pem_key => {
                put("ssl.certificate.location", value);
                put("ssl.key.location", value);
            }
            "ssl.keystore.certificate.chain" => put("ssl.certificate.pem", value),
            "ssl.keystore.key" => put("ssl.key.pem", value),
            "ssl.keystore.type" if pem_key || value.eq_ignore_ascii_case("PKCS12") => {}
            "ssl.keystore.type" => {
                return java_only(
                    "export the certificate and the key as PEM and set `ssl.certificate.location` and `ssl.key.location`, or \
                     export both as PKCS#12 and set `ssl.keystore.location`",
                );
            }
            "ssl.endpoint.identification.algorithm" if value.is_empty() => put(key, "none"),
            _ => {
                if let Some((_, renamed)) = RENAMED.iter().find(|(java, _)| java == key) {
                    return java_only(&format!("use librdkafka's `{renamed}`"));
                }
                if UNSUPPORTED.contains(&key.as_str()) {
                    return java_only("librdkafka has no such setting; leave it out");
                }
                put(key, value);
            }
        }
    }
    Ok(translated)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::java::properties::parse;
    use proptest::prelude::*;

    fn pairs(of: &[(&str, &str)]) -> Pairs {
        of.iter().map(|&(key, value)| (key.to_owned(), value.to_owned())).collect()
    }

    fn translated(text: &str) -> Result<Pairs, String> {
        translate(parse(text).map_err(|error| error.to_string())?).map_err(|error| error.to_string())
    }

    #[test]
    fn a_scram_login_becomes_user_and_password() {
        let text = "bootstrap.servers=b-1:9096,b-2:9096\n\
            security.protocol=SASL_SSL\n\
            sasl.mechanism=SCRAM-SHA-512\n\
            sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required \\\n\
            \x20 username=\"alice\" \\\n\
            \x20 password=\"s3cr=t;\";\n";
        assert_eq!(
            translated(text),
            Ok(pairs(&[
                ("bootstrap.servers", "b-1:9096,b-2:9096"),
                ("security.protocol", "SASL_SSL"),
                ("sasl.mechanism", "SCRAM-SHA-512"),
                ("sasl.username", "alice"),
                ("sasl.password", "s3cr=t;"),
            ]))
        );
    }

    #[test]
    fn only_a_scram_login_needs_a_mechanism() {
        let plain = "sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required username='u' password='p';";
        let expected = pairs(&[("sasl.username", "u"), ("sasl.password", "p"), ("sasl.mechanism", "PLAIN")]);
        assert_eq!(translated(plain), Ok(expected));
        let scram = plain.replace("plain.Plain", "scram.Scram");
        assert!(translated(&scram).is_err_and(|error| error.contains("sasl.mechanism")));
    }

    #[test]
    fn pem_stores_become_pem_files() {
        let text = "ssl.truststore.type=PEM\nssl.truststore.location=/ca.pem\nssl.keystore.type=pem\nssl.keystore.location=/me.pem\nssl.key.password=p\n";
        assert_eq!(
            translated(text),
            Ok(pairs(&[
                ("ssl.ca.location", "/ca.pem"),
                ("ssl.certificate.location", "/me.pem"),
                ("ssl.key.location", "/me.pem"),
                ("ssl.key.password", "p"),
            ]))
        );
        let inline = "ssl.truststore.certificates=-----BEGIN CERTIFICATE-----\\nMII\\n-----END CERTIFICATE-----\n";
        let expected = "-----BEGIN CERTIFICATE-----\nMII\n-----END CERTIFICATE-----";
        assert_eq!(translated(inline), Ok(pairs(&[("ssl.ca.pem", expected)])));
    }

    #[test]
    fn a_setting_of_java_names_what_to_use() {
        for (line, named) in [
            ("ssl.truststore.location=/kafka.jks", "ssl.ca.location"),
            ("ssl.truststore.password=changeit", "ssl.ca.location"),
            ("ssl.keystore.type=JKS", "ssl.certificate.location"),
            ("max.request.size=10", "message.max.bytes"),
            ("key.serializer=org.apache.kafka.common.serialization.StringSerializer", "leave it out"),
            ("sasl.jaas.config=com.sun.security.auth.module.Krb5LoginModule required;", "Krb5LoginModule"),
        ] {
            let message = translated(line).expect_err(line);
            assert!(message.contains(named), "{line}: {message}");
        }
    }

    #[test]
    fn keys_that_both_have_are_kept() {
        let text = "linger.ms=5\nssl.endpoint.identification.algorithm=\nssl.keystore.location=/me.p12\n";
        let expected = [
            ("linger.ms", "5"),
            ("ssl.endpoint.identification.algorithm", "none"),
            ("ssl.keystore.location", "/me.p12"),
        ];
        assert_eq!(translated(text), Ok(pairs(&expected)));
    }

    proptest! {
        #[test]
        fn plain_pairs_survive(values in proptest::collection::vec("[a-z0-9./,=:-]{0,12}", 0..8)) {
            let expected: Pairs = values.into_iter().enumerate().map(|(at, value)| (format!("key.{at}"), value)).collect();
            let text: String = expected.iter().map(|(key, value)| format!("{key} = {value}\n")).collect();
            prop_assert_eq!(translated(&text), Ok(expected));
        }

        #[test]
        fn no_text_causes_a_panic(text in "(\\PC|[\\\\\n=:#\"';]){0,60}") {
            let _ = translated(&text);
            let _ = translate(vec![("sasl.jaas.config".to_owned(), text)]);
        }
    }
}
