# %% [markdown]
# # From events to audited predictions, on real flights
#
# Departures, arrivals and weather of New York's airports in March 2013: definitions, a
# point-in-time training set, a model, live predictions, audits, drift.
#
#     pip install -e 'tools/client[examples]'
#     VARVE_BINARY=.build/release/varve python tools/client/examples/flights.py
#
# Each `# %%` is a cell for Jupyter (via jupytext), VS Code or Spyder; it runs as a script too.

# %%
import io
import json
import os
import tempfile
from pathlib import Path
from typing import Any

import lz4.frame
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.json
from flight_definitions import ArrivalDelay, Arrivals, Departures, Weather

import varve

FLIGHTS = Path(__file__).resolve().parents[3] / "fixtures" / "flights"
CUTOFF = "2013-03-16T04:00:00Z"  # the first twelve days are history, what follows is live
DIRECTORY = os.environ.get("VARVE_DIR") or tempfile.mkdtemp(prefix="varve-flights-")

client = varve.open(DIRECTORY)
client

# %% [markdown]
# ## What the events are, and what a model wants of them

# %%
# They are classes in `flight_definitions.py`, next to this file: streams with their fields, views
# with windowed features, and a service, the columns that the model takes.
print((Path(__file__).parent / "flight_definitions.py").read_text())

client.plan(ArrivalDelay)

# %%
client.apply(ArrivalDelay)

# %% [markdown]
# ## The history arrives
# A table of pyarrow, a frame of pandas or Polars, or any iterable of dicts will do.


# %%
def read(stream: str) -> pa.Table:
    """A file of NDJSON as a table, its times as times."""
    data = lz4.frame.decompress((FLIGHTS / f"{stream}.ndjson.lz4").read_bytes())
    first = json.loads(data[: data.index(b"\n")])
    schema = pa.schema([("time", pa.timestamp("us", "UTC"))] if "time" in first else [])
    options = pyarrow.json.ParseOptions(explicit_schema=schema)
    return pyarrow.json.read_json(io.BytesIO(data), parse_options=options)


cutoff = pd.Timestamp(CUTOFF)
events = {stream: read(stream.name()) for stream in (Departures, Arrivals, Weather)}
for stream, table in events.items():
    history = table.filter(pa.compute.less(table["time"], pa.scalar(cutoff, table["time"].type)))
    done = client.append(stream, history)
    print(f"{stream.name():12}{done.count:>8,} records, now at {done.position}")

# %% [markdown]
# ## A training set: for each flight what was known at its time, and nothing later

# %%
spine = pd.read_csv(FLIGHTS / "spine.csv", parse_dates=["time"])
training = client.training_set(ArrivalDelay, spine)
print(training)
training

# %% [markdown]
# The leak meter: what a join on corrected data, or on newest values, would have got wrong.

# %%
print(training.leak_report())
assert training.reproduce().digest == training.digest, "the same bytes, from the manifest alone"

# %% [markdown]
# ## A model
# scikit-learn's gradient boosting, exported to ONNX and checked against itself.

# %%
from skl2onnx import to_onnx
from skl2onnx.common import _container
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import roc_auc_score

rows = training.to_numpy()  # float32, NaN where a value is missing: as the model will be served
labels = training.to_arrow()["late"].to_numpy()
model = HistGradientBoostingClassifier(
    max_iter=100, max_depth=3, learning_rate=0.05, min_samples_leaf=200, early_stopping=False,
    random_state=7,
).fit(rows, labels)  # fmt: skip


# %%
def export(model: HistGradientBoostingClassifier, rows: np.ndarray) -> bytes:
    """The model as ONNX, which answers as the model does.

    Thresholds are midpoints in double; ONNX has float32. Rounded to nearest, one may become the
    upper of two neighbouring values, which then take the other branch: they are rounded down.
    """
    for (predictor,) in model._predictors:
        exact = predictor.nodes["num_threshold"]
        nearest = exact.astype(np.float32)
        above = nearest.astype(np.float64) > exact
        nearest[above] = np.nextafter(nearest[above], np.float32("-inf"))
        predictor.nodes["num_threshold"] = nearest

    # skl2onnx 1.20 hands onnx arrays where it wants lists of plain numbers.
    add_node = _container.ModelComponentContainer.add_node

    def plain(value: Any) -> Any:
        if not isinstance(value, (np.ndarray, list)):
            return value
        items = [item.item() if isinstance(item, np.generic) else item for item in value]
        return [int(item) if isinstance(item, bool) else item for item in items]

    def add_plain_node(self: Any, *given: Any, **named: Any) -> Any:
        for name in named:
            if name.startswith(("nodes_", "class", "base_")):
                named[name] = plain(named[name])
        return add_node(self, *given, **named)

    _container.ModelComponentContainer.add_node = add_plain_node
    try:
        graph = to_onnx(model, rows[:1], options={id(model): {"zipmap": False}})
    finally:
        _container.ModelComponentContainer.add_node = add_node
    return graph.SerializeToString()


onnx = export(model, rows)
version = client.register_model("late", onnx, service=ArrivalDelay, training_set=training)
client.alias(version, "champion")
client.models

# %% [markdown]
# ## Live: a day of flights, by quarters of an hour
# Flights are predicted with what is known then; the quarter's events arrive afterwards. A
# prediction waits for what was appended before it: `min_position`.


# %%
def between(table: pa.Table, start: pd.Timestamp, end: pd.Timestamp) -> pa.Table:
    """The rows of some time."""
    low, high = (pa.scalar(moment, table["time"].type) for moment in (start, end))
    after = pa.compute.greater_equal(table["time"], low)
    return table.filter(pa.compute.and_(after, pa.compute.less(table["time"], high)))


later = pd.read_csv(FLIGHTS / "spine-later.csv", parse_dates=["time"])
day = later[later["time"] < cutoff + pd.Timedelta(hours=24)].iloc[::2]
scores = {}
for start in pd.date_range(cutoff, periods=96, freq="15min"):
    end = start + pd.Timedelta(minutes=15)
    for flight in day[day["time"].between(start, end, inclusive="left")].itertuples(index=False):
        reply = client.predict(
            "late@champion",
            keys={"origin": flight.origin, "carrier": flight.carrier, "dest": flight.dest},
            inputs={"distance": flight.distance, "sched_hour": flight.sched_hour},
            at=flight.time,
            id=flight.flight,
            min_position=done,
        )
        scores[flight.flight] = reply.score
    for stream, table in events.items():
        done = client.append(stream, between(table, start, end))
day = day.assign(score=day["flight"].map(scores))
print(f"{len(scores)} predictions, AUC {roc_auc_score(day['late'], day['score']):.3f}")
reply

# %% [markdown]
# The answer of the node is the answer of scikit-learn, on the features as they were served.

# %%
served = client.prediction(reply.id)
vector = np.array([list(served.features.values())], dtype=np.float32)
difference = abs(model.predict_proba(vector)[0, 1] - reply.score)
assert difference < 1e-6, difference

# %% [markdown]
# ## An audit: the prediction computed again from the log, bit for bit

# %%
audit = client.audit(reply)
assert audit.is_identical, audit.differences
audit

# %% [markdown]
# ## What became of them, and whether the world still looks like the training set

# %%
landed = cutoff + pd.Timedelta(hours=24)
client.append(Arrivals, between(events[Arrivals], landed, landed + pd.Timedelta(hours=12)))
print(client.evaluate("late@champion", stream=Arrivals, id="flight", label="late"))
monitoring = client.monitor("late@champion")
drift = monitoring.to_pandas()
print(drift.nlargest(5, "psi")[["signal", "mean", "baseline_mean", "psi", "noise_floor"]])
monitoring

# %%
try:
    import matplotlib.pyplot as plt
except ImportError:
    print("no matplotlib: no picture")
else:
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4), layout="constrained")
    report = training.leak_report().to_pandas().set_index("feature")
    report[["leak_share", "latest_share"]].plot.barh(ax=left, fontsize=7)
    left.set(title="cells that other joins would fill differently", ylabel="")
    right.hist([day[day["late"] == n]["score"] for n in (0, 1)], bins=20, stacked=True)
    right.set(title="scores of a day", xlabel="P(more than 30 minutes late)")
    right.legend(["in time", "late"])
    figure.savefig(Path(DIRECTORY) / "flights.png", dpi=120)
    print(f"a picture is in {DIRECTORY}/flights.png")

# %%
client.close()
