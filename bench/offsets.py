"""What a consumer group has committed, asked of the broker without a client, so that asking often costs nothing."""

import socket
import struct

# Kafka's number of the request, and a version of it that brokers old and new have.
LIST_OFFSETS, OFFSET_FETCH, DESCRIBE_GROUPS = (2, 1), (9, 5), (15, 0)
LATEST = -1


def _text(value):
    return struct.pack(">h", len(value)) + value.encode()


def _topic(name, partitions):
    return struct.pack(">i", 1) + _text(name) + struct.pack(">i", len(partitions)) + b"".join(partitions)


class Answer:
    """The bytes of a response, read from front to back."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, form):
        values = struct.unpack_from(">" + form, self.data, self.at)
        self.at += struct.calcsize(">" + form)
        return values if len(values) > 1 else values[0]

    def text(self):
        length = max(self.take("h"), 0)
        self.at += length
        return self.data[self.at - length : self.at].decode()


class Offsets:
    """Of one topic, of a broker that is all of its cluster."""

    def __init__(self, broker, topic, partitions):
        host, _, port = broker.rpartition(":")
        self.socket = socket.create_connection((host, int(port)), timeout=60)
        self.topic, self.partitions = topic, range(partitions)

    def _ask(self, kind, body):
        request = struct.pack(">hhi", *kind, 0) + _text("bench") + body
        self.socket.sendall(struct.pack(">i", len(request)) + request)
        answer = self._read(*struct.unpack(">i", self._read(4)))
        return Answer(answer[4:])

    def _read(self, length):
        data = b""
        while len(data) < length:
            more = self.socket.recv(length - len(data))
            if not more:
                raise ConnectionError("the broker has hung up")
            data += more
        return data

    def ends(self):
        """The offset behind the last record of each partition."""
        wanted = [struct.pack(">iq", number, LATEST) for number in self.partitions]
        answer = self._ask(LIST_OFFSETS, struct.pack(">i", -1) + _topic(self.topic, wanted))
        answer.take("i")
        answer.text()
        found = {}
        for _ in range(answer.take("i")):
            number, error, _, offset = answer.take("ihqq")
            if error:
                raise ConnectionError(f"partition {number}: the broker answers with error {error}")
            found[number] = offset
        return found

    def joined(self, group):
        """Whether a group's members have their partitions, and so begin to read."""
        answer = self._ask(DESCRIBE_GROUPS, struct.pack(">i", 1) + _text(group))
        answer.take("ih")
        answer.text()
        return answer.text() == "Stable"

    def committed(self, group):
        """How many records a group has committed, in all partitions."""
        wanted = [struct.pack(">i", number) for number in self.partitions]
        answer = self._ask(OFFSET_FETCH, _text(group) + _topic(self.topic, wanted))
        answer.take("i")
        total = 0
        if not answer.take("i"):
            return total  # the topic of the groups is just being made
        answer.text()
        for _ in range(answer.take("i")):
            _, offset, _ = answer.take("iqi")
            answer.text()
            # While a transaction is open or the group is just being made, there is no answer: nothing is committed.
            if not answer.take("h"):
                total += max(offset, 0)
        return total
