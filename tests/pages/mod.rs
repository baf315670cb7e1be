//! The commands of the README, the tutorial, the guide to live feeds and the pages about sources of data, run as
//! written and in the order of the page, and compared with the output that the page shows.

mod compare;
mod reader;
mod sources;
mod steps;

use std::fmt::Write;
use std::process::Command;

use tempfile::TempDir;
use tickerlake_tests::programs::program;
use tickerlake_tests::{lake, workspace};

use reader::{Reader, Shown};
use steps::{Step, steps};

const PAGES: [&str; 3] = ["README.md", "docs/src/tutorial.md", "docs/src/guides/live-feed.md"];

/// First words of the commands that the tests may run, which change nothing outside the temporary folder.
const RUN: [&str; 4] = ["cargo run -- ", "tickerlake ", "producer ", "find "];

/// Commands that the tests do not run, each with the reason.
const NOT_RUN: [(&str, &str); 17] = [
    ("cargo test --workspace", "runs these tests"),
    ("cargo build --workspace", "builds for minutes; the programs of this build are used"),
    (r#"export PATH="$PWD/target/debug:$PATH""#, "the programs of this build are in PATH already"),
    (r"kcat -b 127.0.0.1:9092 -t quotes -C -p 1 -o 0 -c 1 -f '%p/%o %k %s\n'", "needs kcat"),
    ("cargo run -- run --bucket BUCKET YOUR.csv", "needs AWS"),
    ("sam build", "needs the SAM CLI; builds for minutes"),
    ("sam deploy --parameter-overrides Broker=none", "needs AWS"),
    ("sam build && sam deploy --parameter-overrides Broker=own TopicGeneration=1", "needs AWS"),
    ("sam deploy --parameter-overrides Broker=own TopicGeneration=1", "needs AWS"),
    ("sam list stack-outputs --stack-name tickerlake", "needs AWS"),
    ("export AWS_REGION=eu-central-1 AWS_DEFAULT_REGION=eu-central-1", "needs AWS"),
    ("deploy/broker/forward tickerlake", "needs AWS"),
    ("deploy/broker/client-properties --stack tickerlake ~/.tickerlake", "needs AWS"),
    ("cargo run -p producer -- -b localhost:9097 --config ~/.tickerlake/client.properties YOUR.csv", "needs AWS"),
    (
        "ID=$(aws athena start-query-execution --work-group tickerlake --query-execution-context Database=tickerlake \
         --query-string 'SELECT symbol, count(*), max(trade_date) FROM quotes_latest GROUP BY symbol' \
         --query QueryExecutionId --output text)",
        "needs AWS",
    ),
    (
        "until aws athena get-query-execution --query-execution-id $ID --query QueryExecution.Status.State --output text \
         | grep -E 'SUCCEEDED|FAILED|CANCELLED'; do sleep 1; done",
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

/// Maximum number of attempts at a page. An attempt is repeated if the machine was so slow that the sample did not fit
/// into one batch.
const ATTEMPTS: usize = 5;

fn page(name: &str) -> String {
    std::fs::read_to_string(workspace().join(name)).unwrap()
}

fn follow(name: &str, shown: Shown) {
    let text = page(name);
    assert!((0..ATTEMPTS).any(|_| Reader::new(shown).follow(&text)), "the sample never fitted into one batch");
}

#[test]
fn readme_commands_print_what_it_shows() {
    follow(PAGES[0], Shown::StandardOutput);
}

#[test]
fn tutorial_commands_print_what_it_shows() {
    follow(PAGES[1], Shown::StandardOutput);
}

#[test]
fn live_feed_commands_print_what_it_shows() {
    follow(PAGES[2], Shown::StandardOutput);
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
