"""confluent-kafka (librdkafka): producing, consuming, administration, security."""
import hashlib
import json
import subprocess
import time
import urllib.request

import pytest
from confluent_kafka import (Consumer, ElectionType, KafkaError, KafkaException, Producer,
                             TopicCollection, TopicPartition, OFFSET_BEGINNING,
                             TIMESTAMP_CREATE_TIME)
from confluent_kafka.admin import (AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource,
                                   NewTopic, OffsetSpec)

from conftest import VARVE, eventually


def produce(node, topic, records, **settings):
    """Sends (key, value, headers, timestamp) tuples; answers the errors."""
    writer = Producer({"bootstrap.servers": node.kafka, "linger.ms": 5, **settings})
    errors = []
    for key, value, headers, timestamp in records:
        while True:
            try:
                writer.produce(topic, value, key, headers=headers, timestamp=timestamp,
                               on_delivery=lambda e, m: errors.append(e) if e else None)
                break
            except BufferError:
                writer.poll(0.1)
        writer.poll(0)
    assert writer.flush(60) == 0
    return errors


def read(node, topic, count, offset=OFFSET_BEGINNING, **settings):
    reader = Consumer({"bootstrap.servers": node.kafka, "group.id": f"g-{topic}",
                       "enable.auto.commit": False, **settings})
    reader.assign([TopicPartition(topic, 0, offset)])
    found = []
    eventually(lambda: (found.extend(m for m in reader.consume(10_000, timeout=0.2)
                                     if m.error() is None), len(found) >= count)[1],
               30 + count / 2000)
    reader.close()
    return found


@pytest.mark.parametrize("codec", ["none", "gzip", "snappy", "lz4", "zstd"])
@pytest.mark.parametrize("idempotent", [False, True])
def test_codecs(node, topic, codec, idempotent):
    topic = f"{topic}-{codec}"
    values = [b"%d" % n * 20 for n in range(3000)]
    errors = produce(node, topic, [(None, v, None, 0) for v in values],
                     **{"compression.type": codec, "enable.idempotence": idempotent})
    assert errors == []
    assert [m.value() for m in read(node, topic, len(values))] == values


def test_keys_headers_nulls_and_times(node, topic):
    sent = [(b"k", b"v", [("h", b"1"), ("h", b"2"), ("n", None)], 1_000),
            (b"k", None, None, 2_000), (None, b"", [], 3_000), (b"", b"x", None, 4_000)]
    assert produce(node, topic, sent) == []
    found = read(node, topic, len(sent))
    assert [(m.key(), m.value(), m.timestamp()[1]) for m in found] \
        == [(k, v, t) for k, v, _, t in sent]
    assert found[0].headers() == [("h", b"1"), ("h", b"2"), ("n", None)]
    assert [m.offset() for m in found] == [0, 1, 2, 3]


def test_offsets_for_times_and_watermarks(node, topic):
    assert produce(node, topic, [(None, b"x", None, 1000 * n) for n in range(1, 11)]) == []
    reader = Consumer({"bootstrap.servers": node.kafka, "group.id": topic})
    assert reader.get_watermark_offsets(TopicPartition(topic, 0), timeout=10) == (0, 10)
    for time, offset in [(0, 0), (1000, 0), (1001, 1), (10_000, 9), (10_001, -1)]:
        part = reader.offsets_for_times([TopicPartition(topic, 0, time)], timeout=10)[0]
        assert part.offset == offset, time
    reader.close()


@pytest.mark.parametrize("reset,first", [("earliest", 0), ("latest", None)])
def test_out_of_range_resets(node, topic, reset, first):
    topic = f"{topic}-{reset}"
    assert produce(node, topic, [(None, b"x", None, 0)] * 3) == []
    if reset == "earliest":
        found = read(node, topic, 3, offset=1000, **{"auto.offset.reset": reset})
        assert found[0].offset() == first
    else:
        reader = Consumer({"bootstrap.servers": node.kafka, "group.id": topic,
                           "auto.offset.reset": reset})
        reader.assign([TopicPartition(topic, 0, 1000)])
        reader.poll(1)
        assert produce(node, topic, [(None, b"y", None, 0)]) == []
        assert eventually(lambda: reader.poll(0.2)).value() == b"y"
        reader.close()


def test_duplicates_of_an_idempotent_producer_across_restarts(node, topic):
    """The node is killed again and again while a producer goes on."""
    writer = Producer({"bootstrap.servers": node.kafka, "enable.idempotence": True,
                       "linger.ms": 2, "message.timeout.ms": 60_000})
    errors = []
    total = 3000
    for number in range(total):
        writer.produce(topic, b"%d" % number,
                       on_delivery=lambda e, m: errors.append(e) if e else None)
        writer.poll(0.0005)
        if number in (800, 1600, 2400):
            node.kill()
            node.start()
    assert writer.flush(90) == 0
    assert errors == []
    values = [m.value() for m in read(node, topic, total)]
    assert values == [b"%d" % n for n in range(total)], "each once, in order"


def test_transactions_are_refused(node, topic):
    writer = Producer({"bootstrap.servers": node.kafka, "transactional.id": topic})
    with pytest.raises(KafkaException) as refused:
        writer.init_transactions(20)
    assert refused.value.args[0].code() == KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED


def test_administration(node, topic):
    admin = AdminClient({"bootstrap.servers": node.kafka})
    admin.create_topics([NewTopic(topic, 3, 1)])[topic].result(10)
    with pytest.raises(KafkaException) as there:
        admin.create_topics([NewTopic(topic, 3, 1)])[topic].result(10)
    assert there.value.args[0].code() == KafkaError.TOPIC_ALREADY_EXISTS
    for name, partitions in [("a b", 1), (topic + "-0", 0), (topic + "-m", 100_000)]:
        with pytest.raises(KafkaException):
            admin.create_topics([NewTopic(name, partitions, 1)])[name].result(10)
    assert len(admin.list_topics(topic, 10).topics[topic].partitions) == 3
    admin.delete_topics([topic])[topic].result(10)
    assert topic not in admin.list_topics(timeout=10).topics


def test_configs_times_and_what_is_not_there(node, topic):
    admin = AdminClient({"bootstrap.servers": node.kafka})
    settings = {"retention.ms": "604800000", "max.message.bytes": "2000000"}
    admin.create_topics([NewTopic(topic, 1, 1, config=settings)])[topic].result(10)
    resource = ConfigResource(ConfigResource.Type.TOPIC, topic)
    found = admin.describe_configs([resource])[resource].result(10)
    assert {name: found[name].value for name in settings} == settings
    assert not found["retention.ms"].is_default and found["retention.bytes"].is_default
    for name, value, code in [("retention.bytes", "1000000", None),
                              ("retention.ms", "-5", KafkaError.INVALID_CONFIG),
                              ("message.timestamp.type", "LogAppendTime",
                               KafkaError.INVALID_CONFIG)]:
        change = ConfigResource(ConfigResource.Type.TOPIC, topic, incremental_configs=[
            ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET)])
        failure = admin.incremental_alter_configs([change])[change].exception(10)
        assert (failure.args[0].code() if failure else None) == code, name
    assert produce(node, topic, [(None, b"x", None, 1000 * n) for n in range(1, 6)]) == []
    part = TopicPartition(topic, 0)
    for spec, offset in [(OffsetSpec.earliest(), 0), (OffsetSpec.latest(), 5),
                         (OffsetSpec.for_timestamp(3000), 2)]:
        assert admin.list_offsets({part: spec})[part].result(10).offset == offset
    failure = admin.list_offsets({part: OffsetSpec.max_timestamp()})[part].exception(10)
    assert failure.args[0].code() == KafkaError.UNSUPPORTED_VERSION
    assert admin.delete_records([TopicPartition(topic, 0, 2)])[
        TopicPartition(topic, 0, 2)].result(10).low_watermark == 2
    reader = Consumer({"bootstrap.servers": node.kafka, "group.id": topic,
                       "isolation.level": "read_committed", "client.rack": "somewhere"})
    assert reader.get_watermark_offsets(part, timeout=10) == (2, 5)
    reader.close()
    found = read(node, topic, 3, **{"isolation.level": "read_committed"})
    assert [m.offset() for m in found] == [2, 3, 4]
    assert found[0].timestamp() == (TIMESTAMP_CREATE_TIME, 3000)
    assert admin.describe_cluster().result(10).controller.id == 0
    described = admin.describe_topics(TopicCollection([topic, "none-such"]))
    assert len(described[topic].result(10).partitions) == 1
    assert described["none-such"].exception(10).args[0].code() \
        == KafkaError.UNKNOWN_TOPIC_OR_PART
    # What is not offered is refused by the client, at once.
    for ask in [lambda: admin.describe_user_scram_credentials().result(10),
                lambda: admin.elect_leaders(ElectionType.PREFERRED, [part]).result(10)]:
        with pytest.raises(KafkaException) as refused:
            ask()
        assert refused.value.args[0].code() == KafkaError._UNSUPPORTED_FEATURE


def test_a_batch_above_the_limit_is_refused_by_name(node, topic):
    errors = produce(node, topic, [(None, bytes(size), None, 0)
                                   for size in (10_000_000, 17_000_000, 40_000_000)],
                     **{"message.max.bytes": 50_000_000})
    assert [e.code() for e in errors] == [KafkaError.MSG_SIZE_TOO_LARGE] * 2
    assert [len(m.value()) for m in read(node, topic, 1)] == [10_000_000]


def checksum(values):
    total = hashlib.sha256()
    for value in values:
        total.update(value)
    return total.hexdigest()


def test_many_records(node, topic, many):
    values = [b'{"n":%d}' % n for n in range(many)]
    started = time.monotonic()
    errors = produce(node, topic, ((None, v, None, 0) for v in values),
                     **{"compression.type": "lz4", "enable.idempotence": True,
                        "queue.buffering.max.messages": 1_000_000, "linger.ms": 20})
    assert errors == []
    sent = time.monotonic()
    found = read(node, topic, many)
    done = time.monotonic()
    print(f"{many} records with confluent-kafka: {many / (sent - started):,.0f}/s appended,"
          f" {many / (done - sent):,.0f}/s read")
    assert len(found) == many
    assert [found[0].offset(), found[-1].offset()] == [0, many - 1]
    assert checksum(m.value() for m in found) == checksum(values)


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256"])
def test_users(fresh_node, mechanism):
    node = fresh_node
    for name, role in [("boss", "operator"), ("ada", "producer"), ("bob", "scientist")]:
        subprocess.run([VARVE, "user", "add", name, "--role", role, "--prefix", "sales.",
                        "--dir", node.directory], input=b"password-of-" + name.encode(),
                       check=True, capture_output=True, timeout=30)

    def who(name, password=None):
        return {"security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": mechanism,
                "sasl.username": name, "sasl.password": password or f"password-of-{name}"}

    assert produce(node, "sales.a", [(None, b"x", None, 0)], **who("ada")) == []
    assert [m.value() for m in read(node, "sales.a", 1, **who("bob"))] == [b"x"]
    refused = produce(node, "sales.a", [(None, b"x", None, 0)], **who("bob"))
    assert [e.code() for e in refused] == [KafkaError.TOPIC_AUTHORIZATION_FAILED]
    for settings in [who("ada", "wrong-password"), who("nobody"), {}]:
        with pytest.raises(KafkaException):
            AdminClient({"bootstrap.servers": node.kafka, **settings}).list_topics(timeout=3)


def test_declared_streams_refuse_what_they_cannot_read(node):
    """zstd is not decoded; records that break their contract are named."""
    definitions = {"streams": [{"name": "declared", "event_time": "time", "key": ["k"],
                                "fields": {"k": "string", "time": "timestamp"}}]}
    request = urllib.request.Request(f"http://{node.http}/v1/definitions",
                                     json.dumps(definitions).encode(), method="POST")
    urllib.request.urlopen(request, timeout=30).read()
    good = b'{"k":"a","time":"2026-01-01T00:00:00Z"}'
    for codec in ["none", "gzip", "snappy", "lz4"]:
        errors = produce(node, "declared", [(None, good, None, 0)] * 50,
                         **{"compression.type": codec})
        assert errors == [], codec
    errors = produce(node, "declared", [(None, good, None, 0)] * 50,
                     **{"compression.type": "zstd", "message.timeout.ms": 5000})
    assert {e.code() for e in errors} == {KafkaError.UNSUPPORTED_COMPRESSION_TYPE}
    errors = produce(node, "declared", [(None, b'{"k":1}', None, 0)])
    assert [e.code() for e in errors] == [KafkaError.INVALID_RECORD]
    assert len(read(node, "declared", 200)) == 200, "nothing of what was refused"
