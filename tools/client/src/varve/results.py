"""What a node answers, typed."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import pyarrow as pa

from . import _render as render
from ._frames import Tabular, table_of_rows
from ._time import parse_moment

Scalar: TypeAlias = bool | int | float | str | dt.datetime | None
"""A value: times as datetimes in UTC where the node says that they are times, else as texts."""


class Position(str):
    """A place in the log, opaque: `<log id>@123`. "State at p" is the fold of all records below p.

    >>> Position("686046d14ec5@22437").log
    '686046d14ec5'
    """

    __slots__ = ()

    @property
    def log(self) -> str:
        """The log it belongs to."""
        return self.rpartition("@")[0]

    def __repr__(self) -> str:
        return f"Position({str(self)!r})"


@dataclass(frozen=True, slots=True)
class Appended:
    """What an append did: `position` is the one after the last record, for reading your writes."""

    count: int
    position: Position


# MARK: Definitions


@dataclass(frozen=True, slots=True)
class Change:
    """What a document does to one definition: `created`, `changed` or `unchanged`."""

    type: str
    name: str
    change: str
    version: int
    digest: str


@dataclass(frozen=True, slots=True)
class Replay:
    """A view that folds records: on `apply` when it is new, on `rebuild` when it is changed."""

    view: str
    when: str
    records: int


@dataclass(frozen=True, slots=True)
class Plan:
    """What applying definitions would change."""

    changes: tuple[Change, ...]
    replays: tuple[Replay, ...]

    @property
    def is_empty(self) -> bool:
        """Whether nothing would change."""
        return all(change.change == "unchanged" for change in self.changes)

    @staticmethod
    def from_json(json: Mapping[str, Any]) -> Plan:
        """Reads a node's answer."""
        return Plan(
            tuple(Change(**_only(Change, item)) for item in json["changes"]),
            tuple(Replay(**_only(Replay, item)) for item in json.get("replays", ())),
        )

    def _repr_html_(self) -> str:
        rows = [[c.type, c.name, c.change, f"v{c.version}"] for c in self.changes]
        return render.table(["", "name", "change", "version"], rows)


@dataclass(frozen=True, slots=True)
class Applied:
    """What applying definitions changed; `needs_rebuild` names views that serve the old version."""

    changes: tuple[Change, ...]
    position: Position | None
    needs_rebuild: tuple[str, ...]

    @staticmethod
    def from_json(json: Mapping[str, Any]) -> Applied:
        """Reads a node's answer."""
        return Applied(
            tuple(Change(**_only(Change, item)) for item in json["changes"]),
            position_of(json["position"]),
            tuple(json["needs_rebuild"]),
        )

    _repr_html_ = Plan._repr_html_


@dataclass(frozen=True, slots=True)
class DefinitionVersion:
    """A version of a definition; `definition` is its canonical form, every default written out."""

    type: str
    name: str
    version: int
    digest: str
    position: int
    definition: dict[str, Any]


# MARK: Online reads and predictions


@dataclass(frozen=True, slots=True)
class OnlineRow:
    """Features as of one position and one time: `row["name"]`, or `row.values` for all of them.

    `statuses` says why a value is null: `not_found`, `expired`, `null_value` and so on. `lag` is
    how many records of the log the answer does not know yet.
    """

    values: dict[str, Scalar]
    statuses: dict[str, str]
    time: dt.datetime
    position: Position
    lag: int

    @staticmethod
    def from_json(json: Mapping[str, Any]) -> OnlineRow:
        """Reads a node's answer."""
        types = json.get("types", {})
        return OnlineRow(
            {name: _scalar(value, types.get(name)) for name, value in json["features"].items()},
            dict(json["statuses"]),
            parse_moment(json["time"]),
            Position(json["position"]),
            json["lag"],
        )

    def __getitem__(self, name: str) -> Scalar:
        return self.values[name]

    def __contains__(self, name: object) -> bool:
        return name in self.values

    def _caption(self) -> str:
        return f"at {self.time.isoformat()}, position {self.position}, lag {self.lag}"

    def __repr__(self) -> str:
        rows = [[name, value, self.statuses[name]] for name, value in self.values.items()]
        return self._caption() + "\n" + render.text_table(["feature", "value", "status"], rows)

    def _repr_html_(self) -> str:
        rows = [[name, value, self.statuses[name]] for name, value in self.values.items()]
        return render.table(["feature", "value", "status"], rows, caption=self._caption())


@dataclass(frozen=True, slots=True)
class Prediction:
    """An answered prediction; its record is durable at `record_position`.

    `position` is what the features were read at, `definitions_match` whether they were served with
    the definitions that the model was registered for.
    """

    id: str
    score: float
    model: str
    version: int
    time: dt.datetime
    position: Position
    record_position: Position
    definitions_match: bool
    latency: dt.timedelta

    @staticmethod
    def from_json(json: Mapping[str, Any]) -> Prediction:
        """Reads a node's answer."""
        return Prediction(
            json["id"], json["score"], json["model"], json["version"], parse_moment(json["time"]),
            Position(json["position"]), Position(json["record_position"]),
            json["definitions_match"], dt.timedelta(microseconds=json["latency_us"]),
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class PredictionRecord:
    """A prediction as the log has it, with everything that it rests on."""

    id: str
    model: str
    version: int
    artifact: str
    service: str
    definitions: dict[str, Any]
    keys: dict[str, Scalar]
    inputs: dict[str, Scalar]
    time: dt.datetime
    position: int
    features: dict[str, Scalar]
    statuses: dict[str, str]
    score: float
    route: str
    numeric_mode: int
    latency: dt.timedelta

    @staticmethod
    def from_json(json: Mapping[str, Any]) -> PredictionRecord:
        """Reads a record's value."""
        plain = ("id", "model", "version", "artifact", "service", "definitions", "keys", "inputs",
                 "position", "score", "route", "numeric_mode")  # fmt: skip
        return PredictionRecord(
            **{name: json[name] for name in plain},
            time=parse_moment(json["time"]),
            features={f["name"]: _scalar(f["value"], f["type"]) for f in json["features"]},
            statuses={f["name"]: f["status"] for f in json["features"]},
            latency=dt.timedelta(microseconds=json["latency_us"]),
        )


@dataclass(frozen=True, slots=True)
class Audit:
    """A prediction computed again from the log, compared with what was served bit for bit.

    `proof` shows that the record is in the log under `head`; `varve log check-proof` checks it.
    """

    id: str
    is_identical: bool
    differences: tuple[str, ...]
    prediction: PredictionRecord = field(repr=False)
    head: str | None = field(repr=False)
    proof: dict[str, Any] | None = field(repr=False)

    @staticmethod
    def from_json(json: Mapping[str, Any]) -> Audit:
        """Reads a node's answer."""
        return Audit(
            json["id"], json["verdict"] == "identical", tuple(json["differences"]),
            PredictionRecord.from_json(json["prediction"]), json.get("head"), json.get("proof"),
        )  # fmt: skip

    def _repr_html_(self) -> str:
        verdict = "identical, bit for bit" if self.is_identical else "different"
        found = render.bullets(self.differences)
        features = self.prediction.features.items()
        rows = [[name, value, self.prediction.statuses[name]] for name, value in features]
        caption = f"audit of {self.id}: {verdict}"
        return render.table(["feature", "as served", "status"], rows, caption=caption) + found


@dataclass(frozen=True, slots=True)
class AuditSummary:
    """Every prediction of the log, audited.

    `skewed` are those whose row in a training set built today has other bits than what was served.
    """

    audited: int
    different: int
    findings: tuple[Audit, ...]
    skewed: int
    skewed_ids: tuple[str, ...]

    @staticmethod
    def from_json(json: Mapping[str, Any]) -> AuditSummary:
        """Reads a node's answer."""
        return AuditSummary(
            json["audited"], json["different"],
            tuple(Audit.from_json(item) for item in json["findings"]),
            json["skewed"], tuple(json["skewed_ids"]),
        )  # fmt: skip


class Explanation(Tabular):
    """The facts behind one value."""

    def __init__(self, feature: str, json: Mapping[str, Any]) -> None:
        self.feature = feature
        self.json = dict(json)
        """The node's whole answer."""
        self.value: Scalar = json.get("value")
        self.status: str | None = json.get("status")
        self.facts: list[dict[str, Any]] = list(json.get("facts", ()))

    def to_arrow(self) -> pa.Table:
        """The facts as a pyarrow table."""
        rows = [
            {
                name: value if isinstance(value, _PLAIN) else str(value)
                for name, value in fact.items()
            }
            for fact in self.facts
        ]
        return pa.Table.from_pylist(rows)

    def __repr__(self) -> str:
        return f"<{self.feature} = {self.value!r} ({self.status}) of {len(self.facts)} facts>"

    def _repr_html_(self) -> str:
        names = list(dict.fromkeys(name for fact in self.facts for name in fact))
        rows = [[fact.get(name) for name in names] for fact in self.facts]
        caption = f"{self.feature} = {self.value} ({self.status}), of {len(rows)} facts"
        return render.table(names, rows, caption=caption)


_PLAIN = (bool, int, float, str, type(None))

# MARK: Models


@dataclass(frozen=True, slots=True)
class ModelVersion:
    """A registered version of a model."""

    model: str
    version: int
    artifact: str
    size: int
    service: str
    definitions: dict[str, Any] = field(repr=False)
    training_set: str | None
    output: str
    output_column: int | None
    numeric_mode: int
    origin: str
    score_profile: dict[str, Any] | None = field(repr=False)

    @staticmethod
    def from_json(json: Mapping[str, Any]) -> ModelVersion:
        """Reads a record's value."""
        values: dict[str, Any] = {
            name: json.get(name) for name in ModelVersion.__dataclass_fields__
        }
        return ModelVersion(**values)

    @property
    def reference(self) -> str:
        """As predictions name it: `late:1`."""
        return f"{self.model}:{self.version}"


@dataclass(frozen=True, slots=True)
class Model:
    """A model: its versions, oldest first, and its aliases."""

    name: str
    versions: tuple[ModelVersion, ...]
    aliases: dict[str, int]

    @property
    def newest(self) -> ModelVersion:
        """The version registered last."""
        return self.versions[-1]


class Models(Mapping[str, Model]):
    """The registry: models by name."""

    def __init__(self, models: Mapping[str, Model]) -> None:
        self._models = dict(models)

    @staticmethod
    def from_json(json: Mapping[str, Any]) -> Models:
        """Reads a node's answer."""
        return Models({
            item["name"]: Model(
                item["name"],
                tuple(ModelVersion.from_json(version) for version in item["versions"]),
                dict(item["aliases"]),
            )
            for item in json["models"]
        })  # fmt: skip

    def __getitem__(self, name: str) -> Model:
        return self._models[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._models)

    def __len__(self) -> int:
        return len(self._models)

    _header = ("model", "service", "training set", "aliases", "artifact")

    def _rows(self) -> list[list[Any]]:
        return [
            [
                version.reference, version.service, version.training_set or "",
                ", ".join(a for a, n in model.aliases.items() if n == version.version),
                version.artifact[:12],
            ]
            for model in self.values() for version in model.versions
        ]  # fmt: skip

    def __repr__(self) -> str:
        return render.text_table(self._header, self._rows())

    def _repr_html_(self) -> str:
        return render.table(self._header, self._rows())


class Monitoring(Tabular):
    """A model's daily windows against its baseline: one row for each window and signal.

    `psi` is the population stability index; `noise_floor` what it is on average without any drift,
    from sample sizes alone: look at windows whose index is a multiple of it.
    """

    def __init__(self, json: Mapping[str, Any]) -> None:
        self.model: str = json["model"]
        self.version: int = json["version"]
        self.window = dt.timedelta(microseconds=json["window_us"])
        self.baselines: dict[str, dict[str, Any]] = json["baselines"]
        self._rows = [
            {
                "window": parse_moment(window["start"]), "signal": signal["name"],
                "predictions": window["predictions"], "count": signal["count"],
                "mean": signal["mean"], "null_share": signal["null_share"], "psi": signal["psi"],
                "noise_floor": signal["noise_floor"],
                "baseline_mean": json["baselines"].get(signal["name"], {}).get("mean"),
            }
            for window in json["windows"] for signal in window["signals"]
        ]  # fmt: skip

    def to_arrow(self) -> pa.Table:
        """As a pyarrow table."""
        return table_of_rows(self._rows, {
            "window": pa.timestamp("us", "UTC"), "signal": pa.string(), "predictions": pa.int64(),
            "count": pa.int64(), "mean": pa.float64(), "null_share": pa.float64(),
            "psi": pa.float64(), "noise_floor": pa.float64(), "baseline_mean": pa.float64(),
        })  # fmt: skip

    def worst(self, count: int = 10) -> list[dict[str, Any]]:
        """The rows with the largest index over their noise floor."""
        known = [row for row in self._rows if row["psi"] is not None and row["noise_floor"]]
        return sorted(known, key=lambda row: row["psi"] / row["noise_floor"], reverse=True)[:count]

    def __repr__(self) -> str:
        windows = len({row["window"] for row in self._rows})
        name = f"{self.model}:{self.version}"
        return f"<monitoring of {name}: {windows} windows, {len(self._rows)} rows>"

    def _repr_html_(self) -> str:
        rows = [
            [row["window"].date(), row["signal"], row["predictions"], render.number(row["mean"]),
             render.number(row["baseline_mean"]), render.number(row["psi"]),
             f"{row['psi'] / row['noise_floor']:.1f}x"]
            for row in self.worst()
        ]  # fmt: skip
        return render.table(
            ["window", "signal", "predictions", "mean", "baseline", "PSI", "over noise"], rows,
            caption=f"{self.model}:{self.version}: where it differs most from its baseline",
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Evaluation:
    """How good a model's scores were, against what became of them; None where nothing joined."""

    predictions: int
    joined: int
    positive_share: float | None
    auc: float | None
    log_loss: float | None
    brier: float | None


# MARK: Rebuilds and status


@dataclass(frozen=True, slots=True)
class Difference:
    """How one feature differs between two generations."""

    view: str
    feature: str
    keys: int
    largest: float | None
    examples: tuple[dict[str, Any], ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Rebuild:
    """A new generation compared with the live one, and what consumed a value that differs."""

    generation: int
    swapped: bool
    position: Position | None
    compared_keys: int
    differences: tuple[Difference, ...]
    predictions: int
    prediction_ids: tuple[str, ...] = field(repr=False)
    training_sets: dict[str, tuple[str, ...]] = field(repr=False)
    models: tuple[str, ...]

    @staticmethod
    def from_json(json: Mapping[str, Any]) -> Rebuild:
        """Reads a node's answer."""
        diff, affected = json.get("diff", {}), json.get("affected", {})
        return Rebuild(
            json["generation"], json["swapped"], position_of(json.get("position")),
            diff.get("compared_keys", 0),
            tuple(
                Difference(f["view"], f["feature"], f["keys"], f["largest"], tuple(f["examples"]))
                for f in diff.get("features", ())
            ),
            affected.get("predictions", 0), tuple(affected.get("prediction_ids", ())),
            {s["id"]: tuple(s["columns"]) for s in affected.get("training_sets", ())},
            tuple(affected.get("models", ())),
        )  # fmt: skip

    def _repr_html_(self) -> str:
        rows = [
            [f"{item.view}.{item.feature}", item.keys, render.number(item.largest)]
            for item in self.differences
        ]
        state = "is live" if self.swapped else "waits beside the live one"
        caption = (
            f"generation {self.generation} {state}; {self.compared_keys} keys compared;"
            f" {self.predictions} predictions, {len(self.training_sets)} training sets,"
            f" {len(self.models)} models rest on a value that differs"
        )
        return render.table(["feature", "keys", "largest difference"], rows, caption=caption)


@dataclass(frozen=True, slots=True)
class EntityRun:
    """Rows of the offline store in order of entity and time, all below the position `end`."""

    stream: str
    key: tuple[str, ...]
    rows: int
    end: Position

    @staticmethod
    def from_json(json: Mapping[str, Any]) -> EntityRun:
        """Reads a node's answer."""
        return EntityRun(json["stream"], tuple(json["key"]), json["rows"], Position(json["end"]))


@dataclass(frozen=True, slots=True)
class StreamStatus:
    """A stream and its number of records; `declared` is None where it was not asked for."""

    name: str
    partition: int
    records: int
    declared: bool | None = None


@dataclass(frozen=True, slots=True)
class ProjectionStatus:
    """How far a projection has folded the log, and what blocks it."""

    name: str
    position: Position
    lag: int
    blocked: str | None


@dataclass(frozen=True, slots=True)
class ViewStatus:
    """What a view holds in memory."""

    view: str
    keys: int
    facts: int


@dataclass(frozen=True, slots=True)
class Status:
    """How a node is doing; `json` is its whole answer."""

    log: Position
    epoch: int
    online_generation: int
    projections: tuple[ProjectionStatus, ...]
    views: tuple[ViewStatus, ...]
    streams: tuple[StreamStatus, ...]
    needs_rebuild: tuple[str, ...]
    json: dict[str, Any] = field(repr=False)

    @staticmethod
    def from_json(json: Mapping[str, Any]) -> Status:
        """Reads a node's answer."""
        return Status(
            Position(json["log"]), json["epoch"], json["online_generation"],
            tuple(
                ProjectionStatus(p["name"], Position(p["position"]), p["lag"], p["blocked"])
                for p in json["projections"]
            ),
            tuple(ViewStatus(**_only(ViewStatus, v)) for v in json["views"]),
            tuple(StreamStatus(**_only(StreamStatus, s)) for s in json["streams"]),
            tuple(json["needs_rebuild"]), dict(json),
        )  # fmt: skip

    @property
    def lag(self) -> int:
        """Records that the slowest projection is behind."""
        return max((projection.lag for projection in self.projections), default=0)

    def _repr_html_(self) -> str:
        projections = render.table(
            ["projection", "lag", "blocked"],
            [[p.name, p.lag, p.blocked or ""] for p in self.projections],
            caption=f"log {self.log}, epoch {self.epoch}",
        )
        return projections + render.table(
            ["stream", "records"], [[s.name, s.records] for s in self.streams]
        )


def position_of(text: str | None) -> Position | None:
    """A position where there is one."""
    return None if text is None else Position(text)


def _scalar(value: Any, type_: str | None) -> Scalar:
    is_time = type_ is not None and type_.removesuffix("?") == "timestamp"
    scalar: Scalar = parse_moment(value) if is_time and value is not None else value
    return scalar


def _only(kind: type, json: Mapping[str, Any]) -> dict[str, Any]:
    """The members that a class knows: a newer node may say more."""
    names = kind.__dataclass_fields__  # type: ignore[attr-defined]
    return {name: value for name, value in json.items() if name in names}
