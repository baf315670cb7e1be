"""What AWS says of the stack: event source, metrics, alarms, dashboard, the function's memory."""

import json
import re
import time

from report import Failed, Waiting, number

SHARE = 80  # % of the function's memory that it may use
DAY = 24 * 3600
REPORT = re.compile(r"Max Memory Used: (\d+) MB(?:\s+Init Duration: ([\d.]+) ms)?")


def result(run):
    """The event source's own word, for others' failures."""
    try:
        told = run.aws("lambda", "get-event-source-mapping", "--uuid", run.stack.output("EventSource"))
    except Failed as failed:
        return failed
    return f"{told['State']}, {told.get('LastProcessingResult', 'no result')}"


def event_source(run):
    """The step: it is enabled, and its last batch was well."""
    identity = run.stack.output("EventSource")

    def look():
        told = run.aws("lambda", "get-event-source-mapping", "--uuid", identity)
        state, last = told["State"], told.get("LastProcessingResult") or "no result"
        if state == "Disabled":
            raise Failed(f"Disabled: {told.get('StateTransitionReason', 'no reason')}", "run `sam deploy` with Paused=false")
        return last if state == "Enabled" and last == "OK" else Waiting(f"{state}, last result: {last}")

    said = run.report.until(look, f"read the log group {run.stack.output('Logs')}; where it says nothing, it is the way "
                            "to the broker: its security group, its certificate, its user")
    return f"Enabled, last result: {said}"


def metric(run, namespace, name, dimension, value):
    """The step: CloudWatch has the metric, with this dimension and no other."""
    words = ["--namespace", namespace, "--metric-name", name, "--recently-active", "PT3H"]
    wanted = [{"Name": dimension, "Value": value}]

    def look():
        told = run.aws("cloudwatch", "list-metrics", *words, "--dimensions", f"Name={dimension},Value={value}")
        found = [one["Dimensions"] for one in told["Metrics"]]
        return True if wanted in found else Waiting(f"no {namespace} {name} of {dimension}={value} alone")

    def others():
        told = run.aws("cloudwatch", "list-metrics", *words)["Metrics"]
        kinds = {" and ".join(sorted(one["Name"] for one in metric["Dimensions"])) or "none" for metric in told}
        there = f"there is one with the dimensions {'; '.join(sorted(kinds))}" if kinds else "there is none at all"
        return f"alarms and dashboard ask for this one, and {there}: mend template.yaml"

    run.report.until(look, others)
    return f"{namespace} {name} of {dimension}={value}"


def alarms(run):
    """The step: the stack has alarms, and none of them is going off."""
    names = run.stack.resources("AWS::CloudWatch::Alarm")
    if not names:
        raise Failed("the stack has no alarms", "deploy the present template.yaml")
    told = run.aws("cloudwatch", "describe-alarms", "--alarm-names", *names)["MetricAlarms"]
    ringing = [f"{one['AlarmName']}: {one.get('StateReason', 'no reason')}" for one in told if one["StateValue"] == "ALARM"]
    if ringing:
        raise Failed(" | ".join(ringing), "the README's section Deploy says what to do about each")
    if len(told) != len(names):
        raise Failed(f"{len(names) - len(told)} of {len(names)} alarms are not there", "run `sam deploy` again")
    waiting = sum(one["StateValue"] == "INSUFFICIENT_DATA" for one in told)
    return f"{len(told)} alarms, none in ALARM" + (f", {waiting} without data yet" if waiting else "")


def dashboard(run):
    """The step: the dashboard is there."""
    names = run.stack.resources("AWS::CloudWatch::Dashboard")
    if not names:
        raise Failed("the stack has no dashboard", "deploy the present template.yaml")
    told = run.aws("cloudwatch", "get-dashboard", "--dashboard-name", names[0])
    return f"{names[0]}, with {len(json.loads(told['DashboardBody'])['widgets'])} widgets"


def memory(run):
    """The step: of the last day's invocations none was near the function's memory."""
    logs = run.stack.output("Logs")
    told = run.aws("lambda", "get-function-configuration", "--function-name", run.stack.output("Function"))
    size = told["MemorySize"]
    since = str(int((time.time() - DAY) * 1000))

    def look():
        events = run.aws("logs", "filter-log-events", "--log-group-name", logs, "--start-time", since,
                         "--filter-pattern", '"Max Memory Used"')["events"]
        return [found for event in events if (found := REPORT.search(event["message"]))] or Waiting(f"no REPORT line in {logs}")

    found = run.report.until(look, "look whether the function was invoked, and whether its log group is this one")
    most = max(int(one[1]) for one in found)
    starts = [float(one[2]) for one in found if one[2]]
    init = f"Init Duration {max(starts):.0f} ms at most" if starts else "no Init Duration, for it was not started anew"
    used = f"{most} of {size} MB used at most ({100 * most // size} %), {init}, in {number(len(found))} invocations of a day"
    if 100 * most > SHARE * size:
        raise Failed(used, f"raise MemorySize: above {SHARE} % there is little left for a larger batch")
    return used
