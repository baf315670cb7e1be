"""Failures of deploy/broker/boot: those that it reports at once, and those that it retries until the time is up."""

import os

from expect import expect, expect_equal
from fixture import INTERNAL_ADDRESS, Fixture

MIRROR = "Error: Failed to download metadata for repo 'amazonlinux': Cannot download repomd.xml"
CUT = "curl: (18) transfer closed with 1048576 bytes remaining to read"
IN_USE = "An error occurred (VolumeInUse) when calling the AttachVolume operation: vol-0123 is already attached to an instance"
REFUSED = "An error occurred (UnauthorizedOperation) when calling the AssignPrivateIpAddresses operation"
DENIED = "An error occurred (AccessDeniedException) when calling the GetSecretValue operation"
THROTTLED = "An error occurred (ThrottlingException) when calling the PutSecretValue operation: Rate exceeded"


def check_permanent(folder, kafka, sha256):
    """A retry cannot resolve these: they are reported at once, and nothing is formatted or started."""
    fixture = Fixture(folder / "checksum", kafka, "0" * 64)
    output, calls = fixture.boot(succeeds=False)
    expect("--reason kafka_2.13-4.2.0.tgz does not have the SHA-256 0000" in calls, calls)
    expect_equal(output.count("archive.apache.org/dist/kafka sent kafka_2.13-4.2.0.tgz with the SHA-256 " + sha256), 1, "retries")
    expect(not (fixture.root / "opt").exists() or not list((fixture.root / "opt").iterdir()), "Kafka was extracted")
    expect("systemctl" not in calls, calls)

    for content in "unreadable", "unknown data":
        fixture = Fixture(folder / content, kafka, sha256)
        (fixture.outside / "volume").write_text(content)
        os.truncate(fixture.outside / "volume", 1 << 21)
        _, calls = fixture.boot(succeeds=False)
        expect("volume vol-0123 has no file system and is not empty, or cannot be read" in calls, calls)
        expect("mkfs" not in calls, "a volume that is not empty was formatted")

    fixture = Fixture(folder / "password", kafka, sha256)
    (fixture.outside / "secrets/producer").write_text('{"username":"producer","password":"short"}')
    _, calls = fixture.boot(succeeds=False)
    expect("secret producer: the password must have 16 to 128 characters" in calls, calls)


def check_time_is_up(folder, kafka, sha256):
    """A failure that does not end is reported with the last reason once the time is up."""
    fixture = Fixture(folder / "mirror", kafka, sha256)
    fixture.fail_next("dnf", *["Error: the first reason"] * 2, *[MIRROR] * 100)
    output, calls = fixture.boot(succeeds=False, seconds=5)
    expect(f"--reason failed to install packages: {MIRROR}\n" in calls, calls)
    expect(calls.count("dnf ") > 2, f"no retry until the time was up:\n{calls}")
    # The user data calls the script again. There is no time left, so every step is tried once.
    fixture.fail_next("dnf", MIRROR)
    output, calls = fixture.boot(succeeds=False, RETRY_UNTIL="0")
    expect_equal((calls.count("dnf "), "next attempt" in output), (1, False), f"attempts after the time was up, of:\n{output}")

    fixture = Fixture(folder / "missing", kafka, sha256)
    (fixture.outside / "secrets/trigger").unlink()
    _, calls = fixture.boot(succeeds=False, seconds=3)
    expect("--reason failed to write secret trigger: An error occurred (ResourceNotFoundException)" in calls, calls)

    fixture = Fixture(folder / "busy", kafka, sha256)
    (fixture.outside / "volume-state").write_text("in-use")
    _, calls = fixture.boot(succeeds=False, seconds=3)
    expect("--reason failed to attach volume vol-0123: its state is in-use, not available\n" in calls and "mkfs" not in calls, calls)

    fixture = Fixture(folder / "kafka", kafka, sha256)
    fixture.fail_next("start-kafka", "Invalid initial heap size: -Xmsm")
    _, calls = fixture.boot(succeeds=False, seconds=3)
    expect(f"--reason Kafka does not listen on port {fixture.local}: Invalid initial heap size: -Xmsm\n" in calls, calls)


TEMPORARY = {
    "dnf": ("install packages", [MIRROR] * 2),
    "attach-volume": ("attach volume vol-0123", [IN_USE]),
    "get-secret-value": ("read secret broker", [DENIED]),
    "put-secret-value": ("write secret broker", [THROTTLED]),
    "assign-private-ip-addresses": (f"assign {INTERNAL_ADDRESS}", [REFUSED] * 2),
}


def boot_with_temporary_failures(fixture):
    """Everything that may fail temporarily does. The boot succeeds, and repeats each step as often as needed, but no other."""
    for call, (_, messages) in TEMPORARY.items():
        fixture.fail_next(call, *messages)
    # The first server sends a file that is cut short, and later a complete response that is not the file.
    fixture.fail_next("downloads.apache.org", CUT, "truncate")
    fixture.fail_next("archive.apache.org", "truncate", CUT)
    fixture.fail_next("cfn-signal", "ConnectionError: Could not connect to the endpoint URL")
    output, calls = fixture.boot(signals=2)
    for call, (task, messages) in TEMPORARY.items():
        for number, message in enumerate(messages):
            line = f"kafka-boot: failed to {task}: {message}; next attempt in {2 ** number} s\n"
            expect(line in output, f"no {line!r} in:\n{output}")
        expect_equal(output.count(f"failed to {task}: "), len(messages), f"failures of {call}, of:\n{output}")
    expect_equal(calls.count("archive.apache.org"), 3, f"downloads from the last server, of:\n{calls}")
    expect_equal(output.count("failed to download Kafka: "), 2, f"failed downloads, of:\n{output}")
    expect("failed to download Kafka: https://archive.apache.org/dist/kafka sent kafka_2.13-4.2.0.tgz with the SHA-256 " in output, output)
    expect(f"failed to download Kafka: {CUT}" in output, output)
    expect("kafka-boot: Kafka 4.2.0 is ready\n" in output, output)
    return calls
