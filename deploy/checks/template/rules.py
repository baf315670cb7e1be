"""Rules for the template's resources, whatever the parameters. Each rule yields its violations."""

import fnmatch
import json

import boot
import broker
import columns
import daily
import queries
import resolve

MAX_ALARMS = 6
# (role, statement) whose actions accept no narrower resource than `*`.
WITHOUT_RESOURCE = {("SinkRole", "Interfaces"), ("BrokerRole", "Volumes"), ("BrokerRole", "Sessions"), ("BrokerRole", "Health")}
# Actions that only the event source mapping may perform with the role that it shares with the function's code.
NOT_THE_FUNCTION = {
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSecurityGroups",
    "ec2:DescribeSubnets",
    "ec2:DescribeVpcs",
    "kms:Decrypt",
    "secretsmanager:GetSecretValue",
}
# Whose calls the statement denies: those of the code of any function of this account and Region.
THE_FUNCTION = {
    "ArnLike": {
        "lambda:SourceFunctionArn": f"arn:{resolve.PSEUDO['AWS::Partition']}:lambda:{resolve.PSEUDO['AWS::Region']}:"
        f"{resolve.PSEUDO['AWS::AccountId']}:function:*"
    }
}
# Types of resources that cost nothing while the lake is empty and nothing runs.
FREE = {
    "AWS::Athena::NamedQuery",
    "AWS::Athena::WorkGroup",
    "AWS::Budgets::Budget",
    "AWS::CloudWatch::Alarm",  # 0.10 a month beyond the first ten of an account
    "AWS::Glue::Crawler",
    "AWS::Glue::Database",
    "AWS::Glue::Table",
    "AWS::IAM::Role",
    "AWS::S3::Bucket",
    "AWS::S3::BucketPolicy",
    "AWS::SNS::Subscription",
    "AWS::SNS::Topic",
    "AWS::Scheduler::Schedule",
    "AWS::StepFunctions::StateMachine",
}


def problems(root, template, parameters):
    """Yields every violation in a resolved template."""
    resources = template["Resources"]
    kind = parameters.get("Broker", "own")
    yield from queries.differences(root, resources)
    if ("Broker" in resources) != (kind == "own"):
        yield f"Broker={kind}, and the stack has {'a' if 'Broker' in resources else 'no'} broker"
    if "Broker" in resources:
        yield from boot.differences(root, resources)
        yield from broker.problems(root, template, parameters)
    if "History" in resources:
        yield from daily.differences(root, resources)
    yield from queries.view_differences(root, resources, only(resources, "AWS::Glue::Database")["DatabaseInput"]["Name"])
    yield from tables(root, resources, parameters)
    yield from roles(resources)
    yield from lake(resources, parameters)
    yield from work_groups(resources, parameters)
    yield from alarms(resources, parameters)
    if kind == "none":
        paid = {name: body["Type"] for name, body in resources.items() if body["Type"] not in FREE}
        if paid:
            yield f"Broker=none should cost nothing, and the stack has {paid}"
        return
    yield from function(root, resources)
    yield from event_source(resources, parameters)
    yield from sink_role(resources)
    yield from dashboard(resources)


def properties_of(resources, kind):
    return {name: body["Properties"] for name, body in resources.items() if body["Type"] == kind}


def only(resources, kind):
    [properties] = properties_of(resources, kind).values()
    return properties


def variables(resources):
    return only(resources, "AWS::Lambda::Function")["Environment"]["Variables"]


def text(value):
    """Returns a string, with placeholders if it still refers to resources."""
    return value["Fn::Sub"] if isinstance(value, dict) else value


def function(root, resources):
    """The function's settings agree with the tables."""
    quote, _, _ = columns.read_columns(root)
    sink = variables(resources)
    if sink["SINK_COLUMNS"] != ",".join(f"{name}:{kind}" for name, kind in quote):
        yield f"SINK_COLUMNS differs from the columns of a quote in {columns.SOURCE}"
    unknown = sink.keys() - columns.read_sink_variables(root) - {"RUST_LOG", "GLIBC_TUNABLES"}
    if unknown:
        yield f"the template sets {', '.join(sorted(unknown))}, which the function does not read"
    if sink["SINK_BUCKET"] != {"Ref": "Lake"}:
        yield f"the function stores in {sink['SINK_BUCKET']}, not in Lake"
    [table] = [body["TableInput"] for body in properties_of(resources, "AWS::Glue::Table").values() if body["TableInput"]["Name"] == "quotes"]
    topic = resources["EventSource"]["Properties"]["Topics"][0]
    if text(table["StorageDescriptor"]["Location"]) != f"s3://${{Lake}}/{sink['SINK_PREFIX']}data/{topic}/":
        yield f"the function stores {topic} under {sink['SINK_PREFIX']!r}, but quotes is at {table['StorageDescriptor']['Location']}"
    if ("hour" in [key["Name"] for key in table["PartitionKeys"]]) != (sink["SINK_PARTITION_BY"] == "hour"):
        yield f"the function stores by {sink['SINK_PARTITION_BY']}, and quotes is partitioned by another date"


def tables(root, resources, parameters):
    _, quotes, quarantine = columns.read_columns(root)
    inputs = [table["TableInput"] for table in properties_of(resources, "AWS::Glue::Table").values()]
    tables_found = {table["Name"]: table for table in inputs if table["TableType"] != "VIRTUAL_VIEW"}
    if tables_found.keys() != {"quotes", "quarantine"}:
        yield f"the tables are {', '.join(tables_found)}, not quotes and quarantine"
        return
    history = [("kafka_topic", "string"), *quotes, ("dt", "string"), ("stored_at", "timestamp")]
    if columns.read_history_columns(root) != history:
        yield "the columns of deploy/history/create.sql must be kafka_topic, those of quotes, dt and stored_at"
    topic, prefix = parameters.get("Topic", "quotes"), parameters.get("Prefix", "")
    by_hour = parameters.get("PartitionBy") == "hour"
    metadata = parameters.get("RecordMetadata", "none").split(",")
    added = [(f"kafka_{part}", "string") for part in ["key", "headers"] if part in metadata]
    for name, folder, expected, partitions in [
        ("quotes", "data", quotes + added, ["dt", "hour"] if by_hour else ["dt"]),
        ("quarantine", "quarantine", quarantine, ["dt"]),
    ]:
        table = tables_found[name]
        storage = table["StorageDescriptor"]
        if [(column["Name"], column["Type"]) for column in storage["Columns"]] != expected:
            yield f"the columns of {name} differ from those in {columns.SOURCE}"
        if [key["Name"] for key in table["PartitionKeys"]] != partitions:
            yield f"{name} is not partitioned by {', '.join(partitions)}, as the sink writes its objects"
        # The sink's object keys are defined in the crate lake-format.
        location = f"s3://${{Lake}}/{prefix}{folder}/{topic}/"
        if text(storage["Location"]) != location:
            yield f"{name} is at {storage['Location']}, but the sink writes to {location}"
        pattern = location + "".join(f"{key}=${{!{key}}}/" for key in partitions)
        parameters = table["Parameters"]
        if text(parameters["storage.location.template"]) != pattern:
            yield f"the partitions of {name} are not at {pattern}, where the sink writes its objects"
        projected = {key.split(".")[1] for key in parameters if key.count(".") > 1 and key.startswith("projection.")}
        if projected != set(partitions):
            yield f"{name} projects {', '.join(sorted(projected))}, not {', '.join(partitions)}"


def event_source(resources, parameters):
    mapping = only(resources, "AWS::Lambda::EventSourceMapping")
    if mapping["StartingPosition"] != "TRIM_HORIZON":
        yield "the event source does not start at TRIM_HORIZON, so it would skip records"
    if len(mapping["Topics"]) != 1:
        yield "the event source must have exactly one topic"
    if mapping["FunctionName"] != {"Ref": "Sink"}:
        yield f"the event source invokes {mapping['FunctionName']}"
    if mapping["SelfManagedKafkaEventSourceConfig"].get("ConsumptionMode", "Stream") != "Stream":
        yield "the event source is in queue mode, which delivers a partition's records in no order: exactly once needs it"
    provisioned = parameters.get("Provisioned") == "true"
    settings = {
        "ProvisionedPollerConfig": "ProvisionedPollerConfig" in mapping,
        "BisectBatchOnFunctionError": mapping.get("BisectBatchOnFunctionError", False),
        "FunctionResponseTypes": mapping.get("FunctionResponseTypes") == ["ReportBatchItemFailures"],
        "MetricsConfig": "MetricsConfig" in mapping,
        "LoggingConfig": "LoggingConfig" in mapping,
        "SINK_PARTIAL_BATCH_RESPONSE": variables(resources)["SINK_PARTIAL_BATCH_RESPONSE"] == "true",
    }
    for name, is_set in settings.items():
        if is_set != provisioned:
            yield f"{name} is {'set' if is_set else 'not set'}: set all of {', '.join(settings)}, or none"
    if "DestinationConfig" in mapping:
        yield "the event source has an on-failure destination, with which Lambda gives up after 10 attempts"
    if mapping["Enabled"] != (parameters.get("Paused") != "true"):
        yield "Paused does not control whether the event source is enabled"
    access = [entry["Type"] for entry in mapping["SourceAccessConfigurations"]]
    expected = ["SASL_SCRAM_512_AUTH", "SERVER_ROOT_CA_CERTIFICATE"]
    if parameters.get("Network") != "public":
        expected += ["VPC_SUBNET", "VPC_SUBNET", "VPC_SECURITY_GROUP"]
    if access != expected:
        yield f"the event source has the access configurations {access}, not {expected}"


def statements(resources, role):
    for policy in resources[role]["Properties"]["Policies"]:
        yield from policy["PolicyDocument"]["Statement"]


def as_list(value):
    return value if isinstance(value, list) else [value]


def roles(resources):
    names = [name for name, body in resources.items() if body["Type"] == "AWS::IAM::Role"]
    for name in names:
        for statement in statements(resources, name):
            actions = as_list(statement["Action"])
            if any("*" in action for action in actions):
                yield f"{name} allows {actions}: list each action"
            if statement["Effect"] == "Deny":
                continue
            if "*" in as_list(statement["Resource"]) and (name, statement.get("Sid")) not in WITHOUT_RESOURCE:
                yield f"{name} allows {actions} on every resource"


def sink_role(resources):
    # The sink may access S3 only under these prefixes.
    prefix = variables(resources)["SINK_PREFIX"]
    topic = resources["EventSource"]["Properties"]["Topics"][0]
    keys = [f"{prefix}{folder}/{topic}/*" for folder in ("data", "quarantine", "ledger")]
    found, denied = {}, set()
    for statement in statements(resources, "SinkRole"):
        if statement["Effect"] == "Deny":
            denied |= set(as_list(statement["Action"]))
            if (statement["Condition"], statement["Resource"]) != (THE_FUNCTION, "*"):
                yield f"the statement {statement['Sid']} does not deny the function's code alone"
            continue
        for action in as_list(statement["Action"]):
            found.setdefault(action, []).append(statement)
    for action in ("s3:GetObject", "s3:PutObject"):
        allowed = [text(each) for statement in found.get(action, []) for each in as_list(statement["Resource"])]
        if allowed != [f"${{Lake.Arn}}/{key}" for key in keys]:
            yield f"SinkRole allows {action} on {allowed}, but the sink needs it on {keys}"
    conditions = [statement.get("Condition") for statement in found.get("s3:ListBucket", [])]
    if conditions != [{"StringLikeIfExists": {"s3:prefix": keys}}]:
        yield f"SinkRole allows s3:ListBucket under {conditions}, but the sink needs it under {keys}"
    # In every network: Lambda deletes the interfaces of a mapping that a public one has replaced with the new policy.
    if missing := {action for action in NOT_THE_FUNCTION if action.startswith("ec2:")} - found.keys():
        yield f"SinkRole does not allow {sorted(missing)}: Lambda could not delete the network interfaces of a former mapping"
    known = {"s3", "logs", "secretsmanager", "kms", "ec2"}
    foreign = [action for action in found if action.split(":")[0] not in known]
    only_mapping = {action for action in found if action.split(":")[0] not in ("s3", "logs")}
    if denied != NOT_THE_FUNCTION or only_mapping - denied:
        yield f"the function's code may do what only the event source needs: {sorted((only_mapping | NOT_THE_FUNCTION) - denied)}"
    if foreign or any(fnmatch.fnmatch(action, "s3:Delete*") for action in found):
        yield f"SinkRole allows actions that the sink never performs: {foreign or 's3:Delete*'}"


def lake(resources, parameters):
    for name in ("Lake", "LakePolicy"):
        # RetainExceptOnCreate: a stack whose creation fails leaves nothing behind.
        policies = [resources[name].get(key) for key in ("DeletionPolicy", "UpdateReplacePolicy")]
        if policies != ["RetainExceptOnCreate", "Retain"]:
            yield f"{name} would be deleted with the stack"
    [deny] = resources["LakePolicy"]["Properties"]["PolicyDocument"]["Statement"]
    if deny["Effect"] != "Deny" or deny["Condition"] != {"Bool": {"aws:SecureTransport": "false"}}:
        yield "the bucket accepts requests without TLS"
    for rule in resources["Lake"]["Properties"]["LifecycleConfiguration"]["Rules"]:
        expires = "ExpirationInDays" in rule
        if expires and not rule.get("Prefix", "").endswith("athena-results/"):
            yield f"the bucket's rule {rule['Id']} deletes more than query results"
    for crawler in properties_of(resources, "AWS::Glue::Crawler").values():
        if (crawler["Schedule"]["ScheduleExpression"] == "") != (parameters.get("Paused") == "true"):
            yield "Paused does not control whether the crawler runs"
        configuration = json.loads(crawler["Configuration"])
        if configuration["CrawlerOutput"]["Tables"]["AddOrUpdateBehavior"] != "MergeNewColumns":
            yield "the crawler may change existing columns"


def alarms(resources, parameters):
    """Every alarm has a remedy and notifies Email and AlarmTopicArn."""
    found = properties_of(resources, "AWS::CloudWatch::Alarm")
    if len(found) > MAX_ALARMS or (not found and parameters.get("Broker") != "none"):
        yield f"{len(found)} alarms: the template must have 1 to {MAX_ALARMS}, each with a remedy"
    expected = [{"Ref": "Notifications"}] if parameters.get("Email") else []
    expected += [parameters["AlarmTopicArn"]] if parameters.get("AlarmTopicArn") else []
    for name, alarm in found.items():
        if not alarm["AlarmActions"] == alarm["OKActions"] == expected:
            yield f"{name} notifies {alarm['AlarmActions']}, not {expected}"
    if "LagAlarm" in found:
        yield from lag_alarm(found["LagAlarm"], parameters)
    budgets = properties_of(resources, "AWS::Budgets::Budget")
    if bool(budgets) != bool(parameters.get("Email")):
        yield f"{len(budgets)} budgets, and Email is {parameters.get('Email', '')!r}"
    for budget in budgets.values():
        addresses = {one["Address"] for each in budget["NotificationsWithSubscribers"] for one in each["Subscribers"]}
        if addresses != {parameters["Email"]}:
            yield f"the budget warns {addresses}"


def lag_alarm(alarm, parameters):
    """In provisioned mode, the lag is a metric of the mapping, and its absence raises the alarm."""
    provisioned = parameters.get("Provisioned") == "true"
    stopped = parameters.get("Paused") == "true" or parameters.get("StartSchedule")
    expected = ("MaxOffsetLag", "EventSourceMappingUUID") if provisioned else ("OffsetLag", "FunctionName")
    if (alarm["MetricName"], *[one["Name"] for one in alarm["Dimensions"]]) != expected:
        yield f"LagAlarm watches {alarm['MetricName']} of {alarm['Dimensions']}, not {expected}"
    if alarm["TreatMissingData"] != ("breaching" if provisioned and not stopped else "notBreaching"):
        yield f"LagAlarm treats missing data as {alarm['TreatMissingData']}"


def work_groups(resources, parameters):
    configurations = {
        name: group["WorkGroupConfiguration"] for name, group in properties_of(resources, "AWS::Athena::WorkGroup").items()
    }
    if "BytesScannedCutoffPerQuery" not in configurations["WorkGroup"]:
        yield "the workgroup does not limit the bytes that a query scans"
    for name, configuration in configurations.items():
        if not configuration.get("EnforceWorkGroupConfiguration"):
            yield f"a query may override the settings of {name}"
        yield from query_results(configuration["ResultConfiguration"], parameters.get("Prefix", ""))


def query_results(result, prefix):
    if text(result["OutputLocation"]) != f"s3://${{Lake}}/{prefix}athena-results/":
        yield "query results are not in the folder that the bucket's lifecycle rule deletes"
    if "EncryptionConfiguration" not in result:
        yield "query results are not encrypted"


def dashboard(resources):
    try:
        widgets = json.loads(text(only(resources, "AWS::CloudWatch::Dashboard")["DashboardBody"]))["widgets"]
    except ValueError as error:
        yield f"the dashboard is not JSON: {error}"
        return
    shows_broker = any("broker_disk_used" in json.dumps(widget) for widget in widgets)
    if shows_broker != ("Broker" in resources):
        yield "the dashboard must show the broker's disk usage if, and only if, the stack has its own broker"
