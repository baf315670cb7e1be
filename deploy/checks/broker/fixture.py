"""An instance for deploy/broker/boot: a folder instead of a machine, and its volume, secrets and addresses."""

import json
import os
import signal
import socket
import ssl
import subprocess
import sys

import user_data
from expect import TIMEOUT, expect, expect_equal, wait_for
from kafka import FOLDER, HERE, REPOSITORY

sys.path.insert(0, f"{REPOSITORY}/tests")

from free_ports import free_ports  # noqa: E402

INTERNAL_NAME, INTERNAL_ADDRESS = "kafka.tickerlake.internal", "10.20.0.10"
REPLACED_PROGRAMS = (
    "aws blkid cfn-signal chown curl dnf ip journalctl mkfs.xfs mount mountpoint session-manager-plugin systemctl useradd "
    "xfs_growfs"
).split()
# Values of `${Name}` in the user data.
TEMPLATE_VALUES = {
    "AWS::StackName": "tickerlake-BrokerStack", "Stack": "tickerlake", "AWS::Region": "eu-central-1", "InternalAddress": INTERNAL_ADDRESS,
    "BrokerVolume": "vol-0123", "DiskSize": "20",
    "PublicName": "", "PublicAllocationId": "",
    "BrokerSecret": "broker", "CaSecret": "ca", "ProducerSecret": "producer", "TriggerSecret": "trigger",
    "Topic": "quotes", "Partitions": "3", "ConsumerGroupId": "tickerlake-quotes", "RetentionHours": "168",
}
# The only variables of this check that the instance does not have: its root folder, addresses and ports that are free
# here, the checksum of the tarball that is built here, and how long this machine has been up; and, for the replaced
# programs, where they are and where they keep their state.
OVERRIDES = frozenset(
    "ROOT BIND INTERNAL_PORT LOCAL_PORT PUBLIC_PORT BROKER_PORT CONTROLLER_PORT KAFKA_SHA256 RETRY_UNTIL PATH OUTSIDE".split()
)


class SettingError(Exception):
    pass


def environment(settings):
    """Returns the variables that the user data exports, with other values for some, and overrides."""
    exported = user_data.variables(user_data.resolve(user_data.read(REPOSITORY), TEMPLATE_VALUES))
    unknown = sorted(settings.keys() - exported.keys() - OVERRIDES)
    if unknown:
        raise SettingError(f"{', '.join(unknown)}: the user data does not export this variable, so the check must not set it")
    return exported | settings


def check_rule():
    """No setting of the check may hide what the deployed script does without it, as HEAP_MB once did."""
    for name in "HEAP_MB", "WAIT_SECONDS", "KAFKA_HEAP_OPTS", "HOME":
        try:
            environment({"ROOT": "/", name: "512"})
        except SettingError as error:
            expect(str(error).startswith(f"{name}: "), error)
        else:
            raise AssertionError(f"the check may set {name}, which the user data does not export")


def uptime():
    with open("/proc/uptime") as file:
        return int(float(file.read().split()[0]))


class Fixture:
    def __init__(self, folder, kafka, sha256):
        self.folder = folder
        self.root, self.outside, self.bin = folder / "root", folder / "outside", folder / "bin"
        for path in self.root / "etc", self.outside / "secrets", self.outside / "failures", self.bin:
            path.mkdir(parents=True)
        for name in REPLACED_PROGRAMS:
            (self.bin / name).symlink_to(HERE / "outside")
        for name in "broker", "ca", "producer", "trigger":
            (self.outside / "secrets" / name).touch()
        (self.outside / "kafka.tgz").symlink_to(kafka)
        self.internal, self.local, self.public, self.broker, self.controller = free_ports(5)
        self.output = ""
        self.settings = {
            "PATH": f"{self.bin}:{os.environ['PATH']}", "ROOT": str(self.root), "OUTSIDE": str(self.outside),
            "BIND": "127.0.0.1",
            "INTERNAL_PORT": str(self.internal), "LOCAL_PORT": str(self.local),
            "PUBLIC_PORT": str(self.public), "BROKER_PORT": str(self.broker), "CONTROLLER_PORT": str(self.controller),
            "KAFKA_SHA256": sha256,
        }

    def fail_next(self, call, *messages):
        """Makes the next calls of a replaced program, or of one of its actions, fail with these messages."""
        (self.outside / "failures" / call).write_text("".join(f"{message}\n" for message in messages))

    def run(self, *command, variables=None, stdin=subprocess.DEVNULL):
        return subprocess.run(
            [str(word) for word in command], env=variables or self.settings, text=True, timeout=TIMEOUT,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=stdin,
        )

    def boot(self, succeeds=True, seconds=TIMEOUT, signals=1, **settings):
        """Runs the script, which retries for some seconds, and returns its output and its calls of the replaced programs."""
        (self.outside / "calls").write_text("")
        settings = self.settings | {"RETRY_UNTIL": str(uptime() + seconds)} | settings
        process = self.run(REPOSITORY / "deploy/broker/boot", variables=environment(settings))
        calls = (self.outside / "calls").read_text()
        self.output += process.stdout + calls
        expect((process.returncode == 0) == succeeds, f"deploy/broker/boot exited with {process.returncode}:\n{process.stdout}")
        sent = [line for line in calls.splitlines() if line.startswith("cfn-signal")]
        expect_equal(len(sent), signals, "number of signals")
        expect_equal(calls.splitlines()[-1], sent[-1], "last call")
        expect(("--exit-code 0 " in sent[-1]) == succeeds, sent[-1])
        return process.stdout, calls

    def secrets(self):
        return {file.name: file.read_text() for file in (self.outside / "secrets").iterdir()}

    def pid(self):
        return int((self.outside / "pid").read_text())

    def certificate(self):
        """Returns the certificate that the broker presents for its private name."""
        context = ssl.create_default_context(cadata=json.loads(self.secrets()["ca"])["certificate"])
        with socket.create_connection(("127.0.0.1", self.internal)) as plain:
            with context.wrap_socket(plain, server_hostname=INTERNAL_NAME) as tls:
                return tls.getpeercert(binary_form=True)

    def tool(self, tool, *arguments, port=None, **options):
        # Only the VPC resolves the private name; here Java's hosts file does.
        hosts = self.folder / "hosts"
        hosts.write_text(f"127.0.0.1 {INTERNAL_NAME} localhost\n")
        server = port if isinstance(port, str) else f"localhost:{port or self.local}"
        command = self.root / f"opt/{FOLDER}/bin/kafka-{tool}.sh"
        java = {"KAFKA_OPTS": f"-Djdk.net.hosts.file={hosts}", "KAFKA_HEAP_OPTS": "-Xmx256m"}
        return self.run(command, "--bootstrap-server", server, *arguments, variables=self.settings | java, **options)

    def start(self):
        """Starts the service, and waits until clients can connect."""
        expect_equal(self.run(self.bin / "systemctl", "start", "kafka").returncode, 0, "systemctl start")
        wait_for(f"Kafka to listen on port {self.local}", lambda: listens(self.local))

    def stop(self, number=signal.SIGKILL):
        if not (self.outside / "pid").exists():
            return
        try:
            os.kill(self.pid(), number)
        except ProcessLookupError:
            return
        wait_for("Kafka to exit", lambda: not alive(self.pid()))


def listens(port):
    try:
        socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT).close()
    except ConnectionRefusedError:
        return False
    return True


def alive(pid):
    try:
        with open(f"/proc/{pid}/status") as status:
            return "State:\tZ" not in status.read()
    except FileNotFoundError:
        return False
