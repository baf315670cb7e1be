//! The protocol under a model checker: every order in which the requests of overlapping invocations can reach the
//! storage, with deaths between any two of them, answers that are lost, commits that are lost, and batches cut anew.

use std::thread::available_parallelism;

use commit_protocol::{CommitProtocol, Request};
use stateright::{Checker, Model, Property};

use super::log::Log;
use super::storage::Storage;

/// What may happen, and how often.
struct Partition {
    log: Log,
    span: i64,
    /// How many records a batch can have.
    cuts: &'static [usize],
    /// Invocations at once.
    side_by_side: usize,
    invocations: u8,
    deaths: u8,
    lost_answers: u8,
    given_up: u8,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct State {
    storage: Storage,
    /// The group's committed offset.
    position: usize,
    live: Vec<Invocation>,
    /// Sent by the dead, and not arrived yet.
    ghosts: Vec<(CommitProtocol<'static>, Request)>,
    /// The batch whose delivery has failed last.
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
    Arrive { invocation: usize, request: usize, answer_is_lost: bool },
    LoseCommit { invocation: usize, request: usize },
    Die { invocation: usize },
    GhostArrives(usize),
    GiveUp,
    Redrive,
}

impl Model for Partition {
    type State = State;
    type Action = Event;

    fn init_states(&self) -> Vec<State> {
        vec![State {
            storage: Storage::default(),
            position: 0,
            live: Vec::new(),
            ghosts: Vec::new(),
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
        let poller = state.live.iter().any(|invocation| invocation.deliverer == Deliverer::Poller);
        let room = state.live.len() < self.side_by_side && state.invocations < self.invocations;
        if room && !poller {
            let left = self.log.offsets(state.position).count();
            actions.extend(self.cuts.iter().filter(|&&cut| cut <= left).map(|&records| Event::Deliver { records }));
        }
        if poller && room {
            actions.push(Event::ReplacePoller);
        }
        for (invocation, Invocation { requests, .. }) in state.live.iter().enumerate() {
            for request in 0..requests.len() {
                actions.push(Event::Arrive { invocation, request, answer_is_lost: false });
                actions.push(Event::LoseCommit { invocation, request });
                if state.lost_answers < self.lost_answers {
                    actions.push(Event::Arrive { invocation, request, answer_is_lost: true });
                }
            }
            if state.deaths < self.deaths {
                actions.push(Event::Die { invocation });
            }
        }
        actions.extend((0..state.ghosts.len()).map(Event::GhostArrives));
        if state.live.is_empty() && state.failed.is_some() && state.batches_given_up < self.given_up {
            actions.push(Event::GiveUp);
        }
        if room && state.given_up.is_some() && state.live.iter().all(|other| other.deliverer == Deliverer::Poller) {
            actions.push(Event::Redrive);
        }
    }

    fn next_state(&self, before: &State, event: Event) -> Option<State> {
        let mut state = before.clone();
        match event {
            Event::Deliver { records } => {
                let batch: Vec<usize> = self.log.offsets(state.position).take(records).collect();
                self.invoke(&mut state, batch, Deliverer::Poller);
            }
            Event::Redrive => {
                state.ghosts.clear();
                let batch = state.given_up.clone()?;
                self.invoke(&mut state, batch, Deliverer::Redrive);
            }
            Event::ReplacePoller => {
                let poller = state.live.iter_mut().find(|other| other.deliverer == Deliverer::Poller)?;
                poller.deliverer = Deliverer::Replaced;
                state.failed = None;
            }
            Event::Arrive { invocation, request, answer_is_lost } => {
                self.arrive(&mut state, invocation, request, answer_is_lost);
            }
            Event::LoseCommit { invocation, request } => {
                let position = state.position;
                self.arrive(&mut state, invocation, request, false);
                if state.position == position {
                    return None;
                }
                state.position = position;
            }
            Event::Die { invocation } => {
                let Invocation { protocol, requests, batch, deliverer } = state.live.remove(invocation);
                let writes = requests.into_iter().filter(is_write);
                state.ghosts.extend(writes.map(|request| (protocol.clone(), request)));
                if deliverer == Deliverer::Poller {
                    state.failed = Some(batch);
                }
                state.deaths += 1;
            }
            Event::GhostArrives(ghost) => {
                let (protocol, request) = state.ghosts.remove(ghost);
                state.broken = state.storage.execute(&protocol, &request, self.span).err();
            }
            Event::GiveUp => {
                // What has not arrived by now never does.
                state.ghosts.clear();
                let mut batch = state.failed.take()?;
                // Bisected: its first half.
                batch.truncate(batch.len().div_ceil(2));
                state.position = batch.last()? + 1;
                state.given_up = Some(batch);
                state.batches_given_up += 1;
            }
        }
        Some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("no offset is stored twice, and no ledger goes back", |_, state: &State| {
                state.broken.is_none()
            }),
            Property::always(
                "what has been committed is stored, or was given up",
                |partition: &Self, state: &State| {
                    let given_up = state.given_up.iter().flatten();
                    let waits = |offset: usize| given_up.clone().any(|&other| other == offset);
                    let committed = partition.log.offsets(0).take_while(|&offset| offset < state.position);
                    committed
                        .filter(|&offset| !waits(offset))
                        .all(|offset| state.storage.line(offset as i64) == Some(Log::line(offset)))
                },
            ),
            Property::sometimes("everything comes to rest", |partition: &Self, state: &State| {
                state.live.is_empty() && state.given_up.is_none() && state.position == partition.log.end()
            }),
            Property::sometimes("overlapping invocations meet", |_, state: &State| {
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
                state.live.push(Invocation { requests: vec![protocol.begin()], protocol, batch, deliverer })
            }
            Err(refusal) => state.broken = Some(format!("{batch:?}: {refusal:?}")),
        }
        state.invocations += 1;
    }

    fn arrive(&self, state: &mut State, index: usize, request: usize, answer_is_lost: bool) {
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
            // The client asks once more.
            invocation.requests.push(request);
            state.lost_answers += 1;
            return;
        }
        match invocation.protocol.answer(&request, &reply.answer()) {
            Ok(requests) => {
                invocation.requests.extend(requests);
                // In what order they were sent makes no other state.
                invocation.requests.sort_by_key(group);
            }
            Err(refusal) => state.broken = Some(format!("{:?} was refused: {refusal:?}", invocation.batch)),
        }
        if invocation.requests.is_empty() && !invocation.protocol.is_done() {
            state.broken = Some(format!("{:?} is stuck", invocation.batch));
        }
        if invocation.protocol.is_done() {
            let Invocation { batch, deliverer, .. } = state.live.remove(index);
            match deliverer {
                Deliverer::Poller => state.position = batch.last().map_or(0, |last| last + 1),
                Deliverer::Redrive => state.given_up = None,
                Deliverer::Replaced => {}
            }
        }
    }
}

fn is_write(request: &Request) -> bool {
    matches!(request, Request::CreateLedger(_) | Request::ReplaceLedger(..) | Request::PutObject { .. })
}

fn group(request: &Request) -> (usize, i64) {
    match request {
        Request::ProbeGroup { group } | Request::ListObjects { group, .. } | Request::PutObject { group, .. } => {
            (*group, 0)
        }
        Request::ReadObject { group, first } => (*group, *first),
        Request::ReadLedger | Request::CreateLedger(_) | Request::ReplaceLedger(..) => (0, 0),
    }
}

/// Explores all of it, and tells how many states that were.
fn explore(partition: Partition) -> usize {
    let threads = available_parallelism().map_or(1, usize::from);
    let checker = partition.checker().threads(threads).spawn_bfs().join();
    checker.assert_properties();
    checker.unique_state_count()
}

#[test]
fn two_invocations_at_once_with_three_cuts_and_deaths_between_any_two_requests_store_everything_once() {
    let states = explore(Partition {
        log: Log(vec![Some(0), Some(1), Some(0), Some(0)]),
        span: 3,
        cuts: &[1, 2, 4],
        side_by_side: 2,
        invocations: 3,
        deaths: 1,
        lost_answers: 1,
        given_up: 0,
    });
    println!("two at once: {states} states");
}

#[test]
fn three_invocations_at_once_store_everything_once() {
    let states = explore(Partition {
        log: Log(vec![Some(0), Some(0), Some(0)]),
        span: 3,
        cuts: &[1, 2, 3],
        side_by_side: 3,
        invocations: 3,
        deaths: 1,
        lost_answers: 0,
        given_up: 0,
    });
    println!("three at once: {states} states");
}

#[test]
fn a_batch_given_up_and_fed_again_beside_the_next_is_stored_once() {
    let states = explore(Partition {
        log: Log(vec![Some(0), Some(1), Some(0), Some(1)]),
        span: 8,
        cuts: &[1, 2, 4],
        side_by_side: 2,
        invocations: 3,
        deaths: 1,
        lost_answers: 0,
        given_up: 1,
    });
    println!("given up and fed again: {states} states");
}
