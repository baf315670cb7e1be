//! Arguments that are named after the settings of an event source mapping on AWS.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use clap::{Args, ValueEnum};
use hyper::Uri;
use sink::Sink;
use sink::storage::endpoint::{self, EndpointError};

use event_source::function::{Function, HttpFunction};
use event_source::location::{Location, OpenLocation};
use event_source::on_failure::OnFailureDestination;
use event_source::{FUNCTION_TIMEOUT, Limits, MAX_PAYLOAD, RetryPolicy, Settings};

use super::sink_function::SinkFunction;
use crate::query::seconds;

/// Default number of retries with an on-failure destination. It also replaces -1 (infinite), as on AWS.
const RETRIES_WITH_DESTINATION: u32 = 10;

/// Limits of a batch.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Batches")]
pub struct BatchArgs {
    /// Maximum number of records in a batch, up to 10000 [default: 100, as on AWS; run and up: 10000]
    #[arg(long, value_name = "RECORDS", value_parser = clap::value_parser!(u16).range(1..=10_000))]
    pub batch_size: Option<u16>,
    /// Maximum time to wait for a batch to fill, from its first record on, up to 300 [default: 0.5]
    #[arg(long, value_name = "SECONDS", value_parser = window)]
    pub maximum_batching_window_in_seconds: Option<Duration>,
}

impl BatchArgs {
    /// Returns the limits. `batch_size` is the command's default.
    pub fn limits(&self, batch_size: u16) -> Limits {
        Limits {
            batch_size: usize::from(self.batch_size.unwrap_or(batch_size)),
            window: self.maximum_batching_window_in_seconds.unwrap_or(Duration::from_millis(500)),
            payload: MAX_PAYLOAD,
        }
    }
}

fn window(text: &str) -> Result<Duration, String> {
    seconds(text).and_then(|window| match window.as_secs() {
        0..300 => Ok(window),
        300 if window.subsec_nanos() == 0 => Ok(window),
        _ => Err("must be at most 300 seconds".to_owned()),
    })
}

/// Values of `--function-response-types`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ResponseType {
    /// The function's response names the records that failed
    #[value(name = "ReportBatchItemFailures")]
    ReportBatchItemFailures,
}

/// Arguments that select the function and the way in which it is invoked.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Function")]
pub struct InvokeArgs {
    /// URL at which the function is invoked [default: the sink, in this process]
    #[arg(long, value_name = "URL")]
    pub(super) function: Option<Uri>,
    /// Timeout of one invocation, up to 840 [default: 840]
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=840))]
    pub(super) function_timeout: Option<u64>,
    /// Read the function's response as a partial batch response; without this option the response is ignored, as on AWS
    #[arg(long, value_name = "TYPE", value_enum, ignore_case = true)]
    pub(super) function_response_types: Vec<ResponseType>,
}

/// Arguments that select the function and the handling of its failures.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Function")]
pub struct FunctionArgs {
    #[command(flatten)]
    pub(crate) invoke: InvokeArgs,
    /// Maximum number of retries before a batch is discarded, up to 10000; -1 retries until the function succeeds
    /// [default: -1, or 10 with --on-failure]
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = clap::value_parser!(i64).range(-1..=10_000))]
    pub(crate) maximum_retry_attempts: Option<i64>,
    /// Age at which records are discarded, 60 to 604800; -1 never discards records by age [default: -1]
    #[arg(long, value_name = "SECONDS", allow_negative_numbers = true, value_parser = record_age)]
    pub(super) maximum_record_age_in_seconds: Option<i64>,
    /// Split a batch in two when the function fails, so that a bad record is isolated from the others
    #[arg(long)]
    pub(super) bisect_batch_on_function_error: bool,
    /// Write discarded batches to this folder or prefix, in AWS's document format for S3 [default: do not write them]
    #[arg(long, value_name = "FOLDER|s3://BUCKET/PREFIX")]
    pub(super) on_failure: Option<Location>,
}

fn record_age(text: &str) -> Result<i64, String> {
    match text.parse() {
        Ok(age @ (-1 | 60..=604_800)) => Ok(age),
        _ => Err("expected -1, or 60 to 604800 seconds".to_owned()),
    }
}

impl InvokeArgs {
    /// Returns the function behind the URL, or `None` if no URL was given.
    pub(crate) fn http(&self) -> Option<Arc<dyn Function>> {
        self.function.clone().map(|url| Arc::new(HttpFunction::new(url)) as Arc<dyn Function>)
    }

    /// Returns the function behind the URL, or the sink with the settings from environment variables.
    ///
    /// # Errors
    /// If no URL was given and a setting of the sink is missing or invalid.
    pub(crate) async fn function_or_sink(&self) -> anyhow::Result<Arc<dyn Function>> {
        if let Some(function) = self.http() {
            return Ok(function);
        }
        let config = crate::lake::sink_config(|name| std::env::var(name).ok()).context(
            "invalid settings of the sink; correct its variables, or select a different function with --function",
        )?;
        Ok(Arc::new(SinkFunction::new(Sink::connected(config, endpoint::connect().await?))))
    }

    pub(crate) fn timeout(&self) -> Duration {
        self.function_timeout.map_or(FUNCTION_TIMEOUT, Duration::from_secs)
    }

    pub(crate) fn report_batch_item_failures(&self) -> bool {
        !self.function_response_types.is_empty()
    }
}

impl FunctionArgs {
    /// Applies the arguments to an event source's settings, and opens the on-failure destination.
    ///
    /// # Errors
    /// If the on-failure destination cannot be opened.
    pub(crate) async fn apply(&self, settings: &mut Settings) -> anyhow::Result<()> {
        settings.timeout = self.invoke.timeout();
        settings.retry_policy = self.retry_policy();
        settings.report_batch_item_failures = self.invoke.report_batch_item_failures();
        if let Some(location) = &self.on_failure {
            settings.on_failure = Some(OnFailureDestination::open(open(location.clone()).await?)?);
        }
        Ok(())
    }

    fn retry_policy(&self) -> RetryPolicy {
        let with_destination = self.on_failure.as_ref().map(|_| RETRIES_WITH_DESTINATION);
        let retries = self.maximum_retry_attempts.and_then(|maximum| u32::try_from(maximum).ok()).or(with_destination);
        let age = self.maximum_record_age_in_seconds.and_then(|age| u64::try_from(age).ok());
        RetryPolicy {
            maximum_retry_attempts: retries,
            maximum_record_age: age.map(Duration::from_secs),
            bisect: self.bisect_batch_on_function_error,
        }
    }
}

/// Opens a location. AWS's environment variables configure the S3 client, if the location needs one.
///
/// # Errors
/// If the endpoint is not a URL.
pub(crate) async fn open(location: Location) -> Result<OpenLocation, EndpointError> {
    Ok(match location {
        Location::Folder(folder) => OpenLocation::Folder(folder),
        Location::S3 { bucket, prefix } => {
            OpenLocation::S3 { client: endpoint::connect().await?.client, bucket, prefix }
        }
    })
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        function: FunctionArgs,
    }

    fn policy(arguments: &[&str]) -> RetryPolicy {
        let line = Line::try_parse_from([&["x"], arguments].concat());
        line.map(|line| line.function.retry_policy()).unwrap_or_else(|error| panic!("{error}"))
    }

    #[test]
    fn infinite_retries_with_a_destination_are_ten() {
        assert_eq!(policy(&[]), RetryPolicy::default());
        assert_eq!(policy(&["--maximum-retry-attempts", "-1"]), RetryPolicy::default());
        assert_eq!(policy(&["--on-failure", "x"]).maximum_retry_attempts, Some(10));
        assert_eq!(policy(&["--on-failure", "x", "--maximum-retry-attempts", "-1"]).maximum_retry_attempts, Some(10));
        assert_eq!(policy(&["--on-failure", "x", "--maximum-retry-attempts", "0"]).maximum_retry_attempts, Some(0));
        let aged = policy(&["--maximum-record-age-in-seconds", "60"]);
        assert_eq!(aged.maximum_record_age, Some(Duration::from_secs(60)));
    }

    #[test]
    fn values_that_aws_rejects_are_rejected() {
        for wrong in [
            ["--maximum-retry-attempts", "10001"],
            ["--maximum-retry-attempts", "-2"],
            ["--maximum-record-age-in-seconds", "59"],
            ["--function-timeout", "841"],
            ["--function-response-types", "All"],
            ["--on-failure", "arn:aws:sqs:us-east-1:1:q"],
        ] {
            assert!(Line::try_parse_from([&["x"][..], &wrong].concat()).is_err(), "{wrong:?}");
        }
    }
}
