"""The services outside the machine: AWS as far as the user data and deploy/broker/boot call it, and Apache's download servers.

Outlives the machines, as AWS does: it keeps the secrets, the volume's state, the address and the signals.
"""

import http.server
import ssl
import threading
import time
import urllib.parse

INSTANCE_ADDRESS = "10.20.0.20"
NETWORK_CARD = "02:00:0a:14:00:14"
VOLUME = "vol-0123456789abcdef0"
# Calls with these words fail once on each instance, because the script has to retry them: a package mirror and an address.
FAIL_FIRST = {
    "java-17-amazon-corretto-headless": "Error: Failed to download metadata for repo 'amazonlinux': Cannot download repomd.xml",
    "assign-private-ip-addresses": "An error occurred (RequestLimitExceeded) when calling the AssignPrivateIpAddresses operation",
}


class Rejected(Exception):
    """A call that fails, with the message that the program prints."""


class Cloud:
    def __init__(self, script, user_data, tarball, secrets):
        self.script, self.user_data, self.tarball = script, user_data, tarball
        self.secrets = dict.fromkeys(secrets)
        self.volume, self.releasing, self.addresses = "available", False, []
        self.instance, self.attach = None, None
        self.calls, self.signals, self.metrics = [], [], []
        self.changed = threading.Condition()

    def start_instance(self, instance, attach):
        """Prepares for a new instance. `attach` connects the volume to its machine."""
        self.instance, self.attach = instance, attach
        self.calls, self.signals, self.metrics = [], [], []
        self.failing = dict(FAIL_FIRST)

    def end_instance(self):
        """The instance has failed. AWS reports its volume as in use once more, and then as available."""
        self.releasing, self.addresses = True, []

    def wait(self, condition, timeout):
        """Waits until the condition, which is evaluated after each call, is true. Returns whether it is."""
        with self.changed:
            return self.changed.wait_for(condition, timeout)

    def metadata(self, path):
        interface = f"network/interfaces/macs/{NETWORK_CARD}"
        return {
            "instance-id": self.instance, "mac": NETWORK_CARD, f"{interface}/interface-id": "eni-0123456789abcdef0",
            f"{interface}/local-ipv4s": "\n".join([INSTANCE_ADDRESS, *self.addresses]),
        }.get(path)

    def call(self, program, words):
        """Carries out a call of a replaced program and returns its output."""
        with self.changed:
            action = words[1] if program == "aws" else program
            self.calls.append((action, words))
            try:
                for word in self.failing.keys() & set(words):
                    raise Rejected(self.failing.pop(word))
                options = dict(zip(words, words[1:]))
                return getattr(self, action.replace("-", "_"))(options) or ""
            finally:
                self.changed.notify_all()

    def dnf(self, _):
        pass

    def cfn_init(self, options):
        if options.get("--resource") != "BrokerTemplate":
            raise Rejected(f"no metadata of {options.get('--resource')}")
        return self.script

    def cfn_signal(self, options):
        self.signals.append((time.monotonic(), options.get("--exit-code"), options.get("--reason", "")))

    def get_secret_value(self, options):
        value = self.secrets.get(options["--secret-id"])
        if value is None:
            message = "Secrets Manager can't find the specified secret value for staging label: AWSCURRENT"
            raise Rejected(f"An error occurred (ResourceNotFoundException) when calling the GetSecretValue operation: {message}")
        return value + "\n"

    def put_secret_value(self, options):
        if options["--secret-id"] not in self.secrets:
            raise Rejected("An error occurred (ResourceNotFoundException) when calling the PutSecretValue operation")
        self.secrets[options["--secret-id"]] = options["--secret-string"]

    def describe_volumes(self, _):
        state = self.volume
        if self.releasing:
            self.volume, self.releasing = "available", False
        return state + "\n"

    def attach_volume(self, options):
        if (options["--volume-id"], options["--instance-id"], self.volume) != (VOLUME, self.instance, "available"):
            raise Rejected(f"An error occurred (IncorrectState) when calling the AttachVolume operation: {VOLUME} is {self.volume}")
        self.volume = "in-use"
        self.attach()

    def assign_private_ip_addresses(self, options):
        self.addresses = [options["--private-ip-addresses"]]

    def put_metric_data(self, options):
        self.metrics.append((options["--metric-name"], options["--value"]))


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    cloud = None

    def answer(self, status, body=b"", **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def body(self):
        return self.rfile.read(int(self.headers.get("content-length", 0))).decode()

    def log_message(self, *_):
        pass


class Metadata(Handler):
    """The instance metadata service, version 2, and the calls of replaced programs."""

    def do_PUT(self):
        self.answer(200 if self.path == "/latest/api/token" else 404, b"token")

    def do_GET(self):
        if self.headers.get("X-aws-ec2-metadata-token") != "token":
            return self.answer(401)
        kind, _, path = self.path.removeprefix("/latest/").partition("/")
        found = self.cloud.user_data if kind == "user-data" else self.cloud.metadata(path)
        return self.answer(404) if found is None else self.answer(200, found.encode())

    def do_POST(self):
        words = urllib.parse.parse_qs(self.body(), keep_blank_values=True).get("word", [])
        try:
            output = self.cloud.call(self.path.rsplit("/", 1)[1], words)
        except Rejected as rejected:
            self.answer(200, f"{rejected}\n".encode(), Exit_Code="254")
        else:
            self.answer(200, output.encode(), Exit_Code="0")


class Downloads(Handler):
    """downloads.apache.org, which breaks off in the middle of the file, and archive.apache.org, which sends it."""

    def do_GET(self):
        content = self.cloud.tarball.read_bytes()
        if self.headers["Host"] != "downloads.apache.org":
            return self.answer(200, content)
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content[: len(content) // 10])
        self.close_connection = True


def serve(cloud, certificate, key):
    """Starts both servers on this machine and returns their ports."""
    ports = []
    for handler in Metadata, Downloads:
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (handler,), {"cloud": cloud}))
        if handler is Downloads:
            context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            context.load_cert_chain(certificate, key)
            server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        ports.append(server.server_port)
    return ports
