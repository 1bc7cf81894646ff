"""What can go wrong, as one hierarchy: everything the client raises is a `VarveError`.

An error that the node answers with keeps the node's own words as its message.

| raised | when |
| --- | --- |
| `ConnectionFailed` | no node answers at the address |
| `OpenError` | a directory cannot be opened: `BinaryNotFound`, `DirectoryInUse`, `NodeFailed` |
| `EncodeError` | records or a spine cannot be said to a node as they are |
| `MissingDependency` | an optional package is not installed |
| `DefinitionErrors` | definitions with mistakes: all of them |
| `RequestError` | the node refuses: `BadRequest`, `NotFound`, `Conflict`, `Refused`, ... |
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar


class VarveError(Exception):
    """The base of all errors of this package."""


class ConnectionFailed(VarveError):
    """No node answers at the address, or it went away before it answered."""


class OpenError(VarveError):
    """A data directory cannot be opened."""


class BinaryNotFound(OpenError):
    """There is no `varve` to run."""


class DirectoryInUse(OpenError):
    """Another process has the data directory open.

    `url` is the address of the node that has it, where it is one: connect to that.
    """

    def __init__(self, message: str, url: str | None = None) -> None:
        super().__init__(message)
        self.url = url


class NodeFailed(OpenError):
    """The node ended before it served; the message is what it said."""


class EncodeError(VarveError, ValueError):
    """A value cannot be sent as it is: what was found, where, and what is expected."""


class MissingDependency(VarveError, ImportError):
    """An optional package is needed for this; the message says how to install it."""


class DefinitionErrors(VarveError):
    """Mistakes in definitions: `errors` has every one, the message too."""

    def __init__(self, errors: Sequence[str]) -> None:
        self.errors: tuple[str, ...] = tuple(errors)
        super().__init__("\n".join(self.errors))

    def __reduce__(self) -> tuple[type[DefinitionErrors], tuple[tuple[str, ...]]]:
        return type(self), (self.errors,)


class RequestError(VarveError):
    """The node did not do what it was asked to; the message is its own."""

    status: int
    """The status of HTTP."""
    request: str
    """What was asked: method and path."""

    _by_status: ClassVar[dict[int, type[RequestError]]] = {}

    def __init__(self, message: str, status: int = 0, request: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.request = request

    def __init_subclass__(cls, statuses: Sequence[int] = ()) -> None:
        super().__init_subclass__()
        for status in statuses:
            RequestError._by_status[status] = cls

    @staticmethod
    def of(status: int, message: str, request: str) -> RequestError:
        """The error for a status."""
        kind = RequestError._by_status.get(status, ServerFailed if status >= 500 else RequestError)
        return kind(message, status, request)


class BadRequest(RequestError, statuses=[400, 411, 414, 431]):
    """The request lacks something, or has it wrong."""


class NotFound(RequestError, statuses=[404]):
    """What the request names does not exist."""


class NotSupported(RequestError, statuses=[405, 501]):
    """This node cannot do it: it may be older than this client."""


class Conflict(RequestError, statuses=[409]):
    """It would contradict what is there already."""


class NotReproduced(Conflict):
    """A training set that was built again differs from the one of its manifest."""


class TooLarge(RequestError, statuses=[413]):
    """The request's body is larger than the node takes."""


class Refused(RequestError, statuses=[422]):
    """A record, a feature row or a model does not fit.

    `appended` is how many records of the call are durable, `record` the index in the call of the
    record that was refused, where the node named it.
    """

    appended: int = 0
    record: int | None = None


class ServerFailed(RequestError, statuses=[500]):
    """The node failed."""


class Unavailable(RequestError, statuses=[503]):
    """The node cannot answer now: it is busy, or its projections are behind."""


class OutOfSpace(RequestError, statuses=[507]):
    """The node's disk is full; reads go on, appends resume when space returns."""
