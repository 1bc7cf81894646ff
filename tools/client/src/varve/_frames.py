"""Tables of whatever library, as Arrow and back."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import pyarrow as pa

from .errors import EncodeError, MissingDependency

if TYPE_CHECKING:
    import pandas
    import polars

Frame: TypeAlias = "pa.Table | pa.RecordBatch | pandas.DataFrame | polars.DataFrame"
"""A table of pyarrow, pandas or Polars."""


def need(module: str, extra: str | None = None) -> Any:
    """An optional package, or an error that says how to get it."""
    try:
        return importlib.import_module(module)
    except ImportError:
        extra = extra or module
        raise MissingDependency(
            f"{module} is not installed, and this needs it: pip install 'varve[{extra}]'"
        ) from None


def arrow_of(data: Any) -> pa.Table | None:
    """A frame as an Arrow table; None when it is no frame.

    A pandas frame's NaN are nulls, as pandas means them; its index is left out.
    """
    if isinstance(data, pa.Table):
        return data
    if isinstance(data, pa.RecordBatch):
        return pa.Table.from_batches([data])
    root = type(data).__module__.partition(".")[0]
    try:
        if root == "pandas" and hasattr(data, "columns"):
            return pa.Table.from_pandas(data, preserve_index=False)
        if root == "polars":
            if hasattr(data, "collect"):
                data = data.collect()
            if hasattr(data, "to_arrow") and hasattr(data, "columns"):
                return data.to_arrow()
        if hasattr(data, "__arrow_c_stream__"):
            return pa.table(data)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError) as error:
        raise EncodeError(f"the frame cannot be made an Arrow table: {error}") from None
    return None


def read_table(path: Path) -> pa.Table:
    """A Parquet or Arrow file as a table."""
    try:
        if path.suffix in (".parquet", ".pq"):
            import pyarrow.parquet as pq

            return pq.read_table(path)
        with pa.memory_map(str(path)) as source:
            try:
                return pa.ipc.open_file(source).read_all()
            except pa.ArrowInvalid:
                source.seek(0)
                return pa.ipc.open_stream(source).read_all()
    except OSError as error:
        raise EncodeError(f"{path} cannot be read: {error}") from None
    except pa.ArrowInvalid as error:
        raise EncodeError(f"{path} is no {path.suffix[1:]} file: {error}") from None


class Tabular:
    """What can be had as a table of pyarrow, pandas or Polars."""

    def to_arrow(self) -> pa.Table:
        """As a pyarrow table."""
        raise NotImplementedError

    def to_pandas(self) -> pandas.DataFrame:
        """As a pandas frame; needs pandas."""
        need("pandas")
        frame: pandas.DataFrame = self.to_arrow().to_pandas()
        return frame

    def to_polars(self) -> polars.DataFrame:
        """As a Polars frame; needs Polars."""
        frame: polars.DataFrame = need("polars").from_arrow(self.to_arrow())
        return frame


def table_of_rows(rows: list[dict[str, Any]], schema: Mapping[str, pa.DataType]) -> pa.Table:
    """Rows as a table, with types also where there are none."""
    return pa.Table.from_pylist(rows, schema=pa.schema(list(schema.items())))
