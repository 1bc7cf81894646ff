"""Definitions as classes against documents, the schema, and the node."""

from __future__ import annotations

import datetime as dt
import json
import re
import types
from datetime import datetime, timedelta
from typing import Any

import flight_definitions
import jsonschema
import pytest
from conftest import FLIGHTS, ROOT
from hypothesis import given, settings
from hypothesis import strategies as st

import varve
from varve import Field, Service, Stream, View, count, expr, last, latest, mean

SCHEMA = json.loads((ROOT / "fixtures/golden/definitions/schema.json").read_text())
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)


def document(*definitions: Any) -> dict[str, Any]:
    found = varve.Definitions(*definitions).document
    VALIDATOR.validate(found)
    return found


def test_the_flights_as_classes_are_the_flights_as_json() -> None:
    from flight_definitions import Arrivals, Departures, Schedule, Weather

    classes = (Schedule, Departures, Arrivals, Weather, flight_definitions.ArrivalDelay)
    assert document(*classes) == json.loads((FLIGHTS / "definitions.json").read_text())


def test_what_is_used_comes_first_and_once() -> None:
    service = flight_definitions.ArrivalDelay
    found = document(service, service)
    assert [s["name"] for s in found["streams"]] == ["departures", "arrivals", "weather"]
    assert len(found["services"]) == 1


def test_everything_that_definitions_can_say() -> None:
    class Flights(
        Stream, name="flights.v1-eu", event_time="ts", event_time_unit="ms",
        known_after=timedelta(hours=2), key=["origin"], id="id", policy="quarantine",
        expectations={"price is sane": "price < 1000.0 and price >= 0"},
    ):  # fmt: skip
        id: str
        ts: int
        seen: datetime | None
        origin: str | None
        seats: int = Field(min=1, max=853)
        price: float | None
        late: bool = Field(one_of=[True])
        at: datetime = Field(min=datetime(2013, 1, 1, tzinfo=dt.UTC), rule="not too old")
        memo: str | None = Field("string?", not_null=True)

    class Airport(
        View, source=Flights, entity="origin", where="not late", max_age="2d", at_cutoff="include"
    ):
        n = count(window="1h", lag="1d", hop=timedelta(minutes=1))
        priced = count("price", window="lifetime", where="seats > 100")
        total = varve.sum("seats", window=varve.last_facts(10))
        first_at = varve.first("at", window="last 3 facts")
        cheapest = varve.min("price", window="14d")
        spread = varve.stddev("price / 2", window="1500ms")
        wide = varve.variance("price", window="7d")
        idle = varve.time_since_last()

    class User(View, entity={"user": int}):
        age: int | None
        country: str

    class Delay(Service):
        distance: float
        memo: str | None
        features = [
            User.ref("age"),
            "memo",
            Airport.n,
            expr("ratio", "airport.total / distance"),
            User,
        ]

    found = document(Delay)
    assert found["streams"][0] == {
        "name": "flights.v1-eu",
        "fields": {
            "id": "string", "ts": "int64", "seen": "timestamp?", "origin": "string?",
            "seats": "int64", "price": "float64?", "late": "bool", "at": "timestamp",
            "memo": "string?",
        },
        "event_time": {"field": "ts", "unit": "ms"}, "known_after": "2h", "key": ["origin"],
        "id": "id", "policy": "quarantine",
        "expectations": [
            {"field": "seats", "min": 1, "max": 853}, {"field": "late", "in": [True]},
            {"name": "not too old", "field": "at", "min": "2013-01-01T00:00:00Z"},
            {"field": "memo", "not_null": True},
            {"name": "price is sane", "expr": "price < 1000.0 and price >= 0"},
        ],
    }  # fmt: skip
    airport, user = found["views"][0], found["views"][1]
    assert user == {
        "name": "user",
        "entity": {"user": "int64"},
        "values": {"age": "int64?", "country": "string"},
    }
    assert airport["features"][0] == {
        "name": "n",
        "count": "*",
        "window": "1h",
        "lag": "1d",
        "hop": "1m",
    }
    assert airport["features"][-1] == {"name": "idle", "time_since_last": "*", "window": "lifetime"}
    assert found["services"][0]["features"] == [
        "user.age",
        "memo",
        "airport.n",
        {"name": "ratio", "expr": "airport.total / distance"},
        "user.*",
    ]


def test_features_may_have_the_names_of_methods() -> None:
    class Odd(View, source="s", entity={"k": str}):
        name = count(window="1h")
        definition = count(window="2h")
        ref = count(window="3h")

    class Uses(Service):
        features = [Odd, Odd.name]

    assert document(Uses)["services"][0]["features"] == ["odd.*", "odd.name"]


def test_a_module_a_dict_and_a_path_are_definitions(tmp_path: Any) -> None:
    from varve.definitions import document_of

    module = types.ModuleType("mine")
    exec("import varve\nclass Clicks(varve.Stream):\n    user: int\n", module.__dict__)
    expected = {"streams": [{"name": "clicks", "fields": {"user": "int64"}}]}
    assert document_of(module) == expected
    assert document_of(expected) == expected
    path = tmp_path / "defs.json"
    path.write_text(json.dumps(expected))
    assert document_of(path) == document_of(str(path)) == expected
    for text, message in [("[]", "holds no object"), ("{", "is not JSON")]:
        path.write_text(text)
        with pytest.raises(varve.DefinitionErrors, match=message):
            document_of(path)
    with pytest.raises(varve.DefinitionErrors, match="cannot be read"):
        document_of(tmp_path / "none.json")


def test_mistakes_in_a_class_are_said_all_at_once() -> None:
    with pytest.raises(varve.DefinitionErrors) as caught:

        class Wrong(
            Stream, event_time="tme", key=["origin", "nope"], known_at="time", known_after="2h"
        ):
            time: datetime
            origin: list[str]
            n: int = 7

    assert [error.partition(": ")[0] for error in caught.value.errors] == ["stream Wrong"] * 5
    assert str(caught.value) == "\n".join(caught.value.errors)
    for part in ("list[str]", "the default 7", "'tme'", "'nope'", "known_at and known_after"):
        assert part in str(caught.value)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Stream.define("a/b", {"x": int}), "its name is 'a/b'"),
        (lambda: Stream.define("a", {"x y": int}), "a field is named 'x y'"),
        (lambda: Stream.define("a", {}), "has no fields"),
        (lambda: Stream.define("a", {"x": "int32"}), "annotated 'int32'"),
        (lambda: View.define("v", entity={"k": str}), "has no features"),
        (lambda: View.define("v", entity="k", features={"n": count(window="1h")}), "no source"),
        (lambda: View.define("v", entity={"k": str}, source="s", values={"x": int}), "two views"),
        (lambda: Service.define("s", []), "has no features"),
        (lambda: Service.define("s", [count(window="1h")]), "belongs to no view"),
        (lambda: Service.define("s", [7]), "a feature is 7"),  # type: ignore[list-item]
        (lambda: varve.Definitions(Stream), "is the base of every stream"),
        (lambda: varve.Definitions("x"), "'x' is no definition"),  # type: ignore[arg-type]
        (lambda: count(window=timedelta(-1)), "none before zero"),
    ],
)
def test_a_mistake_says_what_was_expected(make: Any, message: str) -> None:
    with pytest.raises(varve.DefinitionErrors, match=re.escape(message)):
        make()


# MARK: Random documents, accepted by schema and node

FIELD_NAMES = st.from_regex(r"\Af_[a-z0-9]{1,6}\Z")
DURATIONS = st.builds(
    lambda n, unit: timedelta(**{unit: n}),
    st.integers(1, 500),
    st.sampled_from(
        ["weeks", "days", "hours", "minutes", "seconds", "milliseconds", "microseconds"]
    ),
)
AGGREGATIONS = [mean, varve.sum, varve.min, varve.max, last, latest, varve.stddev]


@st.composite
def services(draw: st.DrawFn) -> type[Service]:
    mark = draw(st.integers(0, 10**9))
    names = draw(st.lists(FIELD_NAMES, min_size=2, max_size=5, unique=True))
    fields: dict[str, Any] = {"key": "string", "at": "timestamp"}
    fields |= {name: draw(st.sampled_from(["int64", "float64?", "float64"])) for name in names}
    stream = Stream.define(f"s{mark}", fields, event_time="at", key="key")
    feature = st.one_of(
        st.builds(lambda w: count(window=w), DURATIONS),
        st.builds(
            lambda f, of, w, lag: f(of, window=w, lag=lag),
            st.sampled_from(AGGREGATIONS),
            st.sampled_from(names),
            DURATIONS,
            st.none() | DURATIONS,
        ),
        st.builds(
            lambda n, of: last(of, window=varve.last_facts(n)),
            st.integers(1, 9),
            st.sampled_from(names),
        ),
    )
    features = draw(st.dictionaries(FIELD_NAMES, feature, min_size=1, max_size=5))
    view = View.define(
        f"v{mark}",
        entity="key",
        source=stream,
        features=features,
        max_age=draw(st.none() | DURATIONS),
        at_cutoff=draw(st.sampled_from([None, "include", "exclude"])),
    )
    return Service.define(f"d{mark}", [view, expr("twice", "x * 2"), "x"], inputs={"x": float})


@settings(max_examples=30, deadline=None)
@given(service=services())
def test_random_definitions_fit_the_schema_and_the_node(service: Any, node: varve.Client) -> None:
    found = document(service)
    plan = node.plan(service)
    assert [change.name for change in plan.changes] == [
        item["name"] for part in ("streams", "views", "services") for item in found[part]
    ]
    assert {change.change for change in plan.changes} == {"created"}


def test_the_node_says_every_mistake(node: varve.Client) -> None:
    with pytest.raises(varve.DefinitionErrors) as caught:
        node.apply(FLIGHTS.parent / "golden" / "definitions" / "schema.json")
    assert len(caught.value.errors) >= 3
    assert str(caught.value) == "\n".join(caught.value.errors)
