"""The daily statements of the table quotes_history: the files of history/ are their one source, and the template's state
machine runs them one after another."""

import json
import re

import resolve

BEGIN = "          # begin: generated from history/ by tests/template/check --write\n"
END = "          # end\n"
# In the order in which they are run. Athena may do the last two in parts, and then fails each but the last.
STATEMENTS = ["create", "merge", "optimize", "vacuum"]
IN_PARTS = ["optimize", "vacuum"]
MOST_BYTES = 262144  # of a query, Athena's limit


def statement(root, name):
    """The file's statement, without what it says of itself."""
    text = (root / f"history/{name}.sql").read_text()
    return re.sub(r"\A(--.*\n)+", "", text)


def states(root):
    """The states, as the template has them."""
    return "".join(state(root, place) for place in range(len(STATEMENTS)))


def state(root, place):
    name = STATEMENTS[place]
    attempts = 20 if name in IN_PARTS else 2
    following = "End: true" if name == STATEMENTS[-1] else f"Next: {STATEMENTS[place + 1].capitalize()}"
    body = "".join(f"                {line}\n" if line else "\n" for line in statement(root, name).splitlines())
    return (
        f"          {name.capitalize()}:\n"
        "            Type: Task\n"
        "            Resource: arn:${Partition}:states:::athena:startQueryExecution.sync\n"
        "            Parameters:\n"
        "              WorkGroup: ${WorkGroup}\n"
        "              QueryExecutionContext: { Database: \"${Database}\" }\n"
        f"              QueryString: |\n{body}"
        "            ResultPath: null\n"
        "            Retry:\n"
        f"              - {{ ErrorEquals: [States.TaskFailed], IntervalSeconds: 30, MaxAttempts: {attempts}, BackoffRate: 1.2 }}\n"
        f"            {following}\n"
    )


def write(root, template):
    """Makes the template's states anew."""
    before, rest = template.read_text().split(BEGIN)
    _, after = rest.split(END)
    template.write_text(before + BEGIN + states(root) + END + after)


def differences(root, resources):
    """What the state machine runs else than the files."""
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
        yield f"history/ has {', '.join(sorted(files))}, and the state machine runs {', '.join(STATEMENTS)}"
    given = machine["DefinitionSubstitutions"]
    for name in STATEMENTS:
        wanted = resolve.filled(statement(root, name), given)
        if "${" in wanted:
            yield f"history/{name}.sql has a name that the state machine is not told"
        if definition["States"].get(name.capitalize(), {}).get("Parameters", {}).get("QueryString") != wanted:
            yield f"the state machine's {name} differs from history/{name}.sql; run tests/template/check --write"
        if len(wanted.encode()) > MOST_BYTES:
            yield f"history/{name}.sql is too long for Athena"
