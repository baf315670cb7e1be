//! The layouts of the requests that the broker offers, transcribed from Apache Kafka's message definitions
//! (<https://github.com/apache/kafka/tree/trunk/clients/src/main/resources/common/message>).

use kafka_protocol::messages::ApiKey;

use super::layout::{
    Field, Layout, LayoutError, NEVER, array, bytes, fixed, optional, structs, structure, tagged, text,
};

/// Checks the lengths within a request, and returns the number of bytes of its fields.
pub(crate) fn check(api: ApiKey, version: i16, body: &[u8]) -> Result<usize, LayoutError> {
    layout_of(api).ok_or(LayoutError::NotOffered)?.check(version, body)
}

/// Returns the layout of a request, or `None` if the broker does not offer it.
pub(super) fn layout_of(api: ApiKey) -> Option<&'static Layout> {
    Some(match api {
        ApiKey::Produce => &PRODUCE,
        ApiKey::Fetch => &FETCH,
        ApiKey::ListOffsets => &LIST_OFFSETS,
        ApiKey::Metadata => &METADATA,
        ApiKey::OffsetCommit => &OFFSET_COMMIT,
        ApiKey::OffsetFetch => &OFFSET_FETCH,
        ApiKey::FindCoordinator => &FIND_COORDINATOR,
        ApiKey::JoinGroup => &JOIN_GROUP,
        ApiKey::Heartbeat => &HEARTBEAT,
        ApiKey::LeaveGroup => &LEAVE_GROUP,
        ApiKey::SyncGroup => &SYNC_GROUP,
        ApiKey::DescribeGroups => &DESCRIBE_GROUPS,
        ApiKey::ListGroups => &LIST_GROUPS,
        ApiKey::ApiVersions => &API_VERSIONS,
        ApiKey::CreateTopics => &CREATE_TOPICS,
        ApiKey::DeleteTopics => &DELETE_TOPICS,
        ApiKey::DeleteRecords => &DELETE_RECORDS,
        ApiKey::InitProducerId => &INIT_PRODUCER_ID,
        ApiKey::OffsetForLeaderEpoch => &OFFSET_FOR_LEADER_EPOCH,
        ApiKey::AddPartitionsToTxn => &ADD_PARTITIONS_TO_TXN,
        ApiKey::AddOffsetsToTxn => &ADD_OFFSETS_TO_TXN,
        ApiKey::EndTxn => &END_TXN,
        ApiKey::TxnOffsetCommit => &TXN_OFFSET_COMMIT,
        ApiKey::DescribeConfigs => &DESCRIBE_CONFIGS,
        ApiKey::AlterConfigs => &ALTER_CONFIGS,
        ApiKey::DescribeLogDirs => &DESCRIBE_LOG_DIRS,
        ApiKey::CreatePartitions => &CREATE_PARTITIONS,
        ApiKey::DeleteGroups => &DELETE_GROUPS,
        ApiKey::IncrementalAlterConfigs => &INCREMENTAL_ALTER_CONFIGS,
        ApiKey::OffsetDelete => &OFFSET_DELETE,
        ApiKey::DescribeCluster => &DESCRIBE_CLUSTER,
        ApiKey::DescribeProducers => &DESCRIBE_PRODUCERS,
        ApiKey::DescribeTransactions => &DESCRIBE_TRANSACTIONS,
        ApiKey::ListTransactions => &LIST_TRANSACTIONS,
        ApiKey::DescribeTopicPartitions => &DESCRIBE_TOPIC_PARTITIONS,
        _ => return None,
    })
}

/// Topics with the indexes of their partitions.
const PARTITION_INDEXES: &[Field] = &[text(), array(&[fixed(4)])];

static PRODUCE: Layout = Layout {
    flexible_from: 9,
    fields: &[
        text(),
        fixed(2),
        fixed(4),
        structs(&[text().until(12), fixed(16).from(13), structs(&[fixed(4), bytes()])]),
    ],
};

static FETCH: Layout = Layout {
    flexible_from: 12,
    fields: &[
        fixed(4).until(14),
        fixed(4),
        fixed(4),
        fixed(4),
        fixed(1),
        fixed(4).from(7),
        fixed(4).from(7),
        structs(&[
            text().until(12),
            fixed(16).from(13),
            structs(&[
                fixed(4),
                fixed(4).from(9),
                fixed(8),
                fixed(4).from(12),
                fixed(8).from(5),
                fixed(4),
                tagged(0, &[fixed(16).from(17)]),
                tagged(1, &[fixed(8).from(18)]),
            ]),
        ]),
        structs(&[text().from(7).until(12), fixed(16).from(13), array(&[fixed(4)]).from(7)]).from(7),
        text().from(11),
        tagged(0, &[text()]),
        tagged(1, &[structure(&[fixed(4).from(15), fixed(8).from(15)])]),
    ],
};

static LIST_OFFSETS: Layout = Layout {
    flexible_from: 6,
    fields: &[
        fixed(4),
        fixed(1).from(2),
        structs(&[text(), structs(&[fixed(4), fixed(4).from(4), fixed(8)])]),
        fixed(4).from(10),
    ],
};

static METADATA: Layout = Layout {
    flexible_from: 9,
    fields: &[structs(&[fixed(16).from(10), text()]), fixed(1).from(4), fixed(1).from(8).until(10), fixed(1).from(8)],
};

static OFFSET_COMMIT: Layout = Layout {
    flexible_from: 8,
    fields: &[
        text(),
        fixed(4),
        text(),
        text().from(7),
        fixed(8).until(4),
        structs(&[text(), structs(&[fixed(4), fixed(8), fixed(4).from(6), text()])]),
    ],
};

static OFFSET_FETCH: Layout = Layout {
    flexible_from: 6,
    fields: &[
        text().until(7),
        structs(&[text().until(7), array(&[fixed(4)]).until(7)]).until(7),
        structs(&[
            text().from(8),
            text().from(9),
            fixed(4).from(9),
            structs(&[text().from(8), array(&[fixed(4)]).from(8)]).from(8),
        ])
        .from(8),
        fixed(1).from(7),
    ],
};

static FIND_COORDINATOR: Layout =
    Layout { flexible_from: 3, fields: &[text().until(3), fixed(1).from(1), array(&[text()]).from(4)] };

static JOIN_GROUP: Layout = Layout {
    flexible_from: 6,
    fields: &[
        text(),
        fixed(4),
        fixed(4).from(1),
        text(),
        text().from(5),
        text(),
        structs(&[text(), bytes()]),
        text().from(8),
    ],
};

static HEARTBEAT: Layout = Layout { flexible_from: 4, fields: &[text(), fixed(4), text(), text().from(3)] };

static LEAVE_GROUP: Layout = Layout {
    flexible_from: 4,
    fields: &[text(), text().until(2), structs(&[text().from(3), text().from(3), text().from(5)]).from(3)],
};

static SYNC_GROUP: Layout = Layout {
    flexible_from: 4,
    fields: &[text(), fixed(4), text(), text().from(3), text().from(5), text().from(5), structs(&[text(), bytes()])],
};

static DESCRIBE_GROUPS: Layout = Layout { flexible_from: 5, fields: &[array(&[text()]), fixed(1).from(3)] };

static LIST_GROUPS: Layout = Layout { flexible_from: 3, fields: &[array(&[text()]).from(4), array(&[text()]).from(5)] };

static API_VERSIONS: Layout = Layout { flexible_from: 3, fields: &[text().from(3), text().from(3)] };

static CREATE_TOPICS: Layout = Layout {
    flexible_from: 5,
    fields: &[
        structs(&[text(), fixed(4), fixed(2), structs(&[fixed(4), array(&[fixed(4)])]), structs(&[text(), text()])]),
        fixed(4),
        fixed(1),
    ],
};

static DELETE_TOPICS: Layout = Layout {
    flexible_from: 4,
    fields: &[structs(&[text().from(6), fixed(16).from(6)]).from(6), array(&[text()]).until(5), fixed(4)],
};

static DELETE_RECORDS: Layout =
    Layout { flexible_from: 2, fields: &[structs(&[text(), structs(&[fixed(4), fixed(8)])]), fixed(4)] };

static INIT_PRODUCER_ID: Layout =
    Layout { flexible_from: 2, fields: &[text(), fixed(4), fixed(8).from(3), fixed(2).from(3)] };

static OFFSET_FOR_LEADER_EPOCH: Layout = Layout {
    flexible_from: 4,
    fields: &[fixed(4).from(3), structs(&[text(), structs(&[fixed(4), fixed(4), fixed(4)])])],
};

static ADD_PARTITIONS_TO_TXN: Layout = Layout {
    flexible_from: 3,
    fields: &[
        structs(&[
            text().from(4),
            fixed(8).from(4),
            fixed(2).from(4),
            fixed(1).from(4),
            structs(PARTITION_INDEXES).from(4),
        ])
        .from(4),
        text().until(3),
        fixed(8).until(3),
        fixed(2).until(3),
        structs(PARTITION_INDEXES).until(3),
    ],
};

static ADD_OFFSETS_TO_TXN: Layout = Layout { flexible_from: 3, fields: &[text(), fixed(8), fixed(2), text()] };

static END_TXN: Layout = Layout { flexible_from: 3, fields: &[text(), fixed(8), fixed(2), fixed(1)] };

static TXN_OFFSET_COMMIT: Layout = Layout {
    flexible_from: 3,
    fields: &[
        text(),
        text(),
        fixed(8),
        fixed(2),
        fixed(4).from(3),
        text().from(3),
        text().from(3),
        structs(&[text(), structs(&[fixed(4), fixed(8), fixed(4).from(2), text()])]),
    ],
};

static DESCRIBE_CONFIGS: Layout =
    Layout { flexible_from: 4, fields: &[structs(&[fixed(1), text(), array(&[text()])]), fixed(1), fixed(1).from(3)] };

static ALTER_CONFIGS: Layout =
    Layout { flexible_from: 2, fields: &[structs(&[fixed(1), text(), structs(&[text(), text()])]), fixed(1)] };

static DESCRIBE_LOG_DIRS: Layout = Layout { flexible_from: 2, fields: &[structs(PARTITION_INDEXES)] };

static CREATE_PARTITIONS: Layout = Layout {
    flexible_from: 2,
    fields: &[structs(&[text(), fixed(4), structs(&[array(&[fixed(4)])])]), fixed(4), fixed(1)],
};

static DELETE_GROUPS: Layout = Layout { flexible_from: 2, fields: &[array(&[text()])] };

static INCREMENTAL_ALTER_CONFIGS: Layout = Layout {
    flexible_from: 1,
    fields: &[structs(&[fixed(1), text(), structs(&[text(), fixed(1), text()])]), fixed(1)],
};

static OFFSET_DELETE: Layout =
    Layout { flexible_from: NEVER, fields: &[text(), structs(&[text(), structs(&[fixed(4)])])] };

static DESCRIBE_CLUSTER: Layout = Layout { flexible_from: 0, fields: &[fixed(1), fixed(1).from(1), fixed(1).from(2)] };

static DESCRIBE_PRODUCERS: Layout = Layout { flexible_from: 0, fields: &[structs(PARTITION_INDEXES)] };

static DESCRIBE_TRANSACTIONS: Layout = Layout { flexible_from: 0, fields: &[array(&[text()])] };

static LIST_TRANSACTIONS: Layout =
    Layout { flexible_from: 0, fields: &[array(&[text()]), array(&[fixed(8)]), fixed(8).from(1), text().from(2)] };

static DESCRIBE_TOPIC_PARTITIONS: Layout =
    Layout { flexible_from: 0, fields: &[structs(&[text()]), fixed(4), optional(&[text(), fixed(4)])] };
