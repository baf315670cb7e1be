//! A schedule: invocations that overlap, fail and die store one partition, until every record is delivered and nothing
//! is running. Any list of numbers is a schedule, so a schedule that breaks can be shrunk.
//!
//! Events are limited to what the assumptions of the exactly-once guarantee allow. A batch is discarded, and offsets
//! are moved manually, only while no invocation, and no request of an invocation, is running. Discarded batches are
//! redriven while nothing else delivers their records.

use std::ops::AddAssign;

use commit_protocol::{CommitProtocol, Request};

use super::draws::Draws;
use super::log::{Log, MAX_GROUPS, MAX_OFFSETS};
use super::storage::Storage;

/// Event counts of a schedule.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Stats {
    pub(super) invocations: u32,
    pub(super) requests: u32,
    pub(super) crashes: u32,
    pub(super) overlaps: u32,
    pub(super) given_up: u32,
    /// Number of times that the committed offset was moved manually.
    pub(super) moved: u32,
    pub(super) objects: u32,
}

impl AddAssign for Stats {
    fn add_assign(&mut self, other: Self) {
        self.invocations += other.invocations;
        self.requests += other.requests;
        self.crashes += other.crashes;
        self.overlaps += other.overlaps;
        self.given_up += other.given_up;
        self.moved += other.moved;
        self.objects += other.objects;
    }
}

/// The component that delivers a batch and learns the outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Deliverer {
    /// The poller that commits the consumer group's offset.
    Poller,
    /// A poller that was replaced; nothing waits for its invocation any more.
    Replaced,
    /// A redrive, which delivers a discarded batch again.
    Redrive,
}

struct Invocation {
    protocol: CommitProtocol<'static>,
    /// Requests that are running, in any order.
    requests: Vec<Request>,
    batch: Vec<usize>,
    deliverer: Deliverer,
}

struct World<'a, 'd> {
    draws: &'a mut Draws<'d>,
    log: Log,
    span: i64,
    storage: Storage,
    invocations: Vec<Invocation>,
    /// Requests of invocations that have died. The storage may still execute them.
    orphaned_requests: Vec<(CommitProtocol<'static>, Request)>,
    /// The consumer group's committed offset.
    committed: usize,
    /// The batch that failed last.
    failed: Option<Vec<usize>>,
    given_up: Vec<Vec<usize>>,
    /// Offsets that need not be stored: the committed offset was moved past them manually.
    skipped: Vec<bool>,
    stats: Stats,
}

/// Runs the schedule that the numbers determine.
///
/// # Errors
/// A description of the broken rule, if the protocol breaks one.
pub(super) fn run(numbers: &[u16]) -> Result<Stats, String> {
    let mut draws = Draws::new(numbers);
    let end = 1 + draws.below(MAX_OFFSETS);
    let groups = 1 + draws.below(MAX_GROUPS);
    let holes = [0, 0, 10, 40][draws.below(4)];
    let span = [MAX_OFFSETS as i64, 3, 5, 8][draws.below(4)];
    let log = Log((0..end).map(|_| (!draws.chance(holes)).then(|| draws.below(groups))).collect());
    let mut world = World {
        draws: &mut draws,
        span,
        storage: Storage::default(),
        invocations: Vec::new(),
        orphaned_requests: Vec::new(),
        committed: 0,
        failed: None,
        given_up: Vec::new(),
        skipped: vec![false; log.end()],
        log,
        stats: Stats::default(),
    };
    while !world.draws.are_used_up() {
        world.run_event()?;
    }
    world.run_to_the_end()?;
    world.check_all()?;
    world.stats.objects = u32::try_from(world.storage.objects.len()).unwrap_or(u32::MAX);
    Ok(world.stats)
}

impl World<'_, '_> {
    fn run_event(&mut self) -> Result<(), String> {
        match self.draws.below(24) {
            0 | 1 => self.deliver(),
            2 => self.replace_poller(),
            3 => self.give_up(),
            4 => self.redrive(),
            5 => self.end_orphaned_request(),
            6 if self.draws.chance(30) => self.move_offsets(),
            _ => self.step_invocation(),
        }
    }

    fn poller_is_waiting(&self) -> bool {
        self.invocations.iter().any(|invocation| invocation.deliverer == Deliverer::Poller)
    }

    /// Delivers the next records as the poller, which may cut the batch differently after a failure.
    fn deliver(&mut self) -> Result<(), String> {
        if self.poller_is_waiting() {
            return self.step_invocation();
        }
        let most = 1 + self.draws.below(8);
        let batch: Vec<usize> = self.log.offsets(self.committed).take(most).collect();
        if batch.is_empty() { Ok(()) } else { self.invoke(batch, Deliverer::Poller) }
    }

    fn invoke(&mut self, batch: Vec<usize>, deliverer: Deliverer) -> Result<(), String> {
        let mut event = batch.clone();
        if self.draws.chance(10) {
            event.push(batch[self.draws.below(batch.len())]);
        }
        let protocol = self.log.protocol(&event, self.span).map_err(|error| format!("{event:?}: {error:?}"))?;
        self.stats.invocations += 1;
        self.stats.overlaps += u32::from(!self.invocations.is_empty());
        self.invocations.push(Invocation { requests: vec![protocol.begin()], protocol, batch, deliverer });
        Ok(())
    }

    /// Executes a request of an invocation, or kills the invocation.
    fn step_invocation(&mut self) -> Result<(), String> {
        if self.invocations.is_empty() {
            return Ok(());
        }
        let index = self.draws.below(self.invocations.len());
        let fate = self.draws.below(20);
        if fate == 19 {
            return self.kill_invocation(index);
        }
        let invocation = &mut self.invocations[index];
        let request = invocation.requests.swap_remove(self.draws.below(invocation.requests.len()));
        if fate == 15 {
            // The request times out. The client sends the request again, and the first one may still be executed.
            self.orphaned_requests.push((invocation.protocol.clone(), request.clone()));
            invocation.requests.push(request);
            return Ok(());
        }
        let reply = self.storage.execute(&invocation.protocol, &request, self.span)?;
        self.stats.requests += 1;
        match fate {
            // The response is lost, so the client sends the request again.
            17 | 18 => invocation.requests.push(request),
            16 => return self.kill_invocation(index),
            _ => {
                let next = invocation.protocol.answer(&request, &reply.answer());
                let next = next.map_err(|error| format!("{:?} was rejected: {error:?}", invocation.batch))?;
                invocation.requests.extend(next);
                if invocation.protocol.is_done() {
                    return self.end_invocation(index);
                }
                if invocation.requests.is_empty() {
                    return Err(format!("{:?} is stuck", invocation.batch));
                }
            }
        }
        Ok(())
    }

    /// Kills an invocation. The requests that it has sent may still be executed.
    fn kill_invocation(&mut self, index: usize) -> Result<(), String> {
        let Invocation { protocol, requests, batch, deliverer } = self.invocations.swap_remove(index);
        self.stats.crashes += 1;
        if deliverer == Deliverer::Poller {
            if self.draws.chance(30) {
                // After a partial batch response, the poller considers every offset below this one stored.
                self.committed = self.committed.max(usize::try_from(protocol.retry_from()).unwrap_or_default());
            }
            self.failed = Some(batch);
        }
        self.orphaned_requests.extend(requests.into_iter().map(|request| (protocol.clone(), request)));
        Ok(())
    }

    /// Ends an invocation with success, and commits the offset if its poller does so.
    fn end_invocation(&mut self, index: usize) -> Result<(), String> {
        let Invocation { batch, deliverer, .. } = self.invocations.swap_remove(index);
        for &offset in &batch {
            self.check_stored(offset)?;
        }
        let end = batch[batch.len() - 1] + 1;
        match deliverer {
            // The commit is lost, and the poller is replaced before it repeats the commit.
            Deliverer::Poller if self.draws.chance(15) => {}
            // A replaced poller can still commit, forwards or backwards.
            Deliverer::Replaced if !self.draws.chance(10) => {}
            Deliverer::Redrive => self.given_up.retain(|other| *other != batch),
            Deliverer::Poller | Deliverer::Replaced => self.committed = end,
        }
        self.failed = None;
        Ok(())
    }

    fn replace_poller(&mut self) -> Result<(), String> {
        for invocation in &mut self.invocations {
            if invocation.deliverer == Deliverer::Poller {
                invocation.deliverer = Deliverer::Replaced;
            }
        }
        self.failed = None;
        self.deliver()
    }

    fn nothing_is_running(&self) -> bool {
        self.invocations.is_empty() && self.orphaned_requests.is_empty()
    }

    /// Sends the failed batch, or the first part of it, to the on-failure destination.
    fn give_up(&mut self) -> Result<(), String> {
        if !self.nothing_is_running() {
            return self.step_invocation();
        }
        if let Some(mut batch) = self.failed.take() {
            batch.truncate(1 + self.draws.below(batch.len()));
            if batch.last().is_some_and(|&last| last >= self.committed) {
                self.committed = batch[batch.len() - 1] + 1;
                self.given_up.push(batch);
                self.stats.given_up += 1;
            }
        }
        Ok(())
    }

    fn redrive(&mut self) -> Result<(), String> {
        if self.given_up.is_empty() {
            return self.step_invocation();
        }
        let batch = self.given_up[self.draws.below(self.given_up.len())].clone();
        let delivers_batch = |protocol: &CommitProtocol<'_>| {
            protocol.records().iter().any(|record| batch.iter().any(|&offset| offset as i64 == record.offset))
        };
        let protocols = self.invocations.iter().map(|invocation| &invocation.protocol);
        let mut protocols = protocols.chain(self.orphaned_requests.iter().map(|(protocol, _)| protocol));
        let is_committed = batch.last().is_some_and(|&last| last < self.committed);
        if !is_committed || protocols.any(delivers_batch) {
            return self.step_invocation();
        }
        self.invoke(batch, Deliverer::Redrive)
    }

    /// Executes a request of a dead invocation late, or never.
    fn end_orphaned_request(&mut self) -> Result<(), String> {
        if self.orphaned_requests.is_empty() {
            return self.step_invocation();
        }
        let (protocol, request) = self.orphaned_requests.swap_remove(self.draws.below(self.orphaned_requests.len()));
        if self.draws.chance(70) {
            self.storage.execute(&protocol, &request, self.span)?;
        }
        Ok(())
    }

    /// Recreates the event source mapping at any offset.
    fn move_offsets(&mut self) -> Result<(), String> {
        if !self.nothing_is_running() {
            return self.step_invocation();
        }
        let to = self.draws.below(self.log.end() + 1);
        for offset in self.committed..to {
            self.skipped[offset] = true;
        }
        self.committed = to;
        self.failed = None;
        self.stats.moved += 1;
        Ok(())
    }

    /// Runs without further faults until every record is delivered, and redrives the discarded batches.
    fn run_to_the_end(&mut self) -> Result<(), String> {
        self.orphaned_requests.clear();
        for _ in 0..10_000 {
            if !self.invocations.is_empty() {
                self.step_invocation()?;
                continue;
            }
            if self.committed < self.log.end() && self.log.offsets(self.committed).next().is_some() {
                self.deliver()?;
            } else if self.given_up.is_empty() {
                return Ok(());
            } else {
                self.redrive()?;
            }
        }
        Err("the schedule does not end".to_owned())
    }

    fn check_stored(&self, offset: usize) -> Result<(), String> {
        match self.storage.line(offset as i64) {
            Some(line) if line == Log::line(offset) => Ok(()),
            Some(_) => Err(format!("offset {offset} is stored with a different line")),
            None => Err(format!("offset {offset} was reported as stored but is in no object")),
        }
    }

    /// Checks that every record that must be stored is stored. [`Storage`] checks that none is stored twice.
    fn check_all(&self) -> Result<(), String> {
        self.log.offsets(0).filter(|&offset| !self.skipped[offset]).try_for_each(|offset| self.check_stored(offset))
    }
}
