"""The AWS CLI: one command, one answer."""

import json
import os
import subprocess

from report import Failed, last_line

# Where a service's permissions have another name than its commands.
PERMISSIONS = {"stepfunctions": "states"}
LIMIT = 300  # seconds; the CLI itself tries again and pages


class AwsError(Failed):
    """Told with the command's own last line and the permission that it needs."""

    def __init__(self, service, operation, said):
        name = "".join(word.capitalize() for word in operation.split("-"))
        permission = f"{PERMISSIONS.get(service, service)}:{name}"
        super().__init__(f"aws {service} {operation}: {last_line(said)}",
                         f"it needs a region, and credentials with the permission {permission}")
        self.said = said


class Aws:
    """Calls `aws SERVICE OPERATION ARGUMENTS` with the user's own settings, and reads its JSON."""

    def __call__(self, service, operation, *arguments):
        command = ["aws", service, operation, *arguments, "--output", "json"]
        ran = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT, stdin=subprocess.DEVNULL,
                             env=os.environ | {"AWS_PAGER": ""}, check=False)
        if ran.returncode != 0:
            raise AwsError(service, operation, ran.stderr or ran.stdout)
        return json.loads(ran.stdout) if ran.stdout.strip() else {}
