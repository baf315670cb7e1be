//! The clients of a schedule, and checks of everything they receive.

use std::collections::{BTreeMap, BTreeSet};

use super::super::invariants::check;
use super::super::*;
use super::{CLIENTS, MAX_REBALANCE_MS, MIN_REBALANCE_MS, Step, instance_id};

#[derive(Clone, Debug, Default)]
pub(super) struct Client {
    pub(super) member_id: String,
    pub(super) generation_id: i32,
    /// Members in the last answer to a join, if the client leads.
    pub(super) members: Vec<JoinedMember>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Kind {
    Join,
    Sync,
    Heartbeat,
    Leave,
}

/// A request without an answer.
#[derive(Clone, Debug)]
pub(super) struct Waiting {
    pub(super) client: usize,
    pub(super) member_id: String,
    pub(super) kind: Kind,
    pub(super) generation_id: i32,
    pub(super) since_ms: u64,
}

#[derive(Default)]
pub(super) struct World {
    pub(super) clients: Vec<Client>,
    pub(super) waiting: BTreeMap<Token, Waiting>,
    /// Latest time at which each member joined a new generation or sent a heartbeat.
    pub(super) contact_ms: BTreeMap<String, u64>,
    /// Latest time at which the session of each member can have begun: its time in `contact_ms`, or that of a later
    /// answer to a join or sync.
    pub(super) session_ms: BTreeMap<String, u64>,
    /// By generation, the number of the leader's request whose assignment was distributed.
    pub(super) assignments: BTreeMap<i32, String>,
    pub(super) last_generation: i32,
    /// Time at which the group entered its present state.
    pub(super) phase_since_ms: u64,
    pub(super) left: BTreeSet<String>,
    pub(super) replaced: BTreeSet<String>,
}

/// State of the group before a step.
struct Snapshot {
    members: BTreeSet<String>,
    joined: BTreeSet<String>,
    pending_sync: BTreeSet<String>,
    phase: (GroupState, i32),
}

pub(super) struct Schedule {
    pub(super) broker: Broker,
    pub(super) world: World,
}

impl Schedule {
    pub(super) fn new(initial_rebalance_delay_ms: i32) -> Self {
        let mut broker = Broker::with_delay(initial_rebalance_delay_ms);
        // The cleanup would begin again with generation 1.
        broker.groups.set_has_offsets(GROUP, true);
        let world = World { clients: vec![Client::default(); CLIENTS], ..World::default() };
        Schedule { broker, world }
    }

    pub(super) fn run(&mut self, step: Step) {
        let before = self.snapshot();
        match step {
            Step::Join { client, version, protocols, rebalance_timeout_ms } => {
                self.join(client, version, protocols, rebalance_timeout_ms);
            }
            Step::Sync { client } => self.sync(client),
            Step::Heartbeat { client } => self.heartbeat(client),
            Step::Leave { client } => self.leave(client),
            Step::Restart { client } => self.world.clients[client] = Client::default(),
            // Checks the group after each deadline.
            Step::Wait { ms } => return self.wait(ms),
        }
        self.check(&before);
    }

    /// Lets time pass from deadline to deadline and verifies the group after each of them.
    pub(super) fn wait(&mut self, ms: u64) {
        let end_ms = self.broker.now_ms + ms;
        while self.broker.now_ms < end_ms {
            let before = self.snapshot();
            let next_ms = self.broker.groups.next_deadline().unwrap_or(end_ms).clamp(self.broker.now_ms, end_ms);
            let answers = self.broker.advance(next_ms - self.broker.now_ms);
            self.receive(answers);
            self.check(&before);
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

    fn snapshot(&self) -> Snapshot {
        let group = &self.broker.groups.groups[GROUP];
        let joined = group.members.iter().filter(|(_, member)| member.waiting_join.is_some());
        Snapshot {
            members: group.members.keys().cloned().collect(),
            joined: joined.map(|(member_id, _)| member_id.clone()).collect(),
            pending_sync: group.pending_sync.clone(),
            phase: (group.state, group.generation_id),
        }
    }

    fn check(&mut self, before: &Snapshot) {
        check(&self.broker.groups, GROUP);
        self.check_removed(before);
        self.check_waiting();
        if self.snapshot().phase != before.phase {
            self.world.phase_since_ms = self.broker.now_ms;
        }
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
        // A join that is answered with the present generation does not restart the session.
        if joined.generation_id > self.world.clients[client].generation_id {
            self.contact(joined.member_id.clone());
        }
        self.world.session_ms.insert(joined.member_id.clone(), self.broker.now_ms);
        let members = if joined.skip_assignment { Vec::new() } else { joined.members };
        self.world.clients[client] =
            Client { member_id: joined.member_id, generation_id: joined.generation_id, members };
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
        // A sync that is answered at once does not restart the session.
        self.world.session_ms.insert(waiting.member_id.clone(), self.broker.now_ms);
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

    /// Verifies that each removed member left, was replaced, was silent, or missed the end of a phase.
    fn check_removed(&self, before: &Snapshot) {
        let now = self.snapshot().members;
        let phase_ms = self.broker.now_ms - self.world.phase_since_ms;
        for member_id in before.members.difference(&now) {
            if self.world.left.contains(member_id) || self.world.replaced.contains(member_id) {
                continue;
            }
            let silent_ms =
                self.world.contact_ms.get(member_id).map_or(u64::MAX, |contact_ms| self.broker.now_ms - contact_ms);
            let missed = match before.phase.0 {
                GroupState::PreparingRebalance => !before.joined.contains(member_id),
                _ => before.pending_sync.contains(member_id),
            };
            let was_late = missed && phase_ms >= MIN_REBALANCE_MS;
            assert!(silent_ms >= 10_000 || was_late, "{member_id} is lost after {silent_ms} ms");
        }
    }

    /// Verifies that no request waits for longer than the rebalance timeout.
    fn check_waiting(&self) {
        for (token, waiting) in &self.world.waiting {
            let age_ms = self.broker.now_ms - waiting.since_ms;
            assert!(age_ms <= MAX_REBALANCE_MS, "{token:?} {waiting:?} waits for {age_ms} ms");
        }
    }
}
