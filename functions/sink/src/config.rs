//! The function's settings, read once from the environment.

use std::fmt::Display;
use std::str::FromStr;

use lake_format::codec::Codec;
use lake_format::columns::Columns;
use lake_format::keys::{self, KeyLayout, PartitionBy};
use lake_format::record_line;

/// What the sink is told by its environment variables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// `SINK_BUCKET`: where the objects go.
    pub bucket: String,
    /// `SINK_PREFIX`, `SINK_COMPRESSION`, `SINK_PARTITION_BY`, `SINK_PARTITION_FIELD`, `SINK_TOPIC_GENERATION`.
    pub layout: KeyLayout,
    /// `SINK_COLUMNS`: the table's columns that values are checked against.
    pub columns: Columns,
    /// `SINK_PARTIAL_BATCH_RESPONSE`: the event source reports single partitions' failures. One that does not would take the
    /// answer for success.
    pub partial_batch_response: bool,
}

/// A setting that is missing or cannot be used; the text names the variable.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// A variable without a default is not set.
    #[error("{variable} is not set: {meaning}")]
    Missing {
        /// The variable.
        variable: &'static str,
        /// What it is for.
        meaning: &'static str,
    },
    /// A value is not one of those that can be.
    #[error("{variable}={value:?}: {fault}")]
    Invalid {
        /// The variable.
        variable: &'static str,
        /// Its value.
        value: String,
        /// What can be instead.
        fault: String,
    },
}

impl Config {
    /// A sink with every default.
    pub fn new(bucket: impl Into<String>) -> Self {
        Config {
            bucket: bucket.into(),
            layout: KeyLayout {
                prefix: String::new(),
                codec: Codec::Gzip,
                partition_by: PartitionBy::Day,
                partition_field: None,
                generation: 0,
            },
            columns: Columns::default(),
            partial_batch_response: false,
        }
    }

    /// Reads the settings; `variable` looks one up. An empty variable is as good as none.
    ///
    /// # Errors
    /// [`ConfigError`] for the first variable that cannot be used.
    pub fn from_variables(variable: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let get =
            |name: &'static str| variable(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty());
        let mut config = Config::new(get("SINK_BUCKET").ok_or(ConfigError::Missing {
            variable: "SINK_BUCKET",
            meaning: "the name of the bucket that the objects are written to",
        })?);
        let layout = &mut config.layout;
        if let Some(prefix) = get("SINK_PREFIX") {
            layout.prefix = directory(prefix)?;
        }
        if let Some(value) = get("SINK_COMPRESSION") {
            layout.codec = parsed("SINK_COMPRESSION", &value, |_| "gzip, zstd or none")?;
        }
        if let Some(value) = get("SINK_PARTITION_BY") {
            layout.partition_by = parsed("SINK_PARTITION_BY", &value, |_| "day or hour")?;
        }
        if let Some(field) = get("SINK_PARTITION_FIELD") {
            layout.partition_field = Some(partition_field(field)?);
        }
        if let Some(value) = get("SINK_TOPIC_GENERATION") {
            layout.generation = parsed("SINK_TOPIC_GENERATION", &value, |_| "a whole number from 0 on")?;
        }
        if let Some(value) = get("SINK_COLUMNS") {
            config.columns = value.parse::<Columns>().map_err(|error| ConfigError::Invalid {
                variable: "SINK_COLUMNS",
                value,
                fault: error.to_string(),
            })?;
        }
        if let Some(value) = get("SINK_PARTIAL_BATCH_RESPONSE") {
            config.partial_batch_response = parsed("SINK_PARTIAL_BATCH_RESPONSE", &value, |_| "true or false")?;
        }
        Ok(config)
    }

    /// The variables that [`Config::from_variables`] reads this from.
    pub fn to_variables(&self) -> Vec<(&'static str, String)> {
        let KeyLayout { prefix, codec, partition_by, partition_field, generation } = &self.layout;
        vec![
            ("SINK_BUCKET", self.bucket.clone()),
            ("SINK_PREFIX", prefix.clone()),
            ("SINK_COMPRESSION", codec.name().to_owned()),
            ("SINK_PARTITION_BY", partition_by.name().to_owned()),
            ("SINK_PARTITION_FIELD", partition_field.clone().unwrap_or_default()),
            ("SINK_TOPIC_GENERATION", generation.to_string()),
            ("SINK_COLUMNS", self.columns.to_string()),
            ("SINK_PARTIAL_BATCH_RESPONSE", self.partial_batch_response.to_string()),
        ]
    }
}

fn parsed<T: FromStr, D: Display>(
    variable: &'static str,
    value: &str,
    wanted: impl Fn(T::Err) -> D,
) -> Result<T, ConfigError> {
    value.parse().map_err(|error| ConfigError::Invalid {
        variable,
        value: value.to_owned(),
        fault: format!("it can be {}", wanted(error)),
    })
}

fn directory(value: String) -> Result<String, ConfigError> {
    keys::parse_prefix(&value).ok_or_else(|| ConfigError::Invalid {
        variable: "SINK_PREFIX",
        value,
        fault: "it can be a path like `lake` or `raw/quotes`".to_owned(),
    })
}

fn partition_field(field: String) -> Result<String, ConfigError> {
    if record_line::is_coordinate(&field) {
        let fault = "a coordinate is no field of the record".to_owned();
        return Err(ConfigError::Invalid { variable: "SINK_PARTITION_FIELD", value: field, fault });
    }
    Ok(field)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
        Config::from_variables(|name| {
            variables.iter().find(|(other, _)| *other == name).map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn only_the_bucket_must_be_named() {
        assert_eq!(config(&[("SINK_BUCKET", "b")]), Ok(Config::new("b")));
        assert_eq!(config(&[("SINK_BUCKET", "b"), ("SINK_PREFIX", ""), ("SINK_COLUMNS", " ")]), Ok(Config::new("b")));
        assert!(config(&[]).unwrap_err().to_string().starts_with("SINK_BUCKET is not set"));
    }

    #[test]
    fn every_setting_is_taken() {
        let config = config(&[
            ("SINK_BUCKET", "b"),
            ("SINK_PREFIX", "/raw/quotes"),
            ("SINK_COMPRESSION", "zstd"),
            ("SINK_PARTITION_BY", "hour"),
            ("SINK_PARTITION_FIELD", "sector"),
            ("SINK_TOPIC_GENERATION", "3"),
            ("SINK_COLUMNS", "close:double"),
            ("SINK_PARTIAL_BATCH_RESPONSE", "true"),
        ])
        .unwrap();
        assert_eq!(config.layout.prefix, "raw/quotes/");
        assert_eq!(config.layout.codec, Codec::Zstd);
        assert_eq!(config.layout.partition_by, PartitionBy::Hour);
        assert_eq!(config.layout.partition_field.as_deref(), Some("sector"));
        assert_eq!(config.layout.generation, 3);
        assert!(!config.columns.is_empty() && config.partial_batch_response);
        for config in [config, Config::new("b")] {
            let variables = config.to_variables();
            let variable =
                |name: &str| variables.iter().find(|(other, _)| *other == name).map(|(_, value)| value.clone());
            assert_eq!(Config::from_variables(variable).as_ref(), Ok(&config), "what is written is read as it was");
        }
    }

    #[test]
    fn a_wrong_setting_names_its_variable_and_what_it_can_be() {
        for (variable, value, hint) in [
            ("SINK_COMPRESSION", "lz4", "gzip, zstd or none"),
            ("SINK_PARTITION_BY", "month", "day or hour"),
            ("SINK_TOPIC_GENERATION", "-1", "whole number"),
            ("SINK_PARTITION_FIELD", "Kafka_Offset", "coordinate"),
            ("SINK_PREFIX", "a/../b", "path"),
            ("SINK_COLUMNS", "close:decimal", "decimal"),
            ("SINK_PARTIAL_BATCH_RESPONSE", "yes", "true or false"),
        ] {
            let error = config(&[("SINK_BUCKET", "b"), (variable, value)]).unwrap_err().to_string();
            assert!(error.starts_with(variable) && error.contains(hint), "{error}");
        }
    }
}
