"""The broker's boot script, generated into template.yaml from its only source, broker/boot.

The script is too long for the instance's user data, so it is in the template's metadata. The user data contains the
script's SHA-256, so that a changed script replaces the instance.
"""

import hashlib
import re

BEGIN = "              # begin: generated from broker/boot by tests/template/check --write\n"
END = "              # end\n"
PATH = "/usr/local/sbin/kafka-boot"
SUM = "broker/boot has the SHA-256 "
MAX_USER_DATA = 16 * 1024  # bytes before the Base64 encoding, EC2's limit


def write(root, template):
    """Replaces the template's script and SHA-256 with those of the file."""
    script = (root / "broker/boot").read_text()
    text = template.read_text()
    before, rest = text.split(BEGIN)
    _, after = rest.split(END)
    body = "".join(f"                {line}\n" if line else "\n" for line in script.splitlines())
    text = f"{before}{BEGIN}              content: |\n{body}{END}{after}"
    template.write_text(re.sub(f"(?<={SUM})[0-9a-f]{{64}}", digest(script), text))


def digest(script):
    return hashlib.sha256(script.encode()).hexdigest()


def differences(root, resources):
    """Yields the differences between the template's script and SHA-256 and the file."""
    body = resources["BrokerTemplate"]
    script = (root / "broker/boot").read_text()
    if body["Metadata"]["AWS::CloudFormation::Init"]["config"]["files"][PATH]["content"] != script:
        yield "the broker's script differs from broker/boot; run tests/template/check --write"
    user_data = body["Properties"]["LaunchTemplateData"]["UserData"]["Fn::Base64"]["Fn::Sub"]
    if SUM + digest(script) not in user_data:
        yield "the user data does not contain the SHA-256 of broker/boot; run tests/template/check --write"
    if len(user_data.encode()) > MAX_USER_DATA - 1024:
        yield f"the user data is too long for EC2: {len(user_data)} bytes before substitution"
    if "${BrokerDiskSize}" not in user_data and not re.search(r"The volume has \d+ GiB", user_data):
        yield "a larger volume does not replace the instance, so the file system does not grow"
    exported = set(re.findall(r"\b([A-Z_]+)=", user_data)) - {"PATH"}
    needed = set(re.findall(r'"\$\{([A-Z_]+):\?\}"', script))
    known = needed | set(re.findall(r'^: "\$\{([A-Z_]+):=', script, re.MULTILINE))
    known |= set(re.findall(r' "\$\{([A-Z_]+):=', script))
    if needed - exported:
        yield f"broker/boot needs {', '.join(sorted(needed - exported))}, which the user data does not set"
    if exported - known:
        yield f"the user data sets {', '.join(sorted(exported - known))}, which broker/boot does not read"
