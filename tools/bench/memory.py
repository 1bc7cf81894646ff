#!/usr/bin/env python3
"""A node whose features take more memory than they may, beside one that may take all.

    swift build -c release
    python3 tools/bench/memory.py [--entities 200000] [--facts 40] [--share 4] [--json FILE]

Both nodes get the same records. The second one's views may take a share of what the first one's
take. Shown are the rate of ingestion until the last record can be read, memory, HMGET of 10 windowed
features by redis-benchmark (entities of a busy tenth, then all of them), and the seconds from a kill
to the node being caught up. In the end both are asked for every entity: the answers are compared.
"""
import argparse
import json
import pathlib
import tempfile
import time

import online
from online import FIELDS, Node, benchmark, caught_up, digest, documents, ingest, lines, show


class LimitedNode(Node):
    """A node with a limit of memory; None: the machine's default."""

    def __init__(self, directory, limit):
        super().__init__(directory)
        self.limit = limit

    def options(self):
        return ["--memory", str(self.limit)] if self.limit else []


def batches(entities, facts, now):
    size = min(200_000, entities)
    for start in range(0, entities * facts, size):
        yield lines(size, entities, start, 1, now, start)


def memory(node):
    status = node.status()
    views = status["views"]
    return {"views": sum(each["bytes"] for each in views),
            "on_disk": sum(each["paged_bytes"] for each in views),
            "facts": sum(each["facts"] for each in views),
            "resident": node.memory(), "file": status["online_memory"]["file_bytes"]}


def run(name, directory, limit, arguments, now):
    node = LimitedNode(directory, limit)
    node.start()
    try:
        found = {}
        node.post("/v1/definitions", documents())
        seconds = sum(ingest(node, "payments", [batch])
                      for batch in batches(arguments.entities, arguments.facts, now))
        found |= memory(node)
        found["records_per_second"] = found["facts"] / seconds
        show(f"{name}: {found['facts']:,} facts", " | ".join([
            f"{found['records_per_second']:,.0f} records/s until readable",
            f"views {found['views'] / 2**20:,.0f} MiB", f"on disk {found['on_disk'] / 2**20:,.0f}",
            f"file {found['file'] / 2**20:,.0f}", f"resident {found['resident'] / 2**20:,.0f}"]))
        names = [name for name, *_ in FIELDS]
        for what, keys in (("the busy tenth", arguments.entities // 10), ("all", arguments.entities)):
            online.ENTITIES = keys
            rounds = [benchmark(node.port, ["HMGET", "u:__rand_int__", *names], 1, 100_000)
                      for _ in range(7)]
            found[what] = rounds[-1]
            show(f"{name}: HMGET of 10, {what}", f"{rounds[-1]['rps']:,.0f}/s, p50"
                 f" {rounds[-1]['p50']:.3f} ms, p99 {rounds[-1]['p99']:.3f} ms (last of seven)")
        online.ENTITIES = arguments.entities
        node.process.kill()
        node.process.wait(600)
        before = time.perf_counter()
        node.start()
        found["restart"], _ = caught_up(node, before)
        after = memory(node)
        show(f"{name}: restart", f"{found['restart']:.1f} s; views {after['views'] / 2**20:,.0f} MiB,"
             f" resident {after['resident'] / 2**20:,.0f}")
        found["answers"] = digest(node, time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now)))
        return found
    finally:
        node.stop()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--entities", type=int, default=200_000)
    parser.add_argument("--facts", type=int, default=40, help="of each entity, on average")
    parser.add_argument("--share", type=int, default=4, help="of the memory, a limit of 1/SHARE")
    parser.add_argument("--json", help="also write the numbers here")
    arguments = parser.parse_args()
    online.ENTITIES, online.SAMPLED = arguments.entities, 1
    now = time.time()
    with tempfile.TemporaryDirectory(prefix="varve-memory-") as directory:
        whole = run("no limit", directory + "/whole", None, arguments, now)
        limit = whole["views"] // arguments.share
        part = run(f"limit {limit / 2**20:,.0f} MiB", directory + "/part", limit, arguments, now)
    same = whole["answers"] == part["answers"]
    show(f"answers of all {arguments.entities:,} entities", "equal" if same else "DIFFER")
    if arguments.json:
        results = {"whole": whole, "part": part, "same_answers": same}
        pathlib.Path(arguments.json).write_text(json.dumps(results, indent=2))


if __name__ == "__main__":
    main()
