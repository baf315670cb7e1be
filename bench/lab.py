"""What the comparisons share: the programs that were built, a broker, an S3, and what a process costs."""

import contextlib
import filecmp
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
LIMIT = 900  # seconds, for anything: what takes so long hangs
SAMPLE = ROOT / "data/us-stocks-sample.csv"
# What was started is ended however this ends.
signal.signal(signal.SIGINT, lambda *_: sys.exit(130))
signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
# The caller's settings are for other servers.
OWN = {key: value for key, value in os.environ.items() if not key.startswith(("AWS_", "KAFKA_", "SINK_"))}
# The tests' broker is made to start quickly; here it has the memory and the compiler of Kafka's own start script.
BROKER = {"KAFKA_HEAP_OPTS": "-Xms1g -Xmx1g", "KAFKA_JVM_PERFORMANCE_OPTS": "-server -XX:+UseG1GC"}


def program(name):
    """A program of the release build; of another where BENCH_PROFILE says so, to try the scripts, not to measure."""
    profile = os.environ.get("BENCH_PROFILE", "release")
    path = TARGET / profile / name
    if not path.exists():
        sys.exit(f"{path} is missing: cargo build --workspace --profile {profile.replace('debug', 'dev')}")
    return str(path)


def columns():
    """What the template gives the function as SINK_COLUMNS."""
    written = re.search(r'SINK_COLUMNS: "(.*?)"', (ROOT / "template.yaml").read_text(), re.DOTALL)[1]
    return re.sub(r"\\\n *", "", written)


def tunables():
    """What the template gives the function for glibc's memory."""
    return re.search(r"GLIBC_TUNABLES: (\S+)", (ROOT / "template.yaml").read_text())[1]


class Cost:
    """What a finished process and those it waited for took: seconds of the clock, of processors, bytes at most."""

    def __init__(self, wall, used, least_memory):
        self.wall = wall
        self.cpu = used.ru_utime + used.ru_stime
        self.memory = used.ru_maxrss * 1024
        if used.ru_maxrss <= least_memory:
            print(f"{self.memory / 1e6:.0f} MB is this script's memory; the program took less", file=sys.stderr)


class Running:
    """A process in the background."""

    def __init__(self, command, **options):
        self.command = [str(word) for word in command]
        self.started = time.monotonic()
        self.process = subprocess.Popen(self.command, **options)
        # A child begins with its parent's memory, and its own peak never falls below that.
        self.least_memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    def wait(self, accept=(0,)):
        """Waits for its end and returns its cost; another exit code than the accepted ends the comparison."""
        try:
            _, status, used = os.wait4(self.process.pid, 0)
        except BaseException:
            os.kill(self.process.pid, signal.SIGKILL)
            os.wait4(self.process.pid, 0)
            raise
        self.process.returncode = os.waitstatus_to_exitcode(status)
        cost = Cost(time.monotonic() - self.started, used, self.least_memory)
        if accept is not None and self.process.returncode not in accept:
            sys.exit(f"{' '.join(self.command)} ended with {self.process.returncode}")
        return cost

    def stop(self, with_signal=signal.SIGINT, accept=(0, 130, 143, -2, -15)):
        # Popen's own would reap one that has ended already, and its cost with it.
        os.kill(self.process.pid, with_signal)
        return self.wait(accept)

    def cpu(self):
        """Seconds of processors so far, its children aside."""
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory(self):
        """The most bytes that it has had in memory."""
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmHWM:\s*(\d+) kB", status)[1]) * 1024


def run(command, **options):
    """Runs a command to its end; its cost."""
    return Running(command, **options).wait()


def python():
    """The Python that the peers run in, with all that they import; installed the first time."""
    venv, wanted = PARTS / "peers", ROOT / "bench/peers/requirements.txt"
    # The copy of the requirements, made last, says that all of them are there.
    there = venv / wanted.name
    if not there.exists() or not filecmp.cmp(wanted, there, shallow=False):
        subprocess.run([sys.executable, "-m", "venv", "--clear", venv], check=True)
        pip = [venv / "bin/pip", "install", "--quiet", "--disable-pip-version-check", "-r", wanted]
        subprocess.run(pip, check=True)
        shutil.copy(wanted, there)
    return str(venv / "bin/python")


@contextlib.contextmanager
def folder():
    """A folder that is there as long as it is needed."""
    path = pathlib.Path(tempfile.mkdtemp(prefix="tickerlake-bench-"))
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


@contextlib.contextmanager
def kafka(path):
    """An Apache Kafka broker over a folder; gives its address. It has topics only by `topic`."""
    start = [str(ROOT / "tests/apache-kafka/start"), "--while-stdin", str(path)]
    # Its standard input closes with this process, however it ends.
    broker = subprocess.Popen(start, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=OWN | BROKER)
    told = {}
    for line in broker.stdout:
        word, _, value = line.strip().partition(" ")
        told[word] = value
        if word == "ready":
            break
    else:
        sys.exit("the broker did not start")
    try:
        yield told["plaintext"]
    finally:
        broker.stdin.close()
        broker.wait(60)


def java(*words, **options):
    """One of the Java programs that come with Kafka."""
    jars = [str(PARTS / "kafka" / "*"), str(PARTS / "kafka-tools" / "*")]
    return Running(["java", "-cp", ":".join(jars), *words], **options)


def topic(broker, name, partitions, *settings):
    """Makes a topic; its settings are `key=value`."""
    words = ["--bootstrap-server", broker, "--create", "--topic", name, "--partitions", partitions]
    words += [word for setting in settings for word in ("--config", setting)]
    java("org.apache.kafka.tools.TopicCommand", *words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).wait()


@contextlib.contextmanager
def s3(path):
    """The embedded S3 over a folder; gives the variables by which a program finds it and its bucket."""
    command = [program("tickerlake"), "up", "--dir", str(path), "--port", "0", "--s3-port", "0"]
    with open(path.with_suffix(".s3.log"), "w") as log:
        server = Running(command, env=OWN, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    settings = path / "sink.env"
    try:
        wait_for("the S3", lambda: settings.exists() and settings.read_text().endswith("\n"), limit=30)
        yield dict(line.split("=", 1) for line in settings.read_text().splitlines() if "=" in line)
    finally:
        server.stop()


def wait_for(what, condition, limit=LIMIT, pause=0.05):
    """Waits until a condition holds."""
    until = time.monotonic() + limit
    while not condition():
        if time.monotonic() > until:
            sys.exit(f"{what}: not within {limit} s")
        time.sleep(pause)


def table(title, head, rows):
    """Prints a table in Markdown, as the README has it."""
    print(f"\n{title}\n")
    print(f"| {' | '.join(head)} |")
    print(f"|{'---|' * len(head)}")
    for row in rows:
        print(f"| {' | '.join(str(cell) for cell in row)} |")


def quantile(values, share):
    """The value below which that share of the values lies."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
