"""One instance: a virtual machine as large as a t4g.small, without hardware acceleration."""

import json
import re
import socket
import subprocess
import threading
import time

from cloud import INSTANCE_ADDRESS, NETWORK_CARD, VOLUME

MEMORY = 2048  # MB
INTERNAL, LOCAL = 9096, 9097  # the host's ports of the listeners, the same as the machine's


class MachineError(Exception):
    pass


class Machine:
    """Runs from its creation until kill(). Its root disk is a new copy of the image, and the data disk is connected later."""

    def __init__(self, image, data, folder, ports, internal_address, on_line):
        folder.mkdir()
        self.on_line, self.folder = on_line, folder
        forward = [f"hostfwd=tcp:127.0.0.1:{INTERNAL}-{internal_address}:{INTERNAL}", f"hostfwd=tcp:127.0.0.1:{LOCAL}-{INSTANCE_ADDRESS}:{LOCAL}"]
        network = ["user", "id=net", "net=10.20.0.0/26", "host=10.20.0.2", "dns=10.20.0.3", f"dhcpstart={INSTANCE_ADDRESS}", *forward]
        # The kernel's command line contains the ports of the host's servers.
        outside = [f"systemd.setenv={name}=10.20.0.2:{port}" for name, port in zip(("OUTSIDE_HTTP", "OUTSIDE_HTTPS"), ports)]
        kernel = ["root=/dev/nvme0n1", "rootwait", "rw", "console=ttyS0", "quiet", "systemd.show_status=no", *outside]
        command = ["qemu-system-x86_64", "-machine", "pc", "-accel", "tcg,thread=multi", "-cpu", "Westmere", "-smp", "2", "-m", str(MEMORY)]
        command += ["-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"]
        command += ["-kernel", str(image / "vmlinuz"), "-append", " ".join(kernel)]
        command += ["-drive", f"file={image / 'root.img'},format=raw,if=none,id=root,snapshot=on", "-device", "nvme,drive=root,serial=vol00000000000000000"]
        command += ["-drive", f"file={data},format=raw,if=none,id=data"]
        command += ["-netdev", ",".join(network), "-device", f"virtio-net-pci,netdev=net,mac={NETWORK_CARD}"]
        command += ["-device", "virtio-rng-pci", "-serial", "stdio", "-serial", f"unix:{folder}/shell,server=on,wait=off"]
        command += ["-qmp", f"unix:{folder}/qmp,server=on,wait=off"]
        self.power_on = time.monotonic()
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        threading.Thread(target=self.read_console, daemon=True).start()

    def read_console(self):
        with open(self.folder / "console", "w") as log:
            for line in self.process.stdout:
                text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", line.decode(errors="replace")).strip()
                log.write(f"{time.monotonic() - self.power_on:7.1f} {text}\n")
                log.flush()
                self.on_line(text)

    def attach_volume(self):
        """Connects the data disk, as EC2 does when a volume is attached to a running instance."""
        serial = VOLUME.replace("-", "")
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(f"{self.folder}/qmp")
            answers = connection.makefile()
            answers.readline()
            add = {"execute": "device_add", "arguments": {"driver": "nvme", "id": "data-disk", "drive": "data", "serial": serial}}
            for command in {"execute": "qmp_capabilities"}, add:
                connection.sendall(json.dumps(command).encode())
                while "return" not in (answer := json.loads(answers.readline())):
                    if "error" in answer:
                        raise MachineError(f"QEMU does not connect the data disk: {answer['error']['desc']}")

    def shell(self, command, timeout=120):
        """Runs a command as root on the machine and returns its output."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(timeout)
            connection.connect(f"{self.folder}/shell")
            connection.sendall(f"\n( {command} ) 2>&1 </dev/null; echo; echo end-of-$((1))-command\n".encode())
            received = ""
            while "end-of-1-command" not in received:
                if not (part := connection.recv(65536)):
                    raise MachineError(f"the machine ended during `{command}`")
                received += part.decode(errors="replace")
        return received.split("end-of-1-command")[0].strip()

    def alive(self):
        return self.process.poll() is None

    def kill(self):
        """Ends the machine as a power failure does."""
        self.process.kill()
        self.process.wait()
