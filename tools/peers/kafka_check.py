#!/usr/bin/env python3
"""Checks Varve's Kafka protocol with real clients: kcat and confluent-kafka (librdkafka).

    apt-get install kcat
    python3 -m venv /tmp/kafka && /tmp/kafka/bin/pip install confluent-kafka
    varve serve --dir DIRECTORY --kafka-port 19092 --http-port 0 --resp-port 0 &
    /tmp/kafka/bin/python tools/peers/kafka_check.py 127.0.0.1:19092 [RECORDS]

The server must create topics when asked for them. Topics get fresh names, so it can run again and
again. RECORDS (default 100000) sizes the bulk test. Exit code 0 when all checks pass.
Last run with kcat 1.7.1 (librdkafka 2.0.2) and confluent-kafka 2.16.1 (librdkafka 2.16.0).
"""
import hashlib
import subprocess
import sys
import time

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Producer
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

BROKER = sys.argv[1] if len(sys.argv) > 1 else "127.0.0.1:19092"
RECORDS = int(sys.argv[2]) if len(sys.argv) > 2 else 100_000
RUN = f"{int(time.time() * 1000):x}"
failures = []


def topic(name):
    return f"check-{RUN}-{name}"


def check(name, condition, detail=""):
    print(f"{'ok  ' if condition else 'FAIL'} {name} {detail}")
    if not condition:
        failures.append(name)


def kcat(*arguments, stdin=None):
    """The output of kcat; stops after 60 s."""
    command = ["kcat", "-b", BROKER, "-q", *arguments]
    done = subprocess.run(command, input=stdin, capture_output=True, timeout=60)
    if done.returncode != 0:
        return f"exit {done.returncode}: {done.stderr.decode()}".encode()
    return done.stdout


def consumer(**settings):
    return Consumer({
        "bootstrap.servers": BROKER, "group.id": "check", "enable.auto.commit": False,
        "auto.offset.reset": "error", "enable.partition.eof": True, **settings})


def consume(name, count, start=OFFSET_BEGINNING, partition=0, **settings):
    """So many messages of a topic, by assignment: no group is needed."""
    reader = consumer(**settings)
    reader.assign([TopicPartition(name, partition, start)])
    messages = []
    deadline = time.time() + 60
    while len(messages) < count and time.time() < deadline:
        for message in reader.consume(10_000, timeout=1.0):
            error = message.error()
            if error is None:
                messages.append(message)
            elif error.code() != KafkaError._PARTITION_EOF:
                reader.close()
                return error
    reader.close()
    return messages


def produce(name, values, keys=None, **settings):
    """Sends values; answers the offset or error of each."""
    writer = Producer({"bootstrap.servers": BROKER, "message.timeout.ms": 30_000, **settings})
    results = [None] * len(values)

    def delivered(index):
        def note(error, message):
            results[index] = error if error else message.offset()
        return note

    for index, value in enumerate(values):
        while True:
            try:
                writer.produce(
                    name, value, keys[index] if keys else None, on_delivery=delivered(index))
                break
            except BufferError:
                writer.poll(0.1)
        writer.poll(0)
    writer.flush(60)
    return results


def kcat_round_trips():
    lines = b"".join(b"line %d\n" % n for n in range(1000))
    for codec in ["none", "lz4", "gzip", "snappy"]:
        for idempotent in ["false", "true"]:
            name = topic(f"kcat-{codec}-{idempotent}")
            kcat("-P", "-t", name, "-z", codec, "-X", f"enable.idempotence={idempotent}",
                 "-X", "linger.ms=5", stdin=lines)
            back = kcat("-C", "-t", name, "-e")
            check(f"kcat {codec} idempotence={idempotent} comes back", back == lines)
    for acks in ["0", "1"]:
        name = topic(f"kcat-acks-{acks}")
        kcat("-P", "-t", name, "-X", f"acks={acks}", stdin=lines)
        back = b""
        for _ in range(50):
            back = kcat("-C", "-t", name, "-e")
            if len(back) == len(lines):
                break
        check(f"kcat acks={acks} comes back", back == lines)
    name = topic("kcat-parts")
    kcat("-P", "-t", name, "-K:", "-H", "origin=JFK", "-H", "empty=", "-Z", stdin=b"k:v\nk2:\n")
    back = kcat("-C", "-t", name, "-e", "-f", "%o|%k|%s|%h|%S\n")
    check("kcat keys, headers and nulls", back == b"0|k|v|origin=JFK,empty=|1\n"
          b"1|k2||origin=JFK,empty=|-1\n", back)
    back = kcat("-C", "-t", name, "-o", "1", "-e", "-f", "%o ")
    check("kcat starts in the middle", back == b"1 ", back)
    back = kcat("-C", "-t", name, "-o", "-1", "-e", "-f", "%o ")
    check("kcat starts from the end", back == b"1 ", back)
    listing = kcat("-L", "-t", name)
    check("kcat -L", f'topic "{name}" with 1 partitions'.encode() in listing, listing)
    back = kcat("-C", "-t", topic("nothing"), "-e")
    check("kcat consuming an unknown topic is told so", b"Unknown topic" in back, back)
    back = kcat("-P", "-t", "varve.catalog", stdin=b"x\n")
    check("kcat cannot write a reserved topic", b"exit" in back, back)


def bulk():
    values = [b'{"n":%d,"carrier":"UA","delay":%d}' % (n, n * 7 % 1000) for n in range(RECORDS)]
    digest = hashlib.md5(b"".join(values)).hexdigest()
    for settings in [{"compression.type": "lz4"},
                     {"compression.type": "lz4", "enable.idempotence": True},
                     {"compression.type": "none", "linger.ms": 1}]:
        name = topic("bulk-" + "-".join(str(v) for v in settings.values()))
        start = time.time()
        results = produce(
            name, values, acks="all", **{"queue.buffering.max.messages": 1_000_000, **settings})
        sent = time.time()
        check(f"{RECORDS} records, {settings}: offsets are dense",
              sorted(results) == list(range(RECORDS)), results[:3])
        found = consume(name, RECORDS)
        done = time.time()
        back = hashlib.md5(b"".join(m.value() for m in found)).hexdigest()
        check(f"{RECORDS} records, {settings}: come back", len(found) == RECORDS and
              back == digest and [m.offset() for m in found] == list(range(RECORDS)),
              f"produced {RECORDS / (sent - start):,.0f}/s, consumed {RECORDS / (done - sent):,.0f}/s")


def offsets():
    name = topic("offsets")
    writer = Producer({"bootstrap.servers": BROKER})
    for n in range(10):
        writer.produce(name, b"%d" % n, timestamp=1_000_000 + n * 1000)
    writer.flush(30)
    reader = consumer()
    check("watermarks", reader.get_watermark_offsets(TopicPartition(name, 0), 10) == (0, 10))
    for time_ms, expected in [(0, 0), (1_000_000, 0), (1_004_500, 5), (1_009_000, 9),
                              (1_009_001, -1)]:
        found = reader.offsets_for_times([TopicPartition(name, 0, time_ms)], 10)[0].offset
        check(f"offset at {time_ms} ms", found == expected, found)
    reader.close()
    error = consume(name, 1, start=11)
    check("an offset past the end is out of range",
          isinstance(error, KafkaError) and error.code() in (
              KafkaError.OFFSET_OUT_OF_RANGE, KafkaError._AUTO_OFFSET_RESET), error)
    found = consume(name, 10, start=11, **{"auto.offset.reset": "earliest"})
    check("a reset policy starts over", len(found) == 10)
    large = b"x" * 5_000_000
    results = produce(topic("large"), [large], **{"message.max.bytes": 10_000_000})
    found = consume(topic("large"), 1)
    check("a 5 MB record comes back", results == [0] and found[0].value() == large, results)
    reader = consumer(**{"fetch.wait.max.ms": 20_000, "enable.partition.eof": False})
    reader.assign([TopicPartition(name, 0, 10)])
    reader.consume(1, timeout=1.0)
    started = time.time()
    writer.produce(name, b"late")
    found = reader.consume(1, timeout=10.0)
    check("a waiting consumer is woken", [m.value() for m in found] == [b"late"],
          f"{(time.time() - started) * 1000:.1f} ms")
    reader.close()
    writer.flush(10)


def administration():
    admin = AdminClient({"bootstrap.servers": BROKER})

    def create(name, **settings):
        try:
            admin.create_topics([NewTopic(name, **settings)])[name].result(30)
            return None
        except KafkaException as failure:
            return failure.args[0]

    name = topic("parts")
    check("a topic with 3 partitions", create(name, num_partitions=3) is None)
    found = admin.list_topics(name, 10).topics[name]
    check("it has them", sorted(found.partitions) == [0, 1, 2])
    error = create(name, num_partitions=3)
    check("it exists", error is not None and error.code() == KafkaError.TOPIC_ALREADY_EXISTS, error)
    for expected, settings in [
        (KafkaError.INVALID_REPLICATION_FACTOR, {"num_partitions": 1, "replication_factor": 3}),
        (KafkaError.INVALID_PARTITIONS, {"num_partitions": 100_000}),
        (KafkaError.INVALID_CONFIG, {"num_partitions": 1, "config": {"compression.type": "lz4"}}),
        (KafkaError.INVALID_CONFIG, {"num_partitions": 1, "config": {"no.such": "1"}}),
    ]:
        error = create(topic("refused"), **settings)
        check(f"refused: {settings}", error is not None and error.code() == expected, error)
    error = create("varve.mine", num_partitions=1)
    check("a reserved name", error is not None and error.code() == KafkaError.POLICY_VIOLATION,
          error)
    error = create("no spaces", num_partitions=1)
    check("an invalid name",
          error is not None and error.code() == KafkaError.TOPIC_EXCEPTION, error)
    keys = [b"%d" % (n % 50) for n in range(3000)]
    results = produce(name, keys, keys, **{"compression.type": "lz4", "enable.idempotence": True})
    check("keyed records on 3 partitions", all(isinstance(r, int) for r in results))
    reader = consumer()
    found = [reader.get_watermark_offsets(TopicPartition(name, p), 10)[1] for p in range(3)]
    reader.close()
    check("all of them", sum(found) == 3000 and all(n > 0 for n in found), found)


def transactions():
    writer = Producer({"bootstrap.servers": BROKER, "transactional.id": "t"})
    start = time.time()
    try:
        writer.init_transactions(20)
        error = None
    except KafkaException as failure:
        error = failure.args[0]
    check("transactions are refused, soon", error is not None and time.time() - start < 15,
          f"{error} after {time.time() - start:.1f} s")


try:
    AdminClient({"bootstrap.servers": BROKER}).list_topics(timeout=5)
except KafkaException as failure:
    sys.exit(f"nothing answers at {BROKER}: {failure.args[0].str()}")
for part in [kcat_round_trips, bulk, offsets, administration, transactions]:
    part()
print(f"{len(failures)} checks failed" if failures else "all checks passed")
sys.exit(1 if failures else 0)
