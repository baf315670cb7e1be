//! State of one group: its members and its generation. Timeouts and answers are in the other modules.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;

use super::messages::{JoinedMember, Protocol, Token};
use super::state::GroupState;
use super::stored::StoredGeneration;
use super::subscription;
use crate::ErrorCode;

#[derive(Clone, Debug)]
pub(super) struct Member {
    pub(super) group_instance_id: Option<String>,
    pub(super) client_id: String,
    pub(super) client_host: String,
    pub(super) session_timeout_ms: u64,
    pub(super) rebalance_timeout_ms: u64,
    pub(super) protocols: Vec<Protocol>,
    pub(super) assignment: Bytes,
    pub(super) waiting_join: Option<Token>,
    pub(super) waiting_sync: Option<Token>,
    /// `true` until the member has been part of a generation. Such a member does not know its id and cannot send
    /// heartbeats.
    pub(super) is_new: bool,
}

impl Member {
    /// Returns `true` if the member waits for an answer, which counts as a heartbeat. For a new member it does not,
    /// because its client may have disconnected.
    pub(super) fn is_waiting(&self) -> bool {
        !self.is_new && (self.waiting_join.is_some() || self.waiting_sync.is_some())
    }

    fn supports(&self, protocol: &str) -> bool {
        self.protocols.iter().any(|known| known.name == protocol)
    }

    fn metadata(&self, protocol: Option<&str>) -> Bytes {
        self.protocols
            .iter()
            .find(|known| Some(known.name.as_str()) == protocol)
            .map(|known| known.metadata.clone())
            .unwrap_or_default()
    }
}

/// Delay in which an empty group waits for further members after the first one.
#[derive(Clone, Copy, Debug)]
pub(super) struct InitialDelay {
    /// Length of the present delay.
    pub(super) delay_ms: u64,
    /// Time by which the delay may still be extended.
    pub(super) remaining_ms: u64,
}

#[derive(Debug)]
pub(super) struct Group {
    pub(super) state: GroupState,
    pub(super) generation_id: i32,
    pub(super) protocol_type: Option<String>,
    pub(super) protocol_name: Option<String>,
    pub(super) leader: Option<String>,
    pub(super) members: BTreeMap<String, Member>,
    /// Member ids by group instance id.
    pub(super) static_members: BTreeMap<String, String>,
    /// Ids of clients that have not joined with them yet.
    pub(super) pending_join: BTreeSet<String>,
    /// Members of the generation that have not sent `SyncGroup` yet.
    pub(super) pending_sync: BTreeSet<String>,
    /// Topics of all members' subscriptions, if the members are consumers with readable metadata.
    pub(super) subscribed_topics: Option<BTreeSet<String>>,
    /// `Some` during the first rebalance of an empty group.
    pub(super) initial_delay: Option<InitialDelay>,
    pub(super) new_member_added: bool,
    /// Keeps the group when it is empty.
    pub(super) has_offsets: bool,
    /// A static member has a new id since the group was stored.
    pub(super) member_replaced: bool,
}

impl Group {
    pub(super) fn new() -> Self {
        Group {
            state: GroupState::Empty,
            generation_id: 0,
            protocol_type: None,
            protocol_name: None,
            leader: None,
            members: BTreeMap::new(),
            static_members: BTreeMap::new(),
            pending_join: BTreeSet::new(),
            pending_sync: BTreeSet::new(),
            subscribed_topics: None,
            initial_delay: None,
            new_member_added: false,
            has_offsets: false,
            member_replaced: false,
        }
    }

    /// Creates the group of a generation that was stored. An entry without members makes an empty group.
    pub(super) fn restored(generation: StoredGeneration) -> Self {
        let StoredGeneration { generation_id, protocol_type, protocol_name, leader, members } = generation;
        let mut group = Group { generation_id, protocol_name: Some(protocol_name), ..Group::new() };
        for stored in members {
            let member = Member {
                group_instance_id: stored.group_instance_id,
                client_id: stored.client_id,
                client_host: stored.client_host,
                session_timeout_ms: stored.session_timeout_ms,
                rebalance_timeout_ms: stored.rebalance_timeout_ms,
                protocols: stored.protocols,
                assignment: stored.assignment,
                waiting_join: None,
                waiting_sync: None,
                is_new: false,
            };
            group.add(&stored.member_id, &protocol_type, member);
            group.state = GroupState::Stable;
        }
        if group.members.contains_key(&leader) {
            group.leader = Some(leader);
        }
        group.protocol_type = Some(protocol_type);
        group.subscribed_topics = group.compute_subscribed_topics();
        group
    }

    pub(super) fn is_leader(&self, member_id: &str) -> bool {
        self.leader.as_deref() == Some(member_id)
    }

    /// Adds a member. The first member becomes the leader and decides the protocol type.
    pub(super) fn add(&mut self, member_id: &str, protocol_type: &str, member: Member) {
        if self.members.is_empty() {
            self.protocol_type = Some(protocol_type.to_owned());
        }
        if let Some(instance_id) = &member.group_instance_id {
            self.static_members.insert(instance_id.clone(), member_id.to_owned());
        }
        self.leader.get_or_insert_with(|| member_id.to_owned());
        self.pending_join.remove(member_id);
        self.members.insert(member_id.to_owned(), member);
    }

    /// Removes a member or a pending member id. Another member becomes the leader if the leader is removed.
    pub(super) fn remove(&mut self, member_id: &str) -> Option<Member> {
        self.pending_join.remove(member_id);
        self.pending_sync.remove(member_id);
        let member = self.members.remove(member_id);
        if let Some(instance_id) = member.as_ref().and_then(|member| member.group_instance_id.as_ref()) {
            self.static_members.remove(instance_id);
        }
        if self.is_leader(member_id) {
            self.leader = self.members.keys().next().cloned();
        }
        member
    }

    /// Gives a static member a new id and returns its former state, with the waiting requests.
    pub(super) fn replace(&mut self, old_id: &str, new_id: &str) -> Option<Member> {
        let old = self.members.remove(old_id)?;
        if let Some(instance_id) = &old.group_instance_id {
            self.static_members.insert(instance_id.clone(), new_id.to_owned());
        }
        if self.is_leader(old_id) {
            self.leader = Some(new_id.to_owned());
        }
        if self.pending_sync.remove(old_id) {
            self.pending_sync.insert(new_id.to_owned());
        }
        let new = Member { waiting_join: None, waiting_sync: None, is_new: false, ..old.clone() };
        self.members.insert(new_id.to_owned(), new);
        self.member_replaced = true;
        Some(old)
    }

    /// Verifies that the member exists and owns the instance id, if the request has one.
    pub(super) fn validate_member(&self, member_id: &str, group_instance_id: Option<&str>) -> Result<(), ErrorCode> {
        if let Some(instance_id) = group_instance_id {
            match self.static_members.get(instance_id) {
                None => return Err(ErrorCode::UnknownMemberId),
                Some(owner) if owner != member_id => return Err(ErrorCode::FencedInstanceId),
                Some(_) => {}
            }
        }
        if self.members.contains_key(member_id) { Ok(()) } else { Err(ErrorCode::UnknownMemberId) }
    }

    pub(super) fn all_members_joined(&self) -> bool {
        self.pending_join.is_empty() && self.members.values().all(|member| member.waiting_join.is_some())
    }

    /// Returns the longest rebalance timeout of the members, 0 without members.
    pub(super) fn rebalance_timeout_ms(&self) -> u64 {
        self.members.values().map(|member| member.rebalance_timeout_ms).max().unwrap_or(0)
    }

    /// Returns `true` if a client with these protocols can be a member: the type is the group's, and the present
    /// members have one of the protocols in common.
    pub(super) fn supports(&self, protocol_type: &str, protocols: &[Protocol]) -> bool {
        if self.state == GroupState::Empty {
            return !protocol_type.is_empty() && !protocols.is_empty();
        }
        self.protocol_type.as_deref() == Some(protocol_type)
            && protocols.iter().any(|protocol| self.all_support(&protocol.name))
    }

    fn all_support(&self, protocol: &str) -> bool {
        self.members.values().all(|member| member.supports(protocol))
    }

    /// Selects the protocol of the next generation. Each member votes for the first of its protocols that all members
    /// know. If two protocols have equally many votes, the leader's vote decides.
    pub(super) fn select_protocol(&self) -> Option<String> {
        let votes: Vec<(&str, &str)> = self
            .members
            .iter()
            .filter_map(|(member_id, member)| {
                let vote = member.protocols.iter().find(|protocol| self.all_support(&protocol.name))?;
                Some((member_id.as_str(), vote.name.as_str()))
            })
            .collect();
        let mut counts: BTreeMap<&str, (usize, bool)> = BTreeMap::new();
        for (member_id, protocol) in votes {
            let (count, leaders) = counts.entry(protocol).or_default();
            *count += 1;
            *leaders |= self.is_leader(member_id);
        }
        counts.into_iter().max_by_key(|(_, rank)| *rank).map(|(protocol, _)| protocol.to_owned())
    }

    /// Keeps the leader if it has joined, or elects a member that has. Returns `false` if no member has joined.
    pub(super) fn elect_joined_leader(&mut self) -> bool {
        let has_joined = |member: &Member| member.waiting_join.is_some();
        let Some(leader) = &self.leader else { return false };
        if self.members.get(leader).is_some_and(has_joined) {
            return true;
        }
        match self.members.iter().find(|(_, member)| has_joined(member)) {
            Some((member_id, _)) => {
                self.leader = Some(member_id.clone());
                true
            }
            None => false,
        }
    }

    /// Starts the next generation with the present members.
    pub(super) fn start_generation(&mut self) {
        self.generation_id = self.generation_id.checked_add(1).unwrap_or(1);
        self.protocol_name = self.select_protocol();
        self.subscribed_topics = self.compute_subscribed_topics();
        self.state = if self.members.is_empty() { GroupState::Empty } else { GroupState::CompletingRebalance };
        self.initial_delay = None;
        self.new_member_added = false;
        self.pending_sync.clear();
    }

    fn compute_subscribed_topics(&self) -> Option<BTreeSet<String>> {
        if self.protocol_type.as_deref() != Some(subscription::CONSUMER) {
            return None;
        }
        let mut topics = BTreeSet::new();
        for member in self.members.values() {
            topics.extend(subscription::topics(&member.metadata(self.protocol_name.as_deref()))?);
        }
        Some(topics)
    }

    pub(super) fn uses_consumer_protocol(&self) -> bool {
        self.protocol_type.as_deref() == Some(subscription::CONSUMER)
    }

    /// Returns `true` if a member subscribes to the topic. If the subscriptions are not readable, consumers are assumed
    /// to subscribe to every topic.
    pub(super) fn is_subscribed(&self, topic: &str) -> bool {
        match &self.subscribed_topics {
            Some(topics) => topics.contains(topic),
            None => self.uses_consumer_protocol(),
        }
    }

    /// Returns the member's metadata for the selected protocol.
    pub(super) fn metadata(&self, member: &Member) -> Bytes {
        member.metadata(self.protocol_name.as_deref())
    }

    /// Returns the members for the answer to the leader.
    pub(super) fn joined_members(&self) -> Vec<JoinedMember> {
        self.members
            .iter()
            .map(|(member_id, member)| JoinedMember {
                member_id: member_id.clone(),
                group_instance_id: member.group_instance_id.clone(),
                metadata: self.metadata(member),
            })
            .collect()
    }
}
