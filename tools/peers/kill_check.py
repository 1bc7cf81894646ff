#!/usr/bin/env python3
"""Kills a node with SIGKILL under load, again and again, and checks that nothing acknowledged is
lost or doubled.

    python3 -m venv /work/venv-kafka && /work/venv-kafka/bin/pip install confluent-kafka
    /work/venv-kafka/bin/python tools/peers/kill_check.py --rounds 200

Idempotent librdkafka producers with acks=all write numbered records through every crash. At the
end the stream is read back: each acknowledged record is there exactly once, at the offset that was
acknowledged, and each producer's records are in order.
"""
import argparse
import json
import pathlib
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

from confluent_kafka import OFFSET_BEGINNING, Consumer, Producer, TopicPartition

ROOT = pathlib.Path(__file__).resolve().parents[2]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Load(threading.Thread):
    """One producer that never stops to write, and remembers what was acknowledged."""

    def __init__(self, number, address, stop):
        super().__init__()
        self.number, self.stop = number, stop
        self.acknowledged, self.failed = {}, []
        self.producer = Producer({
            "bootstrap.servers": address, "enable.idempotence": True, "acks": "all",
            "linger.ms": 2, "compression.type": "lz4" if number % 2 else "none",
            "message.timeout.ms": 300_000, "reconnect.backoff.ms": 20,
            "reconnect.backoff.max.ms": 100, "log_level": 0})

    def delivered(self, error, message):
        if error:
            self.failed.append(str(error))
        else:
            self.acknowledged[message.value().decode()] = message.offset()

    def run(self):
        count = 0
        while not self.stop.is_set():
            try:
                self.producer.produce(
                    "load", f"{self.number}-{count}", on_delivery=self.delivered)
                count += 1
            except BufferError:
                pass
            self.producer.poll(0.001)
            if len(self.producer) > 500:
                self.producer.poll(0.01)
        self.producer.flush(60)


def wait_for_load(loads, count):
    """Until so many more records are acknowledged: every round has a load to interrupt."""
    def done():
        return sum(len(load.acknowledged) for load in loads)

    goal, deadline = done() + count, time.monotonic() + 30
    while done() < goal:
        if time.monotonic() > deadline:
            sys.exit("kill_check.py: nothing was acknowledged for 30 s")
        time.sleep(0.002)


def start(binary, directory, port):
    node = subprocess.Popen(
        [binary, "serve", "--dir", directory, "--kafka-port", str(port), "--http-port", "0",
         "--json"], stdout=subprocess.PIPE, text=True)
    if not node.stdout.readline():
        sys.exit("kill_check.py: the node does not start again")
    return node


def read_back(address, end):
    consumer = Consumer({"bootstrap.servers": address, "group.id": "check",
                         "enable.auto.commit": False})
    consumer.assign([TopicPartition("load", 0, OFFSET_BEGINNING)])
    records = []
    while len(records) < end:
        for message in consumer.consume(10_000, timeout=10):
            if message.error():
                sys.exit(f"kill_check.py: {message.error()}")
            records.append((message.offset(), message.value().decode()))
    consumer.close()
    return records


def main():
    parser = argparse.ArgumentParser(
        description=__doc__.split("\n")[0], epilog="example: kill_check.py --rounds 20")
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--producers", type=int, default=4)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--varve", default=str(ROOT / ".build" / "release" / "varve"))
    arguments = parser.parse_args()
    rng = random.Random(arguments.seed)
    directory, port = tempfile.mkdtemp(prefix="varve-kill."), free_port()
    address = f"127.0.0.1:{port}"
    node, stop = start(arguments.varve, directory, port), threading.Event()
    loads = [Load(number, address, stop) for number in range(arguments.producers)]
    for load in loads:
        load.start()
    for number in range(arguments.rounds):
        wait_for_load(loads, rng.randint(1, 3000))
        node.send_signal(signal.SIGKILL)
        node.wait()
        node = start(arguments.varve, directory, port)
        if sys.stderr.isatty() or number % 50 == 49:
            done = sum(len(load.acknowledged) for load in loads)
            print(f"round {number + 1}: {done} acknowledged", file=sys.stderr)
    stop.set()
    for load in loads:
        load.join()
    probe = Consumer({"bootstrap.servers": address, "group.id": "probe"})
    _, end = probe.get_watermark_offsets(TopicPartition("load", 0), timeout=10)
    probe.close()
    records = read_back(address, end)
    node.send_signal(signal.SIGTERM)
    code = node.wait()
    places = {}
    for offset, value in records:
        places.setdefault(value, []).append(offset)
    acknowledged = {k: v for load in loads for k, v in load.acknowledged.items()}
    lost = [value for value in acknowledged if value not in places]
    doubled = [value for value, offsets in places.items() if len(offsets) > 1]
    moved = [v for v, offset in acknowledged.items() if offset >= 0 and places.get(v) != [offset]]
    disordered = sum(
        1 for load in range(arguments.producers)
        if (own := [int(v.split("-")[1]) for _, v in records if v.startswith(f"{load}-")])
        != sorted(own))
    dense = [offset for offset, _ in records] == list(range(end))
    failed = [error for load in loads for error in load.failed]
    result = {
        "rounds": arguments.rounds, "acknowledged": len(acknowledged), "in_log": len(records),
        "lost": len(lost), "doubled": len(doubled), "moved": len(moved),
        "disordered_producers": disordered, "dense_offsets": dense,
        "failed_deliveries": len(failed), "exit_code": code}
    print(json.dumps(result))
    if failed:
        print(sorted(set(failed)), file=sys.stderr)
    if lost or doubled or moved or disordered or not dense or code:
        sys.exit(f"kill_check.py: the log in {directory} is kept for inspection")
    shutil.rmtree(directory)


main()
