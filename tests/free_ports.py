"""Ports for the servers that a check starts."""

import os
import socket

_taken = set()


def free_ports(count):
    """Returns ports that nothing listens on, below the range that the system assigns to clients, and no port twice."""
    found = []
    for port in range(20000 + os.getpid() % 10000, 32000):
        if port in _taken:
            continue
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        _taken.add(port)
        found.append(port)
        if len(found) == count:
            return found
    raise RuntimeError(f"fewer than {count} free ports below 32000")
