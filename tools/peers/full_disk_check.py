#!/usr/bin/env python3
"""Fills the disk under a node, and checks that appends are refused with a reason, that reads and
projections go on, and that appends resume by themselves when there is room again.

    python3 -m venv /work/venv-kafka && /work/venv-kafka/bin/pip install confluent-kafka
    sudo /work/venv-kafka/bin/python tools/peers/full_disk_check.py

Needs root: the disk is a small tmpfs of its own.
"""
import argparse
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request

from confluent_kafka import Consumer, Producer, TopicPartition

ROOT = pathlib.Path(__file__).resolve().parents[2]


def produce(address, count, timeout):
    """How many of some records are acknowledged, and what is said of the others."""
    outcomes = {"acknowledged": 0, "errors": set()}

    def delivered(error, _):
        if error:
            outcomes["errors"].add(error.name())
        else:
            outcomes["acknowledged"] += 1

    producer = Producer({"bootstrap.servers": address, "acks": "all", "linger.ms": 1,
                         "message.timeout.ms": int(timeout * 1000), "retry.backoff.ms": 100,
                         "enable.idempotence": True, "log_level": 0})
    for number in range(count):
        producer.produce("filler", os.urandom(1000), on_delivery=delivered)
        if number % 100 == 0:
            producer.poll(0)
    producer.flush(timeout + 5)
    return outcomes


def read_all(address):
    consumer = Consumer({"bootstrap.servers": address, "group.id": "check",
                         "enable.partition.eof": True, "auto.offset.reset": "earliest"})
    consumer.assign([TopicPartition("filler", 0, 0)])
    count = 0
    while (message := consumer.poll(5)) is not None and not message.error():
        count += 1
    consumer.close()
    return count


def get(http, path):
    try:
        with urllib.request.urlopen(f"http://{http}{path}", timeout=10) as response:
            return response.status, json.load(response)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--binary", default=ROOT / ".build" / "release" / "varve")
    parser.add_argument("--megabytes", type=int, default=160, help="size of the disk")
    arguments = parser.parse_args()
    disk = tempfile.mkdtemp(prefix="varve-small.")
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={arguments.megabytes}m", "tmpfs", disk],
                   check=True)
    ballast = pathlib.Path(disk) / "ballast"
    ballast.write_bytes(b"x" * (arguments.megabytes << 19))
    node = subprocess.Popen(
        [arguments.binary, "serve", "--dir", f"{disk}/node", "--kafka-port", "0", "--http-port",
         "0", "--resp-port", "0", "--json"], stdout=subprocess.PIPE, text=True)
    result = {}
    try:
        address = json.loads(node.stdout.readline())
        filled = produce(address["kafka"], arguments.megabytes * 700, 8)
        result["full"] = {"acknowledged": filled["acknowledged"],
                          "errors": sorted(filled["errors"])}
        assert filled["errors"], "the disk was not filled"
        result["read_while_full"] = read_all(address["kafka"])
        assert result["read_while_full"] >= filled["acknowledged"]
        result["health_while_full"] = get(address["http"], "/health")
        assert result["health_while_full"][0] == 503
        ballast.unlink()
        time.sleep(1)
        resumed = produce(address["kafka"], 1000, 20)
        result["resumed"] = {"acknowledged": resumed["acknowledged"],
                             "errors": sorted(resumed["errors"])}
        assert resumed["acknowledged"] == 1000, resumed
        result["read_at_the_end"] = read_all(address["kafka"])
        assert result["read_at_the_end"] >= filled["acknowledged"] + 1000
        result["health"] = get(address["http"], "/health")
        assert result["health"][0] == 200
    finally:
        node.send_signal(signal.SIGTERM)
        result["exit_code"] = node.wait(60)
        verified = subprocess.run([arguments.binary, "log", "verify", "--dir", f"{disk}/node"],
                                  capture_output=True, text=True)
        result["verify"] = verified.returncode
        subprocess.run(["umount", disk], check=False)
        os.rmdir(disk)
    print(json.dumps(result, indent=2))
    sys.exit(0 if result["exit_code"] == 0 and result["verify"] == 0 else 1)


main()
