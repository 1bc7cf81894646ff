"""Moments: microseconds UTC, and their text in RFC 3339."""

from __future__ import annotations

import datetime as dt
import re
from typing import TypeAlias

from .errors import EncodeError

Moment: TypeAlias = dt.datetime | str
"""A datetime with a zone, or a text in RFC 3339 such as `2013-03-10T07:30:00Z`."""

Duration: TypeAlias = dt.timedelta | str
"""A timedelta, or a text such as `90s`, `6h`, `7d`."""

_UNITS = [
    ("w", 604_800_000_000), ("d", 86_400_000_000), ("h", 3_600_000_000), ("m", 60_000_000),
    ("s", 1_000_000), ("ms", 1_000), ("us", 1),
]  # fmt: skip
_FRACTION = re.compile(r"\.(\d+)")


def rfc3339(moment: Moment, what: str = "time") -> str:
    """A moment as RFC 3339 in UTC.

    >>> import datetime as dt
    >>> rfc3339(dt.datetime(2013, 3, 10, 8, 30, tzinfo=dt.timezone(dt.timedelta(hours=1))))
    '2013-03-10T07:30:00Z'

    A text is given to the node as it is; a datetime without a zone is refused, since guessing one
    would be a wrong answer that looks right.
    """
    if isinstance(moment, str):
        return moment
    if moment.utcoffset() is None:
        raise EncodeError(
            f"{what} is {moment.isoformat()}, which has no zone; expected one that has, such as"
            f" {moment.isoformat()}+00:00: add tzinfo=datetime.UTC if it is UTC"
        )
    if getattr(moment, "nanosecond", 0):
        raise EncodeError(
            f"{what} is {moment.isoformat()}, finer than the microseconds that a node keeps;"
            ' round it first, with .floor("us") in pandas'
        )
    try:
        utc = moment.astimezone(dt.UTC).replace(tzinfo=None)
    except OverflowError:
        raise EncodeError(f"{what} is {moment.isoformat()}, not in the years 1 to 9999") from None
    return dt.datetime.isoformat(utc) + "Z"


def parse_moment(text: str) -> dt.datetime:
    """The moment of a node's RFC 3339 text, in UTC.

    >>> parse_moment("2013-03-10T07:30:00.25Z").isoformat()
    '2013-03-10T07:30:00.250000+00:00'
    """
    # Python 3.11 reads 3 or 6 digits of a fraction only in some places; give it six.
    text = _FRACTION.sub(lambda match: "." + match[1][:6].ljust(6, "0"), text)
    return dt.datetime.fromisoformat(text).astimezone(dt.UTC)


def duration_text(duration: Duration) -> str:
    """A duration as definitions write it: a whole number of its largest unit.

    >>> import datetime as dt
    >>> duration_text(dt.timedelta(minutes=90)), duration_text("6h")
    ('90m', '6h')
    """
    if isinstance(duration, str):
        return duration
    micros = duration // dt.timedelta(microseconds=1)
    if micros < 0:
        raise EncodeError(f"a duration is {duration}, expected none before zero")
    if micros == 0:
        return "0s"
    return next(f"{micros // size}{unit}" for unit, size in _UNITS if micros % size == 0)
