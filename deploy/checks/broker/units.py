"""The units that deploy/broker/boot writes: systemd reads them without a complaint, and Kafka's heap is a number that Java takes."""

import re
import shutil
import subprocess

from expect import expect, expect_equal

UNITS = "kafka.service", "kafka-health.service", "kafka-health.timer"


def check_units(folder):
    analyze = shutil.which("systemd-analyze")
    expect(analyze, "systemd-analyze is not in PATH: install the Debian package systemd")
    for unit in UNITS:
        expect((folder / unit).exists(), f"{unit} was not written")
    files = [folder / unit for unit in UNITS]
    process = subprocess.run([analyze, "verify", "--man=no", *files], text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    expect_equal((process.returncode, process.stdout), (0, ""), "exit code and output of systemd-analyze verify")


def check_heap(folder, pid):
    """A third of the memory, at most 4 GB, and the running JVM has it."""
    with open("/proc/meminfo") as file:
        memory = int(re.search(r"^MemTotal: *(\d+) kB", file.read(), re.MULTILINE)[1])
    heap = min(memory // 1024 // 3 // 64 * 64, 4096)
    options = re.search(r'"KAFKA_HEAP_OPTS=-Xms([0-9]+)m -Xmx([0-9]+)m"\n', (folder / "kafka.service").read_text())
    expect(options, "the unit does not set Kafka's heap to a number of megabytes")
    expect_equal(options.groups(), (str(heap), str(heap)), f"Kafka's heap in MB on a machine with {memory} kB")
    with open(f"/proc/{pid}/cmdline") as file:
        expect(f"-Xms{heap}m" in file.read().split("\0"), f"the JVM {pid} does not run with -Xms{heap}m")
