"""The history: the state machine that merges the lake into an Iceberg table each day."""

import athena
from report import Failed, Waiting, number

# Sums tell apart what counts alone do not.
ROWS = "SELECT count(*), coalesce(sum(kafka_offset), 0) FROM "


def rows(told):
    return f"{number(int(told[0]))} rows (sum of offsets {number(int(told[1]))})"


def merge(run):
    """Starts the state machine and waits for its end."""
    started = run.aws("stepfunctions", "start-execution", "--state-machine-arn", run.stack.output("History"))
    execution = started["executionArn"]

    def look():
        told = run.aws("stepfunctions", "describe-execution", "--execution-arn", execution)
        return Waiting("the merge is RUNNING") if told["status"] in ("RUNNING", "PENDING_REDRIVE") else told

    done = run.report.until(look, f"look at the execution {execution}")
    if done["status"] != "SUCCEEDED":
        why = f"{done.get('error', 'no error named')}: {done.get('cause', 'no cause')}"
        raise Failed(f"{done['status']}: {why}", f"look at the execution {execution}")


def merged(run):
    """The step: after a merge the history has what quotes has."""
    merge(run)
    lake, history = athena.row(run, ROWS + "quotes"), athena.row(run, ROWS + "quotes_history")
    if lake != history:
        raise Failed(f"quotes_history has {rows(history)}, quotes {rows(lake)}",
                     "look at the merge's query in Athena's history of the workgroup")
    if lake[0] == "0":
        raise Failed("quotes has no rows, so this proves nothing", "mend the feed first")
    run.history = history
    return f"quotes_history has {rows(history)}, as quotes has"


def unchanged(run):
    """The step: a second merge of the same adds nothing."""
    merge(run)
    history = athena.row(run, ROWS + "quotes_history")
    if history != run.history:
        raise Failed(f"after a second merge quotes_history has {rows(history)}, before it {rows(run.history)}",
                     "let nothing feed the topic meanwhile; else history/merge.sql adds what is there")
    return f"a second merge has changed nothing: {rows(history)}"
