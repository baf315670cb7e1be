"""The history: the state machine that merges the lake into an Iceberg table every day."""

import athena
from report import Failed, Pending, counted, grouped

# The sum reveals differences that the count alone does not.
TOTALS = "SELECT count(*), coalesce(sum(kafka_offset), 0) FROM "


def describe(totals):
    return f"{counted(int(totals[0]), 'row')} (sum of offsets {grouped(int(totals[1]))})"


def merge(run):
    """Starts the state machine and waits until it ends."""
    started = run.aws("stepfunctions", "start-execution", "--state-machine-arn", run.stack.output("History"))
    arn = started["executionArn"]

    def poll():
        described = run.aws("stepfunctions", "describe-execution", "--execution-arn", arn)
        return Pending("the merge is RUNNING") if described["status"] in ("RUNNING", "PENDING_REDRIVE") else described

    execution = run.report.wait_until(poll, f"see the execution {arn}")
    if execution["status"] != "SUCCEEDED":
        reason = f"{execution.get('error', 'no error given')}: {execution.get('cause', 'no cause given')}"
        raise Failed(f"{execution['status']}: {reason}", f"see the execution {arn}")


def merged(run):
    """Step: after a merge the history has the rows of quotes."""
    merge(run)
    lake, history = athena.single_row(run, TOTALS + "quotes"), athena.single_row(run, TOTALS + "quotes_history")
    if lake != history:
        raise Failed(f"quotes_history has {describe(history)}, quotes has {describe(lake)}",
                     "see the merge's query in the workgroup's query history")
    if lake[0] == "0":
        raise Failed("quotes has no rows, so this step proves nothing", "fix the feed first")
    run.history = history
    return f"quotes_history has {describe(history)}, the same as quotes"


def unchanged(run):
    """Step: a second merge of the same rows adds nothing."""
    merge(run)
    history = athena.single_row(run, TOTALS + "quotes_history")
    if history != run.history:
        raise Failed(f"quotes_history has {describe(history)} after a second merge, but had {describe(run.history)} before it",
                     "stop all producers and run this again; if the counts still differ, deploy/history/merge.sql adds rows "
                     "that exist already")
    return f"a second merge changed nothing: {describe(history)}"
