"""Creates and deletes a stack of template.yaml in moto's CloudFormation, in memory, with each parameter set.

The nested stacks are created as such. This proves references: the targets of Ref, GetAtt and Sub exist with these
parameters, and outputs name the right resources. Then a stack goes from Broker=none to each other way and back: its
bucket stays, and the broker's volume has the policy Snapshot. Another goes from Network=private to public and back:
bucket and volume stay, and the role keeps the permission to delete the former mapping's network interfaces. It proves
neither that AWS accepts the properties nor that the stack works. Exit codes: 0 no problems, 1 problems found.
"""

import ast
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
from moto.cloudformation.models import Stack

import files
import resolve
import sets
from stand_ins import STAND_INS, stand_in

NAME = resolve.PSEUDO["AWS::StackName"]
# The resource that each output names.
OUTPUTS = {
    "Bucket": "Lake",
    "Function": "Sink",
    "EventSource": "EventSource",
    "Logs": "SinkLogs",
    "Database": "Database",
    "WorkGroup": "WorkGroup",
    "Crawler": "Crawler",
    "History": "History",
    "BrokerGroup": "Broker",
    "BrokerVolume": "BrokerVolume",
    "CaSecret": "CaSecret",
    "BrokerName": "BrokerStack",
    "ProducerSecret": "ProducerSecret",
    "TriggerSecret": "TriggerSecret",
}
URL = f"https://{files.BUCKET}.s3.amazonaws.com/"


class Unresolved(Exception):
    """An unresolved reference that moto would ignore."""


def strict_evaluation(clean_json):
    """Wraps moto's evaluation: raises Unresolved for an unresolved reference, and removes AWS::NoValue from lists, too."""

    def cleaned(node, names):
        if isinstance(node, dict) and len(node.get("Fn::GetAtt", [])) > 2:
            # moto splits the reference to a nested stack's output at each dot.
            name, *attribute = node["Fn::GetAtt"]
            node = {"Fn::GetAtt": [name, ".".join(attribute)]}
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
        if body.get("DeletionPolicy") == "Snapshot":
            # As CloudFormation does, and moto does not. So a snapshot proves only the policy.
            aws("ec2").create_snapshot(VolumeId=resource.physical_resource_id)
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
        stack.enter_context(mock.patch.object(Stack, "get_cfn_attribute", output_of, create=True))
        stack.enter_context(mock.patch.object(Stack, "update_from_cloudformation_json", update_nested))
        yield evaluated, deleted


def output_of(stack, attribute):
    """Returns an output of a nested stack, which moto does not look up."""
    kind, _, key = attribute.partition(".")
    if kind != "Outputs" or key not in stack.output_map.outputs or stack.output_map[key] is None:
        raise Unresolved(f"the nested stack has no {attribute}")
    return stack.output_map[key].value


def update_nested(original_resource, cloudformation_json, **_options):
    """Updates a nested stack in place, where moto would delete and recreate it."""
    properties = cloudformation_json["Properties"]
    key = properties["TemplateURL"].removeprefix(URL)
    text = aws("s3").get_object(Bucket=files.BUCKET, Key=key)["Body"].read().decode()
    original_resource.update(text, parameters=properties.get("Parameters", {}))
    return original_resource


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


def upload(templates):
    """Uploads the nested templates, and an empty function, to the locations that `files.package` sets."""
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("bootstrap", "")
    aws("s3").create_bucket(Bucket=files.BUCKET)
    aws("s3").put_object(Bucket=files.BUCKET, Key="sink.zip", Body=code.getvalue())
    upload_nested(templates)


def upload_nested(templates):
    for path, template in templates.items():
        aws("s3").put_object(Bucket=files.BUCKET, Key=path, Body=json.dumps(adapt_to_moto(template)).encode())


def adapt_to_moto(template):
    """Returns a copy of the template without the features that moto does not support."""
    template = copy.deepcopy(template)
    for body in template["Resources"].values():
        # Equivalent to Retain once the stack is created.
        if body.get("DeletionPolicy") == "RetainExceptOnCreate":
            body["DeletionPolicy"] = "Retain"
        if body["Type"] == files.NESTED:
            body["Properties"]["TemplateURL"] = URL + body["Properties"]["TemplateURL"]
    # AWS would look up the values of these parameters.
    for declaration in template["Parameters"].values():
        if declaration["Type"].startswith("AWS::SSM::Parameter::Value<"):
            declaration["Type"] = "String"
    return template


def parameter_list(parameters):
    return [{"ParameterKey": name, "ParameterValue": value} for name, value in parameters.items()]


def stack_resources(name):
    """Returns the physical ids of the resources of a stack and of the stacks that are nested in it."""
    found = {}
    for resource in aws("cloudformation").describe_stack_resources(StackName=name)["StackResources"]:
        # moto lists resources without a name if their condition is false, and some types without a physical id.
        if "LogicalResourceId" in resource:
            found[resource["LogicalResourceId"]] = resource.get("PhysicalResourceId")
            if resource["ResourceType"] == files.NESTED:
                found |= stack_resources(resource["PhysicalResourceId"])
    return found


def find_problems(templates, parameters, stand_in_types):
    """Yields the problems of a stack with these parameters."""
    expected = resolve.resolve(templates, parameters)
    bodies = {name: body for template in templates.values() for name, body in template["Resources"].items()}
    names = bodies.keys() | {name for template in templates.values() for name in template["Parameters"]}
    nested = {name for name, body in bodies.items() if body["Type"] == files.NESTED}
    retained = {name for name, body in bodies.items() if body.get("DeletionPolicy", "").startswith("Retain")}
    cloudformation = aws("cloudformation")
    upload(templates)
    with patched_moto(stand_in_types) as (evaluated, deleted):
        cloudformation.create_stack(
            StackName=NAME,
            TemplateBody=json.dumps(adapt_to_moto(templates[files.TEMPLATE])),
            Parameters=parameter_list(parameters),
            Capabilities=["CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"],
        )
        [stack] = cloudformation.describe_stacks(StackName=NAME)["Stacks"]
        created = stack_resources(NAME)
        outputs = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
        if stack["StackStatus"] != "CREATE_COMPLETE":
            yield f"the stack is {stack['StackStatus']}"
        for name in sorted((created.keys() - nested) ^ expected["Resources"].keys()):
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
            if exists(bodies[name]["Type"], created[name]) is False:
                yield f"{name} was created, but {created[name]} does not exist"
        cloudformation.delete_stack(StackName=NAME)
        for name in sorted(deleted ^ (created.keys() - retained)):
            yield f"{name} was {'deleted' if name in deleted else 'not deleted'} with the stack"
        for name in created:
            if exists(bodies[name]["Type"], created[name]) not in (None, name in retained):
                yield f"{name} {'does not exist' if name in retained else 'still exists'} after the stack was deleted"


def without_false_conditions(templates, parameters):
    """Returns the templates without the resources whose condition is false. moto does not delete these in an update."""
    root = resolve.Stack(templates, files.TEMPLATE, parameters, NAME)
    found = dict(templates)
    for stack in [root, *root.nested_stacks()]:
        resources = {name: body for name, body in stack.template["Resources"].items() if stack.is_created(body)}
        found[stack.path] = stack.template | {"Resources": resources}
    return found


def deploy(call, templates, parameters):
    """Creates or updates the stack, and returns its outputs."""
    deployed = without_false_conditions(templates, parameters)
    upload_nested(deployed)
    getattr(aws("cloudformation"), f"{call}_stack")(
        StackName=NAME,
        TemplateBody=json.dumps(adapt_to_moto(deployed[files.TEMPLATE])),
        Parameters=parameter_list(parameters),
        Capabilities=["CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"],
    )
    [stack] = aws("cloudformation").describe_stacks(StackName=NAME)["Stacks"]
    return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}


def find_network_problems():
    """Yields the problems of a stack that goes from Network=private to public and back."""
    private, public = {"Network": "private"}, {"Network": "public"}
    templates = files.load(private)
    upload(templates)
    with patched_moto(STAND_INS) as (_, deleted):
        kept, groups, resources = None, [], set()
        for call, parameters in [("create", private), ("update", public), ("update", private)]:
            deleted.clear()
            outputs = deploy(call, templates, parameters)
            expected = resolve.resolve(templates, parameters)["Resources"]
            mapping = expected["EventSource"]["Properties"]
            groups.append(mapping["SelfManagedKafkaEventSourceConfig"]["ConsumerGroupId"])
            if deleted != resources - expected.keys():
                yield f"{parameters}: {sorted(deleted ^ (resources - expected.keys()))} are deleted or kept against the conditions"
            resources = set(expected)
            kept = kept or {name: outputs[name] for name in ("Bucket", "BrokerVolume")}
            for name, value in kept.items():
                if outputs[name] != value:
                    yield f"{parameters}: {name} is {outputs[name]}, and was {value}"
            # The policy that is in force while CloudFormation deletes the former mapping.
            document = aws("iam").get_role_policy(RoleName=stack_resources(NAME)["SinkRole"], PolicyName="brokers")["PolicyDocument"]
            # moto stores a policy of a template as Python prints it.
            document = ast.literal_eval(document) if isinstance(document, str) else document
            allowed = [one for one in document["Statement"] if one["Effect"] == "Allow" and "ec2:DeleteNetworkInterface" in one["Action"]]
            if not allowed:
                yield f"{parameters}: SinkRole may not delete the network interfaces of the mapping that was replaced"
        if groups[0] == groups[1]:
            yield f"the mapping of both networks is in the consumer group {groups[0]}, which can have only one"


def find_transition_problems(way):
    """Yields the problems of a stack that goes from Broker=none to another way and back."""
    none = {"Broker": "none"}
    templates = files.load(none)
    upload(templates)
    with patched_moto(STAND_INS) as (_, deleted):
        steps = []
        for call, parameters in [("create", none), ("update", way), ("update", none)]:
            outputs = deploy(call, templates, parameters)
            steps.append(set(resolve.resolve(templates, parameters)["Resources"]))
            if call == "create":
                bucket = outputs["Bucket"]
                aws("s3").put_object(Bucket=bucket, Key="data/record", Body=b"{}")
            elif outputs["Bucket"] != bucket or aws("s3").list_objects_v2(Bucket=bucket)["KeyCount"] != 1:
                yield f"{parameters}: the bucket is {outputs['Bucket']}, and was {bucket}"
            if parameters == way:
                volumes = [outputs["BrokerVolume"]] if "BrokerVolume" in outputs else []
            if parameters == way and deleted:
                yield f"{sorted(deleted)} were deleted by the way from none to {way}"
        removed = steps[1] - steps[0]
        if deleted - {"BrokerStack"} != removed:
            yield f"the way back to none deletes {sorted(deleted - removed)}, and does not delete {sorted(removed - deleted)}"
        # moto's other snapshots are those of its images.
        of_volumes = [{"Name": "volume-id", "Values": volumes or ["none"]}]
        snapshots = [one["VolumeId"] for one in aws("ec2").describe_snapshots(Filters=of_volumes)["Snapshots"]]
        if snapshots != volumes or bool(volumes) != ("BrokerVolume" in removed):
            yield f"snapshots remain of {snapshots}, and the broker's volume was {volumes}"


def problems_of(finding):
    """Returns the problems, including a failure of moto."""
    found = []
    with mock_aws():
        try:
            for problem in finding:
                found.append(problem)
        except Exception as error:  # moto's models raise various types
            found.append(f"failed to create the stack: {type(error).__name__}: {error}")
    return found


def kinds_of(templates):
    return {body["Type"] for template in templates.values() for body in template["Resources"].values()}


def unneeded_entries(loaded):
    """Yields the entries of OUTPUTS and STAND_INS that are no longer needed."""
    for name in OUTPUTS.keys() - {name for templates in loaded.values() for name in templates[files.TEMPLATE]["Outputs"]}:
        yield f"stack.py: the template has no output {name}"
    for kind in STAND_INS:
        # Only sets with which a resource of this type is created show whether moto supports it.
        users = [
            name
            for name, templates in loaded.items()
            if kind in (body["Type"] for body in resolve.resolve(templates, sets.ACCEPTED[name])["Resources"].values())
        ]
        others = STAND_INS.keys() - {kind}
        if not users:
            yield f"stand_ins.py: the template has no {kind}"
        elif not any(problems_of(find_problems(loaded[name], sets.ACCEPTED[name], others)) for name in users):
            yield f"stand_ins.py: moto now supports {kind}"


def main():
    # moto warns of each type that it does not support; here that is an error.
    logging.getLogger("moto").setLevel(logging.ERROR)
    warnings.simplefilter("ignore")
    loaded = {name: files.load(parameters) for name, parameters in sets.ACCEPTED.items()}
    found = [
        f"{name}: {problem}"
        for name, templates in loaded.items()
        for problem in problems_of(find_problems(templates, sets.ACCEPTED[name], STAND_INS))
    ]
    ways = {"private": {"Broker": "own"}, "public": {"Broker": "own"} | sets.PUBLIC, "existing": sets.EXISTING_BROKERS}
    for name, way in ways.items():
        found += [f"from none to {name} and back: {problem}" for problem in problems_of(find_transition_problems(way))]
    found += [f"from private to public and back: {problem}" for problem in problems_of(find_network_problems())]
    # Whether moto supports a type shows only if all stacks are correct.
    found = found or list(unneeded_entries(loaded))
    for problem in found:
        print(f"template: {problem}", file=sys.stderr)
    if found:
        sys.exit(1)
    print(
        f"template.yaml: {len(loaded)} stacks created in moto and deleted, {len(ways)} taken from Broker=none to another way and "
        "back, and one from Network=private to public and back; every reference resolves. Of "
        f"{len(kinds_of(loaded['default']))} types, {len(STAND_INS)} are stand-ins. "
        "This proves references, not that AWS deploys it."
    )


if __name__ == "__main__":
    main()
