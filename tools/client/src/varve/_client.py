"""The client: everything that can be asked of a node."""

from __future__ import annotations

import os
import re
import time as clock
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from io import BufferedReader
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self, TypeAlias

import pyarrow as pa

from . import _encode as encode
from ._frames import Frame, arrow_of, need, read_table
from ._http import Body, JSONObject, Transport
from ._node import NodeProcess
from ._time import Duration, Moment, duration_text, rfc3339
from .definitions import DefinitionsLike, Service, Stream, View, definition_of, document_of
from .errors import (
    BadRequest,
    EncodeError,
    NotFound,
    NotReproduced,
    NotSupported,
    Refused,
    VarveError,
)
from .errors import Conflict as _Conflict
from .results import (
    Appended,
    Applied,
    Audit,
    AuditSummary,
    DefinitionVersion,
    EntityRun,
    Evaluation,
    Explanation,
    Model,
    Models,
    ModelVersion,
    Monitoring,
    OnlineRow,
    Plan,
    Position,
    Prediction,
    PredictionRecord,
    Rebuild,
    Status,
    StreamStatus,
    _only,
)
from .training import Manifest, TrainingSet

if TYPE_CHECKING:
    import datetime as dt

Values: TypeAlias = "Mapping[str, bool | int | float | str | dt.datetime | None]"
"""Keys or inputs by name."""
Records: TypeAlias = "Iterable[Mapping[str, Any]] | Frame"
PositionLike: TypeAlias = Position | Appended | str
Spine: TypeAlias = "Frame | type[Stream] | str | os.PathLike[str]"
Mode: TypeAlias = Literal["as-known", "as-corrected"]

_LINE = re.compile(r"line (\d+): ")
_BEFORE = re.compile(r"; (\d+) records before its batch were appended$")
_READ_SIZE = 1 << 20
_ARROW_FILES = (".arrow", ".feather", ".ipc", ".parquet", ".pq")


def connect(
    url: str = "http://127.0.0.1:8080",
    *,
    kafka: str | None = None,
    timeout: float = 60,
    headers: Mapping[str, str] | None = None,
) -> Client:
    """A client of a node that runs.

    Args:
        url: the node's HTTP address.
        kafka: the node's Kafka address, `HOST:PORT`, for `append(..., via="kafka")`.
        timeout: the longest wait for an answer, seconds; training sets, rebuilds and audits of
            everything may take as long as they take.
        headers: sent with every request, for a proxy that wants credentials.

    Raises:
        ConnectionFailed: no node answers there.

    >>> with varve.connect(node.url) as client:
    ...     client.status().epoch
    1
    """
    client = Client(Transport(url, timeout=timeout, headers=headers), kafka=kafka)
    try:
        client.position()
    except BaseException:
        client.close()
        raise
    return client


def open(
    directory: str | os.PathLike[str],
    binary: str | os.PathLike[str] | None = None,
    *,
    timeout: float = 60,
    start_timeout: float = 600,
) -> Client:
    """A client of a data directory: runs a node on it, which ends with the client.

    The node listens on free ports of loopback. It is stopped by `close`, at the end of a `with`,
    when the client is forgotten, and when the interpreter ends.

    Args:
        directory: the data directory; made when it is not there.
        binary: the `varve` to run; by default `$VARVE_BINARY`, or the one on the PATH.
        timeout: the longest wait for an answer, seconds.
        start_timeout: the longest wait for the node to open the directory, seconds.

    Raises:
        BinaryNotFound: there is no `varve` to run.
        DirectoryInUse: a node has the directory already; the error names its address.
        NodeFailed: the node refused the directory, in its own words.

    >>> with varve.open(tmp / "data") as client:
    ...     [stream.name for stream in client.streams()]
    ['varve.catalog']
    """
    node = NodeProcess(directory, binary, start_timeout)
    return Client(Transport(node.http, timeout=timeout), kafka=node.kafka, node=node)


class Client:
    """A node, as a data scientist sees it. Made by `connect` and `open`; threads may share it."""

    def __init__(
        self, transport: Transport, *, kafka: str | None = None, node: NodeProcess | None = None
    ) -> None:
        self._http = transport
        self._node = node
        self.kafka = kafka
        """The node's Kafka address, where it is known."""

    # MARK: Life

    @property
    def url(self) -> str:
        """The node's HTTP address."""
        return self._http.url

    def close(self) -> None:
        """Closes the connections, and stops the node that `open` started. Safe to call again."""
        self._http.close()
        if self._node is not None:
            self._node.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        self.close()

    def __repr__(self) -> str:
        place = f" on {self._node.directory}" if self._node else ""
        return f"<varve client of {self.url}{place}>"

    # MARK: Definitions

    def plan(self, definitions: DefinitionsLike) -> Plan:
        """What putting definitions in force would change.

        >>> plan = client.plan(flights)
        >>> plan.is_empty, plan.changes[0].name
        (True, 'departures')
        """
        document = document_of(definitions)
        answer = self._http.json("POST", "v1", "definitions", "plan", json_body=document)
        return Plan.from_json(answer)

    def apply(self, definitions: DefinitionsLike) -> Applied:
        """Puts definitions in force: all of them or, when there are mistakes, none.

        Args:
            definitions: classes, `Definitions`, a module that has some, a dict, or a path.

        Raises:
            DefinitionErrors: with every mistake.

        >>> class Rides(varve.Stream, key="rider"):
        ...     rider: str
        ...     km: float | None
        >>> [change.change for change in client.apply(Rides).changes]
        ['created']
        >>> try:
        ...     client.apply(varve.View.define("longest", source=Rides, entity="rider",
        ...         features={"km": varve.max("km + rider", window="7 days")}))
        ... except varve.DefinitionErrors as errors:
        ...     len(errors.errors)
        2
        """
        document = document_of(definitions)
        return Applied.from_json(self._http.json("POST", "v1", "definitions", json_body=document))

    def definitions(self) -> list[DefinitionVersion]:
        """The definitions in force, in their canonical form."""
        answer = self._http.json("GET", "v1", "definitions")
        return [DefinitionVersion(**_only(DefinitionVersion, d)) for d in answer["definitions"]]

    def history(
        self, kind: Literal["stream", "view", "service"], name: str
    ) -> list[DefinitionVersion]:
        """Every version of a definition, oldest first.

        >>> [version.version for version in client.history("view", "airport_traffic")]
        [1]
        """
        answer = self._http.json("GET", "v1", "definitions", kind, name)
        return [DefinitionVersion(**_only(DefinitionVersion, d)) for d in answer["versions"]]

    # MARK: Appending

    def append(
        self,
        stream: type[Stream] | str,
        records: Records,
        *,
        via: Literal["http", "kafka"] = "http",
    ) -> Appended:
        """Appends records to a stream; they are durable when this returns.

        Args:
            stream: a `Stream`, or a name.
            records: an iterable of dicts, also an endless one that ends some time: it is sent in
                chunks; or a table of pyarrow, pandas or Polars. Times are datetimes with a zone,
                or texts in RFC 3339.
            via: `kafka` produces them idempotently through the node's Kafka port instead; needs
                confluent-kafka.

        Raises:
            EncodeError: a value cannot be sent as it is, such as a time without a zone.
            Refused: a record does not fit its stream. Its `appended` says how many records before
                it are durable, its `record` which one it was.

        >>> from datetime import datetime, UTC
        >>> client.append("departures", [{"time": datetime(2013, 3, 9, 12, tzinfo=UTC),
        ...     "origin": "LGA", "dep_delay": 3}]).count
        1
        >>> client.append("departures", [{"time": "2013-03-09T12:00:00Z", "origin": None}])
        Traceback (most recent call last):
        varve.errors.Refused: line 1: field `origin` is null or missing, expected a value of...
        """
        name = _name(stream)
        fields = self._fields(name)
        if via == "kafka":
            return self._produce(name, encode.ndjson(records, fields))
        return self._send(("streams", name, "records"), encode.ndjson(records, fields))

    def write_features(self, view: type[View] | str, rows: Records) -> Appended:
        """Pushes values into a written view: the entity's key, a `time`, and features.

        >>> rider = varve.View.define("rider", entity={"id": int}, values={"age": "int64?"})
        >>> _ = client.apply(rider)
        >>> rows = [{"id": 7, "time": "2013-03-09T12:00:00Z", "age": 30}]
        >>> done = client.write_features(rider, rows)
        >>> client.online("rider", keys={"id": 7}, min_position=done)["age"]
        30
        """
        name = _name(view)
        types = {"time": "timestamp"}
        try:
            newest = self.history("view", name)[-1].definition
            types |= newest["entity"] | (newest.get("values") or {})
        except NotFound:
            pass  # the node says it better
        return self._send(("views", name, "write"), encode.ndjson(rows, types))

    def _fields(self, stream: str) -> Mapping[str, str]:
        """The types of a stream's fields; none when it is not declared."""
        try:
            return dict(self.history("stream", stream)[-1].definition["fields"])
        except NotFound:
            return {}

    def _send(self, path: Sequence[str], chunks: Iterable[tuple[list[bytes], int]]) -> Appended:
        count, position = 0, None
        for lines, start in chunks:
            try:
                answer = self._http.json(
                    "POST", "v1", *path, content=b"\n".join(lines) + b"\n",
                    content_type="application/x-ndjson",
                )  # fmt: skip
            except Refused as error:
                _locate(error, start)
                raise
            except VarveError as error:
                error.add_note(f"the {count} records before record {start} are durable")
                raise
            count += answer["appended"]
            position = Position(answer["position"])
        return Appended(count, position or self.position())

    def _produce(self, stream: str, chunks: Iterable[tuple[list[bytes], int]]) -> Appended:
        if self.kafka is None:
            raise VarveError(
                "the node's Kafka address is not known; give it:"
                f' varve.connect("{self.url}", kafka="127.0.0.1:9092")'
            )
        kafka = need("confluent_kafka", "kafka")
        producer = kafka.Producer({
            "bootstrap.servers": self.kafka, "enable.idempotence": True, "linger.ms": 20,
            "compression.type": "lz4", "log_level": 0,
        })  # fmt: skip
        failures: list[str] = []
        delivered = 0

        def report(error: Any, _: Any) -> None:
            nonlocal delivered
            if error is None:
                delivered += 1
            else:
                failures.append(error.str())

        for lines, _ in chunks:
            for line in lines:
                while True:
                    try:
                        producer.produce(stream, value=line, on_delivery=report)
                        break
                    except BufferError:
                        producer.poll(0.1)
                producer.poll(0)
            if failures:
                break
        producer.flush()
        if failures:
            error = Refused(failures[0], 0, f"produce {stream}")
            error.appended = delivered
            error.add_note(f"{delivered} records are durable, {len(failures)} were refused")
            raise error
        return Appended(delivered, self.position())

    # MARK: Training sets

    def training_set(
        self,
        service: type[Service] | str,
        spine: Spine,
        *,
        mode: Mode = "as-known",
        basis: PositionLike | int | None = None,
        time: str | None = None,
        label: str | None = None,
        label_delay: Duration | None = None,
        split: Sequence[Moment] | None = None,
        gap: Duration | None = None,
        memory: int | None = None,
        threads: int | None = None,
        progress: Callable[[dict[str, Any]], object] | None = None,
    ) -> TrainingSet:
        """Builds a point-in-time training set, with exactly the spine's rows in the spine's order.

        Args:
            service: what the model consumes.
            spine: the rows: a time, the service's keys and inputs, and anything else, such as
                labels. A frame; a path to CSV, Parquet or Arrow; or a stream, by class or name,
                each of whose records is a row. A text that ends in `.csv`, `.parquet`, `.arrow`,
                `.feather` is a path.
            mode: `as-known`: what was known at each row's time; `as-corrected`: what is known now.
            basis: an older state of the log to build from; by default all that is committed.
            time: the spine's column that holds the time; `time` by default.
            label: an expression over the records of a stream that is the spine: column `label`.
            label_delay: the row's time is so long before the record's event time.
            split: one or two cutoffs; a column `split` says train, (validation,) or test.
            gap: rows so long before a cutoff are in no part: `split` says gap.
            memory: bytes; facts beyond go to a file of the node.
            threads: of the node; by default as many as it has cores.
            progress: called a few times a second with how far the node has come: `phase`,
                `seconds`, `facts`, `facts_at_most`, `rows`, `rows_in_all`. An exception, such as
                Ctrl-C, stops the build.

        >>> rows = [{"time": "2013-03-09T13:00:00Z", "origin": "JFK", "distance": 719.0, "late": 0}]
        >>> built = client.training_set("arrival_delay", pyarrow.Table.from_pylist(rows))
        >>> built.to_arrow()["airport_traffic.departures_1h"].to_pylist()
        [2]
        >>> built.features
        ['airport_traffic.departures_1h', 'airport_traffic.mean_delay_6h', 'distance',
         'log_distance']
        >>> built.leak_report().leaks
        0
        >>> built.reproduce().digest == built.digest
        True
        """
        stream, body, table = _spine(spine)
        if basis is not None:
            basis = str(basis) if isinstance(basis, int) else _position(basis)
        query = {
            "service": _name(service), "mode": mode, "basis": basis, "time": time,
            "spine_stream": stream, "format": "arrows", "label": label,
            "label_delay": _span(label_delay), "gap": _span(gap), "memory": memory,
            "threads": threads,
            "split": ",".join(rfc3339(at, "a cutoff") for at in split) if split else None,
        }  # fmt: skip
        content_type = "text/csv" if body is not None else None
        if progress is None:
            answer = self._http.stream(
                "POST", "v1", "training-sets", query=query, content=body,
                content_type=content_type,
            )  # fmt: skip
        else:
            job = self._http.json(
                "POST", "v1", "training-sets", query=query | {"job": True}, content=body,
                content_type=content_type, patient=True,
            )["job"]  # fmt: skip
            self._follow(job, progress)
            answer = self._http.stream("GET", "v1", "jobs", job, "set")
        return self._training_set(answer, table)

    def _follow(self, job: str, progress: Callable[[dict[str, Any]], object]) -> None:
        pause = 0.01
        try:
            while True:
                state = self._http.json("GET", "v1", "jobs", job)
                progress(state)
                if state["phase"] not in ("waiting", "running"):
                    return
                clock.sleep(pause)
                pause = min(2 * pause, 0.25)
        except BaseException:
            self._http.json("DELETE", "v1", "jobs", job)
            raise

    def get_training_set(self, id: str) -> TrainingSet:
        """A training set that was built earlier: built again from its manifest, the same bytes.

        Columns that the service does not read have the types that a CSV has.

        Raises:
            NotReproduced: it is another one; the message says which column differs.
        """
        return self._reproduce(id, None)

    def training_sets(self) -> list[Manifest]:
        """The manifests of all training sets."""
        answer = self._http.json("GET", "v1", "training-sets")
        return [Manifest.from_json(item) for item in answer["training_sets"]]

    def manifest(self, id: str) -> Manifest:
        """A training set's manifest."""
        return Manifest.from_json(self._http.json("GET", "v1", "training-sets", id))

    def _training_set(
        self, answer: AbstractContextManager[tuple[Any, Body]], spine: pa.Table | None
    ) -> TrainingSet:
        with answer as (headers, body):
            # pyarrow takes a short read for the end: it is given a reader that fills its buffers.
            with pa.ipc.open_stream(BufferedReader(body, _READ_SIZE)) as reader:
                table = reader.read_all()
            digest = body.digest()
            id = headers["varve-training-set"]
        return TrainingSet(table, digest, self.manifest(id), spine, self._reproduce)

    def _reproduce(self, id: str, spine: pa.Table | None) -> TrainingSet:
        try:
            return self._training_set(
                self._http.stream(
                    "POST", "v1", "training-sets", id, "reproduce", query={"format": "arrows"}
                ),
                spine,
            )
        except _Conflict as error:
            raise NotReproduced(str(error), error.status, error.request) from None

    def report(self, training_set: TrainingSet | Manifest | str) -> str:
        """A training set as a page of HTML, made by the node: leak meter and distributions."""
        id = training_set if isinstance(training_set, str) else training_set.id
        try:
            return self._http.send("GET", "v1", "training-sets", id, "report").text
        except NotFound as error:
            raise self._not_there(error, "draw reports") from None

    def _not_there(self, error: NotFound, ability: str) -> VarveError:
        """A newer operation that an older node does not know; another error as it is."""
        if "there is nothing at" not in str(error):
            return error
        return NotSupported(
            f"{self.url} cannot {ability}: its version of Varve has no {error.request}",
            error.status, error.request,
        )  # fmt: skip

    # MARK: Online

    def online(
        self,
        of: type[View] | type[Service] | str,
        keys: Values,
        inputs: Values | None = None,
        *,
        at: Moment | None = None,
        min_position: PositionLike | None = None,
        kind: Literal["view", "service"] | None = None,
    ) -> OnlineRow:
        """The features of one entity, or all that a service's model consumes.

        Args:
            of: a view or service, by class or name.
            keys: the key of the entity, or of every entity that the service's views describe.
            inputs: what a request to the service brings.
            at: the time T; by default now.
            min_position: what the answer must know at least: what `append` returned.
            kind: tells a view from a service where both have the name.

        >>> row = client.online("airport_traffic", {"origin": "JFK"}, at="2013-03-09T13:00:00Z")
        >>> row["departures_1h"], row.statuses["departures_1h"], row.lag
        (2, 'present', 0)
        >>> client.online("airport_traffic", keys={"origin": "XXX"}).statuses["mean_delay_6h"]
        'not_found'
        """
        name = _name(of)
        if kind is None:
            if isinstance(of, str):
                kind = self._kind(name, inputs is not None)
            else:
                kind = "view" if issubclass(of, View) else "service"
        if kind == "view" and inputs:
            raise BadRequest(f"{name} is a view, which takes no inputs; a service does")
        body = _request(keys, inputs if kind == "service" else None, at, min_position)
        return OnlineRow.from_json(
            self._http.json("POST", "v1", f"{kind}s", name, "read", json_body=body)
        )

    def _kind(self, name: str, has_inputs: bool) -> Literal["view", "service"]:
        if has_inputs:
            return "service"
        found = {
            item.type for item in self.definitions()
            if item.name == name and item.type in ("view", "service")
        }  # fmt: skip
        if len(found) == 2:
            raise BadRequest(
                f'{name} is a view and a service; say which: kind="view" or kind="service"'
            )
        return "service" if found == {"service"} else "view"

    def explain(
        self,
        view: type[View] | str,
        feature: str | None = None,
        keys: Values | None = None,
        *,
        at: Moment | None = None,
        min_position: PositionLike | None = None,
    ) -> Explanation:
        """The facts behind one value.

        Args:
            view: a view, or `view.feature` as a service has it.
            feature: the feature's name.
            keys: the key of the entity.
            at: the time T; by default now.
            min_position: what the answer must know at least.

        Raises:
            NotSupported: the node is older than this operation.
        """
        name = _name(view)
        if feature is None:
            name, _, feature = name.partition(".")
            if not feature:
                raise BadRequest(f"feature is missing, expected one of view {name}")
        body = {"feature": feature, **_request(keys or {}, None, at, min_position)}
        try:
            answer = self._http.json("POST", "v1", "views", name, "explain", json_body=body)
        except NotFound as error:
            raise self._not_there(error, "explain values") from None
        return Explanation(f"{name}.{feature}", answer)

    # MARK: Models

    @property
    def models(self) -> Models:
        """The registry: models by name, with their versions and aliases.

        >>> client.models["late"].aliases
        {'champion': 1}
        """
        return Models.from_json(self._http.json("GET", "v1", "models"))

    def register_model(
        self,
        name: str,
        onnx: Any,
        *,
        service: type[Service] | str,
        training_set: TrainingSet | Manifest | str | None = None,
        output: str | None = None,
        output_column: int | None = None,
        origin: str | None = None,
    ) -> ModelVersion:
        """Registers an ONNX graph as a model's next version.

        Args:
            name: the model's name.
            onnx: its bytes, a path, or an `onnx.ModelProto`.
            service: the service whose columns, in order, it takes.
            training_set: what it was trained on: its columns become the baseline of monitoring.
            output: the output that is the score; by default the node finds it.
            output_column: the column of it.
            origin: where it comes from, for people: a commit, a run's address. Never dereferenced.

        >>> client.register_model("late", onnx, service="arrival_delay").output
        'probabilities'
        """
        id = training_set.id if isinstance(training_set, (TrainingSet, Manifest)) else training_set
        answer = self._http.json(
            "POST", "v1", "models", name, "versions",
            query={
                "service": _name(service), "training_set": id, "output": output,
                "output_column": output_column, "origin": origin,
            },
            content=_artifact(onnx), content_type="application/octet-stream", patient=True,
        )  # fmt: skip
        return ModelVersion.from_json(answer)

    def alias(
        self, model: str | Model | ModelVersion, alias: str, version: int | None = None
    ) -> int:
        """Makes an alias mean a version; returns the version's number.

        >>> client.alias("late", "champion", 1)
        1
        """
        if isinstance(model, ModelVersion):
            name, known = model.model, model.version
        elif isinstance(model, Model):
            name, known = model.name, model.newest.version
        elif version is None:
            raise BadRequest(f"version is missing: which version of {model} is {alias}?")
        else:
            name, known = model, version
        answer = self._http.json(
            "PUT", "v1", "models", name, "aliases", alias,
            query={"version": known if version is None else version},
        )  # fmt: skip
        return int(answer["version"])

    def predict(
        self,
        model: str | ModelVersion,
        keys: Values,
        inputs: Values | None = None,
        *,
        at: Moment | None = None,
        id: str | None = None,
        min_position: PositionLike | None = None,
    ) -> Prediction:
        """Asks a model for a prediction; its record is durable when this returns.

        Args:
            model: `NAME`, `NAME@alias`, `NAME:version`, or what `register_model` returned.
            keys: the keys of its service.
            inputs: what the request brings.
            at: the time T; by default now.
            id: names the prediction, so that outcomes join it: a flight, an order. Used once.
            min_position: what the features must know at least.

        >>> reply = client.predict("late@champion", keys={"origin": "JFK"}, id="flight-1",
        ...                        inputs={"distance": 719.0}, at="2013-03-09T13:00:00Z")
        >>> 0 <= reply.score <= 1, reply.model, reply.version
        (True, 'late', 1)
        >>> client.audit("flight-1").is_identical
        True
        """
        reference = model.reference if isinstance(model, ModelVersion) else model
        body = {"model": reference, **_request(keys, inputs, at, min_position)}
        if id is not None:
            body["id"] = id
        return Prediction.from_json(self._http.json("POST", "v1", "predict", json_body=body))

    def prediction(self, id: str) -> PredictionRecord:
        """A prediction's record, with the features as they were served."""
        return PredictionRecord.from_json(self._http.json("GET", "v1", "predictions", id))

    def audit(self, prediction: Prediction | PredictionRecord | str) -> Audit:
        """Computes a prediction again from the log, and compares it bit for bit."""
        id = prediction if isinstance(prediction, str) else prediction.id
        answer = self._http.json("POST", "v1", "predictions", id, "audit", patient=True)
        return Audit.from_json(answer)

    def audit_all(self) -> AuditSummary:
        """Audits every prediction of the log."""
        return AuditSummary.from_json(self._http.json("POST", "v1", "audit", patient=True))

    def monitor(self, model: str | ModelVersion) -> Monitoring:
        """A model's daily windows against its baseline; take it as a frame."""
        reference = model.reference if isinstance(model, ModelVersion) else model
        return Monitoring(self._http.json("GET", "v1", "monitoring", reference))

    def evaluate(
        self, model: str | ModelVersion, *, stream: type[Stream] | str, id: str, label: str
    ) -> Evaluation:
        """How good a model's scores were, against what became of them.

        Args:
            model: as in `predict`.
            stream: the stream that tells outcomes.
            id: its field that names the prediction.
            label: its field that says what happened, 0 or 1.
        """
        reference = model.reference if isinstance(model, ModelVersion) else model
        answer = self._http.json(
            "GET", "v1", "outcomes", reference,
            query={"stream": _name(stream), "id": id, "label": label}, patient=True,
        )  # fmt: skip
        return Evaluation(**_only(Evaluation, answer))

    # MARK: The node

    def rebuild(
        self, projection: Literal["online", "offline"] = "online", *, swap: bool = False
    ) -> Rebuild:
        """Folds a projection anew beside the live one, and says what differs and who used it.

        Args:
            projection: `online` or `offline`.
            swap: makes the new one live.

        >>> rebuild = client.rebuild("online")
        >>> rebuild.swapped, rebuild.differences
        (False, ())
        """
        answer = self._http.json(
            "POST", "v1", "rebuild", projection, query={"swap": swap}, patient=True
        )
        return Rebuild.from_json(answer)

    def optimize(self) -> list[EntityRun]:
        """Sorts the offline store by entity where rows are new, so that sets take less time.

        A node does so by itself now and then; before a large set it may pay to ask for it.

        >>> [(run.stream, run.key, run.rows) for run in client.optimize()]
        [('departures', ('origin',), ...)...]
        """
        answer = self._http.json("POST", "v1", "optimize", patient=True)
        return [EntityRun.from_json(run) for run in answer["runs"]]

    def status(self) -> Status:
        """Positions of the log and its projections, streams, what waits for a rebuild."""
        return Status.from_json(self._http.json("GET", "v1", "status"))

    def streams(self) -> list[StreamStatus]:
        """Streams and their number of records.

        >>> [stream.name for stream in client.streams() if not stream.name.startswith("varve.")]
        ['departures'...]
        """
        answer = self._http.json("GET", "v1", "streams")
        return [StreamStatus(**_only(StreamStatus, item)) for item in answer["streams"]]

    def position(self) -> Position:
        """The commit position: every record below it is durable."""
        return Position(self._http.json("GET", "v1", "position")["position"])

    def head(self) -> str:
        """A checkpoint note over everything committed, to be kept elsewhere."""
        return self._http.send("GET", "v1", "log", "head").text


def _name(named: type[Stream] | type[View] | type[Service] | str) -> str:
    if isinstance(named, str):
        return named
    if isinstance(named, type) and issubclass(named, (Stream, View, Service)):
        return str(definition_of(named)["name"])
    raise TypeError(f"{named!r} is no definition and no name")


def _position(position: PositionLike) -> str:
    return str(position.position if isinstance(position, Appended) else position)


def _request(
    keys: Values, inputs: Values | None, at: Moment | None, min_position: PositionLike | None
) -> JSONObject:
    body: JSONObject = {"keys": _values(keys, "key")}
    if inputs is not None:
        body["inputs"] = _values(inputs, "input")
    if at is not None:
        body["at"] = rfc3339(at, "at")
    if min_position is not None:
        body["min_position"] = _position(min_position)
    return body


def _values(values: Values, what: str) -> JSONObject:
    if not isinstance(values, Mapping):
        raise EncodeError(f"{what}s are {values!r:.80}, expected a dict of names and values")
    try:
        return {name: encode.plain(value) for name, value in values.items()}
    except EncodeError as error:
        raise EncodeError(f"{what}s {values!r:.200}: {error}") from None


def _spine(spine: Spine) -> tuple[str | None, bytes | None, pa.Table | None]:
    """A spine as the name of a stream, or as CSV, with the table that it was."""
    if isinstance(spine, type):
        return _name(spine), None, None
    if isinstance(spine, (str, os.PathLike)):
        path = Path(spine)
        if path.suffix == ".csv":
            try:
                return None, path.read_bytes(), None
            except OSError as error:
                raise EncodeError(f"{path} cannot be read: {error.strerror}") from None
        if path.suffix in _ARROW_FILES:
            table = read_table(path)
            return None, encode.spine_csv(table), table
        if isinstance(spine, str):
            return spine, None, None
        raise EncodeError(f"{path} is none of .csv, {', '.join(_ARROW_FILES)}")
    table = arrow_of(spine)
    if table is None:
        raise EncodeError(
            f"the spine is a {type(spine).__name__}, expected a table of pyarrow, pandas or"
            " Polars, a path, or a stream"
        )
    return None, encode.spine_csv(table), table


def _artifact(onnx: Any) -> bytes:
    if isinstance(onnx, (bytes, bytearray, memoryview)):
        return bytes(onnx)
    if isinstance(onnx, (str, os.PathLike)):
        try:
            return Path(onnx).read_bytes()
        except OSError as error:
            raise EncodeError(f"{onnx} cannot be read: {error.strerror}") from None
    if hasattr(onnx, "SerializeToString"):
        return bytes(onnx.SerializeToString())
    raise EncodeError(
        f"the model is a {type(onnx).__name__}, expected ONNX: bytes, a path, or an onnx.ModelProto"
    )


def _locate(error: Refused, start: int) -> None:
    """Says which record of the call was refused, and how many before it are durable."""
    words = str(error)
    if match := _LINE.match(words):
        error.record = start + int(match[1]) - 1
    match = _BEFORE.search(words)
    error.appended = start + (int(match[1]) if match else 0)
    error.add_note(
        ("" if error.record is None else f"it is record {error.record} of this call; ")
        + f"{error.appended} records are durable: go on with record {error.appended}"
    )


def _span(duration: Duration | None) -> str | None:
    return None if duration is None else duration_text(duration)
