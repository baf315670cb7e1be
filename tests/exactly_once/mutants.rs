//! The simulation has teeth: without any one of the chain's safeguards it finds a broken schedule.
//!
//! A safeguard is taken away from a copy of the source, which is compiled by itself (the chain and the simulation need
//! nothing but the standard library) and run.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;
use tickerlake_tests::workspace;

/// How many schedules may be needed; the rarest need some thousands.
const SCHEDULES: &str = "100000";

/// Runs seeds until a schedule is broken, and tells its seed and fault.
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
    /// File, what stands in it exactly once, and what takes its place.
    edits: &'static [(&'static str, &'static str, &'static str)],
}

const GROUP_WRITER: &str = "commit-protocol/group_writer.rs";
const PROTOCOL: &str = "commit-protocol/lib.rs";
const LEDGER: &str = "commit-protocol/ledger.rs";

const MUTANTS: &[Mutant] = &[
    Mutant {
        name: "no `ahead`",
        edits: &[(GROUP_WRITER, "|| known.is_some_and(|last| offset <= last)", "|| known.is_some_and(|_| false)")],
    },
    Mutant { name: "no gap declared", edits: &[(PROTOCOL, "if first > ledger.next {", "if false {")] },
    Mutant { name: "a gap casts no doubt", edits: &[(GROUP_WRITER, "|| !ledger.gaps.is_empty()", "")] },
    Mutant {
        name: "a gap forgotten at once",
        edits: &[(LEDGER, "ledger.next < gap.end.saturating_add(span)", "ledger.next <= gap.end && span > 0")],
    },
    Mutant {
        name: "an object across `next`",
        edits: &[(GROUP_WRITER, "&& (offset < ledger.next) == (start < ledger.next)", "")],
    },
    Mutant {
        name: "an object without span limit",
        edits: &[(GROUP_WRITER, "offset - start < span &&", "span > 0 &&")],
    },
    Mutant {
        name: "only objects that begin at a doubtful offset are looked at",
        edits: &[(GROUP_WRITER, "(first - span + 1).max(0)", "first")],
    },
    Mutant {
        name: "only objects that begin past the first record are looked at",
        edits: &[(GROUP_WRITER, "filter(|&other| other <= first).max()", "filter(|&other| other == first).max()")],
    },
    Mutant {
        name: "dropping below `next` unseen",
        edits: &[(
            GROUP_WRITER,
            "self.unstored = vec![true; self.records.len()];",
            "self.unstored = self.records.iter().map(|&place| records[place].offset >= ledger.next).collect();",
        )],
    },
    Mutant {
        name: "every 412 is taken for \"all covered\"",
        edits: &[(
            PROTOCOL,
            "Ok(self.writers[*group].key_exists(self.records[records[0]].offset))",
            "{ let _ = records; let requests = self.writers[*group].written(&self.records, &self.ledger, self.span); Ok(self.or_commit(requests)) }",
        )],
    },
    Mutant {
        name: "the ledger created after the data",
        edits: &[
            (
                PROTOCOL,
                "self.phase = Phase::Creating(self.ledger.clone());\n                vec![Request::CreateLedger(self.ledger.clone())]",
                "self.write_groups()",
            ),
            (
                PROTOCOL,
                "vec![Request::ReplaceLedger(joined, self.version.clone())]",
                "vec![if self.version.is_empty() { Request::CreateLedger(joined) } else { Request::ReplaceLedger(joined, self.version.clone()) }]",
            ),
        ],
    },
    Mutant {
        name: "committing before the last PUT",
        edits: &[(
            GROUP_WRITER,
            "!self.unstored.contains(&true) && self",
            "self.unstored.iter().filter(|&&unstored| unstored).count() == self.putting.len() && self",
        )],
    },
    Mutant {
        name: "an unconditional PUT of the ledger",
        edits: &[(
            "storage.rs",
            "if current.to_string() == *version =>",
            "if !current.to_string().is_empty() && !version.is_empty() =>",
        )],
    },
    Mutant {
        name: "a ledger that does not keep the greater `next`",
        edits: &[(LEDGER, "self.next.max(next)", "next")],
    },
    Mutant {
        name: "no deduplication within an event",
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
        name: "a partial response at a later offset",
        edits: &[
            (
                GROUP_WRITER,
                "    pub(super) fn add(",
                "    pub(super) fn left(&self) -> Option<usize> {\n        let first = self.unstored.iter().position(|&unstored| unstored);\n        first.map(|index| self.records[index])\n    }\n\n    pub(super) fn add(",
            ),
            (
                PROTOCOL,
                "        self.first()\n    }\n\n    fn first",
                "        self.writers.iter().filter_map(|writer| writer.left()).max().map_or(self.first(), |place| self.records[place].offset)\n    }\n\n    fn first",
            ),
        ],
    },
];

fn sources(folder: &Path) {
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
    Command::new(folder.join("main")).arg(SCHEDULES).output().unwrap()
}

#[test]
fn without_any_one_of_its_safeguards_the_chain_breaks_in_the_simulation() {
    for Mutant { name, edits } in MUTANTS {
        let folder = TempDir::new().unwrap();
        sources(folder.path());
        for (file, from, to) in *edits {
            let path = folder.path().join(file);
            let source = fs::read_to_string(&path).unwrap();
            assert_eq!(source.matches(from).count(), 1, "{name}: {file} must hold {from:?} once");
            fs::write(&path, source.replace(from, to)).unwrap();
        }
        let output = simulate(folder.path());
        // A panic is no finding: the mutant would be a bad one.
        assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
        let found = String::from_utf8_lossy(&output.stdout);
        assert!(!found.is_empty(), "{name}: {SCHEDULES} schedules do not break it");
        println!("{name}: broken by seed {}", found.trim());
    }
}

#[test]
fn with_all_of_them_the_same_program_finds_nothing() {
    let folder = TempDir::new().unwrap();
    sources(folder.path());
    let output = simulate(folder.path());
    assert!(output.status.success() && output.stdout.is_empty(), "{output:?}");
}
