//! Classic consumer groups: the protocol of `JoinGroup`, `SyncGroup`, Heartbeat and `LeaveGroup`.
//!
//! ```text
//!                      a member joins                       all members have joined,
//!                                                           or the rebalance timeout
//!          Empty ---------------------> PreparingRebalance ---------------------> CompletingRebalance
//!            ^                            |    ^      ^                                |         |
//!            |    the last member leaves  |    |      |    a member joins or leaves    |         |
//!            +----------------------------+    |      +--------------------------------+         |
//!                                              |                                                 |
//!                                              |  a member joins, leaves        the leader sends |
//!                                              |  or misses its session timeout   the assignment |
//!                                              +-------------------- Stable <--------------------+
//! ```
//!
//! A join waits until the group is complete and then starts a new generation; a sync waits for the leader's
//! assignment. [`Groups`] keeps the tokens of waiting requests and returns an [`Output`] for each of them exactly once.

mod commit;
mod describe;
mod group;
mod join;
mod leave;
mod messages;
mod rebalance;
mod restore;
mod state;
mod stored;
mod subscription;
mod sync;
#[cfg(test)]
mod tests;
mod timers;
mod turn;

use std::collections::{BTreeMap, BTreeSet};

pub(crate) use commit::Committer;
pub use describe::{GROUP_TYPE, GroupDescription, ListedGroup, MemberDescription};
use group::Group;
pub use messages::{
    Answer, HeartbeatRequest, JoinAnswer, JoinError, JoinRequest, JoinedMember, LeaveAnswer, LeaveRequest,
    LeavingMember, Output, Protocol, Request, SyncAnswer, SyncRequest, Token,
};
pub use state::GroupState;
pub use stored::{StoredGeneration, StoredMember};
use timers::{Timer, Timers};
use turn::Turn;

use crate::ErrorCode;

/// Kafka's `offsets.retention.check.interval.ms`: the interval at which empty groups without offsets are removed.
const CLEANUP_INTERVAL_MS: u64 = 600_000;

/// Limits of the groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Kafka's `group.min.session.timeout.ms`; a shorter session timeout is rejected.
    pub min_session_timeout_ms: i32,
    /// Kafka's `group.max.session.timeout.ms`; a longer session timeout is rejected.
    pub max_session_timeout_ms: i32,
    /// Kafka's `group.initial.rebalance.delay.ms`: for this long an empty group waits for further members after the
    /// first one. 0 answers the first member at once.
    pub initial_rebalance_delay_ms: i32,
}

impl Default for Options {
    fn default() -> Self {
        Options { min_session_timeout_ms: 6_000, max_session_timeout_ms: 1_800_000, initial_rebalance_delay_ms: 0 }
    }
}

/// All classic groups of a broker.
///
/// `now_ms` is a monotonic time in milliseconds; it must never decrease.
#[derive(Debug)]
pub struct Groups {
    options: Options,
    groups: BTreeMap<String, Group>,
    timers: Timers,
    /// Time of the next removal of empty groups; `None` before the first request.
    next_cleanup_ms: Option<u64>,
    /// Groups with a generation or members that have not been stored.
    unstored: BTreeSet<String>,
    /// Groups with members of before a restart, whose sessions have not started.
    restored: BTreeSet<String>,
}

impl Groups {
    #[must_use]
    pub fn new(options: Options) -> Self {
        Groups {
            options,
            groups: BTreeMap::new(),
            timers: Timers::default(),
            next_cleanup_ms: None,
            unstored: BTreeSet::new(),
            restored: BTreeSet::new(),
        }
    }

    /// Handles a request. Returns the answers to this request and to others that waited for it. If no output has the
    /// request's token, the request waits, and a later call returns its answer.
    pub fn apply(&mut self, now_ms: u64, token: Token, request: Request) -> Vec<Output> {
        self.next_cleanup_ms.get_or_insert(now_ms.saturating_add(CLEANUP_INTERVAL_MS));
        let output = |answer| vec![Output { token, answer }];
        match request {
            Request::Join(request) => {
                if let Err(error) = self.validate_join(&request) {
                    return output(Answer::Join(Err(JoinError { error, member_id: request.member_id })));
                }
                let group_id = request.group_id.clone();
                if request.member_id.is_empty() {
                    self.groups.entry(group_id.clone()).or_insert_with(Group::new);
                }
                self.turn(now_ms, &group_id, |turn| turn.join(token, request))
            }
            Request::Sync(request) => {
                if let Err(error) = sync::validate_request(&request) {
                    return output(Answer::Sync(Err(error)));
                }
                if !self.groups.contains_key(&request.group_id) {
                    return output(Answer::Sync(Err(ErrorCode::UnknownMemberId)));
                }
                let group_id = request.group_id.clone();
                self.turn(now_ms, &group_id, |turn| turn.sync(token, request))
            }
            Request::Heartbeat(request) => {
                if request.group_id.is_empty() {
                    return output(Answer::Heartbeat(Err(ErrorCode::InvalidGroupId)));
                }
                if !self.groups.contains_key(&request.group_id) {
                    return output(Answer::Heartbeat(Err(ErrorCode::UnknownMemberId)));
                }
                self.turn(now_ms, &request.group_id, |turn| turn.heartbeat(token, &request))
            }
            Request::Leave(request) => {
                if request.group_id.is_empty() {
                    return output(Answer::Leave(Err(ErrorCode::InvalidGroupId)));
                }
                if !self.groups.contains_key(&request.group_id) {
                    return output(Answer::Leave(Ok(leave::unknown_group(request))));
                }
                let group_id = request.group_id.clone();
                self.turn(now_ms, &group_id, |turn| turn.leave(token, request))
            }
        }
    }

    fn validate_join(&self, request: &JoinRequest) -> Result<(), ErrorCode> {
        let valid = self.options.min_session_timeout_ms..=self.options.max_session_timeout_ms;
        if request.group_id.is_empty() {
            Err(ErrorCode::InvalidGroupId)
        } else if !valid.contains(&request.session_timeout_ms) {
            Err(ErrorCode::InvalidSessionTimeout)
        } else if !request.member_id.is_empty() && !self.groups.contains_key(&request.group_id) {
            Err(ErrorCode::UnknownMemberId)
        } else {
            Ok(())
        }
    }

    /// Runs `act` on a group and returns its answers. Does nothing if the group does not exist.
    fn turn(&mut self, now_ms: u64, group_id: &str, act: impl FnOnce(&mut Turn<'_>)) -> Vec<Output> {
        let Some(group) = self.groups.get_mut(group_id) else { return Vec::new() };
        let before = (group.state, group.generation_id);
        let timers = &mut self.timers;
        let mut turn = Turn { options: self.options, group_id, group, timers, now_ms, outputs: Vec::new() };
        act(&mut turn);
        let Turn { group, outputs, .. } = turn;
        let replaced = std::mem::take(&mut group.member_replaced);
        let changed = replaced || before != (group.state, group.generation_id);
        if changed && matches!(group.state, GroupState::Stable | GroupState::Empty) {
            self.unstored.insert(group_id.to_owned());
        }
        outputs
    }

    /// Handles the timeouts that have passed.
    pub fn expire(&mut self, now_ms: u64) -> Vec<Output> {
        let mut outputs = Vec::new();
        while let Some((group_id, timer)) = self.timers.pop(now_ms) {
            outputs.extend(self.turn(now_ms, &group_id, |turn| match timer {
                Timer::Session { member_id } => turn.session_timed_out(&member_id),
                Timer::Join => turn.join_timed_out(),
                Timer::Sync => turn.sync_timed_out(),
            }));
        }
        if self.next_cleanup_ms.is_some_and(|deadline| deadline <= now_ms) {
            self.next_cleanup_ms = Some(now_ms.saturating_add(CLEANUP_INTERVAL_MS));
            self.groups.retain(|_, group| {
                group.state != GroupState::Empty || group.has_offsets || !group.pending_join.is_empty()
            });
        }
        outputs
    }

    /// Returns the time at which [`Groups::expire`] must be called. Each call of a `&mut` method can change it.
    #[must_use]
    pub fn next_deadline(&self) -> Option<u64> {
        self.timers.next_deadline().into_iter().chain(self.next_cleanup_ms).min()
    }

    /// Removes all groups and answers each waiting request with `error`. To be called before the broker stops.
    pub fn close(&mut self, error: ErrorCode) -> Vec<Output> {
        self.timers = Timers::default();
        self.unstored.clear();
        let mut outputs = Vec::new();
        for (member_id, member) in std::mem::take(&mut self.groups).into_values().flat_map(|group| group.members) {
            if let Some(token) = member.waiting_join {
                let answer = Answer::Join(Err(JoinError { error, member_id }));
                outputs.push(Output { token, answer });
            }
            if let Some(token) = member.waiting_sync {
                outputs.push(Output { token, answer: Answer::Sync(Err(error)) });
            }
        }
        outputs
    }
}
