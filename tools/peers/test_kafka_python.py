"""kafka-python."""
import time

import pytest
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import ConfigResource, KafkaAdminClient, NewTopic
from kafka.errors import IncompatibleBrokerVersion, TransactionalIdAuthorizationFailedError


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


def test_groups_and_configs_are_administered(node, topic):
    group = f"g-{topic}"
    part = TopicPartition(topic, 0)
    admin = KafkaAdminClient(bootstrap_servers=node.kafka)
    admin.create_topics([NewTopic(topic, 1, 1, topic_configs={"retention.ms": "86400000"})])
    resource = ConfigResource("TOPIC", topic)
    assert admin.describe_configs([resource])["topic"][topic]["retention.ms"]["value"] \
        == "86400000"
    admin.alter_configs([ConfigResource("TOPIC", topic, {"max.message.bytes": "1000000"})])
    admin.create_partitions({topic: 3})
    writer = KafkaProducer(bootstrap_servers=node.kafka)
    for number in range(10):
        writer.send(topic, b"%d" % number, partition=0, timestamp_ms=1000 + number).get(20)
    writer.close()
    reader = KafkaConsumer(topic, bootstrap_servers=node.kafka, group_id=group,
                           auto_offset_reset="earliest", isolation_level="read_committed",
                           client_rack="somewhere", consumer_timeout_ms=20_000)
    assert [next(reader).offset for _ in range(10)] == list(range(10))
    reader.commit()
    assert reader.offsets_for_times({part: 1005})[part].offset == 5
    assert {each["group_id"] for each in admin.list_groups()} >= {group}
    assert admin.describe_groups([group])[group]["group_state"] == "Stable"
    assert admin.list_group_offsets(group)[group][part].offset == 10
    assert admin.delete_groups([group])[group] == "NonEmptyGroupError"
    reader.close()
    admin.reset_group_offsets(group, {part: 3})
    assert admin.list_group_offsets(group)[group][part].offset == 3
    admin.delete_groups([group])
    assert group not in {each["group_id"] for each in admin.list_groups()}
    assert admin.delete_records({part: 4})[part]["low_watermark"] == 4
    with pytest.raises(IncompatibleBrokerVersion):
        admin.describe_log_dirs()
    admin.close()


def test_transactions_are_refused(node, topic):
    writer = KafkaProducer(bootstrap_servers=node.kafka, transactional_id=topic)
    with pytest.raises(TransactionalIdAuthorizationFailedError):
        writer.init_transactions()
