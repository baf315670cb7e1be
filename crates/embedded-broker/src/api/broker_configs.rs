//! The broker's own configuration, as Kafka's tools read it. It cannot be changed while the broker runs.

use kafka_protocol::messages::describe_configs_response::{DescribeConfigsResourceResult, DescribeConfigsSynonym};

use super::text;
use crate::options::Storage;
use crate::state::{NODE_ID, State};
use crate::topics::TOPIC_KEYS;

/// Config source of a value that the broker's options set.
pub(super) const FROM_BROKER: i8 = 4;

/// Config source of a default.
pub(super) const FROM_DEFAULT: i8 = 5;

/// Config types of values.
const BOOLEAN: i8 = 1;
const STRING: i8 = 2;
const INT: i8 = 3;

pub(super) fn broker_configs(state: &State) -> Vec<DescribeConfigsResourceResult> {
    let listener = format!("PLAINTEXT://{}", state.address);
    let auto_create = state.options.auto_create;
    let initial_delay = state.options.initial_rebalance_delay_ms.to_string();
    let own = [
        ("advertised.listeners", listener.clone(), STRING, FROM_BROKER),
        ("auto.create.topics.enable", auto_create.is_some().to_string(), BOOLEAN, FROM_BROKER),
        ("broker.id", NODE_ID.to_string(), INT, FROM_BROKER),
        ("default.replication.factor", "1".to_owned(), INT, FROM_DEFAULT),
        ("delete.topic.enable", "true".to_owned(), BOOLEAN, FROM_DEFAULT),
        ("group.initial.rebalance.delay.ms", initial_delay, INT, FROM_BROKER),
        ("listeners", listener, STRING, FROM_BROKER),
        ("log.dirs", log_dir(state), STRING, FROM_BROKER),
        ("message.max.bytes", state.options.max_message_bytes.to_string(), INT, FROM_BROKER),
        ("node.id", NODE_ID.to_string(), INT, FROM_BROKER),
        ("num.partitions", auto_create.unwrap_or(1).to_string(), INT, FROM_BROKER),
        ("offsets.topic.replication.factor", "1".to_owned(), INT, FROM_BROKER),
        ("socket.request.max.bytes", state.options.max_request_bytes.to_string(), INT, FROM_BROKER),
    ];
    let own = own.into_iter().map(|(name, value, kind, source)| config(name, &value, kind, source));
    let of_topics = TOPIC_KEYS.iter().filter(|key| !key.broker_key.is_empty() && key.broker_key != "message.max.bytes");
    let of_topics = of_topics.map(|key| config(key.broker_key, key.default, STRING, FROM_DEFAULT));
    own.chain(of_topics).collect()
}

/// Returns the folder of the records, or `memory`.
pub(super) fn log_dir(state: &State) -> String {
    match &state.options.storage {
        Storage::Memory => "memory".to_owned(),
        Storage::Folder(path) => path.display().to_string(),
    }
}

fn config(name: &str, value: &str, kind: i8, source: i8) -> DescribeConfigsResourceResult {
    let synonym =
        DescribeConfigsSynonym::default().with_name(text(name)).with_value(Some(text(value))).with_source(source);
    DescribeConfigsResourceResult::default()
        .with_name(text(name))
        .with_value(Some(text(value)))
        .with_read_only(true)
        .with_config_source(source)
        .with_synonyms(vec![synonym])
        .with_config_type(kind)
}
