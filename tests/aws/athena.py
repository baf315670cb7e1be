"""Athena: the saved queries, and questions of smoke's own."""

import json

from report import Failed, Waiting, number

QUICK = 1  # seconds between two looks; queries are done in a few


def ask(run, sql):
    """Runs a query in the stack's workgroup; returns its execution."""
    # As JSON, for the CLI takes a query that begins with a comment for an option.
    asked = {
        "QueryString": sql,
        "WorkGroup": run.stack.output("WorkGroup"),
        "QueryExecutionContext": {"Database": run.stack.output("Database")},
    }
    started = run.aws("athena", "start-query-execution", "--cli-input-json", json.dumps(asked))
    identity = started["QueryExecutionId"]

    def look():
        told = run.aws("athena", "get-query-execution", "--query-execution-id", identity)["QueryExecution"]
        state = told["Status"]["State"]
        return Waiting(f"a query is {state}") if state in ("QUEUED", "RUNNING") else told

    done = run.report.until(look, "look at it in Athena's history of the workgroup", pause=QUICK)
    if done["Status"]["State"] != "SUCCEEDED":
        reason = done["Status"].get("StateChangeReason", "no reason")
        raise Failed(f"{done['Status']['State']}: {reason}", "run it in Athena's console, in the workgroup "
                     f"{asked['WorkGroup']}; the permissions are of Athena, of the catalog (glue:GetTable) and of S3")
    return done


def row(run, sql):
    """The only row of a query's result, as text."""
    identity = ask(run, sql)["QueryExecutionId"]
    told = run.aws("athena", "get-query-results", "--query-execution-id", identity)
    _names, values = told["ResultSet"]["Rows"]
    return [cell.get("VarCharValue") for cell in values["Data"]]


def quotes(run):
    """The rows of the table quotes."""
    return int(row(run, "SELECT count(*) FROM quotes")[0])


def is_question(sql):
    words = [line for line in sql.splitlines() if line.strip() and not line.lstrip().startswith("--")]
    return words[0].split()[0].upper() in ("SELECT", "WITH")


def saved(run):
    """The workgroup's saved queries; what makes something comes before what asks for it."""
    listed = run.aws("athena", "list-named-queries", "--work-group", run.stack.output("WorkGroup"))
    identities = listed["NamedQueryIds"]
    found = []
    for begin in range(0, len(identities), 50):  # no more are told at once
        ids = identities[begin:begin + 50]
        found += run.aws("athena", "batch-get-named-query", "--named-query-ids", *ids)["NamedQueries"]
    return sorted(found, key=lambda query: (is_question(query["QueryString"]), query["Name"]))


def saved_queries(run):
    """The step: each saved query succeeds."""
    queries, scanned, failures = saved(run), 0, []
    if not queries:
        raise Failed("the workgroup has no saved queries", "deploy the present template.yaml")
    for query in queries:
        try:
            scanned += ask(run, query["QueryString"])["Statistics"].get("DataScannedInBytes", 0)
        except Failed as failed:
            failures.append(f"{query['Name']}: {failed}")
    if failures:
        raise Failed(f"{len(failures)} of {len(queries)}: {' | '.join(failures)}", "mend the file in queries/")
    making = [query["Name"] for query in queries if not is_question(query["QueryString"])]
    told = f" (no question, but run as well: {', '.join(making)})" if making else ""
    return f"{len(queries)} succeeded{told}, {number(scanned)} bytes scanned"


def count(run):
    """The step: Athena sees as many rows as the audit has counted."""
    seen, wanted = quotes(run), run.audit.total["stored"]
    if seen != wanted:
        raise Failed(f"quotes has {number(seen)} rows, and the lake {number(wanted)} good records",
                     "look whether FirstDate is after the first day of the feed, and whether something else feeds the topic")
    return f"quotes has {number(seen)} rows, as many as the lake has good records"
