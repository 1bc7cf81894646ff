"""One connection pool to a node, and its refusals as errors."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Mapping
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
        path = "/" + "/".join(quote(segment, safe="@:") for segment in segments)
        headers = {}
        if json_body is not None:
            content = json.dumps(json_body, ensure_ascii=False, allow_nan=False).encode()
            content_type = "application/json"
        if content_type:
            headers["Content-Type"] = content_type
        params = {k: _text(v) for k, v in (query or {}).items() if v is not None}
        try:
            response = self._client.request(
                method, path, params=params, content=content, headers=headers,
                timeout=self.patient if patient else self.timeout,
            )  # fmt: skip
        except httpx.TimeoutException:
            raise errors.ConnectionFailed(
                f"{self.url} did not answer {method} {path} in time; a longer time is given with"
                " varve.connect(..., timeout=SECONDS)"
            ) from None
        except httpx.TransportError as error:
            raise errors.ConnectionFailed(f"{self.url} does not answer: {error}") from None
        if not response.is_success:
            _refuse(response, f"{method} {path}")
        return response

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
