//! Classic consumer groups: the protocol of JoinGroup, SyncGroup, Heartbeat and LeaveGroup.
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

mod describe;
mod messages;

pub use describe::{GROUP_TYPE, GroupDescription, GroupState, ListedGroup, MemberDescription};
pub use messages::{
    Answer, HeartbeatRequest, JoinAnswer, JoinError, JoinRequest, JoinedMember, LeaveAnswer, LeaveRequest,
    LeavingMember, Output, Protocol, Request, SyncAnswer, SyncRequest, Token,
};

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
}

impl Groups {
    #[must_use]
    pub fn new(options: Options) -> Self {
        Groups { options }
    }

    /// Handles a request. The outputs are answers to this request and to others that waited for it; if none has the
    /// request's own token, its answer follows later.
    pub fn apply(&mut self, now_ms: u64, token: Token, request: Request) -> Vec<Output> {
        let _ = (now_ms, token, request, &self.options);
        Vec::new()
    }

    /// Handles the timeouts that have passed.
    pub fn expire(&mut self, now_ms: u64) -> Vec<Output> {
        let _ = now_ms;
        Vec::new()
    }

    /// Returns the time at which [`Groups::expire`] must be called, if any. It changes with each call of a `&mut`
    /// method.
    #[must_use]
    pub fn next_deadline(&self) -> Option<u64> {
        None
    }

    /// Lists the groups whose state and type is in the filters, in the order of their ids. An empty filter lets all pass; names
    /// are compared without regard to case.
    #[must_use]
    pub fn list(&self, states: &[String], types: &[String]) -> Vec<ListedGroup> {
        let _ = (states, types);
        Vec::new()
    }

    /// Describes a group. `None` if it does not exist: DescribeGroups answers `GROUP_ID_NOT_FOUND` from version 6 on,
    /// and before that the state `Dead` without an error.
    #[must_use]
    pub fn describe(&self, group_id: &str) -> Option<GroupDescription> {
        let _ = group_id;
        None
    }
}
