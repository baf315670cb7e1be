"""The stack in operation: event source, metrics, alarms, dashboard, and the function's memory."""

import json
import re
import time

from report import Failed, Pending, counted

MAX_MEMORY_PERCENT = 80  # of the function's memory, for an invocation
DAY = 24 * 3600  # seconds
REPORT_LINE = re.compile(r"Max Memory Used: (\d+) MB(?:\s+Init Duration: ([\d.]+) ms)?")


def event_source_state(run):
    """Returns the event source's state and last result, for the messages of other steps."""
    try:
        mapping = run.aws("lambda", "get-event-source-mapping", "--uuid", run.stack.output("EventSource"))
    except Failed as failed:
        return failed
    return f"{mapping['State']}, {mapping.get('LastProcessingResult', 'no result')}"


def event_source(run):
    """Step: the event source is in the mode of Provisioned and enabled, and its last batch succeeded."""
    uuid = run.stack.output("EventSource")
    provisioned = "ProvisionedPollerConfig" in run.aws("lambda", "get-event-source-mapping", "--uuid", uuid)
    if provisioned != run.stack.is_provisioned:
        raise Failed(f"the mapping is {'' if provisioned else 'not '}in provisioned mode, which contradicts the parameter Provisioned",
                     "docs/src/deploy/parameters.md, Provisioned mode, has the command that changes it")

    def poll():
        mapping = run.aws("lambda", "get-event-source-mapping", "--uuid", uuid)
        state, last = mapping["State"], mapping.get("LastProcessingResult") or "no result"
        if state == "Disabled":
            raise Failed(f"Disabled: {mapping.get('StateTransitionReason', 'no reason given')}",
                         "run `sam deploy` with Paused=false")
        return last if state == "Enabled" and last == "OK" else Pending(f"{state}, last result: {last}")

    last = run.report.wait_until(poll, f"read the log group {run.stack.output('Logs')}; if it is empty, the event source "
                                 "cannot reach the broker: check its security group, certificate and user. If the result says "
                                 "that the broker's name is not found, deploy with Network=public")
    return f"Enabled, last result: {last}"


def metric(run, namespace, name, dimension, value):
    """Step: CloudWatch has the metric with this dimension and no other."""
    words = ["--namespace", namespace, "--metric-name", name, "--recently-active", "PT3H"]
    expected = [{"Name": dimension, "Value": value}]

    def poll():
        listed = run.aws("cloudwatch", "list-metrics", *words, "--dimensions", f"Name={dimension},Value={value}")
        found = [one["Dimensions"] for one in listed["Metrics"]]
        return True if expected in found else Pending(f"no {namespace} {name} with {dimension}={value} only")

    def remedy():
        listed = run.aws("cloudwatch", "list-metrics", *words)["Metrics"]
        kinds = {" and ".join(sorted(one["Name"] for one in metric["Dimensions"])) or "none" for metric in listed}
        found = f"has it with the dimensions {'; '.join(sorted(kinds))}" if kinds else "has no such metric"
        return f"alarms and dashboard use this metric, and CloudWatch {found}: correct template.yaml"

    run.report.wait_until(poll, remedy)
    return f"{namespace} {name} with {dimension}={value}"


def lag(run):
    """Step: CloudWatch has the metric of LagAlarm."""
    if run.stack.is_provisioned:
        return metric(run, "AWS/Lambda", "MaxOffsetLag", "EventSourceMappingUUID", run.stack.output("EventSource"))
    return metric(run, "AWS/Lambda", "OffsetLag", "FunctionName", run.stack.output("Function"))


def alarms(run):
    """Step: the stack has alarms, and none of them is in state ALARM."""
    names = run.stack.resources("AWS::CloudWatch::Alarm")
    if not names:
        raise Failed("the stack has no alarms", "deploy the current template.yaml")
    described = run.aws("cloudwatch", "describe-alarms", "--alarm-names", *names)["MetricAlarms"]
    in_alarm = [f"{one['AlarmName']}: {one.get('StateReason', 'no reason given')}"
                for one in described if one["StateValue"] == "ALARM"]
    if in_alarm:
        raise Failed(" | ".join(in_alarm), "docs/src/deploy/operate.md describes the remedy for each")
    if len(described) != len(names):
        raise Failed(f"{len(names) - len(described)} of {len(names)} alarms do not exist", "run `sam deploy` again")
    waiting = sum(one["StateValue"] == "INSUFFICIENT_DATA" for one in described)
    return f"{counted(len(described), 'alarm')}, none in ALARM" + (f", {waiting} without data yet" if waiting else "")


def dashboard(run):
    """Step: the dashboard exists."""
    names = run.stack.resources("AWS::CloudWatch::Dashboard")
    if not names:
        raise Failed("the stack has no dashboard", "deploy the current template.yaml")
    found = run.aws("cloudwatch", "get-dashboard", "--dashboard-name", names[0])
    return f"{names[0]}, with {counted(len(json.loads(found['DashboardBody'])['widgets']), 'widget')}"


def memory(run):
    """Step: no invocation of the last day came near the function's memory."""
    logs = run.stack.output("Logs")
    configuration = run.aws("lambda", "get-function-configuration", "--function-name", run.stack.output("Function"))
    size = configuration["MemorySize"]
    since = str(int((time.time() - DAY) * 1000))

    def poll():
        events = run.aws("logs", "filter-log-events", "--log-group-name", logs, "--start-time", since,
                         "--filter-pattern", '"Max Memory Used"')["events"]
        return ([found for event in events if (found := REPORT_LINE.search(event["message"]))]
                or Pending(f"no REPORT line in {logs}"))

    found = run.report.wait_until(poll, "check that the function was invoked, and that this is its log group")
    peak = max(int(one[1]) for one in found)
    starts = [float(one[2]) for one in found if one[2]]
    init = f"Init Duration at most {max(starts):.0f} ms" if starts else "no Init Duration, because no cold start occurred"
    used = (f"at most {peak} of {size} MB used ({100 * peak // size} %), {init}, in "
            f"{counted(len(found), 'invocation')} of the last day")
    if 100 * peak > MAX_MEMORY_PERCENT * size:
        raise Failed(used, f"raise MemorySize: above {MAX_MEMORY_PERCENT} % a larger batch may not fit")
    return used
