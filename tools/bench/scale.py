#!/usr/bin/env python3
"""How training sets grow: as-of joins of millions of rows, time against facts, and a build whose
facts do not fit into its memory limit. Both sides read files and write a Parquet file; Varve is its
command from start to exit, on a data directory that no node has open. One run of each.

usage: scale.py [--case asof|growth|memory] ... [--sizes 1,3,10,30] [--rows 1000000] [--asof 5]
                [--work DIR] [--varve .build/release/varve] [--memory 300MiB]

  asof      the latest of 4 columns, 5 million facts and 5 million rows
  growth    the latest value, and count, sum, mean, max over 1 h, 24 h and 7 d, for 1 million rows,
            while the log grows from 1 to 30 million facts (a later size has what a smaller one has)
  memory    the windows at the largest size, with and without a memory limit: bytes and peak memory
Peers, of each the idiom that was fastest in training.py: DuckDB ASOF JOIN and RANGE windows, Polars
join_asof. Every cell is compared with DuckDB's, sums and means to 1e-9.

Needs: pip install duckdb polars pyarrow numpy
"""

import argparse
import hashlib
import pathlib
import shutil
import sys
import time

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from training import DAY, START, WINDOWS, Varve, compare, run_peer

KEYS = 100_000
# Facts are so dense however many there are: the history grows, not the rate.
FACTS_A_DAY = 500_000
PART = 500_000

ASOF_DUCKDB = """
import duckdb
duckdb.connect().execute(f'''copy (
  select s."user", s."time", f.* exclude ("user", "time", known)
  from read_parquet('{work}/spine.parquet', file_row_number = true) s
  asof left join '{work}/facts.parquet' f on f."user" = s."user" and f."time" < s."time"
  order by s.file_row_number
) to '{out}' (format parquet)''')
"""

ASOF_POLARS = """
import polars as pl
spine = pl.scan_parquet(f"{work}/spine.parquet").with_row_index("r").sort("time")
facts = pl.scan_parquet(f"{work}/facts.parquet").drop("known").sort("time")
spine.join_asof(facts, on="time", by="user", strategy="backward", allow_exact_matches=False,
                check_sortedness=False).sort("r").collect().write_parquet(out)
"""

WINDOWS_DUCKDB = """
import duckdb
def agg(w, span):
    frame = f"(partition by u order by t range between {span} preceding and 1 preceding)"
    return (f"count(x) over {frame} count_{w}, sum(x) over {frame} sum_{w}, "
            f"avg(x) over {frame} mean_{w}, max(x) over {frame} max_{w}")
names = ", ".join(f"{f}_{w}" for w in ("1h", "24h", "7d") for f in ("count", "sum", "mean", "max"))
duckdb.connect().execute(f'''copy (select r, u, {names} from (
  select r, u, {agg("1h", 3600000000)}, {agg("24h", 86400000000)}, {agg("7d", 604800000000)} from (
    select null::bigint r, "user" u, epoch_us("time") t, v0 x from '{work}/facts.parquet'
    union all select file_row_number, "user", epoch_us("time"), null
    from read_parquet('{work}/spine.parquet', file_row_number = true)))
  where r is not null order by r) to '{out}' (format parquet)''')
"""


def definitions(columns):
    fields = {"user": "int64", "time": "timestamp", "known": "timestamp"}
    fields |= {name: "float64" for name in columns}
    return {
        "streams": [{"name": "facts", "fields": fields, "event_time": "time", "known_at": "known",
                     "key": ["user"]}],
        "views": [
            {"name": "newest", "entity": {"user": "int64"}, "source": "facts", "features": [
                {"name": name, "latest": name, "window": "lifetime"} for name in columns]},
            {"name": "recent", "entity": {"user": "int64"}, "source": "facts", "features": [
                {"name": f"{f}_{w}", f: "*" if f == "count" else "v0", "window": w}
                for w in WINDOWS for f in ("count", "sum", "mean", "max")]}],
        "services": [{"name": "latest", "features": ["newest.*"]},
                     {"name": "windows", "features": ["recent.*"]}]}


class History:
    """Facts in a directory and in a file for the peers, more and more of them."""

    def __init__(self, work, binary, columns):
        self.work, self.columns, self.count = work, columns, 0
        self.random = np.random.default_rng(11)
        self.ids = self.random.integers(1, 2**53, KEYS)
        work.mkdir(parents=True, exist_ok=True)
        self.varve = Varve(binary, work / "data", work)
        # Beside a run of training.py.
        self.varve.kafka, self.varve.http, self.varve.resp = "29192", "28180", "26380"
        self.tables = []

    def part(self, count):
        """The next facts, in order of arrival; one in twenty is up to two days late."""
        random, base = self.random, self.count * DAY // FACTS_A_DAY
        arrival = np.sort(base + random.integers(0, count * DAY // FACTS_A_DAY, count))
        late = np.where(
            random.random(count) < 0.05,
            random.integers(0, 2 * DAY, count), random.integers(0, 60_000_000, count))
        stamp = pa.timestamp("us", "UTC")
        table = {
            "user": pa.array(self.ids[random.integers(0, KEYS, count)]),
            "time": pa.array(START + arrival - late, stamp),
            "known": pa.array(START + arrival, stamp)}
        for name in self.columns:
            table[name] = pa.array(np.round(random.normal(50, 20, count), 2))
        self.count += count
        return pa.table(table)

    def grow(self, count, rows):
        """Appends facts until there are so many, and writes the peers' files and the spine."""
        start, before = time.time(), self.count
        self.varve.start()
        if before == 0:
            self.varve.apply(definitions(self.columns))
        while self.count < count:
            table = self.part(min(PART, count - self.count))
            lines = self.work / "part.ndjson"
            pl.from_arrow(table).with_columns(
                pl.col("time", "known").dt.strftime("%Y-%m-%dT%H:%M:%S%.6fZ")).write_ndjson(lines)
            self.varve.run("append", "facts", str(lines))
            self.tables.append(table)
        self.varve.settle()
        self.varve.stop()
        optimized = self.varve.optimize()
        pq.write_table(pa.concat_tables(self.tables), self.work / "facts.parquet")
        end = self.count * DAY // FACTS_A_DAY
        pq.write_table(pa.table({
            "user": pa.array(self.ids[self.random.integers(0, KEYS, rows)]),
            "time": pa.array(START + self.random.integers(end // 10, end, rows),
                             pa.timestamp("us", "UTC"))}), self.work / "spine.parquet")
        print(f"  {self.count:,} facts, {rows:,} rows; "
              f"{(self.count - before) / (time.time() - start):,.0f} facts/s appended and stored; "
              f"sorted by entity in {optimized:.1f} s",
              flush=True)


def measure(history, case, service, peers, timeout):
    """One build and one run of each peer."""
    out = history.work / f"varve-{service}.parquet"
    known = history.varve.build(service, "as-known", out)
    ours = history.varve.build(service, "as-corrected", out)
    print(f"{case:22} Varve                {ours[0]:8.2f} s {ours[1]:8.2f} s of CPU {ours[2]:6.2f} GB"
          f"   (as-known {known[0]:.2f} s, {known[1]:.2f} s of CPU)", flush=True)
    for name, module, body in peers:
        seconds, cpu, peak, theirs = run_peer(history.work, service, name, module, body, timeout)
        if seconds is None:
            print(f"{case:22} {name:20} failed or over {timeout:.0f} s", flush=True)
            continue
        cells, wrong = compare(out, theirs, service)
        print(f"{case:22} {name:20} {seconds:8.2f} s {cpu:8.2f} s of CPU {peak:6.2f} GB"
              f"   {seconds / ours[0]:.1f}x, {cpu / ours[1]:.1f}x of CPU; "
              f"{cells:,} cells, {wrong:,} differ", flush=True)


ASOF = [("DuckDB ASOF JOIN", "duckdb", ASOF_DUCKDB), ("Polars join_asof", "polars", ASOF_POLARS)]
RANGE = [("DuckDB RANGE windows", "duckdb", WINDOWS_DUCKDB)]


def digest(path):
    return hashlib.file_digest(path.open("rb"), "sha256").hexdigest()


def memory(history, limit):
    """The same set with and without a limit."""
    paths = [history.work / name for name in ("free.parquet", "limited.parquet")]
    free = history.varve.build("windows", "as-known", paths[0])
    limited = history.varve.build("windows", "as-known", paths[1], "--memory", limit)
    if digest(paths[0]) != digest(paths[1]):
        sys.exit("the set that was built within a memory limit has other bytes")
    print(f"memory: {history.count:,} facts without limit {free[0]:.2f} s, peak {free[2]:.2f} GB; "
          f"--memory {limit}: {limited[0]:.2f} s, peak {limited[2]:.2f} GB; "
          f"{paths[0].stat().st_size:,} bytes, the same (sha256 {digest(paths[0])[:16]})")


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--case", action="append", choices=("asof", "growth", "memory"))
    parser.add_argument("--sizes", default="1,3,10,30", help="of growth, millions of facts")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--asof", type=float, default=5, help="millions of facts and of rows")
    parser.add_argument("--memory", default="300MiB")
    parser.add_argument("--work", default="/tmp/varve-scale-bench")
    parser.add_argument("--varve", default=".build/release/varve")
    parser.add_argument("--timeout", type=float, default=300, help="of a peer, seconds")
    options = parser.parse_args()
    cases = options.case or ["asof", "growth", "memory"]
    work = pathlib.Path(options.work)
    shutil.rmtree(work, ignore_errors=True)
    history = None
    try:
        if "asof" in cases:
            history = History(work / "asof", options.varve, ["v0", "v1", "v2", "v3"])
            count = int(options.asof * 1e6)
            history.grow(count, count)
            measure(history, f"asof {count:,}", "latest", ASOF, options.timeout)
            shutil.rmtree(work / "asof")
        if "growth" in cases or "memory" in cases:
            history = History(work / "growth", options.varve, ["v0"])
            sizes = [int(float(size) * 1e6) for size in options.sizes.split(",")]
            for size in sizes if "growth" in cases else sizes[-1:]:
                history.grow(size, options.rows)
                if "growth" in cases:
                    measure(history, f"latest  {size:,}", "latest", ASOF, options.timeout)
                    measure(history, f"windows {size:,}", "windows", RANGE, options.timeout)
            if "memory" in cases:
                memory(history, options.memory)
    finally:
        if history and history.varve.process and history.varve.process.poll() is None:
            history.varve.stop()
        shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    main()
