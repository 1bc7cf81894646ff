#!/usr/bin/env python3
"""A training set of the flights by Spark, from the offline store's files as they stand: the way
past one machine. Compares every cell with the set that Varve built.

usage: spark_training.py DIR SET.parquet [--cores 2]

DIR is a data directory with the flights (no node needs to run), SET.parquet what
    varve training-set create --service arrival_delay --spine fixtures/flights/spine.csv \\
        --out SET.parquet --dir DIR
wrote. Spark gets the spine's columns of the set and the tables, and computes the features with
windows over the union of both: RANGE frames for sums and counts, the last fact before a row for the
newest. Integers, sums of whole minutes and newest values must be equal; means are the same division
of the same sums.

Needs: Java 17, pip install pyspark
"""

import argparse
import pathlib
import sys

from pyspark.sql import SparkSession, functions as F
from pyspark.sql.window import Window

HOUR = 3_600_000_000
SPINE = ["flight", "time", "origin", "dest", "carrier", "distance", "sched_hour"]


def over(key, hours):
    """Facts of a key within [T - hours, T)."""
    return Window.partitionBy(*key).orderBy("t").rangeBetween(-hours * HOUR, -1)


def before(key):
    """Facts of a key before T, the newest last: at equal times a row stands before facts."""
    return Window.partitionBy(*key).orderBy("t", "is_fact", "_position").rowsBetween(
        Window.unboundedPreceding, -1)


def mean(column, window):
    return F.sum(column).over(window) / F.count(column).over(window)


def traffic(both):
    key = ["origin"]
    delay = F.col("dep_delay")
    late = F.when(delay > 15, 1.0).when(delay.isNotNull(), 0.0)
    return both.select(
        "row", "is_fact",
        F.sum("is_fact").over(over(key, 1)).alias("airport_traffic.departures_1h"),
        mean(delay, over(key, 1)).alias("airport_traffic.mean_delay_1h"),
        mean(delay, over(key, 6)).alias("airport_traffic.mean_delay_6h"),
        mean(late, over(key, 6)).alias("airport_traffic.late_share_6h"),
        F.max(delay).over(over(key, 3)).alias("airport_traffic.max_delay_3h"))


def carriers(both):
    key = ["carrier"]
    delay = F.col("arr_delay")
    late = F.when(delay > 30, 1.0).when(delay.isNotNull(), 0.0)
    return both.select(
        "row", "is_fact",
        F.sum("is_fact").over(over(key, 24)).alias("carrier_delays.arrivals_24h"),
        mean(delay, over(key, 24)).alias("carrier_delays.mean_arr_delay_24h"),
        mean(late, over(key, 24)).alias("carrier_delays.late_share_24h"),
        F.last(delay, ignorenulls=True).over(before(key)).alias("carrier_delays.last_arr_delay"))


def routes(both):
    key = ["origin", "dest"]
    return both.select(
        "row", "is_fact",
        F.sum("is_fact").over(over(key, 168)).alias("route_delays.arrivals_7d"),
        mean(F.col("arr_delay"), over(key, 168)).alias("route_delays.mean_arr_delay_7d"),
        mean(F.col("late"), over(key, 168)).alias("route_delays.late_share_7d"))


def weather(both):
    newest = F.last(
        F.when(F.col("is_fact") == 1,
               F.struct("t", "temp", "wind_speed", "precip", "visib", "pressure")),
        ignorenulls=True).over(before(["origin"]))
    with_newest = both.select("row", "is_fact", F.col("t").alias("at"), newest.alias("newest"))
    fresh = F.col("at") - F.col("newest.t") <= 6 * HOUR
    return with_newest.select(
        "row", "is_fact",
        *[F.when(fresh, F.col(f"newest.{name}")).alias(f"airport_weather.{name}")
          for name in ("temp", "wind_speed", "precip", "visib", "pressure")])


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("directory", type=pathlib.Path)
    parser.add_argument("set", type=pathlib.Path)
    parser.add_argument("--cores", type=int, default=2)
    options = parser.parse_args()
    store = max((options.directory / "projections/offline").iterdir(), key=lambda d: int(d.name))

    spark = (
        SparkSession.builder.master(f"local[{options.cores}]").appName("training set")
        .config("spark.ui.enabled", "false").config("spark.sql.shuffle.partitions", "8")
        .config("spark.sql.session.timeZone", "UTC").getOrCreate())
    spark.sparkContext.setLogLevel("ERROR")
    varve = spark.read.parquet(str(options.set)).withColumn(
        "row", F.monotonically_increasing_id()).cache()
    spine = varve.select("row", *SPINE)

    answers = spine.select("row", F.log(F.col("distance") + 1).alias("log_distance"))
    facts = 0
    for stream, compute in [
            ("departures", traffic), ("arrivals", carriers), ("arrivals", routes),
            ("weather", weather)]:
        table = spark.read.parquet(str(store / stream))
        facts += table.count()
        both = table.drop("day", "flight").withColumn("is_fact", F.lit(1)).unionByName(
            spine.drop("flight", "distance", "sched_hour").withColumn("is_fact", F.lit(0))
            .withColumn("_event_time", F.col("time")), allowMissingColumns=True)
        both = both.withColumn("t", F.unix_micros("_event_time"))
        found = compute(both).where("is_fact = 0").drop("is_fact")
        answers = answers.join(found, "row")

    names = [name for name in answers.columns if name != "row"]
    missing = [name for name in names if name not in varve.columns]
    if missing:
        sys.exit(f"{options.set}: no columns {', '.join(missing)}")
    pairs = answers.select("row", *[F.col(f"`{n}`").alias(f"s{i}") for i, n in enumerate(names)]) \
        .join(varve.select("row", *[F.col(f"`{n}`").alias(f"v{i}") for i, n in enumerate(names)]),
              "row")

    def differs(index):
        spark_cell, varve_cell = F.col(f"s{index}"), F.col(f"v{index}")
        if names[index] == "log_distance":
            return F.abs(spark_cell - varve_cell) > 1e-15 * F.abs(varve_cell)
        if ".arrivals_" in names[index] or ".departures_" in names[index]:
            # A sum of nothing is null, a count of nothing 0.
            spark_cell = F.coalesce(spark_cell, F.lit(0))
        return ~spark_cell.eqNullSafe(varve_cell)

    counts = pairs.agg(
        F.count("*").alias("rows"),
        *[F.sum(differs(i).cast("long")).alias(f"d{i}") for i in range(len(names))]).first()
    wrong = {name: counts[f"d{i}"] for i, name in enumerate(names) if counts[f"d{i}"]}
    cells = counts["rows"] * len(names)
    print(f"Spark {spark.version}: {counts['rows']:,} rows from {facts:,} facts in files, "
          f"{cells:,} cells, {sum(wrong.values()):,} differ")
    spark.stop()
    if wrong or not counts["rows"]:
        sys.exit("differ: " + ", ".join(f"{name} {count}" for name, count in wrong.items()))


if __name__ == "__main__":
    main()
