"""The machine's root disk and kernel: Debian with systemd, a JRE and what else Amazon Linux has when it starts the user data.

Amazon's own images are not available outside AWS. The two have the same version of systemd, 252.
"""

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

from kafka import PARTS

HERE = Path(__file__).resolve().parent
CACHE = PARTS / "machine"
RELEASE = "bookworm"
KERNEL = "linux-image-cloud-amd64"
PACKAGES = (
    "ca-certificates curl dbus gawk iproute2 kmod openjdk-17-jre-headless openssl procps python3-minimal systemd-sysv udev xfsprogs"
).split()
HOST_PACKAGES = "debootstrap e2fsprogs kmod openssl qemu-system-x86".split()
STAND_INS = {"usr/bin/aws", "usr/bin/dnf", "opt/aws/bin/cfn-init", "opt/aws/bin/cfn-signal"}
ENABLED = {"user-data.service": "multi-user", "shell.service": "multi-user"}
ENABLED |= {"imds.socket": "sockets", "apache.socket": "sockets", "session.socket": "sockets"}
ENABLED |= {"systemd-networkd.service": "multi-user", "systemd-networkd-wait-online.service": "network-online"}
MASKED = "apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer fstrim.timer serial-getty@ttyS0.service".split()


def run(*command, **options):
    subprocess.run([str(word) for word in command], check=True, **options)


def install():
    """Installs the packages that build and run the machine, and builds the image."""
    missing = [package for package in HOST_PACKAGES if subprocess.run(["dpkg", "-s", package], capture_output=True).returncode]
    if missing:
        run("apt-get", "update", "-qq")
        run("apt-get", "install", "-y", "-qq", "--no-install-recommends", *missing, stdout=subprocess.DEVNULL)
    build()


def build():
    """Builds what is missing or older than this file and root/, and returns the folder of root.img and vmlinuz."""
    CACHE.mkdir(parents=True, exist_ok=True)
    packages = " ".join([RELEASE, KERNEL, *PACKAGES])
    if read(CACHE / "tree.recipe") != packages:
        build_tree()
        (CACHE / "tree.recipe").write_text(packages)
        (CACHE / "root.recipe").unlink(missing_ok=True)
    recipe = hashlib.sha256(Path(__file__).read_bytes())
    for file in sorted(path for path in (HERE / "root").rglob("*") if path.is_file()):
        recipe.update(file.read_bytes())
    if read(CACHE / "root.recipe") != recipe.hexdigest():
        create_authority()
        build_disk()
        (CACHE / "root.recipe").write_text(recipe.hexdigest())
    return CACHE


def read(file):
    return file.read_text() if file.exists() else None


def build_tree():
    """Installs Debian and the kernel in a folder."""
    tree, kernel = CACHE / "tree", CACHE / "kernel"
    for folder in tree, kernel:
        shutil.rmtree(folder, ignore_errors=True)
    with open(CACHE / "debootstrap.log", "w") as log:
        run("debootstrap", "--variant=minbase", "--include=" + ",".join(PACKAGES), RELEASE, tree, stdout=log)
    kernel.mkdir()
    depends = subprocess.run(["apt-cache", "depends", KERNEL], check=True, capture_output=True, text=True).stdout
    [package] = [line.split()[-1] for line in depends.splitlines() if line.split()[-1].startswith("linux-image-") and "Depends:" in line]
    # Not by debootstrap: the package would build an initial RAM disk, which this kernel does not need.
    run("apt-get", "download", "-qq", package, cwd=kernel, stderr=subprocess.DEVNULL)
    [archive] = kernel.glob("*.deb")
    run("dpkg-deb", "-x", archive, kernel)
    [image] = (kernel / "boot").glob("vmlinuz-*")
    shutil.copy(image, CACHE / "vmlinuz")
    shutil.copytree(kernel / "lib/modules", tree / "lib/modules", dirs_exist_ok=True, symlinks=True)
    run("depmod", "-b", tree, image.name.removeprefix("vmlinuz-"))
    shutil.rmtree(kernel)


def create_authority():
    """Creates the certificate of the download servers, which the machine trusts."""
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "3650"]
    names = "subjectAltName=DNS:downloads.apache.org,DNS:archive.apache.org"
    files = ["-keyout", CACHE / "apache.key", "-out", CACHE / "apache.pem"]
    run("openssl", "req", "-x509", *key, "-subj", "/CN=Download servers of the check", "-addext", names, *files, stderr=subprocess.DEVNULL)


def build_disk():
    """Copies Debian and root/ to a file system. The services of the check start at boot."""
    tree, disk = CACHE / "root", CACHE / "root.img"
    shutil.rmtree(tree, ignore_errors=True)
    run("cp", "-a", "--reflink=auto", CACHE / "tree", tree)
    shutil.rmtree(tree / "var/cache/apt/archives", ignore_errors=True)
    shutil.copytree(HERE / "root", tree, dirs_exist_ok=True)
    with (tree / "etc/ssl/certs/ca-certificates.crt").open("a") as bundle:
        bundle.write((CACHE / "apache.pem").read_text())
    for path in STAND_INS:
        (tree / path).parent.mkdir(parents=True, exist_ok=True)
        link(tree / path, "/usr/local/sbin/stand-in")
    units = tree / "etc/systemd/system"
    for unit, target in ENABLED.items():
        folder = units / f"{target}.target.wants"
        folder.mkdir(exist_ok=True)
        source = "/etc" if (units / unit).exists() else "/lib"
        link(folder / unit, f"{source}/systemd/system/{unit}")
    for unit in MASKED:
        link(units / unit, "/dev/null")
    (tree / "etc/hostname").write_text("broker\n")
    disk.unlink(missing_ok=True)
    run("mkfs.ext4", "-q", "-d", tree, disk, "2500M")
    shutil.rmtree(tree)


def link(path, target):
    path.unlink(missing_ok=True)
    os.symlink(target, path)
