use std::collections::BTreeMap;
use std::fmt::Write;

use super::*;

const TEMPLATE: &str = r#"
AWSTemplateFormatVersion: "2010-09-09"
Transform: AWS::Serverless-2016-10-31
Parameters:
  Stage: { Type: String, Default: test, AllowedValues: [test, prod] }
  Provisioned: { Type: String, Default: "false", AllowedValues: ["true", "false"] }
  BatchSize: { Type: Number, Default: 500 }
  BrokerHost: { Type: String }
Conditions:
  IsProd: !Equals [!Ref Stage, prod]
  IsProvisioned: !Or [!Equals [!Ref Provisioned, true], !And [!Condition IsProd, !Not [!Equals [!Ref BatchSize, 1]]]]
  ScramSecret: !Not [!Equals [!Ref "AWS::Region", ""]]
Globals:
  Function: { Timeout: 60, Runtime: provided.al2023 }
Resources:
  Bucket: { Type: AWS::S3::Bucket }
  Api:
    Type: AWS::Serverless::Function
    Properties:
      Events:
        Http: { Type: HttpApi, Properties: { Path: !GetAtt Nothing.Path } }
  Sink:
    Type: AWS::Serverless::Function
    Metadata: { BuildMethod: rust-cargolambda }
    Properties:
      CodeUri: functions/sink
      Timeout: !If [IsProd, 120, !Ref AWS::NoValue]
      Environment: { Variables: { SINK_BUCKET: !Ref Bucket } }
      Events:
        Quotes:
          Type: SelfManagedKafka
          Properties:
            Topics: [!Sub "quotes-${Stage}"]
            ConsumerGroupId: !Sub "sink-${Stage}-${!v}"
            KafkaBootstrapServers: [!Sub "${BrokerHost}:9092"]
            SourceAccessConfigurations:
              - !If [ScramSecret, { Type: SASL_SCRAM_512_AUTH, URI: !ImportValue secret }, !Ref AWS::NoValue]
            StartingPosition: TRIM_HORIZON
            BatchSize: !Ref BatchSize
            MaximumBatchingWindowInSeconds: !If [IsProd, 300, "5"]
            Enabled: !If [IsProd, true, False]
            MaximumRetryAttempts: !If [IsProvisioned, 3, !Ref AWS::NoValue]
            BisectBatchOnFunctionError: !If [IsProvisioned, True, !Ref AWS::NoValue]
            FunctionResponseTypes: [!If [IsProvisioned, ReportBatchItemFailures, !Ref AWS::NoValue]]
            DestinationConfig:
              !If [IsProvisioned, { OnFailure: { Type: SQS, Destination: !GetAtt Dlq.Arn } }, !Ref AWS::NoValue]
            ProvisionedPollerConfig:
              !If [IsProvisioned, { MinimumPollers: !Ref Bucket }, !Ref AWS::NoValue]
"#;

/// The same mapping, as `sam` and the console write it.
const LONG: &str = r#"{
	"Parameters": {
		"Stage": {"Type": "String", "Default": "test"},
		"Provisioned": {"Type": "String", "Default": "false"},
		"BatchSize": {"Type": "Number", "Default": 500}
	},
	"Conditions": {
		"IsProd": {"Fn::Equals": [{"Ref": "Stage"}, "prod"]},
		"IsProvisioned": {"Fn::Or": [
			{"Fn::Equals": [{"Ref": "Provisioned"}, true]},
			{"Fn::And": [{"Condition": "IsProd"}, {"Fn::Not": [{"Fn::Equals": [{"Ref": "BatchSize"}, 1]}]}]}
		]}
	},
	"Globals": {"Function": {"Timeout": 60}},
	"Resources": {"Sink": {"Type": "AWS::Serverless::Function", "Properties": {
		"Timeout": {"Fn::If": ["IsProd", 120, {"Ref": "AWS::NoValue"}]},
		"Events": {"Quotes": {"Type": "SelfManagedKafka", "Properties": {
			"Topics": [{"Fn::Sub": "quotes-${Stage}"}],
			"ConsumerGroupId": {"Fn::Sub": "sink-${Stage}-${!v}"},
			"StartingPosition": "TRIM_HORIZON",
			"BatchSize": {"Ref": "BatchSize"},
			"MaximumBatchingWindowInSeconds": {"Fn::If": ["IsProd", 300, 5]},
			"Enabled": {"Fn::If": ["IsProd", true, false]},
			"MaximumRetryAttempts": {"Fn::If": ["IsProvisioned", 3, {"Ref": "AWS::NoValue"}]},
			"BisectBatchOnFunctionError": {"Fn::If": ["IsProvisioned", true, {"Ref": "AWS::NoValue"}]},
			"FunctionResponseTypes": [{"Fn::If": ["IsProvisioned", "ReportBatchItemFailures", {"Ref": "AWS::NoValue"}]}],
			"DestinationConfig": {"Fn::If": ["IsProvisioned",
				{"OnFailure": {"Type": "SQS", "Destination": {"Fn::GetAtt": ["Dlq", "Arn"]}}}, {"Ref": "AWS::NoValue"}]},
			"ProvisionedPollerConfig": {"Fn::If": ["IsProvisioned", {"MinimumPollers": 1}, {"Ref": "AWS::NoValue"}]}
		}}}
	}}}
}"#;

fn parameters(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// Returns a template whose event has Topics on line 6 and these properties from line 7 on.
fn event(properties: &str) -> String {
    let head = "Resources:\n  Sink:\n    Type: AWS::Serverless::Function\n    Properties: { Events: { Quotes: {\n      \
                Type: SelfManagedKafka, Properties: {\n      Topics: [quotes],\n";
    format!("{head}      {properties}\n    }} }} }} }}\n")
}

fn with(properties: &str) -> Result<Mapping, TemplateError> {
    read(&event(properties), None, &BTreeMap::new(), &[])
}

fn provisioned_with(properties: &str) -> Result<Mapping, TemplateError> {
    with(&format!("{properties}, ProvisionedPollerConfig: {{}}"))
}

fn error(text: &str) -> String {
    read(text, None, &BTreeMap::new(), &[]).unwrap_err().to_string()
}

#[test]
fn defaults_of_parameters_apply() {
    let parameters = parameters(&[("AWS::Region", "eu-central-1")]);
    let mapping = read(TEMPLATE, None, &parameters, &[]).unwrap();
    let expected = Mapping {
        function: "Sink".to_owned(),
        event: "Quotes".to_owned(),
        topics: vec!["quotes-test".to_owned()],
        consumer_group_id: Some("sink-test-${v}".to_owned()),
        batch_size: Some(500),
        maximum_batching_window_in_seconds: Some(5),
        starting_position: Some("TRIM_HORIZON".to_owned()),
        maximum_retry_attempts: None,
        maximum_record_age_in_seconds: None,
        bisect_batch_on_function_error: None,
        function_response_types: Vec::new(),
        has_on_failure_destination: false,
        enabled: false,
        provisioned: false,
        function_timeout: Some(60),
    };
    assert_eq!(mapping, expected);
}

#[test]
fn parameter_enables_provisioned_mode() {
    for given in [("Provisioned", "true"), ("Stage", "prod")] {
        let mapping = read(TEMPLATE, None, &parameters(&[given]), &[]).unwrap();
        assert!(mapping.provisioned && mapping.has_on_failure_destination, "{given:?}");
        assert_eq!(mapping.maximum_retry_attempts, Some(3));
        assert_eq!(mapping.bisect_batch_on_function_error, Some(true));
        assert_eq!(mapping.function_response_types, ["ReportBatchItemFailures"]);
    }
    let mapping = read(TEMPLATE, None, &parameters(&[("Stage", "prod"), ("BatchSize", "1")]), &[]).unwrap();
    assert!(!mapping.provisioned && mapping.enabled);
    assert_eq!((mapping.batch_size, mapping.function_timeout), (Some(1), Some(120)));
    assert_eq!(mapping.maximum_batching_window_in_seconds, Some(300));
}

#[test]
fn long_forms_in_json_equal_short_forms() {
    for given in [&[][..], &[("Provisioned", "true")], &[("Stage", "prod")], &[("Stage", "prod"), ("BatchSize", "1")]] {
        let given = parameters(given);
        assert_eq!(read(LONG, None, &given, &[]), read(TEMPLATE, None, &given, &[]), "{given:?}");
    }
}

#[test]
fn line_endings_and_byte_order_mark_do_not_matter() {
    let windows = format!("\u{feff}{}", TEMPLATE.trim_start().replace('\n', "\r\n"));
    let none = BTreeMap::new();
    assert_eq!(read(&windows, None, &none, &[]), read(TEMPLATE, None, &none, &[]));
}

#[test]
fn conditions_select_events_properties_and_items() {
    let text = "
Parameters: { On: { Type: String, Default: yes } }
Conditions: { On: !Equals [!Ref On, yes] }
Resources:
  Sink:
    Type: AWS::Serverless::Function
    Properties:
      Events:
        Old: !If [On, !Ref AWS::NoValue, { Type: SelfManagedKafka, Properties: { Topics: [old] } }]
        New:
          Fn::If:
            - On
            - Type: SelfManagedKafka
              Properties:
                Fn::If: [On, { Topics: [!If [On, new, x], !If [On, !Ref AWS::NoValue, x]] }, { Topics: [y] }]
            - Ref: AWS::NoValue
";
    let read = |value| read(text, None, &parameters(&[("On", value)]), &[]).unwrap();
    assert_eq!((read("yes").event.as_str(), read("yes").topics), ("New", vec!["new".to_owned()]));
    assert_eq!((read("no").event.as_str(), read("no").topics), ("Old", vec!["old".to_owned()]));
}

#[test]
fn function_with_a_false_condition_is_ignored() {
    let text = "
Parameters: { Twin: { Type: String, Default: 'no' } }
Conditions: { Twin: !Equals [!Ref Twin, 'yes'] }
Resources:
  A: { Type: AWS::Serverless::Function, Properties: { Events: { E: { Type: SelfManagedKafka, Properties: { Topics: [a] } } } } }
  B: { Type: AWS::Serverless::Function, Condition: Twin, Properties: { Events: { E: { Type: SelfManagedKafka, Properties: { Topics: [b] } } } } }
";
    assert_eq!(read(text, None, &BTreeMap::new(), &[]).unwrap().function, "A");
    let both = parameters(&[("Twin", "yes")]);
    assert_eq!(
        read(text, None, &both, &[]).unwrap_err().to_string(),
        "the template has several event sources for self-managed Kafka; give --template-function with one of A.E, B.E"
    );
    assert_eq!(read(text, Some("B"), &both, &[]).unwrap().topics, ["b"]);
    assert_eq!(
        read(text, Some("B"), &BTreeMap::new(), &[]).unwrap_err().to_string(),
        "--template-function B: the template has no such function with a SelfManagedKafka event or a \
         AWS::Lambda::EventSourceMapping; its functions: A, B"
    );
}

#[test]
fn one_of_two_events_can_be_selected() {
    let text = "
Resources:
  Sink:
    Type: AWS::Serverless::Function
    Properties:
      Events:
        One: { Type: SelfManagedKafka, Properties: { Topics: [one] } }
        Two: { Type: SelfManagedKafka, Properties: { Topics: [two] } }
  Other: { Type: AWS::Serverless::Function, Properties: { Events: !GetAtt Of.Nobody } }
";
    let named = |name| read(text, Some(name), &BTreeMap::new(), &[]);
    assert!(matches!(named("Sink"), Err(TemplateError::Several { known }) if known == ["Sink.One", "Sink.Two"]));
    assert_eq!(named("Sink.Two").unwrap().topics, ["two"]);
    assert!(matches!(named("Sink.Three"), Err(TemplateError::NoSuchFunction { .. })));
}

#[test]
fn template_without_such_an_event_is_an_error() {
    let none = "the template has no AWS::Serverless::Function with a SelfManagedKafka event, and no \
                AWS::Lambda::EventSourceMapping with a SelfManagedEventSource";
    for text in [
        "Resources: {}",
        "Description: nothing",
        "Resources: { Q: { Type: AWS::SQS::Queue } }",
        "Resources: { M: { Type: AWS::Lambda::EventSourceMapping, Properties: { Queues: [q] } } }",
        "Resources: { F: { Type: AWS::Serverless::Function, Properties: { Events: { E: { Type: MSK } } } } }",
        "Resources: { 'Fn::ForEach::F': [N, [a, b], { 'F${N}': { Type: AWS::Serverless::Function } }] }",
    ] {
        assert_eq!(error(text), none, "{text}");
    }
}

#[test]
fn unknown_value_names_property_and_remedies() {
    let path = "Resources.Sink.Properties.Events.Quotes.Properties";
    for (properties, expected) in [
        ("BatchSize: !GetAtt A.B", "line 7: PATH.BatchSize: !GetAtt is not supported; give --batch-size"),
        (
            "BatchSize: !Ref Size",
            "line 7: PATH.BatchSize: Size is not a parameter, and only AWS knows its value; give --batch-size",
        ),
        (
            "ConsumerGroupId: !Sub '${AWS::Region}-sink'",
            "line 7: PATH.ConsumerGroupId: only AWS knows AWS::Region; \
             give --template-parameter AWS::Region=VALUE or --consumer-group-id",
        ),
        (
            "Enabled: {'Fn::ImportValue': x}",
            "line 7: PATH.Enabled: !ImportValue is not supported; write the value literally",
        ),
    ] {
        let message = with(properties).unwrap_err().to_string();
        assert_eq!(message, expected.replace("PATH", path), "{properties}");
    }
}

#[test]
fn parameter_without_a_value_is_named() {
    for (declaration, expected) in [
        ("Type: Number", "the parameter P has no default; give --template-parameter P=VALUE or --batch-size"),
        (
            "Type: AWS::SSM::Parameter::Value<String>, Default: /size",
            "the value of the parameter P is in SSM; give --template-parameter P=VALUE or --batch-size",
        ),
        (
            "Type: List<Number>, Default: '1,2'",
            "the parameter P is a list, which is not supported here; give --batch-size",
        ),
    ] {
        for property in ["!Ref P", "!If [C, 1, 2]"] {
            let text = event(&format!("BatchSize: {property}"))
                + format!("Parameters: {{ P: {{ {declaration} }} }}\nConditions: {{ C: !Equals [!Ref P, 1] }}\n")
                    .as_str();
            let message = error(&text);
            assert!(message.ends_with(&format!("Properties.BatchSize: {expected}")), "{message}");
        }
    }
}

#[test]
fn option_replaces_an_unknown_property() {
    let text = event("BatchSize: !GetAtt A.B, MaximumRetryAttempts: 99999, StartingPosition: AT_TIMESTAMP");
    let flags = ["--batch-size", "--maximum-retry-attempts", "--starting-position", "--topic"];
    let mapping = read(&text, None, &BTreeMap::new(), &flags).unwrap();
    assert_eq!((mapping.batch_size, mapping.maximum_retry_attempts, mapping.starting_position), (None, None, None));
    assert!(mapping.topics.is_empty());
}

#[test]
fn undeclared_parameter_is_rejected() {
    for (given, expected) in [
        (
            ("Stag", "prod"),
            "--template-parameter Stag: no such parameter; the template permits Stage, Provisioned, BatchSize, BrokerHost",
        ),
        (
            ("Provisioned", "True"),
            "--template-parameter Provisioned: not an allowed value; the template permits true, false",
        ),
    ] {
        let error = read(TEMPLATE, None, &parameters(&[given]), &[]).unwrap_err();
        assert_eq!(error.to_string(), expected);
    }
}

#[test]
fn limits_are_those_of_aws() {
    for properties in [
        "BatchSize: 1",
        "BatchSize: 10000",
        "BatchSize: '100'",
        "MaximumBatchingWindowInSeconds: 0",
        "MaximumBatchingWindowInSeconds: 300",
        "MaximumRetryAttempts: -1",
        "MaximumRetryAttempts: 10000",
        "MaximumRecordAgeInSeconds: -1",
        "MaximumRecordAgeInSeconds: 60",
        "MaximumRecordAgeInSeconds: 604800",
        "FunctionResponseTypes: [ReportBatchItemFailures]",
        "BisectBatchOnFunctionError: false",
        "StartingPosition: LATEST",
    ] {
        provisioned_with(properties).unwrap();
    }
    for (property, values, expected) in [
        ("BatchSize", &["0", "10001", "-5", "1.5", "99999999999999999999"][..], "a whole number from 1 to 10000"),
        ("MaximumBatchingWindowInSeconds", &["-1", "301", "0.5"], "whole seconds from 0 to 300"),
        ("MaximumRetryAttempts", &["-2", "10001"], "a whole number from -1 to 10000"),
        ("MaximumRecordAgeInSeconds", &["0", "59", "604801"], "-1, or whole seconds from 60 to 604800"),
        ("BisectBatchOnFunctionError", &["1", "maybe"], "true or false"),
        ("StartingPosition", &["earliest", "latest"], "TRIM_HORIZON or LATEST"),
    ] {
        for value in values {
            let message = provisioned_with(&format!("{property}: {value}")).unwrap_err().to_string();
            assert!(message.ends_with(&format!(".{property}: expected {expected}, found {value:?}")), "{message}");
        }
    }
}

#[test]
fn provisioned_settings_need_provisioned_mode() {
    for properties in [
        "MaximumRetryAttempts: 3",
        "MaximumRecordAgeInSeconds: 60",
        "BisectBatchOnFunctionError: true",
        "FunctionResponseTypes: [ReportBatchItemFailures]",
    ] {
        let message = with(properties).unwrap_err().to_string();
        assert!(message.ends_with(": AWS permits this only together with ProvisionedPollerConfig"), "{message}");
        assert!(provisioned_with(properties).unwrap().provisioned);
    }
    with("FunctionResponseTypes: [], MaximumRetryAttempts: !Ref AWS::NoValue").unwrap();
}

#[test]
fn invalid_property_is_located() {
    let path = "Resources.Sink.Properties.Events.Quotes.Properties";
    for (properties, expected) in [
        ("BatchSize: many", "PATH.BatchSize: expected a whole number from 1 to 10000, found \"many\""),
        ("BatchSize: [100]", "PATH.BatchSize: expected a whole number from 1 to 10000, found a list"),
        ("BatchSize: {Max: 1}", "PATH.BatchSize: expected a whole number from 1 to 10000, found a mapping"),
        ("BatchSize: ", "PATH.BatchSize: expected a whole number from 1 to 10000, found nothing"),
        (
            "ConsumerGroupId: ''",
            "PATH.ConsumerGroupId: expected a consumer group ID of 1 to 200 characters, found \"\"",
        ),
        ("ProvisionedPollerConfig: true", "PATH.ProvisionedPollerConfig: expected a mapping, found \"true\""),
        (
            "FunctionResponseTypes: x, ProvisionedPollerConfig: {}",
            "PATH.FunctionResponseTypes: expected a list, found \"x\"",
        ),
        (
            "FunctionResponseTypes: [All], ProvisionedPollerConfig: {}",
            "PATH.FunctionResponseTypes[0]: expected ReportBatchItemFailures, found \"All\"",
        ),
        (
            "StartingPosition: AT_TIMESTAMP",
            "PATH.StartingPosition: AT_TIMESTAMP is not supported locally; give --starting-position TRIM_HORIZON or LATEST",
        ),
        ("BatchSize: !If [C, 1]", "PATH.BatchSize: !If expects a list of length 3, not 2"),
        ("BatchSize: !If [C, 1, 2]", "PATH.BatchSize: the template has no condition C"),
        ("BatchSize: !If [!Condition C, 1, 2]", "PATH.BatchSize: the template has no condition C"),
        ("BatchSize: !If [[C], 1, 2]", "PATH.BatchSize: !If expects the name of a condition first"),
        ("BatchSize: !Ref [P]", "PATH.BatchSize: !Ref expects a name"),
    ] {
        let message = with(properties).unwrap_err().to_string();
        assert_eq!(message, format!("line 7: {}", expected.replace("PATH", path)), "{properties}");
    }
}

#[test]
fn error_has_the_line_of_the_selected_value() {
    let text = event("BatchSize: !If [C,\n        1,\n        many]") + "Conditions: { C: !Equals [a, b] }";
    let message = error(&text);
    assert!(message.starts_with("line 9: ") && message.ends_with("found \"many\""), "{message}");
}

#[test]
fn unknown_property_lists_those_that_exist() {
    let message = with("Batchsize: 5").unwrap_err().to_string();
    assert!(message.starts_with("line 7: Resources.Sink.Properties.Events.Quotes.Properties.Batchsize: "), "{message}");
    for name in EVENT_PROPERTIES {
        assert!(message.contains(name), "{name}");
    }
}

#[test]
fn mapping_has_exactly_one_topic() {
    let topics = |topics: &str| error(&event("").replace("Topics: [quotes]", topics));
    for (text, found) in [("Topics: []", 0), ("Topics: [a, b]", 2), ("BatchSize: 1", 0)] {
        let message = topics(text);
        assert!(
            message.ends_with(&format!("Topics: expected a list of exactly one topic, found {found}")),
            "{message}"
        );
    }
    assert!(topics("Topics: quotes").ends_with("Topics: expected a list, found \"quotes\""));
    assert!(topics("Topics: ['']").ends_with("Topics[0]: expected a topic's name, found \"\""));
}

#[test]
fn timeout_of_the_function_overrides_globals() {
    let timeout = |own: &str, globals: &str| {
        let text = event("").replace("{ Events:", &format!("{{ {own} Events:")) + globals;
        read(&text, None, &BTreeMap::new(), &[]).map(|mapping| mapping.function_timeout)
    };
    let globals = "Globals: { Function: { Timeout: 60 } }\n";
    assert_eq!(timeout("Timeout: 30,", globals).unwrap(), Some(30));
    assert_eq!(timeout("", globals).unwrap(), Some(60));
    assert_eq!(timeout("", "").unwrap(), None);
    assert_eq!(
        timeout("", "Globals: { Function: { Timeout: 901 } }\n").unwrap_err().to_string(),
        "line 9: Globals.Function.Timeout: expected whole seconds from 1 to 900, found \"901\""
    );
}

#[test]
fn invalid_condition_is_located() {
    for (condition, expected) in [
        ("!Equals [a]", "!Equals expects a list of length 2, not 1"),
        ("!Equals [a, [b]]", "!Equals compares two strings"),
        ("!Not [a]", "expected a condition: !Equals, !Not, !And, !Or or !Condition"),
        ("!And []", "!And expects a list of conditions"),
        ("!Or [!Condition D, !Condition C]", "the condition C depends on itself"),
        ("!If [C, a, b]", "!If is not a condition function"),
        ("!Condition E", "the template has no condition E"),
    ] {
        let text = event("BatchSize: !If [C, 1, 2]")
            + format!("Conditions:\n  C: {condition}\n  D: !Not [!Not [!Equals [a, b]]]\n").as_str();
        let message = error(&text);
        let expected = format!("line 10: Resources.Sink.Properties.Events.Quotes.Properties.BatchSize: {expected}");
        assert_eq!(message, expected);
    }
}

#[test]
fn each_condition_is_evaluated_once() {
    let mut text = event("BatchSize: !If [C0, 1, 2]") + "Conditions:\n";
    for step in 0..40 {
        let next = step + 1;
        writeln!(text, "  C{step}: !And [!Condition C{next}, Condition: C{next}]").unwrap();
    }
    text += "  C40: !Equals [a, a]\n";
    assert_eq!(read(&text, None, &BTreeMap::new(), &[]).unwrap().batch_size, Some(1));
}

#[test]
fn long_chains_of_conditions_are_rejected() {
    let mut text = event("BatchSize: !If [C0, 1, 2]") + "Conditions:\n";
    for step in 0..20_000 {
        writeln!(text, "  C{step}: {}!Condition C{}{}", "!Not [".repeat(4), step + 1, "]".repeat(4)).unwrap();
    }
    assert!(error(&text).ends_with("conditions are nested more than 100 levels deep"));
}

#[test]
fn deep_nesting_does_not_overflow() {
    for (open, close) in [("[", "]"), ("{a: ", "}"), ("!If [C, 1, ", "]"), ("\"a\\\"[", "")] {
        for depth in [101, 3_000] {
            let closed = format!("{}1{}", open.repeat(depth), close.repeat(depth));
            assert!(error(&closed).contains("failed to parse"), "{open} {depth}");
            assert!(error(&format!("a: {}", open.repeat(depth))).contains("failed to parse"), "{open} {depth}");
        }
    }
}

#[test]
fn aliases_are_shared_and_bounded() {
    let mapping = with("BatchSize: &n 7, MaximumBatchingWindowInSeconds: *n").unwrap();
    assert_eq!((mapping.batch_size, mapping.maximum_batching_window_in_seconds), (Some(7), Some(7)));
    let mut laughs = event("KafkaBootstrapServers: &a0 [ha]") + "Metadata:\n";
    let mut ladder = laughs.clone();
    for step in 0..2_000 {
        let next = step + 1;
        if step < 90 {
            writeln!(laughs, "  M{step}: &a{next} [*a{step}, *a{step}, *a{step}]").unwrap();
        }
        writeln!(ladder, "  M{step}: &a{next} [*a{step}]").unwrap();
    }
    read(&laughs, None, &BTreeMap::new(), &[]).unwrap();
    assert!(error(&ladder).ends_with("nested more than 100 levels deep"));
    assert!(error("a: &a [*a]").ends_with("line 1: an alias refers to a node that contains the alias"));
}

#[test]
fn invalid_text_is_located() {
    for (text, expected) in [
        ("", "the file is empty"),
        ("a: 1\nb: [", "line "),
        ("a: 1\na: 2", "line 2: the key a occurs twice"),
        ("a: 1\n---\nb: 2", "line 2: expected one document, found a second one"),
        ("? [a]\n: 1", "a key is not a string"),
        ("- a", "expected a mapping, found a list"),
        ("just text", "expected a mapping, found \"just text\""),
        ("Resources: [a]", "line 1: Resources: expected a mapping, found a list"),
    ] {
        let message = error(text);
        assert!(message.contains(expected), "{text:?}: {message}");
    }
}

/// Returns a template with a function and a mapping that has these properties from line 8 on.
fn mapping(properties: &str) -> String {
    let head = "Resources:\n  Sink: { Type: AWS::Serverless::Function, Properties: { Timeout: 30 } }\n  Source:\n    \
                Type: AWS::Lambda::EventSourceMapping\n    Properties: {\n      FunctionName: !Ref Sink, Topics: [quotes],\n      \
                SelfManagedEventSource: { Endpoints: !GetAtt Brokers.Endpoints },\n";
    format!("{head}      {properties}\n    }}\n")
}

#[test]
fn plain_mapping_is_read() {
    let text =
        mapping("BatchSize: 7, SelfManagedKafkaEventSourceConfig: { ConsumerGroupId: g, ConsumptionMode: Stream }");
    let read = |text: &str, name| read(text, name, &BTreeMap::new(), &[]);
    let found = read(&text, None).unwrap();
    assert_eq!((found.function.as_str(), found.event.as_str()), ("Sink", "Source"));
    assert_eq!(
        (found.topics, found.batch_size, found.function_timeout),
        (vec!["quotes".to_owned()], Some(7), Some(30))
    );
    assert_eq!(found.consumer_group_id.as_deref(), Some("g"));
    for form in ["!GetAtt Sink.Arn", "{ 'Fn::GetAtt': [Sink, Arn] }", "{ Ref: Sink }"] {
        let text = text.replace("!Ref Sink", form);
        assert_eq!(read(&text, Some("Sink.Source")).unwrap().function, "Sink", "{form}");
    }
    assert!(matches!(read(&text, Some("Other")), Err(TemplateError::NoSuchFunction { .. })));
    let imported = text.replace("!Ref Sink", "!ImportValue sink");
    assert_eq!(read(&imported, Some("Source")).unwrap().function_timeout, None);
}

#[test]
fn property_of_an_event_is_unknown_in_a_mapping() {
    let message = error(&mapping("ConsumerGroupId: g"));
    assert!(
        message.starts_with("line 8: Resources.Source.Properties.ConsumerGroupId: an event source mapping for"),
        "{message}"
    );
}

#[test]
fn queue_mode_is_rejected_with_its_reason() {
    let plain = mapping("SelfManagedKafkaEventSourceConfig: { ConsumptionMode: Queue }");
    for text in [plain, event("ConsumptionMode: Queue")] {
        let message = error(&text);
        assert!(
            message.contains("ConsumptionMode: queue mode (share groups) is not supported: it delivers"),
            "{message}"
        );
    }
}

#[test]
fn own_template_is_read() {
    let text = include_str!("../../../../template.yaml");
    let mapping = read(text, None, &BTreeMap::new(), &[]).unwrap();
    assert_eq!((mapping.function.as_str(), mapping.event.as_str()), ("Sink", "EventSource"));
    assert_eq!(mapping.topics, ["quotes"]);
    assert_eq!((mapping.batch_size, mapping.maximum_batching_window_in_seconds), (Some(10_000), Some(60)));
    assert_eq!(mapping.function_timeout, Some(120));
    assert!(mapping.enabled && !mapping.provisioned && mapping.function_response_types.is_empty());
    for (given, group) in [
        (&[][..], "tickerlake-private"),
        (&[("Network", "public")], "tickerlake-public"),
        (&[("Broker", "existing")], "tickerlake"),
    ] {
        let mapping = read(text, None, &parameters(given), &[]).unwrap();
        assert_eq!(mapping.consumer_group_id.as_deref(), Some(group));
    }
    let provisioned = parameters(&[("Provisioned", "true")]);
    assert_eq!(read(text, None, &provisioned, &[]).unwrap().function_response_types, ["ReportBatchItemFailures"]);
    let none = read(text, None, &parameters(&[("Broker", "none")]), &[]);
    assert!(matches!(none, Err(TemplateError::NoEvent)));
}
