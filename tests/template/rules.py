"""What must hold of the template's resources, whatever the parameters; each rule yields what breaks it."""

import fnmatch
import json

import boot
import broker
import columns
import daily
import queries

MOST_ALARMS = 6
# The statements whose actions take no narrower resource than everything.
WITHOUT_RESOURCE = {("SinkRole", "Interfaces"), ("BrokerRole", "Volumes"), ("BrokerRole", "Health")}


def broken(root, template, given):
    """Everything that is wrong with a resolved template."""
    resources = template["Resources"]
    yield from queries.differences(root, resources)
    if "Broker" in resources:
        yield from boot.differences(root, resources)
        yield from broker.broken(root, template, given)
    elif given.get("BootstrapServers", "") == "":
        yield "there is neither a broker of the stack's own nor another"
    if "History" in resources:
        yield from daily.differences(root, resources)
    yield from queries.different_views(root, resources, one(resources, "AWS::Glue::Database")["DatabaseInput"]["Name"])
    yield from tables(root, resources)
    yield from event_source(resources, given)
    yield from role(resources)
    yield from lake(resources, given)
    yield from work_group(resources)
    yield from dashboard(resources)
    alarms = of_type(resources, "AWS::CloudWatch::Alarm")
    if not 0 < len(alarms) <= MOST_ALARMS:
        yield f"{len(alarms)} alarms: at most {MOST_ALARMS}, each with something to do about it"


def of_type(resources, kind):
    return {name: body["Properties"] for name, body in resources.items() if body["Type"] == kind}


def one(resources, kind):
    [properties] = of_type(resources, kind).values()
    return properties


def variables(resources):
    return one(resources, "AWS::Lambda::Function")["Environment"]["Variables"]


def text(value):
    """A text that still holds resources' names."""
    return value["Fn::Sub"] if isinstance(value, dict) else value


def tables(root, resources):
    quote, quotes, quarantine = columns.declared(root)
    sink = variables(resources)
    if sink["SINK_COLUMNS"] != ",".join(f"{name}:{kind}" for name, kind in quote):
        yield "SINK_COLUMNS are not the columns of a quote in crates/lake-query/src/columns.rs"
    unknown = sink.keys() - columns.sink_variables(root) - {"RUST_LOG", "GLIBC_TUNABLES"}
    if unknown:
        yield f"the function does not read {', '.join(sorted(unknown))}"
    inputs = [table["TableInput"] for table in of_type(resources, "AWS::Glue::Table").values()]
    tables_found = {table["Name"]: table for table in inputs if table["TableType"] != "VIRTUAL_VIEW"}
    if tables_found.keys() != {"quotes", "quarantine"}:
        yield f"the tables are {', '.join(tables_found)}, not quotes and quarantine"
        return
    kept = [("kafka_topic", "string"), *quotes, ("dt", "string"), ("stored_at", "timestamp")]
    if columns.history(root) != kept:
        yield "the columns of history/create.sql are not kafka_topic, those of quotes, dt and stored_at"
    topic = resources["SinkQuotes"]["Properties"]["Topics"][0]
    by_hour = sink["SINK_PARTITION_BY"] == "hour"
    for name, folder, wanted, partitions in [
        ("quotes", "data", quotes, ["dt", "hour"] if by_hour else ["dt"]),
        ("quarantine", "quarantine", quarantine, ["dt"]),
    ]:
        table = tables_found[name]
        storage = table["StorageDescriptor"]
        if [(column["Name"], column["Type"]) for column in storage["Columns"]] != wanted:
            yield f"the columns of {name} are not those of crates/lake-query/src/columns.rs"
        if [key["Name"] for key in table["PartitionKeys"]] != partitions:
            yield f"{name} is not partitioned by {', '.join(partitions)}, as the sink writes it"
        # Where the sink writes: functions/sink/src/layout.rs.
        location = f"s3://${{Lake}}/{sink['SINK_PREFIX']}{folder}/{topic}/"
        if text(storage["Location"]) != location:
            yield f"{name} is at {storage['Location']}, and the sink writes to {location}"
        pattern = location + "".join(f"{key}=${{!{key}}}/" for key in partitions)
        parameters = table["Parameters"]
        if text(parameters["storage.location.template"]) != pattern:
            yield f"the partitions of {name} are not at {pattern}, where the sink writes"
        projected = {key.split(".")[1] for key in parameters if key.count(".") > 1 and key.startswith("projection.")}
        if projected != set(partitions):
            yield f"{name} projects {', '.join(sorted(projected))}, not {', '.join(partitions)}"


def event_source(resources, given):
    mapping = one(resources, "AWS::Lambda::EventSourceMapping")
    if mapping["StartingPosition"] != "TRIM_HORIZON":
        yield "the event source does not start at TRIM_HORIZON: records would be missed"
    if len(mapping["Topics"]) != 1:
        yield "an event source has exactly one topic"
    provisioned = given.get("Provisioned") == "true"
    together = {
        "ProvisionedPollerConfig": "ProvisionedPollerConfig" in mapping,
        "BisectBatchOnFunctionError": mapping.get("BisectBatchOnFunctionError", False),
        "FunctionResponseTypes": mapping.get("FunctionResponseTypes") == ["ReportBatchItemFailures"],
        "SINK_PARTIAL_BATCH_RESPONSE": variables(resources)["SINK_PARTIAL_BATCH_RESPONSE"] == "true",
    }
    for name, given_here in together.items():
        if given_here != provisioned:
            yield f"{name} is {'given' if given_here else 'not given'}: all of {', '.join(together)}, or none"
    if "DestinationConfig" in mapping:
        yield "with an on-failure destination Lambda gives up after 10 attempts"
    if mapping["Enabled"] != (given.get("Paused") != "true"):
        yield "Paused does not decide Enabled"
    access = [entry["Type"] for entry in mapping["SourceAccessConfigurations"]]
    wanted = ["SASL_SCRAM_512_AUTH", "SERVER_ROOT_CA_CERTIFICATE", "VPC_SUBNET", "VPC_SUBNET", "VPC_SECURITY_GROUP"]
    if access != wanted:
        yield f"the event source has the access of {access}, not {wanted}"


def statements(resources, role):
    for policy in resources[role]["Properties"]["Policies"]:
        yield from policy["PolicyDocument"]["Statement"]


def listed(value):
    return value if isinstance(value, list) else [value]


def role(resources):
    roles = [name for name, body in resources.items() if body["Type"] == "AWS::IAM::Role"]
    for name in roles:
        for statement in statements(resources, name):
            actions = listed(statement["Action"])
            if any("*" in action for action in actions):
                yield f"{name} may do {actions}: name each action"
            if "*" in listed(statement["Resource"]) and (name, statement.get("Sid")) not in WITHOUT_RESOURCE:
                yield f"{name} may do {actions} to everything"
    # What the sink asks of S3, and of no other key.
    prefix = variables(resources)["SINK_PREFIX"]
    topic = resources["SinkQuotes"]["Properties"]["Topics"][0]
    keys = [f"{prefix}{folder}/{topic}/*" for folder in ("data", "quarantine", "ledger")]
    found = {}
    for statement in statements(resources, "SinkRole"):
        for action in listed(statement["Action"]):
            found.setdefault(action, []).append(statement)
    for action in ("s3:GetObject", "s3:PutObject"):
        allowed = [text(each) for statement in found.get(action, []) for each in listed(statement["Resource"])]
        if allowed != [f"${{Lake.Arn}}/{key}" for key in keys]:
            yield f"SinkRole may {action} of {allowed}, and the sink needs it of {keys}"
    conditions = [statement.get("Condition") for statement in found.get("s3:ListBucket", [])]
    if conditions != [{"StringLikeIfExists": {"s3:prefix": keys}}]:
        yield f"SinkRole may list under {conditions}, and the sink needs it of {keys}"
    known = {"s3", "logs", "secretsmanager", "kms", "ec2"}
    foreign = [action for action in found if action.split(":")[0] not in known]
    if foreign or any(fnmatch.fnmatch(action, "s3:Delete*") for action in found):
        yield f"SinkRole may do what the sink never does: {foreign or 's3:Delete*'}"


def lake(resources, given):
    for name in ("Lake", "LakePolicy"):
        # But not what is left of a stack that could not be made.
        policies = [resources[name].get(key) for key in ("DeletionPolicy", "UpdateReplacePolicy")]
        if policies != ["RetainExceptOnCreate", "Retain"]:
            yield f"{name} would be deleted with the stack"
    [deny] = resources["LakePolicy"]["Properties"]["PolicyDocument"]["Statement"]
    if deny["Effect"] != "Deny" or deny["Condition"] != {"Bool": {"aws:SecureTransport": "false"}}:
        yield "the bucket takes requests without TLS"
    for rule in resources["Lake"]["Properties"]["LifecycleConfiguration"]["Rules"]:
        expires = "ExpirationInDays" in rule
        if expires and not rule.get("Prefix", "").endswith("athena-results/"):
            yield f"the bucket's rule {rule['Id']} deletes more than the results of queries"
    for crawler in of_type(resources, "AWS::Glue::Crawler").values():
        if (crawler["Schedule"]["ScheduleExpression"] == "") != (given.get("Paused") == "true"):
            yield "Paused does not decide whether the crawler runs"
        configuration = json.loads(crawler["Configuration"])
        if configuration["CrawlerOutput"]["Tables"]["AddOrUpdateBehavior"] != "MergeNewColumns":
            yield "the crawler may change columns that are there"


def work_group(resources):
    configurations = {
        name: group["WorkGroupConfiguration"] for name, group in of_type(resources, "AWS::Athena::WorkGroup").items()
    }
    if "BytesScannedCutoffPerQuery" not in configurations["WorkGroup"]:
        yield "a query may read without a limit"
    for name, configuration in configurations.items():
        if not configuration.get("EnforceWorkGroupConfiguration"):
            yield f"a query may leave out what {name} says"
        yield from results(resources, configuration["ResultConfiguration"])


def results(resources, result):
    prefix = variables(resources)["SINK_PREFIX"]
    if text(result["OutputLocation"]) != f"s3://${{Lake}}/{prefix}athena-results/":
        yield "the results of queries are not where the bucket deletes them after some days"
    if "EncryptionConfiguration" not in result:
        yield "the results of queries are not encrypted"


def dashboard(resources):
    try:
        widgets = json.loads(text(one(resources, "AWS::CloudWatch::Dashboard")["DashboardBody"]))["widgets"]
    except ValueError as error:
        yield f"the dashboard is not JSON: {error}"
        return
    of_broker = any("broker_disk_used" in json.dumps(widget) for widget in widgets)
    if of_broker != ("Broker" in resources):
        yield "the dashboard shows a broker that there is not, or not the one that there is"
