//! Removes each safeguard of the commit protocol in turn and checks that the simulation finds a schedule that breaks.
//!
//! Each mutant edits a copy of the source, which is compiled with plain `rustc` (the protocol and the simulation need
//! only the standard library) and run. An edit that no longer matches the source exactly once fails the test.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;
use tickerlake_tests::workspace;

/// Maximum number of schedules to run before a mutant counts as not found. The rarest failure needs several thousand.
const MAX_SCHEDULES: &str = "100000";

/// Runs the schedules of seeds until one breaks, and prints its seed and fault.
const MAIN: &str = r#"
mod draws;
mod log;
mod schedule;
mod storage;

fn main() {
    let seeds: u64 = std::env::args().nth(1).unwrap().parse().unwrap();
    for seed in 0..seeds {
        if let Err(fault) = schedule::run(&draws::numbers(seed, 40 + (seed * 7 % 400) as usize)) {
            println!("{seed}: {fault}");
            return;
        }
    }
}
"#;

struct Mutant {
    name: &'static str,
    /// File, text to replace (which must occur exactly once), replacement.
    edits: &'static [(&'static str, &'static str, &'static str)],
}

const GROUP_WRITER: &str = "commit-protocol/group_writer.rs";
const PROTOCOL: &str = "commit-protocol/lib.rs";
const LEDGER: &str = "commit-protocol/ledger.rs";

const MUTANTS: &[Mutant] = &[
    Mutant {
        name: "no high watermarks",
        edits: &[(
            GROUP_WRITER,
            "high_watermark.is_some_and(|last| offset <= last)",
            "high_watermark.is_some_and(|_| false)",
        )],
    },
    Mutant { name: "no gap is declared", edits: &[(PROTOCOL, "if first > ledger.next {", "if false {")] },
    Mutant {
        name: "records are not possibly stored while a gap is listed",
        edits: &[(GROUP_WRITER, "|| !ledger.gaps.is_empty()", "")],
    },
    Mutant {
        name: "a gap is dropped at once",
        edits: &[(LEDGER, "ledger.next < gap.end.saturating_add(span)", "ledger.next <= gap.end && span > 0")],
    },
    Mutant {
        name: "an object crosses `next`",
        edits: &[(GROUP_WRITER, "&& (offset < ledger.next) == (start < ledger.next)", "")],
    },
    Mutant {
        name: "an object's span is not limited",
        edits: &[(GROUP_WRITER, "offset - start < span &&", "span > 0 &&")],
    },
    Mutant {
        name: "objects that begin below the possibly stored records are not listed",
        edits: &[(GROUP_WRITER, "(first - span + 1).max(0)", "first")],
    },
    Mutant {
        name: "the object that begins before the first record is not read",
        edits: &[(GROUP_WRITER, "filter(|&other| other <= first).max()", "filter(|&other| other == first).max()")],
    },
    Mutant {
        name: "records below `next` are assumed stored",
        edits: &[(
            GROUP_WRITER,
            "self.unstored = vec![true; self.records.len()];",
            "self.unstored = self.records.iter().map(|&record| records[record].offset >= ledger.next).collect();",
        )],
    },
    Mutant {
        name: "an existing key is taken for success",
        edits: &[(
            PROTOCOL,
            "Ok(self.writers[*group].on_key_exists(self.records[records[0]].offset))",
            "{ let _ = records; let requests = self.writers[*group].on_object_written(&self.records, &self.ledger, self.span); Ok(self.commit_if_stored(requests)) }",
        )],
    },
    Mutant {
        name: "the ledger is created after the first object",
        edits: &[
            (
                PROTOCOL,
                "self.phase = Phase::CreatingLedger(self.ledger.clone());\n                vec![Request::CreateLedger(self.ledger.clone())]",
                "self.write_groups()",
            ),
            (
                PROTOCOL,
                "vec![Request::ReplaceLedger(merged, self.version.clone())]",
                "vec![if self.version.is_empty() { Request::CreateLedger(merged) } else { Request::ReplaceLedger(merged, self.version.clone()) }]",
            ),
        ],
    },
    Mutant {
        name: "the ledger is replaced before the last object is written",
        edits: &[(
            GROUP_WRITER,
            "!self.unstored.contains(&true) && self",
            "self.unstored.iter().filter(|&&unstored| unstored).count() == self.putting.len() && self",
        )],
    },
    Mutant {
        name: "the ledger is replaced without a condition",
        edits: &[(
            "storage.rs",
            "if current.to_string() == *version =>",
            "if !current.to_string().is_empty() && !version.is_empty() =>",
        )],
    },
    Mutant {
        name: "the merged ledger does not keep the greater `next`",
        edits: &[(LEDGER, "self.next.max(next)", "next")],
    },
    Mutant {
        name: "duplicates within an event are not removed",
        edits: &[
            (PROTOCOL, "records.dedup();", ""),
            (
                PROTOCOL,
                "pair[0].offset == pair[1].offset)",
                "pair[0].offset == pair[1].offset && pair[0].line != pair[1].line)",
            ),
        ],
    },
    Mutant {
        name: "a partial batch response names a later offset",
        edits: &[
            (
                GROUP_WRITER,
                "    pub(super) fn add(",
                "    pub(super) fn first_unstored(&self) -> Option<usize> {\n        let first = self.unstored.iter().position(|&unstored| unstored);\n        first.map(|index| self.records[index])\n    }\n\n    pub(super) fn add(",
            ),
            (
                PROTOCOL,
                "        self.first()\n    }\n\n    fn first",
                "        self.writers.iter().filter_map(|writer| writer.first_unstored()).max().map_or(self.first(), |record| self.records[record].offset)\n    }\n\n    fn first",
            ),
        ],
    },
];

fn copy_sources(folder: &Path) {
    let protocol = folder.join("commit-protocol");
    fs::create_dir(&protocol).unwrap();
    for entry in fs::read_dir(workspace().join("crates/commit-protocol/src")).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, protocol.join(path.file_name().unwrap())).unwrap();
    }
    for name in ["draws.rs", "log.rs", "schedule.rs", "storage.rs"] {
        fs::copy(workspace().join("tests/exactly_once").join(name), folder.join(name)).unwrap();
    }
    fs::write(folder.join("main.rs"), MAIN).unwrap();
}

fn rustc(folder: &Path, arguments: &[&str]) {
    let output = Command::new("rustc")
        .args(["--edition", "2024", "-A", "warnings", "-C", "opt-level=1"])
        .args(arguments)
        .current_dir(folder)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

fn simulate(folder: &Path) -> Output {
    let library = "libcommit_protocol.rlib";
    rustc(
        folder,
        &["--crate-type", "rlib", "--crate-name", "commit_protocol", "commit-protocol/lib.rs", "-o", library],
    );
    rustc(folder, &["--extern", "commit_protocol=libcommit_protocol.rlib", "main.rs", "-o", "main"]);
    Command::new(folder.join("main")).arg(MAX_SCHEDULES).output().unwrap()
}

#[test]
fn simulation_finds_every_missing_safeguard() {
    for Mutant { name, edits } in MUTANTS {
        let folder = TempDir::new().unwrap();
        copy_sources(folder.path());
        for (file, from, to) in *edits {
            let path = folder.path().join(file);
            let source = fs::read_to_string(&path).unwrap();
            assert_eq!(source.matches(from).count(), 1, "{name}: {file} must contain {from:?} once");
            fs::write(&path, source.replace(from, to)).unwrap();
        }
        let output = simulate(folder.path());
        // A panic does not count as a finding, because the mutant itself would be broken.
        assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
        let finding = String::from_utf8_lossy(&output.stdout);
        assert!(!finding.is_empty(), "{name}: {MAX_SCHEDULES} schedules do not break");
        println!("{name}: broken by seed {}", finding.trim());
    }
}

#[test]
fn simulation_finds_nothing_with_all_safeguards() {
    let folder = TempDir::new().unwrap();
    copy_sources(folder.path());
    let output = simulate(folder.path());
    assert!(output.status.success() && output.stdout.is_empty(), "{output:?}");
}
