//! Measures CPU time, and the fastest of several runs.

use std::time::Duration;

use cpu_time::ThreadTime;

/// Returns the CPU time that a call takes on this thread, and its result. Excludes the work of other threads.
pub fn cpu_time<R>(call: impl FnOnce() -> R) -> (Duration, R) {
    let started = ThreadTime::now();
    let result = call();
    (started.elapsed(), result)
}

/// Calls each function `runs` times with the index of the run. Returns the shortest time that each function returned.
///
/// The functions take turns, because the speed of a shared machine varies over time.
pub fn shortest<const N: usize>(runs: usize, mut calls: [&mut dyn FnMut(usize) -> Duration; N]) -> [Duration; N] {
    let mut shortest = [Duration::MAX; N];
    for run in 0..runs {
        for (call, shortest) in calls.iter_mut().zip(&mut shortest) {
            *shortest = (*shortest).min(call(run));
        }
    }
    shortest
}
