"""A node for the peers to talk to, and what their tests share.

Run by `tools/test --peers`, or by hand:  VARVE=.build/release/varve pytest tools/peers
The first installs the clients into .build/peers.
"""
import json
import os
import pathlib
import signal
import subprocess
import tempfile
import time

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
VARVE = os.environ.get("VARVE", str(ROOT / ".build" / "release" / "varve"))


class Node:
    """A `varve serve` in a directory of its own."""

    def __init__(self, directory, *arguments):
        self.directory = directory
        self.arguments = arguments
        self.ports = ["0", "0", "0"]
        self.start()

    def start(self):
        self.errors = open(os.path.join(self.directory, "node.stderr"), "ab")
        self.process = subprocess.Popen(
            [VARVE, "serve", "--json", "--dir", self.directory, "--kafka-port", self.ports[0],
             "--http-port", self.ports[1], "--resp-port", self.ports[2], *self.arguments],
            stdout=subprocess.PIPE, stderr=self.errors)
        address = json.loads(self.process.stdout.readline())
        self.kafka = address["kafka"]
        self.http = address["http"]
        self.resp = address["resp"]
        # A restart is at the same ports, as clients expect.
        self.ports = [each.rsplit(":", 1)[1] for each in (self.kafka, self.http, self.resp)]

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(30)

    def kill(self):
        self.process.kill()
        self.process.wait(30)

    def resident_bytes(self):
        with open(f"/proc/{self.process.pid}/status") as status:
            for line in status:
                if line.startswith("VmRSS:"):
                    return int(line.split()[1]) * 1024
        return 0


@pytest.fixture(scope="module")
def node():
    with tempfile.TemporaryDirectory(prefix="varve-peers-") as directory:
        node = Node(directory)
        yield node
        node.stop()


@pytest.fixture
def fresh_node():
    """A node of the test's own, whose users disturb no other."""
    with tempfile.TemporaryDirectory(prefix="varve-peers-") as directory:
        node = Node(directory)
        yield node
        node.stop()


@pytest.fixture
def many():
    """How many records a large test moves: PEER_RECORDS."""
    return int(os.environ.get("PEER_RECORDS", "100000"))


@pytest.fixture
def topic(request):
    """A topic name of the test's own."""
    return f"{request.node.name.split('[')[0]}-{time.time_ns():x}"


def eventually(condition, seconds=30):
    """Waits until a condition holds; answers its last value."""
    deadline = time.time() + seconds
    while True:
        value = condition()
        if value or time.time() > deadline:
            return value
        time.sleep(0.05)
