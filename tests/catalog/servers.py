"""Starts the servers that a check needs on free ports of this machine, and stops them when the check ends."""

import os
import pathlib
import socket
import subprocess
import time

from free_ports import free_ports

ROOT = pathlib.Path(__file__).resolve().parents[2]
PARTS = pathlib.Path(os.environ["TICKERLAKE_PARTS"])
TIMEOUT = 300  # seconds, for any program or condition
# Any keys will do: neither the embedded S3 nor moto checks them.
KEYS = {"AWS_ACCESS_KEY_ID": "tickerlake", "AWS_SECRET_ACCESS_KEY": "tickerlake", "AWS_REGION": "us-east-1"}
BUCKET = "tickerlake"
# Without the caller's settings, which are for other servers.
ENVIRONMENT = {key: value for key, value in os.environ.items() if not key.startswith(("AWS_", "KAFKA_", "SINK_"))}
TRINO = """\
coordinator=true
node-scheduler.include-coordinator=true
http-server.http.port={port}
discovery.uri=http://127.0.0.1:{port}
node.internal-address=127.0.0.1
plugin.dir={parts}/trino/plugin
catalog.config-dir={folder}/catalog
query.max-memory-per-node=700MB
"""
S3 = """\
hive.s3.endpoint={s3}
hive.s3.path-style-access=true
hive.s3.ssl.enabled=false
hive.s3.aws-access-key=tickerlake
hive.s3.aws-secret-key=tickerlake
hive.metastore.glue.region=us-east-1
hive.metastore.glue.endpoint-url={glue}
hive.metastore.glue.aws-access-key=tickerlake
hive.metastore.glue.aws-secret-key=tickerlake
"""
# The view contains Athena's name of its catalog. Statistics are off because moto has none and Trino retries for a minute.
CATALOGS = {
    "awsdatacatalog": "connector.name=hive\nhive.metastore=glue\nhive.iceberg-catalog-name=iceberg\n"
    "hive.partition-projection-enabled=true\nhive.table-statistics-enabled=false\n",
    "iceberg": "connector.name=iceberg\niceberg.catalog.type=glue\n",
}


def wait_for(what, condition, program=None, log=None):
    deadline = time.monotonic() + TIMEOUT
    while not condition():
        if program and program.poll() is not None:
            raise RuntimeError(f"{what}: the program exited with {program.returncode}:\n{log.read_text()[-3000:]}")
        if time.monotonic() > deadline:
            raise RuntimeError(f"timed out waiting for {what}" + (f":\n{log.read_text()[-3000:]}" if log else ""))
        time.sleep(0.1)


def listens(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


class Servers:
    """Running programs. On exit, stops all of them, the last one first."""

    def __init__(self, folder):
        self.folder = folder
        self.running = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        while self.running:
            stop(self.running.pop())

    def start(self, name, command, environment=None):
        log = self.folder / f"{name}.log"
        with log.open("w") as output:
            program = subprocess.Popen(
                [str(word) for word in command],
                env=ENVIRONMENT | KEYS | (environment or {}),
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        self.running.append(program)
        return program, log

    def glue(self):
        """Starts moto and returns its address."""
        [port] = free_ports(1)
        program, log = self.start("moto", [PARTS / "template/bin/moto_server", "-H", "127.0.0.1", "-p", port])
        wait_for("moto", lambda: listens(port), program, log)
        return f"http://127.0.0.1:{port}"

    def trino(self, glue, s3):
        """Starts Trino and returns its port."""
        port, folder = *free_ports(1), self.folder / "trino"
        (folder / "catalog").mkdir(parents=True)
        (folder / "config.properties").write_text(TRINO.format(port=port, parts=PARTS, folder=folder))
        for name, settings in CATALOGS.items():
            text = settings + S3.format(glue=glue, s3=s3)
            (folder / "catalog" / f"{name}.properties").write_text(text)
        options = {"node.environment": "check", "node.id": "check", "node.data-dir": folder, "user.timezone": "UTC"}
        options |= {"config": folder / "config.properties", "jdk.attach.allowAttachSelf": "true"}
        command = ["java", "-Xmx2g", "-XX:+ExitOnOutOfMemoryError", *(f"-D{key}={value}" for key, value in options.items())]
        command += ["-cp", f"{PARTS}/trino/start:{PARTS}/trino/lib/*", "Start", "406"]
        program, log = self.start("trino", command)
        wait_for("Trino", lambda: "SERVER STARTED" in log.read_text(), program, log)
        return port


def stop(program):
    program.terminate()
    try:
        program.wait(30)
    except subprocess.TimeoutExpired:
        program.kill()
        program.wait()
