"""Training sets: the table, the manifest that says how it was made, and the leak meter."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from . import _render as render
from ._encode import restore
from ._frames import Tabular, need, table_of_rows
from .errors import NotReproduced

if TYPE_CHECKING:
    import numpy
    import numpy.typing


@dataclass(frozen=True, slots=True)
class Profile:
    """A column's distribution: the baseline that monitoring compares with.

    `counts` has one more than `edges`: below the first, between them, from the last on.
    """

    count: int
    nulls: int
    sum: float
    mean: float | None
    min: float | None
    max: float | None
    edges: tuple[float, ...] = field(repr=False)
    counts: tuple[int, ...] = field(repr=False)

    @staticmethod
    def from_json(json: Mapping[str, Any]) -> Profile:
        """Reads a manifest's profile."""
        return Profile(
            json["count"], json["nulls"], json["sum"], json["mean"], json["min"], json["max"],
            tuple(json["edges"]), tuple(json["counts"]),
        )  # fmt: skip

    def histogram(self, bins: int = render.BINS) -> list[float]:
        """Counts in bins of equal width from `min` to `max`."""
        if self.min is None or self.max is None:
            return [0.0] * bins
        return render.resample(self.min, self.max, self.edges, self.counts, bins)

    def _repr_svg_(self) -> str:
        return render.histogram(self.min, self.max, self.edges, self.counts)


@dataclass(frozen=True, slots=True)
class ManifestColumn:
    """What a manifest says about one column of the service.

    `leaks` counts cells that the mode `as-corrected` would have filled differently than
    `as-known`: late and corrected data. `latest_differs` counts those that a plain join on each
    key's newest values would have.
    """

    name: str
    type: str
    digest: str
    statuses: dict[str, int]
    leaks: int
    latest_differs: int
    profile: Profile | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class Manifest:
    """How a training set was made and what is in it, as the log keeps it; `json` is the record."""

    id: str
    service: str
    definitions: dict[str, Any] = field(repr=False)
    mode: str
    basis: int
    rows: int
    spine: dict[str, str]
    spine_digest: str
    time_column: str
    code_version: int
    asserted_streams: tuple[str, ...]
    columns: tuple[ManifestColumn, ...] = field(repr=False)
    json: dict[str, Any] = field(repr=False, compare=False)
    unreadable: Mapping[str, int] = field(default_factory=dict)
    """Records that their stream's definition cannot read: no cell rests on them."""
    split: Mapping[str, Any] | None = None
    """Cutoffs, gap, and how many rows are for what; None without a split."""

    @staticmethod
    def from_json(json: Mapping[str, Any]) -> Manifest:
        """Reads the record's value."""
        columns = tuple(
            ManifestColumn(
                c["name"], c["type"], c["digest"], dict(c["statuses"]), c["leaks"],
                c["latest_differs"], Profile.from_json(c["profile"]) if c["profile"] else None,
            )
            for c in json["columns"]
        )  # fmt: skip
        return Manifest(
            json["id"], json["service"], dict(json["definitions"]), json["mode"], json["basis"],
            json["rows"], dict(json["spine"]), json["spine_digest"], json["time_column"],
            json["code_version"], tuple(json["asserted_streams"]), columns, dict(json),
            dict(json.get("unreadable") or {}), json.get("split"),
        )  # fmt: skip

    def __getitem__(self, column: str) -> ManifestColumn:
        for item in self.columns:
            if item.name == column:
                return item
        raise KeyError(f"{self.id} has no column {column}; it has {', '.join(self._names())}")

    def _names(self) -> list[str]:
        return [column.name for column in self.columns]

    def leak_report(self) -> LeakReport:
        """The leak meter of the set."""
        return LeakReport(self)

    def _repr_html_(self) -> str:
        return _html(self)


@dataclass(frozen=True, slots=True)
class Leak:
    """One line of a leak report; shares are of all rows."""

    feature: str
    rows: int
    leaks: int
    leak_share: float
    latest_differs: int
    latest_share: float
    present: int
    missing: int


class LeakReport(Tabular):
    """How many cells other ways of joining would have filled differently, for each feature.

    `leaks` is the leak meter: cells that change when rows may see late and corrected data
    (`as-corrected` against `as-known`). `latest_differs` is what a plain join on the newest values
    of each key gets wrong. Iterate for `Leak`s, or take it as a frame.
    """

    def __init__(self, manifest: Manifest) -> None:
        self.id = manifest.id
        self.mode = manifest.mode
        self.rows = manifest.rows
        self.asserted_streams = manifest.asserted_streams
        share = 1 / manifest.rows if manifest.rows else 0.0
        self._lines = tuple(
            Leak(
                column.name, manifest.rows, column.leaks, column.leaks * share,
                column.latest_differs, column.latest_differs * share,
                column.statuses.get("present", 0),
                manifest.rows - column.statuses.get("present", 0),
            )
            for column in manifest.columns
        )  # fmt: skip

    def __iter__(self) -> Iterator[Leak]:
        return iter(self._lines)

    def __len__(self) -> int:
        return len(self._lines)

    @property
    def leaks(self) -> int:
        """Cells, over all features."""
        return sum(line.leaks for line in self._lines)

    def to_arrow(self) -> pa.Table:
        """As a pyarrow table, one row for each feature."""
        schema = {
            "feature": pa.string(), "rows": pa.int64(), "leaks": pa.int64(),
            "leak_share": pa.float64(), "latest_differs": pa.int64(),
            "latest_share": pa.float64(), "present": pa.int64(), "missing": pa.int64(),
        }  # fmt: skip
        rows = [{name: getattr(line, name) for name in schema} for line in self._lines]
        return table_of_rows(rows, schema)

    def _summary(self) -> str:
        cells = self.rows * len(self)
        text = f"{self.id}: {self.leaks:,} of {cells:,} cells would have leaked"
        if self.asserted_streams:
            text += f"; known times of {', '.join(self.asserted_streams)} are asserted"
        return text

    def __repr__(self) -> str:
        width = max((len(line.feature) for line in self._lines), default=7)
        lines = [f"{'feature'.ljust(width)}  {'leaks'.ljust(28)}  newest values"]
        for line in self._lines:
            leak = f"{render.text_bar(line.leak_share)} {render.percent(line.leak_share):>7}"
            latest = f"{render.text_bar(line.latest_share)} {render.percent(line.latest_share):>7}"
            lines.append(f"{line.feature.ljust(width)}  {leak}  {latest}")
        return "\n".join([self._summary(), *lines])

    def _repr_html_(self) -> str:
        rows = [
            [line.feature, line.leaks, render.bar(line.leak_share, warn=True),
             render.bar(line.latest_share), line.missing]
            for line in self._lines
        ]  # fmt: skip
        header = ["feature", "leaks", "late and corrected data", "join on newest values", "missing"]
        return render.table(header, rows, caption=self._summary())


def _html(manifest: Manifest) -> str:
    share = 1 / manifest.rows if manifest.rows else 0.0
    rows = []
    for column in manifest.columns:
        profile = column.profile
        missing = manifest.rows - column.statuses.get("present", 0)
        rows.append([
            column.name, column.type,
            render.bar(column.leaks * share, warn=True), render.bar(column.latest_differs * share),
            render.Markup(profile._repr_svg_() if profile else ""),
            render.number(profile.min if profile else None),
            render.number(profile.mean if profile else None),
            render.number(profile.max if profile else None),
            render.percent(missing * share),
        ])  # fmt: skip
    report = LeakReport(manifest)
    caption = (
        f"<b>{render.escape(manifest.id)}</b>: {manifest.rows:,} rows for"
        f" {render.escape(manifest.service)}, {render.escape(manifest.mode)}, basis"
        f" {manifest.basis:,}<br>{render.escape(report._summary().partition(': ')[2])}"
    )
    header = ["feature", "type", "leaks", "join on newest values", "distribution", "min", "mean",
              "max", "missing"]  # fmt: skip
    return render.table(header, rows, caption=render.Markup(caption))


class TrainingSet(Tabular):
    """A point-in-time training set: the spine's rows in the spine's order, and the features.

    Columns of the spine are as they were given, but for the time column, which holds UTC times.
    In a notebook it shows its leak meter and the distribution of each feature.
    """

    def __init__(
        self,
        table: pa.Table,
        digest: str,
        manifest: Manifest,
        spine: pa.Table | None,
        again: Callable[[str, pa.Table | None], TrainingSet],
    ) -> None:
        self._table = restore(table, spine, manifest.time_column) if spine is not None else table
        self._spine = spine
        self._again = again
        self.digest: str = digest
        """SHA-256 of the Arrow stream that the node sent."""
        self.manifest = manifest

    @property
    def id(self) -> str:
        """Names the set: the same request over the same data has the same id."""
        return self.manifest.id

    @property
    def features(self) -> list[str]:
        """The service's columns in the service's order: what a model takes."""
        return [column.name for column in self.manifest.columns]

    def to_arrow(self) -> pa.Table:
        """As a pyarrow table."""
        return self._table

    def to_numpy(self, dtype: numpy.typing.DTypeLike = "float32") -> numpy.ndarray[Any, Any]:
        """The features as a matrix in the service's order, as a model sees them when it serves.

        A missing value is NaN. Text and times have no number: they are an error here.
        """
        np = need("numpy", "pandas")
        columns = []
        for name in self.features:
            column = self._table[name]
            if not (
                pa.types.is_floating(column.type)
                or pa.types.is_integer(column.type)
                or pa.types.is_boolean(column.type)
            ):
                raise TypeError(f"feature {name} is a {column.type}, expected a number")
            if pa.types.is_boolean(column.type):
                column = column.cast(pa.int8())
            # By way of float64, as the node does it.
            columns.append(column.cast(pa.float64()).fill_null(float("nan")).to_numpy())
        matrix: numpy.ndarray[Any, Any] = np.column_stack(columns).astype(dtype)
        return matrix

    def leak_report(self) -> LeakReport:
        """How many cells other ways of joining would have filled differently."""
        return self.manifest.leak_report()

    def reproduce(self) -> TrainingSet:
        """Has the node build the set again from its manifest, and compares the bytes.

        Raises:
            NotReproduced: it is another one; the message says which column differs.
        """
        again = self._again(self.id, self._spine)
        if again.digest != self.digest:
            raise NotReproduced(
                f"{self.id} was built again with other bytes: SHA-256 {again.digest}, this one has"
                f" {self.digest}"
            )
        return again

    def __len__(self) -> int:
        return int(self._table.num_rows)

    def __repr__(self) -> str:
        manifest = self.manifest
        return (
            f"<training set {self.id}: {len(self):,} rows, {len(self.features)} features of"
            f" {manifest.service}, {manifest.mode}, {self.leak_report().leaks:,} leaks>"
        )

    def _repr_html_(self) -> str:
        return _html(self.manifest)
