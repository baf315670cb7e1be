"""The broker's boot script: deploy/boot.json, generated from its only source, deploy/broker/boot.

The script is too long for the instance's user data, so it is in the metadata of deploy/broker.yaml, which includes the
generated file. The user data contains the script's SHA-256, so that a changed script replaces the instance.
"""

import hashlib
import json
import re

TEMPLATE = "deploy/broker.yaml"
GENERATED = "deploy/boot.json"
PATH = "/usr/local/sbin/kafka-boot"
SUM = "deploy/broker/boot has the SHA-256 "
MAX_USER_DATA = 16 * 1024  # bytes before the Base64 encoding, EC2's limit
MARGIN = 5 * 60  # seconds for the launch of the instance, the last attempt of a step, and the signal


def write(root):
    """Writes the generated file, and the script's SHA-256 into the template."""
    script = (root / "deploy/broker/boot").read_text()
    (root / GENERATED).write_text(generate(script))
    template = root / TEMPLATE
    template.write_text(re.sub(f"(?<={SUM})[0-9a-f]{{64}}", digest(script), template.read_text()))


def generate(script):
    """Returns cfn-init's entry for the script. Line by line, so that a change of the script is a change of some lines."""
    content = {"Fn::Join": ["\n", script.split("\n")]}
    return json.dumps({"mode": "000700", "owner": "root", "group": "root", "content": content}, indent=1) + "\n"


def digest(script):
    return hashlib.sha256(script.encode()).hexdigest()


def differences(root, resources):
    """Yields the differences between the template's script and SHA-256 and the file."""
    body = resources["BrokerTemplate"]
    script = (root / "deploy/broker/boot").read_text()
    if (root / GENERATED).read_text() != generate(script):
        yield f"{GENERATED} is not what deploy/broker/boot generates; run deploy/checks/template/check --write"
    if body["Metadata"]["AWS::CloudFormation::Init"]["config"]["files"][PATH]["content"] != script:
        yield "the broker's script differs from deploy/broker/boot; run deploy/checks/template/check --write"
    user_data = body["Properties"]["LaunchTemplateData"]["UserData"]["Fn::Base64"]["Fn::Sub"]
    if SUM + digest(script) not in user_data:
        yield "the user data does not contain the SHA-256 of deploy/broker/boot; run deploy/checks/template/check --write"
    if len(user_data.encode()) > MAX_USER_DATA - 1024:
        yield f"the user data is too long for EC2: {len(user_data)} bytes before substitution"
    if "${DiskSize}" not in user_data and not re.search(r"The volume has \d+ GiB", user_data):
        yield "a larger volume does not replace the instance, so the file system does not grow"
    yield from retry_time(script, user_data, resources["Broker"])
    exported = set(re.findall(r"\b([A-Z_]+)=", user_data)) - {"PATH"}
    needed = set(re.findall(r'"\$\{([A-Z_]+):\?\}"', script))
    known = needed | set(re.findall(r'^: "\$\{([A-Z_]+):=', script, re.MULTILINE))
    known |= set(re.findall(r' "\$\{([A-Z_]+):=', script))
    if needed - exported:
        yield f"deploy/broker/boot needs {', '.join(sorted(needed - exported))}, which the user data does not set"
    if exported - known:
        yield f"the user data sets {', '.join(sorted(exported - known))}, which deploy/broker/boot does not read"


def retry_time(script, user_data, group):
    """Script and user data stop to retry early enough to signal a failure with its reason."""
    [limit] = re.findall(r'"\$\{RETRY_UNTIL:=(\d+)\}"', script)
    timeouts = {
        "CreationPolicy": group["CreationPolicy"]["ResourceSignal"]["Timeout"],
        "UpdatePolicy": group["UpdatePolicy"]["AutoScalingRollingUpdate"]["PauseTime"],
    }
    for policy, timeout in timeouts.items():
        for minutes in re.findall(r"PT(\d+)M", str(timeout)):
            if int(limit) + MARGIN > 60 * int(minutes):
                yield f"deploy/broker/boot retries for {limit} s, and the {policy} of Broker ends after {minutes} minutes"
    if f'[ "$SECONDS" -lt {limit} ]' not in user_data:
        yield f"the user data does not stop to retry cfn-init after {limit} s, when deploy/broker/boot stops"
