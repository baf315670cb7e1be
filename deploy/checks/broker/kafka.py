"""Apache Kafka as the instance downloads it, built from the jars on Maven Central, where Apache's tarball is not."""

import filecmp
import hashlib
import os
import shutil
import subprocess
import tarfile
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[3]
HERE = REPOSITORY / "deploy/checks/broker"
PARTS = Path(os.environ.get("TICKERLAKE_PARTS") or REPOSITORY / ".parts")
VERSION = "4.2.0"
FOLDER = f"kafka_2.13-{VERSION}"
TOOLS = "server-start storage configs topics acls console-consumer console-producer".split()


def install():
    """Downloads the jars, and downloads them again after pom.xml has changed."""
    subprocess.run([REPOSITORY / "tests/apache-kafka/start", "--install"], check=True)
    pom, jars = HERE / "pom.xml", PARTS / "kafka-tools"
    if not (jars / "pom.xml").exists() or not filecmp.cmp(pom, jars / "pom.xml", shallow=False):
        shutil.rmtree(jars, ignore_errors=True)
        copy = ["dependency:copy-dependencies", f"-DoutputDirectory={jars}"]
        subprocess.run(["mvn", "-q", "-B", "-f", pom, *copy], check=True)
        shutil.copy(pom, jars / "pom.xml")


def build_tarball(file):
    """Builds the parts of Apache's tarball that the instance uses, and returns the SHA-256."""
    with tarfile.open(file, "w") as tar:
        for folder in "kafka", "kafka-tools":
            for jar in sorted((PARTS / folder).glob("*.jar")):
                tar.add(os.path.realpath(jar), f"{FOLDER}/libs/{jar.name}")
        for tool in TOOLS:
            tar.add(HERE / "kafka-tool", f"{FOLDER}/bin/kafka-{tool}.sh")
    return hashlib.sha256(file.read_bytes()).hexdigest()
