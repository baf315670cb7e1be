//! The settings of a Kafka event source mapping, read from the SAM template that deploys it.
//!
//! A template is evaluated as far as its parameters decide, and only where a setting is needed: what only AWS knows
//! (`!GetAtt`, `!ImportValue`) may stand anywhere else. What AWS would refuse is refused here, before anything runs.

mod intrinsics;
mod property;
#[cfg(test)]
mod tests;
mod yaml;

use std::collections::BTreeMap;

use intrinsics::Template;
use property::Property;
pub use yaml::SyntaxError;

const FUNCTION: &str = "AWS::Serverless::Function";
const EVENT: &str = "SelfManagedKafka";

/// The properties of the event that SAM takes; `sam validate` lets others pass.
const ACCEPTED: [&str; 21] = [
    "BatchSize",
    "BisectBatchOnFunctionError",
    "ConsumerGroupId",
    "DestinationConfig",
    "Enabled",
    "FilterCriteria",
    "FunctionResponseTypes",
    "KafkaBootstrapServers",
    "KmsKeyArn",
    "LoggingConfig",
    "MaximumBatchingWindowInSeconds",
    "MaximumRecordAgeInSeconds",
    "MaximumRetryAttempts",
    "MetricsConfig",
    "ProvisionedPollerConfig",
    "SchemaRegistryConfig",
    "SecretsManagerKmsKeyId",
    "SourceAccessConfigurations",
    "StartingPosition",
    "StartingPositionTimestamp",
    TOPICS,
];
const TOPICS: &str = "Topics";

/// What only event pollers of its own let a mapping have.
const PROVISIONED_ONLY: [&str; 4] =
    ["MaximumRetryAttempts", "MaximumRecordAgeInSeconds", "BisectBatchOnFunctionError", "FunctionResponseTypes"];

/// The properties and the flags of the command line that say the same.
const FLAGS: [(&str, &str); 11] = [
    ("BatchSize", "--batch-size"),
    ("BisectBatchOnFunctionError", "--bisect-batch-on-function-error"),
    ("ConsumerGroupId", "--consumer-group-id"),
    ("DestinationConfig", "--on-failure"),
    ("FunctionResponseTypes", "--function-response-types"),
    ("MaximumBatchingWindowInSeconds", "--maximum-batching-window-in-seconds"),
    ("MaximumRecordAgeInSeconds", "--maximum-record-age-in-seconds"),
    ("MaximumRetryAttempts", "--maximum-retry-attempts"),
    ("StartingPosition", "--starting-position"),
    ("Timeout", "--function-timeout"),
    (TOPICS, "--topic"),
];

/// A `SelfManagedKafka` event of a function; what the template leaves out is `None`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mapping {
    /// The function's logical id.
    pub function: String,
    /// The event's logical id.
    pub event: String,
    /// Exactly one, unless `--topic` was told.
    pub topics: Vec<String>,
    /// The consumer group.
    pub consumer_group_id: Option<String>,
    /// Most records in a batch, 1 to 10000.
    pub batch_size: Option<u16>,
    /// Longest wait for a batch to fill, 0 to 300.
    pub maximum_batching_window_in_seconds: Option<u32>,
    /// `TRIM_HORIZON` or `LATEST`.
    pub starting_position: Option<String>,
    /// -1 (for ever) to 10000.
    pub maximum_retry_attempts: Option<i64>,
    /// -1 (never), or 60 to 604800.
    pub maximum_record_age_in_seconds: Option<i64>,
    /// Whether a batch that fails is split in two.
    pub bisect_batch_on_function_error: Option<bool>,
    /// Empty, or `ReportBatchItemFailures`.
    pub function_response_types: Vec<String>,
    /// Whether batches that are given up go anywhere.
    pub has_on_failure_destination: bool,
    /// Whether the mapping is switched on.
    pub enabled: bool,
    /// Whether it has event pollers of its own.
    pub provisioned: bool,
    /// How long the function may take, 1 to 900: its own `Timeout`, or that of `Globals`. An event source gives a
    /// function 840 at most.
    pub function_timeout: Option<u32>,
}

/// Why a template tells no mapping, by what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// Mend the file.
    #[error("the template is not readable: {0}")]
    Syntax(#[from] SyntaxError),
    /// Name another template.
    #[error("the template has no {FUNCTION} with a {EVENT} event")]
    NoEvent,
    /// Name another function.
    #[error("--template-function {name}: no such function has a {EVENT} event; the template's functions: {}", known.join(", "))]
    NoSuchFunction {
        /// What was named.
        name: String,
        /// The logical ids of its functions, with and without such events.
        known: Vec<String>,
    },
    /// Name one of them.
    #[error("the template has several {EVENT} events; give --template-function with one of {}", known.join(", "))]
    Several {
        /// The events, each as `FUNCTION.EVENT`.
        known: Vec<String>,
    },
    /// Correct the command line.
    #[error("--template-parameter {name}: {problem}; the template takes {}", if known.is_empty() { "none".to_owned() } else { known.join(", ") })]
    Parameter {
        /// The parameter.
        name: String,
        /// What is wrong with it.
        problem: &'static str,
        /// What it could be.
        known: Vec<String>,
    },
    /// Tell what the template does not.
    #[error("line {line}: {path}: {what}; {remedy}")]
    Unresolvable {
        /// Where the function stands that only AWS can evaluate.
        line: usize,
        /// The property that needs it.
        path: String,
        /// What is not known.
        what: String,
        /// How it can be told.
        remedy: String,
    },
    /// Mend the property; AWS would refuse it, or do something else.
    #[error("line {line}: {path}: {problem}")]
    Invalid {
        /// Where it stands.
        line: usize,
        /// The property.
        path: String,
        /// What is wrong with it.
        problem: String,
    },
}

/// Reads the mapping of the template's one function with a `SelfManagedKafka` event, or of the named function
/// (`FUNCTION`, or `FUNCTION.EVENT` where it has several).
///
/// `parameters` override the defaults of the template's parameters; `AWS::Region` and the like may be among them.
/// `flags` are those given on the command line (`--batch-size`): they stand in for their properties, which are
/// then not evaluated and come out as if absent.
///
/// # Errors
/// [`TemplateError`] when the template does not tell, or tells what AWS would refuse.
pub fn read(
    text: &str,
    function: Option<&str>,
    parameters: &BTreeMap<String, String>,
    flags: &[&str],
) -> Result<Mapping, TemplateError> {
    let root = yaml::parse(text)?;
    let template = Template::new(&root, parameters)?;
    let whole = Property::root(&template, &root)?;
    let resources = whole.get("Resources")?;
    let mut known = Vec::new();
    let mut sources = Vec::new();
    for (name, node) in resources.entries()? {
        if node.entry("Type").and_then(|(_, kind)| kind.text()) != Some(FUNCTION) {
            continue;
        }
        known.push(name.clone());
        // The other functions need not be readable.
        if function.is_none_or(|wanted| wanted.split('.').next() == Some(name)) {
            sources.append(&mut Source::all_of(name, &resources.child(name, node)?)?);
        }
    }
    if let Some((_, event)) = function.and_then(|wanted| wanted.split_once('.')) {
        sources.retain(|source| source.event == event);
    }
    match (sources.as_slice(), function) {
        ([source], _) => source.mapping(&whole, flags),
        ([], Some(name)) => Err(TemplateError::NoSuchFunction { name: name.to_owned(), known }),
        ([], None) => Err(TemplateError::NoEvent),
        (several, _) => {
            let known = several.iter().map(|source| format!("{}.{}", source.function, source.event)).collect();
            Err(TemplateError::Several { known })
        }
    }
}

/// An event and the function it belongs to.
struct Source<'t> {
    function: &'t str,
    event: &'t str,
    /// The function's properties.
    settings: Property<'t>,
    /// The event's.
    properties: Property<'t>,
}

impl<'t> Source<'t> {
    fn all_of(function: &'t str, resource: &Property<'t>) -> Result<Vec<Self>, TemplateError> {
        let mut sources = Vec::new();
        let events = resource.get("Properties")?.get("Events")?;
        for (event, node) in events.entries()? {
            let body = events.child(event, node)?;
            if body.get("Type")?.text("an event's type", |_| true)?.as_deref() == Some(EVENT) {
                let settings = resource.get("Properties")?;
                sources.push(Source { function, event, settings, properties: body.get("Properties")? });
            }
        }
        if !sources.is_empty() && !resource.is_created()? {
            sources.clear();
        }
        Ok(sources)
    }

    fn mapping(&self, whole: &Property<'t>, flags: &[&str]) -> Result<Mapping, TemplateError> {
        self.check_names()?;
        let told = |name| FLAGS.iter().any(|(property, flag)| *property == name && flags.contains(flag));
        let get = |name| if told(name) { Ok(self.properties.absent(name)) } else { self.properties.get(name) };
        let provisioned = get("ProvisionedPollerConfig")?;
        provisioned.entries()?;
        let provisioned = !provisioned.is_absent();
        for name in PROVISIONED_ONLY {
            let setting = get(name)?;
            if setting.is_given()? && !provisioned {
                return Err(setting.invalid("AWS takes this only together with ProvisionedPollerConfig"));
            }
        }
        let topics = get(TOPICS)?;
        let names = texts(&topics, "a topic's name", |name| !name.is_empty())?;
        if names.len() != 1 && !told(TOPICS) {
            return Err(topics.invalid(format!("expected a list of exactly one topic, found {}", names.len())));
        }
        let age = |age| age == -1 || (60..=604_800).contains(&age);
        Ok(Mapping {
            function: self.function.to_owned(),
            event: self.event.to_owned(),
            topics: names,
            consumer_group_id: get("ConsumerGroupId")?
                .text("a group's id of 1 to 200 characters", |id| (1..=200).contains(&id.chars().count()))?,
            batch_size: get("BatchSize")?
                .number("a whole number from 1 to 10000", |size| (1..=10_000).contains(&size))?,
            maximum_batching_window_in_seconds: get("MaximumBatchingWindowInSeconds")?
                .number("whole seconds from 0 to 300", |window| (0..=300).contains(&window))?,
            starting_position: starting_position(&get("StartingPosition")?)?,
            maximum_retry_attempts: get("MaximumRetryAttempts")?
                .number("a whole number from -1 to 10000", |attempts| (-1..=10_000).contains(&attempts))?,
            maximum_record_age_in_seconds: get("MaximumRecordAgeInSeconds")?
                .number("-1, or whole seconds from 60 to 604800", age)?,
            bisect_batch_on_function_error: get("BisectBatchOnFunctionError")?.boolean()?,
            function_response_types: texts(&get("FunctionResponseTypes")?, "ReportBatchItemFailures", |kind| {
                kind == "ReportBatchItemFailures"
            })?,
            has_on_failure_destination: !get("DestinationConfig")?.get("OnFailure")?.get("Destination")?.is_absent(),
            enabled: get("Enabled")?.boolean()?.unwrap_or(true),
            provisioned,
            function_timeout: if told("Timeout") { None } else { self.timeout(whole)? },
        })
    }

    fn check_names(&self) -> Result<(), TemplateError> {
        for (name, node) in self.properties.entries()? {
            if !ACCEPTED.contains(&name.as_str()) {
                let problem = format!("no property of a {EVENT} event; those are {}", ACCEPTED.join(", "));
                return Err(self.properties.absent(name).on(node.line).invalid(problem));
            }
        }
        Ok(())
    }

    fn timeout(&self, whole: &Property<'t>) -> Result<Option<u32>, TemplateError> {
        let own = self.settings.get("Timeout")?;
        let timeout = if own.is_absent() { whole.get("Globals")?.get("Function")?.get("Timeout")? } else { own };
        timeout.number("whole seconds from 1 to 900", |timeout| (1..=900).contains(&timeout))
    }
}

fn texts(list: &Property<'_>, expected: &str, fits: fn(&str) -> bool) -> Result<Vec<String>, TemplateError> {
    list.items()?.iter().filter_map(|item| item.text(expected, fits).transpose()).collect()
}

fn starting_position(property: &Property<'_>) -> Result<Option<String>, TemplateError> {
    let position = property
        .text("TRIM_HORIZON or LATEST", |position| ["TRIM_HORIZON", "LATEST", "AT_TIMESTAMP"].contains(&position))?;
    if position.as_deref() == Some("AT_TIMESTAMP") {
        let problem = "AT_TIMESTAMP is not supported locally; give --starting-position TRIM_HORIZON or LATEST";
        return Err(property.invalid(problem));
    }
    Ok(position)
}
