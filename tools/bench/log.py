#!/usr/bin/env python3
"""Durable appends and reads against Redis Streams, PostgreSQL, NATS JetStream and the bare disk.

    apt-get install kcat redis-server postgresql nats-server fio
    python3 -m venv /work/venv-kafka && /work/venv-kafka/bin/pip install confluent-kafka nats-py
    swift build -c release
    /work/venv-kafka/bin/python tools/bench/log.py [--megabytes 200] [--json FILE]

One run on one machine, one system after the other on the same file system, each with its own fast
client: kcat for Varve, redis-benchmark and redis-cli for Redis, pgbench and psql for PostgreSQL,
nats-py for NATS. Every system acknowledges only what it has synced, except NATS before 2.10, which
cannot; it is listed all the same. Clients share the machine's cores with the servers: the last
line says what that leaves.
"""
import argparse
import asyncio
import contextlib
import json
import os
import pathlib
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
VARVE = ROOT / ".build" / "release" / "varve"
POSTGRES = next(iter(sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin"))), None)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(port, process):
    for _ in range(200):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        if process.poll() is not None:
            sys.exit(f"log.py: {process.args[0]} ended with {process.returncode}")
        time.sleep(0.05)


def timed(commands, **options):
    """Seconds until all commands, started together, have ended."""
    start = time.perf_counter()
    running = [subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                **options) for command in commands]
    for process in running:
        _, errors = process.communicate()
        if process.returncode:
            sys.exit(f"log.py: {process.args}: {errors.decode()[-500:]}")
    return time.perf_counter() - start


class Varve:
    name = "varve"
    durable = True

    def __enter__(self):
        self.directory = tempfile.mkdtemp(prefix="bench-varve.", dir=SCRATCH)
        self.process = subprocess.Popen(
            [VARVE, "serve", "--dir", self.directory, "--kafka-port", "0", "--http-port", "0",
             "--resp-port", "0", "--json"], stdout=subprocess.PIPE, text=True)
        address = json.loads(self.process.stdout.readline())
        self.address, self.http = address["kafka"], address["http"]
        self.topics = 0
        return self

    def __exit__(self, *_):
        stop(self.process, self.directory)

    def groups(self):
        """Groups synced so far, and their bytes."""
        with urllib.request.urlopen(f"http://{self.http}/metrics") as response:
            text = response.read().decode()
        names = ("varve_log_sync_duration_seconds_count", "varve_log_append_bytes_total")
        return [float(line.split()[1]) for name in names
                for line in text.splitlines() if line.startswith(name + " ")]

    def append(self, size, count, producers):
        self.topics += 1
        self.topic, self.count = f"bench-{self.topics}", count
        subprocess.run(["kcat", "-b", self.address, "-L", "-t", self.topic], check=True,
                       stdout=subprocess.DEVNULL)
        return timed([
            ["kcat", "-b", self.address, "-t", self.topic, "-P", "-X", "acks=all",
             "-X", "linger.ms=5", "-X", "batch.size=1000000",
             "-l", str(lines(size, count // producers))] for _ in range(producers)])

    def consume(self):
        return timed([["kcat", "-b", self.address, "-t", self.topic, "-C", "-e", "-q",
                       "-X", "queued.min.messages=2000000"]])


class Redis:
    name = "redis streams"
    durable = True

    def __enter__(self):
        self.directory = tempfile.mkdtemp(prefix="bench-redis.", dir=SCRATCH)
        self.port = free_port()
        self.process = subprocess.Popen(
            ["redis-server", "--port", str(self.port), "--dir", self.directory, "--save", "",
             "--appendonly", "yes", "--appendfsync", "always",
             "--auto-aof-rewrite-percentage", "0"], stdout=subprocess.DEVNULL)
        wait_for(self.port, self.process)
        self.keys = 0
        return self

    def __exit__(self, *_):
        stop(self.process, self.directory)

    def append(self, size, count, producers):
        self.keys += 1
        self.count = count
        seconds = timed([
            ["redis-benchmark", "-p", str(self.port), "-c", str(producers), "-P", "512",
             "-n", str(count), "-q", "XADD", f"bench-{self.keys}", "*", "v", "x" * size]])
        return seconds

    def consume(self):
        return timed([["redis-cli", "-p", str(self.port), "XRANGE", f"bench-{self.keys}",
                       "-", "+"]])


class Postgres:
    name = "postgresql"
    durable = True
    batch = 200

    def __enter__(self):
        self.directory = tempfile.mkdtemp(prefix="bench-postgres.", dir=SCRATCH)
        shutil.chown(self.directory, "postgres", "postgres")
        self.port = free_port()
        self.user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
        subprocess.run(self.user + [str(POSTGRES / "initdb"), "-D", self.directory + "/data",
                                    "-A", "trust", "--no-sync"],
                       check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/")
        self.process = subprocess.Popen(
            self.user + [str(POSTGRES / "postgres"), "-D", self.directory + "/data",
                         "-p", str(self.port), "-k", "/tmp", "-c", "synchronous_commit=on",
                         "-c", "wal_compression=off", "-c", "max_wal_size=8GB",
                         "-c", "shared_buffers=1GB"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/")
        wait_for(self.port, self.process)
        time.sleep(1)
        self.tables = 0
        return self

    def __exit__(self, *_):
        stop(self.process, self.directory)

    def client(self, program):
        return [str(POSTGRES / program), "-h", "127.0.0.1", "-p", str(self.port),
                "-U", "postgres"]

    def append(self, size, count, producers):
        self.tables += 1
        self.table, self.count = f"bench_{self.tables}", count
        subprocess.run(self.client("psql") + [
            "-qc", f"create table {self.table} (position bigserial primary key, v text)"],
            check=True)
        script = pathlib.Path(self.directory).parent / f"insert-{size}-{self.tables}.sql"
        rows = ",".join(f"('{'x' * size}')" for _ in range(self.batch))
        script.write_text(f"insert into {self.table} (v) values {rows};\n")
        transactions = count // producers // self.batch
        return timed([self.client("pgbench") + [
            "-n", "-c", str(producers), "-j", str(min(producers, 2)), "-t", str(transactions),
            "-M", "simple", "-f", str(script), "postgres"]])

    def consume(self):
        return timed([self.client("psql") + [
            "-qc", f"copy (select v from {self.table} order by position) to stdout"]])


class Nats:
    name = "nats jetstream"

    def __enter__(self):
        self.directory = tempfile.mkdtemp(prefix="bench-nats.", dir=SCRATCH)
        self.port = free_port()
        for sync in ("sync_interval: always", ""):
            config = pathlib.Path(self.directory) / "server.conf"
            config.write_text(f'port: {self.port}\nmax_payload: 8MB\n'
                              f'jetstream {{ store_dir: "{self.directory}/store"\n{sync}\n}}\n')
            if subprocess.run(["nats-server", "-c", str(config), "-t"],
                              capture_output=True).returncode == 0:
                break
        self.durable = bool(sync)
        if not self.durable:
            self.name += " (not synced: this version cannot)"
        self.process = subprocess.Popen(
            ["nats-server", "-c", str(config)], stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL)
        wait_for(self.port, self.process)
        self.streams = 0
        return self

    def __exit__(self, *_):
        stop(self.process, self.directory)

    def append(self, size, count, producers):
        self.streams += 1
        self.count = count
        return asyncio.run(self._append(size, count, producers))

    async def _append(self, size, count, producers):
        import nats
        name = f"bench{self.streams}"
        admin = await nats.connect(f"nats://127.0.0.1:{self.port}")
        await admin.jetstream().add_stream(name=name, subjects=[name])
        payload = b"x" * size

        async def produce():
            client = await nats.connect(f"nats://127.0.0.1:{self.port}")
            stream = client.jetstream(publish_async_max_pending=4000)
            for _ in range(count // producers // 500):
                await asyncio.gather(*[await stream.publish_async(name, payload)
                                       for _ in range(500)])
            await client.close()

        start = time.perf_counter()
        await asyncio.gather(*[produce() for _ in range(producers)])
        seconds = time.perf_counter() - start
        await admin.close()
        return seconds

    def consume(self):
        return asyncio.run(self._consume())

    async def _consume(self):
        import nats.js.api
        name = f"bench{self.streams}"
        client = await nats.connect(f"nats://127.0.0.1:{self.port}")
        subscription = await client.jetstream().pull_subscribe(
            name, "reader", config=nats.js.api.ConsumerConfig(ack_policy="none"))
        total = (await client.jetstream().stream_info(name)).state.messages
        start, seen = time.perf_counter(), 0
        while seen < total:
            seen += len(await subscription.fetch(min(1000, total - seen)))
        seconds = time.perf_counter() - start
        await client.close()
        self.count = total
        return seconds


def stop(process, directory):
    process.send_signal(signal.SIGINT if "postgres" in str(process.args) else signal.SIGTERM)
    try:
        process.wait(30)
    except subprocess.TimeoutExpired:
        process.kill()
    shutil.rmtree(directory, ignore_errors=True)


def processor_seconds(process):
    """Of a process and those it started, so far."""
    total, ticks = 0.0, os.sysconf("SC_CLK_TCK")
    for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            name, rest = stat.read_text().rsplit(")", 1)
            fields = rest.split()
            if int(name.split()[0]) == process.pid or int(fields[1]) == process.pid:
                total += (int(fields[11]) + int(fields[12])) / ticks
    return total


def client_seconds():
    """Of all clients that have ended, so far."""
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    return spent.ru_utime + spent.ru_stime


def lines(size, count):
    path = SCRATCH / f"lines-{size}-{count}"
    if not path.exists():
        with open(path, "w") as out:
            for number in range(count):
                out.write(f"{number:010d}".ljust(size, "x") + "\n")
    return path


def disk(megabytes, group):
    """MB/s of fio: groups of one size, each synced, into a new file whose space is reserved."""
    out = subprocess.run(
        ["fio", "--name=log", f"--directory={SCRATCH}", "--rw=write", f"--bs={group}",
         f"--size={megabytes}m", "--fdatasync=1", "--ioengine=psync", "--output-format=json",
         "--fallocate=posix"], check=True, capture_output=True, text=True).stdout
    write = json.loads(out)["jobs"][0]["write"]
    (SCRATCH / "log.0.0").unlink()
    return write["io_bytes"] / write["runtime"] / 1000


def fill_page_cache():
    """Leaves every page of memory used once and clean, as on a machine that has been up for a
    while. On a virtual machine just started, the first touch of a page costs its host a fault: the
    copy of a write into the page cache then runs at a third of its speed, for every system alike,
    and for none that reuses its buffers."""
    fields = dict(line.split(":") for line in pathlib.Path("/proc/meminfo").read_text().splitlines())
    size = int(fields["MemAvailable"].split()[0]) << 10
    if shutil.disk_usage(SCRATCH).free < 2 * size:
        print("too little space to fill the page cache: figures are of memory never touched before")
        return
    block = bytes(1 << 20)
    with open(SCRATCH / "page-cache", "wb", buffering=0) as out:
        for _ in range(size >> 20):
            out.write(block)
        os.fsync(out.fileno())


def latency(varve, size, rate, seconds=10):
    """Milliseconds to the acknowledgement of single records, sent at a fixed rate by librdkafka."""
    from confluent_kafka import Producer
    producer = Producer({"bootstrap.servers": varve.address, "acks": "all", "linger.ms": 1,
                         "queue.buffering.max.messages": 1_000_000})
    taken, payload = [], b"x" * size

    def send(start):
        sent = time.perf_counter()
        producer.produce("latency", payload,
                         on_delivery=lambda *_: taken.append(time.perf_counter() - sent))

    start, count = time.perf_counter(), 0
    while (now := time.perf_counter() - start) < seconds:
        while count < now * rate:
            send(start)
            count += 1
        producer.poll(0.0005)
    producer.flush(30)
    taken.sort()
    return {f"p{name}_ms": round(1000 * taken[int(len(taken) * share)], 2)
            for name, share in (("50", 0.5), ("99", 0.99), ("99.9", 0.999))} | {
                "records_per_second": round(len(taken) / seconds)}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--megabytes", type=int, default=200, help="of each measurement")
    parser.add_argument("--json", type=pathlib.Path, help="also write the figures here")
    parser.add_argument("--directory", default="/work", help="where all write")
    parser.add_argument("--as-it-is", action="store_true",
                        help="do not fill the page cache before measuring")
    arguments = parser.parse_args()
    global SCRATCH
    SCRATCH = pathlib.Path(tempfile.mkdtemp(prefix="bench-log.", dir=arguments.directory))
    SCRATCH.chmod(0o755)
    figures = {"cores": os.cpu_count(), "disk_MB_per_second": {}, "append": [], "consume": []}
    try:
        if not arguments.as_it_is:
            fill_page_cache()
        for group in ("64k", "256k", "1m"):
            figures["disk_MB_per_second"][group] = round(disk(arguments.megabytes, group), 1)
        print("disk, synced groups, MB/s:", figures["disk_MB_per_second"])
        print(f"\n{'append':42} {'size':>5} {'producers':>9} {'records/s':>10} {'MB/s':>7}"
              f" {'server':>6} {'clients':>7}  (cores)")
        for system in (Varve, Redis, Postgres, Nats):
            with system() as peer:
                for size, producers in ((100, 1), (100, 8), (1000, 1), (1000, 8)):
                    count = arguments.megabytes * 1_000_000 // size
                    if size == 100:
                        count //= 2
                    if system is Nats:
                        count = min(count, 40_000)
                    before = processor_seconds(peer.process), client_seconds()
                    groups = peer.groups() if system is Varve else None
                    seconds = peer.append(size, count, producers)
                    spent = processor_seconds(peer.process) - before[0]
                    clients = client_seconds() - before[1]
                    row = {"system": peer.name, "bytes": size, "producers": producers,
                           "records_per_second": round(count / seconds),
                           "MB_per_second": round(count * size / seconds / 1e6, 1),
                           "server_cores": round(spent / seconds, 2),
                           "client_cores": round(clients / seconds, 2)}
                    if groups:
                        synced, written = (b - a for a, b in zip(groups, peer.groups()))
                        row["group_bytes"] = round(written / synced)
                    figures["append"].append(row)
                    print(f"{peer.name:42} {size:5} {producers:9} {count / seconds:10.0f}"
                          f" {count * size / seconds / 1e6:7.1f} {spent / seconds:6.2f}"
                          f" {clients / seconds:7.2f}", flush=True)
                seconds = peer.consume()
                figures["consume"].append({"system": peer.name, "bytes": size,
                                           "records_per_second": round(peer.count / seconds)})
                if system is Varve:
                    peak = figures["append"][-1]["records_per_second"]
                    figures["latency_at_half_of_peak"] = latency(peer, 1000, peak // 2)
        print(f"\n{'consume from the start, 1000 bytes':42} {'records/s':>10}")
        for row in figures["consume"]:
            print(f"{row['system']:42} {row['records_per_second']:10}")
        print("\nvarve, acknowledgement at half of the peak:", figures["latency_at_half_of_peak"])
        ours = figures["append"][3]
        best = max(row["MB_per_second"] for row in figures["append"][4:] if row["bytes"] == 1000)
        group = max(4096, ours["group_bytes"] // 4096 * 4096)
        limit = disk(arguments.megabytes, group)
        figures["disk_MB_per_second"]["groups as varve's"] = round(limit, 1)
        figures["share_of_disk"] = round(ours["MB_per_second"] / limit, 2)
        # What the cores allow if nobody ever waits for the disk.
        spent = ours["server_cores"] + ours["client_cores"]
        figures["processor_bound_MB_per_second"] = round(
            ours["MB_per_second"] * figures["cores"] / spent, 1)
        figures["times_best_peer"] = round(ours["MB_per_second"] / best, 2)
        print(f"\n1000 bytes, 8 producers: {ours['MB_per_second']} MB/s,"
              f" {figures['times_best_peer']} times the best peer; the disk alone takes groups of"
              f" {group >> 10} KiB at {limit:.0f} MB/s: {figures['share_of_disk']:.0%}; clients and"
              f" server use the cores up at {figures['processor_bound_MB_per_second']} MB/s")
    finally:
        shutil.rmtree(SCRATCH, ignore_errors=True)
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=2) + "\n")


main()
