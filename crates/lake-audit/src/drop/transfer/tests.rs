//! Moves that are killed at every request leave each object in the lake or in the trash, and are completed by the next
//! command.

use std::collections::BTreeMap;

use lake_format::keys::parse_name;
use lake_store::testing::{Stop, Store};
use proptest::prelude::*;
use tokio::runtime::{Builder, Runtime};

use super::*;

const TOPIC: &str = "q";
const GENERATION: u32 = 1;

type Objects = BTreeMap<String, Bytes>;

/// An object or ledger of a lake.
#[derive(Clone, Debug)]
struct Stored {
    topic: &'static str,
    generation: u32,
    partition: i32,
    number: i64,
    area: &'static str,
}

impl Stored {
    fn key(&self, prefix: &str) -> String {
        let Stored { topic, generation, partition, number, area } = self;
        let name = match generation {
            0 => format!("{partition:05}"),
            _ => format!("g{generation}-{partition:05}"),
        };
        match *area {
            "ledger" => format!("{prefix}ledger/{topic}/{name}.json"),
            // Some keys have more folders, and some need no escapes although they look as if they did.
            "data" if number % 2 == 1 => {
                format!("{prefix}data/{topic}/dt=2026-01-02/hour=07/by_a=x%2Fy 5/{name}-{number:020}.json")
            }
            area => format!("{prefix}{area}/{topic}/dt=2026-01-02/{name}-{number:020}.json"),
        }
    }

    fn text(&self) -> String {
        let Stored { topic, generation, partition, number, area } = self;
        match *area {
            "ledger" => format!(r#"{{"next":9,"ahead":{{}},"gaps":[],"layout":"{generation}"}}"#),
            area => {
                let topic = if area == "data" { String::new() } else { format!("\"kafka_topic\":\"{topic}\",") };
                let generation =
                    if *generation == 0 { String::new() } else { format!(",\"kafka_generation\":{generation}") };
                format!(
                    "{{{topic}\"kafka_partition\":{partition},\"kafka_offset\":{number},\
                     \"kafka_timestamp\":1767340800000{generation}}}\n"
                )
            }
        }
    }
}

/// Generates a lake with at least one object of the generation. Some partitions lack their ledger.
fn lakes() -> impl Strategy<Value = (&'static str, Objects)> {
    let area = prop_oneof![3 => Just("data"), 1 => Just("quarantine"), 2 => Just("ledger")];
    let topic = prop_oneof![4 => Just(TOPIC), 1 => Just("qq")];
    let generation = prop_oneof![3 => Just(GENERATION), 1 => Just(0), 1 => Just(11)];
    let stored = (topic, generation, 0..3_i32, 0..6_i64, area)
        .prop_map(|(topic, generation, partition, number, area)| Stored { topic, generation, partition, number, area });
    let one = Stored { topic: TOPIC, generation: GENERATION, partition: 0, number: 0, area: "data" };
    (prop_oneof![Just(""), Just("p/")], prop::collection::vec(stored, 0..9)).prop_map(move |(prefix, mut all)| {
        all.push(one.clone());
        (prefix, all.iter().map(|stored| (stored.key(prefix), stored.text().into())).collect())
    })
}

fn runtime() -> Runtime {
    Builder::new_current_thread().build().unwrap()
}

/// A lake before a move, and the store that contains it.
struct World {
    store: Store,
    lake: Lake,
    before: Objects,
}

impl World {
    async fn new(prefix: &str, before: &Objects) -> Self {
        let store = Store::new();
        for (key, bytes) in before {
            store.put_bytes(key, bytes.to_vec()).await;
        }
        World { lake: store.lake(prefix), store, before: before.clone() }
    }

    async fn run(&self, goal: Goal) -> Result<Summary, DropError> {
        // Two keys, so that most moves need several passes.
        Transfer { max_keys: 2, ..Transfer::new(&self.lake, TOPIC, GENERATION, goal) }.run().await
    }

    /// Runs a move that is killed, and checks the lake that it leaves. Returns `true` if the move ended before it was
    /// killed.
    async fn run_until(&self, goal: Goal, stop: Stop) -> bool {
        self.store.stop_writes(Some(stop));
        let result = self.run(goal).await;
        self.store.stop_writes(None);
        self.assert_nothing_is_lost().await;
        match result {
            Ok(_) => true,
            // The response to the last write of a restore was lost.
            Err(DropError::NotInTrash { .. }) if goal == Goal::Restore => true,
            Err(DropError::Store(_)) => false,
            Err(error) => panic!("{error}"),
        }
    }

    fn is_of_generation(&self, key: &str) -> bool {
        let relative = key.strip_prefix(&self.lake.prefix).unwrap();
        let name = key.rsplit('/').next().unwrap();
        let generation = match relative.split('/').collect::<Vec<_>>()[..] {
            ["ledger", TOPIC, name] => lake_format::keys::parse_ledger_name(name).unwrap().0,
            ["data" | "quarantine", TOPIC, ..] => parse_name(name).unwrap().0,
            _ => return false,
        };
        generation == GENERATION
    }

    fn trash_key(&self, key: &str) -> String {
        let prefix = &self.lake.prefix;
        format!("{prefix}trash/{TOPIC}/g{GENERATION}/{}", key.strip_prefix(prefix).unwrap())
    }

    fn journal_key(&self) -> String {
        format!("{}trash/{TOPIC}/g{GENERATION}/journal.json", self.lake.prefix)
    }

    /// Returns the lake after a complete drop, without the journal.
    fn dropped(&self) -> Objects {
        let moved = |key: &String| if self.is_of_generation(key) { self.trash_key(key) } else { key.clone() };
        self.before.iter().map(|(key, bytes)| (moved(key), bytes.clone())).collect()
    }

    async fn assert_dropped(&self) {
        let mut contents = self.store.contents().await;
        let journal = contents.remove(&self.journal_key()).expect("the journal remains");
        assert_eq!(Journal::from_json(&journal, TOPIC, GENERATION).unwrap().state, State::Dropped);
        assert_eq!(contents, self.dropped());
    }

    async fn assert_restored(&self) {
        assert_eq!(self.store.contents().await, self.before);
    }

    /// Asserts what holds between any two requests of a move.
    async fn assert_nothing_is_lost(&self) {
        let contents = self.store.contents().await;
        for (key, bytes) in &self.before {
            let copy = self.is_of_generation(key).then(|| contents.get(&self.trash_key(key))).flatten();
            let found: Vec<_> = contents.get(key).into_iter().chain(copy).collect();
            assert!(!found.is_empty(), "{key} is in neither place");
            assert!(found.iter().all(|found| *found == bytes), "{key} has changed");
        }
        for key in contents.keys() {
            let is_copy =
                self.before.keys().any(|original| self.is_of_generation(original) && self.trash_key(original) == *key);
            assert!(self.before.contains_key(key) || is_copy || *key == self.journal_key(), "{key} appeared");
        }
        let objects: Vec<_> = contents.keys().filter(|key| self.before.contains_key(*key)).collect();
        for key in objects.iter().filter(|key| self.is_of_generation(key) && !key.contains("ledger/")) {
            let partition = parse_name(key.rsplit('/').next().unwrap()).unwrap().1;
            let ledger = Stored { topic: TOPIC, generation: GENERATION, partition, number: 0, area: "ledger" };
            let ledger = ledger.key(&self.lake.prefix);
            assert!(
                contents.contains_key(&ledger) || !self.before.contains_key(&ledger),
                "{key} is in the lake without its ledger"
            );
        }
        if objects.len() < self.before.len() {
            let dropped = generations_in_trash(&self.lake, TOPIC).await.unwrap();
            assert!(dropped.contains(&GENERATION), "the number is free although an object is in the trash");
        }
        let report = audit(&self.lake, &Scope::default(), None).await.unwrap().report;
        let is_moving = report.findings.kinds().any(|(kind, ..)| kind == FindingKind::UnfinishedDrop);
        let is_mixed = contents.contains_key(&self.journal_key())
            && self.before.keys().any(|key| self.is_of_generation(key) && contents.contains_key(key));
        assert!(is_moving || !is_mixed, "the audit does not report that the drop is unfinished");
        let mut faulty = report.shown().filter_map(|finding| finding.partition.as_ref());
        assert!(
            !is_moving || faulty.all(|found| found.topic != TOPIC || found.generation != GENERATION),
            "the audit reports faults of a generation that is being moved"
        );
    }

    /// Returns the number of writes of a complete move.
    async fn count_writes(&self, goal: Goal) -> usize {
        self.store.stop_writes(None);
        self.run(goal).await.unwrap();
        self.store.writes()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn drop_killed_at_any_request_is_completed((prefix, before) in lakes()) {
        runtime().block_on(async {
            let writes = World::new(prefix, &before).await.count_writes(Goal::Drop).await;
            for (after, executes_next) in (0..writes).flat_map(|after| [(after, false), (after, true)]) {
                let world = World::new(prefix, &before).await;
                let is_complete = world.run_until(Goal::Drop, Stop { after, executes_next }).await;
                assert!(!is_complete, "the drop was not killed");
                world.run(Goal::Drop).await.unwrap();
                world.assert_dropped().await;
            }
        });
    }

    #[test]
    fn restore_killed_at_any_request_is_completed((prefix, before) in lakes()) {
        runtime().block_on(async {
            let world = World::new(prefix, &before).await;
            world.run(Goal::Drop).await.unwrap();
            let writes = world.count_writes(Goal::Restore).await;
            world.assert_restored().await;
            for (after, executes_next) in (0..writes).flat_map(|after| [(after, false), (after, true)]) {
                let world = World::new(prefix, &before).await;
                world.run(Goal::Drop).await.unwrap();
                world.run_until(Goal::Restore, Stop { after, executes_next }).await;
                if world.store.contents().await != before {
                    world.run(Goal::Restore).await.unwrap();
                }
                world.assert_restored().await;
            }
        });
    }

    #[test]
    fn move_killed_after_each_request_is_completed((prefix, before) in lakes()) {
        runtime().block_on(async {
            let world = World::new(prefix, &before).await;
            let stop = Stop { after: 1, executes_next: false };
            while !world.run_until(Goal::Drop, stop).await {}
            world.assert_dropped().await;
            while !world.run_until(Goal::Restore, stop).await {}
            world.assert_restored().await;
        });
    }

    #[test]
    fn interrupted_moves_in_both_directions_lose_nothing(
        (prefix, before) in lakes(),
        moves in prop::collection::vec((any::<bool>(), 0..12_usize, any::<bool>()), 1..8),
    ) {
        runtime().block_on(async {
            let world = World::new(prefix, &before).await;
            for (drops, after, executes_next) in moves {
                let goal = if drops { Goal::Drop } else { Goal::Restore };
                world.run_until(goal, Stop { after, executes_next }).await;
            }
            world.run(Goal::Drop).await.unwrap();
            world.assert_dropped().await;
            world.run(Goal::Restore).await.unwrap();
            world.assert_restored().await;
        });
    }
}

/// Creates a lake with two objects and one ledger of the generation.
async fn small_world() -> World {
    let all = [("data", 0), ("quarantine", 1), ("ledger", 0)];
    let stored = all.map(|(area, number)| Stored { topic: TOPIC, generation: GENERATION, partition: 0, number, area });
    World::new("", &stored.iter().map(|stored| (stored.key(""), stored.text().into())).collect()).await
}

#[tokio::test]
async fn summary_counts_objects_bytes_and_records() {
    let world = small_world().await;
    let transfer = Transfer::new(&world.lake, TOPIC, GENERATION, Goal::Drop);
    let preview = transfer.preview().await.unwrap();
    world.assert_restored().await;
    let bytes: usize = world.before.values().map(Bytes::len).sum();
    let expected = Summary {
        topic: TOPIC.to_owned(),
        generation: GENERATION,
        objects: 2,
        ledgers: 1,
        bytes: bytes as u64,
        records: Some(2),
        trash: "trash/q/g1/".to_owned(),
        continued: false,
    };
    assert_eq!(preview, expected);
    assert_eq!(transfer.run().await.unwrap(), expected);
    assert_eq!(transfer.run().await.unwrap(), expected, "a second drop changes nothing");
    let restore = Transfer::new(&world.lake, TOPIC, GENERATION, Goal::Restore);
    assert_eq!(restore.preview().await.unwrap(), expected);
    assert_eq!(restore.run().await.unwrap(), expected);
}

#[tokio::test]
async fn damaged_object_makes_the_records_unknown() {
    let world = small_world().await;
    let damaged = Stored { topic: TOPIC, generation: GENERATION, partition: 0, number: 3, area: "data" }.key("");
    world.store.put(&format!("{damaged}.gz"), "not gzip").await;
    let summary = world.run(Goal::Drop).await.unwrap();
    assert_eq!((summary.objects, summary.records), (3, None));
}

#[tokio::test]
async fn restore_is_refused_if_the_number_was_used_again() {
    let world = small_world().await;
    world.run(Goal::Drop).await.unwrap();
    let new = Stored { topic: TOPIC, generation: GENERATION, partition: 2, number: 0, area: "data" }.key("");
    world.store.put(&new, "new").await;
    let before = world.store.contents().await;
    for goal in [Goal::Restore, Goal::Drop] {
        let error = world.run(goal).await.unwrap_err();
        assert!(matches!(&error, DropError::Reused { key, .. } if *key == new), "{error}");
    }
    assert_eq!(world.store.contents().await, before);
}

#[tokio::test]
async fn different_object_in_the_way_is_not_overwritten() {
    let world = small_world().await;
    let stop = Stop { after: 1, executes_next: false };
    world.run_until(Goal::Drop, stop).await;
    let key = Stored { topic: TOPIC, generation: GENERATION, partition: 0, number: 0, area: "data" }.key("");
    world.store.put(&world.trash_key(&key), "different").await;
    let error = world.run(Goal::Drop).await.unwrap_err();
    assert!(matches!(&error, DropError::Differs { from, .. } if *from == key), "{error}");
    let contents = world.store.contents().await;
    assert_eq!((&contents[&key], &contents[&world.trash_key(&key)]), (&world.before[&key], &"different".into()));
}

#[tokio::test]
async fn object_deleted_from_the_trash_is_noticed() {
    let world = small_world().await;
    world.run(Goal::Drop).await.unwrap();
    let key = world.trash_key(world.before.keys().next().unwrap());
    world.lake.delete(&key).await.unwrap();
    let error = world.run(Goal::Restore).await.unwrap_err();
    assert!(matches!(error, DropError::Deleted { deleted: 1, expected: 3, .. }), "{error}");
}

#[tokio::test]
async fn unknown_generation_is_reported_with_those_that_exist() {
    let world = small_world().await;
    for goal in [Goal::Drop, Goal::Restore] {
        let error = Transfer::new(&world.lake, TOPIC, 4, goal).run().await.unwrap_err().to_string();
        assert!(error.contains("no generation 4 of the topic q: the topic has generation 1"), "{error}");
    }
}
