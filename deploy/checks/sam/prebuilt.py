"""deploy/prebuilt: a machine without Rust deploys the program of a ZIP."""

import hashlib
import shutil
import zipfile

from cli import Failed, Project, make_zip


def expect_rejected(project, reason, *arguments):
    """Checks that deploy/prebuilt fails with this reason and prepares nothing."""
    code, output = project.run("deploy/prebuilt", *arguments)
    if code == 0 or reason not in output:
        raise Failed(f"deploy/prebuilt {' '.join(map(str, arguments))} exited with {code}, without {reason!r}:\n{output}")
    if (project.folder / ".aws-sam").exists():
        raise Failed(f"deploy/prebuilt has prepared a deployment in spite of {reason!r}")


def check(folder):
    """Checks what deploy/prebuilt rejects and accepts. Yields what was shown."""
    project = Project(folder)
    for tool in "cargo", "rustc", "zig":
        if shutil.which(tool, path=str(project.bin)):
            raise Failed(f"{tool} is in the PATH of the check")

    arm, x86 = make_zip(folder / "arm64.zip"), make_zip(folder / "x86_64.zip", "x86_64")
    text = folder / "text.zip"
    with zipfile.ZipFile(text, "w") as archive:
        entry = zipfile.ZipInfo("bootstrap")
        entry.external_attr = 0o100755 << 16
        archive.writestr(entry, "#!/bin/sh\n")
    rejections = [
        ("does not exist", folder / "missing.zip"),
        ("failed to read", project.folder / "template.yaml"),
        ("has no bootstrap at its top level", make_zip(folder / "named.zip", name="bin/bootstrap")),
        ("not executable for all users", make_zip(folder / "mode.zip", mode=0o644)),
        ("not a 64-bit Linux program", text),
        ("is for x86_64, but Architecture is arm64", x86),
        ("is for arm64, but Architecture is x86_64", arm, "--architecture", "x86_64"),
    ]
    for reason, *arguments in rejections:
        expect_rejected(project, reason, *arguments)

    listing = folder / "arm64.zip.sha256"
    sums = {file: hashlib.sha256(file.read_bytes()).hexdigest() for file in (arm, x86)}
    listing.write_text(f"{sums[x86]}  arm64.zip\n")
    expect_rejected(project, "has the SHA-256", arm)
    listing.write_text("no checksum\n")
    expect_rejected(project, "has no SHA-256 of arm64.zip", arm)
    listing.write_text("".join(f"{sums[file]}  {file.name}\n" for file in (x86, arm)))
    output = project.prepare(arm)
    if "checksum verified" not in output:
        raise Failed(f"deploy/prebuilt did not verify the checksum:\n{output}")
    output = project.succeed("deploy/prebuilt", x86, "--architecture", "x86_64")
    if not output.endswith("next: sam deploy --parameter-overrides Architecture=x86_64\n"):
        raise Failed(f"deploy/prebuilt does not name the parameter:\n{output}")
    left = sorted(file.name for file in project.folder.glob("template*"))
    if left != ["template.yaml"]:
        raise Failed(f"deploy/prebuilt leaves {left} behind")
    yield f"deploy/prebuilt without Rust: 2 ZIPs accepted, one by its checksum, and {len(rejections) + 2} rejected with their reason"
