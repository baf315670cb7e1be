"""Creates and deletes a stack of template.yaml in moto's CloudFormation, in memory, with each parameter set.

This proves references: the targets of Ref, GetAtt and Sub exist with these parameters, and outputs name the right
resources. It proves neither that AWS accepts the properties nor that the stack works. Exit codes: 0 no problems,
1 problems found.
"""

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
from stand_ins import STAND_INS, stand_in

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


class Unresolved(Exception):
    """An unresolved reference that moto would ignore."""


def strict_evaluation(clean_json):
    """Wraps moto's evaluation: raises Unresolved for an unresolved reference, and removes AWS::NoValue from lists, too."""

    def cleaned(node, names):
        if isinstance(node, dict) and "Fn::GetAZs" in node:
            # moto does not evaluate the region.
            node = {"Fn::GetAZs": cleaned(node["Fn::GetAZs"], names)}
        try:
            result = clean_json(node, names)
        except KeyError as error:
            if isinstance(node, dict) and node.get("Ref") == error.args[0]:
                raise Unresolved(f"{node['Ref']} does not exist") from error
            raise
        if isinstance(node, list):
            return [part for part in result if part is not None]
        if isinstance(node, dict) and result is None and node.get("Ref") != "AWS::NoValue" and "Fn::If" not in node:
            raise Unresolved(f"{json.dumps(node)} refers to something that this stack does not have")
        return result

    return cleaned


@contextmanager
def patched_moto(stand_in_types):
    """Adds stand-ins for these types to moto, and yields the evaluated properties and the deleted resources."""
    models = {kind: stand_in(kind) for kind in stand_in_types}
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
            raise Unresolved(f"moto does not support {kind}; add it to stand_ins.py")
        return found

    patches = {
        "clean_json": strict_evaluation(parsing.clean_json),
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
    """Yields the functions and the placeholders that remain in a value."""
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


def exists(kind, name):
    """Returns whether the service has the resource, or None for a type that is not looked up."""
    match kind:
        case "AWS::S3::Bucket":
            return name in (bucket["Name"] for bucket in aws("s3").list_buckets()["Buckets"])
        case "AWS::Lambda::Function":
            return name in (function["FunctionName"] for function in aws("lambda").list_functions()["Functions"])
        case "AWS::Logs::LogGroup":
            return name in (group["logGroupName"] for group in aws("logs").describe_log_groups()["logGroups"])


def upload():
    """Uploads an empty function to the location that `check.transform` sets."""
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("bootstrap", "")
    aws("s3").create_bucket(Bucket="bucket")
    aws("s3").put_object(Bucket="bucket", Key="sink.zip", Body=code.getvalue())


def adapt_to_moto(template):
    """Returns a copy of the template without the features that moto does not support."""
    template = copy.deepcopy(template)
    for body in template["Resources"].values():
        # Equivalent to Retain once the stack is created.
        if body.get("DeletionPolicy") == "RetainExceptOnCreate":
            body["DeletionPolicy"] = "Retain"
    # AWS would look up the values of these parameters.
    for declaration in template["Parameters"].values():
        if declaration["Type"].startswith("AWS::SSM::Parameter::Value<"):
            declaration["Type"] = "String"
    return template


def find_problems(template, parameters, stand_in_types):
    """Yields the problems of a stack with these parameters."""
    expected = resolve.resolve(template, parameters)
    names = template["Resources"].keys() | template["Parameters"].keys()
    kinds = {name: body["Type"] for name, body in template["Resources"].items()}
    retained = {
        name for name, body in template["Resources"].items() if body.get("DeletionPolicy", "").startswith("Retain")
    }
    cloudformation = aws("cloudformation")
    upload()
    with patched_moto(stand_in_types) as (evaluated, deleted):
        cloudformation.create_stack(
            StackName=NAME,
            TemplateBody=json.dumps(adapt_to_moto(template)),
            Parameters=[{"ParameterKey": name, "ParameterValue": value} for name, value in parameters.items()],
            Capabilities=["CAPABILITY_NAMED_IAM"],
        )
        [stack] = cloudformation.describe_stacks(StackName=NAME)["Stacks"]
        created = {
            resource["LogicalResourceId"]: resource.get("PhysicalResourceId")
            for resource in cloudformation.describe_stack_resources(StackName=NAME)["StackResources"]
            # moto lists resources without a name if their condition is false, and some types without a physical id.
            if "LogicalResourceId" in resource
        }
        outputs = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
        if stack["StackStatus"] != "CREATE_COMPLETE":
            yield f"the stack is {stack['StackStatus']}"
        for name in sorted(created.keys() ^ expected["Resources"].keys()):
            yield f"{name} {'is created' if name in created else 'is not created'}, contrary to the template's conditions"
        for name, body in evaluated.items():
            if "DefinitionSubstitutions" in (body or {}).get("Properties", {}):
                resolve.substitute_definition(body["Properties"])
            for left in unresolved(body, names):
                yield f"{name}: {left} is not resolved"
        for name in sorted(outputs.keys() ^ expected["Outputs"].keys()):
            yield f"the output {name} {'exists' if name in outputs else 'does not exist'}, contrary to the template's conditions"
        for name, value in outputs.items():
            for left in unresolved(value, names):
                yield f"the output {name}: {left} is not resolved"
            if name in OUTPUTS and value != created.get(OUTPUTS[name]):
                yield f"the output {name} is {value!r}, and not {OUTPUTS[name]}, which is {created.get(OUTPUTS[name])!r}"
        for name in created:
            if exists(kinds[name], created[name]) is False:
                yield f"{name} was created, but {created[name]} does not exist"
        cloudformation.delete_stack(StackName=NAME)
        for name in sorted(deleted ^ (created.keys() - retained)):
            yield f"{name} was {'deleted' if name in deleted else 'not deleted'} with the stack"
        for name in created:
            if exists(kinds[name], created[name]) not in (None, name in retained):
                yield f"{name} {'does not exist' if name in retained else 'still exists'} after the stack was deleted"


def stack_problems(template, parameters, stand_in_types):
    """Returns the problems of a stack, including a failure of moto."""
    found = []
    with mock_aws():
        try:
            for problem in find_problems(template, parameters, stand_in_types):
                found.append(problem)
        except Exception as error:  # moto's models raise various types
            found.append(f"failed to create the stack: {type(error).__name__}: {error}")
    return found


def unneeded_entries(templates):
    """Yields the entries of OUTPUTS and STAND_INS that are no longer needed."""
    for name in OUTPUTS.keys() - {name for template in templates.values() for name in template["Outputs"]}:
        yield f"stack.py: the template has no output {name}"
    for kind in STAND_INS:
        users = [
            name
            for name, template in templates.items()
            if any(body["Type"] == kind for body in template["Resources"].values())
        ]
        others = STAND_INS.keys() - {kind}
        if not users:
            yield f"stand_ins.py: the template has no {kind}"
        elif not any(stack_problems(templates[name], sets.ACCEPTED[name], others) for name in users):
            yield f"stand_ins.py: moto now supports {kind}"


def main():
    # moto warns of each type that it does not support; here that is an error.
    logging.getLogger("moto").setLevel(logging.ERROR)
    warnings.simplefilter("ignore")
    templates = {name: check.transform(parameters) for name, parameters in sets.ACCEPTED.items()}
    found = [
        f"{name}: {problem}"
        for name, template in templates.items()
        for problem in stack_problems(template, sets.ACCEPTED[name], STAND_INS)
    ]
    # Whether moto supports a type shows only if all stacks are correct.
    found = found or list(unneeded_entries(templates))
    for problem in found:
        print(f"template: {problem}", file=sys.stderr)
    if found:
        sys.exit(1)
    kinds = [body["Type"] for template in templates.values() for body in template["Resources"].values()]
    print(
        f"template.yaml: {len(templates)} stacks created in moto and deleted; every reference resolves. Of "
        f"{len(set(kinds))} types, {len(STAND_INS)} are stand-ins. This proves references, not that AWS deploys it."
    )


if __name__ == "__main__":
    main()
