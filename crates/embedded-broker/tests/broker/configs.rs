//! `DescribeConfigs`, `AlterConfigs` and `IncrementalAlterConfigs`.

use kafka_protocol::messages::describe_configs_request::DescribeConfigsResource;
use kafka_protocol::messages::incremental_alter_configs_request::{AlterConfigsResource, AlterableConfig};
use kafka_protocol::messages::{
    AlterConfigsRequest, DescribeConfigsRequest, IncrementalAlterConfigsRequest, TopicName, alter_configs_request,
};

use crate::client::{Client, TestBroker, batch, is_foreign, record, text};

const TOPIC: i8 = 2;
const BROKER: i8 = 4;

/// Returns error code, and value and source of one configuration.
async fn describe(client: &mut Client, kind: i8, name: &str, key: &str) -> (i16, Option<(String, i8)>) {
    let resource = DescribeConfigsResource::default()
        .with_resource_type(kind)
        .with_resource_name(text(name))
        .with_configuration_keys(Some(vec![text(key)]));
    let request = DescribeConfigsRequest::default().with_resources(vec![resource]);
    let response = client.call(4, &request).await;
    let result = &response.results[0];
    let value = result.configs.first().map(|c| (c.value.clone().unwrap_or_default().to_string(), c.config_source));
    (result.error_code, value)
}

/// Changes one configuration by an operation: 0 sets, 1 deletes, 2 appends, 3 subtracts.
async fn change(client: &mut Client, kind: i8, name: &str, key: &str, operation: i8, value: Option<&str>) -> i16 {
    let config =
        AlterableConfig::default().with_name(text(key)).with_config_operation(operation).with_value(value.map(text));
    let resource = AlterConfigsResource::default()
        .with_resource_type(kind)
        .with_resource_name(text(name))
        .with_configs(vec![config]);
    let request = IncrementalAlterConfigsRequest::default().with_resources(vec![resource]);
    client.call(1, &request).await.responses[0].error_code
}

#[tokio::test]
async fn defaults_are_those_of_kafka() {
    let (_broker, mut client, topic) = TestBroker::topic(1).await;
    for (key, value) in [
        ("cleanup.policy", "delete"),
        ("compression.type", "producer"),
        ("max.message.bytes", "1048588"),
        ("message.timestamp.type", "CreateTime"),
        ("retention.bytes", "-1"),
        ("flush.messages", "9223372036854775807"),
        ("message.timestamp.after.max.ms", "3600000"),
        ("index.interval.bytes", "4096"),
        ("unclean.leader.election.enable", "false"),
    ] {
        assert_eq!(describe(&mut client, TOPIC, &topic, key).await, (0, Some((value.to_owned(), 5))), "{key}");
    }
}

/// Appends records until the result is `code`. Apache Kafka answers before a change takes effect.
async fn append_until(client: &mut Client, topic: &TopicName, code: i16) {
    while client.append(topic, batch(&[record("a")])).await.error_code != code {
        assert!(is_foreign(), "the change has no effect");
    }
}

#[tokio::test]
async fn changed_config_takes_effect() {
    let (_broker, mut client, topic) = TestBroker::topic(1).await;
    assert_eq!(change(&mut client, TOPIC, &topic, "max.message.bytes", 0, Some("40")).await, 0);
    append_until(&mut client, &topic, 10).await;
    assert_eq!(describe(&mut client, TOPIC, &topic, "max.message.bytes").await.1, Some(("40".to_owned(), 1)));
    assert_eq!(change(&mut client, TOPIC, &topic, "max.message.bytes", 1, None).await, 0);
    append_until(&mut client, &topic, 0).await;
}

#[tokio::test]
async fn lists_are_extended_and_shortened() {
    let (_broker, mut client, topic) = TestBroker::topic(1).await;
    let key = "cleanup.policy";
    assert_eq!(change(&mut client, TOPIC, &topic, key, 2, Some("compact")).await, 0);
    assert_eq!(describe(&mut client, TOPIC, &topic, key).await.1.unwrap().0, "delete,compact");
    assert_eq!(change(&mut client, TOPIC, &topic, key, 3, Some("compact")).await, 0);
    assert_eq!(describe(&mut client, TOPIC, &topic, key).await.1.unwrap().0, "delete");
    assert_eq!(change(&mut client, TOPIC, &topic, "retention.ms", 2, Some("1")).await, 40);
    // A topic without a policy deletes nothing.
    assert_eq!(change(&mut client, TOPIC, &topic, key, 3, Some("delete")).await, 0);
    assert_eq!(describe(&mut client, TOPIC, &topic, key).await.1.unwrap().0, "");
}

#[tokio::test]
async fn invalid_changes_are_rejected() {
    let (_broker, mut client, topic) = TestBroker::topic(1).await;
    assert_eq!(change(&mut client, TOPIC, &topic, "no.such.key", 0, Some("1")).await, 40);
    assert_eq!(change(&mut client, TOPIC, &topic, "retention.ms", 0, Some("x")).await, 40);
    assert_eq!(change(&mut client, TOPIC, &topic, "retention.ms", 0, None).await, 42);
    assert_eq!(change(&mut client, TOPIC, "no-such-topic", "retention.ms", 0, Some("1")).await, 3);
    // An unknown key can be reset.
    assert_eq!(change(&mut client, TOPIC, &topic, "no.such.key", 1, None).await, 0);
    assert_eq!(change(&mut client, BROKER, "9", "log.retention.ms", 0, Some("1")).await, 42);
}

#[tokio::test]
async fn alter_replaces_all_configs() {
    let (_broker, mut client, topic) = TestBroker::topic(1).await;
    assert_eq!(change(&mut client, TOPIC, &topic, "retention.bytes", 0, Some("7")).await, 0);
    let config = alter_configs_request::AlterableConfig::default()
        .with_name(text("retention.ms"))
        .with_value(Some(text("60000")));
    let resource = alter_configs_request::AlterConfigsResource::default()
        .with_resource_type(TOPIC)
        .with_resource_name(topic.0.clone())
        .with_configs(vec![config]);
    let request = AlterConfigsRequest::default().with_resources(vec![resource]);
    assert_eq!(client.call(2, &request).await.responses[0].error_code, 0);
    assert_eq!(describe(&mut client, TOPIC, &topic, "retention.ms").await.1, Some(("60000".to_owned(), 1)));
    assert_eq!(describe(&mut client, TOPIC, &topic, "retention.bytes").await.1, Some(("-1".to_owned(), 5)));
}

#[tokio::test]
async fn unknown_resources_are_errors() {
    let broker = TestBroker::start().await;
    let mut client = broker.client().await;
    assert_eq!(describe(&mut client, TOPIC, "no-such-topic", "x").await.0, 3);
    assert_eq!(describe(&mut client, TOPIC, "a/b", "x").await.0, 17);
    assert_eq!(describe(&mut client, BROKER, "9", "x").await.0, 42);
    assert_eq!(describe(&mut client, 77, "x", "x").await.0, 42);
}

/// Changes of different keys at the same time are all kept.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn concurrent_changes_are_kept() {
    let (broker, _, topic) = TestBroker::topic(1).await;
    let broker = std::sync::Arc::new(broker);
    let changes = ["retention.ms", "retention.bytes", "segment.bytes", "max.message.bytes"].map(|key| {
        let (broker, topic) = (std::sync::Arc::clone(&broker), topic.clone());
        tokio::spawn(async move {
            let mut client = broker.client().await;
            for value in 1_000..1_100 {
                let value = value.to_string();
                assert_eq!(change(&mut client, TOPIC, &topic, key, 0, Some(&value)).await, 0);
                let (_, described) = describe(&mut client, TOPIC, &topic, key).await;
                assert_eq!(described.map(|(value, _)| value), Some(value), "{key}");
            }
        })
    });
    for changed in changes {
        changed.await.unwrap();
    }
}
