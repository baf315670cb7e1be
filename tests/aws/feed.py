"""The feed: rows into the topic, and whether each is in the lake once."""

import json

import watch
from report import Failed, Waiting, last_line, number

LOOKS = 3
EMPTY = "neither objects nor ledgers"  # audit's word of a lake that nothing was stored in yet


class Audit:
    """What `tickerlake audit` said of the topic."""

    def __init__(self, lines):
        told = [json.loads(line) for line in lines]
        partitions = [one for one in told if one["type"] == "partition"]
        generation = max((one["generation"] for one in partitions), default=0)
        self.newest = [one for one in partitions if one["generation"] == generation]
        self.findings = [one for one in told if one["type"] not in ("partition", "audit")]
        (self.total,) = [one for one in told if one["type"] == "audit"] or [{"stored": 0, "quarantined": 0}]

    @property
    def records(self):
        return self.total["stored"] + self.total["quarantined"]

    def is_clean(self):
        return self.total["clean"] and not self.total["missing"] and not self.total["repeats"]

    def reaches(self, delivered):
        """Whether each partition is stored up to its end in the topic, and to the last offset that was delivered."""
        ends = {one["partition"]: one["last"] for one in self.newest if one["last"] is not None}
        return self.total.get("lag") == 0 and all(
            ends.get(int(partition), -1) >= told["last_offset"] for partition, told in delivered.items())


def audit(run):
    words = ["--bucket", run.stack.output("Bucket"), "--prefix", run.stack.parameters.get("Prefix", "")]
    words += ["--topic", run.stack.output("Topic"), *run.client, "--format", "json"]
    ran = run.program("tickerlake", "audit", *words)
    if ran.returncode in (0, 4):
        return Audit(ran.stdout.splitlines())
    if EMPTY in ran.stderr:
        return Audit([])
    raise Failed(f"tickerlake audit: {last_line(ran.stderr)}", "it needs the permissions s3:ListBucket and s3:GetObject "
                 "on the bucket, and the broker")


def deliver(run):
    """The step: every row of the CSV that is a quote is in the topic."""
    run.before = audit(run).records
    rejects = run.scratch / "rejects"
    rejects.mkdir(exist_ok=True)
    ran = run.program("producer", run.asked.csv, "-t", run.stack.output("Topic"), *run.client,
                      "--rejects", rejects, "--format", "json")
    if ran.returncode not in (0, 3):
        raise Failed(f"producer: {last_line(ran.stderr)}", "see `producer --help`")
    run.delivered = json.loads(last_line(ran.stdout))
    if not run.delivered["delivered"]:
        raise Failed(f"{run.asked.csv} has no row that is a quote", "feed another one by --csv")
    rejected = f", {number(run.delivered['rejected'])} rejected" if run.delivered["rejected"] else ""
    return f"{number(run.delivered['delivered'])} records delivered{rejected}"


def stored(run):
    """The step: what was delivered is stored, each record once."""
    unclean = 0

    def look():
        nonlocal unclean
        found = audit(run)
        if not found.reaches(run.delivered["partitions"]):
            lag = found.total.get("lag")
            more = f"{number(found.records - run.before)} more stored"
            return Waiting("nothing is stored yet" if lag is None else f"{more}, lag {number(lag)}")
        # A batch that is being stored can look unclean between two of its writes.
        unclean += not found.is_clean()
        return found if found.is_clean() or unclean == LOOKS else Waiting("all stored, but not clean")

    found = run.report.until(look, lambda: f"the event source says: {watch.result(run)}; and read the log group "
                             f"{run.stack.output('Logs')}")
    total, delivered = found.total, run.delivered["delivered"]
    if not found.is_clean():
        first = json.dumps(found.findings[0]) if found.findings else json.dumps(total)
        raise Failed(f"{number(total['missing'])} missing, {number(total['repeats'])} twice; first finding: {first}",
                     "run `tickerlake audit` with the bucket and the broker for the rest")
    grown = found.records - run.before
    if grown < delivered:
        raise Failed(f"{number(delivered)} delivered, but only {number(grown)} more stored",
                     "run `tickerlake audit`: its ledger tells what was given up")
    run.audit = found
    others = f", and {number(grown - delivered)} that others sent" if grown > delivered else ""
    aside = f", {number(total['quarantined'])} in the quarantine" if total["quarantined"] else ""
    return f"{number(delivered)} delivered, each stored once{others}; {number(found.records)} in the lake{aside}, lag 0"
