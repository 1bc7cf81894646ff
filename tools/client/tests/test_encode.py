"""Encoders against what JSON, CSV and the node itself read back."""

from __future__ import annotations

import datetime as dt
import io
import json
import math
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.csv as pacsv
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import varve
from varve import _encode as encode
from varve._time import duration_text, parse_moment, rfc3339

# Polars panics over a column whose name has a NUL.
NAMES = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=8)
TEXTS = st.text(st.characters(codec="utf-8"), max_size=12)
INTS = st.integers(-(2**63), 2**63 - 1)
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
ZONES = st.sampled_from(["UTC", "America/New_York", "Asia/Kolkata"])
MOMENTS = st.datetimes(
    min_value=dt.datetime(1, 1, 3),
    max_value=dt.datetime(9999, 12, 29),
    timezones=st.timezones(),
).filter(lambda moment: moment.utcoffset().microseconds == 0)  # type: ignore[union-attr]


def lines_of(records: Any, fields: dict[str, str] | None = None) -> list[Any]:
    return [json.loads(line) for lines, _ in encode.ndjson(records, fields) for line in lines]


def same(left: Any, right: Any) -> bool:
    """Equal, with the sign of zero and the difference between 1 and 1.0."""
    if isinstance(left, float) and isinstance(right, float):
        return math.copysign(1, left) == math.copysign(1, right) and left == right
    return type(left) is type(right) and left == right


# MARK: Time


@given(MOMENTS)
def test_a_moment_survives_its_text(moment: dt.datetime) -> None:
    assert parse_moment(rfc3339(moment)) == moment.astimezone(dt.UTC)
    assert rfc3339(moment).endswith("Z")


@given(st.timedeltas(min_value=dt.timedelta(0)))
def test_a_duration_is_a_whole_number_of_a_unit(duration: dt.timedelta) -> None:
    text = duration_text(duration)
    number = int(text.rstrip("wdhmsu"))
    unit = text[len(str(number)) :]
    sizes = {"w": 604800, "d": 86400, "h": 3600, "m": 60, "s": 1, "ms": 1e-3, "us": 1e-6}
    assert number * dt.timedelta(microseconds=round(sizes[unit] * 1e6)) == duration


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(varve.EncodeError, match="has no zone"):
        rfc3339(dt.datetime(2013, 1, 1))
    with pytest.raises(varve.EncodeError, match=r"record 0: field t: it is .* has no zone"):
        lines_of([{"t": dt.datetime(2013, 1, 1)}])
    with pytest.raises(varve.EncodeError, match="column t holds times without a zone"):
        lines_of(pd.DataFrame({"t": [pd.Timestamp("2013-01-01")]}))
    with pytest.raises(varve.EncodeError, match="column t holds times without a zone"):
        lines_of(pl.DataFrame({"t": [dt.datetime(2013, 1, 1)]}))


def test_nanoseconds_are_not_rounded() -> None:
    moment = pd.Timestamp("2013-01-01T00:00:00.000000001Z")
    with pytest.raises(varve.EncodeError, match="finer than the microseconds"):
        lines_of([{"t": moment}])
    with pytest.raises(varve.EncodeError, match=r"column t .* exactly as microseconds"):
        lines_of(pd.DataFrame({"t": pd.Series([moment], dtype="datetime64[ns, UTC]")}))


# MARK: Dicts

VALUES = st.none() | st.booleans() | INTS | FLOATS | TEXTS


@given(st.lists(st.dictionaries(NAMES, VALUES, max_size=5), max_size=5))
def test_dicts_come_back_as_they_were(records: list[dict[str, Any]]) -> None:
    back = lines_of(records)
    assert len(back) == len(records)
    for left, right in zip(back, records, strict=True):
        assert list(left) == list(right)
        assert all(same(left[name], right[name]) for name in right)


@given(INTS, FLOATS, st.booleans(), MOMENTS)
def test_scalars_of_numpy_and_pandas_are_their_values(
    whole: int, number: float, flag: bool, moment: dt.datetime
) -> None:
    record = {
        "i": np.int64(whole), "f": np.float64(number), "b": np.bool_(flag), "na": pd.NA,
        "nat": pd.NaT, "t": moment,
    }  # fmt: skip
    (back,) = lines_of([record])
    assert back["i"] == whole
    assert same(back["f"], number)
    assert back["b"] is flag
    assert back["na"] is None
    assert back["nat"] is None
    # Python calls times in a repeated hour unequal to those of other zones.
    assert parse_moment(back["t"]) == moment.astimezone(dt.UTC)


@given(st.integers(-(2**53), 2**53))
def test_a_value_goes_as_its_field_has_it(whole: int) -> None:
    fields = {"i": "int64?", "f": "float64"}
    (back,) = lines_of([{"i": float(whole), "f": whole}], fields)
    assert same(back["i"], whole)
    assert same(back["f"], float(whole))


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (math.nan, "field x is nan, which JSON cannot say"),
        (-math.inf, "field x is -inf, which JSON cannot say"),
        (dt.date(2013, 1, 1), "field x: it is the date 2013-01-01"),
        (object, "field x: it is <class 'object'> of type type"),
        (np.datetime64("2013-01-01"), "field x: it is 2013-01-01, a numpy time"),
        ({1, 2}, "field x: it is {1, 2} of type set"),
        ("\ud800", "field x is a lone surrogate"),
    ],
)
def test_what_json_cannot_say_is_refused_by_name(value: Any, message: str) -> None:
    with pytest.raises(varve.EncodeError) as caught:
        lines_of([{"a": 1}, {"a": 1, "x": value}])
    assert str(caught.value).startswith(f"record 1: {message}")


@pytest.mark.parametrize("records", ["abc", b"abc", {"a": 1}, 7, None])
def test_what_is_no_records_is_refused(records: Any) -> None:
    with pytest.raises(varve.EncodeError, match="expected an iterable of dicts"):
        encode.ndjson(records)
    with pytest.raises(varve.EncodeError, match="record 1 is 5, expected a dict"):
        lines_of([{}, 5])


def test_an_endless_iterable_is_sent_in_chunks() -> None:
    taken = 0

    def records() -> Any:
        nonlocal taken
        while True:
            taken += 1
            yield {"text": "x" * 1000}

    chunks = encode.ndjson(records())
    first, start = next(chunks)
    assert start == 0
    assert len(first) == taken
    assert encode.CHUNK_BYTES <= sum(map(len, first)) + len(first) < encode.CHUNK_BYTES + 2000
    _, start = next(chunks)
    assert start == len(first)


# MARK: Tables


@st.composite
def tables(draw: st.DrawFn) -> pa.Table:
    rows = draw(st.integers(0, 6))

    def column(values: st.SearchStrategy[Any]) -> list[Any]:
        return draw(st.lists(st.none() | values, min_size=rows, max_size=rows))

    zone = draw(ZONES)
    utc = st.datetimes(
        min_value=dt.datetime(1, 1, 3),
        max_value=dt.datetime(9999, 12, 29),
        timezones=st.just(dt.UTC),
    )
    return pa.table(
        {
            "i": pa.array(column(INTS), pa.int64()),
            "small": pa.array(column(st.integers(0, 255)), pa.uint8()),
            "f": pa.array(column(FLOATS), pa.float64()),
            "b": pa.array(column(st.booleans()), pa.bool_()),
            "s": pa.array(column(TEXTS), pa.string()),
            "cat": pa.array(column(st.sampled_from("abc")), pa.string()).dictionary_encode(),
            "t": pa.array(column(utc), pa.timestamp("us", "UTC")).cast(pa.timestamp("us", zone)),
            draw(
                NAMES.filter(lambda n: n not in ("i", "small", "f", "b", "s", "cat", "t"))
            ): pa.nulls(rows),
        }
    )


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(tables())
def test_a_table_is_encoded_as_its_dicts_are(table: pa.Table) -> None:
    back, plain = lines_of(table), lines_of(table.to_pylist())
    assert len(back) == len(plain)
    for left, right in zip(back, plain, strict=True):
        assert list(left) == list(right)
        left["t"], right["t"] = (x and parse_moment(x) for x in (left["t"], right["t"]))
        assert all(same(left[name], right[name]) for name in right), (left, right)


@settings(deadline=None)
@given(tables())
def test_polars_and_pandas_frames_are_encoded_as_arrow_is(table: pa.Table) -> None:
    expected = lines_of(table)
    polars = pl.from_arrow(table)
    assert lines_of(polars) == expected
    assert lines_of(polars.lazy()) == expected  # type: ignore[union-attr]
    table = table.drop_columns(["i"])  # ints with gaps are floats in pandas
    for row in expected:
        row.pop("i")
        if row["small"] is not None:
            row["small"] = float(row["small"])
    frame = table.to_pandas()
    fields = {"small": "float64"}
    assert lines_of(frame, fields) == expected


def test_a_pandas_column_with_gaps_goes_as_its_field_has_it() -> None:
    frame = pd.DataFrame({"n": [1, None, 3]})
    assert frame["n"].dtype == "float64"
    assert lines_of(frame, {"n": "int64?"}) == [{"n": 1}, {"n": None}, {"n": 3}]
    with pytest.raises(varve.EncodeError, match=r"column n .* exactly as int64"):
        lines_of(pd.DataFrame({"n": [1.5]}), {"n": "int64"})


def test_many_rows_are_encoded_in_batches() -> None:
    count = encode.ROWS * 2 + 5
    table = pa.table({"i": range(count), "s": [f"r{i % 7}" for i in range(count)]})
    lines = lines_of(table)
    assert [line["i"] for line in lines] == list(range(count))
    assert lines[-1]["s"] == f"r{(count - 1) % 7}"


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (pa.table({"x": [1.0, math.nan]}), "record 1: field x is nan"),
        (pa.table({"x": pa.array([2**63], pa.uint64())}), "column x of type uint64"),
        (pa.table({"x": pa.array([b"a"])}), "column x is of type binary"),
        (pa.table({"x": pa.array([dt.date(2013, 1, 1)])}), "column x holds date32"),
        (pa.table([[1], [2]], names=["x", "x"]), "the table has two columns x"),
        (pa.table({}), "the table has no columns"),
    ],
)
def test_what_a_table_cannot_say_is_refused_by_name(table: pa.Table, message: str) -> None:
    with pytest.raises(varve.EncodeError) as caught:
        lines_of(table)
    assert str(caught.value).startswith(message)


def test_lists_and_structs_go_to_streams_that_are_not_declared() -> None:
    rows = [{"x": [1, 2], "y": {"a": "ü"}}, {"x": None, "y": None}]
    assert lines_of(pa.Table.from_pylist(rows)) == rows


# MARK: Spines


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(tables())
def test_a_spine_survives_its_csv(table: pa.Table) -> None:
    table = table.select(["i", "small", "f", "b", "s", "cat", "t"])
    data = encode.spine_csv(table)
    types = {
        "i": pa.int64(), "small": pa.int64(), "f": pa.float64(), "b": pa.bool_(),
        "s": pa.string(), "cat": pa.string(), "t": pa.timestamp("us", "UTC"),
    }  # fmt: skip
    options = pacsv.ConvertOptions(
        column_types=types, null_values=[""], strings_can_be_null=True,
        quoted_strings_can_be_null=False, true_values=["true"], false_values=["false"],
    )  # fmt: skip
    parse = pacsv.ParseOptions(newlines_in_values=True)
    if not table.num_rows:
        assert data.count(b"\n") == 1
        return
    back = pacsv.read_csv(io.BytesIO(data), convert_options=options, parse_options=parse)
    expected = table.to_pylist()
    for left, right in zip(back.to_pylist(), expected, strict=True):
        for name in right:
            if name == "f" and right[name] == 0:
                continue  # a CSV's 0 has no sign to keep
            assert left[name] == right[name], name


def test_a_spine_that_is_not_finite_is_refused() -> None:
    with pytest.raises(varve.EncodeError, match="row 1 of the spine has late nan"):
        encode.spine_csv(pa.table({"late": [0.0, math.nan]}))


def test_columns_of_the_spine_come_back_as_they_were_given() -> None:
    spine = pa.table(
        {"time": ["2013-01-01T00:00:00Z"], "code": ["007"], "small": pa.array([1], pa.int8())}
    )
    built = pa.table(
        {"time": pa.array([0], pa.timestamp("us", "UTC")), "code": [7], "small": [1], "f": [2]}
    )
    back = encode.restore(built, spine, "time")
    assert back.schema.types == [pa.timestamp("us", "UTC"), pa.string(), pa.int8(), pa.int64()]
    assert back["code"].to_pylist() == ["007"]
