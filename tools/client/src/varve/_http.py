"""One connection pool to a node, and its refusals as errors."""

from __future__ import annotations

import hashlib
import io
import ipaddress
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NoReturn
from urllib.parse import quote

import httpx

from . import errors

JSONObject = dict[str, Any]


class Transport:
    """Sends requests to one node."""

    def __init__(
        self, url: str, *, timeout: float = 60, headers: Mapping[str, str] | None = None
    ) -> None:
        if "://" not in url:
            url = f"http://{url}"
        parsed = httpx.URL(url)
        if parsed.scheme not in ("http", "https") or not parsed.host:
            raise errors.VarveError(f"{url} is no address, expected http://HOST:PORT")
        self.url = url.rstrip("/")
        self.timeout = httpx.Timeout(timeout, connect=min(timeout, 10))
        self.patient = httpx.Timeout(None, connect=min(timeout, 10))
        self._client = httpx.Client(
            base_url=self.url, timeout=self.timeout, headers=dict(headers or {}),
            transport=None, trust_env=not _is_loopback(parsed.host),
        )  # fmt: skip

    def close(self) -> None:
        """Closes the connections."""
        self._client.close()

    def send(
        self, method: str, *segments: str, query: Mapping[str, Any] | None = None,
        content: bytes | None = None, json_body: Any = None, content_type: str | None = None,
        patient: bool = False,
    ) -> httpx.Response:  # fmt: skip
        """Sends a request, and returns the answer when it is a success.

        A segment is one part of the path, escaped here; a query item that is None is left out.
        """
        path = _path(segments)
        if json_body is not None:
            content = json.dumps(json_body, ensure_ascii=False, allow_nan=False).encode()
            content_type = "application/json"
        with self._failures(method, path):
            response = self._client.request(
                method, path, params=_params(query), content=content,
                headers=_headers(content_type),
                timeout=self.patient if patient else self.timeout,
            )  # fmt: skip
        if not response.is_success:
            _refuse(response, f"{method} {path}")
        return response

    @contextmanager
    def stream(
        self, method: str, *segments: str, query: Mapping[str, Any] | None = None,
        content: bytes | None = None, content_type: str | None = None,
    ) -> Iterator[tuple[httpx.Headers, Body]]:  # fmt: skip
        """Sends a request whose answer is read while it arrives, however long that takes."""
        path = _path(segments)
        with (
            self._failures(method, path),
            self._client.stream(
                method, path, params=_params(query), content=content,
                headers=_headers(content_type), timeout=self.patient,
            ) as response,
        ):  # fmt: skip
            if not response.is_success:
                response.read()
                _refuse(response, f"{method} {path}")
            yield response.headers, Body(response)

    @contextmanager
    def _failures(self, method: str, path: str) -> Iterator[None]:
        try:
            yield
        except httpx.TimeoutException:
            raise errors.ConnectionFailed(
                f"{self.url} did not answer {method} {path} in time; a longer time is given with"
                " varve.connect(..., timeout=SECONDS)"
            ) from None
        except httpx.TransportError as error:
            raise errors.ConnectionFailed(f"{self.url} does not answer: {error}") from None

    def json(self, method: str, *segments: str, **options: Any) -> JSONObject:
        """Sends a request whose answer is a JSON object."""
        response = self.send(method, *segments, **options)
        try:
            document = response.json()
        except ValueError:
            document = None
        if not isinstance(document, dict):
            raise errors.ServerFailed(
                f"{self.url} answered something else than a JSON object; is it a Varve node?",
                response.status_code, f"{method} /{'/'.join(segments)}",
            )  # fmt: skip
        return document


class Body(io.RawIOBase):
    """The bytes of an answer while they arrive."""

    def __init__(self, response: httpx.Response) -> None:
        self._pieces = response.iter_raw()
        self._rest = b""
        self._hash = hashlib.sha256()

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fills a part of a buffer; 0 at the end."""
        if not self._rest:
            self._rest = next(self._pieces, b"")
            self._hash.update(self._rest)
        count = min(len(buffer), len(self._rest))
        buffer[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count

    def digest(self) -> str:
        """SHA-256 of the whole body; reads what is left, so that a missing end is noted."""
        for piece in self._pieces:
            self._hash.update(piece)
        return self._hash.hexdigest()


def _path(segments: Sequence[str]) -> str:
    return "/" + "/".join(quote(segment, safe="@:") for segment in segments)


def _params(query: Mapping[str, Any] | None) -> dict[str, str]:
    return {k: _text(v) for k, v in (query or {}).items() if v is not None}


def _headers(content_type: str | None) -> dict[str, str]:
    return {"Content-Type": content_type} if content_type else {}


def _text(value: Any) -> str:
    return ("false", "true")[value] if isinstance(value, bool) else str(value)


def _is_loopback(host: str) -> bool:
    """Loopback is never behind a proxy, whatever the environment says."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _refuse(response: httpx.Response, request: str) -> NoReturn:
    try:
        document = response.json()
    except ValueError:
        document = {}
    if not isinstance(document, dict):
        document = {}
    messages = document.get("errors")
    if isinstance(messages, list) and messages:
        raise errors.DefinitionErrors([str(message) for message in messages])
    words = document.get("error") or response.text.strip()[:500] or response.reason_phrase
    raise errors.RequestError.of(response.status_code, str(words), request)
