"""What results look like."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import varve
from varve import _render as render

NUMBERS = st.floats(-1e6, 1e6)


def parse(markup: str) -> ElementTree.Element:
    """Markup must be well-formed: what is not escaped breaks it."""
    return ElementTree.fromstring(f"<div>{markup.replace('<br>', '<br/>')}</div>")


@given(st.lists(NUMBERS, min_size=2, max_size=20, unique=True), st.data())
def test_a_histogram_keeps_every_count(numbers: list[float], data: st.DataObject) -> None:
    low, *edges, high = sorted(numbers)
    counts = data.draw(
        st.lists(st.integers(0, 1000), min_size=len(edges) + 1, max_size=len(edges) + 1)
    )
    heights = render.resample(low, high, edges, counts)
    assert len(heights) == render.BINS
    assert sum(heights) == pytest.approx(sum(counts))
    assert min(heights) >= 0
    parse(render.histogram(low, high, edges, counts))


@pytest.mark.parametrize(
    ("low", "high", "edges", "counts"),
    [(5.0, 5.0, [], [7]), (5.0, 5.0, [5.0], [0, 7]), (2.0, 10.0, [2.0, 10.0], [1, 2, 8825])],
)
def test_spikes_stand_in_one_bin(low: float, high: float, edges: Any, counts: Any) -> None:
    heights = render.resample(low, high, edges, counts)
    assert sum(heights) == pytest.approx(sum(counts))
    assert max(heights) >= max(counts)


def test_nothing_is_no_picture() -> None:
    assert render.histogram(None, None, [], [0]) == ""
    assert render.histogram(1.0, 2.0, [], [0]) == ""
    assert varve.Profile(3, 3, 0.0, None, None, None, (), (0,)).histogram(4) == [0.0] * 4


@given(st.floats(0, 1))
def test_only_nothing_looks_like_nothing(share: float) -> None:
    bar = render.text_bar(share)
    assert len(bar) == 20
    assert (bar == "·" * 20) == (share == 0)
    assert (render.percent(share) == "0%") == (share == 0)
    assert (render.percent(share) == "100.0%") == (share == 1)
    parse(render.bar(share))


@given(
    st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Co", "Cn"]), max_size=20)
)
def test_texts_are_escaped(text: str) -> None:
    root = parse(render.table([text], [[text, 1, None, True]], caption=text))
    cells = ["".join(cell.itertext()) for cell in root.iter("td")]
    assert cells == [text, "1", "", "True"]
    parse(render.bullets([text]))


def test_a_training_set_shows_meters_and_histograms(node: varve.Client) -> None:
    import pyarrow as pa

    built = node.training_set("arrival_delay", pa.table({
        "time": ["2013-03-09T12:30:00Z", "2013-03-09T13:30:00Z"], "origin": ["JFK", "<b>"],
        "distance": [1.0, 2.0],
    }))  # fmt: skip
    for markup in (
        built._repr_html_(),
        built.manifest._repr_html_(),
        built.leak_report()._repr_html_(),
    ):
        root = parse(markup)
        assert len(list(root.iter("tr"))) == 1 + len(built.features)
    root = parse(built._repr_html_())
    assert sum(svg.find("title") is not None for svg in root.iter("svg")) == len(built.features)
    assert built.id in repr(built)
    assert "2 rows, 4 features of arrival_delay, as-known, 0 leaks" in repr(built)
