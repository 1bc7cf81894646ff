#!/usr/bin/env python3
"""Computes the training set of fixtures/flights with pandas and with DuckDB, and checks Varve's.

    python3 -m venv /work/venv-data             # outside the repository
    /work/venv-data/bin/pip install pandas duckdb lz4
    /work/venv-data/bin/python tools/peers/flights_check.py VARVE.csv
    /work/venv-data/bin/python tools/peers/flights_check.py --write reference.csv

Nothing is taken from Varve or read from definitions.json: the features of its service
arrival_delay are spelled out here twice, once in Python and once in SQL, from DESIGN.md section 5:

- a row at T sees the facts with event time < T (and known time < T, which is the same here);
- a window W is [T - W, T); of facts at one time, the later in its stream's file is the newer;
- aggregations skip nulls; `count` of nothing is 0, anything else of nothing null; `latest` is the
  newest fact's value, null included;
- a mean is the correctly rounded sum (math.fsum) over the count;
- a value from a fact older than its view's max_age at T is expired: an empty cell.

Both computations must agree in every bit, and so must the CSV: the spine's columns and rows in the
spine's order, then a column per feature, found by name. Null is an empty cell. Only `log_distance`
may be off by 1e-15 relative: the C library's log is not Varve's. Exit code 0 when all agree.
Last run with pandas 3.1.1, duckdb 2.0.1.
"""
import argparse
import csv
import datetime as dt
import json
import math
import pathlib
import sys
import tempfile

import duckdb
import lz4.frame
import pandas as pd

FLIGHTS = pathlib.Path(__file__).resolve().parents[2] / "fixtures" / "flights"
HOUR = 3_600_000_000  # microseconds
INTEGERS = {
    "airport_traffic.departures_1h", "carrier_delays.arrivals_24h", "route_delays.arrivals_7d",
    "sched_hour"}
WEATHER = ("temp", "wind_speed", "precip", "visib", "pressure")
FEATURES = (  # in the service's order
    "airport_traffic.departures_1h", "airport_traffic.mean_delay_1h",
    "airport_traffic.mean_delay_6h", "airport_traffic.late_share_6h",
    "airport_traffic.max_delay_3h",
    "carrier_delays.arrivals_24h", "carrier_delays.mean_arr_delay_24h",
    "carrier_delays.late_share_24h", "carrier_delays.last_arr_delay",
    "route_delays.arrivals_7d", "route_delays.mean_arr_delay_7d", "route_delays.late_share_7d",
    *(f"airport_weather.{name}" for name in WEATHER),
    "distance", "sched_hour", "log_distance")


def moment(text):
    """RFC 3339 in UTC as microseconds since 1970."""
    parsed = dt.datetime.fromisoformat(text)
    assert parsed.utcoffset() == dt.timedelta(0), f"{text}: not UTC"
    return (parsed - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)) // dt.timedelta(microseconds=1)


def read_spine(path):
    with open(path, newline="") as file:
        reader = csv.DictReader(file)
        rows = list(reader)
    return reader.fieldnames, rows


# ---------------------------------------------------------------- pandas


def mean(values):
    values = [value for value in values if value is not None]
    return math.fsum(values) / len(values) if values else None


def largest(values):
    return max((value for value in values if value is not None), default=None)


def windowed(spine, facts, keys, features):
    """One list per feature: (how, column, hours) over the facts with a row's keys."""
    groups = {}
    for key, group in facts.groupby(keys, sort=False):
        columns = {
            name: [None if pd.isna(value) else value for value in group[name]]
            for name in {column for _, column, _ in features.values()}}
        groups[key] = group["time"].to_numpy(), columns
    answers = {name: [] for name in features}
    for *key, cutoff in spine[[*keys, "time"]].itertuples(index=False):
        times, columns = groups.get(tuple(key), ([], None))
        end = 0 if columns is None else times.searchsorted(cutoff, "left")
        for name, (how, column, hours) in features.items():
            if columns is None:
                answers[name].append(how([]))
                continue
            start = times.searchsorted(cutoff - hours * HOUR, "left")
            answers[name].append(how(columns[column][start:end]))
    return answers


def newest(spine, facts, keys, column, max_age=None, skip_nulls=True):
    """The value of the newest fact before each row."""
    if skip_nulls:
        facts = facts[facts[column].notna()]
    facts = facts[[*keys, "time", column]].assign(fact_time=facts["time"])
    rows = spine[[*keys, "time"]].assign(place=range(len(spine))).sort_values("time", kind="stable")
    joined = pd.merge_asof(
        rows, facts, on="time", by=keys, allow_exact_matches=False).sort_values("place")
    age = joined["time"] - joined["fact_time"]
    return [
        None if pd.isna(value) or (max_age is not None and old > max_age) else value
        for value, old in zip(joined[column], age)]


def with_pandas(folder, rows, late_above, skip_nulls):
    streams = {}
    for name in ("departures", "arrivals", "weather"):
        # Not pandas' own reader: its floats are not the nearest ones.
        with open(folder / f"{name}.ndjson") as file:
            facts = pd.DataFrame([json.loads(line) for line in file])
        facts["time"] = [moment(text) for text in facts["time"]]
        assert facts["time"].is_monotonic_increasing, name
        streams[name] = facts
    departures, arrivals, weather = streams.values()
    departures["late"] = (departures["dep_delay"] > 15).astype(float)
    arrivals["over"] = (arrivals["arr_delay"] > late_above).astype(float)

    spine = pd.DataFrame(rows)
    spine["time"] = [moment(text) for text in spine["time"]]
    set_ = windowed(spine, departures, ["origin"], {
        "airport_traffic.departures_1h": (len, "dep_delay", 1),
        "airport_traffic.mean_delay_1h": (mean, "dep_delay", 1),
        "airport_traffic.mean_delay_6h": (mean, "dep_delay", 6),
        "airport_traffic.late_share_6h": (mean, "late", 6),
        "airport_traffic.max_delay_3h": (largest, "dep_delay", 3)})
    set_ |= windowed(spine, arrivals, ["carrier"], {
        "carrier_delays.arrivals_24h": (len, "arr_delay", 24),
        "carrier_delays.mean_arr_delay_24h": (mean, "arr_delay", 24),
        "carrier_delays.late_share_24h": (mean, "over", 24)})
    set_["carrier_delays.last_arr_delay"] = newest(spine, arrivals, ["carrier"], "arr_delay")
    set_ |= windowed(spine, arrivals, ["origin", "dest"], {
        "route_delays.arrivals_7d": (len, "arr_delay", 168),
        "route_delays.mean_arr_delay_7d": (mean, "arr_delay", 168),
        "route_delays.late_share_7d": (mean, "late", 168)})
    for name in WEATHER:
        set_[f"airport_weather.{name}"] = newest(
            spine, weather, ["origin"], name, 6 * HOUR, skip_nulls)
    distances = [float(text) for text in spine["distance"]]
    set_["distance"] = distances
    set_["sched_hour"] = [int(text) for text in spine["sched_hour"]]
    set_["log_distance"] = [math.log(distance + 1) for distance in distances]
    return {name: set_[name] for name in FEATURES}


# ---------------------------------------------------------------- DuckDB

VIEW = """
create table {view} as
with both_ as (
    select {keys}, time, {columns}, null as row_ from {stream}
    union all by name
    select {keys}, time, row_ from spine)
select row_, {answers} from both_
window {windows}
qualify row_ is not null"""


def window_view(database, view, stream, keys, columns, answers, hours):
    """Facts and rows in one table: the frame of a row ends a microsecond before its time."""
    windows = ", ".join(
        f"w{h} as (partition by {keys} order by time range between interval {h} hours preceding"
        " and interval 1 microsecond preceding)" for h in hours)
    named = ", ".join(f'{expression} as "{view}.{name}"' for name, expression in answers.items())
    database.execute(VIEW.format(
        view=view, stream=stream, keys=keys, columns=columns, answers=named, windows=windows))


def newest_view(database, view, stream, key, column, name, max_age=None, skip_nulls=True):
    """Of facts at one time the last one stays, then one ASOF JOIN finds the newest before a row."""
    value = column if max_age is None else (
        f"case when spine.time - facts.time <= interval {max_age} hours then facts.{column} end")
    nulls = f"where {column} is not null" if skip_nulls else ""
    database.execute(f"""
        create table {view} as
        with facts as (
            select {key}, time, {column} from {stream} {nulls}
            qualify row_number() over (partition by {key}, time order by place desc) = 1)
        select row_, {value} as "{name}" from spine
        asof left join facts on spine.{key} = facts.{key} and facts.time < spine.time""")


def with_duckdb(folder, spine_path, late_above, skip_nulls):
    database = duckdb.connect()
    database.execute("set timezone = 'UTC'")
    types = {
        "departures": "origin: 'varchar', dep_delay: 'double'",
        "arrivals": "carrier: 'varchar', origin: 'varchar', dest: 'varchar', "
                    "arr_delay: 'double', late: 'double'",
        "weather": "origin: 'varchar', " + ", ".join(f"{name}: 'double'" for name in WEATHER)}
    for name, columns in types.items():
        path = folder / f"{name}.ndjson"
        database.execute(f"""
            create table {name} as select row_number() over () as place, * from
            read_json('{path}', format = 'newline_delimited',
                columns = {{time: 'timestamptz', {columns}}})""")
        unordered, = database.execute(f"""
            select count(*) from (select time < lag(time) over (order by place) as back
            from {name}) where back""").fetchone()
        assert unordered == 0, f"{name}: DuckDB did not keep the order of the lines"
    database.execute(f"""
        create table spine as select row_number() over () as row_, * from
        read_csv('{spine_path}', header = true, types = {{
            'time': 'timestamptz', 'distance': 'double', 'sched_hour': 'bigint'}})""")

    window_view(
        database, "airport_traffic", "departures", "origin", "dep_delay", {
            "departures_1h": "count(dep_delay) over w1",
            "mean_delay_1h": "sum(dep_delay) over w1 / count(dep_delay) over w1",
            "mean_delay_6h": "sum(dep_delay) over w6 / count(dep_delay) over w6",
            "late_share_6h": "(count(*) filter (dep_delay > 15) over w6)::double"
                             " / nullif(count(dep_delay) over w6, 0)",
            "max_delay_3h": "max(dep_delay) over w3"}, (1, 3, 6))
    window_view(
        database, "carrier_delays", "arrivals", "carrier", "arr_delay", {
            "arrivals_24h": "count(arr_delay) over w24",
            "mean_arr_delay_24h": "sum(arr_delay) over w24 / count(arr_delay) over w24",
            "late_share_24h": f"(count(*) filter (arr_delay > {late_above}) over w24)::double"
                              " / nullif(count(arr_delay) over w24, 0)"}, (24,))
    window_view(
        database, "route_delays", "arrivals", "origin, dest", "arr_delay, late", {
            "arrivals_7d": "count(arr_delay) over w168",
            "mean_arr_delay_7d": "sum(arr_delay) over w168 / count(arr_delay) over w168",
            "late_share_7d": "sum(late) over w168 / count(late) over w168"}, (168,))
    newest_view(database, "last_delay", "arrivals", "carrier", "arr_delay",
                "carrier_delays.last_arr_delay")
    for name in WEATHER:
        newest_view(database, f"weather_{name}", "weather", "origin", name,
                    f"airport_weather.{name}", 6, skip_nulls)
    views = " ".join(f"join {view} using (row_)" for view in (
        "airport_traffic", "carrier_delays", "last_delay", "route_delays",
        *(f"weather_{name}" for name in WEATHER)))
    names = ", ".join(f'"{name}"' for name in FEATURES)
    answer = database.execute(f"""
        select {names} from (select *, ln(distance + 1) as log_distance from spine {views})
        order by row_""").fetchall()
    return {name: list(column) for name, column in zip(FEATURES, zip(*answer))}


# ---------------------------------------------------------------- comparing


def same(name, found, expected):
    if found is None or expected is None:
        return found is expected
    if name == "log_distance":
        return abs(found - expected) <= 1e-15 * abs(expected)
    return found == expected


def cell(name, text):
    if text == "":
        return None
    return int(text) if name in INTEGERS else float(text)


def differences(found, expected, rows):
    """Lines about the cells that differ: how many per column, and the first ten."""
    counts, first = {}, []
    for place, row in enumerate(rows):
        for name in FEATURES:
            if not same(name, found[name][place], expected[name][place]):
                counts[name] = counts.get(name, 0) + 1
                first.append(
                    f"row {place + 1}, {row['flight']} at {row['time']}: {name} is "
                    f"{found[name][place]!r}, expected {expected[name][place]!r}")
    if not counts:
        return []
    totals = ", ".join(f"{name} {count}" for name, count in counts.items())
    return [f"{sum(counts.values())} cells differ: {totals}", *first[:10]]


def read_training_set(path, header, rows):
    """Varve's cells by feature; exits where the spine's columns are not the spine's."""
    with open(path, newline="") as file:
        reader = csv.reader(file)
        names = next(reader)
        lines = list(reader)
    if missing := [name for name in (*header, *FEATURES) if name not in names]:
        sys.exit(f"{path}: without columns {', '.join(missing)}")
    if len(lines) != len(rows):
        sys.exit(f"{path}: {len(lines)} rows, the spine has {len(rows)}")
    # A spine's column and the service's input of its name: the first is the spine's, and both
    # must hold the same.
    columns = {}
    for place, name in enumerate(names):
        column = [line[place] for line in lines]
        if name in FEATURES:
            column = [cell(name, text) for text in column]
        if columns.setdefault(name, column) != column:
            sys.exit(f"{path}: two columns {name} that differ")
    for place, row in enumerate(rows):
        for name in set(header) - set(FEATURES):
            found, expected = columns[name][place], row[name]
            if (moment(found) != moment(expected)) if name == "time" else found != expected:
                sys.exit(f"{path}: row {place + 1}: {name} is {found}, the spine has {expected}")
    if ignored := [name for name in names if name not in header and name not in FEATURES]:
        print(f"not checked: {', '.join(ignored)}")
    return {name: columns[name] for name in FEATURES}


def write(path, header, rows, answers):
    added = [name for name in FEATURES if name not in header]
    with open(path, "w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([*header, *added])
        for place, row in enumerate(rows):
            cells = (answers[name][place] for name in added)
            writer.writerow([
                *(row[name] for name in header),
                *("" if value is None else repr(value) for value in cells)])
    print(f"{path}: {len(rows)} rows, {len(FEATURES)} features")


def unpack(source, target):
    for path in source.glob("*.ndjson.lz4"):
        (target / path.stem).write_bytes(lz4.frame.decompress(path.read_bytes()))


def compute(source, spine_path, late_above=30, skip_nulls=True):
    """The spine's header and rows, and the features by name; exits when the two disagree."""
    header, rows = read_spine(spine_path)
    with tempfile.TemporaryDirectory() as folder:
        unpack(source, pathlib.Path(folder))
        answers = with_pandas(pathlib.Path(folder), rows, late_above, skip_nulls)
        again = with_duckdb(pathlib.Path(folder), spine_path, late_above, skip_nulls)
    if differing := differences(again, answers, rows):
        sys.exit("\n".join(["DuckDB (is) and pandas (expected) disagree", *differing]))
    return header, rows, answers


def main():
    parser = argparse.ArgumentParser(
        description="Checks a training set that Varve wrote for the service arrival_delay against "
        "pandas and DuckDB, cell by cell.",
        epilog="example: flights_check.py /tmp/training.csv --spine fixtures/flights/spine.csv")
    parser.add_argument("csv", nargs="?", type=pathlib.Path, help="what Varve wrote")
    parser.add_argument("--spine", type=pathlib.Path, default=FLIGHTS / "spine.csv")
    parser.add_argument("--streams", type=pathlib.Path, default=FLIGHTS,
                        help="the folder of NAME.ndjson.lz4")
    parser.add_argument("--write", type=pathlib.Path, metavar="OUT", help="write the reference")
    parser.add_argument("--late-above", type=int, default=30, metavar="MINUTES",
                        help="of carrier_delays.late_share_24h; -30 is definitions-wrong.json")
    parser.add_argument("--latest", choices=("skip", "null"), default="null",
                        help="what `latest` makes of a null: skips it, or answers it")
    arguments = parser.parse_args()
    header, rows, answers = compute(
        arguments.streams, arguments.spine, arguments.late_above, arguments.latest == "skip")
    cells = len(rows) * len(FEATURES)
    nulls = {name: column.count(None) for name, column in answers.items() if None in column}
    print(f"{len(rows)} rows, {cells} cells: pandas and DuckDB agree in every one")
    print("nulls: " + ", ".join(f"{name} {count}" for name, count in nulls.items()))
    if arguments.write:
        write(arguments.write, header, rows, answers)
    if arguments.csv:
        found = read_training_set(arguments.csv, header, rows)
        if differing := differences(found, answers, rows):
            sys.exit("\n".join([f"{arguments.csv} differs", *differing]))
        print(f"{arguments.csv}: all {cells} cells agree")


if __name__ == "__main__":
    main()
