"""Runs the function in AWS's Runtime Interface Emulator, deployed by the SAM CLI to a simulated account.

The emulator, the SAM CLI and the function are real. The account is moto (deploy/checks/sam/account.py): the stack's bucket
is where the function stores, the stack's function has the environment that the emulator passes on. The check adds only what
Lambda itself sets, and the address of moto's S3.

    check BOOTSTRAP      the program that `sam build` has made for this machine's architecture
"""

import base64
import gzip
import io
import json
import platform
import stat
import sys
import tempfile
import zipfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "sam"))

import emulator
import readme
from account import ENVIRONMENT, NUMBER, Account
from cli import ROOT, Failed, Project
from moto.s3.models import s3_backends

STACK = "tickerlake"
ARCHITECTURES = {"x86_64": "x86_64", "aarch64": "arm64", "arm64": "arm64"}
PARTITIONS = 2  # of the sample events' topic
COORDINATES = ("kafka_partition", "kafka_offset", "kafka_timestamp")


def expect_equal(found, expected, what):
    if found != expected:
        raise Failed(f"{what}: {found!r} instead of {expected!r}")


def zip_program(program, file):
    entry = zipfile.ZipInfo("bootstrap")
    entry.external_attr = (stat.S_IFREG | 0o755) << 16
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr(entry, program.read_bytes())
    return file


def deploy(account, folder, program):
    """Deploys the program and returns the stack's resources by name: type, name and evaluated properties."""
    project, architecture = Project(folder, account), ARCHITECTURES[platform.machine()]
    project.succeed("deploy/prebuilt", zip_program(program, folder / "bootstrap.zip"), "--architecture", architecture)
    project.deploy("--parameter-overrides", f"Architecture={architecture}")
    if account.failures:
        raise Failed(f"the simulated account failed: {'; '.join(account.failures)}")
    stack = account.stacks()[STACK]
    return [(kind, model.physical_resource_id, getattr(model, "properties", None)) for _, kind, model in account.resources(stack)]


def only(resources, kind):
    found = [resource[1:] for resource in resources if resource[0] == kind]
    expect_equal(len(found), 1, f"number of {kind}")
    return found[0]


def text(value):
    """Returns the value of a variable as CloudFormation passes it on."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def environment_of(function, properties, endpoint):
    """Returns the variables of the deployed function."""
    variables = {name: text(value) for name, value in properties["Environment"]["Variables"].items()}
    lambdas = {
        "AWS_LAMBDA_FUNCTION_NAME": function, "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": text(properties["MemorySize"]), "AWS_LAMBDA_FUNCTION_TIMEOUT": text(properties["Timeout"]),
    }
    if repeated := variables.keys() & (lambdas.keys() | ENVIRONMENT.keys()):
        raise Failed(f"the template sets variables that Lambda reserves: {sorted(repeated)}")
    return variables | lambdas | ENVIRONMENT | {"AWS_ENDPOINT_URL_S3": endpoint}


def bucket_objects(bucket):
    """Returns the content of the bucket's objects by key."""
    backend = s3_backends[NUMBER]["aws"]
    return {name: backend.get_object(bucket, name).value for name in backend.buckets[bucket].keys.keys()}


def lines_of(content):
    return [json.loads(line) for line in gzip.decompress(content).decode().splitlines()]


def check_line(kind, line, record):
    """Checks that a line has the record's coordinates, and the fields of its value or the reason of its quarantine."""
    expect_equal([line.pop(name) for name in COORDINATES], [record["partition"], record["offset"], record["timestamp"]], "coordinates")
    if kind == "data":
        expect_equal(line, json.loads(base64.b64decode(record["value"])), f"fields of offset {record['offset']}")
    elif not line["reason"] or line["headers"] != record["headers"]:
        raise Failed(f"the quarantined record {record['offset']} has no reason or other headers: {line}")


def check_objects(found, stated, records, prefix):
    """Checks the objects against events/README.md, and each line against its record."""
    ledgers = {f"{prefix}ledger/sample/{partition:05}.json" for partition in range(PARTITIONS)}
    probe = {f"{prefix}ledger/sample/_probe"}
    expect_equal(set(found), {prefix + key for key in stated} | ledgers | probe, "objects in the bucket")
    stored = []
    for key, offsets in stated.items():
        kind, partition = key.split("/")[0], int(key.rsplit("/", 1)[1].split("-")[0])
        lines = lines_of(found[prefix + key])
        expect_equal([line["kafka_offset"] for line in lines], offsets, f"offsets in {key}")
        for line in lines:
            check_line(kind, line, records[partition, line["kafka_offset"]])
        stored += [(partition, offset) for offset in offsets]
    expect_equal(sorted(stored), sorted(records), "records in the objects")


def check_metrics(log, function, invocations, resources):
    """Checks the metric lines, and that the alarms on the function's metrics look for their dimension."""
    lines = [json.loads(line) for line in log.splitlines() if line.startswith("{") and '"_aws"' in line]
    expect_equal(len(lines), invocations, "metric lines")
    metrics = set()
    for line in lines:
        [directive] = line["_aws"]["CloudWatchMetrics"]
        expect_equal(directive["Dimensions"], [["function"]], "dimensions of the metrics")
        expect_equal(line["function"], function, "dimension function")
        metrics = {(directive["Namespace"], metric["Name"]) for metric in directive["Metrics"]}
    alarms = [properties for kind, _, properties in resources if kind == "AWS::CloudWatch::Alarm"]
    alarms = [alarm for alarm in alarms if any(one["Name"] == "function" for one in alarm.get("Dimensions", []))]
    if not alarms:
        raise Failed("no alarm of the stack has the dimension function")
    for alarm in alarms:
        expect_equal(alarm["Dimensions"], [{"Name": "function", "Value": function}], f"dimensions of the alarm on {alarm['MetricName']}")
        if (alarm["Namespace"], alarm["MetricName"]) not in metrics:
            raise Failed(f"an alarm watches {alarm['Namespace']} {alarm['MetricName']}, which the function does not report")
    return len(alarms)


def records_of(events):
    """Returns the records of all events by partition and offset."""
    lists = [records for event in events for records in json.loads(event)["records"].values()]
    return {(record["partition"], record["offset"]): record for records in lists for record in records}


def check(program, folder):
    stated = readme.objects_of_events((ROOT / "events/README.md").read_text())
    files = sorted((ROOT / "events").glob("*.json"))
    expect_equal(list(stated), [file.name for file in files], "events in events/README.md")
    events = [file.read_bytes() for file in files]
    with Account(stand_ins_only=True) as account:
        resources = deploy(account, folder, program)
        function, properties = only(resources, "AWS::Lambda::Function")
        environment = environment_of(function, properties, account.endpoint)
        code = s3_backends[NUMBER]["aws"].get_object(properties["Code"]["S3Bucket"], properties["Code"]["S3Key"]).value
        bootstrap = emulator.copy_program(zipfile.ZipFile(io.BytesIO(code)).read("bootstrap"), folder / "bootstrap")
        log = folder / "log"
        with emulator.Emulator([bootstrap, properties["Handler"]], environment, log) as lambda_:
            for file, event in zip(files, events):
                expect_equal(lambda_.invoke(event), "null", f"answer to {file.name}")
                # A second delivery must not change anything.
                expect_equal(lambda_.invoke(event), "null", f"answer to {file.name}, delivered again")
            started = lambda_.initialization()
            answer = json.loads(lambda_.invoke(b'{"Records":[]}'))
            expect_equal(answer.get("errorType"), "Event", "error type of an event of another source")
        objects = {key: offsets for added in stated.values() for key, offsets in added.items()}
        bucket = environment["SINK_BUCKET"]
        check_objects(bucket_objects(bucket), objects, records_of(events), environment.get("SINK_PREFIX", ""))
        alarms = check_metrics(log.read_text(), function, 2 * len(events), resources)
    print(
        f"runtime: {len(events)} events, each delivered twice: {len(objects)} objects with {len(records_of(events))} records and "
        f"{PARTITIONS} ledgers, as events/README.md states; INIT {started:.1f} ms; metrics with function={function}, "
        f"the dimension of the stack's alarms on them ({alarms})"
    )


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__.rstrip())
    with tempfile.TemporaryDirectory() as folder:
        try:
            check(Path(sys.argv[1]), Path(folder))
        except (Failed, AssertionError) as failed:
            sys.exit(f"runtime: {failed}")


if __name__ == "__main__":
    main()
