"""Makes a stack of template.yaml with each parameter set in moto's CloudFormation, in memory, and deletes it again.

This proves references: what a Ref, a GetAtt or a Sub names is there with these parameters, and outputs name what they
should. It proves neither that AWS takes the properties nor that the stack works. Exit codes: 0 all well, 1 something is
not."""

import copy
import io
import json
import logging
import re
import sys
import warnings
import zipfile
from contextlib import ExitStack, contextmanager
from unittest import mock

import boto3
from moto import mock_aws
from moto.cloudformation import parsing

import check
import resolve
import sets
from stand_ins import STOOD_IN, stand_in

NAME = resolve.PSEUDO["AWS::StackName"]
# The resource that each output names.
OUTPUTS = {
    "Bucket": "Lake",
    "Function": "Sink",
    "EventSource": "SinkQuotes",
    "Logs": "SinkLogs",
    "Database": "Database",
    "WorkGroup": "WorkGroup",
    "Crawler": "Crawler",
    "History": "History",
    "BrokerGroup": "Broker",
    "BrokerVolume": "BrokerVolume",
    "CaSecret": "CaSecret",
    "ProducerSecret": "ProducerSecret",
}


class Broken(Exception):
    """What moto would have passed over."""


def without_holes(clean_json):
    """moto's evaluation, but that it fails where a name leads nowhere, and leaves AWS::NoValue out of lists too."""

    def cleaned(node, names):
        if isinstance(node, dict) and "Fn::GetAZs" in node:
            # moto takes the region as it stands.
            node = {"Fn::GetAZs": cleaned(node["Fn::GetAZs"], names)}
        try:
            result = clean_json(node, names)
        except KeyError as error:
            if isinstance(node, dict) and node.get("Ref") == error.args[0]:
                raise Broken(f"there is no {node['Ref']}") from error
            raise
        if isinstance(node, list):
            return [part for part in result if part is not None]
        if isinstance(node, dict) and result is None and node.get("Ref") != "AWS::NoValue" and "Fn::If" not in node:
            raise Broken(f"{json.dumps(node)} names what this stack does not have")
        return result

    return cleaned


@contextmanager
def watched(stood_in):
    """While it lasts, moto has stand-ins of these types. Gives what it evaluates, and what it deletes."""
    models = {kind: stand_in(kind) for kind in stood_in}
    model, named = parsing.resource_class_from_type, parsing.resource_name_property_from_type
    parse, delete = parsing.parse_resource_and_generate_name, parsing.ResourceMap._delete_resource
    evaluated, deleted = {}, set()

    def parsed(name, body, names):
        result = parse(name, body, names)
        evaluated[name] = copy.deepcopy(result and result[1])
        return result

    def deleting(resources, resource, body):
        delete(resources, resource, body)
        deleted.add(resource.logical_resource_id)

    def name_property(kind):
        return models[kind].cloudformation_name_type() if kind in models else named(kind)

    def modelled(kind):
        found = models.get(kind) or model(kind)
        if found is None:
            raise Broken(f"moto does not know {kind}; it needs a line in stand_ins.py")
        return found

    patches = {
        "clean_json": without_holes(parsing.clean_json),
        "resource_class_from_type": modelled,
        "resource_name_property_from_type": name_property,
        "parse_resource_and_generate_name": parsed,
    }
    with ExitStack() as stack:
        for name, patch in patches.items():
            stack.enter_context(mock.patch.object(parsing, name, patch))
        stack.enter_context(mock.patch.object(parsing.ResourceMap, "_delete_resource", deleting))
        yield evaluated, deleted


def unresolved(value, names):
    """Functions and placeholders of the template's names that are left in a value."""
    if isinstance(value, dict):
        for key, part in value.items():
            if key == "Ref" or key.startswith("Fn::"):
                yield f"{key} {json.dumps(part)}"
            yield from unresolved(part, names)
    elif isinstance(value, list):
        for part in value:
            yield from unresolved(part, names)
    elif isinstance(value, str):
        for found in re.finditer(r"\$\{([A-Za-z0-9:]+)[^}]*\}", value):
            if found[1] in names or found[1].startswith("AWS::"):
                yield found[0]


def aws(service):
    return boto3.client(service)


def is_there(kind, name):
    """Whether the service says so; None where none is asked."""
    match kind:
        case "AWS::S3::Bucket":
            return name in (bucket["Name"] for bucket in aws("s3").list_buckets()["Buckets"])
        case "AWS::Lambda::Function":
            return name in (function["FunctionName"] for function in aws("lambda").list_functions()["Functions"])
        case "AWS::Logs::LogGroup":
            return name in (group["logGroupName"] for group in aws("logs").describe_log_groups()["logGroups"])


def upload():
    """The function's code, where `check.transformed` says that it is."""
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("bootstrap", "")
    aws("s3").create_bucket(Bucket="bucket")
    aws("s3").put_object(Bucket="bucket", Key="sink.zip", Body=code.getvalue())


def for_moto(template):
    """The template as moto takes it: parameters that AWS would look up are given as they are."""
    template = copy.deepcopy(template)
    for body in template["Resources"].values():
        # Of a stack that was made, this is the same; moto does not know it.
        if body.get("DeletionPolicy") == "RetainExceptOnCreate":
            body["DeletionPolicy"] = "Retain"
    for declaration in template["Parameters"].values():
        if declaration["Type"].startswith("AWS::SSM::Parameter::Value<"):
            declaration["Type"] = "String"
    return template


def broken(template, given, stood_in):
    """What is wrong with the stack of these parameters."""
    expected = resolve.resolved(template, given)
    names = template["Resources"].keys() | template["Parameters"].keys()
    kinds = {name: body["Type"] for name, body in template["Resources"].items()}
    retained = {
        name for name, body in template["Resources"].items() if body.get("DeletionPolicy", "").startswith("Retain")
    }
    cloudformation = aws("cloudformation")
    upload()
    with watched(stood_in) as (evaluated, deleted):
        cloudformation.create_stack(
            StackName=NAME,
            TemplateBody=json.dumps(for_moto(template)),
            Parameters=[{"ParameterKey": name, "ParameterValue": value} for name, value in given.items()],
            Capabilities=["CAPABILITY_NAMED_IAM"],
        )
        [stack] = cloudformation.describe_stacks(StackName=NAME)["Stacks"]
        made = {
            resource["LogicalResourceId"]: resource.get("PhysicalResourceId")
            for resource in cloudformation.describe_stack_resources(StackName=NAME)["StackResources"]
            # What a condition leaves out is listed without a name; what has no identity of its own, without that.
            if "LogicalResourceId" in resource
        }
        outputs = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
        if stack["StackStatus"] != "CREATE_COMPLETE":
            yield f"the stack is {stack['StackStatus']}"
        for name in sorted(made.keys() ^ expected["Resources"].keys()):
            yield f"{name} {'is made' if name in made else 'is not made'}, against the template's conditions"
        for name, body in evaluated.items():
            if "DefinitionSubstitutions" in (body or {}).get("Properties", {}):
                resolve.define(body["Properties"])
            for left in unresolved(body, names):
                yield f"{name}: {left} is not resolved"
        for name in sorted(outputs.keys() ^ expected["Outputs"].keys()):
            yield f"the output {name} is {'there' if name in outputs else 'not there'}"
        for name, value in outputs.items():
            for left in unresolved(value, names):
                yield f"the output {name}: {left} is not resolved"
            if name in OUTPUTS and value != made.get(OUTPUTS[name]):
                yield f"the output {name} is {value!r}, and not {OUTPUTS[name]}, which is {made.get(OUTPUTS[name])!r}"
        for name in made:
            if is_there(kinds[name], made[name]) is False:
                yield f"{name} was made, and there is no {made[name]}"
        cloudformation.delete_stack(StackName=NAME)
        for name in sorted(deleted ^ (made.keys() - retained)):
            yield f"{name} was {'deleted' if name in deleted else 'not deleted'} with the stack"
        for name in made:
            if is_there(kinds[name], made[name]) not in (None, name in retained):
                yield f"{name} is {'not there' if name in retained else 'still there'} after the stack"


def problems(template, given, stood_in):
    """The same, where moto may stop half-way."""
    found = []
    with mock_aws():
        try:
            for problem in broken(template, given, stood_in):
                found.append(problem)
        except Exception as error:  # whatever moto's models raise
            found.append(f"no stack comes of it: {type(error).__name__}: {error}")
    return found


def stale(templates):
    """Lines of the lists that nothing needs."""
    for name in OUTPUTS.keys() - {name for template in templates.values() for name in template["Outputs"]}:
        yield f"stack.py: there is no output {name}"
    for kind in STOOD_IN:
        users = [
            name
            for name, template in templates.items()
            if any(body["Type"] == kind for body in template["Resources"].values())
        ]
        others = STOOD_IN.keys() - {kind}
        if not users:
            yield f"stand_ins.py: the template has no {kind}"
        elif not any(problems(templates[name], sets.TAKEN[name], others) for name in users):
            yield f"stand_ins.py: moto makes {kind} by itself now"


def main():
    # It warns of each type that it does not make; here that is an error.
    logging.getLogger("moto").setLevel(logging.ERROR)
    warnings.simplefilter("ignore")
    templates = {name: check.transformed(given) for name, given in sets.TAKEN.items()}
    found = [
        f"{name}: {problem}"
        for name, template in templates.items()
        for problem in problems(template, sets.TAKEN[name], STOOD_IN)
    ]
    # Where a stack is broken, whether moto makes a type by itself is not to be seen.
    found = found or list(stale(templates))
    for problem in found:
        print(f"template: {problem}", file=sys.stderr)
    if found:
        sys.exit(1)
    kinds = [body["Type"] for template in templates.values() for body in template["Resources"].values()]
    print(
        f"template.yaml: {len(templates)} stacks made in moto and deleted again; every reference resolves. Of "
        f"{len(set(kinds))} types, {len(STOOD_IN)} were stand-ins. This proves references, not that AWS deploys it."
    )


if __name__ == "__main__":
    main()
