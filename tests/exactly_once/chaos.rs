//! Chaos test of the whole path: Apache Kafka, two event sources (`tickerlake trigger`) in one consumer group, the
//! sink's program and S3. Event sources and functions are killed repeatedly while a producer sends records.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use embedded_s3::{ACCESS_KEY, REGION, SECRET_KEY, Storage};
use serde_json::Value;
use tempfile::TempDir;
use tickerlake::lake::FOLDER_BUCKET;
use tickerlake_tests::apache_kafka::ApacheKafka;
use tickerlake_tests::lambda::Lambda;
use tickerlake_tests::programs::{Running, program};
use tickerlake_tests::{kafka, lake, workspace};

use super::assert_clean_audit;
use super::draws::{Draws, numbers};

const TOPIC: &str = "chaos";
const TIMEOUT: Duration = Duration::from_secs(120);
const FUNCTIONS_TO_KILL: usize = 40;
const TRIGGERS_TO_KILL: usize = 20;

struct Chaos {
    kafka: &'static ApacheKafka,
    folder: TempDir,
    lambda: Lambda,
}

impl Chaos {
    /// Starts an event source of a consumer group. Batches that it discards go to the folder `given-up`.
    fn trigger(&self, group: &str, batch_size: usize, retries: usize) -> Running {
        let mut command = Command::new(program("tickerlake").unwrap());
        command
            .args(["trigger", "--config", self.kafka.client_properties.to_str().unwrap(), "--topic", TOPIC])
            .args(["--consumer-group-id", group, "--batch-size", &batch_size.to_string()])
            .args(["--maximum-batching-window-in-seconds", "0.1", "--function", &self.lambda.url()])
            .args(["--maximum-retry-attempts", &retries.to_string()])
            .arg("--on-failure")
            .arg(self.given_up())
            // The other event source takes over the partitions of a killed one as soon as the broker allows.
            .args(["-X", "session.timeout.ms=6000", "-X", "heartbeat.interval.ms=1000", "--format", "json"]);
        if retries > 0 {
            command.arg("--bisect-batch-on-function-error");
        }
        Running::start(&mut command).unwrap()
    }

    /// Starts one of the two event sources, with a random batch size and number of retries.
    fn random_trigger(&self, draws: &mut Draws<'_>) -> Running {
        self.trigger("one", [7, 40, 150, 600][draws.below(4)], draws.below(3))
    }

    fn s3(&self) -> PathBuf {
        self.folder.path().join("s3")
    }

    fn given_up(&self) -> PathBuf {
        self.folder.path().join("given-up")
    }

    /// Waits until a consumer group has no lag.
    fn wait_until_caught_up(&self, group: &str) {
        let (mut least, mut until) = (i64::MAX, Instant::now() + TIMEOUT);
        loop {
            let lag = kafka::lag(&self.kafka.plaintext, group, TOPIC).unwrap();
            if lag == 0 {
                return;
            }
            if lag < least {
                (least, until) = (lag, Instant::now() + TIMEOUT);
            }
            assert!(Instant::now() < until, "group {group} is {lag} records behind and makes no progress");
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    /// Returns the stored lines of each partition and offset.
    fn stored(&self) -> BTreeMap<(i64, i64), Vec<Value>> {
        let mut stored: BTreeMap<_, Vec<Value>> = BTreeMap::new();
        let objects = lake::objects(&self.s3().join(FOLDER_BUCKET)).unwrap();
        for line in objects.into_values().flatten() {
            let location = (line["kafka_partition"].as_i64().unwrap(), line["kafka_offset"].as_i64().unwrap());
            stored.entry(location).or_default().push(line);
        }
        stored
    }
}

fn count_files(folder: &Path) -> usize {
    let mut count = 0;
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                count += 1;
            }
        }
    }
    count
}

#[test]
#[ignore = "needs Apache Kafka: run tests/install-parts"]
fn killed_parts_leave_every_record_stored_once() {
    let kafka = ApacheKafka::shared();
    kafka.create_topic(TOPIC, 4, &[]).unwrap();
    let folder = TempDir::new().unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let storage = Storage::open(&folder.path().join("s3"), FOLDER_BUCKET).unwrap();
    let endpoint = runtime.block_on(storage.serve(0)).unwrap();
    let sink = program("sink").unwrap();
    let url = endpoint.url();
    let lambda = Lambda::start(
        move || Command::new(&sink),
        move |command| {
            let aws =
                [("AWS_REGION", REGION), ("AWS_ACCESS_KEY_ID", ACCESS_KEY), ("AWS_SECRET_ACCESS_KEY", SECRET_KEY)];
            command.envs(aws).env("AWS_ENDPOINT_URL_S3", &url).env("SINK_BUCKET", FOLDER_BUCKET);
        },
    );
    let lambda = runtime.block_on(lambda).unwrap();
    let chaos = Chaos { kafka, folder, lambda };

    let seed = u64::from(std::process::id());
    println!("seed {seed}");
    let drawn = numbers(seed, 10_000);
    let mut draws = Draws::new(&drawn);

    let mut command = Command::new(program("producer").unwrap());
    command.args(["--config", kafka.client_properties.to_str().unwrap(), "--topic", TOPIC, "--format", "json"]);
    command.args(["--rate", "250", "--repeat", "forever"]);
    let mut producer = Running::start(command.arg(workspace().join("data/us-stocks-sample.csv"))).unwrap();

    let mut triggers = [chaos.random_trigger(&mut draws), chaos.random_trigger(&mut draws)];
    let (mut functions_killed, mut triggers_killed) = (0, 0);
    let until = Instant::now() + 4 * TIMEOUT;
    while functions_killed < FUNCTIONS_TO_KILL || triggers_killed < TRIGGERS_TO_KILL {
        assert!(Instant::now() < until, "{functions_killed} functions and {triggers_killed} triggers were killed");
        std::thread::sleep(Duration::from_millis(draws.below(400) as u64));
        if functions_killed < FUNCTIONS_TO_KILL {
            // Only during an invocation: otherwise there is nothing to kill.
            let limit = Instant::now() + Duration::from_secs(1);
            let choice = draws.below(2);
            while Instant::now() < limit {
                if chaos.lambda.kill_one(choice).unwrap() {
                    functions_killed += 1;
                    break;
                }
                std::thread::sleep(Duration::from_millis(1));
            }
        }
        if triggers_killed < TRIGGERS_TO_KILL && draws.chance(50) {
            let which = draws.below(2);
            triggers[which].kill().unwrap();
            triggers_killed += 1;
            triggers[which] = chaos.random_trigger(&mut draws);
        }
    }

    // Possibly no batch has been discarded yet: continue without retries until one is.
    for trigger in &mut triggers {
        trigger.kill().unwrap();
        *trigger = chaos.trigger("one", 40, 0);
    }
    let until = Instant::now() + TIMEOUT;
    while count_files(&chaos.given_up()) == 0 {
        assert!(Instant::now() < until, "no batch was discarded");
        functions_killed += usize::from(chaos.lambda.kill_one(draws.below(2)).unwrap());
        std::thread::sleep(Duration::from_millis(5));
    }

    assert_eq!(producer.interrupt(TIMEOUT).unwrap(), Some(0));
    let summary: Value = serde_json::from_str(&producer.wait_for_line("\"delivered\"", TIMEOUT).unwrap()).unwrap();
    let delivered = usize::try_from(summary["delivered"].as_u64().unwrap()).unwrap();
    chaos.wait_until_caught_up("one");
    for trigger in &mut triggers {
        assert_eq!(trigger.interrupt(TIMEOUT).unwrap(), Some(0));
    }

    // Redrive the discarded batches.
    let documents = count_files(&chaos.given_up());
    let mut command = Command::new(program("tickerlake").unwrap());
    command.args(["redrive", "--function", &chaos.lambda.url()]).arg(chaos.given_up());
    assert_eq!(Running::start(&mut command).unwrap().wait_for_exit(TIMEOUT).unwrap(), Some(0));
    let assert_stored_once = |when: &str| {
        let stored = chaos.stored();
        let duplicated = stored.iter().filter(|(_, lines)| lines.len() > 1).count();
        assert_eq!((stored.len(), duplicated), (delivered, 0), "{when}");
        assert_clean_audit(&chaos.s3(), &["--config", kafka.client_properties.to_str().unwrap()]);
    };
    assert_stored_once("after the redrive");

    // Recreate the event source mapping, from the beginning of the topic.
    let objects = lake::objects(&chaos.s3().join(FOLDER_BUCKET)).unwrap().len();
    let mut recreated = chaos.trigger("another", 2_000, 2);
    chaos.wait_until_caught_up("another");
    assert_eq!(recreated.interrupt(TIMEOUT).unwrap(), Some(0));
    assert_stored_once("after the mapping was recreated");
    assert_eq!(lake::objects(&chaos.s3().join(FOLDER_BUCKET)).unwrap().len(), objects);

    let stored = chaos.stored();
    for record in kafka::read(&kafka.plaintext, TOPIC, delivered).unwrap() {
        let sent: Value = serde_json::from_str(&record.value).unwrap();
        let line = &stored[&(i64::from(record.partition), record.offset)][0];
        let sent = sent.as_object().unwrap();
        assert!(sent.iter().all(|(name, value)| line[name] == *value), "{line} {sent:?}");
    }
    println!(
        "{functions_killed} functions and {triggers_killed} triggers killed, {documents} batches discarded, {delivered} records"
    );
}
