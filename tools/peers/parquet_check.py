#!/usr/bin/env python3
"""Checks Varve's Parquet files against pyarrow, DuckDB, Polars and pandas, and writes the golden
files that Varve must read.

usage: parquet_check.py [FOLDER]     each *.parquet in FOLDER (default: fixtures/golden/parquet)
                                     that Varve wrote, against the *.json beside it
       parquet_check.py --write      writes the golden files of the other programs

Files of random tables, also as the offline store writes them, come from the tests:
    VARVE_PEER_FILES=/tmp/pq swift test --filter 'ParquetWriterTests|ParquetDifferencesTests'
    parquet_check.py /tmp/pq
"""

import datetime
import decimal
import json
import math
import pathlib
import struct
import sys

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

GOLDEN = pathlib.Path(__file__).resolve().parents[2] / "fixtures/golden/parquet"
EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)


def same(left, right):
    if isinstance(left, float) and isinstance(right, float):
        return struct.pack("<d", left) == struct.pack("<d", right)
    return left == right and isinstance(left, bool) == isinstance(right, bool)


def micros(array):
    return array.cast(pa.timestamp("us", "UTC")).cast(pa.int64())


def cells(column):
    """A pyarrow column as the dump has it."""
    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks()
    if pa.types.is_date(column.type):
        column = column.cast(pa.timestamp("us", "UTC"))
    if pa.types.is_timestamp(column.type):
        column = micros(column)
    return column.to_pylist()


def compare(name, table, dump):
    """The first difference between a pyarrow table and a dump; None without any."""
    if table.column_names != [c["name"] for c in dump["columns"]]:
        return f"{name}: columns {table.column_names}"
    for column in dump["columns"]:
        for row, (found, expected) in enumerate(zip(cells(table[column["name"]]), column["cells"])):
            if column["type"] == "float64" and expected is not None:
                expected = float(expected)
            if not same(found, expected):
                return f"{name}: {column['name']}[{row}] is {found!r}, expected {expected!r}"
        if len(table[column["name"]]) != len(column["cells"]):
            return f"{name}: {len(table[column['name']])} rows"
    return None


def check(path):
    dump = json.loads(path.with_suffix(".json").read_text())
    connection = duckdb.connect()
    connection.execute("set TimeZone = 'UTC'")
    quoted = str(path).replace("'", "''")
    readers = {
        "pyarrow": lambda: pq.read_table(path),
        "duckdb": lambda: connection.sql(f"from read_parquet('{quoted}')").to_arrow_table(),
        "polars": lambda: pl.read_parquet(path).to_arrow(),
    }
    for name, read in readers.items():
        if difference := compare(name, read(), dump):
            return difference
    frame = pd.read_parquet(path)
    if list(frame.columns) != [c["name"] for c in dump["columns"]]:
        return "pandas: columns"
    return check_statistics(path, dump)


def check_statistics(path, dump):
    file = pq.ParquetFile(path)
    start = 0
    for index in range(file.metadata.num_row_groups):
        group = file.metadata.row_group(index)
        for number, column in enumerate(dump["columns"]):
            values = column["cells"][start : start + group.num_rows]
            present = [v for v in values if v is not None]
            statistics = group.column(number).statistics
            if statistics.null_count != len(values) - len(present):
                return f"{column['name']}: null_count {statistics.null_count}"
            if not statistics.has_min_max:
                continue
            if column["type"] == "timestamp":
                low, high = statistics.min_raw, statistics.max_raw
            else:
                low, high = statistics.min, statistics.max
            key = (lambda t: t.encode()) if column["type"] == "string" else (lambda v: v)
            if present and (key(low), key(high)) != (min(map(key, present)), max(map(key, present))):
                return f"{column['name']}: bounds {low!r} to {high!r}"
        start += group.num_rows
    return None


def sample(n=37):
    some = lambda values: [None if i % 5 == 2 else v for i, v in enumerate(values)]
    columns = {"bool": pa.array(some([i % 3 == 0 for i in range(n)]))}
    for width in (8, 16, 32, 64):
        low = -(2 ** (width - 1))
        columns[f"int{width}"] = pa.array(some([low + i for i in range(n)]), f"int{width}")
        top = 2 ** min(width, 63) - 1
        columns[f"uint{width}"] = pa.array(some([top - i for i in range(n)]), f"uint{width}")
    columns["float32"] = pa.array(some([i / 8 for i in range(n)]), pa.float32())
    columns["float64"] = pa.array(some([i / 10 for i in range(n)]), pa.float64())
    columns["repeats"] = pa.array([i // 20 for i in range(n)], pa.int64())
    columns["text"] = pa.array(some(["x" * (i % 4) + "\u20ac" * (i % 3) for i in range(n)]))
    columns["full"] = pa.array([f"key-{i}" for i in range(n)])
    columns["day"] = pa.array(some([15_000 + 400 * i for i in range(n)]), pa.date32())
    for unit, scale in (("ms", 1000), ("us", 10**6), ("ns", 10**9)):
        moments = [(1_357_016_400 + 3600 * i) * scale for i in range(n)]
        columns[f"time_{unit}"] = pa.array(some(moments), pa.timestamp(unit, "UTC"))
    return pa.table(columns)


def dump(name, table):
    kinds = {"b": "bool", "i": "int64", "u": "int64", "f": "float64", "r": "int64", "t": "string"}
    columns = []
    for column in table.column_names:
        kind = "timestamp" if column.startswith(("time", "day")) else kinds[column[0]]
        kind = "string" if column == "full" else kind
        columns.append({"name": column, "type": kind, "cells": cells(table[column])})
    text = json.dumps({"columns": columns, "metadata": []})
    (GOLDEN / f"{name}.json").write_text(text + "\n")


def write_golden():
    table = sample()
    path = lambda name: GOLDEN / f"{name}.parquet"
    plain = {"use_dictionary": False}
    for name, options in (
        ("pyarrow", {"row_group_size": 15}),
        ("pyarrow-v2", {"data_page_version": "2.0", "row_group_size": 15}),
        ("pyarrow-plain", {**plain, "compression": "none", "data_page_size": 64}),
    ):
        pq.write_table(table, path(name), **options)
        dump(name, table)
    names = table.column_names
    delta = {
        c: "DELTA_BYTE_ARRAY" if c == "text" else
        "DELTA_LENGTH_BYTE_ARRAY" if c == "full" else "DELTA_BINARY_PACKED"
        for c in names if not c.startswith(("bool", "float"))
    }
    pq.write_table(table, path("pyarrow-delta"), column_encoding=delta, **plain)
    dump("pyarrow-delta", table)
    split = {
        c: "BYTE_STREAM_SPLIT" for c in names if c[:4] in ("floa", "int6", "int3", "time")
    }
    pq.write_table(table, path("pyarrow-split"), column_encoding=split, **plain)
    dump("pyarrow-split", table)
    # pandas has no integers with nulls and turns dates into objects.
    frame = table.select(["full", "repeats", "float64", "text", "time_us", "time_ns"]).to_pandas()
    frame.to_parquet(path("pandas"))
    dump("pandas", pq.read_table(path("pandas")))
    pl.from_arrow(table).write_parquet(path("polars"), compression="snappy")
    dump("polars", table)
    connection = duckdb.connect()
    connection.register("t", table)
    chosen = table.drop_columns(["time_ms", "time_ns"])
    connection.register("chosen", chosen)
    for name, version in (("duckdb", ""), ("duckdb-v2", ", parquet_version v2")):
        connection.execute(f"copy chosen to '{path(name)}' (format parquet{version})")
        dump(name, chosen)

    def refused(name, array, **options):
        pq.write_table(pa.table({"c": array}), path(f"refused-{name}"), **options)

    refused("zstd", pa.array([1]), compression="zstd")
    refused("gzip", pa.array([1]), compression="gzip")
    pl.DataFrame({"c": [1]}).write_parquet(path("refused-polars-default"))
    refused("naive", pa.array([1], pa.timestamp("us")))
    refused("decimal", pa.array([decimal.Decimal("1.25")]))
    refused("list", pa.array([[1]]))
    refused("struct", pa.array([{"a": 1}]))
    refused("uint64", pa.array([2**63], pa.uint64()))
    refused("nanoseconds", pa.array([1], pa.timestamp("ns", "UTC")))
    refused("bytes", pa.array([b"x"]))
    twice = pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["c", "c"])
    pq.write_table(twice, path("refused-twice"))
    nested = pa.table({"l": [[1], [2, 3]], "s": [{"a": 1}, {"a": 2}], "x": [1, 2]})
    pq.write_table(nested, path("nested"))


def main():
    if sys.argv[1:] == ["--write"]:
        return write_golden()
    folder = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else GOLDEN
    paths = [p for p in sorted(folder.glob("*.parquet")) if p.with_suffix(".json").exists()]
    peers = ("pyarrow", "pandas", "polars", "duckdb")
    paths = [p for p in paths if not p.name.startswith(peers)]
    failures = [f"{path}: {difference}" for path in paths if (difference := check(path))]
    versions = (
        f"pyarrow {pa.__version__}, DuckDB {duckdb.__version__}, "
        f"Polars {pl.__version__}, pandas {pd.__version__}"
    )
    print("\n".join(failures) or f"{len(paths)} files agree with {versions}")
    sys.exit(1 if failures or not paths else 0)


if __name__ == "__main__":
    main()
