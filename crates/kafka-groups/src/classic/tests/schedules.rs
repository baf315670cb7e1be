//! Random schedules of clients that join, crash, restart, leave and fall silent, in any order and at any time.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::invariants::check;
use super::*;

const CLIENTS: usize = 5;
/// The last two clients are static members.
const DYNAMIC_CLIENTS: usize = 3;
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

#[derive(Clone, Debug, Default)]
struct Client {
    member_id: String,
    generation_id: i32,
    /// Members in the last answer to a join, if the client leads.
    members: Vec<JoinedMember>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Join,
    Sync,
    Heartbeat,
    Leave,
}

/// A request without an answer.
#[derive(Clone, Debug)]
struct Waiting {
    client: usize,
    member_id: String,
    kind: Kind,
    generation_id: i32,
    since_ms: u64,
}

#[derive(Default)]
struct World {
    clients: Vec<Client>,
    waiting: BTreeMap<Token, Waiting>,
    /// Latest time at which each member joined, synced or sent a heartbeat with success.
    contact_ms: BTreeMap<String, u64>,
    /// The same, and answers to syncs that were waiting when a rebalance began.
    session_ms: BTreeMap<String, u64>,
    /// Number of the leader's request whose assignment was distributed, by generation.
    assignments: BTreeMap<i32, String>,
    last_generation: i32,
    left: BTreeSet<String>,
    replaced: BTreeSet<String>,
}

struct Schedule {
    broker: Broker,
    world: World,
}

fn instance_id(client: usize) -> Option<String> {
    (client >= DYNAMIC_CLIENTS).then(|| format!("instance-{client}"))
}

impl Schedule {
    fn new(initial_rebalance_delay_ms: i32) -> Self {
        let mut broker = Broker::with_delay(initial_rebalance_delay_ms);
        // The cleanup would begin again with generation 1.
        broker.groups.set_has_offsets(GROUP, true);
        let world = World { clients: vec![Client::default(); CLIENTS], ..World::default() };
        Schedule { broker, world }
    }

    fn run(&mut self, step: Step) {
        let before: BTreeSet<String> = self.broker.members().into_iter().collect();
        let joined_before = self.joined();
        match step {
            Step::Join { client, version, protocols, rebalance_timeout_ms } => {
                self.join(client, version, protocols, rebalance_timeout_ms);
            }
            Step::Sync { client } => self.sync(client),
            Step::Heartbeat { client } => self.heartbeat(client),
            Step::Leave { client } => self.leave(client),
            Step::Restart { client } => self.world.clients[client] = Client::default(),
            Step::Wait { ms } => self.wait(ms),
        }
        check(&self.broker.groups, GROUP);
        self.check_removed(&before, &joined_before);
        self.check_waiting();
    }

    /// Lets time pass from deadline to deadline and verifies the group after each of them.
    fn wait(&mut self, ms: u64) {
        let end_ms = self.broker.now_ms + ms;
        while self.broker.now_ms < end_ms {
            let before: BTreeSet<String> = self.broker.members().into_iter().collect();
            let joined_before = self.joined();
            let next_ms = self.broker.groups.next_deadline().unwrap_or(end_ms).clamp(self.broker.now_ms, end_ms);
            let answers = self.broker.advance(next_ms - self.broker.now_ms);
            self.receive(answers);
            check(&self.broker.groups, GROUP);
            self.check_removed(&before, &joined_before);
            self.check_waiting();
            if next_ms == end_ms {
                break;
            }
        }
        let silent = self.world.session_ms.iter().filter(|(_, ms)| **ms + 10_000 <= self.broker.now_ms);
        let members = &self.broker.groups.groups[GROUP].members;
        for (member_id, contact_ms) in silent {
            // A static member's session begins again with each generation.
            if let Some(member) = members.get(member_id)
                && member.group_instance_id.is_none()
            {
                assert!(member.is_waiting(), "{member_id} is silent since {contact_ms} and still a member");
            }
        }
    }

    fn joined(&self) -> BTreeSet<String> {
        let members = &self.broker.groups.groups[GROUP].members;
        members.iter().filter(|(_, member)| member.waiting_join.is_some()).map(|(id, _)| id.clone()).collect()
    }

    fn send(&mut self, client: usize, kind: Kind, request: Request) {
        let Client { member_id, generation_id, .. } = self.world.clients[client].clone();
        let waiting = Waiting { client, member_id, kind, generation_id, since_ms: self.broker.now_ms };
        self.world.waiting.insert(Token(self.broker.next + 1), waiting);
        let (_, answers) = self.broker.send(request);
        self.receive(answers);
    }

    fn join(&mut self, client: usize, version: i16, protocol_set: usize, rebalance_timeout_ms: i32) {
        let names = [["range", "sticky"].as_slice(), &["sticky", "range"], &["range"]][protocol_set];
        let member_id = self.world.clients[client].member_id.clone();
        let group_instance_id = instance_id(client);
        if member_id.is_empty()
            && let Some(instance_id) = &group_instance_id
        {
            self.world.replaced.extend(self.broker.groups.groups[GROUP].static_members.get(instance_id).cloned());
        }
        let request = JoinRequest {
            version,
            member_id,
            group_instance_id,
            protocols: protocols(names),
            rebalance_timeout_ms,
            random: Uuid::from_u128(u128::from(self.broker.next) + 1),
            ..join_request()
        };
        self.send(client, Kind::Join, Request::Join(request));
    }

    fn sync(&mut self, client: usize) {
        let Client { member_id, generation_id, members } = self.world.clients[client].clone();
        let number = self.broker.next + 1;
        let assignments = members
            .into_iter()
            .map(|member| {
                let owner = member.group_instance_id.unwrap_or_else(|| member.member_id.clone());
                (member.member_id, Bytes::from(format!("{generation_id}/{number}/{owner}")))
            })
            .collect();
        let request = SyncRequest {
            version: 4,
            group_instance_id: instance_id(client),
            protocol_name: None,
            assignments,
            ..sync_request(generation_id, &member_id, &[])
        };
        self.send(client, Kind::Sync, Request::Sync(request));
    }

    fn heartbeat(&mut self, client: usize) {
        let Client { member_id, generation_id, .. } = self.world.clients[client].clone();
        let group_instance_id = instance_id(client);
        let request = HeartbeatRequest { group_id: GROUP.to_owned(), generation_id, member_id, group_instance_id };
        self.send(client, Kind::Heartbeat, Request::Heartbeat(request));
    }

    fn leave(&mut self, client: usize) {
        let Client { member_id, .. } = self.world.clients[client].clone();
        self.world.left.insert(member_id.clone());
        let leaving = LeavingMember { member_id: member_id.clone(), group_instance_id: instance_id(client) };
        if member_id.is_empty()
            && let Some(instance_id) = &leaving.group_instance_id
        {
            self.world.left.extend(self.broker.groups.groups[GROUP].static_members.get(instance_id).cloned());
        }
        let request = LeaveRequest { group_id: GROUP.to_owned(), members: vec![leaving] };
        self.send(client, Kind::Leave, Request::Leave(request));
    }

    fn receive(&mut self, answers: Answers) {
        for Output { token, answer } in answers.0 {
            let waiting = self.world.waiting.remove(&token).expect("an answer to no request, or a second one");
            let client = waiting.client;
            match (waiting.kind, answer) {
                (Kind::Join, Answer::Join(Ok(joined))) => self.joined_generation(client, joined),
                (Kind::Join, Answer::Join(Err(JoinError { error, member_id }))) => match error {
                    ErrorCode::MemberIdRequired => self.world.clients[client].member_id = member_id,
                    ErrorCode::UnknownMemberId | ErrorCode::FencedInstanceId => self.forget(client, &member_id),
                    ErrorCode::RebalanceInProgress => {}
                    other => panic!("a join fails with {other:?}"),
                },
                (Kind::Sync, Answer::Sync(Ok(synced))) => self.synced(&waiting, &synced),
                (Kind::Sync, Answer::Sync(Err(error))) => match error {
                    ErrorCode::UnknownMemberId | ErrorCode::IllegalGeneration | ErrorCode::FencedInstanceId => {}
                    ErrorCode::RebalanceInProgress => {
                        self.world.session_ms.insert(waiting.member_id, self.broker.now_ms);
                    }
                    other => panic!("a sync fails with {other:?}"),
                },
                (Kind::Heartbeat, Answer::Heartbeat(result)) => {
                    if matches!(result, Ok(()) | Err(ErrorCode::RebalanceInProgress)) {
                        self.contact(waiting.member_id);
                    }
                }
                (Kind::Leave, Answer::Leave(Ok(answers))) => {
                    assert_eq!(answers.len(), 1);
                    self.world.clients[client] = Client::default();
                }
                (kind, answer) => panic!("{answer:?} is no answer to a {kind:?}"),
            }
        }
    }

    fn joined_generation(&mut self, client: usize, joined: JoinAnswer) {
        assert!(joined.generation_id >= self.world.last_generation, "a generation comes back");
        self.world.last_generation = joined.generation_id;
        let is_leader = joined.leader == joined.member_id;
        assert_eq!(is_leader, !joined.members.is_empty(), "exactly the leader receives the members");
        assert!(!joined.skip_assignment || is_leader);
        let members = if joined.skip_assignment { Vec::new() } else { joined.members };
        self.world.clients[client] =
            Client { member_id: joined.member_id.clone(), generation_id: joined.generation_id, members };
        self.contact(joined.member_id);
    }

    fn synced(&mut self, waiting: &Waiting, synced: &SyncAnswer) {
        let text = std::str::from_utf8(&synced.assignment).unwrap();
        if text.is_empty() {
            // The leader has sent no assignment, or does not know the member.
            return;
        }
        let (generation, rest) = text.split_once('/').unwrap();
        let (number, owner) = rest.split_once('/').unwrap();
        assert_eq!(generation, waiting.generation_id.to_string(), "an assignment of another generation");
        let first = self.world.assignments.entry(waiting.generation_id).or_insert_with(|| number.to_owned());
        assert_eq!(first, number, "two assignments in one generation");
        match instance_id(waiting.client) {
            Some(instance_id) => assert_eq!(owner, instance_id),
            None => assert!(owner.starts_with("client-")),
        }
        self.contact(waiting.member_id.clone());
    }

    fn contact(&mut self, member_id: String) {
        self.world.session_ms.insert(member_id.clone(), self.broker.now_ms);
        self.world.contact_ms.insert(member_id, self.broker.now_ms);
    }

    fn forget(&mut self, client: usize, member_id: &str) {
        if member_id.is_empty() || self.world.clients[client].member_id == member_id {
            self.world.clients[client] = Client::default();
        }
    }

    /// A member goes only if it left, was replaced, was silent, or missed the end of a phase.
    fn check_removed(&self, before: &BTreeSet<String>, joined_before: &BTreeSet<String>) {
        let now: BTreeSet<String> = self.broker.members().into_iter().collect();
        for member_id in before.difference(&now) {
            if self.world.left.contains(member_id) || self.world.replaced.contains(member_id) {
                continue;
            }
            let silent_ms =
                self.world.contact_ms.get(member_id).map_or(u64::MAX, |contact_ms| self.broker.now_ms - contact_ms);
            let missed_the_join = self.world.last_generation > 0 && !joined_before.contains(member_id);
            assert!(silent_ms >= 10_000 || missed_the_join, "{member_id} is lost after {silent_ms} ms");
        }
    }

    /// No request waits for longer than the rebalance timeout.
    fn check_waiting(&self) {
        for (token, waiting) in &self.world.waiting {
            let age_ms = self.broker.now_ms - waiting.since_ms;
            assert!(age_ms <= MAX_REBALANCE_MS, "{token:?} {waiting:?} waits for {age_ms} ms");
        }
    }
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
