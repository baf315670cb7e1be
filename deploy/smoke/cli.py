"""Calls the AWS CLI and parses its JSON output."""

import json
import os
import subprocess

from report import Failed, last_line

# IAM prefixes of the services whose permissions are not named after the CLI's command.
PERMISSION_PREFIXES = {"stepfunctions": "states"}
TIMEOUT = 300  # seconds; the CLI retries and pages by itself


class AwsError(Failed):
    """A failed command: the last line of its output, and the permission that it needs."""

    def __init__(self, service, operation, output):
        action = "".join(word.capitalize() for word in operation.split("-"))
        permission = f"{PERMISSION_PREFIXES.get(service, service)}:{action}"
        super().__init__(f"aws {service} {operation}: {last_line(output)}",
                         f"it needs a region, and credentials with the permission {permission}")
        self.output = output


class Aws:
    """Runs `aws SERVICE OPERATION ARGUMENTS` with the user's own settings, and returns the parsed JSON."""

    def __call__(self, service, operation, *arguments):
        command = ["aws", service, operation, *arguments, "--output", "json"]
        process = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT, stdin=subprocess.DEVNULL,
                                 env=os.environ | {"AWS_PAGER": ""}, check=False)
        if process.returncode != 0:
            raise AwsError(service, operation, process.stderr or process.stdout)
        return json.loads(process.stdout) if process.stdout.strip() else {}
