//! A schedule: a partition is delivered, again and again, to invocations that overlap, fail and die, until
//! everything has come to rest. Any list of numbers is one, so that a broken one can be shrunk.
//!
//! What may happen is what the README's guarantees allow: a batch is given up, and offsets are moved by hand, only while no
//! invocation is left, nor a request of one; what was given up is fed again while nobody else has it.

use std::ops::AddAssign;

use commit_protocol::{CommitProtocol, Request};

use super::draws::Draws;
use super::log::{GROUPS, LONGEST, Log};
use super::storage::Storage;

/// What a schedule came to.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Stats {
    pub(super) invocations: u32,
    pub(super) requests: u32,
    pub(super) crashes: u32,
    pub(super) overlaps: u32,
    pub(super) given_up: u32,
    /// Offsets moved by hand.
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

/// Who delivers a batch, and hears of its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Deliverer {
    /// The poller that moves the group's offsets.
    Poller,
    /// A poller that has been replaced: nobody waits for this invocation any more.
    Replaced,
    /// Feeds what was given up.
    Redrive,
}

struct Invocation {
    protocol: CommitProtocol<'static>,
    /// Under way, in any order.
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
    /// Requests whose invocation has died; the storage may still receive them.
    ghosts: Vec<(CommitProtocol<'static>, Request)>,
    /// The group's committed offset.
    position: usize,
    /// The batch whose last delivery failed.
    failed: Option<Vec<usize>>,
    given_up: Vec<Vec<usize>>,
    /// Offsets from which nobody promised anything: the group was moved past them by hand.
    skipped: Vec<bool>,
    stats: Stats,
}

/// Runs the schedule that these numbers make; the error tells what was broken.
pub(super) fn run(numbers: &[u16]) -> Result<Stats, String> {
    let mut draws = Draws::new(numbers);
    let end = 1 + draws.below(LONGEST);
    let groups = 1 + draws.below(GROUPS);
    let holes = [0, 0, 10, 40][draws.below(4)];
    let span = [LONGEST as i64, 3, 5, 8][draws.below(4)];
    let log = Log((0..end).map(|_| (!draws.chance(holes)).then(|| draws.below(groups))).collect());
    let mut world = World {
        draws: &mut draws,
        span,
        storage: Storage::default(),
        invocations: Vec::new(),
        ghosts: Vec::new(),
        position: 0,
        failed: None,
        given_up: Vec::new(),
        skipped: vec![false; log.end()],
        log,
        stats: Stats::default(),
    };
    while !world.draws.are_over() {
        world.happen()?;
    }
    world.come_to_rest()?;
    world.check_all()?;
    world.stats.objects = u32::try_from(world.storage.objects.len()).unwrap_or(u32::MAX);
    Ok(world.stats)
}

impl World<'_, '_> {
    /// The next thing that happens.
    fn happen(&mut self) -> Result<(), String> {
        match self.draws.below(24) {
            0 | 1 => self.deliver(),
            2 => self.replace_poller(),
            3 => self.give_up(),
            4 => self.redrive(),
            5 => self.ghost(),
            6 if self.draws.chance(30) => self.move_offsets(),
            _ => self.step(),
        }
    }

    fn poller_waits(&self) -> bool {
        self.invocations.iter().any(|invocation| invocation.deliverer == Deliverer::Poller)
    }

    /// The poller delivers the next records, as many as it likes: batches are cut anew after every failure.
    fn deliver(&mut self) -> Result<(), String> {
        if self.poller_waits() {
            return self.step();
        }
        let most = 1 + self.draws.below(8);
        let batch: Vec<usize> = self.log.offsets(self.position).take(most).collect();
        if batch.is_empty() { Ok(()) } else { self.invoke(batch, Deliverer::Poller) }
    }

    fn invoke(&mut self, batch: Vec<usize>, deliverer: Deliverer) -> Result<(), String> {
        let mut event = batch.clone();
        if self.draws.chance(10) {
            event.push(batch[self.draws.below(batch.len())]);
        }
        let protocol = self.log.protocol(&event, self.span).map_err(|refusal| format!("{event:?}: {refusal:?}"))?;
        self.stats.invocations += 1;
        self.stats.overlaps += u32::from(!self.invocations.is_empty());
        self.invocations.push(Invocation { requests: vec![protocol.begin()], protocol, batch, deliverer });
        Ok(())
    }

    /// A request of an invocation reaches the storage, or the invocation dies.
    fn step(&mut self) -> Result<(), String> {
        if self.invocations.is_empty() {
            return Ok(());
        }
        let index = self.draws.below(self.invocations.len());
        let fate = self.draws.below(20);
        if fate == 19 {
            return self.die(index);
        }
        let invocation = &mut self.invocations[index];
        let request = invocation.requests.swap_remove(self.draws.below(invocation.requests.len()));
        if fate == 15 {
            // It is on its way for too long: the client asks once more, and the first may still arrive.
            self.ghosts.push((invocation.protocol.clone(), request.clone()));
            invocation.requests.push(request);
            return Ok(());
        }
        let reply = self.storage.execute(&invocation.protocol, &request, self.span)?;
        self.stats.requests += 1;
        match fate {
            // The answer is lost: the client asks once more.
            17 | 18 => invocation.requests.push(request),
            16 => return self.die(index),
            _ => {
                let next = invocation.protocol.answer(&request, &reply.answer());
                let next = next.map_err(|refusal| format!("{:?} was refused: {refusal:?}", invocation.batch))?;
                invocation.requests.extend(next);
                if invocation.protocol.is_done() {
                    return self.succeed(index);
                }
                if invocation.requests.is_empty() {
                    return Err(format!("{:?} is stuck", invocation.batch));
                }
            }
        }
        Ok(())
    }

    /// The invocation ends in the midst of it; what it has sent may still arrive.
    fn die(&mut self, index: usize) -> Result<(), String> {
        let Invocation { protocol, requests, batch, deliverer } = self.invocations.swap_remove(index);
        self.stats.crashes += 1;
        if deliverer == Deliverer::Poller {
            if self.draws.chance(30) {
                // A partial batch response: everything before this offset is taken for stored.
                self.position = self.position.max(usize::try_from(protocol.retry_from()).unwrap_or_default());
            }
            self.failed = Some(batch);
        }
        self.ghosts.extend(requests.into_iter().map(|request| (protocol.clone(), request)));
        Ok(())
    }

    fn succeed(&mut self, index: usize) -> Result<(), String> {
        let Invocation { batch, deliverer, .. } = self.invocations.swap_remove(index);
        for &offset in &batch {
            self.check_stored(offset)?;
        }
        let end = batch[batch.len() - 1] + 1;
        match deliverer {
            // A commit can be lost, and the poller replaced before it repeats it.
            Deliverer::Poller if self.draws.chance(15) => {}
            // A poller that was replaced can still commit, forwards or backwards.
            Deliverer::Replaced if !self.draws.chance(10) => {}
            Deliverer::Redrive => self.given_up.retain(|other| *other != batch),
            Deliverer::Poller | Deliverer::Replaced => self.position = end,
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

    fn is_alone(&self) -> bool {
        self.invocations.is_empty() && self.ghosts.is_empty()
    }

    /// The batch that failed, or the first of its halves, goes to the on-failure destination.
    fn give_up(&mut self) -> Result<(), String> {
        if !self.is_alone() {
            return self.step();
        }
        if let Some(mut batch) = self.failed.take() {
            batch.truncate(1 + self.draws.below(batch.len()));
            if batch.last().is_some_and(|&last| last >= self.position) {
                self.position = batch[batch.len() - 1] + 1;
                self.given_up.push(batch);
                self.stats.given_up += 1;
            }
        }
        Ok(())
    }

    fn redrive(&mut self) -> Result<(), String> {
        if self.given_up.is_empty() {
            return self.step();
        }
        let batch = self.given_up[self.draws.below(self.given_up.len())].clone();
        let is_of_batch = |protocol: &CommitProtocol<'_>| {
            protocol.records().iter().any(|record| batch.iter().any(|&offset| offset as i64 == record.offset))
        };
        let protocols = self.invocations.iter().map(|invocation| &invocation.protocol);
        let mut protocols = protocols.chain(self.ghosts.iter().map(|(protocol, _)| protocol));
        let is_passed = batch.last().is_some_and(|&last| last < self.position);
        if !is_passed || protocols.any(is_of_batch) {
            return self.step();
        }
        self.invoke(batch, Deliverer::Redrive)
    }

    /// What a dead invocation had sent arrives late, or never.
    fn ghost(&mut self) -> Result<(), String> {
        if self.ghosts.is_empty() {
            return self.step();
        }
        let (protocol, request) = self.ghosts.swap_remove(self.draws.below(self.ghosts.len()));
        if self.draws.chance(70) {
            self.storage.execute(&protocol, &request, self.span)?;
        }
        Ok(())
    }

    /// A mapping is made anew: at the beginning, at the end, or wherever it is told.
    fn move_offsets(&mut self) -> Result<(), String> {
        if !self.is_alone() {
            return self.step();
        }
        let to = self.draws.below(self.log.end() + 1);
        for offset in self.position..to {
            self.skipped[offset] = true;
        }
        self.position = to;
        self.failed = None;
        self.stats.moved += 1;
        Ok(())
    }

    /// Everybody gets on without faults; what was given up is fed again.
    fn come_to_rest(&mut self) -> Result<(), String> {
        self.ghosts.clear();
        for _ in 0..10_000 {
            if !self.invocations.is_empty() {
                self.step()?;
                continue;
            }
            if self.position < self.log.end() && self.log.offsets(self.position).next().is_some() {
                self.deliver()?;
            } else if self.given_up.is_empty() {
                return Ok(());
            } else {
                self.redrive()?;
            }
        }
        Err("it does not come to rest".to_owned())
    }

    fn check_stored(&self, offset: usize) -> Result<(), String> {
        match self.storage.line(offset as i64) {
            Some(line) if line == Log::line(offset) => Ok(()),
            Some(_) => Err(format!("offset {offset} is stored with another line")),
            None => Err(format!("offset {offset} was taken for stored and is in no object")),
        }
    }

    /// Every record that was promised is stored; that none is twice, the storage has seen to.
    fn check_all(&self) -> Result<(), String> {
        self.log.offsets(0).filter(|&offset| !self.skipped[offset]).try_for_each(|offset| self.check_stored(offset))
    }
}
