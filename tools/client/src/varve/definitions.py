"""Definitions as Python classes that say the same as a document of JSON.

Three kinds of class, which reflect what a document has: a `Stream` says what records are, a `View`
what is computed of them for an entity, a `Service` what one model consumes.

>>> from datetime import datetime
>>> class Departures(Stream, event_time="time", known_at="time", key="origin"):
...     time: datetime
...     origin: str
...     dep_delay: float | None = Field(min=-120)
>>> class AirportTraffic(View, source=Departures, entity="origin"):
...     departures_1h = count(window="1h")
...     late_share_6h = mean("if(dep_delay > 15, 1.0, 0.0)", window="6h")
>>> class ArrivalDelay(Service):
...     distance: float
...     features = [AirportTraffic, "distance", expr("log_distance", "log(distance + 1)")]
>>> document = Definitions(ArrivalDelay).document
>>> [stream["name"] for stream in document["streams"]]
['departures']
>>> document["services"][0]["features"]
['airport_traffic.*', 'distance', {'name': 'log_distance', 'expr': 'log(distance + 1)'}]

What needs no knowledge of the node is checked when a class is made; expressions and references are
checked by the node, which names every mistake at once. Both raise `DefinitionErrors`.
"""

from __future__ import annotations

import datetime as dt
import inspect
import json
import re
import sys
import types
import typing
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal, TypeAlias

from ._time import Duration, duration_text, rfc3339
from .errors import DefinitionErrors, EncodeError

__all__ = [
    "Computed", "Definitions", "Feature", "Field", "Service", "Stream", "View", "count", "expr",
    "first", "last", "last_facts", "latest", "lifetime", "max", "mean", "min", "stddev", "sum",
    "time_since_last", "variance",
]  # fmt: skip

FieldType: TypeAlias = type | str | types.UnionType
"""`bool`, `int`, `float`, `str`, `datetime`, any of them `| None`, or a text such as `"int64?"`."""

_PYTHON_TYPES: dict[Any, str] = {
    bool: "bool", int: "int64", float: "float64", str: "string", dt.datetime: "timestamp",
}  # fmt: skip
_TYPES = frozenset(_PYTHON_TYPES.values())
_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_STREAM_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_.-]*")
_NAMES = 'a letter or "_", then letters, digits, "_"'
_CLASS_WORDS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")

lifetime = "lifetime"
"""The window of all facts before T."""


def last_facts(count: int) -> str:
    """The window of the newest `count` facts.

    >>> last_facts(10)
    'last 10'
    """
    return f"last {count}"


class Field:
    """More about a field than its type: rules that right records keep, and its type as a text.

    Args:
        type: a type in place of the annotation's, as definitions write it: `"int64?"`.
        not_null: records must have it, although its type allows null.
        min: the least value it may have; a time as a datetime or RFC 3339.
        max: the greatest one.
        one_of: the values it may have.
        rule: the rule's name in messages.

    >>> class Readings(Stream):
    ...     sensor: str
    ...     unit: str = Field(one_of=["C", "F"])
    ...     value: float | None = Field(min=-100, max=100, rule="plausible")
    >>> Readings.definition()["expectations"][1]
    {'name': 'plausible', 'field': 'value', 'min': -100, 'max': 100}
    """

    def __init__(
        self,
        type: FieldType | None = None,
        *,
        not_null: bool = False,
        min: float | Moment | None = None,
        max: float | Moment | None = None,
        one_of: Iterable[bool | float | str] | None = None,
        rule: str | None = None,
    ) -> None:
        self.type = type
        rules: dict[str, Any] = {}
        if not_null:
            rules["not_null"] = True
        if min is not None:
            rules["min"] = _bound(min)
        if max is not None:
            rules["max"] = _bound(max)
        if one_of is not None:
            rules["in"] = list(one_of)
        self.rules = rules
        self.rule = rule

    def expectation(self, name: str) -> dict[str, Any] | None:
        """The rules as a member of a stream's `expectations`; None when there are none."""
        if not self.rules:
            return None
        title = {"name": self.rule} if self.rule else {}
        return {**title, "field": name, **self.rules}


Moment: TypeAlias = dt.datetime | str


def _bound(value: float | Moment) -> float | str:
    return rfc3339(value) if isinstance(value, dt.datetime) else value


# MARK: Features


class Feature:
    """An aggregation over a window of an entity's facts; see `count`, `mean` and the others.

    As an attribute of its view it can be named in a service: `AirportTraffic.mean_delay_1h`.
    """

    def __init__(
        self,
        function: str,
        of: str,
        window: Duration,
        where: str | None = None,
        lag: Duration | None = None,
        hop: Duration | None = None,
    ) -> None:
        self.name: str | None = None
        self.view: type[View] | None = None
        self._body: dict[str, Any] = {function: of}
        if where is not None:
            self._body["where"] = where
        self._body["window"] = _duration(window)
        if lag is not None:
            self._body["lag"] = _duration(lag)
        if hop is not None:
            self._body["hop"] = _duration(hop)

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = self.name or name

    def named(self, name: str) -> Feature:
        """The same under another name than its attribute's: for names that Python does not allow.

        >>> count(window="1h").named("in").definition()
        {'name': 'in', 'count': '*', 'window': '1h'}
        """
        copy = Feature.__new__(Feature)
        copy.name, copy.view, copy._body = name, None, self._body
        return copy

    @property
    def reference(self) -> str:
        """`view.feature`, as a service names it."""
        if self.view is None or self.name is None:
            raise DefinitionErrors([f"{self!r} belongs to no view, so no service can name it"])
        return f"{definition_of(self.view)['name']}.{self.name}"

    def definition(self) -> dict[str, Any]:
        """As a document has it."""
        return {"name": self.name, **self._body}

    def __repr__(self) -> str:
        (function, of), *rest = self._body.items()
        options = "".join(f", {key}={value!r}" for key, value in rest)
        return f"<feature {self.name or ''}: {function}({of!r}{options})>"


def _duration(duration: Duration) -> str:
    try:
        return duration_text(duration)
    except EncodeError as error:
        raise DefinitionErrors([str(error)]) from None


def count(
    of: str = "*", *, window: Duration, where: str | None = None, lag: Duration | None = None,
    hop: Duration | None = None,
) -> Feature:  # fmt: skip
    """How many facts (`*`), or how many values that are not null; of nothing it is 0.

    Args:
        of: an expression over the stream's fields, or `*`.
        window: a length such as `"6h"` or a timedelta, `lifetime`, or `last_facts(10)`.
        where: a condition for facts to count.
        lag: how far before T the window ends.
        hop: a step that the window's far edge is rounded down to.

    >>> count(window="7d", lag="1d", where="late").definition()
    {'name': None, 'count': '*', 'where': 'late', 'window': '7d', 'lag': '1d'}
    """
    return Feature("count", of, window, where, lag, hop)


def time_since_last(
    of: str = "*", *, window: Duration = lifetime, where: str | None = None,
    lag: Duration | None = None, hop: Duration | None = None,
) -> Feature:  # fmt: skip
    """Microseconds from the newest fact, or value that is not null, to T."""
    return Feature("time_since_last", of, window, where, lag, hop)


class _Aggregation(typing.Protocol):
    def __call__(
        self, of: str, *, window: Duration, where: str | None = None, lag: Duration | None = None,
        hop: Duration | None = None,
    ) -> Feature: ...  # fmt: skip


def _aggregation(name: str, doc: str) -> _Aggregation:
    def aggregation(
        of: str, *, window: Duration, where: str | None = None, lag: Duration | None = None,
        hop: Duration | None = None,
    ) -> Feature:  # fmt: skip
        return Feature(name, of, window, where, lag, hop)

    aggregation.__name__ = aggregation.__qualname__ = name
    aggregation.__doc__ = f"{doc}\n\nNulls are skipped; of nothing it is null. See `count`."
    aggregation.__module__ = __name__
    return aggregation


sum = _aggregation("sum", "The exact sum, rounded once.")
mean = _aggregation("mean", "The exact sum over the count.")
min = _aggregation("min", "The least value.")
max = _aggregation("max", "The greatest value.")
variance = _aggregation("variance", "The variance over exact sums.")
stddev = _aggregation("stddev", "The standard deviation over exact sums.")
first = _aggregation("first", "The oldest value, by (event time, position).")
last = _aggregation("last", "The newest value that is not null, by (event time, position).")
latest = _aggregation("latest", "The newest fact's value, also when that is null.")


class Computed:
    """A feature of a service that is computed when asked for; see `expr`."""

    def __init__(self, name: str, expression: str) -> None:
        self.name = name
        self.expression = expression

    def definition(self) -> dict[str, str]:
        """As a document has it."""
        return {"name": self.name, "expr": self.expression}

    def __repr__(self) -> str:
        return f"expr({self.name!r}, {self.expression!r})"


def expr(name: str, expression: str) -> Computed:
    """A feature computed when asked for: an expression over inputs and features of views."""
    return Computed(name, expression)


# MARK: Streams, views, services


class _Definition:
    """What streams, views and services share: a name and a document."""

    _document: ClassVar[dict[str, Any] | None] = None
    _kind: ClassVar[str] = "definition"

    @classmethod
    def name(cls) -> str:
        """Its name, as the node knows it."""
        return str(definition_of(cls)["name"])

    @classmethod
    def definition(cls) -> dict[str, Any]:
        """As a document has it."""
        return definition_of(cls)


def definition_of(definition: type[_Definition]) -> dict[str, Any]:
    """A class's document, also where one of its features or fields is called `definition`."""
    if definition._document is None:
        raise DefinitionErrors([f"{definition.__name__} is the base of every {definition._kind}"])
    return definition._document


class Stream(_Definition):
    """A stream of records: annotations are its fields.

    Class arguments:
        name: the stream's name; from `DepartedFlights` it is `departed_flights`.
        event_time: the field that says when a fact happened; of type int, give `event_time_unit`.
        event_time_unit: what an int field counts since 1970 UTC: `s`, `ms`, `us`.
        known_at: the field that says since when a fact is known; else since the log accepted it.
        known_after: in its place, how long after its event time a fact is known.
        key: the field or fields that say whom a record is about.
        id: the field that names the fact; a later record with the same value replaces it.
        expectations: rules by name, each an expression; see `Field` for rules about one field.
        policy: what happens to records that break a rule: `reject` (default) or `quarantine`.

    >>> from datetime import datetime
    >>> class Clicks(Stream, event_time="at", event_time_unit="ms", key="user", policy="quarantine",
    ...              expectations={"sane price": "price < 1000"}):
    ...     user: int
    ...     at: int
    ...     price: float | None
    >>> Clicks.definition()["fields"]
    {'user': 'int64', 'at': 'int64', 'price': 'float64?'}
    """

    _kind = "stream"

    def __init_subclass__(
        cls,
        *,
        name: str | None = None,
        event_time: str | None = None,
        event_time_unit: Literal["s", "ms", "us"] | None = None,
        known_at: str | None = None,
        known_after: Duration | None = None,
        key: str | Sequence[str] = (),
        id: str | None = None,
        expectations: Mapping[str, str] | None = None,
        policy: Literal["reject", "quarantine"] | None = None,
        fields: Mapping[str, FieldType | Field] | None = None,
    ) -> None:
        super().__init_subclass__()
        problems = _Problems(f"stream {cls.__name__}")
        given = dict(fields) if fields is not None else _annotated(cls, problems)
        name = name or _snake(cls.__name__)
        problems.check_name(name, _STREAM_NAME)
        types_ = {field: problems.field_type(field, kind) for field, kind in given.items()}
        if not types_:
            problems.add("it has no fields; annotate some, such as `time: datetime`")
        keys = [key] if isinstance(key, str) else list(key)
        for role, names in (
            ("event_time", [event_time]), ("known_at", [known_at]), ("key", keys), ("id", [id]),
        ):  # fmt: skip
            for field in names:
                if field is not None and field not in types_:
                    problems.add(f"{role} is {field!r}, expected one of {', '.join(types_)}")
        if event_time_unit and event_time is None:
            problems.add("event_time_unit without event_time, which says what counts")
        if known_at is not None and known_after is not None:
            problems.add("known_at and known_after, expected one of them")
        rules = [
            rule
            for field, kind in given.items()
            if isinstance(kind, Field) and (rule := kind.expectation(field))
        ]
        rules += [{"name": n, "expr": text} for n, text in (expectations or {}).items()]
        problems.done()

        document: dict[str, Any] = {"name": name, "fields": types_}
        if event_time is not None:
            document["event_time"] = (
                {"field": event_time, "unit": event_time_unit} if event_time_unit else event_time
            )
        if known_at is not None:
            document["known_at"] = known_at
        if known_after is not None:
            document["known_after"] = _duration(known_after)
        if keys:
            document["key"] = keys
        if id is not None:
            document["id"] = id
        if rules:
            document["expectations"] = rules
        if policy is not None:
            document["policy"] = policy
        cls._document = document

    @classmethod
    def define(
        cls, name: str, fields: Mapping[str, FieldType | Field], **options: Any
    ) -> type[Stream]:
        """A stream without a class statement: for fields that Python does not allow as names.

        >>> Stream.define("rides", {"in": str, "class": "int64?"}, key="in").definition()
        {'name': 'rides', 'fields': {'in': 'string', 'class': 'int64?'}, 'key': ['in']}
        """
        return types.new_class(_camel(name), (Stream,), dict(name=name, fields=fields, **options))


class View(_Definition):
    """Features of one kind of entity.

    A *derived* view has a `source`, and features as attributes. A *written* view has no source:
    its features are annotations, and their values are pushed with `Client.write_features`.

    Class arguments:
        entity: the key of what the features describe: names of fields of the source, or a mapping
            of names to types where the source is given by name, or the view is written.
        source: a `Stream`, or the name of one that is in force.
        name: the view's name; from `AirportTraffic` it is `airport_traffic`.
        where: the condition for records to count.
        max_age: how old a value may be before it is expired.
        at_cutoff: whether a fact at exactly T counts: `include`, or `exclude` (default).

    >>> class Profile(View, entity={"user": int}, max_age="30d"):
    ...     age: int | None
    ...     country: str
    >>> Profile.definition()["values"]
    {'age': 'int64?', 'country': 'string'}
    >>> Profile.ref("age")
    'profile.age'
    """

    _kind = "view"
    _source: ClassVar[type[Stream] | None] = None

    def __init_subclass__(
        cls,
        *,
        entity: str | Sequence[str] | Mapping[str, FieldType],
        source: type[Stream] | str | None = None,
        name: str | None = None,
        where: str | None = None,
        max_age: Duration | None = None,
        at_cutoff: Literal["include", "exclude"] | None = None,
        features: Mapping[str, Feature] | None = None,
        values: Mapping[str, FieldType] | None = None,
    ) -> None:
        super().__init_subclass__()
        problems = _Problems(f"view {cls.__name__}")
        name = name or _snake(cls.__name__)
        problems.check_name(name, _NAME)
        if features is not None:
            computed = {key: feature.named(key) for key, feature in features.items()}
        else:
            computed = {k: v for k, v in vars(cls).items() if isinstance(v, Feature)}
        if values is not None:
            pushed: dict[str, Any] = dict(values)
        else:
            pushed = _annotated(cls, problems)
        written = {key: problems.field_type(key, kind) for key, kind in pushed.items()}
        if source is None and computed:
            problems.add("it has features but no source, the stream they are computed of")
        if source is not None and written:
            problems.add(
                f"it has pushed values ({', '.join(written)}) beside a source, from which values"
                " are computed; make it two views"
            )
        if not computed and not written:
            problems.add("it has no features; give it some, such as `n = count(window='1h')`")
        keys = problems.entity(entity, source)
        problems.done()

        document: dict[str, Any] = {"name": name, "entity": keys}
        if source is not None:
            named = source if isinstance(source, str) else definition_of(source)["name"]
            document["source"] = named
        if where is not None:
            document["where"] = where
        if computed:
            for feature in computed.values():
                feature.view = cls
            document["features"] = [feature.definition() for feature in computed.values()]
        else:
            document["values"] = written
        if max_age is not None:
            document["max_age"] = _duration(max_age)
        if at_cutoff is not None:
            document["at_cutoff"] = at_cutoff
        cls._document = document
        cls._source = source if isinstance(source, type) else None

    @classmethod
    def ref(cls, feature: str) -> str:
        """One of its features as a service names it."""
        definition = definition_of(cls)
        names = [item["name"] for item in definition.get("features", [])]
        names += definition.get("values", {})
        if feature not in names:
            raise DefinitionErrors([
                f"view {definition['name']} has no feature {feature!r}; it has {', '.join(names)}"
            ])  # fmt: skip
        return f"{definition['name']}.{feature}"

    @classmethod
    def define(
        cls,
        name: str,
        *,
        entity: str | Sequence[str] | Mapping[str, FieldType],
        source: type[Stream] | str | None = None,
        features: Mapping[str, Feature] | None = None,
        values: Mapping[str, FieldType] | None = None,
        **options: Any,
    ) -> type[View]:
        """A view without a class statement: for features that are made in a loop.

        >>> view = View.define("traffic", entity={"origin": str}, source="departures", features={
        ...     f"n_{hours}h": count(window=f"{hours}h") for hours in (1, 6, 24)})
        >>> [feature["name"] for feature in view.definition()["features"]]
        ['n_1h', 'n_6h', 'n_24h']
        """
        given = dict(
            name=name, entity=entity, source=source, features=features, values=values, **options
        )
        return types.new_class(_camel(name), (View,), given)


FeatureLike: TypeAlias = type[View] | Feature | Computed | str
"""A whole view, a feature of one, `expr(...)`, or a text: `view.*`, `view.feature`, an input."""


class Service(_Definition):
    """What one model consumes: annotations are the request's inputs, `features` the columns.

    >>> class Pricing(Service, name="pricing_v2"):
    ...     distance: float
    ...     memo: str | None
    ...     features = ["traffic.*", "distance", expr("km", "distance * 1.609344")]
    >>> Pricing.definition()["inputs"]
    {'distance': 'float64', 'memo': 'string?'}
    """

    _kind = "service"
    _views: ClassVar[tuple[type[View], ...]] = ()
    features: ClassVar[Sequence[FeatureLike]] = ()

    def __init_subclass__(
        cls, *, name: str | None = None, inputs: Mapping[str, FieldType] | None = None
    ) -> None:
        super().__init_subclass__()
        problems = _Problems(f"service {cls.__name__}")
        name = name or _snake(cls.__name__)
        problems.check_name(name, _NAME)
        given = dict(inputs) if inputs is not None else _annotated(cls, problems)
        types_ = {key: problems.field_type(key, kind) for key, kind in given.items()}
        columns: list[Any] = []
        views: list[type[View]] = []
        for feature in cls.features:
            if isinstance(feature, str):
                columns.append(feature)
            elif isinstance(feature, Computed):
                columns.append(feature.definition())
            elif isinstance(feature, Feature):
                if feature.view is None:
                    problems.add(f"{feature!r} belongs to no view")
                    continue
                columns.append(feature.reference)
                views.append(feature.view)
            elif isinstance(feature, type) and issubclass(feature, View):
                columns.append(f"{definition_of(feature)['name']}.*")
                views.append(feature)
            else:
                problems.add(
                    f"a feature is {feature!r}, expected a view, a feature of one, expr(...), or a"
                    " text such as 'view.feature'"
                )
        if not cls.features:
            problems.add("it has no features; list some: `features = [AirportTraffic]`")
        problems.done()
        document: dict[str, Any] = {"name": name}
        if types_:
            document["inputs"] = types_
        document["features"] = columns
        cls._document = document
        cls._views = tuple(dict.fromkeys(views))

    @classmethod
    def define(
        cls, name: str, features: Sequence[FeatureLike], *,
        inputs: Mapping[str, FieldType] | None = None,
    ) -> type[Service]:  # fmt: skip
        """A service without a class statement.

        >>> Service.define("tiny", ["traffic.n_1h"]).definition()
        {'name': 'tiny', 'features': ['traffic.n_1h']}
        """

        def body(namespace: dict[str, Any]) -> None:
            namespace["features"] = list(features)

        options = {"name": name, "inputs": inputs or {}}
        return types.new_class(_camel(name), (Service,), options, body)


# MARK: Documents


class Definitions:
    """Streams, views and services as one document, with what they use before what uses them.

    >>> traffic = View.define("traffic", entity={"origin": str}, source="departures",
    ...                       features={"n": count(window="1h")})
    >>> list(Definitions(Service.define("s", [traffic])).document)
    ['views', 'services']
    """

    def __init__(self, *definitions: type[Stream] | type[View] | type[Service]) -> None:
        # In order, and each once.
        found: dict[str, dict[type[_Definition], None]]
        found = {"streams": {}, "views": {}, "services": {}}

        def add(definition: Any) -> None:
            if not (isinstance(definition, type) and issubclass(definition, _Definition)):
                raise DefinitionErrors([
                    f"{definition!r} is no definition, expected a class of Stream, View or Service"
                ])  # fmt: skip
            definition_of(definition)  # refuses the bases
            if issubclass(definition, Stream):
                found["streams"][definition] = None
            elif issubclass(definition, View):
                if definition._source is not None:
                    add(definition._source)
                found["views"][definition] = None
            elif issubclass(definition, Service):
                for view in definition._views:
                    add(view)
                found["services"][definition] = None

        for definition in definitions:
            add(definition)
        self.document: dict[str, list[dict[str, Any]]] = {
            part: [definition_of(item) for item in items] for part, items in found.items() if items
        }

    def __repr__(self) -> str:
        parts = (f"{len(items)} {part}" for part, items in self.document.items())
        return f"<definitions: {', '.join(parts) or 'none'}>"


DefinitionsLike: TypeAlias = (
    Definitions
    | type[Stream]
    | type[View]
    | type[Service]
    | Iterable[type[Stream] | type[View] | type[Service]]
    | Mapping[str, Any]
    | types.ModuleType
    | Path
    | str
)
"""Classes, a module that has some, a document as a dict, or a path to one."""


def document_of(definitions: DefinitionsLike) -> dict[str, Any]:
    """The document that definitions say, in whatever form they come."""
    if isinstance(definitions, Definitions):
        return dict(definitions.document)
    if isinstance(definitions, Mapping):
        return dict(definitions)
    if isinstance(definitions, (str, Path)):
        try:
            document = json.loads(Path(definitions).read_text(encoding="utf-8"))
        except OSError as error:
            raise DefinitionErrors([f"{definitions} cannot be read: {error.strerror}"]) from None
        except ValueError as error:
            raise DefinitionErrors([f"{definitions} is not JSON: {error}"]) from None
        if not isinstance(document, dict):
            raise DefinitionErrors([f"{definitions} holds no object, expected definitions"])
        return document
    if isinstance(definitions, type):
        return Definitions(definitions).document
    if isinstance(definitions, types.ModuleType):
        module = definitions
        found = [
            item
            for item in vars(module).values()
            if isinstance(item, type)
            and issubclass(item, _Definition)
            and item._document is not None
            and item.__module__ == module.__name__
        ]
        return Definitions(*typing.cast("list[type[Stream]]", found)).document
    return Definitions(*definitions).document


class _Problems:
    """Collects what is wrong with one class, to say it all at once."""

    def __init__(self, subject: str) -> None:
        self.subject = subject
        self.messages: list[str] = []

    def add(self, message: str) -> None:
        self.messages.append(f"{self.subject}: {message}")

    def done(self) -> None:
        if self.messages:
            raise DefinitionErrors(self.messages)

    def check_name(self, name: str, pattern: re.Pattern[str]) -> None:
        if not pattern.fullmatch(name):
            more = ', "." or "-"' if pattern is _STREAM_NAME else ""
            self.add(f"its name is {name!r}, expected {_NAMES}{more}")

    def field_type(self, field: str, kind: Any) -> str:
        """The type's text; a problem is noted, and some type returned."""
        if not _NAME.fullmatch(field):
            self.add(f"a field is named {field!r}, expected {_NAMES}")
        text = _type_text(kind.type if isinstance(kind, Field) else kind)
        if text is None:
            self.add(
                f"field {field} is annotated {_show(kind)}, expected bool, int, float, str or"
                " datetime, with `| None` if it may be null"
            )
        return text or "string"

    def entity(
        self,
        entity: str | Sequence[str] | Mapping[str, FieldType],
        source: type[Stream] | str | None,
    ) -> dict[str, str]:
        if isinstance(entity, Mapping):
            return {key: self.field_type(key, kind) for key, kind in entity.items()}
        names = [entity] if isinstance(entity, str) else list(entity)
        if not isinstance(source, type):
            self.add(
                f"its entity is {entity!r}, expected names and types, such as"
                f" {{{names[0] if names else 'origin'!r}: str}}: there is no source class to tell"
            )
            return {}
        fields = definition_of(source)["fields"]
        keys: dict[str, str] = {}
        for name in names:
            if name in fields:
                keys[name] = fields[name].removesuffix("?")
            else:
                self.add(f"its entity is {name!r}, expected one of {', '.join(fields)}")
        return keys


def _annotated(cls: type, problems: _Problems) -> dict[str, Any]:
    """The annotations of a class that name fields, with what `Field` adds."""
    own = [key for key in inspect.get_annotations(cls) if not key.startswith("__")]
    try:
        hints = typing.get_type_hints(cls, localns=_names_around())
    except (NameError, TypeError, SyntaxError) as error:
        problems.add(f"its annotations cannot be read: {error}")
        problems.done()
    found: dict[str, Any] = {}
    for key in own:
        hint, default = hints[key], cls.__dict__.get(key)
        if typing.get_origin(hint) is ClassVar:
            continue
        if isinstance(default, Field):
            default.type = default.type if default.type is not None else hint
            hint = default
        elif default is not None:
            problems.add(f"field {key} has the default {default!r}, expected none, or Field(...)")
        found[key] = hint
    return found


def _names_around() -> dict[str, Any]:
    """The names that a class statement sees, also where it stands in a function."""
    frame = sys._getframe(1)
    ours = (globals(), vars(types))
    while frame.f_back and any(frame.f_globals is names for names in ours):
        frame = frame.f_back
    return {**frame.f_globals, **frame.f_locals}


def _type_text(kind: Any) -> str | None:
    if isinstance(kind, str):
        return kind if kind.removesuffix("?") in _TYPES else None
    if kind in _PYTHON_TYPES:
        return _PYTHON_TYPES[kind]
    if typing.get_origin(kind) in (typing.Union, types.UnionType):
        inner = [part for part in typing.get_args(kind) if part is not type(None)]
        if len(inner) == 1 and inner[0] in _PYTHON_TYPES:
            return _PYTHON_TYPES[inner[0]] + "?"
    return None


def _show(kind: Any) -> str:
    kind = kind.type if isinstance(kind, Field) else kind
    return kind.__name__ if isinstance(kind, type) else repr(kind)


def _snake(name: str) -> str:
    return _CLASS_WORDS.sub("_", name).lower()


def _camel(name: str) -> str:
    return "".join(word.capitalize() for word in re.split(r"[^a-zA-Z0-9]+", name)) or "Definition"
