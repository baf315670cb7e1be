//! The mapping's settings as the command line names them, filled up from a SAM template.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use clap::{Args, ValueEnum};
use kafka_client::topic::{InvalidTopicName, Topic};
use thiserror::Error;

use super::args::{BatchArgs, FunctionArgs, ResponseType};
use super::template::{self, Mapping, TemplateError};

/// Where a group that is new begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum StartingPosition {
    /// At the first record that the topic still holds.
    #[default]
    #[value(name = "TRIM_HORIZON")]
    TrimHorizon,
    /// After the last record there is when it begins.
    #[value(name = "LATEST")]
    Latest,
}

impl From<StartingPosition> for event_source::StartingPosition {
    fn from(position: StartingPosition) -> Self {
        match position {
            StartingPosition::TrimHorizon => event_source::StartingPosition::TrimHorizon,
            StartingPosition::Latest => event_source::StartingPosition::Latest,
        }
    }
}

/// The settings that the command line names.
#[derive(Args, Clone, Debug)]
pub struct Named {
    /// The topic; may be repeated [default: quotes]
    #[arg(short, long, value_name = "TOPIC", help_heading = "Kafka")]
    topic: Vec<Topic>,
    /// The consumer group [default: tickerlake]
    #[arg(long, value_name = "ID", help_heading = "Kafka")]
    pub(super) consumer_group_id: Option<String>,
    /// Where a new group begins; one that exists goes on where it was [default: `TRIM_HORIZON`]
    #[arg(long, value_enum, ignore_case = true, help_heading = "Kafka")]
    pub(super) starting_position: Option<StartingPosition>,
    #[command(flatten)]
    pub(super) batch: BatchArgs,
    #[command(flatten)]
    pub(super) function: FunctionArgs,
}

/// Which template the others come from.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Template")]
pub struct TemplateArgs {
    /// A SAM template: the settings of its function's `SelfManagedKafka` event stand for those not given here
    #[arg(long, value_name = "FILE")]
    template: Option<PathBuf>,
    /// The function, where several have such an event: its logical id
    #[arg(long, value_name = "ID", requires = "template")]
    template_function: Option<String>,
    /// A parameter of the template; may be repeated
    #[arg(long, value_name = "NAME=VALUE", requires = "template", value_parser = pair)]
    template_parameter: Vec<(String, String)>,
}

fn pair(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("not of the form NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

/// Why a template's settings cannot be used here.
#[derive(Debug, Error)]
pub enum FillError {
    /// The template itself is wrong.
    #[error("--template {}: {source}", path.display())]
    Template {
        /// The file.
        path: PathBuf,
        /// What is the matter.
        source: TemplateError,
    },
    /// A topic that Kafka does not take.
    #[error("--template: the topic {topic}: {problem}")]
    Topic {
        /// The topic.
        topic: String,
        /// What is the matter.
        problem: String,
    },
    /// On AWS batches that are given up are kept, and here they would be lost.
    #[error("--template: the mapping has an on-failure destination; --on-failure says where batches are kept here")]
    NoDestination,
}

impl Named {
    /// The topics.
    pub(super) fn topics(&self) -> Vec<Topic> {
        let quotes = || "quotes".parse().ok().into_iter().collect();
        if self.topic.is_empty() { quotes() } else { self.topic.clone() }
    }

    /// The flags that were given, so that the template need not tell what they do.
    fn flags(&self) -> Vec<&'static str> {
        let function = &self.function;
        let given = [
            (!self.topic.is_empty(), "--topic"),
            (self.consumer_group_id.is_some(), "--consumer-group-id"),
            (self.starting_position.is_some(), "--starting-position"),
            (self.batch.batch_size.is_some(), "--batch-size"),
            (self.batch.maximum_batching_window_in_seconds.is_some(), "--maximum-batching-window-in-seconds"),
            (function.invoke.function_timeout.is_some(), "--function-timeout"),
            (function.maximum_retry_attempts.is_some(), "--maximum-retry-attempts"),
            (function.maximum_record_age_in_seconds.is_some(), "--maximum-record-age-in-seconds"),
            (function.bisect_batch_on_function_error, "--bisect-batch-on-function-error"),
            (!function.invoke.function_response_types.is_empty(), "--function-response-types"),
            (function.on_failure.is_some(), "--on-failure"),
        ];
        given.into_iter().filter(|(is_given, _)| *is_given).map(|(_, flag)| flag).collect()
    }

    /// Takes from the mapping what the command line leaves open.
    fn or(mut self, mapping: Mapping) -> Result<Self, FillError> {
        if self.topic.is_empty() {
            let parse = |topic: String| {
                topic
                    .parse()
                    .map_err(|problem: InvalidTopicName| FillError::Topic { topic, problem: problem.to_string() })
            };
            self.topic = mapping.topics.into_iter().map(parse).collect::<Result<_, _>>()?;
        }
        self.consumer_group_id = self.consumer_group_id.or(mapping.consumer_group_id);
        let position = mapping.starting_position.and_then(|name| StartingPosition::from_str(&name, true).ok());
        self.starting_position = self.starting_position.or(position);
        self.batch.batch_size = self.batch.batch_size.or(mapping.batch_size);
        let window = mapping.maximum_batching_window_in_seconds.map(|seconds| Duration::from_secs(seconds.into()));
        let ours = &mut self.batch.maximum_batching_window_in_seconds;
        *ours = ours.or(window);
        let function = &mut self.function;
        // Lambda lets a function that an event source invokes run for 840 s, whatever its own timeout.
        let timeout = mapping.function_timeout.map(|seconds| u64::from(seconds).min(840));
        function.invoke.function_timeout = function.invoke.function_timeout.or(timeout);
        function.maximum_retry_attempts = function.maximum_retry_attempts.or(mapping.maximum_retry_attempts);
        let age = mapping.maximum_record_age_in_seconds;
        function.maximum_record_age_in_seconds = function.maximum_record_age_in_seconds.or(age);
        function.bisect_batch_on_function_error |= mapping.bisect_batch_on_function_error.unwrap_or(false);
        if !mapping.function_response_types.is_empty() {
            function.invoke.function_response_types = vec![ResponseType::ReportBatchItemFailures];
        }
        if mapping.has_on_failure_destination && function.on_failure.is_none() {
            return Err(FillError::NoDestination);
        }
        Ok(self)
    }
}

impl TemplateArgs {
    /// Fills up what the command line leaves open; without a template, nothing.
    ///
    /// # Errors
    /// [`FillError`], or when the file cannot be read.
    pub fn fill(&self, named: Named) -> anyhow::Result<Named> {
        let Some(path) = &self.template else {
            return Ok(named);
        };
        let text =
            std::fs::read_to_string(path).with_context(|| format!("--template {} cannot be read", path.display()))?;
        let parameters: BTreeMap<_, _> = self.template_parameter.iter().cloned().collect();
        let mapping = template::read(&text, self.template_function.as_deref(), &parameters, &named.flags())
            .map_err(|source| FillError::Template { path: path.clone(), source })?;
        if !mapping.enabled {
            tracing::warn!("the mapping {}.{} is not enabled on AWS", mapping.function, mapping.event);
        }
        Ok(named.or(mapping)?)
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        named: Named,
        #[command(flatten)]
        template: TemplateArgs,
    }

    const TEMPLATE: &str = "
Parameters:
  Size: {Type: Number, Default: 500}
Resources:
  Sink:
    Type: AWS::Serverless::Function
    Properties:
      Timeout: 900
      Events:
        Quotes:
          Type: SelfManagedKafka
          Properties:
            Topics: [ticks]
            ConsumerGroupId: sink
            BatchSize: !Ref Size
            MaximumBatchingWindowInSeconds: 5
            StartingPosition: LATEST
            ProvisionedPollerConfig: {MinimumPollers: 1}
            MaximumRetryAttempts: 3
            BisectBatchOnFunctionError: true
            FunctionResponseTypes: [ReportBatchItemFailures]
";

    fn filled(template: &str, arguments: &[&str]) -> anyhow::Result<Named> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("template.yaml");
        std::fs::write(&path, template)?;
        let path = path.to_string_lossy();
        let line = Line::try_parse_from([&["x", "--template", &path], arguments].concat())?;
        line.template.fill(line.named)
    }

    #[test]
    fn the_template_tells_what_the_command_line_does_not() {
        let named = filled(TEMPLATE, &["--batch-size", "7", "--function-timeout", "2"]).unwrap();
        assert_eq!(named.topics(), ["ticks".parse().unwrap()]);
        assert_eq!(named.consumer_group_id.as_deref(), Some("sink"));
        assert_eq!(named.starting_position, Some(StartingPosition::Latest));
        let limits = named.batch.limits(100);
        assert_eq!((limits.batch_size, limits.window), (7, Duration::from_secs(5)));
        let function = &named.function;
        assert_eq!((function.invoke.function_timeout, function.maximum_retry_attempts), (Some(2), Some(3)));
        assert!(function.bisect_batch_on_function_error && !function.invoke.function_response_types.is_empty());
        let named = filled(TEMPLATE, &["--template-parameter", "Size=9"]).unwrap();
        assert_eq!((named.batch.batch_size, named.function.invoke.function_timeout), (Some(9), Some(840)));
    }

    #[test]
    fn a_destination_on_aws_needs_one_here() {
        let text =
            TEMPLATE.to_owned() + "            DestinationConfig: {OnFailure: {Type: S3, Destination: !Ref B}}\n";
        let error = filled(&text, &[]).unwrap_err().to_string();
        assert!(error.contains("--on-failure"), "{error}");
        assert!(filled(&text, &["--on-failure", "given-up"]).is_ok());
    }
}
