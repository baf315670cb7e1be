"""Sends the CSV's rows to the topic, and checks that the lake has each record once."""

import json

import watch
from report import Failed, Pending, counted, grouped, last_line

UNCLEAN_POLLS = 3  # audits with findings, one after another, before the step fails
EMPTY = "no object or ledger"  # part of the message of `tickerlake audit` for an empty lake


class Audit:
    """The parsed output of `tickerlake audit --format json` for the topic."""

    def __init__(self, lines):
        entries = [json.loads(line) for line in lines]
        partitions = [one for one in entries if one["type"] == "partition"]
        generation = max((one["generation"] for one in partitions), default=0)
        self.newest = [one for one in partitions if one["generation"] == generation]
        self.findings = [one for one in entries if one["type"] not in ("partition", "audit")]
        (self.total,) = [one for one in entries if one["type"] == "audit"] or [{"stored": 0, "quarantined": 0}]

    @property
    def records(self):
        return self.total["stored"] + self.total["quarantined"]

    def is_clean(self):
        return self.total["clean"] and not self.total["missing"] and not self.total["repeats"]

    def covers(self, delivered, has_broker):
        """Returns whether each partition is stored up to its end in the topic and to the last delivered offset.

        Without a broker, the topic has ended with `tickerlake run`.
        """
        ends = {one["partition"]: one["last"] for one in self.newest if one["last"] is not None}
        return self.total.get("lag") == (0 if has_broker else None) and all(
            ends.get(int(partition), -1) >= summary["last_offset"] for partition, summary in delivered.items())


def audit(run):
    words = ["--bucket", run.stack.output("Bucket"), "--prefix", run.stack.parameters.get("Prefix", "")]
    words += ["--topic", run.stack.output("Topic"), *run.client, "--format", "json"]
    process = run.program("tickerlake", "audit", *words)
    if process.returncode in (0, 4):
        return Audit(process.stdout.splitlines())
    if EMPTY in process.stderr:
        return Audit([])
    raise Failed(f"tickerlake audit: {last_line(process.stderr)}", "it needs the permissions s3:ListBucket and "
                 "s3:GetObject on the bucket, and access to the broker")


def deliver(run):
    """Step: every row of the CSV that is a quote is in the topic."""
    run.before = audit(run).records
    rejects = run.scratch / "rejects"
    rejects.mkdir(exist_ok=True)
    process = run.program("producer", run.asked.csv, "-t", run.stack.output("Topic"), *run.client,
                          "--rejects", rejects, "--format", "json")
    if process.returncode not in (0, 3):
        raise Failed(f"producer: {last_line(process.stderr)}", "see `producer --help`")
    run.delivered = json.loads(last_line(process.stdout))
    if not run.delivered["delivered"]:
        raise Failed(f"no row of {run.asked.csv} is a quote", "pass another file with --csv")
    rejected = f", {grouped(run.delivered['rejected'])} rejected" if run.delivered["rejected"] else ""
    return f"{counted(run.delivered['delivered'], 'record')} delivered{rejected}"


def run_locally(run):
    """Step: `tickerlake run` feeds the CSV through the pipeline on this machine into the stack's bucket."""
    run.client = []
    run.before = audit(run).records
    words = ["--bucket", run.stack.output("Bucket"), "--prefix", run.stack.parameters.get("Prefix", "")]
    process = run.program("tickerlake", "run", run.asked.csv, *words, "-t", run.stack.output("Topic"), "--rejects",
                          run.scratch, "--format", "json")
    if process.returncode not in (0, 3):
        raise Failed(f"tickerlake run: {last_line(process.stderr)}", "it needs the permissions s3:ListBucket, "
                     "s3:GetObject and s3:PutObject on the bucket")
    (run.delivered,) = [entry for entry in map(json.loads, process.stdout.splitlines()) if entry["type"] == "fed"]
    if not run.delivered["delivered"]:
        raise Failed(f"no row of {run.asked.csv} is a quote", "pass another file with --csv")
    return f"{counted(run.delivered['delivered'], 'record')} delivered by tickerlake run"


def stored(run):
    """Step: every delivered record is stored once."""
    unclean = 0

    def poll():
        nonlocal unclean
        found = audit(run)
        if not found.covers(run.delivered["partitions"], run.stack.has_broker):
            lag = found.total.get("lag")
            progress = f"{grouped(found.records - run.before)} more stored"
            return Pending("nothing is stored yet" if lag is None else f"{progress}, lag {grouped(lag)}")
        # A batch that is being stored can look unclean between two of its writes.
        unclean += not found.is_clean()
        return found if found.is_clean() or unclean == UNCLEAN_POLLS else Pending("all stored, but the audit has findings")

    def remedy():
        if not run.stack.has_broker:
            return "run `tickerlake audit` with the bucket to see what is stored"
        return f"the event source reports: {watch.event_source_state(run)}; read the log group {run.stack.output('Logs')}"

    found = run.report.wait_until(poll, remedy)
    total, delivered = found.total, run.delivered["delivered"]
    if not found.is_clean():
        first = json.dumps(found.findings[0]) if found.findings else json.dumps(total)
        raise Failed(f"{grouped(total['missing'])} missing, {grouped(total['repeats'])} duplicate; first finding: {first}",
                     "run `tickerlake audit` with the bucket and the broker to see all findings")
    added = found.records - run.before
    if added < delivered:
        raise Failed(f"{grouped(delivered)} delivered, but only {grouped(added)} more stored",
                     "run `tickerlake audit`: the ledger lists the records that were given up")
    run.audit = found
    others = f", and {grouped(added - delivered)} from other producers" if added > delivered else ""
    quarantined = f", {grouped(total['quarantined'])} in the quarantine" if total["quarantined"] else ""
    return (f"{grouped(delivered)} delivered, each stored once{others}; {grouped(found.records)} in the lake{quarantined}"
            f"{', lag 0' if run.stack.has_broker else ''}")
