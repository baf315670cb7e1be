//! The APIs that the broker offers, with their versions.
//!
//! A client that asks for the versions receives exactly this table. If an API is not in the table, clients report that
//! the broker does not support it.

use kafka_protocol::messages::ApiKey;

/// The versions of an API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Offer {
    pub(crate) api: ApiKey,
    /// The lowest version that `ApiVersions` names.
    pub(crate) listed_min: i16,
    /// The lowest version that is answered.
    pub(crate) min: i16,
    pub(crate) max: i16,
}

impl Offer {
    pub(crate) fn contains(&self, version: i16) -> bool {
        (self.min..=self.max).contains(&version)
    }
}

const fn offer(api: ApiKey, min: i16, max: i16) -> Offer {
    Offer { api, listed_min: min, min, max }
}

/// All APIs, in the order of their keys.
pub(crate) const OFFERED: &[Offer] = &[
    // librdkafka disables compression unless version 0 is listed. Apache Kafka lists it for the same reason
    // (https://issues.apache.org/jira/browse/KAFKA-18659) and does not answer it either.
    Offer { api: ApiKey::Produce, listed_min: 0, min: 3, max: 13 },
    offer(ApiKey::Fetch, 4, 18),
    offer(ApiKey::ListOffsets, 1, 10),
    offer(ApiKey::Metadata, 0, 13),
    offer(ApiKey::OffsetCommit, 2, 9),
    offer(ApiKey::OffsetFetch, 1, 9),
    offer(ApiKey::FindCoordinator, 0, 6),
    offer(ApiKey::JoinGroup, 0, 9),
    offer(ApiKey::Heartbeat, 0, 4),
    offer(ApiKey::LeaveGroup, 0, 5),
    offer(ApiKey::SyncGroup, 0, 5),
    offer(ApiKey::DescribeGroups, 0, 6),
    offer(ApiKey::ListGroups, 0, 5),
    offer(ApiKey::ApiVersions, 0, 4),
    offer(ApiKey::CreateTopics, 2, 7),
    offer(ApiKey::DeleteTopics, 1, 6),
    offer(ApiKey::DeleteRecords, 0, 2),
    offer(ApiKey::InitProducerId, 0, 5),
    offer(ApiKey::OffsetForLeaderEpoch, 2, 4),
    // Higher versions of the next four are for brokers, or for the feature `transaction.version` 2.
    offer(ApiKey::AddPartitionsToTxn, 0, 3),
    offer(ApiKey::AddOffsetsToTxn, 0, 3),
    offer(ApiKey::EndTxn, 0, 4),
    offer(ApiKey::TxnOffsetCommit, 0, 4),
    offer(ApiKey::DescribeConfigs, 1, 4),
    offer(ApiKey::AlterConfigs, 0, 2),
    offer(ApiKey::DescribeLogDirs, 1, 4),
    offer(ApiKey::CreatePartitions, 0, 3),
    offer(ApiKey::DeleteGroups, 0, 2),
    offer(ApiKey::IncrementalAlterConfigs, 0, 1),
    offer(ApiKey::OffsetDelete, 0, 0),
    offer(ApiKey::DescribeCluster, 0, 2),
    offer(ApiKey::DescribeProducers, 0, 0),
    offer(ApiKey::DescribeTransactions, 0, 0),
    // Version 2 filters by a regular expression.
    offer(ApiKey::ListTransactions, 0, 1),
    offer(ApiKey::DescribeTopicPartitions, 0, 0),
];

/// Returns the versions of `api`, or `None` if the broker does not offer it.
pub(crate) fn offer_of(api: ApiKey) -> Option<&'static Offer> {
    OFFERED.iter().find(|offer| offer.api == api)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offered_versions_can_be_decoded() {
        for offer in OFFERED {
            let valid = offer.api.valid_versions();
            assert!(valid.min <= offer.min && offer.max <= valid.max, "{offer:?} is not within {valid:?}");
        }
    }

    #[test]
    fn sasl_is_not_offered() {
        assert_eq!(offer_of(ApiKey::SaslHandshake), None);
    }
}
