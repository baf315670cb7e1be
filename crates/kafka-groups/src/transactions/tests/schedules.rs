//! Random schedules of producers that begin, end, restart and fall silent, and of a broker that restarts.

use proptest::prelude::*;

use super::*;
use crate::codec::DecodeError;

#[derive(Clone, Debug)]
enum Step {
    Init { continues: bool, version: i16 },
    Add { producer: prop::sample::Index, partition: i32 },
    End { producer: prop::sample::Index, committed: bool },
    WriteMarkers,
    Wait { ms: i64 },
    Restart,
}

fn any_step() -> impl Strategy<Value = Step> {
    let producer = any::<prop::sample::Index>();
    prop_oneof![
        2 => (any::<bool>(), 2..=5i16).prop_map(|(continues, version)| Step::Init { continues, version }),
        5 => (producer.clone(), 0..3).prop_map(|(producer, partition)| Step::Add { producer, partition }),
        4 => (producer, any::<bool>()).prop_map(|(producer, committed)| Step::End { producer, committed }),
        5 => Just(Step::WriteMarkers),
        2 => prop_oneof![0..1_000i64, Just(60_000), Just(ID_EXPIRATION_MS)].prop_map(|ms| Step::Wait { ms }),
        1 => Just(Step::Restart),
    ]
}

/// Partitions and producers of the open transaction, as an observer of the answers knows them.
#[derive(Default)]
struct Model {
    producers: Vec<Producer>,
    open: BTreeSet<TopicPartition>,
    ending: Option<EndTransaction>,
}

impl Model {
    fn ended(&mut self, end: Option<EndTransaction>) {
        if let Some(end) = end {
            assert!(self.ending.is_none(), "a transaction ends twice");
            assert_eq!(end.partitions, std::mem::take(&mut self.open), "markers for other partitions");
            self.ending = Some(end);
        }
    }
}

proptest! {
    /// Only the latest producer succeeds, and each transaction ends once with markers for exactly its partitions.
    #[test]
    fn every_schedule_keeps_the_invariants(steps in prop::collection::vec(any_step(), 1..60)) {
        let mut broker = Broker::new();
        let mut model = Model::default();
        for step in steps {
            let latest = model.producers.last().copied();
            match step {
                Step::Init { continues, version } => {
                    let present = latest.filter(|_| continues);
                    let (end, result) = broker.init_with(&InitProducerId { version, ..request(present) });
                    model.ended(end);
                    if let Ok(producer) = result {
                        prop_assert!(latest.is_none_or(|latest| producer > latest || present == Some(latest)));
                        prop_assert!(model.open.is_empty() && model.ending.is_none());
                        model.producers.push(producer);
                    }
                }
                Step::Add { producer, partition } if !model.producers.is_empty() => {
                    let producer = *producer.get(&model.producers);
                    if broker.add(producer, &[partition]).is_ok() {
                        prop_assert_eq!(Some(producer), latest, "a fenced producer adds");
                        prop_assert!(model.ending.is_none());
                        model.open.insert(quotes(partition));
                    }
                }
                Step::End { producer, committed } if !model.producers.is_empty() => {
                    let producer = *producer.get(&model.producers);
                    let was_open = !model.open.is_empty();
                    let (end, result) = broker.end(producer, committed);
                    if result.is_ok() {
                        prop_assert_eq!(Some(producer), latest, "a fenced producer ends");
                        prop_assert_eq!(end.is_some(), was_open);
                        prop_assert!(end.as_ref().is_none_or(|end| end.committed == committed));
                    }
                    model.ended(end);
                }
                Step::WriteMarkers => {
                    if let Some(end) = model.ending.take() {
                        broker.write_markers(&end);
                    }
                }
                Step::Wait { ms } => {
                    broker.now_ms += ms;
                    while let Some(change) = broker.transactions.expire(broker.now_ms) {
                        let (end, _) = broker.store(change);
                        prop_assert!(end.as_ref().is_none_or(|end| !end.committed));
                        model.ended(end);
                    }
                    prop_assert!(broker.transactions.next_deadline().is_none_or(|ms| ms > broker.now_ms));
                }
                Step::Restart => {
                    let mut restarted = Transactions::new();
                    for event in broker.transactions.snapshot() {
                        let mut bytes = Vec::new();
                        event.encode(&mut bytes);
                        restarted.replay(TransactionEvent::decode(&bytes).unwrap());
                    }
                    prop_assert_eq!(restarted.snapshot(), broker.transactions.snapshot());
                    prop_assert_eq!(restarted.next_deadline(), broker.transactions.next_deadline());
                    broker.transactions = restarted;
                }
                Step::Add { .. } | Step::End { .. } => {}
            }
            let unfinished = broker.transactions.unfinished();
            prop_assert_eq!(unfinished, model.ending.iter().cloned().collect::<Vec<_>>());
        }
    }

    #[test]
    fn truncated_event_is_rejected(cut in any::<prop::sample::Index>()) {
        let mut broker = Broker::new();
        let producer = broker.init();
        broker.add(producer, &[0, 1]).unwrap();
        let mut bytes = Vec::new();
        broker.transactions.snapshot()[0].encode(&mut bytes);
        bytes.truncate(cut.index(bytes.len()));
        prop_assert_eq!(TransactionEvent::decode(&bytes), Err(DecodeError::Truncated));
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..128)) {
        let _ = TransactionEvent::decode(&bytes);
    }
}
