"""Records as lines of JSON, spines as CSV: exactly what the node reads, or an `EncodeError`.

A value goes over as the type that its field is defined to have, where the stream is declared:
a pandas column of ints with a gap is a float column, but an int64 field gets ints. Nothing is
rounded, no zone is guessed, and NaN and infinities, which JSON has none of, are refused.
"""

from __future__ import annotations

import datetime as dt
import json
import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv

from ._frames import arrow_of
from ._time import rfc3339
from .errors import EncodeError

CHUNK_BYTES = 4 << 20
"""About how many bytes of records go in one request."""
ROWS = 16_384
"""Rows of a table that are encoded together."""

Fields = Mapping[str, str]
"""The types of a stream's fields, as its definition writes them; none when it is not declared."""


def ndjson(records: Any, fields: Fields | None = None) -> Iterator[tuple[list[bytes], int]]:
    """Chunks of lines, each with the index of its first record."""
    table = arrow_of(records)
    if table is not None:
        lines: Iterable[bytes] = table_lines(table, fields or {})
    elif isinstance(records, (str, bytes, Mapping)) or not isinstance(records, Iterable):
        raise EncodeError(
            f"records are a {type(records).__name__}, expected an iterable of dicts, or a table of"
            " pyarrow, pandas or Polars"
        )
    else:
        lines = dict_lines(records, fields or {})
    return _chunks(lines)


def _chunks(lines: Iterable[bytes]) -> Iterator[tuple[list[bytes], int]]:
    chunk: list[bytes] = []
    size = start = 0
    for line in lines:
        chunk.append(line)
        size += len(line) + 1
        if size >= CHUNK_BYTES:
            yield chunk, start
            start += len(chunk)
            chunk, size = [], 0
    if chunk:
        yield chunk, start


# MARK: Dicts


def dict_lines(records: Iterable[Mapping[str, Any]], fields: Fields) -> Iterator[bytes]:
    """One line for each record."""
    types = {name: kind.removesuffix("?") for name, kind in fields.items()}
    encoder = json.JSONEncoder(
        ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=_plain
    )
    for index, record in enumerate(records):
        if not isinstance(record, Mapping):
            raise EncodeError(
                f"record {index} is {record!r:.80}, expected a dict of fields and values"
            )
        try:
            values = {name: _value(value, types.get(name)) for name, value in record.items()}
            yield encoder.encode(values).encode()
        except (EncodeError, ValueError, TypeError) as error:
            raise EncodeError(f"record {index}: {_blame(record, types, encoder, error)}") from None


def _blame(
    record: Mapping[str, Any], types: Mapping[str, str], encoder: json.JSONEncoder, error: Exception
) -> str:
    """Which field cannot be encoded, and why."""
    for name, value in record.items():
        if not isinstance(name, str):
            return f"a field is named {name!r}, expected a text"
        try:
            encoder.encode(_value(value, types.get(name))).encode()
        except (EncodeError, TypeError) as found:
            return f"field {name}: {found}"
        except ValueError:
            problem = "a lone surrogate" if isinstance(value, str) else value
            return f"field {name} is {problem}, which JSON cannot say; null is None"
    return str(error)


def _value(value: Any, kind: str | None) -> Any:
    """A value as its field's type has it."""
    if value is None or type(value) in (str, bool, int):
        return float(value) if kind == "float64" and type(value) is int else value
    if type(value) is not float:
        value = _plain(value) if not isinstance(value, (str, int, float, list, dict)) else value
    if isinstance(value, float) and kind == "int64" and value.is_integer():
        return int(value)
    return value


def _plain(value: Any) -> Any:
    """What `json` does not know: moments, numpy's and pandas' scalars."""
    if isinstance(value, dt.datetime):
        # pandas.NaT is a datetime that equals nothing, not even itself.
        return None if value != value else rfc3339(value, "it")
    if isinstance(value, dt.date):
        raise EncodeError(f"it is the date {value}, expected a datetime with a zone")
    root = type(value).__module__.partition(".")[0]
    if root == "pandas" and type(value).__name__ == "NAType":
        return None
    if root == "numpy":
        if type(value).__name__ == "datetime64":
            raise EncodeError(
                f"it is {value}, a numpy time, which has no zone; expected a datetime"
            )
        if hasattr(value, "tolist"):
            return value.tolist()
    if root == "pyarrow" and hasattr(value, "as_py"):
        value = value.as_py()
        return _plain(value) if isinstance(value, dt.date) else value
    raise EncodeError(f"it is {value!r:.80} of type {type(value).__name__}, which JSON cannot say")


def plain(value: Any) -> Any:
    """A key or an input as JSON has it."""
    value = _value(value, None)
    if isinstance(value, float) and not math.isfinite(value):
        raise EncodeError(f"{value} is no number that JSON has; null is None")
    return value


# MARK: Tables


def table_lines(table: pa.Table, fields: Fields) -> Iterator[bytes]:
    """One line for each row; whole columns are encoded at once."""
    names = table.column_names
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise EncodeError(f"the table has two columns {twice}")
    columns = [_typed(table[name], name, fields.get(name, "").removesuffix("?")) for name in names]
    table = pa.table(columns, names=names) if columns else table
    if not columns:
        raise EncodeError("the table has no columns")
    prefixes = [
        ("{" if index == 0 else ",") + json.dumps(name, ensure_ascii=False) + ":"
        for index, name in enumerate(names)
    ]
    done = 0
    for batch in table.combine_chunks().to_batches(max_chunksize=ROWS):
        parts: list[Any] = []
        for prefix, name, column in zip(prefixes, names, batch.columns, strict=True):
            parts += [prefix, pc.fill_null(_json_texts(column, name, done), "null")]
        lines = pc.binary_join_element_wise(*parts, "}", "")
        for line in lines.to_pylist():
            yield line.encode()
        done += len(batch)


def _typed(column: pa.ChunkedArray, name: str, kind: str) -> pa.ChunkedArray:
    """A column in one of the types that `_json_texts` knows."""
    type_ = column.type
    if pa.types.is_dictionary(type_):
        column = column.cast(type_.value_type)
        type_ = column.type
    if pa.types.is_timestamp(type_):
        if type_.tz is None:
            raise EncodeError(
                f"column {name} holds times without a zone; expected times that have one:"
                f' in pandas df["{name}"].dt.tz_localize("UTC"), in Polars'
                f' pl.col("{name}").dt.replace_time_zone("UTC")'
            )
        return _cast(column, pa.timestamp("us", "UTC"), name, "microseconds, which a node keeps")
    if pa.types.is_integer(type_):
        column = _cast(column, pa.int64(), name, "int64")
        return column.cast(pa.float64()) if kind == "float64" else column
    if pa.types.is_floating(type_):
        column = column.cast(pa.float64())
        return _cast(column, pa.int64(), name, "int64") if kind == "int64" else column
    if pa.types.is_decimal(type_) and kind in ("int64", "float64"):
        return column.cast(pa.int64() if kind == "int64" else pa.float64())
    if _is_text(type_):
        return column.cast(pa.large_string())
    if pa.types.is_boolean(type_) or pa.types.is_null(type_):
        return column
    if pa.types.is_date(type_) or pa.types.is_time(type_):
        raise EncodeError(f"column {name} holds {type_}, expected times with date and zone")
    if kind == "" and (pa.types.is_list(type_) or pa.types.is_struct(type_)):
        return column
    raise EncodeError(
        f"column {name} is of type {type_}, expected bool, int64, float64, string or timestamp"
    )


def _cast(column: pa.ChunkedArray, type_: pa.DataType, name: str, goal: str) -> pa.ChunkedArray:
    try:
        return column.cast(type_)
    except pa.ArrowInvalid as error:
        raise EncodeError(
            f"column {name} of type {column.type} cannot be said exactly as {goal}: {error}"
        ) from None


def _is_text(type_: pa.DataType) -> bool:
    return bool(
        pa.types.is_string(type_)
        or pa.types.is_large_string(type_)
        or getattr(pa.types, "is_string_view", lambda _: False)(type_)
    )


def _json_texts(column: pa.Array, name: str, done: int) -> pa.Array:
    """A column's values as JSON; null stays null."""
    type_ = column.type
    if pa.types.is_null(type_):
        return pa.nulls(len(column), pa.string())
    if pa.types.is_boolean(type_) or pa.types.is_integer(type_):
        return column.cast(pa.string())
    if pa.types.is_timestamp(type_):
        return pc.strftime(column, format='"%Y-%m-%dT%H:%M:%SZ"')
    if pa.types.is_floating(type_):
        finite = pc.is_finite(column)
        if pc.any(pc.invert(finite)).as_py():
            row = pc.index(finite, False).as_py()
            raise EncodeError(
                f"record {done + row}: field {name} is {column[row].as_py()}, which JSON cannot"
                " say; null is None"
            )
        texts = column.cast(pa.string())
        # Shortest, but whole numbers come without the point that tells them from integers.
        whole = pc.invert(pc.match_substring_regex(texts, "[.e]"))
        return pc.if_else(whole, pc.binary_join_element_wise(texts, ".0", ""), texts)
    if _is_text(type_):
        encoded = column.dictionary_encode()
        quoted = [json.dumps(text, ensure_ascii=False) for text in encoded.dictionary.to_pylist()]
        return pa.array(quoted, pa.string()).take(encoded.indices)
    encoder = json.JSONEncoder(
        ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=_plain
    )
    try:
        texts = [None if v is None else encoder.encode(v) for v in column.to_pylist()]
    except ValueError as error:
        raise EncodeError(f"field {name}: {error}") from None
    return pa.array(texts, pa.string())


# MARK: Spines


def spine_csv(table: pa.Table) -> bytes:
    """A spine as the CSV that the node reads; null is an empty cell, an empty text is `""`."""
    names = table.column_names
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise EncodeError(f"the spine has two columns {twice}")
    columns = []
    for name in names:
        column = _typed(table[name], name, "spine")
        if pa.types.is_timestamp(column.type):
            column = pa.chunked_array(
                [pc.strftime(chunk, format="%Y-%m-%dT%H:%M:%SZ") for chunk in column.chunks],
                pa.string(),
            )
        elif pa.types.is_floating(column.type):
            finite = pc.is_finite(column)
            if pc.any(pc.invert(finite)).as_py():
                row = pc.index(finite, False).as_py()
                raise EncodeError(
                    f"row {row} of the spine has {name} {column[row].as_py()}, expected a finite"
                    " number, or null"
                )
        columns.append(column)
    sink = pa.BufferOutputStream()
    options = pacsv.WriteOptions(quoting_style="needed")
    pacsv.write_csv(pa.table(columns, names=names), sink, options)
    data: bytes = sink.getvalue().to_pybytes()
    return data


def restore(built: pa.Table, spine: pa.Table, time: str) -> pa.Table:
    """A training set with the spine's columns as they were given: a CSV knows fewer types."""
    for index, name in enumerate(built.column_names):
        if name == time or name not in spine.column_names:
            continue
        column = spine[name]
        if built.schema.field(index).type != column.type:
            built = built.set_column(index, pa.field(name, column.type), column)
    return built
