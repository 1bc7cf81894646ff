"""Everything that a client does, against a node."""

from __future__ import annotations

import hashlib
import socket
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import onnxruntime
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conftest import AirportTraffic, ArrivalDelay, Departures, Rider, apply, departures
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import varve
from varve._encode import spine_csv
from varve._http import Transport

NOON = datetime(2013, 3, 9, 12, tzinfo=UTC)


def spine(rows: int = 40) -> pa.Table:
    return pa.table({
        "time": pa.array([NOON + timedelta(minutes=7 * n) for n in range(-10, rows - 10)],
                         pa.timestamp("ns", "America/New_York")),
        "origin": pa.array(["JFK" if n % 4 else "LGA" for n in range(rows)]).dictionary_encode(),
        "distance": pa.array([100.0 + n for n in range(rows)], pa.float32()),
        "code": [f"{n:03}" if n % 3 else str(n) for n in range(rows)],
        "late": pa.array([n % 2 == 0 for n in range(rows)]),
    })  # fmt: skip


# MARK: Appending


@pytest.mark.parametrize("form", ["dicts", "generator", "arrow", "pandas", "polars"])
@pytest.mark.parametrize("via", ["http", "kafka"])
def test_records_of_every_form_arrive(fresh: varve.Client, form: str, via: Any) -> None:
    apply(fresh, ArrivalDelay)
    rows = departures()
    table = pa.Table.from_pylist(rows)
    records: Any = {
        "dicts": rows, "generator": (row for row in rows), "arrow": table,
        "pandas": pd.DataFrame(rows), "polars": pl.DataFrame(rows),
    }[form]  # fmt: skip
    done = fresh.append(Departures, records, via=via)
    assert done.count == len(rows)
    row = fresh.online(AirportTraffic, {"origin": "JFK"}, at=NOON, min_position=done)
    assert row.values == {"departures_1h": 3, "mean_delay_6h": -20.0}


def test_nothing_is_appended_of_nothing(fresh: varve.Client) -> None:
    before = fresh.position()
    assert fresh.append("raw", []) == varve.Appended(0, before)


def test_a_refused_record_is_named_by_its_place_in_the_call(
    fresh: varve.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("varve._encode.CHUNK_BYTES", 500)
    apply(fresh, ArrivalDelay)
    rows: list[dict[str, Any]] = [
        {"time": NOON, "origin": "JFK", "dep_delay": float(n)} for n in range(50)
    ]
    rows[33] = {"time": NOON, "origin": "JFK", "dep_delay": "late"}
    with pytest.raises(varve.Refused, match='field `dep_delay` is "late"') as caught:
        fresh.append(Departures, rows)
    assert caught.value.record == 33
    records = {s.name: s.records for s in fresh.streams()}["departures"]
    assert caught.value.appended == records
    assert 0 < records <= 33
    (note,) = caught.value.__notes__
    assert f"go on with record {records}" in note
    done = fresh.append(Departures, rows[records:33] + rows[34:])
    assert done.count + records == 49


def test_a_refused_record_over_kafka(fresh: varve.Client) -> None:
    apply(fresh, ArrivalDelay)
    with pytest.raises(varve.Refused) as caught:
        fresh.append(Departures, [{"time": NOON, "origin": None}], via="kafka")
    assert caught.value.appended == 0


def test_kafka_needs_an_address(fresh: varve.Client) -> None:
    with (
        varve.connect(fresh.url) as client,
        pytest.raises(varve.VarveError, match="Kafka address is not known"),
    ):
        client.append("raw", [{}], via="kafka")


def test_an_optional_package_that_is_missing_is_named(
    fresh: varve.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "confluent_kafka", None)
    with pytest.raises(varve.MissingDependency, match=r"pip install 'varve\[kafka\]'"):
        fresh.append("raw", [{}], via="kafka")


VALUES = st.fixed_dictionaries({
    "i": st.none() | st.integers(-(2**63), 2**63 - 1),
    "f": st.none() | st.floats(allow_nan=False, allow_infinity=False),
    "b": st.none() | st.booleans(),
    "s": st.none() | st.text(st.characters(codec="utf-8"), max_size=20),
})  # fmt: skip


class Wide(varve.Stream, event_time="t", key="k"):
    k: int
    t: datetime
    i: int | None
    f: float | None
    b: bool | None
    s: str | None
    u: datetime | None


class Newest(varve.View, source=Wide, entity="k"):
    i = varve.latest("i", window=varve.lifetime)
    f = varve.latest("f", window=varve.lifetime)
    b = varve.latest("b", window=varve.lifetime)
    s = varve.latest("s", window=varve.lifetime)
    u = varve.latest("u", window=varve.lifetime)


class All(varve.Service):
    features = [Newest]


def test_values_survive_the_node(node: varve.Client) -> None:
    """Out as dicts or a table, back online and in a training set: the same bits."""
    apply(node, All)
    keys = iter(range(10**9))
    moments = st.datetimes(datetime(1700, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))

    @settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(st.lists(st.tuples(VALUES, st.none() | moments), min_size=1, max_size=6), st.booleans())
    def check(drawn: list[tuple[dict[str, Any], datetime | None]], as_table: bool) -> None:
        rows = [{"k": next(keys), "t": NOON, **v, "u": moment} for v, moment in drawn]
        schema = pa.schema([
            ("k", pa.int64()), ("t", pa.timestamp("us", "UTC")), ("i", pa.int64()),
            ("f", pa.float64()), ("b", pa.bool_()), ("s", pa.string()),
            ("u", pa.timestamp("us", "UTC")),
        ])  # fmt: skip
        table = pa.Table.from_pylist(rows, schema=schema)
        done = node.append(Wide, table if as_table else rows)
        asked = table.select(["k"]).append_column("time", pa.array([NOON] * len(rows)))
        built = node.training_set(All, asked, mode="as-corrected", basis=done).to_arrow()
        for row, trained in zip(rows, built.to_pylist(), strict=True):
            online = node.online(Newest, {"k": row["k"]}, at=NOON + timedelta(1), min_position=done)
            for name in ("i", "f", "b", "s"):
                assert repr(online[name]) == repr(row[name])
                assert online.statuses[name] == ("null_value" if row[name] is None else "present")
            assert trained["k"] == row["k"]

    check()


def test_written_features_are_read_back(fresh: varve.Client) -> None:
    apply(fresh, Rider)
    rows = pd.DataFrame({
        "id": [1, 2], "age": [30, None], "time": [pd.Timestamp(NOON)] * 2,
    })  # fmt: skip
    done = fresh.write_features(Rider, rows)
    assert fresh.online(Rider, {"id": 1}, min_position=done)["age"] == 30
    assert fresh.online(Rider, {"id": 2}, min_position=done).statuses["age"] == "null_value"
    with pytest.raises(varve.NotFound, match="there is no written view nope"):
        fresh.write_features("nope", [{}])


# MARK: Definitions


def test_a_changed_view_waits_for_a_rebuild(fresh: varve.Client) -> None:
    apply(fresh, AirportTraffic)
    done = fresh.append(Departures, departures())
    changed = varve.View.define(
        "airport_traffic",
        source=Departures,
        entity="origin",
        features={
            "departures_1h": varve.count(window="2h"),
            "mean_delay_6h": varve.mean("dep_delay", window="6h"),
        },
    )
    plan = fresh.plan(changed)
    assert [(c.name, c.change, c.version) for c in plan.changes][-1] == (
        "airport_traffic",
        "changed",
        2,
    )
    assert plan.replays == (varve.results.Replay("airport_traffic", "rebuild", 8),)
    assert not plan.is_empty
    assert fresh.apply(changed).needs_rebuild == ("airport_traffic",)
    before = fresh.online("airport_traffic", {"origin": "JFK"}, at=NOON, min_position=done)
    assert before["departures_1h"] == 3
    dry = fresh.rebuild("online")
    assert not dry.swapped
    (difference,) = dry.differences
    assert (difference.view, difference.feature, difference.keys) == (
        "airport_traffic",
        "departures_1h",
        1,
    )
    rebuilt = fresh.rebuild("online", swap=True)
    assert rebuilt.swapped
    assert "departures_1h" in rebuilt._repr_html_()
    after = fresh.online("airport_traffic", {"origin": "JFK"}, at=NOON + timedelta(hours=2))
    assert after["departures_1h"] == 5
    assert [v.version for v in fresh.history("view", "airport_traffic")] == [1, 2]
    assert fresh.rebuild("offline", swap=True).swapped
    assert fresh.status().needs_rebuild == ()


# MARK: Training sets


@pytest.mark.parametrize(
    "form", ["arrow", "pandas", "polars", "parquet", "file", "stream file", "csv"]
)
def test_spines_of_every_form_give_one_set(node: varve.Client, tmp_path: Path, form: str) -> None:
    table = spine()
    expected = node.training_set(ArrivalDelay, table)
    given: Any = {"arrow": table, "pandas": table.to_pandas(), "polars": pl.from_arrow(table)}.get(
        form
    )
    if form == "parquet":
        given = tmp_path / "spine.parquet"
        pq.write_table(table, given)
    elif form in ("file", "stream file"):
        given = str(tmp_path / "spine.arrow")
        new = pa.ipc.new_file if form == "file" else pa.ipc.new_stream
        with new(given, table.schema) as writer:
            writer.write_table(table)
    elif form == "csv":
        given = tmp_path / "spine.csv"
        given.write_bytes(varve._encode.spine_csv(table))
    built = node.training_set("arrival_delay", given)
    assert len(built) == table.num_rows
    assert built.features == expected.features
    for name in ("airport_traffic.departures_1h", "airport_traffic.mean_delay_6h"):
        assert built.to_arrow()[name].to_pylist() == expected.to_arrow()[name].to_pylist()
    if form != "csv":
        assert built.to_arrow()["code"].to_pylist() == table["code"].to_pylist()


def test_a_training_set_has_the_rows_of_its_spine(node: varve.Client) -> None:
    table = spine()
    built = node.training_set(ArrivalDelay, table)
    found = built.to_arrow()
    for name in ("origin", "distance", "code", "late"):
        assert found[name].equals(table[name]), name
    assert found["time"].type == pa.timestamp("us", "UTC")
    assert (
        found["time"].cast(pa.int64()).to_pylist()
        == table["time"].cast(pa.timestamp("us", "UTC")).cast(pa.int64()).to_pylist()
    )
    facts = [(row["time"], row["dep_delay"]) for row in departures()]
    for row in found.to_pylist():
        seen = [d for t, d in facts if row["time"] - timedelta(hours=1) <= t < row["time"]]
        wanted = len(seen) if row["origin"] == "JFK" else 0
        assert row["airport_traffic.departures_1h"] == wanted
    assert built.to_pandas().shape == (40, 8)
    assert built.to_polars().shape == (40, 8)
    matrix = built.to_numpy()
    assert matrix.shape == (40, 4)
    assert matrix.dtype == np.float32
    assert np.isnan(matrix[:, 1]).sum() == found["airport_traffic.mean_delay_6h"].null_count > 0


def test_the_manifest_and_the_leak_report(node: varve.Client) -> None:
    built = node.training_set(ArrivalDelay, spine())
    manifest = built.manifest
    assert manifest.id == built.id
    assert (manifest.mode, manifest.rows, manifest.time_column) == ("as-known", 40, "time")
    assert manifest.asserted_streams == ("departures",)
    column = manifest["airport_traffic.departures_1h"]
    assert column.profile is not None
    assert sum(column.profile.counts) + column.profile.nulls == 40
    assert sum(column.profile.histogram()) == pytest.approx(40)
    with pytest.raises(KeyError, match="has no column nope"):
        manifest["nope"]
    report = built.leak_report()
    assert report.leaks == 0
    frame = report.to_pandas()
    assert list(frame["feature"]) == built.features
    assert frame["latest_differs"].sum() > 0
    assert report.to_polars().height == len(report) == 4
    text = repr(report)
    assert "0 of 160 cells would have leaked" in text
    assert all(name in text for name in built.features)
    assert node.manifest(built.id) == manifest
    assert manifest in node.training_sets()


def test_late_data_is_what_leaks(fresh: varve.Client) -> None:
    class Late(varve.Stream, event_time="time", known_at="known", key="origin"):
        time: datetime
        known: datetime
        origin: str

    traffic = varve.View.define(
        "t", source=Late, entity="origin", features={"n": varve.count(window="1h")}
    )
    apply(fresh, service := varve.Service.define("s", [traffic]))
    fresh.append(Late, [
        {"time": NOON, "known": NOON, "origin": "JFK"},
        {"time": NOON + timedelta(minutes=1), "known": NOON + timedelta(days=1), "origin": "JFK"},
    ])  # fmt: skip
    asked = pa.table({"time": [NOON + timedelta(minutes=30)], "origin": ["JFK"]})
    known = fresh.training_set(service, asked)
    corrected = fresh.training_set(service, asked, mode="as-corrected")
    assert known.to_arrow()["t.n"].to_pylist() == [1]
    assert corrected.to_arrow()["t.n"].to_pylist() == [2]
    (leak,) = known.leak_report()
    assert (leak.leaks, leak.leak_share) == (1, 1.0)
    assert "100.0%" in repr(known.leak_report())


def test_a_set_is_reproduced_and_fetched_again(node: varve.Client) -> None:
    built = node.training_set(ArrivalDelay, spine())
    node.append(Departures, [{"time": NOON, "origin": "LGA", "dep_delay": 500.0}])
    again = built.reproduce()
    assert again.digest == built.digest
    assert again.to_arrow().equals(built.to_arrow())
    fetched = node.get_training_set(built.id)
    assert fetched.digest == built.digest
    assert fetched.manifest == built.manifest
    with pytest.raises(varve.NotFound, match="ts-nope"):
        node.get_training_set("ts-nope")


def test_a_large_set_arrives_in_pieces(fresh: varve.Client) -> None:
    apply(fresh, ArrivalDelay)
    fresh.append(Departures, departures())
    count = 200_000
    rows = pa.table({
        "time": [NOON + timedelta(hours=1)] * count, "origin": ["JFK", "LGA"] * (count // 2),
        "distance": [float(n) for n in range(count)],
    })  # fmt: skip
    built = fresh.training_set(ArrivalDelay, rows)
    table = built.to_arrow()
    assert table["distance"].to_pylist() == rows["distance"].to_pylist()
    assert table["airport_traffic.departures_1h"].num_chunks > 1
    assert set(table["airport_traffic.departures_1h"].to_pylist()[::2]) == {2}
    # What a client without this package does.
    query = {"service": "arrival_delay", "format": "arrows", "basis": built.manifest.basis}
    with httpx.stream(
        "POST", f"{fresh.url}/v1/training-sets", params=query, content=spine_csv(rows), timeout=60
    ) as answer:
        assert answer.headers["transfer-encoding"] == "chunked"
        assert answer.headers["varve-training-set"] == built.id
        data = b"".join(answer.iter_bytes())
    assert hashlib.sha256(data).hexdigest() == built.digest
    assert sum(batch.num_rows for batch in pa.ipc.open_stream(data)) == count


def test_a_set_that_is_cut_short_is_no_set() -> None:
    head = b"HTTP/1.1 200 OK\r\nVarve-Training-Set: ts-1\r\nTransfer-Encoding: chunked\r\n\r\n"
    sink = pa.BufferOutputStream()
    table = pa.table({"time": list(range(1000))})
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    whole = sink.getvalue().to_pybytes()
    # In the middle of a batch, and where only the last chunk is missing.
    for data in (whole[: len(whole) // 2], whole):
        with socket.create_server(("127.0.0.1", 0)) as server:

            def answer(server: socket.socket = server, data: bytes = data) -> None:
                connection, _ = server.accept()
                with connection:
                    asked = b""
                    while not asked.endswith(b"\r\n\r\n1"):
                        asked += connection.recv(1 << 16)
                    connection.sendall(head + b"%x\r\n%s\r\n" % (len(data), data))

            thread = threading.Thread(target=answer, daemon=True)
            thread.start()
            client = varve.Client(Transport(f"http://127.0.0.1:{server.getsockname()[1]}"))
            with pytest.raises(varve.ConnectionFailed):
                client._training_set(client._http.stream("POST", "v1", content=b"1"), None)
            thread.join()


def test_a_set_that_differs_is_not_reproduced() -> None:
    manifest = varve.Manifest("ts-1", "s", {}, "as-known", 1, 1, {}, "", "time", 1, (), (), {})
    table = pa.table({"time": [1]})
    built = varve.TrainingSet(table, "aa", manifest, None, lambda id, spine: other)
    other = varve.TrainingSet(table, "aa", manifest, None, lambda id, spine: other)
    assert built.reproduce() is other
    other.digest = "00"
    with pytest.raises(varve.NotReproduced, match="SHA-256 00"):
        built.reproduce()


def test_a_basis_is_an_older_state(fresh: varve.Client) -> None:
    apply(fresh, ArrivalDelay)
    first = fresh.append(Departures, departures()[:4])
    fresh.append(Departures, departures()[4:])
    asked = pa.table({"time": [NOON + timedelta(hours=1)], "origin": ["JFK"], "distance": [1.0]})

    def n(basis: Any) -> Any:
        built = fresh.training_set(ArrivalDelay, asked, basis=basis)
        return built.to_arrow()["airport_traffic.departures_1h"].to_pylist()[0]

    number = int(first.position.rpartition("@")[2])
    assert n(first) == n(first.position) == n(str(first.position)) == n(number) == 1
    assert n(None) == 2
    with pytest.raises(varve.BadRequest, match="is of another log"):
        n("000000000000@1")


def test_a_stream_is_a_spine(fresh: varve.Client) -> None:
    class Asked(varve.Stream, event_time="at", key="origin"):
        at: datetime
        origin: str
        distance: float

    apply(fresh, ArrivalDelay, Asked)
    fresh.append(Departures, departures())
    fresh.append(Asked, [{"at": NOON, "origin": "JFK", "distance": 9}])
    for source in (Asked, "asked"):
        built = fresh.training_set(ArrivalDelay, source)
        assert built.to_arrow()["airport_traffic.departures_1h"].to_pylist() == [3]
        assert built.reproduce().digest == built.digest


def test_a_spine_with_another_time_column(node: varve.Client) -> None:
    table = spine().rename_columns({"time": "asked_at"})
    built = node.training_set(ArrivalDelay, table, time="asked_at")
    assert built.to_arrow()["asked_at"].type == pa.timestamp("us", "UTC")
    with pytest.raises(varve.BadRequest, match="missing from the header"):
        node.training_set(ArrivalDelay, table)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (7, "the spine is a int"), ([{"a": 1}], "the spine is a list"),
        (Path("x.txt"), "x.txt is none of .csv"),
        *((f"none{end}", f"none{end} cannot be read") for end in (".csv", ".parquet", ".arrow")),
        (pd.DataFrame({"time": [pd.Timestamp("2013-01-01")]}), "times without a zone"),
        (pa.table({"x": [[1]]}), "column x is of type list"),
    ],
)  # fmt: skip
def test_what_is_no_spine_is_refused(node: varve.Client, given: Any, message: str) -> None:
    with pytest.raises(varve.EncodeError, match=message):
        node.training_set("arrival_delay", given)


def test_files_that_are_something_else(node: varve.Client, tmp_path: Path) -> None:
    for name in ("x.arrow", "x.parquet"):
        (tmp_path / name).write_text("not that")
        with pytest.raises(varve.EncodeError, match="is no"):
            node.training_set("arrival_delay", tmp_path / name)


def test_an_unknown_service_lists_those_there_are(node: varve.Client) -> None:
    with pytest.raises(varve.NotFound, match="arrival_delay"):
        node.training_set("nope", spine())


# MARK: Online


def test_names_are_told_apart(fresh: varve.Client) -> None:
    twin = varve.Service.define("airport_traffic", [AirportTraffic])
    apply(fresh, twin)
    with pytest.raises(varve.BadRequest, match="is a view and a service"):
        fresh.online("airport_traffic", {"origin": "JFK"})
    view = fresh.online("airport_traffic", {"origin": "JFK"}, kind="view")
    service = fresh.online("airport_traffic", {"origin": "JFK"}, kind="service")
    assert "departures_1h" in view
    assert "airport_traffic.departures_1h" in service
    assert list(fresh.online(twin, {"origin": "JFK"}).values) == list(service.values)
    with pytest.raises(varve.NotFound, match="there is no view nope"):
        fresh.online("nope", {})
    with pytest.raises(varve.BadRequest, match="takes no inputs"):
        fresh.online(AirportTraffic, {"origin": "JFK"}, {"x": 1})


def test_a_row_shows_itself(node: varve.Client) -> None:
    row = node.online(ArrivalDelay, {"origin": "JFK"}, {"distance": 10.0}, at=NOON)
    assert row["distance"] == 10.0
    assert row.time == NOON
    assert row.position.log == node.position().log
    assert "departures_1h" in repr(row)
    assert "<table" in row._repr_html_()


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        ({"keys": {}}, "key origin is missing"),
        ({"keys": {"origin": 7}}, "key origin is 7, expected a string"),
        ({"keys": {"origin": "JFK", "x": 1}}, "key x is not known"),
        ({"keys": {"origin": "JFK"}, "inputs": {"distance": "far"}}, "input distance is"),
        ({"keys": {"origin": "JFK"}, "inputs": {"distance": 1.0}, "at": "noon"}, "at is"),
    ],
)  # fmt: skip
def test_what_a_read_lacks_is_said(node: varve.Client, ask: Any, message: str) -> None:
    with pytest.raises(varve.BadRequest, match=message):
        node.online("arrival_delay", **{"inputs": {"distance": 1.0}, **ask})


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        ({"keys": {"origin": float("nan")}}, "is no number that JSON has"),
        ({"keys": ["JFK"]}, "expected a dict"),
        ({"keys": {"origin": "JFK"}, "at": datetime(2013, 1, 1)}, "at is .*, which has no zone"),
    ],
)  # fmt: skip
def test_what_cannot_be_asked_is_said(node: varve.Client, ask: Any, message: str) -> None:
    with pytest.raises(varve.EncodeError, match=message):
        node.online("airport_traffic", **ask)


# MARK: Models


def test_a_model_from_training_to_audit(fresh: varve.Client, onnx: bytes, tmp_path: Path) -> None:
    class Outcome(varve.Stream, event_time="time", key="ride"):
        time: datetime
        ride: str
        late: float

    apply(fresh, ArrivalDelay, Outcome)
    done = fresh.append(Departures, departures())
    built = fresh.training_set(ArrivalDelay, spine())
    path = tmp_path / "m.onnx"
    path.write_bytes(onnx)
    version = fresh.register_model("m", path, service=ArrivalDelay, training_set=built, origin="t")
    assert (version.reference, version.training_set, version.origin) == ("m:1", built.id, "t")
    assert fresh.alias(version, "champion") == 1
    assert fresh.alias(fresh.models["m"], "canary") == 1
    with pytest.raises(varve.BadRequest, match="which version of m is x"):
        fresh.alias("m", "x")
    session = onnxruntime.InferenceSession(onnx, providers=["CPUExecutionProvider"])
    for index in range(4):
        reply = fresh.predict(
            "m@champion", {"origin": "JFK"}, {"distance": 0.1 * index}, id=f"ride/{index}",
            at=NOON + timedelta(minutes=30), min_position=done,
        )  # fmt: skip
        record = fresh.prediction(reply.id)
        row = np.array([[np.nan if v is None else v for v in record.features.values()]], np.float32)
        (scores,) = session.run(["probabilities"], {"X": row})
        assert reply.score == pytest.approx(float(scores[0, 1]), abs=1e-6)
        assert reply.definitions_match
        audit = fresh.audit(reply)
        assert audit.is_identical
        assert audit.proof is not None
        assert record.statuses["distance"] == "present"
        assert "identical, bit for bit" in audit._repr_html_()
    with pytest.raises(varve.Conflict, match="is used already"):
        fresh.predict("m@champion", {"origin": "JFK"}, {"distance": 1.0}, id="ride/1")
    summary = fresh.audit_all()
    assert (summary.audited, summary.different) == (4, 0)
    monitoring = fresh.monitor(version)
    frame = monitoring.to_pandas()
    assert set(frame["signal"]) >= set(built.features)
    assert (frame["predictions"] == 4).all()
    assert monitoring.to_polars()["window"].dtype == pl.Datetime("us", "UTC")
    assert "m:1" in repr(monitoring)
    assert "<table" in monitoring._repr_html_()
    fresh.append(
        Outcome, [{"time": NOON, "ride": f"ride/{n}", "late": float(n % 2)} for n in range(4)]
    )
    evaluation = fresh.evaluate("m@champion", stream=Outcome, id="ride", label="late")
    assert (evaluation.predictions, evaluation.joined) == (4, 4)
    assert evaluation.auc is not None
    assert "m:1" in repr(fresh.models)
    assert "champion" in fresh.models._repr_html_()


def test_what_is_no_model_is_refused(node: varve.Client, tmp_path: Path) -> None:
    with pytest.raises(varve.EncodeError, match="the model is a int"):
        node.register_model("x", 7, service="arrival_delay")
    with pytest.raises(varve.EncodeError, match="cannot be read"):
        node.register_model("x", tmp_path / "none.onnx", service="arrival_delay")
    with pytest.raises(varve.RequestError):
        node.register_model("x", b"not onnx", service="arrival_delay")
    with pytest.raises(varve.NotFound):
        node.predict("nope", {})
    with pytest.raises(varve.NotFound):
        node.monitor("nope")


def test_an_onnx_model_is_taken_as_it_is(fresh: varve.Client, onnx: bytes) -> None:
    import onnx as library

    apply(fresh, ArrivalDelay)
    model = library.load_from_string(onnx)
    assert fresh.register_model("m", model, service=ArrivalDelay).size == len(
        model.SerializeToString()
    )


# MARK: Explain


def test_explaining_says_when_the_node_cannot(node: varve.Client) -> None:
    routes = node._http.json("GET")["routes"]
    if "/v1/views/*/explain" in {route["path"] for route in routes}:
        assert node.explain(AirportTraffic, "departures_1h", {"origin": "JFK"}, at=NOON).json
    else:
        with pytest.raises(varve.NotSupported, match="cannot explain values"):
            node.explain(AirportTraffic, "departures_1h", {"origin": "JFK"}, at=NOON)
    with pytest.raises(varve.BadRequest, match="feature is missing"):
        node.explain("airport_traffic")


def test_an_explanation_shows_its_facts(
    node: varve.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={
            "value": 1, "status": "present",
            "facts": [{"position": "x@1", "time": "2013-03-09T12:00:00Z", "record": {"a": 1}}],
        })  # fmt: skip

    mock = httpx.Client(base_url="http://x", transport=httpx.MockTransport(answer))
    monkeypatch.setattr(node._http, "_client", mock)
    found = node.explain("airport_traffic.departures_1h", keys={"origin": "JFK"})
    assert (found.value, found.status, found.feature) == (
        1,
        "present",
        "airport_traffic.departures_1h",
    )
    assert found.to_arrow()["record"].to_pylist() == ["{'a': 1}"]
    assert "x@1" in found._repr_html_()
    assert "1 facts" in repr(found)


# MARK: The rest


def test_status_and_head(node: varve.Client) -> None:
    status = node.status()
    assert status.log.log == node.position().log
    assert status.lag >= 0
    assert "departures" in {stream.name for stream in status.streams}
    assert "<table" in status._repr_html_()
    assert node.head().startswith("varve/")
    assert "varve client of http://127.0.0.1" in repr(node)


def test_threads_share_a_client(node: varve.Client) -> None:
    failures: list[Exception] = []

    def work() -> None:
        try:
            for _ in range(20):
                node.append("shared", [{"n": 1}])
                node.online(AirportTraffic, {"origin": "JFK"})
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert {s.name: s.records for s in node.streams()}["shared"] == 80


# MARK: Training sets as jobs, splits, labels


def test_a_set_is_built_with_progress_and_split(fresh: varve.Client) -> None:
    apply(fresh, ArrivalDelay)
    fresh.append(Departures, departures())
    seen: list[dict[str, Any]] = []
    rows = spine()
    cutoff = NOON + timedelta(hours=1)
    built = fresh.training_set(
        ArrivalDelay, rows, split=[cutoff], gap=timedelta(minutes=30), progress=seen.append
    )
    assert seen[-1]["phase"] == "done"
    assert seen[-1]["rows"] == len(rows)
    times = built.to_arrow()["time"].to_pylist()
    expected = [
        "test" if at >= cutoff else "gap" if at >= cutoff - timedelta(minutes=30) else "train"
        for at in times
    ]
    assert built.to_arrow()["split"].to_pylist() == expected
    assert built.manifest.split is not None
    assert built.manifest.split["rows"] == {
        name: expected.count(name) for name in ("train", "test", "gap")
    }
    assert built.manifest.unreadable == {}
    again = fresh.training_set(
        ArrivalDelay, rows, split=[cutoff], gap="30m", threads=1, memory=1 << 30,
        basis=built.manifest.basis,
    )  # fmt: skip
    assert (again.id, again.digest) == (built.id, built.digest)


def test_an_exception_stops_the_build(fresh: varve.Client) -> None:
    apply(fresh, ArrivalDelay)
    fresh.append(Departures, departures())

    def stop(_: dict[str, Any]) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fresh.training_set(ArrivalDelay, spine(), progress=stop)


def test_a_stream_is_a_labelled_spine(fresh: varve.Client) -> None:
    class Delay(varve.Service):
        features = [AirportTraffic]

    apply(fresh, Delay)
    fresh.append(Departures, departures())
    built = fresh.training_set(
        Delay, Departures, label="dep_delay > 10.0", label_delay=timedelta(minutes=30)
    )
    table = built.to_arrow().to_pylist()
    assert [row["label"] for row in table] == [row["dep_delay"] > 10 for row in departures()]
    assert all(row["time"] - row["_time"] == timedelta(minutes=30) for row in table)
    assert built.reproduce().digest == built.digest
