//! The arguments that name the mapping's settings, as AWS names them.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use aws_sdk_s3::Client;
use clap::{Args, ValueEnum};
use hyper::Uri;
use sink::Sink;

use event_source::batch::{Limits, MAX_PAYLOAD};
use event_source::function::{Function, HttpFunction};
use event_source::on_failure::{Destination, Place};
use event_source::redrive;
use event_source::retry::Policy;
use event_source::{FUNCTION_TIMEOUT, Settings};

use super::sink_function::SinkFunction;
use crate::query::seconds;

/// Retries where an on-failure destination is given and no number: what AWS then makes of infinitely many.
const RETRIES_WITH_DESTINATION: u32 = 10;

/// What closes a batch.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Batches")]
pub struct BatchArgs {
    /// Most records in a batch, up to 10000 [default: 100, as AWS; run and up: 10000]
    #[arg(long, value_name = "RECORDS", value_parser = clap::value_parser!(u16).range(1..=10_000))]
    pub batch_size: Option<u16>,
    /// Longest wait for a batch to fill, from its first record on [default: 0.5]
    #[arg(long, value_name = "SECONDS", value_parser = window)]
    pub maximum_batching_window_in_seconds: Option<Duration>,
}

impl BatchArgs {
    /// The limits, with the batch size of the command that asks.
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
        _ => Err("at most 300 seconds".to_owned()),
    })
}

/// The values of `--function-response-types`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ResponseType {
    /// The function's answer names the records that failed.
    #[value(name = "ReportBatchItemFailures")]
    ReportBatchItemFailures,
}

/// Which function is invoked, and how.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Function")]
pub struct InvokeArgs {
    /// URL at which the function is invoked [default: the sink, in this process]
    #[arg(long, value_name = "URL")]
    pub(super) function: Option<Uri>,
    /// Longest time that one invocation may take, up to 840 [default: 840]
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=840))]
    pub(super) function_timeout: Option<u64>,
    /// Read the function's response as a partial batch response; without this it is ignored, as on AWS
    #[arg(long, value_name = "TYPE", value_enum, ignore_case = true)]
    pub(super) function_response_types: Vec<ResponseType>,
}

/// Which function is invoked, and what happens when it fails.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Function")]
pub struct FunctionArgs {
    #[command(flatten)]
    pub(crate) invoke: InvokeArgs,
    /// Retries after the function failed before a batch is given up, up to 10000; -1 retries until it succeeds
    /// [default: -1, with --on-failure 10]
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = clap::value_parser!(i64).range(-1..=10_000))]
    pub(super) maximum_retry_attempts: Option<i64>,
    /// Age at which records are given up, 60 to 604800; -1 never gives them up [default: -1]
    #[arg(long, value_name = "SECONDS", allow_negative_numbers = true, value_parser = record_age)]
    pub(super) maximum_record_age_in_seconds: Option<i64>,
    /// Split a batch in two when the function fails, so that one bad record does not take others with it
    #[arg(long)]
    pub(super) bisect_batch_on_function_error: bool,
    /// Where batches that are given up are written, in the format that AWS documents for S3 [default: nowhere]
    #[arg(long, value_name = "FOLDER|s3://BUCKET/PREFIX")]
    pub(super) on_failure: Option<Place>,
}

fn record_age(text: &str) -> Result<i64, String> {
    match text.parse() {
        Ok(age @ (-1 | 60..=604_800)) => Ok(age),
        _ => Err("-1, or 60 to 604800".to_owned()),
    }
}

impl InvokeArgs {
    /// Returns the function behind the URL, or `None` if none was given.
    pub(crate) fn http(&self) -> Option<Arc<dyn Function>> {
        self.function.clone().map(|url| Arc::new(HttpFunction::new(url)) as Arc<dyn Function>)
    }

    /// Returns the function behind the URL, or the sink with the settings of the environment.
    ///
    /// # Errors
    /// If no URL was given and the sink's settings are wrong.
    pub(crate) async fn function_or_sink(&self) -> anyhow::Result<Arc<dyn Function>> {
        if let Some(function) = self.http() {
            return Ok(function);
        }
        let config = crate::lake::sink_config(|name| std::env::var(name).ok())
            .context("the sink's settings (or name a function with --function)")?;
        Ok(Arc::new(SinkFunction::new(Sink::new(config, sink::storage::s3_adapter::client().await))))
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
        settings.policy = self.policy();
        settings.report_batch_item_failures = self.invoke.report_batch_item_failures();
        if let Some(place) = &self.on_failure {
            settings.on_failure = Some(Destination::open(place.clone(), s3_client(place).await)?);
        }
        Ok(())
    }

    /// Returns the retries for `trigger --redrive`; `None` retries until the function succeeds.
    pub(crate) fn redrive_retries(&self) -> Option<u32> {
        self.maximum_retry_attempts.map_or(Some(redrive::RETRIES), |most| u32::try_from(most).ok())
    }

    fn policy(&self) -> Policy {
        let for_ever = self.on_failure.as_ref().map(|_| RETRIES_WITH_DESTINATION);
        let retries = self.maximum_retry_attempts.and_then(|most| u32::try_from(most).ok()).or(for_ever);
        let age = self.maximum_record_age_in_seconds.and_then(|age| u64::try_from(age).ok());
        Policy {
            maximum_retry_attempts: retries,
            maximum_record_age: age.map(Duration::from_secs),
            bisect: self.bisect_batch_on_function_error,
        }
    }
}

/// Returns the S3 client that a location needs, configured by AWS's own variables; `None` for a folder.
pub(crate) async fn s3_client(place: &Place) -> Option<Client> {
    match place {
        Place::Folder(_) => None,
        Place::S3 { .. } => Some(sink::storage::s3_adapter::client().await),
    }
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

    fn policy(arguments: &[&str]) -> Policy {
        let line = Line::try_parse_from([&["x"], arguments].concat());
        line.map(|line| line.function.policy()).unwrap_or_else(|error| panic!("{error}"))
    }

    #[test]
    fn the_defaults_are_those_of_aws_and_infinite_retries_with_a_destination_are_ten() {
        assert_eq!(policy(&[]), Policy::default());
        assert_eq!(policy(&["--maximum-retry-attempts", "-1"]), Policy::default());
        assert_eq!(policy(&["--on-failure", "x"]).maximum_retry_attempts, Some(10));
        assert_eq!(policy(&["--on-failure", "x", "--maximum-retry-attempts", "-1"]).maximum_retry_attempts, Some(10));
        assert_eq!(policy(&["--on-failure", "x", "--maximum-retry-attempts", "0"]).maximum_retry_attempts, Some(0));
        let aged = policy(&["--maximum-record-age-in-seconds", "60"]);
        assert_eq!(aged.maximum_record_age, Some(Duration::from_secs(60)));
    }

    #[test]
    fn values_that_aws_does_not_take_are_refused() {
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
