//! Reads the settings of a Kafka event source mapping from the template that deploys it: from a `SelfManagedKafka`
//! event of a SAM function, or from an `AWS::Lambda::EventSourceMapping`.
//!
//! Only the settings are evaluated, from the template's own parameters and conditions. Values that only AWS knows
//! (`!GetAtt`, `!ImportValue`) may occur anywhere else. Settings that AWS would reject are reported as errors
//! before anything runs.
//!
//! ```text
//! text --yaml--> nodes with lines and tags --intrinsics--> values --property--> settings or error with path and line
//! ```

mod intrinsics;
mod property;
#[cfg(test)]
mod tests;
mod yaml;

use std::collections::BTreeMap;

use intrinsics::{Template, referenced};
use property::Property;
pub use yaml::SyntaxError;

const FUNCTION: &str = "AWS::Serverless::Function";
const EVENT: &str = "SelfManagedKafka";
const MAPPING: &str = "AWS::Lambda::EventSourceMapping";
/// Property that a mapping has only if its source is self-managed Kafka.
const KAFKA_SOURCE: &str = "SelfManagedEventSource";
/// Property of a mapping that contains the settings that only self-managed Kafka has.
const KAFKA_CONFIG: &str = "SelfManagedKafkaEventSourceConfig";

/// Properties that SAM permits in the event; `sam validate` does not check them.
const EVENT_PROPERTIES: [&str; 21] = [
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
/// Properties that an `AWS::Lambda::EventSourceMapping` may have if its source is self-managed Kafka.
const MAPPING_PROPERTIES: [&str; 21] = [
    "BatchSize",
    "BisectBatchOnFunctionError",
    "DestinationConfig",
    "Enabled",
    "FilterCriteria",
    "FunctionName",
    "FunctionResponseTypes",
    "KmsKeyArn",
    "LoggingConfig",
    "MaximumBatchingWindowInSeconds",
    "MaximumRecordAgeInSeconds",
    "MaximumRetryAttempts",
    "MetricsConfig",
    "ProvisionedPollerConfig",
    KAFKA_SOURCE,
    KAFKA_CONFIG,
    "SourceAccessConfigurations",
    "StartingPosition",
    "StartingPositionTimestamp",
    "Tags",
    TOPICS,
];
const TOPICS: &str = "Topics";

const QUEUE_MODE: &str = "queue mode (share groups) is not supported: it delivers a partition's records in no \
                          particular order, and the sink needs their order to store each exactly once; remove the \
                          property";

/// Properties that need provisioned mode.
const PROVISIONED_ONLY: [&str; 4] =
    ["MaximumRetryAttempts", "MaximumRecordAgeInSeconds", "BisectBatchOnFunctionError", "FunctionResponseTypes"];

/// Properties, and the command-line options with the same meaning.
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

/// An event source mapping for self-managed Kafka. Settings that the template does not specify are `None`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mapping {
    /// The function's logical ID.
    pub function: String,
    /// The logical ID of the event, or of the mapping.
    pub event: String,
    /// Exactly one topic; empty if `--topic` is given and the property is not evaluated.
    pub topics: Vec<String>,
    pub consumer_group_id: Option<String>,
    /// Maximum number of records in a batch, 1 to 10000.
    pub batch_size: Option<u16>,
    /// Maximum time to wait for a batch to fill, in seconds, 0 to 300.
    pub maximum_batching_window_in_seconds: Option<u32>,
    /// `TRIM_HORIZON` or `LATEST`.
    pub starting_position: Option<String>,
    /// Maximum number of retries of a batch, 0 to 10000, or -1 for no limit.
    pub maximum_retry_attempts: Option<i64>,
    /// Age in seconds at which records are discarded, 60 to 604800, or -1 for no limit.
    pub maximum_record_age_in_seconds: Option<i64>,
    /// `true` if a failed batch is split in two.
    pub bisect_batch_on_function_error: Option<bool>,
    /// Empty, or `ReportBatchItemFailures`.
    pub function_response_types: Vec<String>,
    /// `true` if discarded batches are written to an on-failure destination.
    pub has_on_failure_destination: bool,
    pub enabled: bool,
    /// `true` if the mapping uses provisioned mode.
    pub provisioned: bool,
    /// Timeout of the function in seconds, 1 to 900, from the function, or from `Globals` if the function does not set
    /// it. An event source limits it to 840.
    pub function_timeout: Option<u32>,
}

/// Reason that a mapping cannot be read from a template.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// The file is not the YAML of a template.
    #[error("failed to parse the template: {0}")]
    Syntax(#[from] SyntaxError),
    /// The template has neither a `SelfManagedKafka` event nor a mapping for self-managed Kafka.
    #[error("the template has no {FUNCTION} with a {EVENT} event, and no {MAPPING} with a {KAFKA_SOURCE}")]
    NoEvent,
    /// The template has no function with the selected name and an event source for self-managed Kafka.
    #[error("--template-function {name}: the template has no such function with a {EVENT} event or a {MAPPING}; its functions: {}", known.join(", "))]
    NoSuchFunction {
        name: String,
        /// Logical IDs of the template's functions, with and without such event sources.
        known: Vec<String>,
    },
    /// Several event sources for self-managed Kafka match.
    #[error("the template has several event sources for self-managed Kafka; give --template-function with one of {}", known.join(", "))]
    Several {
        /// The event sources, as `FUNCTION.EVENT`.
        known: Vec<String>,
    },
    /// The name or value of a `--template-parameter` is not permitted.
    #[error("--template-parameter {name}: {problem}; the template permits {}", if known.is_empty() { "none".to_owned() } else { known.join(", ") })]
    Parameter {
        name: String,
        problem: &'static str,
        /// The permitted parameters or values.
        known: Vec<String>,
    },
    /// A setting depends on a value that only AWS knows.
    #[error("line {line}: {path}: {what}; {remedy}")]
    Unresolvable {
        /// Line of the intrinsic function that only AWS can evaluate.
        line: usize,
        /// Path of the property.
        path: String,
        /// Reason that the value is unknown.
        what: String,
        /// Instruction for providing the value.
        remedy: String,
    },
    /// AWS would reject the property, or treat it differently.
    #[error("line {line}: {path}: {problem}")]
    Invalid {
        line: usize,
        /// Path of the property.
        path: String,
        problem: String,
    },
}

/// Reads the only mapping for self-managed Kafka, or the mapping of the selected function (`FUNCTION`, or
/// `FUNCTION.EVENT` if the function has several).
///
/// `parameters` override the defaults of the template's parameters, and may set pseudo parameters such as
/// `AWS::Region`. `flags` are the options given on the command line, such as `--batch-size`. Properties that these
/// options replace are not evaluated, and are `None` or empty in the result.
///
/// # Errors
/// [`TemplateError`] if the template is invalid, no event or several events match, or a setting depends on a value that
/// only AWS knows or would be rejected by AWS.
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
        // The other functions and mappings need not be valid.
        let is_wanted = |name: &str| function.is_none_or(|wanted| wanted.split('.').next() == Some(name));
        match node.entry("Type").and_then(|(_, kind)| kind.text()) {
            Some(FUNCTION) => {
                known.push(name.clone());
                if is_wanted(name) {
                    sources.append(&mut Source::events_of(name, &resources.child(name, node)?)?);
                }
            }
            Some(MAPPING) => {
                let invoked = node.entry("Properties").and_then(|(_, properties)| properties.entry("FunctionName"));
                // A function that is not in the template is selected by the name of its mapping.
                let invoked = invoked.and_then(|(_, name)| referenced(name)).unwrap_or(name);
                if is_wanted(invoked) {
                    sources.extend(Source::of_mapping(name, invoked, &resources, &resources.child(name, node)?)?);
                }
            }
            _ => {}
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

/// An event or a mapping, and its function.
struct Source<'t> {
    function: &'t str,
    event: &'t str,
    /// Properties of the function.
    settings: Property<'t>,
    /// Properties of the event or the mapping.
    properties: Property<'t>,
    /// Properties that only self-managed Kafka has. An event has them among its other properties.
    source: Property<'t>,
    /// Names that `properties` may have.
    accepted: &'static [&'static str],
    kind: &'static str,
}

impl<'t> Source<'t> {
    /// Returns the mapping, or `None` if its source is not self-managed Kafka or its condition is false.
    fn of_mapping(
        name: &'t str,
        function: &'t str,
        resources: &Property<'t>,
        resource: &Property<'t>,
    ) -> Result<Option<Self>, TemplateError> {
        let properties = resource.get("Properties")?;
        if properties.get(KAFKA_SOURCE)?.is_absent() || !resource.is_created()? {
            return Ok(None);
        }
        let source = properties.get(KAFKA_CONFIG)?;
        let settings = resources.get(function)?.get("Properties")?;
        let (accepted, kind) = (MAPPING_PROPERTIES.as_slice(), "an event source mapping for self-managed Kafka");
        Ok(Some(Source { function, event: name, settings, properties, source, accepted, kind }))
    }

    fn events_of(function: &'t str, resource: &Property<'t>) -> Result<Vec<Self>, TemplateError> {
        let mut sources = Vec::new();
        let events = resource.get("Properties")?.get("Events")?;
        for (event, node) in events.entries()? {
            let body = events.child(event, node)?;
            if body.get("Type")?.text("an event's type", |_| true)?.as_deref() == Some(EVENT) {
                let settings = resource.get("Properties")?;
                let (properties, source) = (body.get("Properties")?, body.get("Properties")?);
                let (accepted, kind) = (EVENT_PROPERTIES.as_slice(), "a SelfManagedKafka event");
                sources.push(Source { function, event, settings, properties, source, accepted, kind });
            }
        }
        if !sources.is_empty() && !resource.is_created()? {
            sources.clear();
        }
        Ok(sources)
    }

    fn mapping(&self, whole: &Property<'t>, flags: &[&str]) -> Result<Mapping, TemplateError> {
        let mode = self.source.get("ConsumptionMode")?;
        if mode.text("Stream or Queue", |mode| ["Stream", "Queue"].contains(&mode))?.as_deref() == Some("Queue") {
            return Err(mode.invalid(QUEUE_MODE));
        }
        self.check_names()?;
        let is_given = |name| FLAGS.iter().any(|(property, flag)| *property == name && flags.contains(flag));
        let get = |name| if is_given(name) { Ok(self.properties.absent(name)) } else { self.properties.get(name) };
        let provisioned = get("ProvisionedPollerConfig")?;
        provisioned.entries()?;
        let provisioned = !provisioned.is_absent();
        for name in PROVISIONED_ONLY {
            let setting = get(name)?;
            if setting.is_given()? && !provisioned {
                return Err(setting.invalid("AWS permits this only together with ProvisionedPollerConfig"));
            }
        }
        let group = "ConsumerGroupId";
        let group = if is_given(group) { self.source.absent(group) } else { self.source.get(group)? };
        let topics = get(TOPICS)?;
        let names = texts(&topics, "a topic's name", |name| !name.is_empty())?;
        if names.len() != 1 && !is_given(TOPICS) {
            return Err(topics.invalid(format!("expected a list of exactly one topic, found {}", names.len())));
        }
        let age = |age| age == -1 || (60..=604_800).contains(&age);
        Ok(Mapping {
            function: self.function.to_owned(),
            event: self.event.to_owned(),
            topics: names,
            consumer_group_id: group
                .text("a consumer group ID of 1 to 200 characters", |id| (1..=200).contains(&id.chars().count()))?,
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
            function_timeout: if is_given("Timeout") { None } else { self.timeout(whole)? },
        })
    }

    fn check_names(&self) -> Result<(), TemplateError> {
        for (name, node) in self.properties.entries()? {
            if !self.accepted.contains(&name.as_str()) {
                let problem =
                    format!("{} has no such property; its properties are {}", self.kind, self.accepted.join(", "));
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
