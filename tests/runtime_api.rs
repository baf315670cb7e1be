//! The built function runs under a Lambda Runtime API and writes to S3 over the network.

use std::process::Command;
use std::time::Duration;

use embedded_s3::{ACCESS_KEY, REGION, SECRET_KEY, Storage};
use serde_json::Value;
use tempfile::TempDir;
use tickerlake_tests::lake;
use tickerlake_tests::programs::{Running, program};
use tickerlake_tests::runtime_api::{Answer, RuntimeApi};
use tickerlake_tests::sample_event;

const WAIT: Duration = Duration::from_secs(20);

#[tokio::test(flavor = "multi_thread")]
async fn built_function_serves_the_runtime_api() {
    let folder = TempDir::new().unwrap();
    let endpoint = Storage::open(folder.path(), "lake").unwrap().serve(0).await.unwrap();
    let api = RuntimeApi::start().await.unwrap();
    let mut function = Running::start(
        Command::new(program("sink").unwrap())
            .env_clear()
            .envs(api.environment())
            .env("AWS_ENDPOINT_URL_S3", endpoint.url())
            .env("AWS_REGION", REGION)
            .env("AWS_ACCESS_KEY_ID", ACCESS_KEY)
            .env("AWS_SECRET_ACCESS_KEY", SECRET_KEY)
            .env("SINK_BUCKET", "lake")
            .env("SINK_PREFIX", "raw"),
    )
    .unwrap();

    let answer = api.invoke(sample_event("1-two-partitions.json").unwrap()).await.unwrap();
    assert_eq!(answer, Answer::Response("null".to_owned()));
    let metrics: Value = serde_json::from_str(&function.wait_for_line("\"_aws\"", WAIT).unwrap()).unwrap();
    assert_eq!(
        (&metrics["records"], &metrics["objects"], &metrics["function"]),
        (&8.into(), &2.into(), &"sink".into())
    );

    let Answer::Error(error) = api.invoke(r#"{"Records":[]}"#).await.unwrap() else { panic!("no error") };
    let error: Value = serde_json::from_str(&error).unwrap();
    assert_eq!(error["errorType"], "Event");
    assert!(error["errorMessage"].as_str().unwrap().contains("not an event of a Kafka event source"), "{error}");

    let answer = api.invoke(sample_event("4-poison.json").unwrap()).await.unwrap();
    assert_eq!(answer, Answer::Response("null".to_owned()), "an error does not end the function");
    let keys: Vec<_> = lake::objects(&folder.path().join("lake")).unwrap().into_keys().collect();
    assert_eq!(
        keys,
        [
            "raw/data/sample/dt=2026-11-20/00000-00000000000000000015.json.gz",
            "raw/data/sample/dt=2026-11-20/00000-00000000000000000044.json.gz",
            "raw/data/sample/dt=2026-11-20/00001-00000000000000000007.json.gz",
            "raw/quarantine/sample/dt=2026-11-20/00000-00000000000000000040.json.gz",
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn missing_bucket_ends_the_function_and_names_the_variable() {
    let api = RuntimeApi::start().await.unwrap();
    let output = Command::new(program("sink").unwrap()).env_clear().envs(api.environment()).output().unwrap();
    assert!(!output.status.success());
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(stdout.contains("SINK_BUCKET is not set"), "{stdout}");
}
