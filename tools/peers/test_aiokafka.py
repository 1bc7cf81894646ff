"""aiokafka."""
import asyncio

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition


def test_an_idempotent_producer_and_a_group(node, topic):
    async def run():
        writer = AIOKafkaProducer(bootstrap_servers=node.kafka, enable_idempotence=True,
                                  compression_type="gzip")
        await writer.start()
        sent = [await writer.send(topic, b"%d" % n, key=b"k", timestamp_ms=1000 + n)
                for n in range(300)]
        assert [(await one).offset for one in sent] == list(range(300))
        await writer.stop()
        reader = AIOKafkaConsumer(topic, bootstrap_servers=node.kafka, group_id=f"g-{topic}",
                                  auto_offset_reset="earliest")
        await reader.start()
        found = [await asyncio.wait_for(reader.getone(), 30) for _ in range(300)]
        assert [m.value for m in found] == [b"%d" % n for n in range(300)]
        await reader.commit()
        part = TopicPartition(topic, 0)
        assert await reader.committed(part) == 300
        assert (await reader.offsets_for_times({part: 1100}))[part].offset == 100
        await reader.stop()

    asyncio.run(run())


def test_a_group_that_grows(node, topic):
    async def run():
        writer = AIOKafkaProducer(bootstrap_servers=node.kafka)
        await writer.start()
        await writer.send_and_wait(topic, b"0")
        readers = []
        for _ in range(2):
            reader = AIOKafkaConsumer(topic, bootstrap_servers=node.kafka,
                                      group_id=f"g-{topic}", auto_offset_reset="earliest",
                                      heartbeat_interval_ms=300, session_timeout_ms=6000)
            await reader.start()
            readers.append(reader)
        await writer.send_and_wait(topic, b"1")
        found = set()
        while found != {b"0", b"1"}:
            for reader in readers:
                for messages in (await reader.getmany(timeout_ms=300)).values():
                    found |= {m.value for m in messages}
        for reader in readers:
            await reader.stop()
        await writer.stop()

    asyncio.run(asyncio.wait_for(run(), 60))
