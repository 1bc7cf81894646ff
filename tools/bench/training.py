#!/usr/bin/env python3
"""Training sets side by side with DuckDB, Polars and pandas: the same facts and rows, both sides
reading from files and writing a Parquet file, in one run on one machine, the best of some runs of
each. Varve is its command, from start to exit, on a data directory that no node has open.

usage: training.py [--facts 10000000] [--keys 100000] [--rows 1000000] [--work DIR]
                   [--varve .build/release/varve] [--runs 3] [--keep]

Facts cover 90 days in order of arrival; one in twenty becomes known up to two days late, the
others within a minute. Varve's offline store is in order of entity, too (`varve optimize`, its time
is shown); peers read their files once as data arrived, and once sorted by entity and time. Cases:
  latest    the latest of 12 columns from 3 views (three streams, a third of the facts each)
  windows   count, sum, mean and max over exact windows of 1 h, 24 h and 7 d
each as-corrected (what the peers compute too) and as-known (what none of them can). Wall time and
CPU time: on a machine that others use, only the latter says much.
Every cell of `latest`, and of counts and maxima, is compared with DuckDB's; sums and means to 1e-9.

Needs: pip install duckdb polars pandas pyarrow numpy confluent-kafka
"""

import argparse
import http.client
import json
import pathlib
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

DAY = 86_400_000_000
START = 1_700_000_000_000_000
SPAN = 90 * DAY
WINDOWS = {"1h": 3_600_000_000, "24h": DAY, "7d": 7 * DAY}


def generate(work, facts, keys, rows):
    random = np.random.default_rng(7)
    ids = random.integers(1, 2**53, keys)
    stamp = pa.timestamp("us", "UTC")

    def stream(count, columns):
        arrival = np.sort(random.integers(0, SPAN, count))
        late = np.where(
            random.random(count) < 0.05,
            random.integers(0, 2 * DAY, count), random.integers(0, 60_000_000, count))
        event = arrival - late
        order = np.argsort(arrival, kind="stable")
        table = {
            "user": pa.array(ids[random.integers(0, keys, count)]),
            "time": pa.array(START + event[order], stamp),
            "known": pa.array(START + arrival[order], stamp),
        }
        for name in columns:
            table[name] = pa.array(np.round(random.normal(50, 20, count), 2))
        return pa.table(table)

    for index in range(3):
        columns = [f"v{4 * index + i}" for i in range(4)]
        pq.write_table(stream(facts // 3, columns), work / f"s{index}.parquet")
    pq.write_table(stream(facts, ["amount"]), work / "payments.parquet")
    spine = pa.table({
        "user": pa.array(ids[random.integers(0, keys, rows)]),
        "time": pa.array(START + random.integers(SPAN // 10, SPAN, rows), stamp),
    })
    pq.write_table(spine, work / "spine.parquet")


def definitions():
    def stream(name, columns):
        fields = {"user": "int64", "time": "timestamp", "known": "timestamp"}
        fields |= {c: "float64" for c in columns}
        return {"name": name, "fields": fields, "event_time": "time", "known_at": "known",
                "key": ["user"]}

    streams, views = [], []
    for index in range(3):
        columns = [f"v{4 * index + i}" for i in range(4)]
        streams.append(stream(f"s{index}", columns))
        views.append({
            "name": f"view{index}", "entity": {"user": "int64"}, "source": f"s{index}",
            "features": [{"name": c, "latest": c, "window": "lifetime"} for c in columns]})
    streams.append(stream("payments", ["amount"]))
    views.append({
        "name": "pay", "entity": {"user": "int64"}, "source": "payments",
        "features": [
            {"name": f"{f}_{w}", f: "*" if f == "count" else "amount", "window": w}
            for w in WINDOWS for f in ("count", "sum", "mean", "max")]})
    services = [
        {"name": "latest", "features": [f"view{i}.*" for i in range(3)]},
        {"name": "windows", "features": ["pay.*"]}]
    return {"streams": streams, "views": views, "services": services}


# Runs a command and prints seconds, seconds of CPU, peak memory in GB. A process of its own: a
# child's peak is at least what its parent had in memory when it was started.
WATCH = """
import os, sys, time
start = time.perf_counter()
child = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ)
_, status, use = os.wait4(child, 0)
print("\\n", time.perf_counter() - start, use.ru_utime + use.ru_stime, use.ru_maxrss / 1e6)
sys.exit(os.waitstatus_to_exitcode(status))
"""


class Varve:
    kafka, http, resp = "19192", "18180", "16380"

    def __init__(self, binary, directory, work):
        self.binary, self.directory, self.work = binary, directory, work
        self.process = None

    def run(self, *arguments):
        return subprocess.run(
            [self.binary, *arguments, "--dir", str(self.directory)], check=True,
            capture_output=True, text=True).stdout

    def start(self):
        self.process = subprocess.Popen(
            [self.binary, "serve", "--dir", str(self.directory), "--kafka-port", self.kafka,
             "--http-port", self.http, "--resp-port", self.resp], stdout=subprocess.DEVNULL)
        for _ in range(1200):
            try:
                status, body = self.request("GET", "/v1/status")
                if status == 200:
                    return
            except OSError:
                pass
            time.sleep(0.5)
        sys.exit("varve serve did not start")

    def request(self, method, path, body=None, headers={}):
        connection = http.client.HTTPConnection("127.0.0.1", int(self.http), timeout=3600)
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        return response.status, response.read()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()

    def apply(self, definitions):
        path = self.work / "definitions.json"
        path.write_text(json.dumps(definitions))
        self.run("apply", str(path))

    def load(self):
        self.apply(definitions())
        import confluent_kafka
        import polars as pl
        producer = confluent_kafka.Producer({
            "bootstrap.servers": f"127.0.0.1:{self.kafka}", "linger.ms": 50, "batch.size": 1 << 20,
            "compression.type": "lz4", "queue.buffering.max.messages": 1_000_000})
        for name in ("s0", "s1", "s2", "payments"):
            start = time.time()
            table = pl.scan_parquet(self.work / f"{name}.parquet").with_columns(
                pl.col("time", "known").dt.strftime("%Y-%m-%dT%H:%M:%S%.6fZ"))
            count = pl.scan_parquet(self.work / f"{name}.parquet").select(pl.len()).collect().item()
            for offset in range(0, count, 200_000):
                part = table.slice(offset, 200_000).collect()
                for value in part.select(pl.struct(pl.all()).struct.json_encode()).to_series():
                    while True:
                        try:
                            producer.produce(name, value)
                            break
                        except BufferError:
                            producer.poll(0.05)
                    producer.poll(0)
            if producer.flush(600):
                sys.exit("append: records are left")
            print(f"  {name}: {count / (time.time() - start):,.0f} records/s appended", flush=True)

    def settle(self):
        """Waits until the offline store has every record."""
        while True:
            _, body = self.request("GET", "/v1/status")
            lags = {p["name"]: p["lag"] for p in json.loads(body)["projections"]}
            if lags["offline"] == 0:
                return
            time.sleep(1)

    def optimize(self):
        """Sorts the offline store by entity, as a node does by itself now and then."""
        start = time.time()
        self.run("optimize")
        return time.time() - start

    def build(self, service, mode, out, *extra):
        """Builds a set from the directory's files: seconds, seconds of CPU, peak memory in GB."""
        done = subprocess.run(
            [sys.executable, "-I", "-S", "-c", WATCH, self.binary, "training-set", "create",
             "--dir", str(self.directory), "--service", service, "--spine",
             str(self.work / "spine.parquet"), "--mode", mode, "--out", str(out), *extra],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        if done.returncode:
            sys.exit(f"training set: {done.stderr[-500:]}")
        return tuple(map(float, done.stdout.splitlines()[-1].split()))


DUCKDB_LATEST = """
import duckdb
c = duckdb.connect()
c.execute(f'''copy (
  with spine as (select file_row_number r, * from
                 read_parquet('{work}/spine.parquet', file_row_number = true))
  select spine."user", spine."time", a.v0, a.v1, a.v2, a.v3, b.v4, b.v5, b.v6, b.v7,
         d.v8, d.v9, d.v10, d.v11
  from spine
  asof left join '{work}/s0.parquet' a on a."user" = spine."user" and a."time" < spine."time"
  asof left join '{work}/s1.parquet' b on b."user" = spine."user" and b."time" < spine."time"
  asof left join '{work}/s2.parquet' d on d."user" = spine."user" and d."time" < spine."time"
  order by r
) to '{out}' (format parquet)''')
"""

DUCKDB_WINDOW = """
import duckdb
c = duckdb.connect()
def agg(w, span):
    frame = f"(partition by u order by t range between {span} preceding and 1 preceding)"
    return (f"count(x) over {frame} count_{w}, sum(x) over {frame} sum_{w}, "
            f"avg(x) over {frame} mean_{w}, max(x) over {frame} max_{w}")
names = ", ".join(f"{f}_{w}" for w in ("1h", "24h", "7d")
                  for f in ("count", "sum", "mean", "max"))
c.execute(f'''copy (select r, u, {names} from (
  select r, u, {agg("1h", 3600000000)}, {agg("24h", 86400000000)}, {agg("7d", 604800000000)} from (
    select null::bigint r, "user" u, epoch_us("time") t, amount x from '{work}/payments.parquet'
    union all select file_row_number, "user", epoch_us("time"), null
    from read_parquet('{work}/spine.parquet', file_row_number = true)))
  where r is not null order by r) to '{out}' (format parquet)''')
"""

DUCKDB_JOIN = """
import duckdb
c = duckdb.connect()
parts = []
for w, span in (("1h", 3600000000), ("24h", 86400000000), ("7d", 604800000000)):
    f = f"filter (where f.t >= s.t - {span})"
    parts.append(f"count(f.x) {f} count_{w}, sum(f.x) {f} sum_{w}, avg(f.x) {f} mean_{w}, "
                 f"max(f.x) {f} max_{w}")
c.execute(f'''copy (
  with s as (select file_row_number r, "user" u, epoch_us("time") t
             from read_parquet('{work}/spine.parquet', file_row_number = true)),
       f as (select "user" u, epoch_us("time") t, amount x from '{work}/payments.parquet')
  select s.r, s.u, {', '.join(parts)} from s left join f
    on f.u = s.u and f.t < s.t and f.t >= s.t - 604800000000
  group by s.r, s.u, s.t order by s.r) to '{out}' (format parquet)''')
"""

POLARS_LATEST = """
import polars as pl
spine = pl.scan_parquet(f"{work}/spine.parquet").with_row_index("r").sort("time")
for i in range(3):
    facts = pl.scan_parquet(f"{work}/s{i}.parquet").drop("known").sort("time")
    spine = spine.join_asof(facts, on="time", by="user", strategy="backward",
                            allow_exact_matches=False, check_sortedness=False)
spine.sort("r").collect().write_parquet(out)
"""

POLARS_WINDOWS = """
import polars as pl
facts = pl.scan_parquet(f"{work}/payments.parquet").select("user", "time", "amount")
spine = pl.scan_parquet(f"{work}/spine.parquet").with_row_index("r").select("user", "time", "r")
both = pl.concat([facts, spine], how="diagonal").sort("user", "time").collect()
parts = []
for w in ("1h", "24h", "7d"):
    parts.append(both.rolling("time", period=w, closed="left", group_by="user").agg(
        pl.col("amount").count().alias(f"count_{w}"), pl.col("amount").sum().alias(f"sum_{w}"),
        pl.col("amount").mean().alias(f"mean_{w}"), pl.col("amount").max().alias(f"max_{w}"),
    ).drop("user", "time"))
pl.concat([both.select("user", "time", "r"), *parts], how="horizontal").filter(
    pl.col("r").is_not_null()).sort("r").write_parquet(out)
"""

POLARS_BY = """
import polars as pl
facts = pl.scan_parquet(f"{work}/payments.parquet").select("user", "time", "amount")
spine = pl.scan_parquet(f"{work}/spine.parquet").with_row_index("r").select("user", "time", "r")
both = pl.concat([facts, spine], how="diagonal").sort("user", "time")
one = pl.col("amount").is_not_null().cast(pl.Int64)
columns = []
for w in ("1h", "24h", "7d"):
    a = pl.col("amount")
    columns += [
        one.rolling_sum_by("time", w, closed="left").over("user").alias(f"count_{w}"),
        a.rolling_sum_by("time", w, closed="left").over("user").alias(f"sum_{w}"),
        a.rolling_mean_by("time", w, closed="left").over("user").alias(f"mean_{w}"),
        a.rolling_max_by("time", w, closed="left").over("user").alias(f"max_{w}")]
both.with_columns(columns).filter(pl.col("r").is_not_null()).sort("r").collect().write_parquet(out)
"""

PANDAS_LATEST = """
import pandas as pd
spine = pd.read_parquet(f"{work}/spine.parquet")
spine["r"] = range(len(spine))
spine = spine.sort_values("time")
for i in range(3):
    facts = pd.read_parquet(f"{work}/s{i}.parquet").drop(columns="known").sort_values(
        "time", kind="stable")
    spine = pd.merge_asof(spine, facts, on="time", by="user", allow_exact_matches=False)
spine.sort_values("r").to_parquet(out)
"""

PEERS = [
    ("latest", "DuckDB ASOF JOIN", "duckdb", DUCKDB_LATEST),
    ("latest", "Polars join_asof", "polars", POLARS_LATEST),
    ("latest", "pandas merge_asof", "pandas", PANDAS_LATEST),
    ("windows", "DuckDB RANGE windows", "duckdb", DUCKDB_WINDOW),
    ("windows", "DuckDB range join, group by", "duckdb", DUCKDB_JOIN),
    ("windows", "Polars rolling, group_by", "polars", POLARS_WINDOWS),
    ("windows", "Polars rolling_*_by over", "polars", POLARS_BY),
]


def sort_facts(work):
    """The facts' files once more, by entity and time."""
    import duckdb
    start = time.time()
    (work / "sorted").mkdir(exist_ok=True)
    for name in ("s0", "s1", "s2", "payments"):
        duckdb.execute(
            f"""copy (select * from '{work}/{name}.parquet' order by "user", "time")
                to '{work}/sorted/{name}.parquet' (format parquet)""")
    shutil.copy(work / "spine.parquet", work / "sorted")
    return time.time() - start


def run_peer(work, case, name, module, body, timeout):
    out = work / f"{name.replace(' ', '-').replace('*', '').replace(',', '')}.parquet"
    script = work / "peer.py"
    script.write_text(
        "import sys, time, resource\nwork, out = sys.argv[1:3]\n"
        f"import {module}\n"
        "begin = resource.getrusage(resource.RUSAGE_SELF)\n"
        f"start = time.perf_counter()\n{body}\n"
        "use = resource.getrusage(resource.RUSAGE_SELF)\n"
        "cpu = use.ru_utime + use.ru_stime - begin.ru_utime - begin.ru_stime\n"
        "seconds = time.perf_counter() - start\n"
        "peak = [l for l in open('/proc/self/status') if l.startswith('VmHWM')][0].split()[1]\n"
        "print(seconds, cpu, int(peak) / 1e6)\n")
    try:
        done = subprocess.run(
            [sys.executable, str(script), str(work), str(out)], capture_output=True, text=True,
            timeout=timeout)
    except subprocess.TimeoutExpired:
        return None, None, None, out
    if done.returncode:
        print(done.stderr[-800:])
        return None, None, None, out
    seconds, cpu, peak = map(float, done.stdout.split()[-3:])
    return seconds, cpu, peak, out


def compare(ours, theirs, case):
    left, right = pq.read_table(ours), pq.read_table(theirs)
    cells = wrong = 0
    for name in left.column_names:
        short = name.split(".")[-1]
        if short not in right.column_names or short in ("user", "time"):
            continue
        a = left[name].to_numpy(zero_copy_only=False).astype(float)
        b = right[short].to_numpy(zero_copy_only=False).astype(float)
        nan = np.isnan(a) & np.isnan(b)
        if short.startswith("sum"):
            # A sum of nothing is null for Varve and SQL. Polars says 0, or what rounding left of a
            # sum that it adds to and takes from: 7.1e-15, say.
            nan |= np.isnan(a) & (np.abs(b) <= 1e-9)
        close = np.abs(a - b) <= 1e-9 * np.maximum(1, np.abs(b))
        equal = close if short.startswith(("sum", "mean")) else a == b
        cells += len(a)
        wrong += int((~(equal | nan)).sum())
    return cells, wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--facts", type=int, default=10_000_000)
    parser.add_argument("--keys", type=int, default=100_000)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--work", default="/tmp/varve-training-bench")
    parser.add_argument("--varve", default=".build/release/varve")
    parser.add_argument("--timeout", type=float, default=600)
    parser.add_argument("--runs", type=int, default=3, help="of each, of which the best counts")
    parser.add_argument("--keep", action="store_true", help="use the data of the last run")
    options = parser.parse_args()
    work = pathlib.Path(options.work)
    directory = work / "data"
    varve = Varve(options.varve, directory, work)
    if not options.keep:
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir(parents=True)
        generate(work, options.facts, options.keys, options.rows)
        varve.start()
        varve.load()
        varve.settle()
        varve.stop()
        print(f"  sorted by entity: Varve {varve.optimize():.1f} s, "
              f"the peers' files {sort_facts(work):.1f} s (DuckDB)", flush=True)
    results = {}
    for case in ("latest", "windows"):
        for mode in ("as-corrected", "as-known"):
            out = work / f"varve-{case}-{mode}.parquet"
            runs = [varve.build(case, mode, out) for _ in range(options.runs)]
            best, cpu, peak = (f(v) for f, v in zip((min, min, max), zip(*runs)))
            results[case, mode] = (best, cpu, peak)
            print(f"{case:8} Varve {mode:28} {best:8.2f} s {cpu:8.2f} s of CPU  {peak:5.2f} GB",
                  flush=True)
    peers = {}
    for folder in (work, work / "sorted"):
        for case, name, module, body in PEERS:
            runs = [run_peer(folder, case, name, module, body, options.timeout)
                    for _ in range(options.runs)]
            out = runs[0][3]
            name += ", sorted" if folder != work else ""
            if any(run[0] is None for run in runs):
                print(f"{case:8} {name:34} failed or over {options.timeout:.0f} s", flush=True)
                continue
            seconds, cpu, peak = (min(values) for values in list(zip(*runs))[:3])
            cells, wrong = compare(work / f"varve-{case}-as-corrected.parquet", out, case)
            ours = results[case, "as-corrected"]
            ratio, cpu_ratio = seconds / ours[0], cpu / ours[1]
            peers.setdefault((case, folder != work), []).append((ratio, cpu_ratio))
            print(f"{case:8} {name:34} {seconds:8.2f} s {cpu:8.2f} s of CPU  {peak:5.2f} GB  "
                  f"{ratio:5.1f}x, {cpu_ratio:5.1f}x of CPU; "
                  f"{cells:,} cells, {wrong:,} differ", flush=True)
    for (case, is_sorted), ratios in peers.items():
        known, corrected = (results[case, m] for m in ("as-known", "as-corrected"))
        print(f"{case}: {min(r for r, _ in ratios):.1f}x the fastest peer"
              f"{' on sorted files' if is_sorted else ''}, "
              f"{min(c for _, c in ratios):.1f}x in CPU; as-known costs "
              f"{known[0] / corrected[0]:.2f}x, {known[1] / corrected[1]:.2f}x in CPU")


if __name__ == "__main__":
    main()
