"""The user data of the broker's instance, read from the template without a YAML parser.

The checks run deploy/broker/boot with exactly the variables that the user data exports, so that no setting of a check hides
a defect of the deployed script.
"""

import re
import subprocess

TEMPLATE = "deploy/broker.yaml"
BLOCK = re.compile(r"^( *)Fn::Base64: !Sub\n +- \|\n((?:\1   .*\n|\n)+?) +- \w+: ", re.MULTILINE)
CALL = "/usr/local/sbin/kafka-boot"


class UserDataError(Exception):
    pass


def read(root):
    """Returns the text of the user data before its substitution by Fn::Sub."""
    found = [text for _, text in BLOCK.findall((root / TEMPLATE).read_text()) if CALL in text]
    if len(found) != 1:
        raise UserDataError(f"{len(found)} texts in {TEMPLATE} look like the broker's user data, instead of one")
    indentation = re.match(" *", found[0])[0]
    return "".join(line.removeprefix(indentation) for line in found[0].splitlines(keepends=True))


def resolve(text, values):
    """Returns the text as Fn::Sub returns it, with the given values of `${Name}`."""
    missing = sorted(set(re.findall(r"\$\{([^!}][^}]*)\}", text)) - values.keys())
    if missing:
        raise UserDataError(f"the user data contains ${{{missing[0]}}}, which has no value in this check: add it to its values")
    return re.sub(r"\$\{(!?)([^}]*)\}", lambda found: f"${{{found[2]}}}" if found[1] else values[found[2]], text)


def variables(script):
    """Returns the variables that a resolved user data exports, as the shell understands them; PATH is not one of them."""
    exports = re.findall(r"^export .*", script, re.MULTILINE)
    command = ["env", "-i", "bash", "-c", "\n".join([*exports, "exec env -0"])]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    pairs = dict(pair.split("=", 1) for pair in output.split("\0") if pair)
    return {name: value for name, value in pairs.items() if name not in ("PATH", "PWD", "SHLVL", "_")}
