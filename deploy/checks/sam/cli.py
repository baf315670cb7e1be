"""A copy of what is deployed, and the SAM CLI, run in it as on a machine without Rust."""

import os
import shutil
import stat
import struct
import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
PARTS = Path(os.environ.get("TICKERLAKE_PARTS") or ROOT / ".parts")
# Machines of the ELF header.
MACHINES = {"arm64": 183, "x86_64": 62}
TIMEOUT = 300  # seconds, for any command


class Failed(Exception):
    """A problem that the check reports."""


def make_zip(file, architecture="arm64", name="bootstrap", mode=0o755):
    """Writes a ZIP with a program that has an ELF header and nothing else, and returns the file."""
    header = b"\x7fELF\x02\x01\x01" + bytes(9) + struct.pack("<HH", 2, MACHINES[architecture]) + bytes(44)
    entry = zipfile.ZipInfo(name)
    entry.external_attr = (stat.S_IFREG | mode) << 16
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(entry, header)
    return file


class Project:
    """A copy of the template, samconfig.toml, deploy/ and functions/, and a PATH with only the SAM CLI and Python."""

    def __init__(self, folder, account=None):
        self.folder, self.account = folder / "project", account
        self.home = folder / "home"
        self.home.mkdir(parents=True)
        self.folder.mkdir()
        for name in "template.yaml", "samconfig.toml":
            shutil.copy(ROOT / name, self.folder / name)
        shutil.copytree(ROOT / "deploy", self.folder / "deploy", ignore=shutil.ignore_patterns("checks", "__pycache__"))
        # Without a build, `sam deploy` packages the function's folder as it is, also if the function is not deployed.
        shutil.copytree(ROOT / "functions", self.folder / "functions", ignore=shutil.ignore_patterns("target"))
        self.bin = folder / "bin"
        self.bin.mkdir()
        (self.bin / "sam").symlink_to(PARTS / "sam/bin/sam")
        (self.bin / "python3").symlink_to(sys.executable)
        # SAM asks PyPI for a newer version if its last check is more than a week old.
        (self.home / "metadata.json").write_text('{"lastVersionCheck":4102444800.0}')

    def run(self, *command, answers=""):
        """Runs a command with these lines as standard input, and returns its exit code and output."""
        environment = {
            "PATH": str(self.bin), "HOME": str(self.home), "LC_ALL": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1",
            "SAM_CLI_TELEMETRY": "0", "__SAM_CLI_APP_DIR": str(self.home), "SAM_CLI_POLL_DELAY": "0.1",
        }
        environment |= self.account.environment() if self.account else {}
        try:
            process = subprocess.run(
                [str(word) for word in command], cwd=self.folder, env=environment, input=answers, text=True, timeout=TIMEOUT,
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
            )
        except subprocess.TimeoutExpired as error:
            output = (error.stdout or b"").decode(errors="replace")
            raise Failed(f"{' '.join(map(str, command))} ran for more than {TIMEOUT} s:\n{output}") from error
        return process.returncode, process.stdout

    def succeed(self, *command, answers=""):
        code, output = self.run(*command, answers=answers)
        if code != 0:
            raise Failed(f"{' '.join(map(str, command))} exited with {code}:\n{output}")
        return output

    def prepare(self, file):
        """Prepares the build folder with a ZIP."""
        return self.succeed("deploy/prebuilt", file)

    def deploy(self, *options):
        """Runs `sam deploy`, confirms the change set, and returns the output."""
        return self.succeed("sam", "deploy", *options, answers="y\n")
