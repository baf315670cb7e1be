//! Settings of an event source mapping, from arguments and, for settings that are not given, from a SAM template.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use clap::{Args, ValueEnum};
use kafka_client::topic::{InvalidTopicName, Topic};
use thiserror::Error;

use super::args::{BatchArgs, FunctionArgs, ResponseType};
use super::template::{self, Mapping, TemplateError};

/// Position at which a new consumer group starts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum StartingPosition {
    /// At the oldest record that the topic still has
    #[default]
    #[value(name = "TRIM_HORIZON")]
    TrimHorizon,
    /// After the newest record that exists when the group starts
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

/// Arguments that configure a mapping.
#[derive(Args, Clone, Debug)]
pub struct MappingArgs {
    /// Topic to read; may be repeated [default: quotes]
    #[arg(short, long, value_name = "TOPIC", help_heading = "Kafka")]
    topic: Vec<Topic>,
    /// Consumer group [default: tickerlake]
    #[arg(long, value_name = "ID", help_heading = "Kafka")]
    pub(super) consumer_group_id: Option<String>,
    /// Position at which a new group starts; an existing group resumes at its committed offsets [default:
    /// `TRIM_HORIZON`]
    #[arg(long, value_enum, ignore_case = true, help_heading = "Kafka")]
    pub(super) starting_position: Option<StartingPosition>,
    #[command(flatten)]
    pub(super) batch: BatchArgs,
    #[command(flatten)]
    pub(crate) function: FunctionArgs,
}

/// Arguments that select a template.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Template")]
pub struct TemplateArgs {
    /// Template whose `SelfManagedKafka` event or event source mapping provides the settings that are not given on the
    /// command line
    #[arg(long, value_name = "FILE")]
    template: Option<PathBuf>,
    /// Logical ID of the function, or FUNCTION.EVENT, if the template has several Kafka event sources
    #[arg(long, value_name = "ID", requires = "template")]
    template_function: Option<String>,
    /// Parameter of the template; may be repeated
    #[arg(long, value_name = "NAME=VALUE", requires = "template", value_parser = pair)]
    template_parameter: Vec<(String, String)>,
}

fn pair(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("expected NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

/// Reason that the settings of a template cannot be used.
#[derive(Debug, Error)]
pub enum FillError {
    /// The template is invalid.
    #[error("--template {}: {source}", path.display())]
    Template { path: PathBuf, source: TemplateError },
    /// Kafka does not permit the name of the template's topic.
    #[error("--template: the topic {topic}: {problem}")]
    Topic { topic: String, problem: InvalidTopicName },
    /// The mapping has an on-failure destination on AWS, but none is given here, so discarded batches would be lost.
    #[error("--template: the mapping has an on-failure destination; select one for this machine with --on-failure")]
    NoDestination,
}

impl MappingArgs {
    /// Returns the topics, or `quotes` if none is given.
    pub(super) fn topics(&self) -> Vec<Topic> {
        let quotes = || "quotes".parse().ok().into_iter().collect();
        if self.topic.is_empty() { quotes() } else { self.topic.clone() }
    }

    /// Returns the names of the options that are given. The template need not have the settings that these options
    /// replace.
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

    /// Fills in each setting that is not given on the command line from a template's mapping.
    fn fill_from(mut self, mapping: Mapping) -> Result<Self, FillError> {
        if self.topic.is_empty() {
            let parse =
                |topic: String| topic.parse().map_err(|problem: InvalidTopicName| FillError::Topic { topic, problem });
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
        // An event source lets a function run for at most 840 seconds, whatever the timeout of the function.
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
    /// Fills in each setting that is not given on the command line from the template, if one is selected.
    ///
    /// # Errors
    /// If the file cannot be read, or its settings cannot be used ([`FillError`]).
    pub fn fill(&self, args: MappingArgs) -> anyhow::Result<MappingArgs> {
        let Some(path) = &self.template else {
            return Ok(args);
        };
        let text =
            std::fs::read_to_string(path).with_context(|| format!("failed to read --template {}", path.display()))?;
        let parameters: BTreeMap<_, _> = self.template_parameter.iter().cloned().collect();
        let mapping = template::read(&text, self.template_function.as_deref(), &parameters, &args.flags())
            .map_err(|source| FillError::Template { path: path.clone(), source })?;
        if !mapping.enabled {
            let (function, event) = (&mapping.function, &mapping.event);
            tracing::warn!(function, event, "the template disables the mapping; running it anyway");
        }
        Ok(args.fill_from(mapping)?)
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        mapping: MappingArgs,
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

    fn filled(template: &str, arguments: &[&str]) -> anyhow::Result<MappingArgs> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("template.yaml");
        std::fs::write(&path, template)?;
        let path = path.to_string_lossy();
        let line = Line::try_parse_from([&["x", "--template", &path], arguments].concat())?;
        line.template.fill(line.mapping)
    }

    #[test]
    fn template_has_the_settings_that_are_not_given() {
        let args = filled(TEMPLATE, &["--batch-size", "7", "--function-timeout", "2"]).unwrap();
        assert_eq!(args.topics(), ["ticks".parse().unwrap()]);
        assert_eq!(args.consumer_group_id.as_deref(), Some("sink"));
        assert_eq!(args.starting_position, Some(StartingPosition::Latest));
        let limits = args.batch.limits(100);
        assert_eq!((limits.batch_size, limits.window), (7, Duration::from_secs(5)));
        let function = &args.function;
        assert_eq!((function.invoke.function_timeout, function.maximum_retry_attempts), (Some(2), Some(3)));
        assert!(function.bisect_batch_on_function_error && !function.invoke.function_response_types.is_empty());
        let args = filled(TEMPLATE, &["--template-parameter", "Size=9"]).unwrap();
        assert_eq!((args.batch.batch_size, args.function.invoke.function_timeout), (Some(9), Some(840)));
    }

    #[test]
    fn destination_on_aws_needs_one_here() {
        let text =
            TEMPLATE.to_owned() + "            DestinationConfig: {OnFailure: {Type: S3, Destination: !Ref B}}\n";
        let error = filled(&text, &[]).unwrap_err().to_string();
        assert!(error.contains("--on-failure"), "{error}");
        assert!(filled(&text, &["--on-failure", "given-up"]).is_ok());
    }
}
