"""Shared by the benchmarks: the built programs, a broker, an S3, and the cost of a process."""

import contextlib
import filecmp
import json
import os
import pathlib
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
PARTS = pathlib.Path(os.environ.get("TICKERLAKE_PARTS", ROOT / ".parts"))
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
TIMEOUT = 900  # seconds, for any condition
SAMPLE = ROOT / "data/us-stocks-sample.csv"
# Exit with an exception, so that the started processes are always stopped.
signal.signal(signal.SIGINT, lambda *_: sys.exit(130))
signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
# Excludes the caller's settings, which are for different servers.
ENVIRONMENT = {key: value for key, value in os.environ.items() if not key.startswith(("AWS_", "KAFKA_", "SINK_"))}
# The tests configure the broker to start quickly. Here it gets the heap and the JVM options of Kafka's start script.
BROKER = {"KAFKA_HEAP_OPTS": "-Xms1g -Xmx1g", "KAFKA_JVM_PERFORMANCE_OPTS": "-server -XX:+UseG1GC"}


# Measures the programs of the profile that is shipped. BENCH_PROFILE selects a different profile, to test the scripts.
PROFILE = os.environ.get("BENCH_PROFILE", "dist")
PROGRAMS = TARGET / PROFILE


def program(name):
    """Returns the path of a built program."""
    path = PROGRAMS / name
    if not path.exists():
        sys.exit(f"{path} is missing; run `cargo build --workspace --profile {PROFILE.replace('debug', 'dev')}`")
    return str(path)


def columns():
    """Returns SINK_COLUMNS as the template sets it for the function."""
    value = re.search(r'SINK_COLUMNS: "(.*?)"', (ROOT / "template.yaml").read_text(), re.DOTALL)[1]
    return re.sub(r"\\\n *", "", value)


def tunables():
    """Returns GLIBC_TUNABLES as the template sets it for the function."""
    return re.search(r"GLIBC_TUNABLES: (\S+)", (ROOT / "template.yaml").read_text())[1]


def keyed_lines(folder):
    """Returns the sample's records as the producer sends them: `KEY<tab>VALUE<newline>`."""
    lines = folder / "lines"
    with open(lines, "w") as out:
        subprocess.run([program("producer"), SAMPLE, "--dry-run"], check=True, stdout=out, stderr=subprocess.DEVNULL)
    return [f"{json.loads(line)['symbol']}\t{line}" for line in lines.read_text().splitlines(keepends=True)]


class Cost:
    """Cost of a finished process and the children it waited for: wall and CPU time in seconds, peak memory in bytes."""

    def __init__(self, wall, usage, least_memory):
        self.wall = wall
        self.cpu = usage.ru_utime + usage.ru_stime
        self.memory = usage.ru_maxrss * 1024
        if usage.ru_maxrss <= least_memory:
            print(f"{self.memory / 1e6:.0f} MB is this script's memory; the program used less", file=sys.stderr)


class Running:
    """A process in the background."""

    def __init__(self, command, **options):
        self.command = [str(word) for word in command]
        self.started = time.monotonic()
        self.process = subprocess.Popen(self.command, **options)
        # A child starts with its parent's memory, so its measured peak never falls below that.
        self.least_memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    def wait(self, accept=(0,)):
        """Waits until the process exits and returns its cost. Exits this script if the exit code is not in `accept`."""
        try:
            _, status, usage = os.wait4(self.process.pid, 0)
        except BaseException:
            os.kill(self.process.pid, signal.SIGKILL)
            os.wait4(self.process.pid, 0)
            raise
        self.process.returncode = os.waitstatus_to_exitcode(status)
        cost = Cost(time.monotonic() - self.started, usage, self.least_memory)
        if accept is not None and self.process.returncode not in accept:
            sys.exit(f"{' '.join(self.command)} exited with {self.process.returncode}")
        return cost

    def stop(self, with_signal=signal.SIGINT, accept=(0, 130, 143, -2, -15)):
        # Popen.send_signal would reap a process that has exited already, and its cost would be lost.
        os.kill(self.process.pid, with_signal)
        return self.wait(accept)

    def cpu(self):
        """Returns the CPU seconds that the process has used so far, without its children."""
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory(self):
        """Returns the peak resident memory of the process so far, in bytes."""
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmHWM:\s*(\d+) kB", status)[1]) * 1024


def run(command, **options):
    """Runs a command to its end, and returns the cost."""
    return Running(command, **options).wait()


def python():
    """Returns the path of a Python interpreter that has the peers' dependencies. Installs it the first time."""
    venv, requirements = PARTS / "peers", ROOT / "bench/peers/requirements.txt"
    # The requirements are copied last, so the copy proves a complete installation.
    installed = venv / requirements.name
    if not installed.exists() or not filecmp.cmp(requirements, installed, shallow=False):
        subprocess.run([sys.executable, "-m", "venv", "--clear", venv], check=True)
        pip = [venv / "bin/pip", "install", "--quiet", "--disable-pip-version-check", "-r", requirements]
        subprocess.run(pip, check=True)
        shutil.copy(requirements, installed)
    return str(venv / "bin/python")


@contextlib.contextmanager
def folder():
    """Yields a temporary folder, which is removed on exit."""
    path = pathlib.Path(tempfile.mkdtemp(prefix="tickerlake-bench-"))
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


@contextlib.contextmanager
def kafka(path):
    """Runs an Apache Kafka broker over a folder and yields its address. Create its topics with `topic`."""
    start = [str(ROOT / "tests/apache-kafka/start"), "--while-stdin", str(path)]
    # The broker's standard input closes when this process exits, for whatever reason.
    broker = subprocess.Popen(start, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=ENVIRONMENT | BROKER)
    values = {}
    for line in broker.stdout:
        word, _, value = line.strip().partition(" ")
        values[word] = value
        if word == "ready":
            break
    else:
        sys.exit("the broker did not start")
    try:
        yield values["plaintext"]
    finally:
        broker.stdin.close()
        broker.wait(60)


def java(*words, **options):
    """Starts a Java program that comes with Kafka."""
    jars = [str(PARTS / "kafka" / "*"), str(PARTS / "kafka-tools" / "*")]
    return Running(["java", "-cp", ":".join(jars), *words], **options)


def topic(broker, name, partitions, *settings):
    """Creates a topic. Each setting is a string `key=value`."""
    words = ["--bootstrap-server", broker, "--create", "--topic", name, "--partitions", partitions]
    words += [word for setting in settings for word in ("--config", setting)]
    java("org.apache.kafka.tools.TopicCommand", *words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).wait()


@contextlib.contextmanager
def s3(path):
    """Runs the embedded S3 over a folder and yields the environment variables for its address and bucket."""
    command = [program("tickerlake"), "up", "--dir", str(path), "--port", "0", "--s3-port", "0"]
    with open(path.with_suffix(".s3.log"), "w") as log:
        server = Running(command, env=ENVIRONMENT, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    settings = path / "sink.env"
    try:
        wait_for("the S3", lambda: settings.exists() and settings.read_text().endswith("\n"), timeout=30)
        yield dict(line.split("=", 1) for line in settings.read_text().splitlines() if "=" in line)
    finally:
        server.stop()


def wait_for(what, condition, timeout=TIMEOUT, pause=0.05):
    """Waits until a condition is true, and exits after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            sys.exit(f"timed out after {timeout} s waiting for {what}")
        time.sleep(pause)


def table(title, head, rows):
    """Prints a table in Markdown."""
    print(f"\n{title}\n")
    print(f"| {' | '.join(head)} |")
    print(f"|{'---|' * len(head)}")
    for row in rows:
        print(f"| {' | '.join(str(cell) for cell in row)} |")


def quantile(values, share):
    """Returns the value below which the given share of the values lies."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
