use bytes::Bytes;
use proptest::prelude::*;

use super::*;
use crate::classic::{Protocol, StoredGeneration, StoredMember};

fn partition(number: i32) -> TopicPartition {
    TopicPartition { topic: "quotes".to_owned(), partition: number }
}

fn offset(offset: i64) -> CommittedOffset {
    CommittedOffset { offset, leader_epoch: 0, metadata: String::new(), commit_timestamp_ms: 1 }
}

fn committed(group_id: &str, number: i32, value: i64) -> OffsetEvent {
    OffsetEvent::Committed { group_id: group_id.to_owned(), partition: partition(number), offset: offset(value) }
}

fn pending(producer_id: i64, number: i32, value: i64) -> OffsetEvent {
    OffsetEvent::Pending { group_id: "g".to_owned(), producer_id, partition: partition(number), offset: offset(value) }
}

fn replayed(events: impl IntoIterator<Item = OffsetEvent>) -> Offsets {
    let mut offsets = Offsets::default();
    events.into_iter().for_each(|event| offsets.replay(event));
    offsets
}

fn value(offsets: &Offsets, number: i32) -> Option<i64> {
    offsets.get("g", &partition(number)).map(|committed| committed.offset)
}

#[test]
fn last_commit_of_a_partition_wins() {
    let offsets = replayed([committed("g", 0, 5), committed("g", 1, 7), committed("g", 0, 3)]);
    assert_eq!((value(&offsets, 0), value(&offsets, 1)), (Some(3), Some(7)));
}

#[test]
fn pending_offset_is_visible_after_the_commit() {
    let mut offsets = replayed([committed("g", 0, 5), pending(9, 0, 8)]);
    assert_eq!(value(&offsets, 0), Some(5));
    assert!(offsets.is_pending("g", &partition(0)));
    offsets.replay(OffsetEvent::TransactionEnded { producer_id: 9, committed: true });
    assert_eq!(value(&offsets, 0), Some(8));
    assert!(!offsets.is_pending("g", &partition(0)));
}

#[test]
fn pending_offset_is_dropped_by_an_abort() {
    let ended = OffsetEvent::TransactionEnded { producer_id: 9, committed: false };
    let offsets = replayed([committed("g", 0, 5), pending(9, 0, 8), ended]);
    assert_eq!(value(&offsets, 0), Some(5));
    assert!(!offsets.has_pending(9));
}

#[test]
fn plain_commit_after_a_pending_one_wins() {
    let ended = OffsetEvent::TransactionEnded { producer_id: 9, committed: true };
    let offsets = replayed([pending(9, 0, 8), committed("g", 0, 5), ended]);
    assert_eq!(value(&offsets, 0), Some(5));
}

#[test]
fn deletion_removes_pending_offsets_too() {
    let deleted = OffsetEvent::Deleted { group_id: "g".to_owned(), partition: partition(0) };
    let offsets = replayed([committed("g", 0, 5), pending(9, 0, 8), deleted]);
    assert!(!offsets.has_group("g"));
    assert!(!offsets.has_pending(9));
}

#[test]
fn deleted_group_has_no_offsets() {
    let deleted = OffsetEvent::GroupDeleted { group_id: "g".to_owned() };
    let offsets = replayed([committed("g", 0, 5), committed("h", 0, 6), pending(9, 1, 8), deleted]);
    assert!(!offsets.has_group("g"));
    assert!(offsets.has_group("h"));
}

#[test]
fn unknown_format_is_named() {
    assert_eq!(OffsetEvent::decode(&[2, 1]), Err(DecodeError::UnknownFormat(2)));
    assert_eq!(OffsetEvent::decode(&[1, 99]), Err(DecodeError::UnknownKind(99)));
    assert_eq!(OffsetEvent::decode(&[]), Err(DecodeError::Truncated));
}

fn any_generation() -> impl Strategy<Value = StoredGeneration> {
    let bytes = || prop::collection::vec(any::<u8>(), 0..8).prop_map(Bytes::from);
    let protocol = (".{0,4}", bytes()).prop_map(|(name, metadata)| Protocol { name, metadata });
    let protocols = prop::collection::vec(protocol, 0..3);
    let texts = (".{0,4}", prop::option::of(".{0,4}"), ".{0,4}", ".{0,4}");
    let member = (texts, any::<u64>(), any::<u64>(), protocols, bytes()).prop_map(
        |((member_id, group_instance_id, client_id, client_host), session, rebalance, protocols, assignment)| {
            StoredMember {
                member_id,
                group_instance_id,
                client_id,
                client_host,
                session_timeout_ms: session,
                rebalance_timeout_ms: rebalance,
                protocols,
                assignment,
            }
        },
    );
    let members = prop::collection::vec(member, 0..3);
    (any::<i32>(), ".{0,4}", ".{0,4}", ".{0,4}", members).prop_map(
        |(generation_id, protocol_type, protocol_name, leader, members)| StoredGeneration {
            generation_id,
            protocol_type,
            protocol_name,
            leader,
            members,
        },
    )
}

fn any_event() -> impl Strategy<Value = OffsetEvent> {
    let group = "[a-c]";
    let partition = || ("[a-b]", 0..3).prop_map(|(topic, partition)| TopicPartition { topic, partition });
    let offset = || {
        (any::<i64>(), any::<i32>(), ".{0,8}", any::<i64>()).prop_map(
            |(offset, leader_epoch, metadata, commit_timestamp_ms)| CommittedOffset {
                offset,
                leader_epoch,
                metadata,
                commit_timestamp_ms,
            },
        )
    };
    prop_oneof![
        4 => (group, partition(), offset())
            .prop_map(|(group_id, partition, offset)| OffsetEvent::Committed { group_id, partition, offset }),
        1 => (group, partition()).prop_map(|(group_id, partition)| OffsetEvent::Deleted { group_id, partition }),
        1 => group.prop_map(|group_id| OffsetEvent::GroupDeleted { group_id }),
        4 => (group, 0..3i64, partition(), offset()).prop_map(|(group_id, producer_id, partition, offset)| {
            OffsetEvent::Pending { group_id, producer_id, partition, offset }
        }),
        1 => (group, any::<i32>(), ".{0,8}").prop_map(|(group_id, generation_id, protocol_type)| {
            OffsetEvent::Generation { group_id, generation_id, protocol_type }
        }),
        1 => (group, any_generation())
            .prop_map(|(group_id, generation)| OffsetEvent::Members { group_id, generation }),
        2 => (0..3i64, any::<bool>())
            .prop_map(|(producer_id, committed)| OffsetEvent::TransactionEnded { producer_id, committed }),
    ]
}

proptest! {
    #[test]
    fn event_survives_encoding(event in any_event()) {
        let mut bytes = Vec::new();
        event.encode(&mut bytes);
        prop_assert_eq!(OffsetEvent::decode(&bytes), Ok(event));
    }

    #[test]
    fn truncated_event_is_rejected(event in any_event(), cut in any::<prop::sample::Index>()) {
        let mut bytes = Vec::new();
        event.encode(&mut bytes);
        bytes.truncate(cut.index(bytes.len()));
        prop_assert_eq!(OffsetEvent::decode(&bytes), Err(DecodeError::Truncated));
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        let _ = OffsetEvent::decode(&bytes);
    }

    /// A snapshot behaves as the original does, whatever follows.
    #[test]
    fn snapshot_leads_to_the_same_offsets(
        events in prop::collection::vec(any_event(), 0..40),
        later in prop::collection::vec(any_event(), 0..20),
    ) {
        let mut original = replayed(events);
        let mut restored = replayed(original.snapshot());
        for event in later {
            prop_assert_eq!(original.snapshot(), restored.snapshot());
            original.replay(event.clone());
            restored.replay(event);
        }
        prop_assert_eq!(original.snapshot(), restored.snapshot());
    }
}
