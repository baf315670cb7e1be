"""Runs the commands of docs/src/guides/own-function.md as written, and checks what the page says of them.

    guide PRODUCER TICKERLAKE      the built programs

The emulator, Python's runtime client, the broker and the event source are real. The ports of the page are replaced by free
ones. The commands in NOT_RUN are compared with what tests/install-parts installs, or need AWS.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from emulator import PARTS, ROOT
from free_ports import free_ports
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator
from samtranslator.yaml_helper import yaml_parse

PAGE = ROOT / "docs/src/guides/own-function.md"
TIMEOUT = 90  # seconds, for any condition
ROWS = 1200  # of the sample
# Commands that the check does not run, with the reason or the file that has to contain their last word.
INSTALLED = {
    "go install ": ROOT / "tests/install-parts",
    "venv/bin/pip install ": ROOT / "deploy/checks/runtime/requirements.txt",
}
NOT_RUN = {
    "python3 -m venv venv": "tests/install-parts makes the environment",
    "sam build": "needs the SAM CLI and Python's build tools",
    "sam deploy ": "needs AWS",
}
# Programs that run until Ctrl-C, by their first words, and what each prints when it is ready.
UNTIL_CTRL_C = {
    "aws-lambda-rie": "exec 'venv/bin/python'",
    "tickerlake up": "press Ctrl-C to stop",
    "tickerlake trigger": "group my-function",
}


# A handler that raises an exception, exits, and exceeds its timeout before it succeeds.
FAILING = """import os, pathlib, time
def handle(event, context):
    calls = pathlib.Path("calls")
    call = len(calls.read_text().splitlines()) if calls.exists() else 0
    offsets = [record["offset"] for records in event["records"].values() for record in records]
    with calls.open("a") as file:
        print(*offsets, file=file, flush=True)
    if call == 0:
        raise RuntimeError("first call")
    if call == 1:
        os._exit(3)
    if call == 2:
        time.sleep(30)
"""


class Failed(Exception):
    """A problem that the check reports."""


def blocks(page):
    """Yields the fenced blocks of the page: kind, name of the file, and content."""
    for kind, name, content in re.findall(r"^```(\w+)(?: (\S+))?\n(.*?)^```$", page, re.MULTILINE | re.DOTALL):
        if kind not in ("sh", "text", "python", "yaml"):
            raise Failed(f"a block is {kind!r}, not sh, text, python or yaml")
        yield kind, name, content


def commands(script):
    return [" ".join(line.split()) for line in script.replace("\\\n", " ").splitlines() if line.strip()]


class Reader:
    """A reader who follows the page in a folder."""

    def __init__(self, folder, programs):
        self.folder, self.running, self.done = folder, {}, []
        broker, function, runtime_api = free_ports(3)
        self.ports = {
            "127.0.0.1:9092": f"127.0.0.1:{broker}",
            "127.0.0.1:8080": f"127.0.0.1:{function}",
            "aws-lambda-rie ": f"aws-lambda-rie --runtime-api-address 127.0.0.1:{runtime_api} ",
            "tickerlake up": f"tickerlake up --port {broker} --s3-port 0",
        }
        (folder / "data").mkdir()
        shutil.copy(ROOT / "data/us-stocks-sample.csv", folder / "data")
        (folder / "venv").symlink_to(PARTS / "runtime")
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "KAFKA_", "SINK_"))}
        folders = [*{str(program.parent) for program in programs}, str(PARTS / "bin")]
        self.environment = clean | {"PATH": os.pathsep.join([*folders, clean["PATH"]]), "PYTHONUNBUFFERED": "1"}

    def shell(self, line):
        for written, replaced in self.ports.items():
            line = line.replace(written, replaced)
        return ["bash", "-c", f"exec {line}" if "|" not in line else line]

    def output(self, program):
        """Returns what a program that runs until Ctrl-C has printed."""
        return "".join(file.read_text() for file in sorted(self.folder.glob(f"{program.replace(' ', '-')}-*.log")))

    def run(self, line):
        process = subprocess.run(
            self.shell(line), cwd=self.folder, env=self.environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, timeout=TIMEOUT, check=False,
        )
        if process.returncode != 0:
            raise Failed(f"{line} exited with {process.returncode}:\n{process.stdout}")
        return process.stdout

    def start(self, program, line):
        """Starts a program that runs until Ctrl-C, after ending the one of the same name."""
        self.stop(program)
        log = self.folder / f"{program.replace(' ', '-')}-{len(self.done):02}.log"
        with log.open("w") as output:
            process = subprocess.Popen(
                self.shell(line), cwd=self.folder, env=self.environment, stdin=subprocess.DEVNULL, stdout=output,
                stderr=subprocess.STDOUT, start_new_session=True,
            )
        self.running[program] = process
        self.wait(f"{line} to be ready", lambda: UNTIL_CTRL_C[program] in log.read_text())

    def stop(self, program):
        """Ends a program as Ctrl-C does."""
        process = self.running.pop(program, None)
        if process is not None:
            os.killpg(process.pid, signal.SIGINT)
            code = process.wait(TIMEOUT)
            if code != 0 and program != "aws-lambda-rie":
                raise Failed(f"{program} exited with {code} after Ctrl-C:\n{self.output(program)}")

    def kill(self):
        for process in self.running.values():
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def wait(self, what, condition):
        limit = time.monotonic() + TIMEOUT
        while not condition():
            ended = [name for name, process in self.running.items() if process.poll() is not None]
            if ended or time.monotonic() > limit:
                logs = "\n".join(f"--- {name}\n{self.output(name)[-4000:]}" for name in UNTIL_CTRL_C)
                raise Failed(f"{f'{ended[0]} has ended while' if ended else 'timed out'} waiting for {what}\n{logs}")
            time.sleep(0.1)

    # ---- What the page says

    def stored(self):
        """Returns the number of records of each batch of the function, and the number of its failures."""
        found = re.findall(r"stored (\d+) records, (\d+) partitions failed", self.output("aws-lambda-rie"))
        return [int(records) for records, _ in found], sum(int(failed) for _, failed in found)

    def check_after(self, line):
        """Checks what the page says of a command that has run."""
        if line.startswith("producer "):
            self.wait(f"{ROWS} records in the function", lambda: sum(self.stored()[0]) >= ROWS)
            batches, failures = self.stored()
            if sum(batches) != ROWS or max(batches) > 500 or failures:
                raise Failed(f"the function stored {batches}, with {failures} failures")
        elif "kcat " in line:
            # Retried, because there is no limit yet.
            self.wait("a failed partition", lambda: self.stored()[1] >= 2)
        elif "--on-failure" in line:
            self.wait("a document of the record", lambda: list(self.folder.glob("given-up/**/*-*")) and self.documents())

    def documents(self):
        files = [file for file in (self.folder / "given-up").rglob("*") if file.is_file()]
        return [json.loads(file.read_text()) for file in files]

    def check_shown(self, content):
        """Waits until each line of the page is in the function's output."""
        for line in content.splitlines():
            self.wait(f"the page's line {line!r}", lambda: line in self.output("aws-lambda-rie").splitlines())

    def follow(self, page):
        for kind, name, content in blocks(page):
            if kind in ("python", "yaml"):
                (self.folder / name).write_text(content)
            elif kind == "text":
                self.check_shown(content)
            else:
                for line in commands(content):
                    self.command(line)

    def command(self, line):
        for start, file in INSTALLED.items():
            if line.startswith(start):
                if line.split()[-1].rsplit("@", 1)[-1].rsplit("==", 1)[-1] not in file.read_text():
                    raise Failed(f"{line}: {file.relative_to(ROOT)} has another version")
                return
        if any(line == one or (one.endswith(" ") and line.startswith(one)) for one in NOT_RUN):
            self.done.append(line)
            return
        program = next((one for one in UNTIL_CTRL_C if line.startswith(one + " ") or line == one), None)
        if program:
            self.start(program, line)
        else:
            output = self.run(line)
            if line.startswith("find ") and not output.strip():
                raise Failed(f"{line} prints nothing")
        self.done.append(line)
        self.check_after(line)


def check_failures(reader):
    """Checks that a batch is delivered again after each kind of failure, and not after it has succeeded."""
    (reader.folder / "failing.py").write_text(FAILING)
    reader.stop("aws-lambda-rie")
    reader.environment["AWS_LAMBDA_FUNCTION_TIMEOUT"] = "1"
    function = "venv/bin/python -m awslambdaric failing.handle"
    reader.start("aws-lambda-rie", f"aws-lambda-rie --runtime-interface-emulator-address 127.0.0.1:8080 {function}")
    settings = "--consumer-group-id my-function-2 --batch-size 10000 --maximum-batching-window-in-seconds 1"
    url = "http://127.0.0.1:8080/2015-03-31/functions/function/invocations"
    reader.start("tickerlake trigger", f"tickerlake trigger -b 127.0.0.1:9092 {settings} --function {url}")
    calls = reader.folder / "calls"
    reader.wait("four deliveries of a batch, after an exception, an exit and a timeout", lambda: calls.exists() and len(calls.read_text().splitlines()) >= 4)
    reader.stop("tickerlake trigger")
    found = calls.read_text().splitlines()
    if len(set(found[:4])) != 1 or found[0] in found[4:]:
        raise Failed(f"the deliveries of a batch that fails three times differ, or are {found.count(found[0])} instead of 4")
    return len(found[0].split())


def check_document(documents):
    """Checks that exactly the record that is not JSON was given up."""
    values = [
        (record["partition"], record["value"])
        for document in documents
        for records in json.loads(document["payload"])["records"].values()
        for record in records
    ]
    if [document["requestContext"]["condition"] for document in documents] != ["RetryAttemptsExhausted"] or values != [(0, "bm90IEpTT04=")]:
        raise Failed(f"given up: {documents}")


def check_template(file):
    """Checks that SAM accepts the page's template, and cfn-lint the result."""
    template = yaml_parse(file.read_text())
    template["Resources"]["MyFunction"]["Properties"]["CodeUri"] = "s3://bucket/code.zip"
    os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")
    translated = file.with_suffix(".json")
    translated.write_text(json.dumps(Translator({}, Parser()).translate(template, {"BootstrapServers": "b:9096"})))
    lint = Path(sys.executable).parent / "cfn-lint"
    for one in file, translated:
        process = subprocess.run([lint, "--regions", "us-east-1", "--template", one], capture_output=True, text=True, check=False)
        if process.returncode != 0:
            raise Failed(f"cfn-lint {one.name}:\n{process.stdout}{process.stderr}")


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__.rstrip())
    programs = [Path(word).resolve() for word in sys.argv[1:]]
    with tempfile.TemporaryDirectory() as folder:
        reader = Reader(Path(folder), programs)
        try:
            reader.follow(PAGE.read_text())
            batches, failures = reader.stored()
            check_document(reader.documents())
            check_template(Path(folder) / "template.yaml")
            repeated = check_failures(reader)
            for program in list(reader.running):
                reader.stop(program)
        except Failed as failed:
            sys.exit(f"guide: {failed}")
        finally:
            reader.kill()
        missing = [one for one in NOT_RUN if not any(line.startswith(one) for line in reader.done)]
        if missing:
            sys.exit(f"guide: not on the page any more, remove from NOT_RUN: {missing}")
    print(
        f"guide: {len(reader.done) - len(NOT_RUN)} commands run as written; the Python function stored {sum(batches)} records in "
        f"{sum(1 for one in batches if one)} batches, failed {failures} times for one record, which is in the on-failure document; "
        f"{repeated} records delivered again after an exception, an exit and a timeout"
    )


if __name__ == "__main__":
    main()
