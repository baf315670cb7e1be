"""The Python programs of bench/producers: `csv_to_kafka.py tutorial|kafka_python|confluent BROKER TOPIC FILE RECORDS`.

`tutorial` is the loop of the stock-market tutorials without its `sleep(1)`. The others follow the documentation of the two
libraries for high throughput. Prints the seconds from the first row to the last confirmation, without the interpreter's
startup and the imports.
"""

import csv
import itertools
import json
import sys
import time


def tutorial(broker, topic, file, records):
    """Sends random rows of a data frame, one at a time, as JSON without a key."""
    import pandas
    from kafka import KafkaProducer

    producer = KafkaProducer(
        bootstrap_servers=[broker], value_serializer=lambda value: json.dumps(value).encode("utf-8")
    )
    frame = pandas.read_csv(file)
    started = time.monotonic()
    for _ in range(records):
        producer.send(topic, value=frame.sample(1).to_dict(orient="records")[0])
    producer.flush()
    return time.monotonic() - started


def quotes(file, records):
    """Yields the symbol and the JSON of `records` rows. Repeats the file in its order, and converts numbers."""
    text = json.JSONEncoder(separators=(",", ":")).encode
    left = records
    while left > 0:
        with open(file, newline="") as rows:
            for row in itertools.islice(csv.DictReader(rows), left):
                symbol, date, *numbers = row.items()
                value = dict([symbol, date]) | {name: float(cell) if cell else None for name, cell in numbers}
                yield symbol[1].encode(), text(value).encode()
                left -= 1


def kafka_python(broker, topic, file, records):
    """Sends records with keys, in large compressed batches, and checks every confirmation."""
    from kafka import KafkaProducer

    producer = KafkaProducer(
        bootstrap_servers=[broker],
        acks="all",
        enable_idempotence=True,
        compression_type="lz4",
        linger_ms=20,
        batch_size=1_000_000,
    )
    failed = []
    started = time.monotonic()
    for key, value in quotes(file, records):
        producer.send(topic, key=key, value=value).add_errback(failed.append)
    producer.flush()
    if failed:
        sys.exit(f"{len(failed)} records were not delivered: {failed[0]}")
    return time.monotonic() - started


def confluent(broker, topic, file, records):
    """Sends the same records with confluent-kafka, which uses librdkafka, like `producer`."""
    from confluent_kafka import Producer

    producer = Producer(
        {
            "bootstrap.servers": broker,
            "acks": "all",
            "enable.idempotence": True,
            "compression.type": "lz4",
            "linger.ms": 20,
            "batch.size": 1_000_000,
            "queue.buffering.max.kbytes": 131_072,
            "queue.buffering.max.messages": 200_000,
            "partitioner": "murmur2_random",
        }
    )
    failed = []

    def delivered(error, _):
        if error:
            failed.append(error)

    started = time.monotonic()
    for key, value in quotes(file, records):
        while True:
            try:
                producer.produce(topic, key=key, value=value, on_delivery=delivered)
                break
            except BufferError:
                producer.poll(0.01)
        producer.poll(0)
    producer.flush()
    if failed:
        sys.exit(f"{len(failed)} records were not delivered: {failed[0]}")
    return time.monotonic() - started


name, broker, topic, file, records = sys.argv[1:]
functions = {function.__name__: function for function in (tutorial, kafka_python, confluent)}
print(functions[name](broker, topic, file, int(records)))
