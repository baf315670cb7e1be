"""The roles' policies and the state machine, by programs that know AWS's actions and languages.

parliament knows which resources and condition keys an action has; policy_sentry has a second list of actions. statelint
knows the language of state machines.
"""

import json
import pathlib
import re
import subprocess
import sys

import parliament
from policy_sentry.querying.actions import get_action_data

STATELINT = pathlib.Path(sys.executable).parent / "statelint"
# ARNs as AWS assigns them, by type of resource.
ARNS = {
    "AWS::Athena::WorkGroup": "arn:aws:athena:us-east-1:123456789012:workgroup/name",
    "AWS::Logs::LogGroup": "arn:aws:logs:us-east-1:123456789012:log-group:name:*",
    "AWS::S3::Bucket": "arn:aws:s3:::bucket",
    "AWS::SecretsManager::Secret": "arn:aws:secretsmanager:us-east-1:123456789012:secret:name-AbCdEf",
    "AWS::StepFunctions::StateMachine": "arn:aws:states:us-east-1:123456789012:stateMachine:name",
}
# Resources whose Ref is an ARN.
REF_IS_ARN = {"AWS::SecretsManager::Secret", "AWS::StepFunctions::StateMachine"}
# parliament's findings that are intended: (issue, part of its detail) and the reason.
INTENDED = {
    ("RESOURCE_STAR", ""): "rules.py lists the statements that may have no narrower resource",
    ("RESOURCE_MISMATCH", "'action': 'ec2:AttachVolume'"): "one statement allows the volume, another one the instance",
    ("UNKNOWN_CONDITION_FOR_ACTION", "lambda:SourceFunctionArn"): "Lambda sets it for each call of a function's code",
}


def problems(resources, found):
    """Yields every violation in the policies of a flat template's roles. Adds to `found` the entries of INTENDED."""
    for role, body in resources.items():
        if body["Type"] != "AWS::IAM::Role":
            continue
        for policy in body["Properties"].get("Policies", []):
            document = concrete(policy["PolicyDocument"], resources) | {"Version": "2012-10-17"}
            for statement in document["Statement"]:
                for action in as_list(statement["Action"]):
                    service, _, name = action.partition(":")
                    if not (get_action_data(service, name) or {}).get(service):
                        yield f"{role} names {action}, which policy_sentry does not know"
            for finding in parliament.analyze_policy_string(json.dumps(document)).findings:
                detail = str(finding.detail)
                intended = {(issue, part) for issue, part in INTENDED if issue == finding.issue and part in detail}
                found |= intended
                if not intended:
                    yield f"{role}: parliament: {finding.issue} {detail}"


def as_list(value):
    return value if isinstance(value, list) else [value]


def concrete(node, resources):
    """Returns a policy with ARNs in place of references to resources."""
    match node:
        case {"Ref": name}:
            kind = resources[name]["Type"]
            return ARNS[kind] if kind in REF_IS_ARN else "name"
        case {"Fn::GetAtt": [name, "Arn"]}:
            return ARNS[resources[name]["Type"]]
        case {"Fn::Sub": text}:
            return re.sub(r"\$\{([\w:]+)(?:\.(\w+))?\}", lambda found: placeholder(found[1], found[2], resources), text)
        case dict():
            return {key: concrete(part, resources) for key, part in node.items()}
        case list():
            return [concrete(part, resources) for part in node]
    return node


def placeholder(name, attribute, resources):
    if name == "AWS::Partition":
        return "aws"
    if attribute is None:
        return concrete({"Ref": name}, resources)
    return ARNS[resources[name]["Type"]] if attribute == "Arn" else "name"


def state_machine_problems(path):
    """Yields statelint's findings in a state machine."""
    process = subprocess.run([STATELINT, path], capture_output=True, text=True, check=False)
    output = (process.stdout + process.stderr).strip()
    if process.returncode or output:
        yield f"statelint: {output or process.returncode}"
