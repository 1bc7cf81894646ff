"""Small pieces of HTML and text that results show themselves with."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from typing import Any

_BLUE, _ORANGE, _GREY = "#4c78a8", "#e4572e", "#8883"
_CELL = "padding:1px 10px 1px 0;white-space:nowrap;font-size:12px"
BINS = 40


def escape(value: Any) -> str:
    """A value as a text in HTML."""
    return "" if value is None else html.escape(str(value))


def number(value: float | None) -> str:
    """A number as a table shows it."""
    if value is None:
        return ""
    return f"{value:,}" if isinstance(value, int) else f"{value:.4g}"


class Markup(str):
    """A text that is HTML already."""

    __slots__ = ()


def table(
    header: Sequence[str], rows: Iterable[Sequence[Any]], *, caption: str | Markup = ""
) -> Markup:
    """A table; numbers stand right."""
    heads = "".join(f'<th style="{_CELL};text-align:left">{escape(h)}</th>' for h in header)
    lines = []
    for row in rows:
        cells = []
        for value in row:
            right = isinstance(value, (int, float)) and not isinstance(value, bool)
            text = number(value) if right else value if isinstance(value, Markup) else escape(value)
            side = "right" if right else "left"
            cells.append(f'<td style="{_CELL};text-align:{side}">{text}</td>')
        lines.append(f"<tr>{''.join(cells)}</tr>")
    title = caption if isinstance(caption, Markup) else escape(caption)
    above = f'<div style="font-size:12px;margin:4px 0">{title}</div>' if title else ""
    return Markup(
        f'<div style="overflow-x:auto">{above}<table style="border-collapse:collapse">'
        f"<thead><tr>{heads}</tr></thead><tbody>{''.join(lines)}</tbody></table></div>"
    )


def bullets(items: Iterable[str]) -> Markup:
    """A list; nothing when there is nothing in it."""
    inner = "".join(f"<li>{escape(item)}</li>" for item in items)
    return Markup(f'<ul style="font-size:12px">{inner}</ul>' if inner else "")


def text_table(header: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """A table for a terminal."""
    cells = [list(header), *([("" if v is None else str(v)) for v in row] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return "\n".join(
        "  ".join(value.ljust(width) for value, width in zip(row, widths, strict=True)).rstrip()
        for row in cells
    )


def bar(share: float, *, warn: bool = False) -> Markup:
    """A share of 1 as a bar, for HTML; anything above zero can be seen."""
    width = 0.0 if share <= 0 else max(1.0, 80 * min(share, 1.0))
    colour = _ORANGE if warn else _BLUE
    return Markup(
        '<svg width="130" height="12" role="img">'
        f'<rect width="80" height="10" y="1" rx="2" fill="{_GREY}"/>'
        f'<rect width="{width:.1f}" height="10" y="1" rx="2" fill="{colour}"/>'
        '<text x="84" y="10" font-size="10" fill="currentColor">'
        f"{escape(percent(share))}</text></svg>"
    )


def text_bar(share: float, width: int = 20) -> str:
    """A share of 1 as a bar, for a terminal."""
    eighths = 0 if share <= 0 else max(1, round(min(share, 1.0) * width * 8))
    full, rest = divmod(eighths, 8)
    return ("█" * full + (" ▏▎▍▌▋▊▉"[rest] if rest else "")).ljust(width, "·")


def percent(share: float) -> str:
    """A share as a percentage that is only 0% or 100% where it is exactly that."""
    if 0 < share < 0.001:
        return "<0.1%"
    if 0.999 < share < 1:
        return ">99.9%"
    return f"{share:.1%}" if share else "0%"


def resample(
    low: float, high: float, edges: Sequence[float], counts: Sequence[int], bins: int = BINS
) -> list[float]:
    """Counts between edges, as counts in bins of equal width from `low` to `high`.

    What stands between two edges is spread evenly between them.

    >>> resample(0, 4, [2], [10, 30], bins=4)
    [5.0, 5.0, 15.0, 15.0]
    """
    heights = [0.0] * bins
    span = high - low
    bounds = [low, *(min(max(edge, low), high) for edge in edges), high]
    for start, end, count in zip(bounds, bounds[1:], counts, strict=False):
        if not count:
            continue
        left, right = ((x - low) / span * bins if span > 0 else 0.0 for x in (start, end))
        if right - left < 1e-9:
            heights[min(int(left), bins - 1)] += count
            continue
        for index in range(int(left), min(int(right), bins - 1) + 1):
            overlap = min(right, index + 1) - max(left, index)
            heights[index] += count * max(overlap, 0.0) / (right - left)
    return heights


def histogram(
    low: float | None, high: float | None, edges: Sequence[float], counts: Sequence[int]
) -> Markup:
    """A distribution as a small picture."""
    if low is None or high is None or not any(counts):
        return Markup("")
    heights = resample(low, high, edges, counts)
    top = max(heights)
    width, height = 160, 24
    step = width / len(heights)
    bars = "".join(
        f'<rect x="{index * step:.1f}" y="{height - size:.1f}" width="{step - 0.5:.1f}"'
        f' height="{size:.1f}"/>'
        for index, count in enumerate(heights)
        if count > 0 and (size := max(0.7, count / top * height)) > 0
    )
    return Markup(
        f'<svg width="{width}" height="{height + 1}" role="img" fill="{_BLUE}">'
        f"<title>{number(low)} to {number(high)}</title>"
        f'<rect y="{height}" width="{width}" height="1" fill="{_GREY}"/>{bars}</svg>'
    )
