"""kafka-python."""
import time

import pytest
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import KafkaAdminClient, NewTopic


def consume(node, topic, count, **settings):
    reader = KafkaConsumer(topic, bootstrap_servers=node.kafka, auto_offset_reset="earliest",
                           consumer_timeout_ms=20_000, **settings)
    found = []
    for message in reader:
        found.append(message)
        if len(found) >= count:
            break
    reader.close()
    return found


@pytest.mark.parametrize("codec", [None, "gzip"])
def test_produce_and_consume_with_a_group(node, topic, codec):
    topic = f"{topic}-{codec}"
    writer = KafkaProducer(bootstrap_servers=node.kafka, acks="all", compression_type=codec)
    for number in range(500):
        writer.send(topic, b"%d" % number, key=b"k", headers=[("h", b"v")],
                    timestamp_ms=1000 + number)
    writer.flush(30)
    writer.close()
    found = consume(node, topic, 500, group_id=f"g-{topic}")
    assert [m.value for m in found] == [b"%d" % n for n in range(500)]
    assert found[7].timestamp == 1007
    assert list(found[7].headers) == [("h", b"v")]


def test_null_values(node, topic):
    writer = KafkaProducer(bootstrap_servers=node.kafka)
    assert writer.send(topic, None, key=b"gone").get(20).offset == 0
    writer.close()
    assert [(m.key, m.value) for m in consume(node, topic, 1)] == [(b"gone", None)]


def test_administration_and_offsets(node, topic):
    admin = KafkaAdminClient(bootstrap_servers=node.kafka)
    admin.create_topics([NewTopic(topic, 2, 1)])
    reader = KafkaConsumer(bootstrap_servers=node.kafka)
    deadline = time.time() + 20
    while reader.partitions_for_topic(topic) != {0, 1}:
        assert time.time() < deadline
    parts = [TopicPartition(topic, 0), TopicPartition(topic, 1)]
    assert reader.end_offsets(parts) == dict.fromkeys(parts, 0)
    assert reader.beginning_offsets(parts) == dict.fromkeys(parts, 0)
    reader.close()
    admin.delete_topics([topic])
    admin.close()
