"""Reads offsets from the broker over its protocol, without a client library, so that frequent requests cost little."""

import socket
import struct

# (API key, version) of each request. Old and new brokers support these versions.
LIST_OFFSETS, OFFSET_FETCH, DESCRIBE_GROUPS = (2, 1), (9, 5), (15, 0)
LATEST = -1


def _text(value):
    return struct.pack(">h", len(value)) + value.encode()


def _topic(name, partitions):
    return struct.pack(">i", 1) + _text(name) + struct.pack(">i", len(partitions)) + b"".join(partitions)


class Response:
    """A response, whose bytes are consumed from front to back."""

    def __init__(self, data):
        self.data, self.position = data, 0

    def take(self, form):
        values = struct.unpack_from(">" + form, self.data, self.position)
        self.position += struct.calcsize(">" + form)
        return values if len(values) > 1 else values[0]

    def take_text(self):
        length = max(self.take("h"), 0)
        self.position += length
        return self.data[self.position - length : self.position].decode()


class Offsets:
    """Offsets of one topic, on a cluster of one broker."""

    def __init__(self, broker, topic, partitions):
        host, _, port = broker.rpartition(":")
        self.socket = socket.create_connection((host, int(port)), timeout=60)
        self.topic, self.partitions = topic, range(partitions)

    def _request(self, kind, body):
        request = struct.pack(">hhi", *kind, 0) + _text("bench") + body
        self.socket.sendall(struct.pack(">i", len(request)) + request)
        response = self._read(*struct.unpack(">i", self._read(4)))
        return Response(response[4:])

    def _read(self, length):
        data = b""
        while len(data) < length:
            chunk = self.socket.recv(length - len(data))
            if not chunk:
                raise ConnectionError("the broker closed the connection")
            data += chunk
        return data

    def ends(self):
        """Returns the end offset of each partition."""
        partitions = [struct.pack(">iq", number, LATEST) for number in self.partitions]
        response = self._request(LIST_OFFSETS, struct.pack(">i", -1) + _topic(self.topic, partitions))
        response.take("i")
        response.take_text()
        found = {}
        for _ in range(response.take("i")):
            number, error, _, offset = response.take("ihqq")
            if error:
                raise ConnectionError(f"partition {number}: the broker returned error {error}")
            found[number] = offset
        return found

    def joined(self, group):
        """Returns whether the group is stable: its members have their partitions and start to read."""
        response = self._request(DESCRIBE_GROUPS, struct.pack(">i", 1) + _text(group))
        response.take("ih")
        response.take_text()
        return response.take_text() == "Stable"

    def committed(self, group):
        """Returns the sum of the committed offsets, which is the number of committed records if there are no gaps."""
        partitions = [struct.pack(">i", number) for number in self.partitions]
        response = self._request(OFFSET_FETCH, _text(group) + _topic(self.topic, partitions))
        response.take("i")
        total = 0
        if not response.take("i"):
            return total  # the offsets topic is still being created
        response.take_text()
        for _ in range(response.take("i")):
            _, offset, _ = response.take("iqi")
            response.take_text()
            # While a transaction is open or the group is being created, the broker returns an error: nothing is committed.
            if not response.take("h"):
                total += max(offset, 0)
        return total
