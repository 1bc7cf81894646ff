"""confluent-kafka (librdkafka): consumer groups, with members killed and nodes restarted."""
import collections
import multiprocessing
import os
import signal
import threading
import time

import pytest
from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from conftest import eventually

PARTITIONS = 6


def create(node, name, partitions=PARTITIONS):
    admin = AdminClient({"bootstrap.servers": node.kafka})
    admin.create_topics([NewTopic(name, partitions, 1)])[name].result(30)


def settings(node, group, **more):
    return {"bootstrap.servers": node.kafka, "group.id": group, "auto.offset.reset": "earliest",
            "session.timeout.ms": 6000, "heartbeat.interval.ms": 500, **more}


def member(config, topic, queue):
    """A process that reads, commits what it has handed over, and can be killed at any moment."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    reader = Consumer({**config, "enable.auto.commit": False})
    reader.subscribe([topic])
    while True:
        messages = [m for m in reader.consume(500, timeout=0.2) if m.error() is None]
        if messages:
            queue.put([(m.partition(), m.offset(), m.value()) for m in messages])
            try:
                reader.commit(asynchronous=False)
            except Exception:
                # A rebalance came between: the records are read again by whoever has them.
                pass


def produce(node, topic, start, count, **more):
    writer = Producer({"bootstrap.servers": node.kafka, "enable.idempotence": True,
                       "linger.ms": 5, **more})
    failures = []
    for number in range(start, start + count):
        while True:
            try:
                writer.produce(topic, b"%d" % number, key=b"%d" % (number % 97),
                               on_delivery=lambda e, m: failures.append(e) if e else None)
                break
            except BufferError:
                writer.poll(0.1)
        writer.poll(0)
    assert writer.flush(60) == 0
    assert failures == []


@pytest.mark.parametrize("strategy", ["range", "cooperative-sticky"])
def test_group_of_three_under_load(node, topic, strategy):
    create(node, topic)
    context = multiprocessing.get_context("spawn")
    queue = context.Queue()
    config = settings(node, f"g-{topic}", **{"partition.assignment.strategy": strategy})

    def start():
        process = context.Process(target=member, args=(config, topic, queue), daemon=True)
        process.start()
        return process

    total = 60_000
    seen = collections.Counter()
    stop = threading.Event()

    def drain():
        while not stop.is_set():
            try:
                for _, _, value in queue.get(timeout=0.2):
                    seen[value] += 1
            except Exception:
                continue

    drainer = threading.Thread(target=drain, daemon=True)
    drainer.start()
    members = [start() for _ in range(3)]
    for part in range(6):
        produce(node, topic, part * total // 6, total // 6)
        # One is killed without a word, and another one joins.
        victim = members.pop(0)
        os.kill(victim.pid, signal.SIGKILL)
        if part % 2 == 0:
            members.append(start())
            time.sleep(1)
        else:
            time.sleep(2)
            members.append(start())
    assert eventually(lambda: len(seen) == total, 90), f"{len(seen)} of {total}"
    assert set(seen) == {b"%d" % n for n in range(total)}, "every record at least once"
    for process in members:
        process.kill()
    stop.set()
    drainer.join()


def test_members_share_partitions(node, topic):
    create(node, topic)
    readers = [Consumer(settings(node, f"g-{topic}")) for _ in range(3)]
    for reader in readers:
        reader.subscribe([topic])

    def shared():
        for reader in readers:
            reader.poll(0.1)
        parts = [{p.partition for p in reader.assignment()} for reader in readers]
        return all(len(p) == 2 for p in parts) and set().union(*parts) == set(range(PARTITIONS))

    assert eventually(shared)
    readers.pop().close()

    def taken_over():
        for reader in readers:
            reader.poll(0.1)
        return sorted(len(reader.assignment()) for reader in readers) == [3, 3]

    assert eventually(taken_over)
    for reader in readers:
        reader.close()


def test_static_member_keeps_its_part(node, topic):
    create(node, topic, 2)

    def join(name):
        reader = Consumer(settings(node, f"g-{topic}", **{"group.instance.id": name}))
        reader.subscribe([topic])
        return reader

    first, second = join("one"), join("two")

    def both():
        first.poll(0.1)
        second.poll(0.1)
        return len(first.assignment()) == 1 and len(second.assignment()) == 1

    assert eventually(both)
    before = [p.partition for p in second.assignment()]
    kept = [p.partition for p in first.assignment()]
    second.close()
    second = join("two")
    assert eventually(lambda: (first.poll(0.1), second.poll(0.1), second.assignment())[2])
    assert [p.partition for p in second.assignment()] == before
    assert [p.partition for p in first.assignment()] == kept
    first.close()
    second.close()


@pytest.mark.parametrize("how", ["stop", "kill"])
def test_offsets_survive_the_node(node, topic, how):
    create(node, topic, 1)
    produce(node, topic, 0, 100)

    def read(count):
        reader = Consumer(settings(node, f"g-{topic}", **{"enable.auto.commit": False}))
        reader.subscribe([topic])
        found = []
        eventually(lambda: (found.extend(
            m.value() for m in reader.consume(count - len(found), timeout=0.5)
            if m.error() is None), len(found) >= count)[1])
        reader.commit(asynchronous=False)
        reader.close()
        return found

    assert read(40) == [b"%d" % n for n in range(40)]
    getattr(node, how)()
    node.start()
    assert read(60) == [b"%d" % n for n in range(40, 100)]


def test_a_group_goes_on_across_a_restart(node, topic):
    """Members that stay up while the node restarts read on without a gap."""
    create(node, topic, 3)
    readers = [Consumer(settings(node, f"g-{topic}")) for _ in range(2)]
    for reader in readers:
        reader.subscribe([topic])
    found = []

    def read():
        for reader in readers:
            found.extend(m.value() for m in reader.consume(1000, timeout=0.1)
                         if m.error() is None)
        return set(found)

    produce(node, topic, 0, 1000)
    assert eventually(lambda: len(read()) == 1000, 60)
    node.kill()
    node.start()
    produce(node, topic, 1000, 1000)
    assert eventually(lambda: len(read()) == 2000, 60), len(set(found))
    for reader in readers:
        reader.close()


def test_groups_are_administered(node, topic):
    create(node, topic, 2)
    produce(node, topic, 0, 100)
    group = f"g-{topic}"
    reader = Consumer(settings(node, group, **{"enable.auto.commit": False}))
    reader.subscribe([topic])
    assert eventually(lambda: (reader.poll(0.2), len(reader.assignment()) == 2)[1])
    reader.commit(offsets=[TopicPartition(topic, 0, 7), TopicPartition(topic, 1, 9)],
                  asynchronous=False)
    admin = AdminClient({"bootstrap.servers": node.kafka})
    listed = admin.list_consumer_groups().result(30)
    assert group in {g.group_id for g in listed.valid}
    described = admin.describe_consumer_groups([group])[group].result(30)
    assert described.state.name == "STABLE"
    assert len(described.members) == 1
    offsets = admin.list_consumer_group_offsets(
        [ConsumerGroupTopicPartitions(group)])[group].result(30)
    assert sorted((p.partition, p.offset) for p in offsets.topic_partitions) == [(0, 7), (1, 9)]
    with pytest.raises(Exception):
        admin.delete_consumer_groups([group])[group].result(30)
    reader.close()
    altered = admin.alter_consumer_group_offsets([ConsumerGroupTopicPartitions(
        group, [TopicPartition(topic, 0, 3)])])[group].result(30)
    assert altered.topic_partitions[0].error is None
    admin.delete_consumer_groups([group])[group].result(30)
    listed = admin.list_consumer_groups().result(30)
    assert group not in {g.group_id for g in listed.valid}
