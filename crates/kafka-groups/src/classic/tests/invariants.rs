//! Properties that hold for a group after each step.

use std::collections::BTreeSet;

use super::super::timers::Timer;
use super::super::turn::session;
use super::*;

/// Verifies that the parts of the group agree with each other and with the timers.
pub(super) fn check(groups: &Groups, group_id: &str) {
    let Some(group) = groups.groups.get(group_id) else { return };
    let has_timer = |timer: Timer| groups.timers.has(group_id, timer);

    let mut tokens = BTreeSet::new();
    for (member_id, member) in &group.members {
        assert!(!group.pending_join.contains(member_id), "{member_id} is a member and pending");
        for token in member.waiting_join.iter().chain(&member.waiting_sync) {
            assert!(tokens.insert(*token), "{token:?} waits twice");
        }
        assert!(member.waiting_join.is_none() || group.state == GroupState::PreparingRebalance);
        assert!(member.waiting_sync.is_none() || group.state == GroupState::CompletingRebalance);
        if let Some(instance_id) = &member.group_instance_id {
            assert_eq!(group.static_members.get(instance_id), Some(member_id));
        }
        assert!(member.is_waiting() || has_timer(session(member_id)), "{member_id} has no session timeout");
    }
    for member_id in &group.pending_join {
        assert!(has_timer(session(member_id)), "{member_id} stays pending forever");
    }
    let owners = group.static_members.values();
    assert!(owners.clone().all(|member_id| group.members.contains_key(member_id)));
    assert_eq!(owners.clone().count(), owners.collect::<BTreeSet<_>>().len(), "two instances share a member id");
    assert!(group.pending_sync.iter().all(|member_id| group.members.contains_key(member_id)));

    match &group.leader {
        Some(leader) => assert!(group.members.contains_key(leader), "the leader is not a member"),
        None => assert!(group.members.is_empty()),
    }
    if group.state != GroupState::PreparingRebalance {
        assert!(!has_timer(Timer::Join), "a join phase that is over has a timeout");
        assert!(group.initial_delay.is_none());
    }
    if !matches!(group.state, GroupState::CompletingRebalance | GroupState::Stable) {
        assert!(!has_timer(Timer::Sync), "a sync phase that is over has a timeout");
        assert!(group.pending_sync.is_empty());
    }
    match group.state {
        GroupState::Empty => assert!(group.members.is_empty()),
        GroupState::PreparingRebalance => assert!(has_timer(Timer::Join), "the join phase never ends"),
        GroupState::CompletingRebalance => assert!(has_timer(Timer::Sync), "the sync phase never ends"),
        GroupState::Stable => {
            assert!(!group.members.is_empty());
            assert_eq!(group.pending_sync.is_empty(), !has_timer(Timer::Sync));
        }
    }
    if matches!(group.state, GroupState::CompletingRebalance | GroupState::Stable) {
        let protocol = group.protocol_name.as_ref().expect("a generation has a protocol");
        for member in group.members.values() {
            assert!(member.protocols.iter().any(|known| known.name == *protocol), "a member lacks the protocol");
        }
    }
}
