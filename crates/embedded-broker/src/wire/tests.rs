//! The check of layouts agrees with the decoder of `kafka-protocol` for every offered version.

use bytes::Bytes;
use kafka_protocol::messages::*;
use kafka_protocol::protocol::Request;
use proptest::prelude::*;

use super::layout::{LayoutError, generate};
use super::layouts::{check, layout_of};
use super::offered::OFFERED;

/// Decodes a request and returns the number of bytes that the decoder has read, or `None` if it has failed.
fn decoded_size(api: ApiKey, version: i16, request: &[u8]) -> Option<usize> {
    fn size<R: Request>(version: i16, request: &[u8]) -> Option<usize> {
        let mut rest = Bytes::copy_from_slice(request);
        R::decode(&mut rest, version).ok()?;
        Some(request.len() - rest.len())
    }
    macro_rules! dispatch {
        ($($name:ident: $request:ty,)*) => {
            match api {
                $(ApiKey::$name => size::<$request>(version, request),)*
                api => panic!("{api:?} is not tested"),
            }
        };
    }
    dispatch! {
        Produce: ProduceRequest,
        Fetch: FetchRequest,
        ListOffsets: ListOffsetsRequest,
        Metadata: MetadataRequest,
        OffsetCommit: OffsetCommitRequest,
        OffsetFetch: OffsetFetchRequest,
        FindCoordinator: FindCoordinatorRequest,
        JoinGroup: JoinGroupRequest,
        Heartbeat: HeartbeatRequest,
        LeaveGroup: LeaveGroupRequest,
        SyncGroup: SyncGroupRequest,
        DescribeGroups: DescribeGroupsRequest,
        ListGroups: ListGroupsRequest,
        ApiVersions: ApiVersionsRequest,
        CreateTopics: CreateTopicsRequest,
        DeleteTopics: DeleteTopicsRequest,
        DeleteRecords: DeleteRecordsRequest,
        InitProducerId: InitProducerIdRequest,
        OffsetForLeaderEpoch: OffsetForLeaderEpochRequest,
        AddPartitionsToTxn: AddPartitionsToTxnRequest,
        AddOffsetsToTxn: AddOffsetsToTxnRequest,
        EndTxn: EndTxnRequest,
        TxnOffsetCommit: TxnOffsetCommitRequest,
        DescribeConfigs: DescribeConfigsRequest,
        AlterConfigs: AlterConfigsRequest,
        DescribeLogDirs: DescribeLogDirsRequest,
        CreatePartitions: CreatePartitionsRequest,
        DeleteGroups: DeleteGroupsRequest,
        IncrementalAlterConfigs: IncrementalAlterConfigsRequest,
        OffsetDelete: OffsetDeleteRequest,
        DescribeCluster: DescribeClusterRequest,
        DescribeProducers: DescribeProducersRequest,
        DescribeTransactions: DescribeTransactionsRequest,
        ListTransactions: ListTransactionsRequest,
        DescribeTopicPartitions: DescribeTopicPartitionsRequest,
    }
}

fn every_version() -> impl Iterator<Item = (ApiKey, i16)> {
    OFFERED.iter().flat_map(|offer| (offer.min..=offer.max).map(|version| (offer.api, version)))
}

#[test]
fn length_beyond_the_request_is_too_short() {
    // Metadata version 1 with 2^31 - 1 topics.
    assert_eq!(check(ApiKey::Metadata, 1, &[0x7f, 0xff, 0xff, 0xff, 0]), Err(LayoutError::TooShort));
}

#[test]
fn many_small_elements_are_too_many() {
    let count = 1_000_000_u32;
    let mut request = count.to_be_bytes().to_vec();
    request.resize(4 + 2 * count as usize, 0);
    assert_eq!(check(ApiKey::Metadata, 1, &request), Err(LayoutError::TooManyElements));
}

/// A name that only flexible versions can hold could not be listed to older clients.
#[test]
fn longest_text_has_32767_bytes() {
    // OffsetCommit version 8 begins with the group id.
    let with_group = |size: usize| {
        let length = size + 1;
        let varint = [length as u8 | 0x80, (length >> 7) as u8 | 0x80, (length >> 14) as u8];
        let mut request = varint.to_vec();
        request.resize(3 + size, b'g');
        // Generation, no member, no instance, no topics, no tagged fields.
        request.extend([0, 0, 0, 0, 1, 0, 1, 0]);
        request
    };
    let longest = with_group(32_767);
    assert_eq!(check(ApiKey::OffsetCommit, 8, &longest), Ok(longest.len()));
    assert_eq!(check(ApiKey::OffsetCommit, 8, &with_group(32_768)), Err(LayoutError::TextTooLong(32_768)));
}

#[test]
fn tagged_field_has_its_stated_size() {
    // DescribeCluster version 0 with an unknown tagged field, and Fetch version 12 with the cluster id "x".
    assert_eq!(check(ApiKey::DescribeCluster, 0, &[1, 1, 99, 2, 0, 0]), Ok(6));
    let mut fetch = vec![0; 25];
    fetch.extend([1, 1, 1, 1, 0, 2, 2, b'x']);
    assert_eq!(check(ApiKey::Fetch, 12, &fetch), Ok(fetch.len()));
    fetch[30] = 1;
    assert_eq!(check(ApiKey::Fetch, 12, &fetch), Err(LayoutError::TaggedSize(0)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn decoder_reads_what_has_the_layout(choices in prop::collection::vec(any::<u8>(), 0..200)) {
        for (api, version) in every_version() {
            let request = generate(layout_of(api).unwrap(), version, &choices);
            prop_assert_eq!(check(api, version, &request), Ok(request.len()), "{:?} version {}", api, version);
            prop_assert_eq!(decoded_size(api, version, &request), Some(request.len()), "{:?} version {}", api, version);
        }
    }

    /// Whatever passes the check is decoded or rejected without a panic, and reading the same bytes.
    #[test]
    fn check_and_decoder_agree_on_damaged_requests(
        choices in prop::collection::vec(any::<u8>(), 0..100),
        damages in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in any::<prop::sample::Index>(),
        is_cut in any::<bool>(),
    ) {
        for (api, version) in every_version() {
            let mut request = generate(layout_of(api).unwrap(), version, &choices);
            for (at, value) in damages.iter().filter(|_| !request.is_empty()).collect::<Vec<_>>() {
                let at = at.index(request.len());
                request[at] = *value;
            }
            if is_cut && !request.is_empty() {
                request.truncate(cut.index(request.len()));
            }
            if let Ok(size) = check(api, version, &request) {
                let decoded = decoded_size(api, version, &request);
                prop_assert!(decoded.is_none_or(|decoded| decoded == size), "{:?} version {}", api, version);
            }
        }
    }

    #[test]
    fn random_bytes_are_decoded_or_rejected(request in prop::collection::vec(any::<u8>(), 0..100)) {
        for (api, version) in every_version() {
            if let Ok(size) = check(api, version, &request) {
                let decoded = decoded_size(api, version, &request);
                prop_assert!(decoded.is_none_or(|decoded| decoded == size), "{:?} version {}", api, version);
            }
        }
    }
}
