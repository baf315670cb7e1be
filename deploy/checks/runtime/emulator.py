"""AWS's Runtime Interface Emulator, which contains Lambda's own code of the Runtime API, around a function."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
PARTS = Path(os.environ.get("TICKERLAKE_PARTS") or ROOT / ".parts")
sys.path.insert(0, str(ROOT / "tests"))

from free_ports import free_ports  # noqa: E402

TIMEOUT = 60  # seconds, for the start, an invocation and the end


class Emulator:
    """The emulator with a function, which sees exactly these variables and those that the emulator sets."""

    def __init__(self, command, environment, log):
        self.log = log
        self.port, runtime_api = free_ports(2)
        program = PARTS / "bin/aws-lambda-rie"
        if not program.exists():
            raise SystemExit(f"runtime: {program} is missing; run tests/install-parts")
        with log.open("w") as output:
            self.process = subprocess.Popen(
                [program, "--runtime-interface-emulator-address", f"127.0.0.1:{self.port}", "--runtime-api-address",
                 f"127.0.0.1:{runtime_api}", *map(str, command)],
                env={"PATH": os.defpath} | environment, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}/2015-03-31/functions/function/invocations"

    def invoke(self, event):
        """Invokes the function with an event, waiting for the emulator to listen, and returns the answer."""
        request = urllib.request.Request(self.url, data=event, headers={"Content-Type": "application/json"})
        limit = time.monotonic() + TIMEOUT
        while True:
            try:
                with urllib.request.urlopen(request, timeout=TIMEOUT) as response:
                    return response.read().decode()
            except urllib.error.URLError as error:
                refused = isinstance(error.reason, ConnectionRefusedError)
                if not refused or self.process.poll() is not None or time.monotonic() > limit:
                    raise AssertionError(f"the emulator does not answer: {error}\n{self.log.read_text()}") from error
            time.sleep(0.05)

    def initialization(self):
        """Returns the milliseconds that the function took to start."""
        text = self.log.read_text()
        if "INIT RTDONE(status: success)" not in text:
            raise AssertionError(f"the function did not start:\n{text}")
        return float(re.search(r"INIT REPORT\(durationMs: ([0-9.]+)\)", text)[1])

    def __enter__(self):
        return self

    def __exit__(self, *_exception):
        os.killpg(self.process.pid, signal.SIGTERM)
        try:
            self.process.wait(TIMEOUT)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


def copy_program(content, file):
    """Writes a program that can be run."""
    file.write_bytes(content)
    shutil.copymode("/bin/sh", file)
    return file
