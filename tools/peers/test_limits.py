"""Many connections, and requests that make no sense: raw sockets, no client."""
import asyncio
import collections
import os
import pathlib
import random
import socket
import struct
import subprocess
import time

import pytest

from conftest import ROOT, VARVE

FIXTURES = sorted((pathlib.Path(ROOT) / "fixtures" / "kafka").glob("*.hex"))

# No client sends these unless an epoch has changed: OffsetForLeaderEpoch, versions 2 and 3.
MADE = [struct.pack(">hhih", 23, version, 7, -1) + replica + struct.pack(">ih", 1, 8)
        + b"captured" + struct.pack(">iiii", 1, 0, 1, 1)
        for version, replica in [(2, b""), (3, struct.pack(">i", -1))]]


def requests():
    """The captured requests, without their length."""
    found = []
    for path in FIXTURES:
        for line in path.read_text().splitlines():
            line = line.split("#")[0].strip()
            if not line:
                continue
            data = bytes.fromhex(line)
            # Both with and without a length are kept in fixtures.
            if len(data) > 4 and struct.unpack(">i", data[:4])[0] == len(data) - 4:
                data = data[4:]
            found.append(data)
    found += MADE
    return found


def mutated(dice, data):
    data = bytearray(data)
    for _ in range(dice.choice([1, 1, 2, 4, 16])):
        kind = dice.randrange(5)
        at = dice.randrange(len(data)) if data else 0
        if kind == 0 and data:
            data[at] ^= 1 << dice.randrange(8)
        elif kind == 1 and data:
            data[at] = dice.choice([0, 1, 0x7F, 0x80, 0xFF])
        elif kind == 2:
            del data[at:at + dice.randrange(1, 9)]
        elif kind == 3:
            data[at:at] = dice.randbytes(dice.randrange(1, 9))
        elif len(data) > at + 4:
            data[at:at + 4] = struct.pack(">i", dice.choice([-1, 0, 1, 2**31 - 1, -2**31, 65536]))
    return bytes(data)


# Requests whose answers wait for something, as long as the client likes: where that is said,
# counted from the end of the header, by version, and the longest wait asked for here, ms.
FETCH, JOIN_GROUP = 1, 11


def patient(data):
    """The same request with no long wait in it, so that every input has to be answered soon."""
    data = bytearray(data)
    if len(data) < 10:
        return bytes(data)
    key, version, _, client = struct.unpack(">hhih", data[:10])
    at = 10 + max(0, client)

    def cap(at, limit):
        if len(data) >= at + 4 and struct.unpack(">i", data[at:at + 4])[0] > limit:
            data[at:at + 4] = struct.pack(">i", limit)

    if key == FETCH:
        cap(at + 4, 100)
    elif key == JOIN_GROUP and len(data) >= at + 2:
        group = max(0, struct.unpack(">h", data[at:at + 2])[0])
        cap(at + 2 + group, 6000)
        if version >= 1:
            cap(at + 6 + group, 500)
    return bytes(data)


# Longer than the session of a member that will not come back.
ANSWER_TIME = 30


@pytest.mark.parametrize("is_protected", [False, True])
def test_mutated_requests(fresh_node, is_protected):
    """Every input is answered or closes its connection; the node lives and stays small."""
    count = int(os.environ.get("PEER_INPUTS", "20000"))
    end = time.monotonic() + float(os.environ.get("PEER_INPUT_SECONDS", "100000"))
    seed = int(os.environ.get("PEER_SEED", "1"))
    dice = random.Random(seed)
    seeds = requests()
    assert seeds
    if is_protected:
        subprocess.run([VARVE, "user", "add", "boss", "--role", "operator", "--dir",
                        fresh_node.directory], input=b"password-of-boss", check=True,
                       capture_output=True, timeout=30)
    host, port = fresh_node.kafka.rsplit(":", 1)
    connection = None
    largest = 0
    slowest = 0
    kinds = collections.Counter()
    for number in range(count):
        if connection is None:
            connection = socket.create_connection((host, int(port)), timeout=ANSWER_TIME)
        data = patient(mutated(dice, dice.choice(seeds)))
        kinds[data[:2]] += 1
        try:
            connection.sendall(struct.pack(">i", len(data)) + data)
            # One in eight waits for the answers and the end; the others pile up.
            if dice.randrange(8) == 0:
                connection.shutdown(socket.SHUT_WR)
                started = time.monotonic()
                check_answers(connection)
                slowest = max(slowest, time.monotonic() - started)
                raise ConnectionError
        except TimeoutError:
            pytest.fail(f"input {number} of seed {seed} is neither answered nor closed")
        except OSError:
            connection.close()
            connection = None
        if number % 1000 == 999:
            if time.monotonic() > end:
                count = number + 1
                break
            assert fresh_node.process.poll() is None, f"input {number} of seed {seed}"
            largest = max(largest, fresh_node.resident_bytes())
    assert fresh_node.process.poll() is None
    apis = sum(1 for key in kinds if len(key) == 2 and key[0] == 0 and key[1] < 64)
    print(f"{count} inputs of seed {seed}, {apis} API keys below 64, slowest answers"
          f" {slowest:.1f} s, at most {largest >> 20} MiB resident")
    assert largest < 1 << 30


def check_answers(connection):
    """What comes until the end is whole frames, each at least a correlation id long."""
    found = bytearray()
    while more := connection.recv(1 << 20):
        found += more
    at = 0
    while at < len(found):
        assert len(found) >= at + 8, "half an answer"
        size = struct.unpack(">i", found[at:at + 4])[0]
        assert 4 <= size <= len(found) - at - 4, f"an answer of {size} bytes, {len(found) - at} there"
        at += 4 + size


class Raw:
    """One connection that appends and reads back."""

    def __init__(self, topic):
        self.topic = topic.encode()
        self.number = 0

    async def open(self, node):
        host, port = node.kafka.rsplit(":", 1)
        self.reader, self.writer = await asyncio.open_connection(host, int(port))

    async def ask(self, key, version, body):
        self.number += 1
        frame = struct.pack(">hhih", key, version, self.number, -1) + body
        self.writer.write(struct.pack(">i", len(frame)) + frame)
        size = struct.unpack(">i", await self.reader.readexactly(4))[0]
        answer = await self.reader.readexactly(size)
        assert struct.unpack(">i", answer[:4])[0] == self.number
        return answer[4:]

    def text(self):
        return struct.pack(">h", len(self.topic)) + self.topic

    async def produce(self, batch):
        body = (struct.pack(">hhii", -1, -1, 10_000, 1) + self.text()
                + struct.pack(">iii", 1, 0, len(batch)) + batch)
        answer = await self.ask(0, 7, body)
        at = 4 + 2 + len(self.topic) + 4
        _, error, offset = struct.unpack(">ihq", answer[at:at + 14])
        assert error == 0, error
        return offset

    async def fetch(self, offset):
        body = (struct.pack(">iiii", -1, 500, 1, 1 << 20) + b"\0" + struct.pack(">i", 1)
                + self.text() + struct.pack(">iiqi", 1, 0, offset, 1 << 16))
        answer = await self.ask(1, 4, body)
        at = 4 + 4 + 2 + len(self.topic) + 4 + 4
        assert struct.unpack(">h", answer[at:at + 2])[0] == 0


def test_half_open_connections(fresh_node, topic):
    """A thousand clients that announce 16 MiB and stop half-way cost no more than the limit."""
    from confluent_kafka import Producer
    host, port = fresh_node.kafka.rsplit(":", 1)
    # A Produce request's header, and enough to make a thousand of them 700 MiB.
    beginning = struct.pack(">ihhih", 16 << 20, 0, 7, 1, -1) + bytes(700 << 10)
    halves = []
    largest = 0
    writer = Producer({"bootstrap.servers": fresh_node.kafka, "message.timeout.ms": 60_000})
    failures = []
    for number in range(1000):
        half = socket.create_connection((host, int(port)), timeout=10)
        half.setblocking(False)
        at = 0
        try:
            while at < len(beginning):
                at += half.send(beginning[at:at + (64 << 10)])
        except (BlockingIOError, ConnectionError):
            # The node reads nothing more of it, or has given it up.
            pass
        halves.append((half, at))
        if number % 50 == 49:
            writer.produce(topic, b"%d" % number,
                           on_delivery=lambda e, m: failures.append(e) if e else None)
            writer.poll(0)
            largest = max(largest, fresh_node.resident_bytes())
    # Those that were stopped go on for as long as there is room.
    end = time.monotonic() + 10
    while time.monotonic() < end:
        for index, (half, at) in enumerate(halves):
            try:
                if at < len(beginning):
                    halves[index] = (half, at + half.send(beginning[at:]))
            except OSError:
                pass
        largest = max(largest, fresh_node.resident_bytes())
    assert writer.flush(60) == 0
    assert failures == []
    print(f"1,000 half requests, {sum(at for _, at in halves) >> 20} MiB sent:"
          f" at most {largest >> 20} MiB resident")
    assert largest < 400 << 20
    for half, _ in halves:
        half.close()


def captured_batch():
    """The record batch of a captured Produce request: its length is that of all the rest."""
    data = bytes.fromhex((ROOT / "fixtures/kafka/kcat-Produce-v7.hex").read_text().strip())
    for at in range(len(data) - 4):
        if struct.unpack(">i", data[at:at + 4])[0] == len(data) - at - 4:
            return data[at + 4:]
    raise AssertionError("the fixture holds no batch")


def test_a_thousand_connections(fresh_node, topic):
    """Appends and reads, mixed, for PEER_SECONDS; states the node's memory."""
    seconds = float(os.environ.get("PEER_SECONDS", "15"))
    from confluent_kafka.admin import AdminClient, NewTopic
    admin = AdminClient({"bootstrap.servers": fresh_node.kafka})
    admin.create_topics([NewTopic(topic, 1, 1)])[topic].result(30)
    batch = captured_batch()
    done = [0, 0]
    largest = [0]

    async def one(end):
        raw = Raw(topic)
        await raw.open(fresh_node)
        while time.time() < end:
            offset = await raw.produce(batch)
            done[0] += 1
            await raw.fetch(offset)
            done[1] += 1
        raw.writer.close()

    async def watch(end):
        while time.time() < end:
            largest[0] = max(largest[0], fresh_node.resident_bytes())
            await asyncio.sleep(0.5)

    async def run():
        end = time.time() + seconds
        await asyncio.gather(watch(end), *(one(end) for _ in range(1000)))

    asyncio.run(run())
    print(f"1,000 connections for {seconds:.0f} s: {done[0]} appends, {done[1]} reads,"
          f" at most {largest[0] >> 20} MiB resident")
    assert min(done) >= 1000
    assert largest[0] < 1 << 30
