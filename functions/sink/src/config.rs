//! The function's settings, read once from environment variables.

use std::num::ParseIntError;
use std::str::{FromStr, ParseBoolError};

use lake_format::codec::UnknownCodec;
use lake_format::columns::{Columns, ParseColumnsError};
use lake_format::field_names::UnknownFieldNames;
use lake_format::keys::{self, KeyLayout, UnknownPartitionBy};
use lake_format::metadata::UnknownMetadata;
use lake_format::record_line;

/// Settings of the sink. The comment on each field names its environment variables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// `SINK_BUCKET`: name of the bucket to write to.
    pub bucket: String,
    /// `SINK_PREFIX`, `SINK_COMPRESSION`, `SINK_PARTITION_BY`, `SINK_PARTITION_FIELD`, `SINK_TOPIC_GENERATION`,
    /// `SINK_FIELD_NAMES`, `SINK_METADATA`: settings that determine where and how a record is stored.
    pub layout: KeyLayout,
    /// `SINK_COLUMNS`: columns of the table. A record with a value that its column cannot hold goes to the quarantine.
    pub columns: Columns,
    /// `SINK_PARTIAL_BATCH_RESPONSE`: reports the failed partitions instead of failing the whole batch. Requires an
    /// event source with `ReportBatchItemFailures`. An event source without it treats a partial batch response as
    /// success.
    pub partial_batch_response: bool,
}

/// Error for a missing or invalid setting. The message names the environment variable.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// A required variable is not set or is empty.
    #[error("{variable} is not set; set it to {expected}")]
    Missing {
        variable: &'static str,
        /// Description of the value that the variable needs.
        expected: &'static str,
    },
    /// A variable has an invalid value.
    #[error("{variable}={value:?}: {source}")]
    Invalid { variable: &'static str, value: String, source: InvalidSetting },
}

/// Reason that the value of a setting is invalid.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSetting {
    /// `SINK_PREFIX` contains only slashes, has a part that is empty, `.` or `..`, or contains a control character.
    #[error("expected a relative path without `.` or `..`, such as `lake` or `raw/quotes`")]
    Prefix,
    /// `SINK_COMPRESSION` is not the name of a codec.
    #[error(transparent)]
    Compression(#[from] UnknownCodec),
    /// `SINK_PARTITION_BY` is neither `day` nor `hour`.
    #[error(transparent)]
    PartitionBy(#[from] UnknownPartitionBy),
    /// `SINK_PARTITION_FIELD` is the name of a coordinate, or of metadata that the sink adds.
    #[error("expected a field of the records, not a coordinate or metadata that the sink adds")]
    PartitionField,
    /// `SINK_TOPIC_GENERATION` is not a number, is negative, or is too large.
    #[error("expected a whole number from 0 to {}", u32::MAX)]
    TopicGeneration(#[from] ParseIntError),
    /// `SINK_COLUMNS` is not a valid list of columns.
    #[error(transparent)]
    Columns(#[from] ParseColumnsError),
    /// `SINK_FIELD_NAMES` is neither `exact` nor `ignore-case`.
    #[error(transparent)]
    FieldNames(#[from] UnknownFieldNames),
    /// `SINK_METADATA` is not a list of metadata.
    #[error(transparent)]
    Metadata(#[from] UnknownMetadata),
    /// `SINK_PARTIAL_BATCH_RESPONSE` is neither `true` nor `false`.
    #[error("expected true or false")]
    PartialBatchResponse(#[from] ParseBoolError),
}

impl Config {
    /// Creates settings for a bucket, with defaults for everything else.
    pub fn new(bucket: impl Into<String>) -> Self {
        Config {
            bucket: bucket.into(),
            layout: KeyLayout::default(),
            columns: Columns::default(),
            partial_batch_response: false,
        }
    }

    /// Reads the settings through `variable`, which looks up an environment variable. A variable that is empty or blank
    /// counts as not set.
    ///
    /// # Errors
    /// [`ConfigError`] for the first variable that is missing or invalid.
    pub fn from_variables(variable: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let get =
            |name: &'static str| variable(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty());
        let mut config =
            Config::new(get("SINK_BUCKET").ok_or(ConfigError::Missing {
                variable: "SINK_BUCKET",
                expected: "the name of the bucket to write to",
            })?);
        let layout = &mut config.layout;
        if let Some(value) = get("SINK_PREFIX") {
            let prefix = keys::parse_prefix(&value);
            let source = InvalidSetting::Prefix;
            layout.prefix = prefix.ok_or(ConfigError::Invalid { variable: "SINK_PREFIX", value, source })?;
        }
        if let Some(value) = get("SINK_COMPRESSION") {
            layout.codec = parse("SINK_COMPRESSION", value)?;
        }
        if let Some(value) = get("SINK_PARTITION_BY") {
            layout.partition_by = parse("SINK_PARTITION_BY", value)?;
        }
        if let Some(value) = get("SINK_METADATA") {
            layout.metadata = parse("SINK_METADATA", value)?;
        }
        if let Some(value) = get("SINK_PARTITION_FIELD") {
            if record_line::is_coordinate(&value) || layout.metadata.adds(&value) {
                let source = InvalidSetting::PartitionField;
                return Err(ConfigError::Invalid { variable: "SINK_PARTITION_FIELD", value, source });
            }
            layout.partition_field = Some(value);
        }
        if let Some(value) = get("SINK_TOPIC_GENERATION") {
            layout.generation = parse("SINK_TOPIC_GENERATION", value)?;
        }
        if let Some(value) = get("SINK_FIELD_NAMES") {
            layout.field_names = parse("SINK_FIELD_NAMES", value)?;
        }
        if let Some(value) = get("SINK_COLUMNS") {
            config.columns = parse("SINK_COLUMNS", value)?;
        }
        if let Some(value) = get("SINK_PARTIAL_BATCH_RESPONSE") {
            config.partial_batch_response = parse("SINK_PARTIAL_BATCH_RESPONSE", value)?;
        }
        Ok(config)
    }

    /// Returns the names and values of the variables from which [`Config::from_variables`] reads these settings.
    pub fn to_variables(&self) -> Vec<(&'static str, String)> {
        let KeyLayout { prefix, codec, partition_by, partition_field, generation, field_names, metadata } =
            &self.layout;
        vec![
            ("SINK_BUCKET", self.bucket.clone()),
            ("SINK_PREFIX", prefix.clone()),
            ("SINK_COMPRESSION", codec.name().to_owned()),
            ("SINK_PARTITION_BY", partition_by.name().to_owned()),
            ("SINK_PARTITION_FIELD", partition_field.clone().unwrap_or_default()),
            ("SINK_TOPIC_GENERATION", generation.to_string()),
            ("SINK_FIELD_NAMES", field_names.name().to_owned()),
            ("SINK_METADATA", metadata.name().to_owned()),
            ("SINK_COLUMNS", self.columns.to_string()),
            ("SINK_PARTIAL_BATCH_RESPONSE", self.partial_batch_response.to_string()),
        ]
    }
}

fn parse<T: FromStr<Err: Into<InvalidSetting>>>(variable: &'static str, value: String) -> Result<T, ConfigError> {
    value.parse().map_err(|error: T::Err| ConfigError::Invalid { variable, value, source: error.into() })
}

#[cfg(test)]
mod tests {
    use lake_format::codec::Codec;
    use lake_format::field_names::FieldNames;
    use lake_format::keys::PartitionBy;
    use lake_format::metadata::Metadata;

    use super::*;

    fn config(variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
        Config::from_variables(|name| {
            variables.iter().find(|(other, _)| *other == name).map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn only_the_bucket_is_required() {
        assert_eq!(config(&[("SINK_BUCKET", "b")]), Ok(Config::new("b")));
        assert_eq!(config(&[("SINK_BUCKET", "b"), ("SINK_PREFIX", ""), ("SINK_COLUMNS", " ")]), Ok(Config::new("b")));
        assert!(config(&[]).unwrap_err().to_string().starts_with("SINK_BUCKET is not set"));
    }

    #[test]
    fn every_setting_is_read() {
        let config = config(&[
            ("SINK_BUCKET", "b"),
            ("SINK_PREFIX", "/raw/quotes"),
            ("SINK_COMPRESSION", "zstd"),
            ("SINK_PARTITION_BY", "hour"),
            ("SINK_PARTITION_FIELD", "sector"),
            ("SINK_TOPIC_GENERATION", "3"),
            ("SINK_FIELD_NAMES", "ignore-case"),
            ("SINK_METADATA", "key,headers"),
            ("SINK_COLUMNS", "close:double"),
            ("SINK_PARTIAL_BATCH_RESPONSE", "true"),
        ])
        .unwrap();
        assert_eq!(config.layout.prefix, "raw/quotes/");
        assert_eq!(config.layout.codec, Codec::Zstd);
        assert_eq!(config.layout.partition_by, PartitionBy::Hour);
        assert_eq!(config.layout.partition_field.as_deref(), Some("sector"));
        assert_eq!(config.layout.generation, 3);
        assert_eq!(config.layout.field_names, FieldNames::IgnoreCase);
        assert_eq!(config.layout.metadata, Metadata { key: true, headers: true });
        assert!(!config.columns.is_empty() && config.partial_batch_response);
        for config in [config, Config::new("b")] {
            let variables = config.to_variables();
            let variable =
                |name: &str| variables.iter().find(|(other, _)| *other == name).map(|(_, value)| value.clone());
            assert_eq!(Config::from_variables(variable).as_ref(), Ok(&config), "settings survive a round trip");
        }
    }

    #[test]
    fn invalid_setting_names_its_variable_and_valid_values() {
        for (variable, value, hint) in [
            ("SINK_COMPRESSION", "lz4", "gzip, zstd or none"),
            ("SINK_PARTITION_BY", "month", "day or hour"),
            ("SINK_TOPIC_GENERATION", "-1", "whole number"),
            ("SINK_PARTITION_FIELD", "Kafka_Offset", "coordinate"),
            ("SINK_PREFIX", "a/../b", "path"),
            ("SINK_FIELD_NAMES", "lower", "exact or ignore-case"),
            ("SINK_METADATA", "key,value", "key, headers, key,headers or none"),
            ("SINK_COLUMNS", "close:decimal", "decimal"),
            ("SINK_PARTIAL_BATCH_RESPONSE", "yes", "true or false"),
        ] {
            let error = config(&[("SINK_BUCKET", "b"), (variable, value)]).unwrap_err().to_string();
            assert!(error.starts_with(variable) && error.contains(hint), "{error}");
        }
        let metadata = [("SINK_BUCKET", "b"), ("SINK_METADATA", "key"), ("SINK_PARTITION_FIELD", "Kafka_Key")];
        assert!(config(&metadata).unwrap_err().to_string().starts_with("SINK_PARTITION_FIELD"));
        assert!(config(&[metadata[0], metadata[2]]).is_ok(), "without the metadata it is a field of the records");
    }
}
