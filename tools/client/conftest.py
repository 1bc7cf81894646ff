"""A node for the tests: `VARVE_BINARY`, or the release build of this repository."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import varve

ROOT = Path(__file__).resolve().parents[2]
FLIGHTS = ROOT / "fixtures" / "flights"
# The definitions of the flights are those of the example.
sys.path.insert(0, str(ROOT / "tools" / "client" / "examples"))


class Departures(varve.Stream, event_time="time", known_at="time", key="origin"):
    time: datetime
    origin: str
    dep_delay: float | None


class AirportTraffic(varve.View, source=Departures, entity="origin"):
    departures_1h = varve.count(window="1h")
    mean_delay_6h = varve.mean("dep_delay", window="6h")


class ArrivalDelay(varve.Service):
    distance: float
    features = [AirportTraffic, "distance", varve.expr("log_distance", "log(distance + 1)")]


def pytest_configure() -> None:
    built = ROOT / ".build" / "release" / "varve"
    if "VARVE_BINARY" not in os.environ and built.exists():
        os.environ["VARVE_BINARY"] = str(built)


class Rider(varve.View, entity={"id": int}):
    age: int | None


def apply(client: varve.Client, *definitions: Any) -> None:
    """Puts definitions in force, and has the online store know them.

    Nodes up to commit c1a1f6a hand a frame to their projections in reverse order, so the online
    store adopts a definition with the next record of the catalog: a new stream makes one.
    """
    client.apply(varve.Definitions(*definitions))
    client.append(f"nudge.{client.position().rpartition('@')[2]}", [{}])
    deadline = time.monotonic() + 30
    while client.status().lag and time.monotonic() < deadline:
        time.sleep(0.01)


def departures() -> list[dict[str, Any]]:
    noon = datetime(2013, 3, 9, 12, tzinfo=UTC)
    return [
        {"time": noon + timedelta(minutes=20 * n), "origin": "JFK", "dep_delay": 10.0 * n}
        for n in range(-3, 6)
        if n != 2
    ]


def small_onnx() -> bytes:
    """A model of the four columns of `ArrivalDelay`."""
    from skl2onnx import to_onnx
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    rows = np.random.default_rng(1).normal(size=(64, 4)).astype("float32")
    # Features may be missing: a model that answers NaN then is of no use.
    model = make_pipeline(SimpleImputer(), LogisticRegression()).fit(rows, rows.sum(axis=1) > 0)
    graph = to_onnx(model, rows[:1], options={id(model): {"zipmap": False}})
    return bytes(graph.SerializeToString())


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[varve.Client]:
    """A client of an empty node of its own."""
    with varve.open(tmp_path / "node") as client:
        yield client


@pytest.fixture(scope="session")
def onnx() -> bytes:
    return small_onnx()


@contextmanager
def filled(directory: Path, onnx: bytes) -> Iterator[varve.Client]:
    """A client of a node with some departures, a service, a model."""
    with varve.open(directory) as client:
        apply(client, ArrivalDelay, Rider)
        done = client.append(Departures, departures())
        client.online(AirportTraffic, {"origin": "JFK"}, min_position=done)
        version = client.register_model("late", onnx, service=ArrivalDelay)
        client.alias(version, "champion")
        yield client


@pytest.fixture(scope="session")
def node(tmp_path_factory: pytest.TempPathFactory, onnx: bytes) -> Iterator[varve.Client]:
    """A client of a node that all tests share."""
    with filled(tmp_path_factory.mktemp("shared") / "node", onnx) as client:
        yield client


@pytest.fixture(scope="session")
def documented(tmp_path_factory: pytest.TempPathFactory, onnx: bytes) -> Iterator[varve.Client]:
    """The same for the examples in docstrings, which append what tests do not expect."""
    with filled(tmp_path_factory.mktemp("documented") / "node", onnx) as client:
        yield client


@pytest.fixture(autouse=True)
def examples(request: pytest.FixtureRequest, doctest_namespace: dict[str, Any]) -> None:
    """What the examples in docstrings use."""
    if not isinstance(request.node, pytest.DoctestItem):
        return
    node = request.getfixturevalue("documented")
    doctest_namespace.update(
        varve=varve,
        pyarrow=pa,
        client=node,
        node=node,
        flights=ArrivalDelay,
        onnx=request.getfixturevalue("onnx"),
        tmp=request.getfixturevalue("tmp_path"),
    )
