//! Every offered version of every API: the response can be decoded, and reports success.

use kafka_protocol::messages::create_topics_request::{CreatableTopic, CreatableTopicConfig};
use kafka_protocol::messages::delete_topics_request::DeleteTopicState;
use kafka_protocol::messages::describe_configs_request::DescribeConfigsResource;
use kafka_protocol::messages::join_group_request::JoinGroupRequestProtocol;
use kafka_protocol::messages::leave_group_request::MemberIdentity;
use kafka_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::*;

use crate::client::{Client, TestBroker, batch, fetch_request, produce_request, record, text, unique};

#[tokio::test]
async fn metadata_in_every_version() {
    let (_broker, mut client, topic) = TestBroker::topic(2).await;
    for version in 0..=13 {
        let asked = MetadataRequestTopic::default().with_name(Some(topic.clone()));
        let response = client.call(version, &MetadataRequest::default().with_topics(Some(vec![asked]))).await;
        assert_eq!((response.topics[0].error_code, response.topics[0].partitions.len()), (0, 2), "version {version}");
        let all = if version == 0 { Some(Vec::new()) } else { None };
        let response = client.call(version, &MetadataRequest::default().with_topics(all)).await;
        assert!(response.topics.iter().any(|t| t.name.as_ref() == Some(&topic)), "version {version}");
    }
}

#[tokio::test]
async fn records_in_every_version() {
    let (_broker, mut client, topic) = TestBroker::topic(1).await;
    for version in 3..=12 {
        let response = client.call(version, &produce_request(&topic, batch(&[record("a")]))).await;
        let partition = &response.responses[0].partition_responses[0];
        assert_eq!((partition.error_code, partition.base_offset), (0, i64::from(version) - 3), "version {version}");
    }
    for version in 4..=12 {
        let response = client.call(version, &fetch_request(&topic, 9)).await;
        let partition = &response.responses[0].partitions[0];
        assert_eq!((partition.error_code, partition.high_watermark), (0, 10), "version {version}");
        assert_ne!(partition.records.as_ref().unwrap().len(), 0, "version {version}");
    }
    for version in 1..=10 {
        let partition = ListOffsetsPartition::default().with_timestamp(-1);
        let topic = ListOffsetsTopic::default().with_name(topic.clone()).with_partitions(vec![partition]);
        let request = ListOffsetsRequest::default().with_replica_id(BrokerId(-1)).with_topics(vec![topic]);
        assert_eq!(client.call(version, &request).await.topics[0].partitions[0].offset, 10, "version {version}");
    }
}

#[tokio::test]
async fn topics_in_every_version() {
    let broker = TestBroker::start().await;
    let mut client = broker.client().await;
    for version in 2..=7 {
        let name = unique("versions");
        let config = CreatableTopicConfig::default().with_name(text("retention.ms")).with_value(Some(text("9000")));
        let topic = CreatableTopic::default().with_name(name.clone()).with_num_partitions(1).with_replication_factor(1);
        let request =
            CreateTopicsRequest::default().with_topics(vec![topic.with_configs(vec![config])]).with_timeout_ms(30_000);
        assert_eq!(client.call(version, &request).await.topics[0].error_code, 0, "version {version}");
        let request = DeleteTopicsRequest::default().with_timeout_ms(30_000);
        let version = version - 1;
        let request = if version >= 6 {
            request.with_topics(vec![DeleteTopicState::default().with_name(Some(name))])
        } else {
            request.with_topic_names(vec![name])
        };
        assert_eq!(client.call(version, &request).await.responses[0].error_code, 0, "version {version}");
    }
}

#[tokio::test]
async fn configs_in_every_version() {
    let (_broker, mut client, topic) = TestBroker::topic(1).await;
    for version in 1..=4 {
        for (kind, name) in [(2, topic.as_str()), (4, "1")] {
            let resource = DescribeConfigsResource::default()
                .with_resource_type(kind)
                .with_resource_name(text(name))
                .with_configuration_keys(None);
            let request = DescribeConfigsRequest::default().with_resources(vec![resource]).with_include_synonyms(true);
            let response = client.call(version, &request).await;
            assert_eq!(response.results[0].error_code, 0, "version {version}");
            assert!(response.results[0].configs.len() > 20, "version {version}");
        }
    }
}

/// Sends one `JoinGroup` and returns the response.
async fn join(client: &mut Client, version: i16, group: &GroupId, member: &str) -> JoinGroupResponse {
    let protocol = JoinGroupRequestProtocol::default().with_name(text("range")).with_metadata(vec![0; 8].into());
    let mut request = JoinGroupRequest::default()
        .with_group_id(group.clone())
        .with_session_timeout_ms(30_000)
        .with_member_id(text(member))
        .with_protocol_type(text("consumer"))
        .with_protocols(vec![protocol]);
    if version >= 1 {
        request = request.with_rebalance_timeout_ms(30_000);
    }
    client.call(version, &request).await
}

/// Members of every version join, appear in the descriptions, and leave.
#[tokio::test]
async fn groups_in_every_version() {
    let broker = TestBroker::start().await;
    let mut client = broker.client().await;
    // Apache Kafka has no versions 0 and 1 of JoinGroup any more.
    let first = if crate::client::is_foreign() { 2 } else { 0 };
    for version in first..=9 {
        let group = GroupId(text(&unique("group")));
        let mut joined = join(&mut client, version, &group, "").await;
        assert_eq!(joined.error_code, if version < 4 { 0 } else { 79 }, "version {version}");
        if version >= 4 {
            joined = join(&mut client, version, &group, &joined.member_id).await;
        }
        assert_eq!((joined.error_code, joined.generation_id), (0, 1), "version {version}");
        assert_eq!(joined.leader, joined.member_id, "version {version}");
        assert_eq!((joined.members.len(), joined.protocol_name), (1, Some(text("range"))), "version {version}");

        let sync_version = version.min(5);
        let mut request = SyncGroupRequest::default()
            .with_group_id(group.clone())
            .with_generation_id(1)
            .with_member_id(joined.member_id.clone());
        if sync_version >= 5 {
            request = request.with_protocol_type(Some(text("consumer"))).with_protocol_name(Some(text("range")));
        }
        assert_eq!(client.call(sync_version, &request).await.error_code, 0, "version {version}");

        let request = HeartbeatRequest::default()
            .with_group_id(group.clone())
            .with_generation_id(1)
            .with_member_id(joined.member_id.clone());
        assert_eq!(client.call(version.min(4), &request).await.error_code, 0, "version {version}");

        for describe_version in 0..=6 {
            let request = DescribeGroupsRequest::default().with_groups(vec![group.clone()]);
            let response = client.call(describe_version, &request).await;
            let described = &response.groups[0];
            assert_eq!((described.error_code, described.group_state.as_str()), (0, "Stable"));
            assert_eq!((described.members.len(), described.authorized_operations), (1, i32::MIN));
        }
        for list_version in 0..=5 {
            let response = client.call(list_version, &ListGroupsRequest::default()).await;
            let listed = response.groups.iter().find(|listed| listed.group_id == group).expect("the group is listed");
            let expected =
                (if list_version < 4 { "" } else { "Stable" }, if list_version < 5 { "" } else { "Classic" });
            assert_eq!(
                (listed.group_state.as_str(), listed.group_type.to_lowercase()),
                (expected.0, expected.1.to_lowercase())
            );
        }
        let request = DeleteGroupsRequest::default().with_groups_names(vec![group.clone()]);
        assert_eq!(client.call(version.min(2), &request).await.results[0].error_code, 68, "version {version}");

        let leave_version = version.min(5);
        let request = LeaveGroupRequest::default().with_group_id(group.clone());
        let request = if leave_version < 3 {
            request.with_member_id(joined.member_id.clone())
        } else {
            request.with_members(vec![MemberIdentity::default().with_member_id(joined.member_id.clone())])
        };
        let left = client.call(leave_version, &request).await;
        assert_eq!(left.error_code, 0, "version {version}");
        assert!(left.members.iter().all(|member| member.error_code == 0), "version {version}");
    }
}

#[tokio::test]
async fn unknown_group_is_dead_before_version_6() {
    let broker = TestBroker::start().await;
    let mut client = broker.client().await;
    for version in 0..=6 {
        let request = DescribeGroupsRequest::default().with_groups(vec![GroupId(text(&unique("group")))]);
        let response = client.call(version, &request).await;
        let described = (response.groups[0].error_code, response.groups[0].group_state.as_str());
        assert_eq!(described, (if version < 6 { 0 } else { 69 }, "Dead"), "version {version}");
    }
}

#[tokio::test]
async fn coordinator_in_every_version() {
    let broker = TestBroker::start().await;
    let mut client = broker.client().await;
    for version in 0..=6 {
        let request = FindCoordinatorRequest::default();
        let request = if version < 4 {
            request.with_key(text("group"))
        } else {
            request.with_coordinator_keys(vec![text("group"), text("other")])
        };
        let response = client.call(version, &request).await;
        let port = i32::from(broker.address.port());
        if version < 4 {
            assert_eq!((response.error_code, response.node_id.0, response.port), (0, 1, port), "version {version}");
        } else {
            let found: Vec<_> = response.coordinators.iter().map(|c| (c.error_code, c.node_id.0, c.port)).collect();
            assert_eq!(found, [(0, 1, port), (0, 1, port)], "version {version}");
        }
    }
}

/// All other APIs with an empty request.
#[tokio::test]
async fn other_apis_in_every_version() {
    let broker = TestBroker::start().await;
    let mut client = broker.client().await;
    for version in 0..=3 {
        client.call(version, &CreatePartitionsRequest::default()).await;
    }
    for version in 0..=2 {
        client.call(version, &DeleteRecordsRequest::default()).await;
        client.call(version, &AlterConfigsRequest::default()).await;
        assert_eq!(client.call(version, &DescribeClusterRequest::default()).await.error_code, 0);
    }
    for version in 0..=1 {
        client.call(version, &IncrementalAlterConfigsRequest::default()).await;
    }
    for version in 1..=4 {
        assert_eq!(client.call(version, &DescribeLogDirsRequest::default().with_topics(None)).await.error_code, 0);
    }
    for version in 2..=4 {
        client.call(version, &OffsetForLeaderEpochRequest::default()).await;
    }
    client.call(0, &DescribeProducersRequest::default()).await;
    client.call(0, &DescribeTopicPartitionsRequest::default().with_response_partition_limit(10)).await;
    for version in 0..=4 {
        let request = ApiVersionsRequest::default();
        let request = if version >= 3 {
            request.with_client_software_name(text("test")).with_client_software_version(text("1"))
        } else {
            request
        };
        assert_eq!(client.call(version, &request).await.error_code, 0, "version {version}");
    }
}
