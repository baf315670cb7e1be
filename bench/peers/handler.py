"""The sink's work as a typical Lambda function in Python, as a baseline for bench/sink.

Parses each record, adds its coordinates, and writes it to the object of its partition and day. The objects are kept in
memory instead of S3.

    handler.py EVENT 'gzip 9'|'gzip 6'|'zstd 3' RUNS     prints the minimum CPU seconds, the objects and their bytes
"""

import base64
import collections
import datetime
import gzip
import json
import sys
import time

import zstandard

# Level 9 is gzip's default.
COMPRESS = {"gzip 9": gzip.compress, "zstd 3": zstandard.ZstdCompressor(level=3).compress}
COMPRESS["gzip 6"] = lambda lines: gzip.compress(lines, compresslevel=6)


def handle(text, compress):
    """Returns the objects of an event, by key."""
    event = json.loads(text)
    groups = collections.defaultdict(list)
    for records in event["records"].values():
        for record in records:
            quote = json.loads(base64.b64decode(record["value"]))
            day = datetime.datetime.fromtimestamp(record["timestamp"] / 1000, datetime.UTC).date()
            line = {
                "kafka_partition": record["partition"],
                "kafka_offset": record["offset"],
                "kafka_timestamp": record["timestamp"],
                **quote,
            }
            key = (record["topic"], day, record["partition"])
            groups[key].append((record["offset"], json.dumps(line, separators=(",", ":"))))
    objects = {}
    for (topic, day, partition), lines in groups.items():
        name = f"data/{topic}/dt={day}/{partition:05}-{lines[0][0]:020}"
        objects[name] = compress("".join(line + "\n" for _, line in lines).encode())
    return objects


def main():
    path, codec, runs = sys.argv[1:]
    with open(path, encoding="utf-8") as file:
        text = file.read()
    fastest = float("inf")
    for _ in range(int(runs)):
        started = time.process_time()
        objects = handle(text, COMPRESS[codec])
        fastest = min(fastest, time.process_time() - started)
    print(json.dumps({"seconds": fastest, "objects": len(objects), "bytes": sum(map(len, objects.values()))}))


if __name__ == "__main__":
    main()
