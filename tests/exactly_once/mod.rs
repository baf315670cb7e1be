//! Tests that every record is stored exactly once: the crate `commit-protocol` without a network, by random schedules,
//! by a model checker, and with each of its safeguards removed in turn; then the sink against the embedded S3, its
//! program against a faulty S3, and the whole path with Apache Kafka while its parts are killed.

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

/// Asserts that `tickerlake audit` finds no problem in a folder's lake.
fn assert_clean_audit(folder: &Path, arguments: &[&str]) {
    let mut command = Command::new(program("tickerlake").unwrap());
    let output = command.args(["audit", "--dir"]).arg(folder).args(arguments).output().unwrap();
    assert!(
        output.status.success(),
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

/// Returns the number of random numbers in the schedule of a seed: from 40 to 439.
fn schedule_length(seed: u64) -> usize {
    usize::try_from(40 + seed * 7 % 400).unwrap_or(40)
}

#[test]
fn random_schedules_store_every_record_once() {
    let mut total = schedule::Stats::default();
    for seed in 0..100_000 {
        let numbers = draws::numbers(seed, schedule_length(seed));
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
    // A simulation with few events proves little.
    let counts = [total.overlaps, total.crashes, total.given_up, total.moved, total.invocations / 8];
    assert!(counts.iter().all(|&count| count > 10_000), "{total:?}");
}
