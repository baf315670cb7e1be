//! The least of several measurements, taken in turn.

use std::time::Duration;

use cpu_time::ThreadTime;

/// What a call takes of this thread's processor. What other threads do for it is not in it.
pub fn cpu<R>(call: impl FnOnce() -> R) -> (Duration, R) {
    let started = ThreadTime::now();
    let result = call();
    (started.elapsed(), result)
}

/// Calls each of several functions in turn, `runs` times, with the run's number; the least that each has told.
///
/// In turn, since a machine that is shared is slower at one time than at another.
pub fn least<const N: usize>(runs: usize, mut calls: [&mut dyn FnMut(usize) -> Duration; N]) -> [Duration; N] {
    let mut least = [Duration::MAX; N];
    for run in 0..runs {
        for (call, least) in calls.iter_mut().zip(&mut least) {
            *least = (*least).min(call(run));
        }
    }
    least
}
