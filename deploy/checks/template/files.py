"""Reads template.yaml and its nested templates as CloudFormation gets them: packaged and after SAM's transform."""

import json
import logging
import os
import pathlib
import sys
import tomllib

from samtranslator.model.exceptions import InvalidDocumentException
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator
from samtranslator.yaml_helper import yaml_parse

ROOT = pathlib.Path(__file__).resolve().parents[3]
TEMPLATE = "template.yaml"
NESTED = "AWS::CloudFormation::Stack"
# Where `package` pretends to have uploaded the files.
BUCKET = "bucket"
# The translator reads the region from boto3. Nothing calls AWS.
os.environ.update(AWS_DEFAULT_REGION="us-east-1", AWS_EC2_METADATA_DISABLED="true")
# The translator logs that its usage metrics have no publisher.
logging.getLogger("samtranslator.metrics").setLevel(logging.ERROR)


def load(parameters):
    """Returns every template by its path, beginning with template.yaml, whose values are `parameters`."""
    found = {TEMPLATE: read(TEMPLATE, parameters)}
    waiting = [TEMPLATE]
    while waiting:
        for path in nested(found[waiting.pop()]).values():
            if path in found:
                sys.exit(f"template: {path} is nested twice; resolve.py expects each template once")
            found[path] = read(path, {})
            waiting.append(path)
    return found


def nested(template):
    """Returns the path of each nested template by its logical name."""
    resources = template["Resources"].items()
    return {name: body["Properties"]["TemplateURL"] for name, body in resources if body["Type"] == NESTED}


def read(path, parameters):
    """Returns a template as CloudFormation gets it. Exits if SAM rejects it."""
    template = include(yaml_parse((ROOT / path).read_text()), ROOT / path)
    definitions = package(path, template)
    if "Transform" not in template:
        return template
    try:
        result = Translator({}, Parser()).translate(template, dict(parameters))
    except InvalidDocumentException as error:
        causes = "; ".join(cause.message for cause in error.causes)
        sys.exit(f"template: SAM rejects {path}: {causes}")
    for name, definition in definitions.items():
        properties = result["Resources"][name]["Properties"]
        del properties["DefinitionS3Location"]
        properties["DefinitionString"] = {"Fn::Join": ["\n", definition.split("\n")]}
    return result


def include(node, path):
    """Returns the node with the contents of the files that AWS::Include names."""
    if isinstance(node, list):
        return [include(part, path) for part in node]
    if not isinstance(node, dict):
        return node
    node = {key: include(part, path) for key, part in node.items()}
    transform = node.pop("Fn::Transform", None)
    if transform is None:
        return node
    if transform["Name"] != "AWS::Include":
        sys.exit(f"template: {path} uses the macro {transform['Name']}, which files.py does not know")
    return node | json.loads((path.parent / transform["Parameters"]["Location"]).read_text())


def package(path, template):
    """Replaces local files by the locations to which `sam deploy` uploads them. Returns the text of each state machine."""
    definitions = {}
    for name, body in template["Resources"].items():
        properties = body.get("Properties", {})
        if body["Type"] == "AWS::Serverless::Function":
            manifest = tomllib.loads((ROOT / properties["CodeUri"] / "Cargo.toml").read_text())
            if body["Metadata"]["BuildProperties"]["Binary"] != manifest["package"]["name"]:
                sys.exit("template: Binary is not the program in CodeUri")
            properties["CodeUri"] = f"s3://{BUCKET}/sink.zip"
        if body["Type"] == "AWS::Serverless::StateMachine":
            definitions[name] = ((ROOT / path).parent / properties["DefinitionUri"]).read_text()
            properties["DefinitionUri"] = f"s3://{BUCKET}/{name}.asl.json"
    return definitions
