"""Encodes and decodes Kafka's requests and responses by the message definitions in Apache Kafka's own jar.

The definitions are the JSON files below `common/message` in kafka-clients. Nothing here knows a particular message, so all
APIs and versions of that release can be used, and a server is checked against a codec that shares no code with it.
"""

import functools
import glob
import io
import json
import os
import re
import socket
import struct
import time
import uuid
import zipfile

INTEGERS = {"int8": ">b", "int16": ">h", "uint16": ">H", "int32": ">i", "uint32": ">I", "int64": ">q", "float64": ">d"}
# Every ApiVersions response has the first header version, so that a client can read an answer to any version.
API_VERSIONS = 18


class DecodeError(Exception):
    """The server sent bytes that are not the message."""


class Disconnected(Exception):
    """The server closed the connection."""


class Unanswered(Exception):
    """No response arrived in time."""


def parts_folder():
    here = os.path.dirname(os.path.abspath(__file__))
    return os.environ.get("TICKERLAKE_PARTS") or os.path.join(here, "..", "..", ".parts")


@functools.cache
def messages():
    """Returns the definitions of all messages by name and those of requests and responses by API key."""
    jars = glob.glob(os.path.join(parts_folder(), "kafka", "kafka-clients-*.jar"))
    if not jars:
        raise SystemExit("Apache Kafka's jars are missing: run tests/apache-kafka/start --install")
    found = {}
    with zipfile.ZipFile(jars[0]) as jar:
        for name in jar.namelist():
            if name.startswith("common/message/") and name.endswith(".json"):
                text = re.sub(r"^\s*//.*$", "", jar.read(name).decode(), flags=re.MULTILINE)
                message = json.loads(text)
                found[message["name"]] = message
                if "apiKey" in message:
                    found[message["type"], message["apiKey"]] = message
    return found


def api(name):
    """Returns the key of an API by its name, such as `Fetch`."""
    return messages()[name + "Request"]["apiKey"]


def versions(name, kind="request"):
    """Returns the oldest and the newest version of an API in this release."""
    low, high = _range(messages()[name + kind.capitalize()]["validVersions"])
    return low, high


@functools.cache
def _range(text):
    if text == "none":
        return 1, 0
    if text.endswith("+"):
        return int(text[:-1]), 1 << 15
    low, _, high = text.partition("-")
    return int(low), int(high or low)


def _within(text, version):
    low, high = _range(text)
    return low <= version <= high


def _flexible(message, version):
    return _within(message.get("flexibleVersions", "none"), version)


class _Codec:
    """One message in one version."""

    def __init__(self, message, version):
        self.version = version
        self.flexible = _flexible(message, version)
        self.common = {one["name"]: one["fields"] for one in message.get("commonStructs", [])}
        self.fields = message["fields"]

    def _parts(self, fields):
        """Returns the plain fields and the tagged ones of this version."""
        plain, tagged = [], {}
        for field in fields:
            if "tag" in field and self.flexible and _within(field["taggedVersions"], self.version):
                tagged[field["tag"]] = field
            elif _within(field["versions"], self.version):
                plain.append(field)
        return plain, tagged

    def _structure(self, field, kind):
        return field.get("fields") or self.common.get(kind)

    def _compact(self, field):
        return self.flexible and _within(field.get("flexibleVersions", "0+"), self.version)

    def default(self, field):
        kind, given = field["type"], field.get("default")
        if kind.startswith("[]"):
            return None if given == "null" else []
        if kind in ("string", "bytes", "records"):
            if given == "null" or kind == "records":
                return None
            return (given or "") if kind == "string" else b""
        if kind == "bool":
            return str(given).lower() == "true"
        if kind == "uuid":
            return uuid.UUID(int=0)
        if kind == "float64":
            return float(given or 0)
        if kind in INTEGERS:
            return int(str(given or 0), 0)
        if given == "null":
            return None
        return {}

    # --- encode

    def encode(self, value):
        out = io.BytesIO()
        self._put_structure(out, self.fields, value)
        return out.getvalue()

    def _put_structure(self, out, fields, value):
        plain, tagged = self._parts(fields)
        known = {field["name"] for field in fields}
        for name in value:
            if name not in known:
                raise KeyError(f"{name} is none of {', '.join(sorted(known))}")
        for field in plain:
            self._put(out, field, field["type"], value.get(field["name"], self.default(field)))
        if self.flexible:
            present = [(tag, field) for tag, field in sorted(tagged.items())
                       if field["name"] in value and value[field["name"]] != self.default(field)]
            _put_varint(out, len(present))
            for tag, field in present:
                inner = io.BytesIO()
                self._put(inner, field, field["type"], value[field["name"]])
                _put_varint(out, tag)
                _put_varint(out, len(inner.getvalue()))
                out.write(inner.getvalue())

    def _put_length(self, out, field, length, short):
        if self._compact(field):
            _put_varint(out, 0 if length is None else length + 1)
        else:
            out.write(struct.pack(">h" if short else ">i", -1 if length is None else length))

    def _put(self, out, field, kind, value):
        if kind.startswith("[]"):
            self._put_length(out, field, None if value is None else len(value), False)
            for item in value or []:
                self._put(out, field, kind[2:], item)
        elif kind in INTEGERS:
            out.write(struct.pack(INTEGERS[kind], value))
        elif kind == "bool":
            out.write(b"\1" if value else b"\0")
        elif kind == "uuid":
            out.write(value.bytes)
        elif kind in ("string", "bytes", "records"):
            data = value.encode() if isinstance(value, str) else value
            self._put_length(out, field, None if data is None else len(data), kind == "string")
            out.write(data or b"")
        elif value is None:
            out.write(b"\xff")
        else:
            if _within(field.get("nullableVersions", "none"), self.version) and not field["type"].startswith("[]"):
                out.write(b"\1")
            self._put_structure(out, self._structure(field, kind), value)

    # --- decode

    def decode(self, data):
        source = _Source(data)
        value = self._take_structure(source, self.fields)
        if source.left():
            raise DecodeError(f"{source.left()} bytes after the end of the message")
        return value

    def _take_structure(self, source, fields):
        plain, tagged = self._parts(fields)
        value = {field["name"]: self._take(source, field, field["type"]) for field in plain}
        if self.flexible:
            last = -1
            for _ in range(source.varint()):
                tag, length = source.varint(), source.varint()
                if tag <= last:
                    raise DecodeError(f"tag {tag} after tag {last}")
                last, inner = tag, _Source(source.take(length))
                if tag not in tagged:
                    raise DecodeError(f"tag {tag} is not valid for version {self.version}")
                field = tagged[tag]
                value[field["name"]] = self._take(inner, field, field["type"])
                if inner.left():
                    raise DecodeError(f"{inner.left()} bytes after the tagged field {field['name']}")
        return value

    def _take_length(self, source, field, short):
        if self._compact(field):
            length = source.varint() - 1
        else:
            length = source.number(">h" if short else ">i")
        return length

    def _take(self, source, field, kind):
        nullable = _within(field.get("nullableVersions", "none"), self.version)
        if kind.startswith("[]"):
            length = self._take_length(source, field, False)
            if length < 0:
                if not nullable:
                    raise DecodeError(f"{field['name']} is null")
                return None
            if length > source.left():
                raise DecodeError(f"{field['name']} has {length} items in {source.left()} bytes")
            return [self._take(source, field, kind[2:]) for _ in range(length)]
        if kind in INTEGERS:
            return source.number(INTEGERS[kind])
        if kind == "bool":
            return source.take(1) != b"\0"
        if kind == "uuid":
            return uuid.UUID(bytes=source.take(16))
        if kind in ("string", "bytes", "records"):
            length = self._take_length(source, field, kind == "string")
            if length < 0:
                if not nullable and not field["type"].startswith("[]"):
                    raise DecodeError(f"{field['name']} is null")
                return None
            data = source.take(length)
            return data.decode() if kind == "string" else data
        if nullable and not field["type"].startswith("[]") and source.number(">b") < 0:
            return None
        return self._take_structure(source, self._structure(field, kind))


class _Source:
    def __init__(self, data):
        self.data, self.at = data, 0

    def left(self):
        return len(self.data) - self.at

    def take(self, length):
        if length > self.left():
            raise DecodeError(f"the message ends {length - self.left()} bytes early")
        self.at += length
        return self.data[self.at - length:self.at]

    def number(self, form):
        return struct.unpack(form, self.take(struct.calcsize(form)))[0]

    def varint(self):
        value = shift = 0
        while True:
            byte = self.take(1)[0]
            value |= (byte & 0x7F) << shift
            shift += 7
            if not byte & 0x80:
                return value


def _put_varint(out, value):
    while value > 0x7F:
        out.write(bytes([value & 0x7F | 0x80]))
        value >>= 7
    out.write(bytes([value]))


@functools.cache
def codec(name, version):
    return _Codec(messages()[name], version)


def request_frame(name, version, correlation, body, client="tickerlake-tests"):
    """Returns a request with its header and length."""
    message = messages()[name + "Request"]
    head = struct.pack(">hhih", message["apiKey"], version, correlation, len(client)) + client.encode()
    if _flexible(message, version):
        head += b"\0"
    payload = head + codec(name + "Request", version).encode(body)
    return struct.pack(">i", len(payload)) + payload


def decode_response(name, version, correlation, payload):
    source = _Source(payload)
    if source.number(">i") != correlation:
        raise DecodeError("the correlation id is another")
    message = messages()[name + "Response"]
    if _flexible(message, version) and message["apiKey"] != API_VERSIONS:
        for _ in range(source.varint()):
            source.varint()
            source.take(source.varint())
    return codec(name + "Response", version).decode(payload[source.at:])


class Connection:
    """One connection to a broker. Responses are read in the order of the requests."""

    def __init__(self, address, timeout=10.0):
        host, _, port = address.rpartition(":")
        self.timeout = timeout
        self.socket = socket.create_connection((host, int(port)), timeout=timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.correlation = 0
        self.pending = []
        self.received = b""

    def send(self, name, version, body):
        self.correlation += 1
        try:
            self.socket.sendall(request_frame(name, version, self.correlation, body))
        except OSError as error:
            raise Disconnected(str(error)) from error
        self.pending.append((name, version, self.correlation))

    def receive(self, timeout=None):
        """Returns the next response; raises Unanswered if it is not there in time, and keeps what has arrived."""
        deadline = time.monotonic() + (self.timeout if timeout is None else timeout)
        while True:
            if len(self.received) >= 4:
                size = struct.unpack(">i", self.received[:4])[0]
                if len(self.received) >= 4 + size:
                    payload, self.received = self.received[4:4 + size], self.received[4 + size:]
                    return decode_response(*self.pending.pop(0), payload)
            self.socket.settimeout(max(0.001, deadline - time.monotonic()))
            try:
                data = self.socket.recv(1 << 20)
            except TimeoutError:
                raise Unanswered("no response") from None
            except OSError as error:
                raise Disconnected(str(error)) from error
            if not data:
                raise Disconnected("the broker closed the connection")
            self.received += data

    def call(self, name, version, body, timeout=None):
        self.send(name, version, body)
        return self.receive(timeout)

    def close(self):
        self.socket.close()


# --- record batches

_CRC = []
for _byte in range(256):
    for _ in range(8):
        _byte = _byte >> 1 ^ (0x82F63B78 if _byte & 1 else 0)
    _CRC.append(_byte)


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ _CRC[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF


def _signed(value):
    out = io.BytesIO()
    _put_varint(out, (value << 1) ^ (value >> 63) if value >= 0 else (-value << 1) - 1)
    return out.getvalue()


def _sized(data):
    return _signed(-1) if data is None else _signed(len(data)) + data


def batch(values, *, timestamps=None, producer=-1, epoch=-1, sequence=-1, transactional=False, attributes=0, magic=2,
          damage=None):
    """Returns a record batch, version 2. `damage` spoils one property: crc, count, length."""
    now = int(time.time() * 1000)
    timestamps = timestamps or [now] * len(values)
    records = b""
    for index, value in enumerate(values):
        key = f"k{index}".encode()
        record = b"\0" + _signed(timestamps[index] - timestamps[0]) + _signed(index) + _sized(key) + _sized(value)
        record += _signed(1) + _sized(b"h") + _sized(b"x")
        records += _signed(len(record)) + record
    attributes |= 0x10 if transactional else 0
    count = len(values) + (1 if damage == "count" else 0)
    body = struct.pack(">hiqqqhii", attributes, len(values) - 1, timestamps[0], max(timestamps), producer, epoch, sequence,
                       count) + records
    crc = crc32c(body) ^ (1 if damage == "crc" else 0)
    length = len(body) + 9 + (5 if damage == "length" else 0)
    return struct.pack(">qiibI", 0, length, -1, magic, crc) + body


def batch_headers(data):
    """Returns the headers of the batches in fetched bytes; an incomplete batch at the end is left out."""
    found, at = [], 0
    while at + 61 <= len(data):
        base, length = struct.unpack(">qi", data[at:at + 12])
        if at + 12 + length > len(data):
            break
        epoch, magic, crc, attributes, delta, first, newest, producer, producer_epoch, sequence, count = struct.unpack(
            ">ibIhiqqqhii", data[at + 12:at + 61])
        found.append({"base": base, "length": length, "leader_epoch": epoch, "magic": magic, "attributes": attributes,
                      "last_offset_delta": delta, "first_timestamp": first, "max_timestamp": newest,
                      "producer": producer, "producer_epoch": producer_epoch, "sequence": sequence, "count": count,
                      "crc_ok": crc == crc32c(data[at + 21:at + 12 + length])})
        at += 12 + length
    return found
