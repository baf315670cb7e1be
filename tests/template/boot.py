"""The broker's boot script: broker/boot is its one source. The template carries it, since at its length it is none for
an instance's user data, which carries its sum instead: another script makes another instance."""

import hashlib
import re

BEGIN = "              # begin: generated from broker/boot by tests/template/check --write\n"
END = "              # end\n"
PATH = "/usr/local/sbin/kafka-boot"
SUM = "broker/boot has the SHA-256 "
# Bytes, before they are encoded: EC2's limit for user data.
MOST_USER_DATA = 16 * 1024


def write(root, template):
    """Makes the template's script and sum anew."""
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
    """What the template's script and sum have else than the file."""
    body = resources["BrokerTemplate"]
    script = (root / "broker/boot").read_text()
    if body["Metadata"]["AWS::CloudFormation::Init"]["config"]["files"][PATH]["content"] != script:
        yield "the broker's script differs from broker/boot; run tests/template/check --write"
    user_data = body["Properties"]["LaunchTemplateData"]["UserData"]["Fn::Base64"]["Fn::Sub"]
    if SUM + digest(script) not in user_data:
        yield "the user data has another sum than broker/boot; run tests/template/check --write"
    if len(user_data.encode()) > MOST_USER_DATA - 1024:
        yield f"the user data is too long for EC2: {len(user_data)} bytes before names are put in"
    if "${BrokerDiskSize}" not in user_data and not re.search(r"The volume has \d+ GiB", user_data):
        yield "a larger volume makes no other instance, and its file system does not grow"
    exported = set(re.findall(r"\b([A-Z_]+)=", user_data)) - {"PATH"}
    needed = set(re.findall(r'"\$\{([A-Z_]+):\?\}"', script))
    known = needed | set(re.findall(r'^: "\$\{([A-Z_]+):=', script, re.MULTILINE))
    known |= set(re.findall(r' "\$\{([A-Z_]+):=', script))
    if needed - exported:
        yield f"broker/boot needs {', '.join(sorted(needed - exported))}, and the user data gives none"
    if exported - known:
        yield f"broker/boot does not read {', '.join(sorted(exported - known))}"
