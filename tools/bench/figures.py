#!/usr/bin/env python3
"""First figures of one node on this machine: appends, consuming, training rows, online reads.

    tools/bench/figures.py [--json]

Starts .build/release/varve on a temporary directory, and drives it with real clients: kcat
(Debian's, librdkafka) and wrk. Everything runs on the same cores, so the client takes its share.
"""
import argparse
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
VARVE = ROOT / ".build" / "release" / "varve"
FLIGHTS = ROOT / "fixtures" / "flights"


def varve(directory, *arguments):
    return subprocess.run(
        [VARVE, *map(str, arguments), "--dir", directory], check=True, capture_output=True,
        text=True).stdout


def timed(command, **options):
    start = time.perf_counter()
    subprocess.run(command, check=True, **options)
    return time.perf_counter() - start


def appends(kafka, scratch, size, count):
    lines = scratch / f"lines-{size}"
    with open(lines, "w") as out:
        for number in range(count):
            out.write(f"{number:010d}".ljust(size, "x") + "\n")
    topic = f"raw-{size}"
    common = ["kcat", "-b", kafka, "-t", topic]
    seconds = timed(common + ["-P", "-X", "acks=all", "-X", "linger.ms=5", "-l", str(lines)])
    consumed = timed(common + ["-C", "-e", "-q", "-X", "queued.min.messages=2000000"],
                     stdout=subprocess.DEVNULL)
    return {"records": count, "bytes": size, "appends_per_second": round(count / seconds),
            "append_MB_per_second": round(count * size / seconds / 1e6, 1),
            "consumed_per_second": round(count / consumed)}


def training(directory, scratch):
    rows = sum(1 for _ in open(FLIGHTS / "spine.csv")) - 1
    start = time.perf_counter()
    varve(directory, "training-set", "create", "--service", "arrival_delay", "--spine",
          FLIGHTS / "spine.csv", "--out", scratch / "train.csv")
    seconds = time.perf_counter() - start
    return {"rows": rows, "features": 20, "rows_per_second": round(rows / seconds)}


def reads(http, scratch):
    script = scratch / "read.lua"
    script.write_text(
        'wrk.method = "POST"\n'
        'wrk.body = \'{"keys":{"origin":"EWR"},"at":"2013-03-20T12:00:00Z"}\'\n')
    out = subprocess.run(
        ["wrk", "-t1", "-c16", "-d5s", "--latency", "-s", str(script),
         f"http://{http}/v1/views/airport_traffic/read"],
        check=True, capture_output=True, text=True).stdout
    return {"requests_per_second": round(float(re.search(r"Requests/sec:\s+([\d.]+)", out)[1])),
            "p99": re.search(r"99%\s+(\S+)", out)[1]}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--json", action="store_true", help="print JSON only")
    arguments = parser.parse_args()
    for tool in ("kcat", "wrk"):
        if not shutil.which(tool):
            sys.exit(f"figures.py: {tool} is missing: apt-get install {tool}")
    directory = tempfile.mkdtemp(prefix="varve-figures.")
    scratch = pathlib.Path(directory)
    node = subprocess.Popen(
        [VARVE, "serve", "--dir", directory, "--kafka-port", "0", "--http-port", "0", "--json"],
        stdout=subprocess.PIPE, text=True)
    try:
        address = json.loads(node.stdout.readline())
        figures = {"cores": os.cpu_count()}
        figures["append_100"] = appends(address["kafka"], scratch, 100, 2_000_000)
        figures["append_1000"] = appends(address["kafka"], scratch, 1000, 400_000)
        varve(directory, "apply", FLIGHTS / "definitions.json")
        for stream in ("weather", "departures", "arrivals"):
            varve(directory, "append", stream, FLIGHTS / f"{stream}.ndjson.lz4")
        figures["training"] = training(directory, scratch)
        figures["online_http"] = reads(address["http"], scratch)
    finally:
        node.send_signal(signal.SIGTERM)
        node.wait()
        shutil.rmtree(directory)
    if arguments.json:
        print(json.dumps(figures))
        return
    for name, values in figures.items():
        print(name, values)


main()
