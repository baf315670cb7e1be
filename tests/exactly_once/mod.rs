//! The chain of `functions/sink/src/chain/`, driven without a network: by random schedules, by a model checker, and
//! with every one of its safeguards taken away in turn.

mod binary;
mod chaos;
mod draws;
mod lake;
mod log;
mod model;
mod mutants;
mod schedule;
mod storage;

use std::path::Path;
use std::process::Command;

use tickerlake_tests::programs::program;

/// `tickerlake audit` finds nothing missing and nothing twice in a folder's lake.
fn audit_is_clean(folder: &Path, arguments: &[&str]) {
    let mut command = Command::new(program("tickerlake").unwrap());
    let output = command.args(["audit", "--dir"]).arg(folder).args(arguments).output().unwrap();
    assert!(
        output.status.success(),
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

/// How many numbers the schedule of a seed is made of: short ones and long ones.
fn length(seed: u64) -> usize {
    usize::try_from(40 + seed * 7 % 400).unwrap_or(40)
}

#[test]
fn a_hundred_thousand_random_schedules_store_every_record_once() {
    let mut total = schedule::Stats::default();
    for seed in 0..100_000 {
        let numbers = draws::numbers(seed, length(seed));
        match schedule::run(&numbers) {
            Ok(stats) => total += stats,
            Err(fault) => {
                let shrunk = draws::shrunk(&numbers, |numbers| schedule::run(numbers).is_err());
                let of_shrunk = schedule::run(&shrunk);
                panic!("seed {seed}: {fault}\nshrunk to schedule::run(&{shrunk:?}): {of_shrunk:?}");
            }
        }
    }
    println!("{total:?}");
    // A simulation in which little happens proves little.
    let happened = [total.overlaps, total.crashes, total.given_up, total.moved, total.invocations / 8];
    assert!(happened.iter().all(|&count| count > 10_000), "{total:?}");
}
