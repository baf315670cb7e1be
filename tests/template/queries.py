"""The saved queries: the files of queries/ are their one source."""

import json
import re

BEGIN = "  # begin: made from queries/ by tests/template/check --write\n"
END = "  # end\n"


def files(root):
    """The text of each file, by its path below queries/ without `.sql`; views first, since the others need them."""
    folder = root / "queries"
    paths = sorted(folder.rglob("*.sql"), key=lambda path: (path.parent.name != "views", path))
    if not paths:
        raise FileNotFoundError(f"{folder} has no queries")
    return {path.relative_to(folder).with_suffix("").as_posix(): path.read_text() for path in paths}


def section(root):
    """The resources, as the template has them."""
    return "".join(resource(name, text) for name, text in files(root).items())


def resource(name, text):
    words = re.split(r"[/_]", name)
    logical_id = "".join(word.capitalize() for word in words if not word.isdigit())
    first = text.splitlines()[0].removeprefix("-- ")
    body = "".join(f"        {line}\n" if line else "\n" for line in text.splitlines())
    return (
        f"\n  Query{logical_id}:\n"
        "    Type: AWS::Athena::NamedQuery\n"
        "    Properties:\n"
        f"      Name: {name}\n"
        f"      Description: {json.dumps(first)}\n"
        "      Database: !Ref Database\n"
        "      WorkGroup: !Ref WorkGroup\n"
        f"      QueryString: |\n{body}"
    )


def write(root, path):
    """Makes the template's section anew."""
    text = path.read_text()
    before, rest = text.split(BEGIN)
    _, after = rest.split(END)
    path.write_text(before + BEGIN + section(root) + "\n" + END + after)


def differences(root, resources):
    """What the template's saved queries have else than the files."""
    wanted = files(root)
    found = {}
    for body in resources.values():
        if body["Type"] == "AWS::Athena::NamedQuery":
            found[body["Properties"]["Name"]] = body["Properties"]["QueryString"]
    for name in wanted.keys() - found.keys():
        yield f"queries/{name}.sql is no saved query of the template; run tests/template/check --write"
    for name in found.keys() - wanted.keys():
        yield f"the saved query {name} has no file; run tests/template/check --write"
    for name in wanted.keys() & found.keys():
        if wanted[name] != found[name]:
            yield f"the saved query {name} differs from queries/{name}.sql; run tests/template/check --write"
