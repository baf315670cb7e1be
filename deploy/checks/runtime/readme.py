"""The objects that events/README.md states for the sample events."""

import re
from pathlib import PurePosixPath

KEY = re.compile(r"`([^`]+\.json\.gz)`")
NUMBERS = r"offsets? (\d+)(?: to (\d+))?"


def expand(key, folders):
    """Returns the key with the folder that the page abbreviates to `...`, from an earlier key of the same kind."""
    kind = key.split("/", 1)[0]
    if kind == "...":
        return f"{folders['last']}/{PurePosixPath(key).name}"
    folder = folders[kind] if "..." in key else str(PurePosixPath(key).parent)
    folders[kind] = folders["last"] = folder
    return f"{folder}/{PurePosixPath(key).name}"


def offsets_of(key, before, after):
    """Returns the offsets that the text around a key gives; a key without any has the offset of its name."""
    found = re.match(rf" with {NUMBERS}", after) or re.search(rf"{NUMBERS} (?:is|are)(?:, with its headers,)? in $", before)
    if not found:
        found = re.search(r"-0*(\d+)()\.json\.gz$", key)
    first, last = int(found[1]), int(found[2] or found[1])
    return list(range(first, last + 1))


def objects_of_events(page):
    """Returns the offsets by key of the objects that each event adds, by the event's file name."""
    events, folders = {}, {}
    for name, stored in re.findall(r"^\| `([^`]+\.json)` \|[^|]*\|([^|]*)\|$", page, re.MULTILINE):
        events[name] = {}
        for found in KEY.finditer(stored):
            events[name][expand(found[1], folders)] = offsets_of(found[1], stored[: found.start()], stored[found.end() :])
    return events
