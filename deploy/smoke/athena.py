"""Athena: runs the saved queries, and counts the rows of the table quotes."""

import json

from report import Failed, Pending, counted

POLL_PAUSE = 1  # seconds between two polls; a query takes a few seconds


def execute(run, sql):
    """Runs a query in the stack's workgroup and returns its QueryExecution."""
    # As JSON, because the CLI mistakes a query that begins with a comment for an option.
    request = {
        "QueryString": sql,
        "WorkGroup": run.stack.output("WorkGroup"),
        "QueryExecutionContext": {"Database": run.stack.output("Database")},
    }
    started = run.aws("athena", "start-query-execution", "--cli-input-json", json.dumps(request))
    query_id = started["QueryExecutionId"]

    def poll():
        execution = run.aws("athena", "get-query-execution", "--query-execution-id", query_id)["QueryExecution"]
        state = execution["Status"]["State"]
        return Pending(f"a query is {state}") if state in ("QUEUED", "RUNNING") else execution

    execution = run.report.wait_until(poll, "see the workgroup's query history in Athena's console", pause=POLL_PAUSE)
    if execution["Status"]["State"] != "SUCCEEDED":
        reason = execution["Status"].get("StateChangeReason", "no reason given")
        raise Failed(f"{execution['Status']['State']}: {reason}", "run the query in Athena's console, in the workgroup "
                     f"{request['WorkGroup']}; it needs permissions for Athena, the catalog (glue:GetTable) and S3")
    return execution


def single_row(run, sql):
    """Returns the only row of a query's result, as a list of strings."""
    query_id = execute(run, sql)["QueryExecutionId"]
    results = run.aws("athena", "get-query-results", "--query-execution-id", query_id)
    _names, values = results["ResultSet"]["Rows"]
    return [cell.get("VarCharValue") for cell in values["Data"]]


def count_quotes(run):
    """Returns the number of rows in the table quotes."""
    return int(single_row(run, "SELECT count(*) FROM quotes")[0])


def is_select(sql):
    """Returns whether a statement only reads, rather than creating or changing something."""
    lines = [line for line in sql.splitlines() if line.strip() and not line.lstrip().startswith("--")]
    return lines[0].split()[0].upper() in ("SELECT", "WITH")


def list_saved_queries(run):
    """Returns the workgroup's saved queries: first those that create something, then those that only read."""
    listed = run.aws("athena", "list-named-queries", "--work-group", run.stack.output("WorkGroup"))
    all_ids = listed["NamedQueryIds"]
    found = []
    for first in range(0, len(all_ids), 50):  # the API returns at most 50 at once
        ids = all_ids[first:first + 50]
        found += run.aws("athena", "batch-get-named-query", "--named-query-ids", *ids)["NamedQueries"]
    return sorted(found, key=lambda query: (is_select(query["QueryString"]), query["Name"]))


def saved_queries(run):
    """Step: every saved query succeeds."""
    queries, scanned, failures = list_saved_queries(run), 0, []
    if not queries:
        raise Failed("the workgroup has no saved queries", "deploy the current template.yaml")
    for query in queries:
        try:
            scanned += execute(run, query["QueryString"])["Statistics"].get("DataScannedInBytes", 0)
        except Failed as failed:
            failures.append(f"{query['Name']}: {failed}")
    if failures:
        raise Failed(f"{len(failures)} of {len(queries)}: {' | '.join(failures)}", "correct the files in queries/")
    statements = [query["Name"] for query in queries if not is_select(query["QueryString"])]
    note = f" (including statements that are not queries: {', '.join(statements)})" if statements else ""
    return f"{len(queries)} succeeded{note}, {counted(scanned, 'byte')} scanned"


def count(run):
    """Step: Athena finds as many rows as the audit counted."""
    found, expected = count_quotes(run), run.audit.total["stored"]
    if found != expected:
        raise Failed(f"quotes has {counted(found, 'row')}, and the lake {counted(expected, 'valid record')}",
                     "check whether FirstDate is later than the feed's first day, and whether another producer writes "
                     "to the topic")
    return f"quotes has {counted(found, 'row')}, as many as the lake has valid records"
