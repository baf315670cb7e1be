"""The book's page of Kafka clients: writes the result of `matrix` into it, and compares a result with it."""

import clients

BEGIN, END = "<!-- matrix: begin -->", "<!-- matrix: end -->"
WORDS = {"ok": "ok", "same": "as Kafka", "known": "differs", "DIFFERS": "**differs**", "-": "-"}


def render(marks, findings):
    """Returns the table of a run with both brokers, and the reasons below it."""
    names = list(dict.fromkeys(name for name, _ in marks))
    operations = [one for one in clients.OPERATIONS if any((name, one) in marks for name in names)]
    lines = ["| client | " + " | ".join(operations) + " |", "|---" * (len(operations) + 1) + "|"]
    for name in names:
        lines.append(f"| {name} | " + " | ".join(WORDS[marks[name, one]] for one in operations) + " |")
    for kind, title in (("known", "What differs"), ("same", "What fails with both")):
        lines += ["", f"### {title}", ""] + (_reasons([one for one in findings if one["kind"] == kind]) or ["Nothing."])
    return "\n".join(lines)


def _reasons(findings):
    """Returns one list item for each reason, with the clients and the operations that it concerns."""
    groups = {}
    for one in findings:
        groups.setdefault(one["reason"] or one["text"], []).append(one)
    lines = []
    for reason, group in groups.items():
        places = {}
        for one in group:
            places.setdefault((one["operation"], one["step"].rstrip("!")), []).append(one["client"])
        steps = {}
        for place, names in places.items():
            steps.setdefault(tuple(dict.fromkeys(names)), []).append(place)
        where = []
        for names, found in steps.items():
            by_operation = {}
            for operation, step in found:
                by_operation.setdefault(operation, []).append(step)
            what = ", ".join(f"`{operation}` ({', '.join(dict.fromkeys(all))})" for operation, all in by_operation.items())
            where.append(f"{', '.join(names)}: {what}")
        lines.append(f"- {'; '.join(where)}: {reason}.")
    return lines


def update(path, text):
    """Replaces what is between the marks of the page."""
    with open(path) as file:
        before, rest = file.read().split(BEGIN)
    after = rest.split(END)[1]
    with open(path, "w") as file:
        file.write(f"{before}{BEGIN}\n\n{text}\n\n{END}{after}")


def differences(path, marks):
    """Returns where a run differs from the page. Only the clients and the operations of the run are compared."""
    with open(path) as file:
        text = file.read().split(BEGIN)[1].split(END)[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("|")]
    if not rows:
        return [f"{path} has no table: write it with `just all-clients`"]
    operations = rows[0][1:]
    printed = {(row[0], operation): cell for row in rows[2:] for operation, cell in zip(operations, row[1:])}
    return [f"{name} {operation}: {path} says {printed.get((name, operation), 'nothing')}, and the result is {WORDS[mark]}"
            for (name, operation), mark in marks.items() if printed.get((name, operation)) != WORDS[mark]]
