"""The saved queries and the views: the files of queries/ are their one source."""

import base64
import json
import re
import textwrap

import columns

# Athena's names of the catalog's types, where they differ.
TYPES = {"string": "varchar", "int": "integer"}
BEGIN = "  # begin: generated from queries/ by tests/template/check --write\n"
END = "  # end\n"


def files(root):
    """The text of each saved query, by its path below queries/ without `.sql`."""
    folder = root / "queries"
    paths = sorted(path for path in folder.rglob("*.sql") if path.parent.name != "views")
    if not paths:
        raise FileNotFoundError(f"{folder} has no queries")
    return {path.relative_to(folder).with_suffix("").as_posix(): path.read_text() for path in paths}


def section(root):
    """The resources, as the template has them."""
    made = [view(name, body) for name, body in views(root).items()]
    made += [resource(name, text) for name, text in files(root).items()]
    return "".join(made)


def views(root):
    """What Athena keeps of each view, by its name: its description, its columns and its query, on one line."""
    quote, quotes, _ = columns.declared(root)
    types = dict(quotes) | {"dt": "string"}
    found = {}
    for path in sorted((root / "queries/views").glob("*.sql")):
        text = path.read_text()
        query = " ".join(re.sub(r"^--.*", "", text, flags=re.MULTILINE).split())
        matched = re.fullmatch(rf"CREATE OR REPLACE VIEW {path.stem} AS (SELECT (.*?) FROM .*)", query)
        # Quotes would have to be kept as they are, and a dollar means something to Fn::Sub.
        if not matched or re.search(r"['\"\\\\$]|--", query):
            raise ValueError(f"{path} is no plain view named after its file; teach tests/template/queries.py its form")
        found[path.stem] = {
            "description": first_line(text),
            "columns": [{"name": name, "type": types[name]} for name in matched[2].split(", ")],
            "query": matched[1],
        }
    return found


def record(body, database):
    """A view as Athena writes it down, before it is encoded."""
    kept = [{"name": each["name"], "type": TYPES.get(each["type"], each["type"])} for each in body["columns"]]
    # It runs with the rights of who asks, as all of Athena's do; Trino wants this, or an owner. Later ones want a path.
    names = {"catalog": "awsdatacatalog", "schema": database, "path": [], "runAsInvoker": True}
    return json.dumps(names | {"columns": kept, "originalSql": body["query"]})


def view(name, body):
    """A view is a table of the catalog, so it is there before anyone asks."""
    listed = "".join(f"            - {{ Name: {each['name']}, Type: {each['type']} }}\n" for each in body["columns"])
    lines = textwrap.wrap(record(body, "${DatabaseName}"), 102, break_long_words=False, break_on_hyphens=False)
    folded = "".join(f"                {line}\n" for line in lines)
    return (
        f"\n  View{camel(name)}:\n"
        "    Type: AWS::Glue::Table\n"
        "    Properties:\n"
        "      CatalogId: !Ref AWS::AccountId\n"
        "      DatabaseName: !Ref Database\n"
        "      TableInput:\n"
        f"        Name: {name}\n"
        f"        Description: {json.dumps(body['description'])}\n"
        "        TableType: VIRTUAL_VIEW\n"
        '        Parameters: { presto_view: "true", comment: Presto View }\n'
        "        ViewExpandedText: /* Presto View */\n"
        "        ViewOriginalText: !Sub\n"
        '          - "/* Presto View: ${Encoded} */"\n'
        "          - Encoded:\n"
        "              Fn::Base64: !Sub >-\n"
        f"{folded}"
        "        StorageDescriptor:\n"
        "          SerdeInfo: {}\n"
        "          Columns:\n"
        f"{listed}"
    )


def camel(name):
    return "".join(word.capitalize() for word in re.split(r"[/_]", name) if not word.isdigit())


def first_line(text):
    return text.splitlines()[0].removeprefix("-- ")


def resource(name, text):
    body = "".join(f"        {line}\n" if line else "\n" for line in text.splitlines())
    return (
        f"\n  Query{camel(name)}:\n"
        "    Type: AWS::Athena::NamedQuery\n"
        "    Properties:\n"
        f"      Name: {name}\n"
        f"      Description: {json.dumps(first_line(text))}\n"
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


def decoded(text):
    """What Athena reads out of a view's text."""
    return base64.b64decode(text.removeprefix("/* Presto View: ").removesuffix(" */"), validate=True).decode()


def different_views(root, resources, database):
    """What the template's views have else than the files."""
    wanted = views(root)
    inputs = [body["Properties"]["TableInput"] for body in resources.values() if body["Type"] == "AWS::Glue::Table"]
    found = {table["Name"]: table for table in inputs if table["TableType"] == "VIRTUAL_VIEW"}
    if found.keys() != wanted.keys():
        yield f"the views are {sorted(found)}, and queries/views/ has {sorted(wanted)}; run tests/template/check --write"
        return
    for name, body in wanted.items():
        table = found[name]
        if decoded(table["ViewOriginalText"]) != record(body, database):
            yield f"the view {name} differs from queries/views/{name}.sql; run tests/template/check --write"
        if table["StorageDescriptor"]["Columns"] != [{"Name": c["name"], "Type": c["type"]} for c in body["columns"]]:
            yield f"the view {name} has other columns than its query; run tests/template/check --write"
        if table["Parameters"].get("presto_view") != "true":
            yield f"Athena would not know {name} for a view: presto_view is not true"


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
