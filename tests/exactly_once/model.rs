//! The commit protocol under a model checker: every order in which the storage can execute the requests of overlapping
//! invocations, with crashes between any two requests, lost responses, lost commits, and batches that are cut
//! differently.

use std::thread::available_parallelism;

use commit_protocol::{CommitProtocol, Request};
use stateright::{Checker, Model, Property};

use super::log::Log;
use super::storage::Storage;

/// A partition to deliver, and limits on the events.
struct Partition {
    log: Log,
    span: i64,
    /// Possible numbers of records in a batch.
    batch_sizes: &'static [usize],
    concurrent_invocations: usize,
    invocations: u8,
    deaths: u8,
    lost_answers: u8,
    given_up: u8,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct State {
    storage: Storage,
    /// The consumer group's committed offset.
    committed: usize,
    live: Vec<Invocation>,
    /// Requests of invocations that have died, not executed yet.
    orphaned_requests: Vec<(CommitProtocol<'static>, Request)>,
    /// The batch that failed last.
    failed: Option<Vec<usize>>,
    given_up: Option<Vec<usize>>,
    invocations: u8,
    deaths: u8,
    lost_answers: u8,
    batches_given_up: u8,
    broken: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Invocation {
    protocol: CommitProtocol<'static>,
    requests: Vec<Request>,
    batch: Vec<usize>,
    deliverer: Deliverer,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Deliverer {
    Poller,
    Replaced,
    Redrive,
}

#[derive(Clone, Debug, PartialEq)]
enum Event {
    Deliver { records: usize },
    ReplacePoller,
    Execute { invocation: usize, request: usize, answer_is_lost: bool },
    ExecuteAndLoseCommit { invocation: usize, request: usize },
    Die { invocation: usize },
    ExecuteOrphan(usize),
    GiveUp,
    Redrive,
}

impl Model for Partition {
    type State = State;
    type Action = Event;

    fn init_states(&self) -> Vec<State> {
        vec![State {
            storage: Storage::default(),
            committed: 0,
            live: Vec::new(),
            orphaned_requests: Vec::new(),
            failed: None,
            given_up: None,
            invocations: 0,
            deaths: 0,
            lost_answers: 0,
            batches_given_up: 0,
            broken: None,
        }]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Event>) {
        let poller_is_waiting = state.live.iter().any(|invocation| invocation.deliverer == Deliverer::Poller);
        let may_invoke = state.live.len() < self.concurrent_invocations && state.invocations < self.invocations;
        if may_invoke && !poller_is_waiting {
            let left = self.log.offsets(state.committed).count();
            actions.extend(
                self.batch_sizes.iter().filter(|&&size| size <= left).map(|&records| Event::Deliver { records }),
            );
        }
        if poller_is_waiting && may_invoke {
            actions.push(Event::ReplacePoller);
        }
        for (invocation, Invocation { requests, .. }) in state.live.iter().enumerate() {
            for request in 0..requests.len() {
                actions.push(Event::Execute { invocation, request, answer_is_lost: false });
                actions.push(Event::ExecuteAndLoseCommit { invocation, request });
                if state.lost_answers < self.lost_answers {
                    actions.push(Event::Execute { invocation, request, answer_is_lost: true });
                }
            }
            if state.deaths < self.deaths {
                actions.push(Event::Die { invocation });
            }
        }
        actions.extend((0..state.orphaned_requests.len()).map(Event::ExecuteOrphan));
        if state.live.is_empty() && state.failed.is_some() && state.batches_given_up < self.given_up {
            actions.push(Event::GiveUp);
        }
        if may_invoke && state.given_up.is_some() && state.live.iter().all(|other| other.deliverer == Deliverer::Poller)
        {
            actions.push(Event::Redrive);
        }
    }

    fn next_state(&self, before: &State, event: Event) -> Option<State> {
        let mut state = before.clone();
        match event {
            Event::Deliver { records } => {
                let batch: Vec<usize> = self.log.offsets(state.committed).take(records).collect();
                self.invoke(&mut state, batch, Deliverer::Poller);
            }
            Event::Redrive => {
                state.orphaned_requests.clear();
                let batch = state.given_up.clone()?;
                self.invoke(&mut state, batch, Deliverer::Redrive);
            }
            Event::ReplacePoller => {
                let poller = state.live.iter_mut().find(|other| other.deliverer == Deliverer::Poller)?;
                poller.deliverer = Deliverer::Replaced;
                state.failed = None;
            }
            Event::Execute { invocation, request, answer_is_lost } => {
                self.execute(&mut state, invocation, request, answer_is_lost);
            }
            Event::ExecuteAndLoseCommit { invocation, request } => {
                let committed = state.committed;
                self.execute(&mut state, invocation, request, false);
                if state.committed == committed {
                    return None;
                }
                state.committed = committed;
            }
            Event::Die { invocation } => {
                let Invocation { protocol, requests, batch, deliverer } = state.live.remove(invocation);
                let writes = requests.into_iter().filter(is_write);
                state.orphaned_requests.extend(writes.map(|request| (protocol.clone(), request)));
                if deliverer == Deliverer::Poller {
                    state.failed = Some(batch);
                }
                state.deaths += 1;
            }
            Event::ExecuteOrphan(index) => {
                let (protocol, request) = state.orphaned_requests.remove(index);
                state.broken = state.storage.execute(&protocol, &request, self.span).err();
            }
            Event::GiveUp => {
                // A request that has not been executed by now is never executed.
                state.orphaned_requests.clear();
                let mut batch = state.failed.take()?;
                // The event source bisects the batch and discards the first half.
                batch.truncate(batch.len().div_ceil(2));
                state.committed = batch.last()? + 1;
                state.given_up = Some(batch);
                state.batches_given_up += 1;
            }
        }
        Some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("no offset is stored twice, and no ledger shrinks", |_, state: &State| {
                state.broken.is_none()
            }),
            Property::always("every committed record is stored or discarded", |partition: &Self, state: &State| {
                let given_up = state.given_up.iter().flatten();
                let is_given_up = |offset: usize| given_up.clone().any(|&other| other == offset);
                let committed = partition.log.offsets(0).take_while(|&offset| offset < state.committed);
                committed
                    .filter(|&offset| !is_given_up(offset))
                    .all(|offset| state.storage.line(offset as i64) == Some(Log::line(offset)))
            }),
            Property::sometimes(
                "every record is delivered and nothing is running",
                |partition: &Self, state: &State| {
                    state.live.is_empty() && state.given_up.is_none() && state.committed == partition.log.end()
                },
            ),
            Property::sometimes("overlapping invocations meet at one key", |_, state: &State| {
                state
                    .live
                    .iter()
                    .flat_map(|invocation| &invocation.requests)
                    .any(|request| matches!(request, Request::ReadObject { .. }))
                    && state.live.len() > 1
            }),
        ]
    }
}

impl Partition {
    fn invoke(&self, state: &mut State, batch: Vec<usize>, deliverer: Deliverer) {
        match self.log.protocol(&batch, self.span) {
            Ok(protocol) => {
                state.live.push(Invocation { requests: vec![protocol.begin()], protocol, batch, deliverer });
            }
            Err(error) => state.broken = Some(format!("{batch:?}: {error:?}")),
        }
        state.invocations += 1;
    }

    fn execute(&self, state: &mut State, index: usize, request: usize, answer_is_lost: bool) {
        let invocation = &mut state.live[index];
        let request = invocation.requests.remove(request);
        let reply = match state.storage.execute(&invocation.protocol, &request, self.span) {
            Ok(reply) => reply,
            Err(fault) => {
                state.broken = Some(fault);
                return;
            }
        };
        if answer_is_lost {
            // The client sends the request again.
            invocation.requests.push(request);
            state.lost_answers += 1;
            return;
        }
        match invocation.protocol.answer(&request, &reply.answer()) {
            Ok(requests) => {
                invocation.requests.extend(requests);
                // States that differ only in the order of sent requests are the same state.
                invocation.requests.sort_by_key(sort_key);
            }
            Err(error) => state.broken = Some(format!("{:?} was rejected: {error:?}", invocation.batch)),
        }
        if invocation.requests.is_empty() && !invocation.protocol.is_done() {
            state.broken = Some(format!("{:?} is stuck", invocation.batch));
        }
        if invocation.protocol.is_done() {
            let Invocation { batch, deliverer, .. } = state.live.remove(index);
            match deliverer {
                Deliverer::Poller => state.committed = batch.last().map_or(0, |last| last + 1),
                Deliverer::Redrive => state.given_up = None,
                Deliverer::Replaced => {}
            }
        }
    }
}

fn is_write(request: &Request) -> bool {
    matches!(request, Request::CreateLedger(_) | Request::ReplaceLedger(..) | Request::PutObject { .. })
}

fn sort_key(request: &Request) -> (usize, i64) {
    match request {
        Request::ProbeGroup { group } | Request::ListObjects { group, .. } | Request::PutObject { group, .. } => {
            (*group, 0)
        }
        Request::ReadObject { group, first } => (*group, *first),
        Request::ReadLedger | Request::CreateLedger(_) | Request::ReplaceLedger(..) => (0, 0),
    }
}

/// Explores all states and returns their number.
fn explore(partition: Partition) -> usize {
    let threads = available_parallelism().map_or(1, usize::from);
    let checker = partition.checker().threads(threads).spawn_bfs().join();
    checker.assert_properties();
    checker.unique_state_count()
}

#[test]
fn two_concurrent_invocations_store_every_record_once() {
    let states = explore(Partition {
        log: Log(vec![Some(0), Some(1), Some(0), Some(0)]),
        span: 3,
        batch_sizes: &[1, 2, 4],
        concurrent_invocations: 2,
        invocations: 3,
        deaths: 1,
        lost_answers: 1,
        given_up: 0,
    });
    println!("two concurrent invocations: {states} states");
}

#[test]
fn three_concurrent_invocations_store_every_record_once() {
    let states = explore(Partition {
        log: Log(vec![Some(0), Some(0), Some(0)]),
        span: 3,
        batch_sizes: &[1, 2, 3],
        concurrent_invocations: 3,
        invocations: 3,
        deaths: 1,
        lost_answers: 0,
        given_up: 0,
    });
    println!("three concurrent invocations: {states} states");
}

#[test]
fn redriven_batch_beside_the_next_is_stored_once() {
    let states = explore(Partition {
        log: Log(vec![Some(0), Some(1), Some(0), Some(1)]),
        span: 8,
        batch_sizes: &[1, 2, 4],
        concurrent_invocations: 2,
        invocations: 3,
        deaths: 1,
        lost_answers: 0,
        given_up: 1,
    });
    println!("discarded and redriven: {states} states");
}
