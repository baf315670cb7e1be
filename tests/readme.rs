//! The commands of the README, the tutorial and the guide to live feeds, run as written and in the order of the page,
//! and compared with the output that the page shows.

use std::collections::{HashMap, VecDeque};
use std::fmt::Write;
use std::process::Command;
use std::time::Instant;

use tempfile::TempDir;
use tickerlake_tests::programs::{Running, program};
use tickerlake_tests::{lake, workspace};

use crate::up::WAIT;

const PAGES: [&str; 3] = ["README.md", "docs/src/tutorial.md", "docs/src/guides/live-feed.md"];

/// First words of the commands that the tests may run, which change nothing outside the temporary folder.
const RUN: [&str; 4] = ["cargo run -- ", "tickerlake ", "producer ", "find "];

/// Commands that the tests do not run, each with the reason.
const NOT_RUN: [(&str, &str); 13] = [
    ("cargo test --workspace", "runs these tests"),
    ("cargo build --workspace", "builds for minutes; the programs of this build are used"),
    (r#"export PATH="$PWD/target/debug:$PATH""#, "the programs of this build are in PATH already"),
    (r"kcat -b 127.0.0.1:9092 -t quotes -C -p 1 -o 0 -c 1 -f '%p/%o %k %s\n'", "needs kcat"),
    ("sam build", "needs the SAM CLI; builds for minutes"),
    ("sam deploy", "needs AWS"),
    ("sam list stack-outputs --stack-name tickerlake", "needs AWS"),
    ("export AWS_REGION=eu-central-1 AWS_DEFAULT_REGION=eu-central-1", "needs AWS"),
    ("broker/forward tickerlake", "needs AWS"),
    ("broker/client-properties --stack tickerlake ~/.tickerlake", "needs AWS"),
    ("cargo run -p producer -- -b localhost:9097 --config ~/.tickerlake/client.properties YOUR.csv", "needs AWS"),
    (
        "ID=$(aws athena start-query-execution --work-group tickerlake --query-execution-context Database=tickerlake \
         --query-string 'SELECT symbol, count(*), max(trade_date) FROM quotes_latest GROUP BY symbol' \
         --query QueryExecutionId --output text)",
        "needs AWS",
    ),
    ("aws athena get-query-results --query-execution-id $ID --output text", "needs AWS"),
];

/// Commands that run until Ctrl-C, each with a string that it prints once it is ready.
const UNTIL_CTRL_C: [(&str, &str); 5] = [
    ("tickerlake up", "press Ctrl-C to stop"),
    ("producer -b 127.0.0.1:9092 --order sample --rate 50 --repeat forever data/us-stocks-sample.csv", "delivered"),
    (r#"tickerlake query --watch 1 "SELECT count(*) FROM quotes""#, "count(*)"),
    ("tickerlake up --dir ./lake-2", "press Ctrl-C to stop"),
    ("producer -b 127.0.0.1:9092 YOUR.csv --follow", "symbol in Symbol"),
];

/// Content of `YOUR.csv`, the page's name for any file of a user. Its only record goes to partition 0 of three.
const YOUR_CSV: &str = "Symbol,Date,Close\nABC,2013-01-02,1.5\n";

/// Maximum number of attempts at a page. An attempt is repeated if the machine was so slow that the sample did not fit
/// into one batch.
const ATTEMPTS: usize = 5;

#[derive(Debug, PartialEq)]
enum Step {
    /// A heading, at which the commands that run until Ctrl-C are interrupted.
    Heading,
    Command {
        line: String,
        /// Output that the page shows below the command, in a `text` block.
        shown: Option<Vec<String>>,
    },
}

/// Returns the headings and commands of a page, in order.
fn steps(page: &str) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        if line.starts_with('#') {
            steps.push(Step::Heading);
        }
        let Some(language) = line.strip_prefix("```") else { continue };
        let block: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
        match language {
            "sh" => steps.extend(commands(&block.join("\n")).map(|line| Step::Command { line, shown: None })),
            "text" => steps.extend(transcript(&block)),
            "csv" => {}
            other => panic!("a block is {other:?}, not sh, text or csv: {block:?}"),
        }
    }
    steps
}

/// Returns the commands of a shell script, each on one line and without its comment.
fn commands(script: &str) -> impl Iterator<Item = String> {
    let joined = script.replace("\\\n", " ");
    let lines = joined.lines().map(|line| line.split_once("  #").map_or(line, |(command, _)| command));
    let commands = lines.map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
    commands.filter(|line| !line.is_empty() && !line.starts_with('#')).collect::<Vec<_>>().into_iter()
}

/// Returns the commands of a `text` block, which begin with `$ `, with the output below each.
fn transcript(block: &[&str]) -> Vec<Step> {
    let mut steps = Vec::new();
    for line in block {
        match (line.strip_prefix("$ "), steps.last_mut()) {
            (Some(command), _) => {
                steps.push(Step::Command { line: command.to_owned(), shown: Some(Vec::new()) });
            }
            (None, Some(Step::Command { shown: Some(shown), .. })) => shown.push((*line).to_owned()),
            (None, _) => panic!("a text block does not begin with a command: {line}"),
        }
    }
    steps
}

/// Runs the commands of a page in a temporary folder.
struct Reader {
    folder: TempDir,
    /// Commands that run until Ctrl-C, in the order of the page.
    running: Vec<(String, Running)>,
    /// The broker of `tickerlake up`, which gets a free port here.
    broker: Option<String>,
    /// Output of the section's commands. A command that the page shows again with its output is not run again.
    outputs: HashMap<String, String>,
}

impl Reader {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let sample = "data/us-stocks-sample.csv";
        std::fs::create_dir(folder.path().join("data")).unwrap();
        std::fs::copy(workspace().join(sample), folder.path().join(sample)).unwrap();
        std::fs::write(folder.path().join("YOUR.csv"), YOUR_CSV).unwrap();
        Reader { folder, running: Vec::new(), broker: None, outputs: HashMap::new() }
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

    /// Runs a command until it ends, and returns what it prints. While services run, a command that fails is repeated,
    /// because records are stored a moment after they were sent.
    fn run(&self, line: &str) -> String {
        let limit = Instant::now() + WAIT;
        loop {
            let output = self.shell(line).output().unwrap();
            if output.status.success() {
                return String::from_utf8(output.stdout).unwrap();
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
        self.outputs.clear();
    }

    /// Follows a page. Returns `false` if the sample did not fit into one batch.
    fn follow(&mut self, page: &str) -> bool {
        for step in steps(page) {
            let Step::Command { line, shown } = step else {
                self.end_section();
                continue;
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
            if !self.outputs.contains_key(&line) {
                let output = self.run(&line);
                if output.lines().any(|line| line.starts_with("trigger ") && line.contains(" batches")) {
                    return false;
                }
                self.outputs.insert(line.clone(), output);
            }
            if let Some(shown) = shown {
                let printed: Vec<String> = self.outputs[&line].lines().map(mask).collect();
                let shown: Vec<String> = shown.iter().map(|line| mask(line)).collect();
                assert!(
                    matches_lines(&shown, &printed),
                    "{line} prints:\n{}\n\nthe page shows:\n{}",
                    printed.join("\n"),
                    shown.join("\n")
                );
            }
        }
        self.end_section();
        true
    }
}

/// Replaces the numbers that differ from run to run: ports, times, rates, sizes of compressed objects, and dates from
/// 2020 on. The sample's dates are earlier.
fn mask(line: &str) -> String {
    let mut masked = String::new();
    let mut rest = line;
    while let Some(at) = rest.find(|char: char| char.is_ascii_digit()) {
        masked.push_str(&rest[..at]);
        let number = &rest[at..];
        let end = number.find(|char: char| !char.is_ascii_digit() && !".,:-".contains(char)).unwrap_or(number.len());
        let number = number[..end].trim_end_matches(['.', ',', ':', '-']);
        rest = &rest[at + number.len()..];
        let date = number.len() == 10 && number.matches('-').count() == 2 && number[..4] >= *"2020";
        let word = match () {
            () if number.starts_with("127.0.0.1:") => "ADDRESS",
            () if masked.ends_with("\"kafka_timestamp\":") => "TIMESTAMP",
            () if masked.ends_with("objects, ") && rest.starts_with(" kB") => "SIZE",
            () if masked.ends_with(" in ") && rest.starts_with(" s, ") => "TIME",
            () if rest.starts_with("/s") => "RATE",
            () if date => "DATE",
            () => number,
        };
        masked.push_str(word);
    }
    masked + rest
}

/// Returns `true` if the printed lines are those that a page shows, where the line `...` stands for any lines.
fn matches_lines(shown: &[String], printed: &[String]) -> bool {
    match shown.split_first() {
        None => printed.is_empty(),
        Some((first, shown)) if first == "..." => (0..=printed.len()).any(|at| matches_lines(shown, &printed[at..])),
        Some((first, shown)) => printed
            .split_first()
            .is_some_and(|(line, printed)| matches_line(first, line) && matches_lines(shown, printed)),
    }
}

/// Returns `true` if a printed line is the one that a page shows, where `...` stands for any text.
fn matches_line(shown: &str, printed: &str) -> bool {
    let mut parts: VecDeque<&str> = shown.split("...").collect();
    let (first, last) = (parts.pop_front().unwrap_or_default(), parts.pop_back());
    let Some(mut rest) = printed.strip_prefix(first) else { return false };
    let Some(last) = last else { return rest.is_empty() };
    for part in parts {
        let Some((_, after)) = rest.split_once(part) else { return false };
        rest = after;
    }
    rest.ends_with(last)
}

fn page(name: &str) -> String {
    std::fs::read_to_string(workspace().join(name)).unwrap()
}

fn follow(name: &str) {
    let text = page(name);
    assert!((0..ATTEMPTS).any(|_| Reader::new().follow(&text)), "the sample never fitted into one batch");
}

#[test]
fn readme_commands_print_what_it_shows() {
    follow(PAGES[0]);
}

#[test]
fn tutorial_commands_print_what_it_shows() {
    follow(PAGES[1]);
}

#[test]
fn live_feed_commands_print_what_it_shows() {
    follow(PAGES[2]);
}

#[test]
fn listed_commands_are_on_a_page() {
    let steps: Vec<Step> = PAGES.iter().flat_map(|name| steps(&page(name))).collect();
    let mut missing = String::new();
    for (command, _) in NOT_RUN.iter().chain(&UNTIL_CTRL_C) {
        if !steps.iter().any(|step| matches!(step, Step::Command { line, .. } if line == command)) {
            writeln!(missing, "{command}").unwrap();
        }
    }
    assert_eq!(missing, "", "listed here, but on no page");
}

#[test]
fn readme_record_is_stored_as_described() {
    let folder = TempDir::new().unwrap();
    let output = Command::new(program("tickerlake").unwrap())
        .arg("run")
        .current_dir(folder.path())
        .env_remove("KAFKA_BOOTSTRAP_SERVERS")
        .output();
    assert!(output.unwrap().status.success());
    let readme = page("README.md");
    let (_, section) = readme.split_once("## Follow one record").unwrap();
    let objects = lake::objects(&folder.path().join("lake/tickerlake")).unwrap();
    let (key, lines) = objects.iter().find(|(key, _)| key.ends_with("/00001-00000000000000000000.json.gz")).unwrap();
    assert!(section.contains(key.rsplit('/').next().unwrap()), "{key}");
    let fields = |value: &serde_json::Value| {
        let text = value.to_string();
        ["symbol", "trade_date", "open", "high", "low", "close", "volume", "adj_close"].map(|name| {
            assert!(value[name] != serde_json::Value::Null, "{text}");
            value[name].to_string()
        })
    };
    let value = section.lines().find_map(|line| line.strip_prefix("1/0 FB ")).unwrap();
    assert_eq!(fields(&serde_json::from_str(value).unwrap()), fields(&lines[0]));
    let csv = section.lines().find(|line| line.starts_with("FB,")).unwrap();
    let sample = page("data/us-stocks-sample.csv");
    assert_eq!(sample.lines().find(|line| line.starts_with("FB,")), Some(csv));
}

#[test]
fn commands_and_shown_output_are_read_from_a_page() {
    let text = "# A\n```sh\n# why\na  b   # c\nd \\\n    e\n```\n## B\n```text\n$ f '#'\n1\n...\n$ g\n```\n";
    let command = |line: &str, shown: Option<&[&str]>| Step::Command {
        line: line.to_owned(),
        shown: shown.map(|lines| lines.iter().map(|line| (*line).to_owned()).collect()),
    };
    assert_eq!(
        steps(text),
        [
            Step::Heading,
            command("a b", None),
            command("d e", None),
            Step::Heading,
            command("f '#'", Some(&["1", "..."])),
            command("g", Some(&[])),
        ]
    );
}

#[test]
fn only_varying_numbers_are_masked() {
    for (line, masked) in [
        ("broker     embedded, 127.0.0.1:42249, topic quotes", "broker     embedded, ADDRESS, topic quotes"),
        ("1,200 rows; 173.4 kB in 0.1 s, 11,774/s", "1,200 rows; 173.4 kB in TIME s, RATE/s"),
        ("1,200 records in 3 objects, 39.7 kB; 0", "1,200 records in 3 objects, SIZE kB; 0"),
        (r#"dt=2026-11-22/0-1.json "kafka_timestamp":17,"#, r#"dt=DATE/0-1.json "kafka_timestamp":TIMESTAMP,"#),
        ("FB 2012-05-18 38.2318 offsets 0 to 752.", "FB 2012-05-18 38.2318 offsets 0 to 752."),
    ] {
        assert_eq!(mask(line), masked);
    }
}

#[test]
fn dots_stand_for_any_text_and_any_lines() {
    let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
    for (shown, printed, equal) in [
        ("a\n...\nd", "a\nb\nc\nd", true),
        ("a\n...\nd", "a\nd", true),
        ("a\n...\nd", "a\nd\ne", false),
        ("a\nd", "a\nb\nd", false),
        ("a", "a\nb", false),
        ("a...d", "abcd", true),
        ("a...c...d", "abcd", true),
        ("a...d", "abc", false),
        ("a", "ab", false),
    ] {
        assert_eq!(matches_lines(&lines(shown), &lines(printed)), equal, "{shown:?} {printed:?}");
    }
}
