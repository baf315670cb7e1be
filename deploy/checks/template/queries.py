"""The saved queries and the views: deploy/queries.yaml, generated from their only source, queries/."""

import base64
import json
import re
import textwrap

import columns

# Athena's names of the catalog's types, if they differ.
TYPES = {"string": "varchar", "int": "integer"}
# Types of the columns that the views compute.
COMPUTED = {"dt": "string", "instant": "string", "bars": "bigint"}
PATH = "deploy/queries.yaml"
HEAD = """\
AWSTemplateFormatVersion: "2010-09-09"
Description: Tickerlake's saved queries and views. A nested stack of template.yaml.

# Generated from queries/ by deploy/checks/template/check --write: edit those files instead.

Parameters:
  Database: { Type: String }
  WorkGroup: { Type: String }

Resources:
"""


def read_queries(root):
    """Returns the text of each saved query, by its path in queries/ without `.sql`."""
    folder = root / "queries"
    paths = sorted(path for path in folder.rglob("*.sql") if path.parent.name != "views")
    if not paths:
        raise FileNotFoundError(f"{folder} has no queries")
    return {path.relative_to(folder).with_suffix("").as_posix(): path.read_text() for path in paths}


def generate(root):
    """Returns the template."""
    resources = [view_resource(name, body) for name, body in read_views(root).items()]
    resources += [query_resource(name, text) for name, text in read_queries(root).items()]
    return HEAD + "".join(resources).removeprefix("\n")


def read_views(root):
    """Returns each view by its name: its description, its columns, and its query on one line."""
    _, quotes, _ = columns.read_columns(root)
    types = dict(quotes) | COMPUTED
    found = {}
    for path in sorted((root / "queries/views").glob("*.sql")):
        text = path.read_text()
        query = " ".join(re.sub(r"^--.*", "", text, flags=re.MULTILINE).split())
        matched = re.fullmatch(rf"CREATE OR REPLACE VIEW {path.stem} AS (SELECT (.*?) FROM .*)", query)
        # Double quotes and backslashes would need escaping, and Fn::Sub interprets a dollar sign.
        if not matched or re.search(r"[\"\\\\$]|--", query):
            raise ValueError(f"{path} is not a simple view with the name of its file; adapt deploy/checks/template/queries.py to its form")
        found[path.stem] = {
            "description": first_line(text),
            "columns": [{"name": name, "type": types[name]} for name in select_list(matched[2])],
            "query": matched[1],
        }
    return found


def select_list(text):
    """Yields the name of each column of a select list: its alias, if it has one."""
    depth, start = 0, 0
    for end, char in enumerate(text + ","):
        depth += (char == "(") - (char == ")")
        if char == "," and depth == 0:
            yield text[start:end].split()[-1]
            start = end + 1


def view_record(body, database):
    """Returns a view as Athena stores it, before the Base64 encoding."""
    typed = [{"name": each["name"], "type": TYPES.get(each["type"], each["type"])} for each in body["columns"]]
    # The view runs with the caller's permissions, as all of Athena's views do. Trino requires this setting or an owner, and
    # later versions require a path.
    names = {"catalog": "awsdatacatalog", "schema": database, "path": [], "runAsInvoker": True}
    return json.dumps(names | {"columns": typed, "originalSql": body["query"]})


def view_resource(name, body):
    """Returns the YAML of a view: a table of the catalog, so that it exists before the first query."""
    column_lines = "".join(f"            - {{ Name: {each['name']}, Type: {each['type']} }}\n" for each in body["columns"])
    lines = textwrap.wrap(view_record(body, "${Database}"), 102, break_long_words=False, break_on_hyphens=False)
    folded = "".join(f"                {line}\n" for line in lines)
    return (
        f"\n  View{camel_case(name)}:\n"
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
        f"{column_lines}"
    )


def camel_case(name):
    return "".join(word.capitalize() for word in re.split(r"[/_]", name) if not word.isdigit())


def first_line(text):
    return text.splitlines()[0].removeprefix("-- ")


def query_resource(name, text):
    body = "".join(f"        {line}\n" if line else "\n" for line in text.splitlines())
    return (
        f"\n  Query{camel_case(name)}:\n"
        "    Type: AWS::Athena::NamedQuery\n"
        "    Properties:\n"
        f"      Name: {name}\n"
        f"      Description: {json.dumps(first_line(text))}\n"
        "      Database: !Ref Database\n"
        "      WorkGroup: !Ref WorkGroup\n"
        f"      QueryString: |\n{body}"
    )


def write(root):
    (root / PATH).write_text(generate(root))


def decode_view(text):
    """Returns the record that Athena decodes from a view's text."""
    return base64.b64decode(text.removeprefix("/* Presto View: ").removesuffix(" */"), validate=True).decode()


def view_differences(root, resources, database):
    """Yields the differences between the template's views and the files."""
    expected = read_views(root)
    inputs = [body["Properties"]["TableInput"] for body in resources.values() if body["Type"] == "AWS::Glue::Table"]
    found = {table["Name"]: table for table in inputs if table["TableType"] == "VIRTUAL_VIEW"}
    if found.keys() != expected.keys():
        yield f"the views are {sorted(found)}, but queries/views/ contains {sorted(expected)}; run deploy/checks/template/check --write"
        return
    for name, body in expected.items():
        table = found[name]
        if decode_view(table["ViewOriginalText"]) != view_record(body, database):
            yield f"the view {name} differs from queries/views/{name}.sql; run deploy/checks/template/check --write"
        if table["StorageDescriptor"]["Columns"] != [{"Name": c["name"], "Type": c["type"]} for c in body["columns"]]:
            yield f"the columns of the view {name} differ from those of its query; run deploy/checks/template/check --write"
        if table["Parameters"].get("presto_view") != "true":
            yield f"Athena would not recognise {name} as a view: presto_view is not true"


def differences(root, resources):
    """Yields the differences between the template's saved queries and the files."""
    if (root / PATH).read_text() != generate(root):
        yield f"{PATH} is not what queries/ generates; run deploy/checks/template/check --write"
    expected = read_queries(root)
    found = {}
    for body in resources.values():
        if body["Type"] == "AWS::Athena::NamedQuery":
            found[body["Properties"]["Name"]] = body["Properties"]["QueryString"]
    for name in expected.keys() - found.keys():
        yield f"the template has no saved query for queries/{name}.sql; run deploy/checks/template/check --write"
    for name in found.keys() - expected.keys():
        yield f"the saved query {name} has no file; run deploy/checks/template/check --write"
    for name in expected.keys() & found.keys():
        if expected[name] != found[name]:
            yield f"the saved query {name} differs from queries/{name}.sql; run deploy/checks/template/check --write"
