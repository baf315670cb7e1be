"""The daily statements for the table quotes_history, generated into template.yaml from their only source, history/.

The template's state machine runs them one after another.
"""

import json
import re

import resolve

BEGIN = "          # begin: generated from history/ by tests/template/check --write\n"
END = "          # end\n"
# In execution order. Athena may need several executions for a statement in PARTIAL, of which all but the last one fail.
STATEMENTS = ["create", "columns", "merge", "optimize", "vacuum"]
PARTIAL = ["optimize", "vacuum"]
# Statements whose failure is ignored: ALTER TABLE fails if the table has the columns, and Athena has no IF NOT EXISTS.
OPTIONAL = ["columns"]
MAX_QUERY_BYTES = 262144  # Athena's limit


def read_statement(root, name):
    """Returns the statement in a file without the leading comments."""
    text = (root / f"history/{name}.sql").read_text()
    return re.sub(r"\A(--.*\n)+", "", text)


def generate(root):
    """Returns the states in the template's YAML."""
    return "".join(generate_state(root, index) for index in range(len(STATEMENTS)))


def generate_state(root, index):
    name = STATEMENTS[index]
    attempts = 20 if name in PARTIAL else 2
    transition = "End: true" if name == STATEMENTS[-1] else f"Next: {STATEMENTS[index + 1].capitalize()}"
    # A failed query is not repeated here, because that it fails is the normal case.
    failure = (
        f"            Catch: [{{ ErrorEquals: [States.TaskFailed], ResultPath: null, {transition} }}]\n"
        if name in OPTIONAL
        else "            Retry:\n"
        f"              - {{ ErrorEquals: [States.TaskFailed], IntervalSeconds: 30, MaxAttempts: {attempts}, BackoffRate: 1.2 }}\n"
    )
    body = "".join(f"                {line}\n" if line else "\n" for line in read_statement(root, name).splitlines())
    return (
        f"          {name.capitalize()}:\n"
        "            Type: Task\n"
        "            Resource: arn:${Partition}:states:::athena:startQueryExecution.sync\n"
        "            Parameters:\n"
        "              WorkGroup: ${WorkGroup}\n"
        "              QueryExecutionContext: { Database: \"${Database}\" }\n"
        f"              QueryString: |\n{body}"
        "            ResultPath: null\n"
        f"{failure}"
        f"            {transition}\n"
    )


def write(root, template):
    """Replaces the states in the template with generated ones."""
    before, rest = template.read_text().split(BEGIN)
    _, after = rest.split(END)
    template.write_text(before + BEGIN + generate(root) + END + after)


def differences(root, resources):
    """Yields the differences between the state machine and the files."""
    machine = resources["History"]["Properties"]
    definition = json.loads(machine["DefinitionString"])
    order, next_state = [], definition["StartAt"]
    while next_state:
        order.append(next_state.lower())
        next_state = definition["States"][next_state].get("Next")
    if order != STATEMENTS or len(definition["States"]) != len(STATEMENTS):
        yield f"the state machine runs {', '.join(order)}"
    files = {path.stem for path in (root / "history").glob("*.sql")}
    if files != set(STATEMENTS):
        yield f"history/ contains {', '.join(sorted(files))}, but the state machine runs {', '.join(STATEMENTS)}"
    substitutions = machine["DefinitionSubstitutions"]
    for name in STATEMENTS:
        expected = resolve.substitute(read_statement(root, name), substitutions)
        if "${" in expected:
            yield f"history/{name}.sql has a placeholder that the state machine does not substitute"
        if definition["States"].get(name.capitalize(), {}).get("Parameters", {}).get("QueryString") != expected:
            yield f"the state machine's {name} differs from history/{name}.sql; run tests/template/check --write"
        if len(expected.encode()) > MAX_QUERY_BYTES:
            yield f"history/{name}.sql is too long for Athena"
