#!/usr/bin/env python3
"""Appends gigabytes while a slow consumer reads from the start, and watches the node's memory.

    apt-get install kcat
    python3 -m venv /work/venv-kafka && /work/venv-kafka/bin/pip install confluent-kafka
    /work/venv-kafka/bin/python tools/peers/memory_check.py --gigabytes 20 --limit 600

Fails when the node's own memory (RssAnon: heap and stacks, without the kernel's page cache) ever
exceeds the limit.
"""
import argparse
import json
import pathlib
import signal
import subprocess
import sys
import tempfile
import threading
import time

from confluent_kafka import Consumer, TopicPartition

ROOT = pathlib.Path(__file__).resolve().parents[2]
VARVE = ROOT / ".build" / "release" / "varve"


def anonymous_megabytes(pid):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("RssAnon"):
            return int(line.split()[1]) / 1024
    return 0.0


class SlowConsumer(threading.Thread):
    """Reads from the start, a few records at a time, without an end."""

    def __init__(self, address, stop):
        super().__init__()
        self.stop, self.count = stop, 0
        self.consumer = Consumer({"bootstrap.servers": address, "group.id": "slow",
                                  "queued.max.messages.kbytes": 1024})
        self.consumer.assign([TopicPartition("filler", 0, 0)])

    def run(self):
        while not self.stop.is_set():
            self.count += len(self.consumer.consume(100, timeout=1))
            time.sleep(0.05)
        self.consumer.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--gigabytes", type=float, default=20)
    parser.add_argument("--limit", type=float, default=600, help="megabytes")
    parser.add_argument("--directory", default="/work")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="varve-memory.", dir=arguments.directory) as scratch:
        lines = pathlib.Path(scratch) / "lines"
        with open(lines, "w") as out:
            for number in range(250_000):
                out.write(f"{number:010d}".ljust(1000, "x") + "\n")
        node = subprocess.Popen(
            [VARVE, "serve", "--dir", f"{scratch}/node", "--kafka-port", "0", "--http-port", "0",
             "--resp-port", "0", "--json"], stdout=subprocess.PIPE, text=True)
        address = json.loads(node.stdout.readline())["kafka"]
        subprocess.run(["kcat", "-b", address, "-L", "-t", "filler"], check=True,
                       stdout=subprocess.DEVNULL)
        stop = threading.Event()
        slow = SlowConsumer(address, stop)
        slow.start()
        rounds, peak, samples, start = round(arguments.gigabytes * 4 / 2), 0.0, [], time.time()
        for number in range(rounds):
            producers = [subprocess.Popen(
                ["kcat", "-b", address, "-t", "filler", "-P", "-X", "acks=all", "-X",
                 "linger.ms=5", "-X", "batch.size=1000000", "-l", str(lines)]) for _ in range(2)]
            while any(one.poll() is None for one in producers):
                peak = max(peak, anonymous_megabytes(node.pid))
                time.sleep(0.05)
            if any(one.returncode for one in producers):
                sys.exit("memory_check.py: a producer failed")
            if number % max(1, rounds // 10) == 0:
                samples.append(round(anonymous_megabytes(node.pid)))
        seconds = time.time() - start
        stop.set()
        slow.join()
        node.send_signal(signal.SIGTERM)
        code = node.wait(120)
        print(json.dumps({
            "gigabytes": rounds / 2, "seconds": round(seconds),
            "MB_per_second": round(rounds * 500 / seconds), "peak_megabytes": round(peak),
            "megabytes_over_time": samples, "slow_consumer_records": slow.count,
            "exit_code": code}, indent=2))
        sys.exit(0 if code == 0 and peak <= arguments.limit and slow.count > 0 else 1)


main()
