"""Runs the real SAM CLI against a simulated AWS account. Exit codes: 0 no problems, 1 problems found.

- pins.py: a change of a parameter survives the next `sam deploy`, and with `sam deploy --guided` it would not.
- prebuilt.py: deploy/prebuilt prepares a deployment without Rust, and rejects a wrong ZIP.
- ways.py: `sam deploy` in each way, Broker=none without a build, creates what the template's conditions ask for, nested
  stacks included.

account.py says what is simulated. None of it proves that AWS accepts the resources' properties.
"""

import argparse
import sys
import tempfile
from pathlib import Path

import pins
import prebuilt
import ways
from cli import ROOT, Failed
from samtranslator.yaml_helper import yaml_parse


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--list", action="store_true", help="print every resource that was created")
    arguments = parser.parse_args()
    parameters = yaml_parse((ROOT / "template.yaml").read_text())["Parameters"]
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        try:
            for shown in (
                prebuilt.check(folder / "prebuilt"),
                pins.check(folder / "pins", (ROOT / "samconfig.toml").read_text(), parameters),
                ways.check(folder / "ways", arguments.list),
            ):
                for line in shown:
                    print(f"sam: {line}", flush=True)
        except Failed as failed:
            sys.exit(f"sam: {failed}")


if __name__ == "__main__":
    main()
