//! `DescribeConfigs`, `AlterConfigs` and `IncrementalAlterConfigs`, for topics and for the broker.

use std::collections::HashSet;

use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::alter_configs_response::AlterConfigsResourceResponse as Altered;
use kafka_protocol::messages::describe_configs_request::DescribeConfigsResource;
use kafka_protocol::messages::describe_configs_response::{
    DescribeConfigsResourceResult, DescribeConfigsResult, DescribeConfigsSynonym,
};
use kafka_protocol::messages::incremental_alter_configs_request::AlterableConfig;
use kafka_protocol::messages::incremental_alter_configs_response::AlterConfigsResourceResponse as IncrementallyAltered;
use kafka_protocol::messages::{
    AlterConfigsRequest, AlterConfigsResponse, DescribeConfigsRequest, DescribeConfigsResponse,
    IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse,
};

use super::broker_configs::{FROM_BROKER, FROM_DEFAULT, broker_configs};
use super::{Rejection, is_topic_name, text};
use crate::blocking::blocking;
use crate::state::{NODE_ID, State};
use crate::topics::{ConfigError, ConfigKind, MAX_MESSAGE_BYTES, TOPIC_KEYS, TopicConfigs, TopicKey};

/// Types of resources that have configurations.
const TOPIC: i8 = 2;
const BROKER: i8 = 4;

/// Source of a value that was set for the topic.
const FROM_TOPIC: i8 = 1;

/// The value of a topic's configuration key.
pub(super) struct Effective {
    pub(super) key: &'static TopicKey,
    pub(super) value: String,
    pub(super) source: i8,
    /// Where the value comes from, and what it would be without that.
    synonyms: Vec<(&'static str, String, i8)>,
}

/// Returns the values of all keys of a topic.
pub(super) fn effective<'a>(state: &'a State, configs: &'a TopicConfigs) -> impl Iterator<Item = Effective> + 'a {
    TOPIC_KEYS.iter().map(move |key| {
        let set = configs.get(key.name).map(|value| (key.name, value.to_owned(), FROM_TOPIC));
        let broker = broker_value(state, key).map(|value| (key.broker_key, value, FROM_BROKER));
        let default_name = if key.broker_key.is_empty() { key.name } else { key.broker_key };
        let default = (default_name, key.default.to_owned(), FROM_DEFAULT);
        let synonyms: Vec<_> = set.into_iter().chain(broker).chain([default]).collect();
        let (_, value, source) = synonyms[0].clone();
        Effective { key, value, source, synonyms }
    })
}

/// Returns the value of a topic's key that the broker's options set, if it differs from the default.
fn broker_value(state: &State, key: &TopicKey) -> Option<String> {
    let value = (key.name == MAX_MESSAGE_BYTES).then(|| state.options.max_message_bytes.to_string());
    value.filter(|value| value != key.default)
}

pub(super) fn describe(state: &State, version: i16, request: DescribeConfigsRequest) -> DescribeConfigsResponse {
    let (synonyms, types) = (request.include_synonyms, version >= 3);
    let results = request.resources.into_iter().map(|resource| {
        // Neither null nor an empty list filters.
        let keys = resource.configuration_keys.as_ref().filter(|keys| !keys.is_empty());
        let result = DescribeConfigsResult::default();
        let result = match resource_configs(state, &resource) {
            Ok(configs) => {
                let asked =
                    |config: &DescribeConfigsResourceResult| keys.is_none_or(|keys| keys.contains(&config.name));
                let configs = configs.into_iter().filter(asked).map(|config| {
                    let config = if synonyms { config } else { config.with_synonyms(Vec::new()) };
                    if types { config } else { config.with_config_type(0) }
                });
                result.with_configs(configs.collect())
            }
            Err(rejection) => {
                result.with_error_code(rejection.code()).with_error_message(Some(text(&rejection.message)))
            }
        };
        result.with_resource_type(resource.resource_type).with_resource_name(resource.resource_name)
    });
    DescribeConfigsResponse::default().with_results(results.collect())
}

fn resource_configs(
    state: &State,
    resource: &DescribeConfigsResource,
) -> Result<Vec<DescribeConfigsResourceResult>, Rejection> {
    match resource.resource_type {
        TOPIC => {
            let topic = topic_configs(state, &resource.resource_name)?;
            Ok(effective(state, &topic).map(described).collect())
        }
        BROKER => {
            validate_broker(&resource.resource_name)?;
            // The empty name asks for dynamic defaults of the whole cluster.
            Ok(if resource.resource_name.is_empty() { Vec::new() } else { broker_configs(state) })
        }
        other => Err(unsupported(other)),
    }
}

fn described(config: Effective) -> DescribeConfigsResourceResult {
    let synonyms = config.synonyms.into_iter().map(|(name, value, source)| {
        DescribeConfigsSynonym::default().with_name(text(name)).with_value(Some(text(&value))).with_source(source)
    });
    DescribeConfigsResourceResult::default()
        .with_name(text(config.key.name))
        .with_value(Some(text(&config.value)))
        .with_config_source(config.source)
        .with_synonyms(synonyms.collect())
        .with_config_type(type_code(config.key.kind))
}

fn type_code(kind: ConfigKind) -> i8 {
    match kind {
        ConfigKind::Boolean => 1,
        ConfigKind::Choice(_) => 2,
        ConfigKind::Int(..) => 3,
        ConfigKind::Long(..) => 5,
        ConfigKind::Ratio => 6,
        ConfigKind::List(_) => 7,
    }
}

fn topic_configs(state: &State, name: &str) -> Result<TopicConfigs, Rejection> {
    if !is_topic_name(name) {
        return Err(Rejection::new(ResponseError::InvalidTopicException, format!("{name:?} is not a topic name")));
    }
    let topic = state.topics.by_name(name);
    let unknown = || Rejection::new(ResponseError::UnknownTopicOrPartition, format!("topic {name} does not exist"));
    topic.map(|topic| topic.configs.clone()).ok_or_else(unknown)
}

fn validate_broker(name: &str) -> Result<(), Rejection> {
    if name.is_empty() || name == NODE_ID.to_string() {
        return Ok(());
    }
    Err(Rejection::new(ResponseError::InvalidRequest, format!("broker {name:?} does not exist, only {NODE_ID}")))
}

fn unsupported(resource_type: i8) -> Rejection {
    Rejection::new(
        ResponseError::InvalidRequest,
        format!("resources of type {resource_type} have no configuration here"),
    )
}

/// Operations of `IncrementalAlterConfigs`.
const SET: i8 = 0;
const DELETE: i8 = 1;
const APPEND: i8 = 2;
const SUBTRACT: i8 = 3;

/// Replaces all configurations of topics.
pub(super) fn alter(state: &State, request: AlterConfigsRequest) -> AlterConfigsResponse {
    let responses = request.resources.into_iter().map(|resource| {
        let configs = |_: TopicConfigs| {
            let mut configs = TopicConfigs::default();
            for config in &resource.configs {
                match &config.value {
                    Some(value) => configs.set(&config.name, value.to_string())?,
                    None => return Err(no_value(&config.name)),
                }
            }
            Ok(configs)
        };
        let keys = resource.configs.iter().map(|config| (config.name.as_str(), config.value.is_some()));
        let altered =
            change(state, resource.resource_type, &resource.resource_name, keys, configs, request.validate_only);
        let (code, message) = outcome(altered);
        Altered::default()
            .with_error_code(code)
            .with_error_message(message)
            .with_resource_type(resource.resource_type)
            .with_resource_name(resource.resource_name.clone())
    });
    AlterConfigsResponse::default().with_responses(responses.collect())
}

/// Applies the operations set, delete, append and subtract to individual topic configurations.
pub(super) fn alter_incrementally(
    state: &State,
    request: IncrementalAlterConfigsRequest,
) -> IncrementalAlterConfigsResponse {
    let responses = request.resources.into_iter().map(|resource| {
        let configs = |mut configs: TopicConfigs| {
            resource.configs.iter().try_for_each(|change| apply(&mut configs, change))?;
            Ok(configs)
        };
        let keys = resource.configs.iter().map(|change| {
            let has_value = change.value.is_some() || change.config_operation == DELETE;
            (change.name.as_str(), has_value)
        });
        let altered =
            change(state, resource.resource_type, &resource.resource_name, keys, configs, request.validate_only);
        let (code, message) = outcome(altered);
        IncrementallyAltered::default()
            .with_error_code(code)
            .with_error_message(message)
            .with_resource_type(resource.resource_type)
            .with_resource_name(resource.resource_name.clone())
    });
    IncrementalAlterConfigsResponse::default().with_responses(responses.collect())
}

fn apply(configs: &mut TopicConfigs, change: &AlterableConfig) -> Result<(), Rejection> {
    let name = change.name.as_str();
    match (change.config_operation, &change.value) {
        (DELETE, _) => {
            configs.remove(name);
            Ok(())
        }
        (SET, Some(value)) => Ok(configs.set(name, value.to_string())?),
        (APPEND | SUBTRACT, Some(value)) => {
            let key = TopicKey::find(name).ok_or_else(|| ConfigError::UnknownKey(name.to_owned()))?;
            if !matches!(key.kind, ConfigKind::List(_)) {
                let message = format!("{name} is not a list, so nothing can be added to it or removed from it");
                return Err(Rejection::new(ResponseError::InvalidConfig, message));
            }
            let current = configs.get(name).unwrap_or(key.default).to_owned();
            let given: Vec<_> = items(value).collect();
            let kept = items(&current).filter(|item| !given.contains(item));
            let added = given.iter().copied().filter(|_| change.config_operation == APPEND);
            let changed = kept.chain(added).collect::<Vec<_>>().join(",");
            Ok(configs.set(name, changed)?)
        }
        (SET | APPEND | SUBTRACT, None) => Err(no_value(name)),
        (operation, _) => Err(Rejection::new(ResponseError::InvalidRequest, format!("unknown operation {operation}"))),
    }
}

fn items(list: &str) -> impl Iterator<Item = &str> {
    list.split(',').map(str::trim).filter(|item| !item.is_empty())
}

/// Changes the configuration of a topic. `keys` are the names, and whether each has the value that its change needs.
fn change<'a>(
    state: &State,
    resource_type: i8,
    name: &str,
    keys: impl Iterator<Item = (&'a str, bool)> + Clone,
    configs: impl Fn(TopicConfigs) -> Result<TopicConfigs, Rejection>,
    validate_only: bool,
) -> Result<(), Rejection> {
    let mut seen = HashSet::new();
    if !keys.clone().all(|(key, _)| seen.insert(key)) {
        return Err(Rejection::new(ResponseError::InvalidRequest, "the request names a configuration more than once"));
    }
    // A missing value is reported before an invalid one, whatever their order.
    if let Some((key, _)) = keys.clone().find(|(_, has_value)| !has_value) {
        return Err(no_value(key));
    }
    match resource_type {
        TOPIC => {
            // An invalid change is an error even if the topic does not exist.
            configs(TopicConfigs::default())?;
            configs(topic_configs(state, name)?)?;
            if validate_only { Ok(()) } else { blocking(|| state.topics.change_configs(name, configs)) }
        }
        BROKER => {
            validate_broker(name)?;
            let message = "the configuration of the embedded broker is fixed when it starts";
            Err(Rejection::new(ResponseError::InvalidRequest, message))
        }
        other => Err(unsupported(other)),
    }
}

fn no_value(name: &str) -> Rejection {
    Rejection::new(ResponseError::InvalidRequest, format!("the configuration {name} has no value"))
}

fn outcome(altered: Result<(), Rejection>) -> (i16, Option<kafka_protocol::protocol::StrBytes>) {
    match altered {
        Ok(()) => (0, None),
        Err(rejection) => (rejection.code(), Some(text(&rejection.message))),
    }
}

impl From<ConfigError> for Rejection {
    fn from(error: ConfigError) -> Self {
        Rejection::new(ResponseError::InvalidConfig, error.to_string())
    }
}
