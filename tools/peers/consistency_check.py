#!/usr/bin/env python3
"""Takes reads while records arrive late, twice, amended and retracted, deletes every projection, and
compares a replay's answers with what was read, byte for byte.

    swift build -c release
    python3 tools/peers/consistency_check.py [--reads 100000]

Ends with 1 and the first differing read when one differs.
"""
import argparse
import http.client
import json
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
VARVE = ROOT / ".build" / "release" / "varve"
KEYS = 500
START = 1_767_225_600  # 2026-01-01T00:00:00Z
SPAN = 40 * 3600
ROWS = 50

WINDOWS = [{"window": "1h"}, {"window": "6h", "lag": "10m"}, {"window": "24h", "hop": "1h"},
           {"window": "last 5"}, {"window": "lifetime"}]
FUNCTIONS = [{"count": "*"}, {"sum": "x"}, {"mean": "x"}, {"min": "x"}, {"max": "x"},
             {"stddev": "x"}, {"latest": "s"}, {"first": "x"}, {"last_k": "x", "k": 3},
             {"top_k": "s", "k": 2}, {"distinct": "s"}, {"quantile": "x", "q": 0.9},
             {"sum": "x", "by": "s"}, {"time_since_last": "*"}]


def definitions():
    return {
        "streams": [{"name": "facts", "id": "id", "key": ["key"], "event_time": "at",
                     "fields": {"id": "int64", "at": "timestamp", "key": "string", "x": "float64?",
                                "s": "string?"}}],
        "views": [{"name": "v", "entity": {"key": "string"}, "source": "facts", "max_age": "12h",
                   "features": [{"name": f"f{number}", **function,
                                 **WINDOWS[number % len(WINDOWS)]}
                                for number, function in enumerate(FUNCTIONS)]}]}


class Node:
    def __init__(self, directory):
        self.process = subprocess.Popen(
            [VARVE, "serve", "--json", "--dir", directory, "--kafka-port", "0", "--http-port", "0",
             "--resp-port", "0"], stdout=subprocess.PIPE, text=True)
        self.address = json.loads(self.process.stdout.readline())["http"]

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(120)


class Client:
    def __init__(self, node):
        self.connection = http.client.HTTPConnection(node.address, timeout=120)

    def post(self, path, body):
        self.connection.request("POST", path, body if isinstance(body, bytes)
                                else json.dumps(body).encode())
        answer = self.connection.getresponse()
        content = answer.read()
        if answer.status >= 300:
            sys.exit(f"consistency_check.py: {path}: {content[:400]}")
        return content


def clock(second):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(START + second))


def write(node, number, stop):
    """Facts in no order of time; ids come again, with other values and other keys."""
    client, generator = Client(node), random.Random(number)
    while not stop.is_set():
        lines = [json.dumps({
            "id": generator.randrange(200_000), "at": clock(generator.randrange(SPAN)),
            "key": f"k{generator.randrange(KEYS)}",
            "x": generator.choice([None, 0.1, -0.0, 1e16, -1e16, generator.random()]),
            "s": generator.choice([None, "é", "e\u0301", "a", "b"])}) for _ in range(200)]
        client.post("/v1/streams/facts/records", "\n".join(lines).encode())
        time.sleep(0.005)


def read(node, number, wanted, taken):
    client, generator = Client(node), random.Random(1000 + number)
    for _ in range(wanted // ROWS):
        request = {"at": clock(generator.randrange(SPAN + 7200)), "rows": [
            {"keys": {"key": f"k{generator.randrange(KEYS + 5)}"}} for _ in range(ROWS)]}
        taken.append((request, client.post("/v1/views/v/read", request)))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--reads", type=int, default=100_000)
    wanted = parser.parse_args().reads
    with tempfile.TemporaryDirectory(prefix="varve-consistency-") as directory:
        node = Node(directory)
        Client(node).post("/v1/definitions", definitions())
        stop, taken = threading.Event(), []
        writers = [threading.Thread(target=write, args=(node, number, stop)) for number in range(2)]
        readers = [threading.Thread(target=read, args=(node, number, wanted // 2, taken))
                   for number in range(2)]
        for thread in writers + readers:
            thread.start()
        for thread in readers:
            thread.join()
        stop.set()
        for thread in writers:
            thread.join()
        node.stop()
        shutil.rmtree(pathlib.Path(directory) / "projections")
        node = Node(directory)
        client = Client(node)
        positions, different = set(), 0
        for request, before in taken:
            position = json.loads(before)["position"]
            positions.add(position)
            after = client.post("/v1/views/v/read", {**request, "as_of": position})
            # How far the log was ahead at the time is no part of the answer.
            one, other = (content[:content.index(b'"lag"')] for content in (before, after))
            if one != other:
                different += 1
                if different == 1:
                    print("request", json.dumps(request), "\nread   ", one, "\nreplay ", other)
        node.stop()
    print(f"{len(taken) * ROWS:,} reads of {len(FUNCTIONS)} features at {len(positions):,} "
          f"positions: {different * ROWS if different else 0} in requests that differ")
    sys.exit(1 if different else 0)


if __name__ == "__main__":
    main()
