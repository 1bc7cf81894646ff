#!/usr/bin/env python3
"""Online reads beside a real Redis, and what it takes to have them.

    apt-get install redis
    swift build -c release
    python3 tools/bench/online.py [--entities 1000000] [--json FILE]

One run on one machine. The node computes 10 windowed features of an entity at every read, from the
facts of its log; Redis holds the same values, computed before, in a hash. Both are asked HMGET of
the 10 fields of random entities by redis-benchmark, in turns; the median of the rounds is
shown, with latencies as the client sees them. Clients share the cores with the servers.
"""
import argparse
import hashlib
import http.client
import json
import os
import pathlib
import random
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
VARVE = ROOT / ".build" / "release" / "varve"
FIELDS = [
    ("n_1d", "count", "*", "1d"), ("sum_1d", "sum", "amount", "1d"),
    ("mean_1d", "mean", "amount", "1d"), ("max_1d", "max", "amount", "1d"),
    ("min_1d", "min", "amount", "1d"), ("n_7d", "count", "*", "7d"),
    ("sum_7d", "sum", "amount", "7d"), ("mean_7d", "mean", "amount", "7d"),
    ("max_7d", "max", "amount", "7d"), ("last", "last", "amount", "lifetime")]
DAY = 86_400


def features(fields):
    return [{"name": name, function: argument, "window": window}
            for name, function, argument, window in fields]


def stream(name):
    return {"name": name, "key": ["user"], "event_time": {"field": "t", "unit": "ms"},
            "fields": {"t": "int64", "user": "string", "shop": "string", "land": "string",
                       "amount": "float64", "items": "int64"}}


def view(name, source, entity, fields):
    return {"name": name, "source": source, "entity": {entity: "string"},
            "features": features(fields)}


def documents():
    wide = [(f"{function}_{hours}h", function, "*" if function == "count" else "amount",
             f"{hours}h") for function in ("count", "sum", "mean", "min", "max")
            for hours in (1, 2, 3, 6, 12, 24, 48, 72, 168, 720)]
    return {
        "streams": [stream(name) for name in ("payments", "wide", "hot", "rate", "sent", "late")],
        "views": [
            view("u", "payments", "user", FIELDS), view("w", "wide", "user", wide),
            view("h", "hot", "user", FIELDS), *three_views("r", "rate"), *three_views("k", "sent")]}


def three_views(prefix, source):
    """Twelve windowed features."""
    return [view(f"{prefix}1", source, "user", FIELDS[:4]),
            view(f"{prefix}2", source, "shop", FIELDS[5:9]),
            view(f"{prefix}3", source, "land", FIELDS[:2] + FIELDS[5:7])]


class Node:
    def __init__(self, directory):
        self.directory = directory

    def options(self):
        return []

    def start(self):
        before = time.perf_counter()
        self.process = subprocess.Popen(
            [VARVE, "serve", "--json", "--dir", self.directory, "--kafka-port", "0",
             "--http-port", "0", "--resp-port", "0", *self.options()],
            stdout=subprocess.PIPE, text=True)
        address = json.loads(self.process.stdout.readline())
        self.port = int(address["resp"].rsplit(":", 1)[1])
        self.http = address["http"]
        self.kafka = address["kafka"]
        self.connection = http.client.HTTPConnection(self.http, timeout=600)
        return time.perf_counter() - before

    def stop(self):
        before = time.perf_counter()
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(600)
        return time.perf_counter() - before

    def post(self, path, body):
        if not isinstance(body, bytes):
            body = json.dumps(body).encode()
        self.connection.request("POST", path, body)
        answer = self.connection.getresponse()
        content = answer.read()
        if answer.status >= 300:
            sys.exit(f"online.py: {path}: {content[:500]}")
        return json.loads(content)

    def status(self):
        self.connection.request("GET", "/v1/status")
        return json.loads(self.connection.getresponse().read())

    def settle(self, position):
        self.post("/v1/views/u/read", {"keys": {"user": "x"}, "min_position": position})

    def memory(self):
        with open(f"/proc/{self.process.pid}/status") as lines:
            return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmRSS"))


def lines(count, entities, first, step, now, seed, part=0, parts=1):
    """NDJSON of payments: with a step, entities one after the other at any time of six days; else at
    random, in order of time, one part of a day."""
    generator = random.Random(seed)
    below = generator.random
    made = []
    for index in range(count):
        user = (first + index * step) % entities if step else int(below() * entities)
        at = int((now - below() * 6 * DAY) * 1000) if step else int(
            (now - DAY + (part + index / count) * DAY / parts) * 1000)
        made.append('{"t":%d,"user":"%012d","shop":"s%d","land":"l%d","amount":%.2f,"items":%d}'
                    % (at, user, below() * 20000, below() * 200, below() * 500, 1 + below() * 9))
    return "\n".join(made).encode()


def ingest(node, name, batches):
    """Appends prepared batches; answers seconds until the last record can be read."""
    before = time.perf_counter()
    for batch in batches:
        position = node.post(f"/v1/streams/{name}/records", batch)["position"]
    node.settle(position)
    return time.perf_counter() - before


def benchmark(port, words, pipeline, requests, connections=50):
    done = subprocess.run(
        ["redis-benchmark", "-p", str(port), "-c", str(connections), "-n", str(requests),
         "-P", str(pipeline), "-r", str(ENTITIES), "--csv", *words],
        capture_output=True, text=True, check=True)
    row = done.stdout.splitlines()[-1].strip('"').split('","')
    return {"rps": float(row[-7]), "p50": float(row[-4]), "p99": float(row[-2])}


def median(rounds):
    return {name: statistics.median(each[name] for each in rounds) for name in rounds[0]}


def side_by_side(node, redis, names, results):
    for pipeline, requests in ((1, 200_000), (16, 1_000_000)):
        rounds = {"varve": [], "redis": []}
        for _ in range(3):
            rounds["varve"].append(benchmark(
                node.port, ["HMGET", "u:__rand_int__", *names], pipeline, requests))
            rounds["redis"].append(benchmark(
                redis, ["HMGET", "u:__rand_int__", *names], pipeline, requests))
        found = {system: median(each) for system, each in rounds.items()}
        found["ratio"] = found["varve"]["rps"] / found["redis"]["rps"]
        results[f"hmget_pipeline_{pipeline}"] = found
        show(f"HMGET of 10, pipeline {pipeline}", " | ".join(
            f"{system} {found[system]['rps']:,.0f}/s, p50 {found[system]['p50']:.3f} ms, "
            f"p99 {found[system]['p99']:.3f} ms" for system in ("varve", "redis"))
            + f" | ratio {found['ratio']:.2f}")


def show(what, text):
    print(f"{what}: {text}", flush=True)


def command(*words):
    return (f"*{len(words)}\r\n" + "".join(f"${len(w)}\r\n{w}\r\n" for w in words)).encode()


def answers(port, names):
    """What the node says of every entity, a list for each; None where it has no value."""
    with socket.create_connection(("127.0.0.1", port)) as connection:
        replies = connection.makefile("rb")
        for start in range(0, ENTITIES, 500):
            numbers = range(start, min(start + 500, ENTITIES))
            connection.sendall(b"".join(
                command("HMGET", f"u:{number:012d}", *names) for number in numbers))
            for _ in numbers:
                replies.readline()
                yield [None if replies.readline().startswith(b"$-")
                       else replies.readline()[:-2].decode() for _ in names]


def fill_redis(redis, node, names):
    """One hash for each entity with the values that the node computes, in the protocol itself."""
    piped = subprocess.Popen(["redis-cli", "-p", str(redis), "--pipe"], stdin=subprocess.PIPE,
                             stdout=subprocess.DEVNULL)
    for number, values in enumerate(answers(node, names)):
        pairs = [word for pair in zip(names, values) if pair[1] is not None for word in pair]
        if pairs:
            piped.stdin.write(command("HSET", f"u:{number:012d}", *pairs))
    piped.stdin.close()
    piped.wait()


def batches_over_http(node, now, results):
    body = lines(200_000, 10_000, 0, 1, now, 3)
    ingest(node, "wide", [body])
    generator = random.Random(5)
    spent = []
    for _ in range(200):
        rows = [{"keys": {"user": "%012d" % generator.randrange(10_000)}} for _ in range(100)]
        request = json.dumps({"rows": rows}).encode()
        before = time.perf_counter()
        node.connection.request("POST", "/v1/views/w/read", request)
        node.connection.getresponse().read()
        spent.append((time.perf_counter() - before) * 1000)
    spent.sort()
    results["http_100x50"] = {"p50": spent[100], "p99": spent[197]}
    show("HTTP, 100 keys x 50 features", f"p50 {spent[100]:.2f} ms, p99 {spent[197]:.2f} ms")


def hot_key(node, now, results):
    ingest(node, "hot", [lines(250_000, 1, 0, 0, now, part, part, 4) for part in range(4)])
    key = "h:" + "0" * 12
    names = [name for name, *_ in FIELDS]
    found = benchmark(node.port, ["HMGET", key, *names], 64, 200_000, connections=1)
    one = benchmark(node.port, ["HMGET", key, "sum_1d"], 64, 200_000, connections=1)
    results["hot_key"] = {"us_10_features": 1e6 / found["rps"], "us_sum": 1e6 / one["rps"]}
    show("hot key of 1,000,000 facts", f"{1e6 / found['rps']:.1f} us for 10 features, "
         f"{1e6 / one['rps']:.1f} us for one sum")


def ingestion(node, now, results):
    """Records into 3 views of 12 windowed features: by HTTP, by Kafka, and from the log alone."""
    # Made before the clock runs; several connections would only fight for the same cores.
    made = [lines(200_000, 100_000, 0, 0, now, part, part, 10) for part in range(10)]
    total = 2_000_000
    rate = total / ingest(node, "rate", made)
    status = {each["view"]: each for each in node.status()["views"]}
    rates = {name: {"keys": status[name]["keys"],
                    "bytes_per_key": status[name]["bytes"] / status[name]["keys"],
                    "bytes_per_fact": status[name]["bytes"] / status[name]["facts"]}
             for name in ("r1", "r2", "r3")}
    results["ingestion"] = {"records_per_second": rate, "views": rates}
    show("ingestion into 3 views, 12 features, NDJSON over HTTP, durable, until all can be read",
         f"{rate:,.0f} records/s; " + "; ".join(
             f"{name} {each['keys']:,} keys, {each['bytes_per_key']:,.0f} bytes each"
             for name, each in rates.items()))
    if shutil.which("kcat"):
        with tempfile.NamedTemporaryFile(suffix=".ndjson") as file:
            for part in made:
                file.write(part + b"\n")
            file.flush()
            before = time.perf_counter()
            subprocess.run(["kcat", "-b", node.kafka, "-P", "-t", "sent", "-l", file.name,
                            "-X", "acks=all", "-X", "linger.ms=5",
                            "-X", "batch.num.messages=10000",
                            "-X", "queue.buffering.max.kbytes=1000000"], check=True)
            acknowledged = total / (time.perf_counter() - before)
            seconds, _ = caught_up(node, before)
        results["ingestion"]["kafka"] = {
            "acknowledged": acknowledged, "records_per_second": total / seconds}
        show("the same by kcat from a file, acks=all",
             f"{acknowledged:,.0f} records/s acknowledged, {total / seconds:,.0f} until all can be"
             " read")
    ingest(node, "late", made)
    caught_up(node, time.perf_counter())
    document = documents()
    document["views"] += three_views("l", "late")
    before = time.perf_counter()
    node.post("/v1/definitions", document)
    folded = total / (time.perf_counter() - before)
    results["ingestion"]["from_log"] = folded
    show("fold of the same records, in the log already, into 3 new views, two threads",
         f"{folded:,.0f} records/s")


def digest(node, at):
    """SHA-256 of what every `SAMPLED`th entity answers at a moment, values and statuses."""
    found = hashlib.sha256()
    keys = range(0, ENTITIES, SAMPLED)
    for start in range(0, len(keys), 10_000):
        rows = [{"keys": {"user": "%012d" % key}} for key in keys[start:start + 10_000]]
        answer = node.post("/v1/views/u/read", {"rows": rows, "at": at})
        found.update(json.dumps([answer["features"], answer["statuses"]]).encode())
    return found.hexdigest()


def caught_up(node, before):
    """Waits until the online store has read the whole log; answers seconds since a moment."""
    while True:
        status = node.status()
        online = next(each for each in status["projections"] if each["name"] == "online")
        if online["lag"] == 0:
            return time.perf_counter() - before, status
        time.sleep(0.02)


def restart(node, now, results):
    """Opens from a snapshot and a tail of records, and from the log alone; compares answers."""
    stopped = node.stop()
    node.start()
    tail = min(200_000, ENTITIES)
    ingest(node, "payments", [lines(tail, ENTITIES, 7, 3, now, 99)])
    at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now))
    expected = digest(node, at)
    # Killed, it saves nothing: the tail is in no snapshot.
    node.process.kill()
    node.process.wait(600)
    before = time.perf_counter()
    opened = node.start()
    snapshot, status = caught_up(node, before)
    same = digest(node, at) == expected
    node.stop()
    shutil.rmtree(f"{node.directory}/projections/online")
    before = time.perf_counter()
    node.start()
    fresh, after = caught_up(node, before)
    same = same and digest(node, at) == expected
    records = sum(each["records"] for each in after["streams"])
    results["restart"] = {
        "stop_and_save": stopped, "serving": opened, "snapshot_and_tail": snapshot,
        "tail_records": tail, "problem": status["snapshot_problem"], "fresh_fold": fresh,
        "records": records, "sampled_keys": len(range(0, ENTITIES, SAMPLED)),
        "same_answers": same}
    show("restart", f"stop and save {stopped:.1f} s; snapshot and {tail:,} records {snapshot:.1f} s;"
         f" fold of all {records:,} records {fresh:.1f} s; answers of every {SAMPLED}th entity "
         + ("equal" if same else "DIFFER"))


def main():
    global ENTITIES, SAMPLED
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--entities", type=int, default=1_000_000)
    parser.add_argument("--facts", type=int, default=3, help="of each entity")
    parser.add_argument("--json", help="also write the numbers here")
    arguments = parser.parse_args()
    ENTITIES = arguments.entities
    SAMPLED = max(1, ENTITIES // 100_000)
    if not VARVE.exists():
        sys.exit("online.py: run swift build -c release first")
    results = {"load_before": os.getloadavg()[0]}
    now = time.time()
    names = [name for name, *_ in FIELDS]
    with tempfile.TemporaryDirectory(prefix="varve-online-") as directory:
        node = Node(directory + "/varve")
        node.start()
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        redis = subprocess.Popen(
            ["redis-server", "--port", str(port), "--save", "", "--dir", directory],
            stdout=subprocess.DEVNULL)
        try:
            node.post("/v1/definitions", documents())
            empty = node.memory()
            total = ENTITIES * arguments.facts
            made = (lines(min(200_000, total - start), ENTITIES, start, 1, now, start)
                    for start in range(0, total, 200_000))
            ingest(node, "payments", made)
            fill_redis(port, node.port, names)
            held = node.status()["views"][0]
            used = subprocess.run(["redis-cli", "-p", str(port), "INFO", "memory"],
                                  capture_output=True, text=True).stdout
            used = next(int(line.split(":")[1]) for line in used.split()
                        if line.startswith("used_memory:"))
            results["memory"] = {
                "varve_bytes_per_key": held["bytes"] / held["keys"], "keys": held["keys"],
                "varve_resident_per_key": (node.memory() - empty) / held["keys"],
                "redis_bytes_per_key": used / ENTITIES}
            show(f"{held['keys']:,} entities of {arguments.facts} facts",
                 f"{held['bytes'] / held['keys']:,.0f} bytes each "
                 f"({(node.memory() - empty) / held['keys']:,.0f} resident), "
                 f"redis {used / ENTITIES:,.0f}")
            side_by_side(node, port, names, results)
            batches_over_http(node, now, results)
            hot_key(node, now, results)
            ingestion(node, now, results)
            restart(node, now, results)
        finally:
            redis.terminate()
            node.process.terminate()
            node.process.wait(600)
    results["load_after"] = os.getloadavg()[0]
    if arguments.json:
        pathlib.Path(arguments.json).write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()
