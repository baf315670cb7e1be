//! `CreateTopics`, `DeleteTopics` and `CreatePartitions`.

use kafka_protocol::messages::create_partitions_request::CreatePartitionsTopic;
use kafka_protocol::messages::create_topics_request::{
    CreatableReplicaAssignment, CreatableTopic, CreatableTopicConfig,
};
use kafka_protocol::messages::create_topics_response::CreatableTopicResult;
use kafka_protocol::messages::delete_topics_request::DeleteTopicState;
use kafka_protocol::messages::{
    BrokerId, CreatePartitionsRequest, CreateTopicsRequest, DeleteTopicsRequest, TopicName,
};
use uuid::Uuid;

use crate::client::{Client, TestBroker, is_foreign, text, unique};

fn topic(name: &TopicName) -> CreatableTopic {
    CreatableTopic::default().with_name(name.clone()).with_num_partitions(1).with_replication_factor(1)
}

fn config(name: &str, value: Option<&str>) -> CreatableTopicConfig {
    CreatableTopicConfig::default().with_name(text(name)).with_value(value.map(text))
}

async fn create(client: &mut Client, topic: CreatableTopic) -> CreatableTopicResult {
    let request = CreateTopicsRequest::default().with_topics(vec![topic]).with_timeout_ms(30_000);
    client.call(7, &request).await.topics[0].clone()
}

async fn error(client: &mut Client, topic: CreatableTopic) -> i16 {
    create(client, topic).await.error_code
}

#[tokio::test]
async fn created_topic_is_described() {
    let broker = TestBroker::start().await;
    let name = unique("created");
    let asked = topic(&name).with_num_partitions(3).with_configs(vec![config("retention.ms", Some("5000"))]);
    let created = create(&mut broker.client().await, asked).await;
    assert_eq!((created.error_code, created.num_partitions, created.replication_factor), (0, 3, 1));
    assert!(!created.topic_id.is_nil());
    let configs = created.configs.unwrap();
    let retention = configs.iter().find(|config| config.name == text("retention.ms")).unwrap();
    assert_eq!((retention.value.clone(), retention.config_source), (Some(text("5000")), 1));
}

#[tokio::test]
async fn invalid_topics_are_rejected() {
    let broker = TestBroker::start().await;
    let mut client = broker.client().await;
    for name in ["", ".", "..", "a b", "ä", &"x".repeat(250)] {
        assert_eq!(error(&mut client, topic(&TopicName(text(name)))).await, 17, "{name}");
    }
    let name = unique("invalid");
    assert_eq!(error(&mut client, topic(&name).with_num_partitions(0)).await, 37);
    assert_eq!(error(&mut client, topic(&name).with_num_partitions(-2)).await, 37);
    assert_eq!(error(&mut client, topic(&name).with_replication_factor(2)).await, 38);
    assert_eq!(error(&mut client, topic(&name).with_replication_factor(0)).await, 38);
    assert_eq!(error(&mut client, topic(&name).with_replication_factor(0).with_num_partitions(-2)).await, 38);
    assert_eq!(error(&mut client, topic(&name).with_replication_factor(2).with_num_partitions(-2)).await, 37);
    assert_eq!(error(&mut client, topic(&name).with_configs(vec![config("no.such.key", Some("1"))])).await, 40);
    assert_eq!(error(&mut client, topic(&name).with_configs(vec![config("retention.ms", Some("x"))])).await, 40);
    assert_eq!(error(&mut client, topic(&name).with_configs(vec![config("retention.ms", None)])).await, 40);
}

#[tokio::test]
async fn existing_topic_is_not_created_again() {
    let (_broker, mut client, name) = TestBroker::topic(1).await;
    assert_eq!(error(&mut client, topic(&name)).await, 36);
}

#[tokio::test]
async fn names_differing_in_dots_collide() {
    let broker = TestBroker::start().await;
    let mut client = broker.client().await;
    let name = unique("dots.and");
    assert_eq!(error(&mut client, topic(&name)).await, 0);
    let colliding = TopicName(text(&name.replace('.', "_")));
    assert_eq!(error(&mut client, topic(&colliding)).await, 17);
}

#[tokio::test]
async fn counts_default_to_one() {
    let broker = TestBroker::start().await;
    let asked = topic(&unique("default")).with_num_partitions(-1).with_replication_factor(-1);
    let created = create(&mut broker.client().await, asked).await;
    assert_eq!((created.error_code, created.num_partitions, created.replication_factor), (0, 1, 1));
}

#[tokio::test]
async fn partitions_can_be_assigned_to_this_broker_only() {
    let broker = TestBroker::start().await;
    let mut client = broker.client().await;
    let assigned = |partitions: &[(i32, i32)]| {
        let assignments = partitions.iter().map(|&(partition, node)| {
            CreatableReplicaAssignment::default().with_partition_index(partition).with_broker_ids(vec![BrokerId(node)])
        });
        topic(&unique("assigned")).with_assignments(assignments.collect())
    };
    let counts = |topic: CreatableTopic| topic.with_num_partitions(-1).with_replication_factor(-1);
    assert_eq!(error(&mut client, assigned(&[(0, 1)])).await, 42);
    assert_eq!(error(&mut client, counts(assigned(&[(0, 1), (1, 1)]))).await, 0);
    assert_eq!(error(&mut client, counts(assigned(&[(0, 2)]))).await, 39);
    assert_eq!(error(&mut client, counts(assigned(&[(1, 1)]))).await, 39);
}

#[tokio::test]
async fn validated_topic_is_not_created() {
    let broker = TestBroker::start().await;
    let mut client = broker.client().await;
    let name = unique("validated");
    let request =
        CreateTopicsRequest::default().with_topics(vec![topic(&name)]).with_timeout_ms(30_000).with_validate_only(true);
    for _ in 0..2 {
        assert_eq!(client.call(7, &request).await.topics[0].error_code, 0);
    }
}

#[tokio::test]
async fn topic_named_twice_is_invalid() {
    let broker = TestBroker::start().await;
    let name = unique("twice");
    let request = CreateTopicsRequest::default().with_topics(vec![topic(&name), topic(&name)]).with_timeout_ms(30_000);
    assert_eq!(broker.client().await.call(7, &request).await.topics[0].error_code, 42);
}

#[tokio::test]
async fn topics_are_deleted_by_name() {
    let (_broker, mut client, name) = TestBroker::topic(1).await;
    let request = DeleteTopicsRequest::default().with_topic_names(vec![name.clone()]).with_timeout_ms(30_000);
    assert_eq!(client.call(5, &request).await.responses[0].error_code, 0);
    assert_eq!(client.call(5, &request).await.responses[0].error_code, 3);
}

#[tokio::test]
async fn topics_are_deleted_by_id() {
    let broker = TestBroker::start().await;
    let mut client = broker.client().await;
    let name = unique("deleted");
    let id = create(&mut client, topic(&name)).await.topic_id;
    let by_id = |id| {
        let topic = DeleteTopicState::default().with_name(None).with_topic_id(id);
        DeleteTopicsRequest::default().with_topics(vec![topic]).with_timeout_ms(30_000)
    };
    assert_eq!(client.call(6, &by_id(Uuid::new_v4())).await.responses[0].error_code, 100);
    let deleted = client.call(6, &by_id(id)).await.responses[0].clone();
    assert_eq!((deleted.error_code, deleted.name), (0, Some(name)));
}

#[tokio::test]
async fn partitions_can_only_be_added() {
    let (_broker, mut client, name) = TestBroker::topic(2).await;
    for (name, count, expected) in [(&name, 3, 0), (&name, 3, 37), (&name, 1, 37), (&unique("unknown"), 2, 3)] {
        let topic = CreatePartitionsTopic::default().with_name(name.clone()).with_count(count).with_assignments(None);
        let request = CreatePartitionsRequest::default().with_topics(vec![topic]).with_timeout_ms(30_000);
        assert_eq!(client.call(3, &request).await.results[0].error_code, expected, "{count}");
    }
}

/// The time grows with the number of topics, not with its square.
#[tokio::test]
async fn request_with_many_topics_is_answered() {
    if is_foreign() {
        return;
    }
    let broker = TestBroker::start().await;
    let topic = |n| {
        let name = TopicName(text(&format!("unknown-topic-number-{n:06}")));
        CreatePartitionsTopic::default().with_name(name).with_count(2).with_assignments(None)
    };
    let request = CreatePartitionsRequest::default().with_topics((0..150_000).map(topic).collect());
    let response = broker.client().await.call(3, &request.with_timeout_ms(30_000)).await;
    assert!(response.results.iter().all(|result| result.error_code == 3));
}
