"""The daily statements for the table quotes_history: a state machine, generated from their only source, deploy/history/.

The state machine runs them one after another. Its definition is a separate file, which `sam deploy` uploads.
"""

import json
import re

import resolve

PATH = "deploy/history.asl.json"
# In execution order. Athena may need several executions for a statement in PARTIAL, of which all but the last one fail.
STATEMENTS = ["create", "columns", "merge", "optimize", "vacuum"]
PARTIAL = ["optimize", "vacuum"]
# Statements whose failure is ignored: ALTER TABLE fails if the table has the columns, and Athena has no IF NOT EXISTS.
OPTIONAL = ["columns"]
MAX_QUERY_BYTES = 262144  # Athena's limit


def read_statement(root, name):
    """Returns the statement in a file without the leading comments."""
    text = (root / f"deploy/history/{name}.sql").read_text()
    return re.sub(r"\A(--.*\n)+", "", text)


def generate(root):
    """Returns the definition."""
    definition = {
        "Comment": "Merges the new records of quotes into quotes_history. Generated from deploy/history/.",
        "StartAt": STATEMENTS[0].capitalize(),
        "States": {name.capitalize(): state(root, index) for index, name in enumerate(STATEMENTS)},
    }
    return json.dumps(definition, indent=2) + "\n"


def state(root, index):
    name = STATEMENTS[index]
    transition = {"End": True} if name == STATEMENTS[-1] else {"Next": STATEMENTS[index + 1].capitalize()}
    failed = {"ErrorEquals": ["States.TaskFailed"]}
    attempts = {"IntervalSeconds": 30, "MaxAttempts": 20 if name in PARTIAL else 2, "BackoffRate": 1.2}
    # A failed query is not repeated here, because that it fails is the normal case.
    failure = {"Catch": [failed | {"ResultPath": None} | transition]} if name in OPTIONAL else {"Retry": [failed | attempts]}
    task = {
        "Type": "Task",
        "Resource": "arn:${Partition}:states:::athena:startQueryExecution.sync",
        "Parameters": {
            "WorkGroup": "${WorkGroup}",
            "QueryExecutionContext": {"Database": "${Database}"},
            "QueryString": read_statement(root, name),
        },
        "ResultPath": None,
    }
    return task | failure | transition


def write(root):
    (root / PATH).write_text(generate(root))


def differences(root, resources):
    """Yields the differences between the state machine and the files."""
    if (root / PATH).read_text() != generate(root):
        yield f"{PATH} is not what deploy/history/ generates; run deploy/checks/template/check --write"
    machine = resources["History"]["Properties"]
    definition = json.loads(machine["DefinitionString"])
    order, next_state = [], definition["StartAt"]
    while next_state:
        order.append(next_state.lower())
        next_state = definition["States"][next_state].get("Next")
    if order != STATEMENTS or len(definition["States"]) != len(STATEMENTS):
        yield f"the state machine runs {', '.join(order)}"
    files = {path.stem for path in (root / "deploy/history").glob("*.sql")}
    if files != set(STATEMENTS):
        yield f"deploy/history/ contains {', '.join(sorted(files))}, but the state machine runs {', '.join(STATEMENTS)}"
    substitutions = machine["DefinitionSubstitutions"]
    for name in STATEMENTS:
        expected = resolve.substitute(read_statement(root, name), substitutions)
        if "${" in expected:
            yield f"deploy/history/{name}.sql has a placeholder that the state machine does not substitute"
        if definition["States"].get(name.capitalize(), {}).get("Parameters", {}).get("QueryString") != expected:
            yield f"the state machine's {name} differs from deploy/history/{name}.sql; run deploy/checks/template/check --write"
        if len(expected.encode()) > MAX_QUERY_BYTES:
            yield f"deploy/history/{name}.sql is too long for Athena"
