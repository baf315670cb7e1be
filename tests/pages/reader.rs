//! A reader who runs the commands of a page.

use std::collections::HashMap;
use std::process::Command;
use std::time::Instant;

use tempfile::TempDir;
use tickerlake_tests::programs::{Running, program};
use tickerlake_tests::workspace;

use super::compare::{mask, matches_lines};
use super::steps::{Step, steps};
use super::{NOT_RUN, RUN, UNTIL_CTRL_C};
use crate::up::WAIT;

/// Content of `YOUR.csv`, the page's name for any file of a user. Its only record goes to partition 0 of three.
const YOUR_CSV: &str = "Symbol,Date,Close\nABC,2013-01-02,1.5\n";

/// Output that a page shows below its commands.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Shown {
    /// Standard output of commands that succeed.
    StandardOutput,
    /// All that a terminal shows, with `exit code N` as the last line of a command that fails.
    Terminal,
}

/// Lines that a command printed.
struct Printed {
    output: Vec<String>,
    errors: Vec<String>,
}

fn lines_of(bytes: Vec<u8>) -> Vec<String> {
    String::from_utf8(bytes).unwrap().lines().map(str::to_owned).collect()
}

/// A reader who runs the commands of a page in a temporary folder.
pub(super) struct Reader {
    folder: TempDir,
    shown: Shown,
    /// Commands that run until Ctrl-C, in the order of the page.
    running: Vec<(String, Running)>,
    /// The broker of `tickerlake up`, which gets a free port here.
    broker: Option<String>,
    /// Output of the section's commands. A command that the page shows again with its output is not run again.
    printed: HashMap<String, Printed>,
}

impl Reader {
    pub(super) fn new(shown: Shown) -> Self {
        let folder = TempDir::new().unwrap();
        let sample = "data/us-stocks-sample.csv";
        std::fs::create_dir(folder.path().join("data")).unwrap();
        std::fs::copy(workspace().join(sample), folder.path().join(sample)).unwrap();
        std::fs::write(folder.path().join("YOUR.csv"), YOUR_CSV).unwrap();
        Reader { folder, shown, running: Vec::new(), broker: None, printed: HashMap::new() }
    }

    fn shell(&self, line: &str) -> Command {
        let line = match line.strip_prefix("cargo run -- ") {
            Some(arguments) => format!("tickerlake {arguments}"),
            None => line.replace("127.0.0.1:9092", self.broker.as_deref().unwrap_or("127.0.0.1:9092")),
        };
        let programs = program("tickerlake").unwrap();
        let path = std::env::join_paths(
            std::iter::once(programs.parent().unwrap().to_owned())
                .chain(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default())),
        );
        let mut shell = Command::new("bash");
        shell.args(["-c", &line]).current_dir(self.folder.path()).env("PATH", path.unwrap()).env("LC_ALL", "C");
        for (name, _) in std::env::vars_os() {
            if name.to_str().is_some_and(|name| ["AWS_", "KAFKA_", "SINK_"].iter().any(|one| name.starts_with(one))) {
                shell.env_remove(name);
            }
        }
        shell
    }

    /// Runs a command until it ends, and returns the lines of both streams. The last line of standard error is the exit
    /// code, unless that is 0.
    fn run_in_terminal(&self, line: &str) -> Printed {
        let output = self.shell(line).output().unwrap();
        let mut printed = Printed { output: lines_of(output.stdout), errors: lines_of(output.stderr) };
        if !output.status.success() {
            printed.errors.push(format!("exit code {}", output.status.code().unwrap()));
        }
        printed
    }

    /// Runs a command until it ends, and returns its standard output. While services run, a command that fails is
    /// repeated, because records are stored a moment after they were sent.
    fn run(&self, line: &str) -> Printed {
        let limit = Instant::now() + WAIT;
        loop {
            let output = self.shell(line).output().unwrap();
            if output.status.success() {
                return Printed { output: lines_of(output.stdout), errors: Vec::new() };
            }
            assert!(!self.running.is_empty() && Instant::now() < limit, "{line}: {output:?}");
        }
    }

    /// Starts a command that runs until Ctrl-C, and waits until it prints `text`.
    fn start(&mut self, line: &str, text: &str) {
        let ports = if line.starts_with("tickerlake up") { " --port 0 --s3-port 0" } else { "" };
        let mut running = Running::start(&mut self.shell(&format!("exec {line}{ports}"))).unwrap();
        running.wait_for_line(text, WAIT).unwrap();
        if !ports.is_empty() {
            let broker = running.wait_for_line("broker ", WAIT).unwrap();
            self.broker = Some(broker.split_whitespace().nth(1).unwrap().trim_end_matches(',').to_owned());
        }
        self.running.push((line.to_owned(), running));
    }

    /// Interrupts the commands that run until Ctrl-C, the last one first.
    fn end_section(&mut self) {
        while let Some((line, mut running)) = self.running.pop() {
            assert_eq!(running.interrupt(WAIT).unwrap(), Some(0), "{line}");
        }
        self.printed.clear();
    }

    /// Follows a page. Returns `false` if the sample did not fit into one batch.
    pub(super) fn follow(&mut self, page: &str) -> bool {
        for step in steps(page) {
            let (line, shown) = match step {
                Step::Heading => {
                    self.end_section();
                    continue;
                }
                Step::File { name, text } => {
                    std::fs::write(self.folder.path().join(name), text).unwrap();
                    continue;
                }
                Step::Command { line, shown } => (line, shown),
            };
            if NOT_RUN.iter().any(|(command, _)| *command == line) {
                continue;
            }
            assert!(RUN.iter().any(|words| line.starts_with(words)), "neither in RUN nor in NOT_RUN: {line}");
            if let Some((_, text)) = UNTIL_CTRL_C.iter().find(|(command, _)| *command == line) {
                assert_eq!(shown, None, "{line} does not end: its output cannot be compared");
                self.start(&line, text);
                continue;
            }
            if !self.printed.contains_key(&line) {
                let printed = match self.shown {
                    Shown::StandardOutput => self.run(&line),
                    Shown::Terminal => self.run_in_terminal(&line),
                };
                if printed.output.iter().any(|line| line.starts_with("trigger ") && line.contains(" batches")) {
                    return false;
                }
                self.printed.insert(line.clone(), printed);
            }
            if let Some(shown) = shown {
                let Printed { output, errors } = &self.printed[&line];
                let masked = |lines: &[String]| lines.iter().map(|line| mask(line)).collect::<Vec<_>>();
                let (shown, output, errors) = (masked(&shown), masked(output), masked(errors));
                assert!(
                    matches_lines(&shown, &output, &errors),
                    "{line} prints:\n{}\n{}\n\nthe page shows:\n{}",
                    errors.join("\n"),
                    output.join("\n"),
                    shown.join("\n")
                );
            }
        }
        self.end_section();
        true
    }
}
