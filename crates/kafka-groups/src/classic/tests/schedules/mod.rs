//! Random schedules of clients that join, crash, restart, leave and fall silent, in any order and at any time.

mod world;

use std::collections::BTreeSet;

use proptest::prelude::*;
use world::{Client, Schedule};

use super::*;

const CLIENTS: usize = 5;
/// The last two clients are static members.
const DYNAMIC_CLIENTS: usize = 3;
/// Shortest and longest rebalance timeout of the clients.
const MIN_REBALANCE_MS: u64 = 20_000;
const MAX_REBALANCE_MS: u64 = 60_000;

#[derive(Clone, Debug)]
enum Step {
    Join {
        client: usize,
        version: i16,
        protocols: usize,
        rebalance_timeout_ms: i32,
    },
    Sync {
        client: usize,
    },
    Heartbeat {
        client: usize,
    },
    Leave {
        client: usize,
    },
    /// The client forgets its member id, as a restarted process does.
    Restart {
        client: usize,
    },
    Wait {
        ms: u64,
    },
}

fn any_step() -> impl Strategy<Value = Step> {
    let client = 0..CLIENTS;
    prop_oneof![
        6 => (client.clone(), 3..=9i16, 0..3usize, prop_oneof![Just(20_000), Just(60_000)]).prop_map(
            |(client, version, protocols, rebalance_timeout_ms)| Step::Join {
                client,
                version,
                protocols,
                rebalance_timeout_ms,
            },
        ),
        6 => client.clone().prop_map(|client| Step::Sync { client }),
        4 => client.clone().prop_map(|client| Step::Heartbeat { client }),
        1 => client.clone().prop_map(|client| Step::Leave { client }),
        1 => client.prop_map(|client| Step::Restart { client }),
        3 => prop_oneof![Just(0), 1..3_000u64, 3_000..12_000u64, Just(61_000)].prop_map(|ms| Step::Wait { ms }),
    ]
}

/// Returns the instance id of a client, or `None` for a dynamic client.
fn instance_id(client: usize) -> Option<String> {
    (client >= DYNAMIC_CLIENTS).then(|| format!("instance-{client}"))
}

proptest! {
    #[test]
    fn every_schedule_keeps_the_invariants(
        delay_ms in prop_oneof![Just(0), Just(3_000)],
        steps in prop::collection::vec(any_step(), 1..80),
    ) {
        let mut schedule = Schedule::new(delay_ms);
        for step in steps {
            schedule.run(step);
        }
        schedule.wait(400_000);
        prop_assert!(schedule.world.waiting.is_empty(), "{:?} never answered", schedule.world.waiting);
        prop_assert_eq!(schedule.broker.members(), Vec::<String>::new(), "silent members are removed");
    }

    /// Clients that obey the protocol reach a stable group, whatever happened before.
    #[test]
    fn obedient_clients_become_stable(
        delay_ms in prop_oneof![Just(0), Just(3_000)],
        steps in prop::collection::vec(any_step(), 1..40),
    ) {
        let mut schedule = Schedule::new(delay_ms);
        for step in steps {
            schedule.run(step);
        }
        for _ in 0..40 {
            for client in 0..CLIENTS {
                obey(&mut schedule, client);
            }
            schedule.run(Step::Wait { ms: 3_000 });
        }
        prop_assert_eq!(schedule.broker.state(), GroupState::Stable);
        let clients: BTreeSet<_> = schedule.world.clients.iter().map(|client| client.member_id.clone()).collect();
        prop_assert_eq!(clients, schedule.broker.members().into_iter().collect::<BTreeSet<_>>());
        let generation = schedule.world.last_generation;
        prop_assert!(schedule.world.clients.iter().all(|client| client.generation_id == generation));
        schedule.run(Step::Wait { ms: 3_000 });
        prop_assert_eq!(schedule.broker.state(), GroupState::Stable, "a needless rebalance");
    }
}

/// Does what a consumer does when it polls: joins, synchronises, or sends a heartbeat and acts on its result.
fn obey(schedule: &mut Schedule, client: usize) {
    let waits = |schedule: &Schedule| schedule.world.waiting.values().any(|waiting| waiting.client == client);
    if waits(schedule) {
        return;
    }
    let group = &schedule.broker.groups.groups[GROUP];
    let Client { member_id, generation_id, .. } = &schedule.world.clients[client];
    let must_join = group.validate_member(member_id, instance_id(client).as_deref()).is_err()
        || *generation_id != group.generation_id
        || group.state == GroupState::PreparingRebalance;
    if must_join {
        if !group.members.contains_key(member_id) && !group.pending_join.contains(member_id) {
            schedule.world.clients[client] = Client::default();
        }
        let join = Step::Join { client, version: 9, protocols: 0, rebalance_timeout_ms: 60_000 };
        schedule.run(join.clone());
        if schedule.world.clients[client].generation_id == 0 && !waits(schedule) {
            schedule.run(join);
        }
    } else if group.pending_sync.contains(member_id) {
        schedule.run(Step::Sync { client });
    } else {
        schedule.run(Step::Heartbeat { client });
    }
}
