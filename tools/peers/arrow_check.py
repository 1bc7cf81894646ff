#!/usr/bin/env python3
"""Checks Varve's Arrow files against pyarrow, in both directions.

    python3 -m venv /tmp/arrow && /tmp/arrow/bin/pip install pyarrow
    /tmp/arrow/bin/python tools/peers/arrow_check.py            # the golden files
    VARVE_PEER_FILES=/tmp/peer swift test --filter ArrowWriterTests
    /tmp/arrow/bin/python tools/peers/arrow_check.py /tmp/peer  # tables made by the tests
    /tmp/arrow/bin/python tools/peers/arrow_check.py --write    # rewrites pyarrow's golden files

Each NAME.arrow (file) and NAME.arrows (stream) is compared, cell by cell, with NAME.json.
Exit code 0 when all agree. Last run with pyarrow 26.0.1.
"""
import json
import pathlib
import struct
import sys

import pyarrow as pa

GOLDEN = pathlib.Path(__file__).resolve().parents[2] / "fixtures" / "golden" / "arrow"
TYPES = {
    "bool": pa.bool_(),
    "int64": pa.int64(),
    "float64": pa.float64(),
    "string": pa.string(),
    "timestamp": pa.timestamp("us", "UTC"),
}


def cells(column):
    """The cells as JSON says them: timestamps as microseconds."""
    if pa.types.is_timestamp(column.type):
        column = column.cast(pa.int64())
    return column.to_pylist()


def bits(value):
    return struct.pack("<d", value) if isinstance(value, float) else value


def check(path):
    """Compares one file; returns what differs."""
    if path.suffix == ".arrow":
        table = pa.ipc.open_file(path).read_all()
    else:
        table = pa.ipc.open_stream(path).read_all()
    table.validate(full=True)
    expected = json.loads(path.with_suffix(".json").read_text())
    metadata = [[k.decode(), v.decode()] for k, v in (table.schema.metadata or {}).items()]
    if sorted(metadata) != sorted(expected["metadata"]):
        return f"metadata {metadata}"
    names = [column["name"] for column in expected["columns"]]
    if table.column_names != names:
        return f"columns {table.column_names}, expected {names}"
    for column in expected["columns"]:
        found = table.column(column["name"])
        if found.type != TYPES[column["type"]]:
            return f"column {column['name']} is {found.type}, expected {column['type']}"
        if [bits(cell) for cell in cells(found)] != [bits(cell) for cell in column["cells"]]:
            return f"cells of {column['name']}: {cells(found)}, expected {column['cells']}"
    return None


def write_stream(name, table, **options):
    options = pa.ipc.IpcWriteOptions(**options)
    with pa.ipc.new_stream(GOLDEN / name, table.schema, options=options) as writer:
        writer.write_table(table)


def write_golden():
    """Files by pyarrow that Varve must read, or must refuse with a reason."""
    n = 20
    some = lambda values: [None if i % 5 == 3 else v for i, v in enumerate(values)]
    columns = {"bool": pa.array(some([i % 3 == 0 for i in range(n)]))}
    for width in (8, 16, 32, 64):
        low = -(2 ** (width - 1))
        columns[f"int{width}"] = pa.array(some([low + i for i in range(n)]), f"int{width}")
        top = 2 ** min(width, 63) - 1
        columns[f"uint{width}"] = pa.array(some([top - i for i in range(n)]), f"uint{width}")
    columns["float32"] = pa.array(some([i / 8 for i in range(n)]), pa.float32())
    columns["float64"] = pa.array(some([i / 10 for i in range(n)]), pa.float64())
    texts = ["x" * (i % 4) + "\u20ac" * (i % 3) for i in range(n)]
    columns["utf8"] = pa.array(some(texts), pa.utf8())
    columns["large_utf8"] = pa.array(some(texts), pa.large_utf8())
    for unit, scale in (("s", 1), ("ms", 1000), ("us", 10**6), ("ns", 10**9)):
        moments = [(1_357_016_400 + 3600 * i) * scale for i in range(n)]
        zone = "America/New_York" if unit == "s" else "UTC"
        columns[f"time_{unit}"] = pa.array(some(moments), pa.timestamp(unit, zone))
    table = pa.table(columns).replace_schema_metadata({"written by": "pyarrow"})
    for name, options in (
        ("pyarrow.arrow", {}),
        ("pyarrow-lz4.arrow", {"compression": "lz4"}),
    ):
        options = pa.ipc.IpcWriteOptions(**options)
        with pa.ipc.new_file(GOLDEN / name, table.schema, options=options) as writer:
            writer.write_table(table, max_chunksize=7)
    write_stream("pyarrow.arrows", table)

    kinds = {"b": "bool", "i": "int64", "u": "int64", "f": "float64", "l": "string"}
    dump = {"columns": [], "metadata": [["written by", "pyarrow"]]}
    for name in table.column_names:
        kind = "timestamp" if name.startswith("time") else kinds[name[0]]
        kind = "string" if name == "utf8" else kind
        column = table.column(name)
        if kind == "timestamp":
            column = column.cast(pa.timestamp("us", "UTC"))
        dump["columns"].append({"name": name, "type": kind, "cells": cells(column)})
    (GOLDEN / "pyarrow.json").write_text(json.dumps(dump) + "\n")

    one = lambda array: pa.table({"c": array})
    write_stream("refused-dictionary.arrows", one(pa.array(["a", "a"]).dictionary_encode()))
    write_stream("refused-zstd.arrows", one(pa.array([1])), compression="zstd")
    write_stream("refused-naive.arrows", one(pa.array([1], pa.timestamp("us"))))
    write_stream("refused-decimal.arrows", one(pa.array([1], pa.decimal128(5, 2))))
    write_stream("refused-list.arrows", one(pa.array([[1]])))
    write_stream("refused-uint64.arrows", one(pa.array([2**63], pa.uint64())))
    write_stream("refused-nanoseconds.arrows", one(pa.array([1], pa.timestamp("ns", "UTC"))))
    write_stream("refused-float16.arrows", one(pa.array([1.0], pa.float16())))
    twice = pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["c", "c"])
    write_stream("refused-twice.arrows", twice)


def main():
    if sys.argv[1:] == ["--write"]:
        return write_golden()
    folder = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else GOLDEN
    paths = [p for p in sorted(folder.glob("*.arrow*")) if p.with_suffix(".json").exists()]
    paths = [p for p in paths if not p.name.startswith("pyarrow")]
    failures = [f"{path}: {difference}" for path in paths if (difference := check(path))]
    print("\n".join(failures) or f"{len(paths)} files agree with pyarrow {pa.__version__}")
    sys.exit(1 if failures or not paths else 0)


if __name__ == "__main__":
    main()
