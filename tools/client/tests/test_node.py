"""Running a node, and what goes wrong with one."""

from __future__ import annotations

import contextlib
import gc
import os
import pickle
import signal
import socket
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

import varve


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    # A child that ended but was not waited for does not run.
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"


def wait_for_end(pid: int) -> bool:
    deadline = time.monotonic() + 30
    while is_alive(pid) and time.monotonic() < deadline:
        time.sleep(0.01)
    return not is_alive(pid)


def node_of(client: varve.Client) -> Any:
    return client._node


def test_a_directory_is_opened_closed_and_opened_again(tmp_path: Path) -> None:
    with varve.open(tmp_path / "d") as client:
        pid = node_of(client).pid
        assert is_alive(pid)
        client.append("raw", [{"a": 1}])
        before = client.position()
    assert not is_alive(pid)
    client.close()
    with varve.open(tmp_path / "d") as client:
        assert client.position().log == before.log
        assert client.status().epoch == 2
        assert {s.name: s.records for s in client.streams()}["raw"] == 1


def test_the_node_ends_when_the_client_is_forgotten(tmp_path: Path) -> None:
    client = varve.open(tmp_path / "d")
    pid = node_of(client).pid
    client._http.close()
    del client
    gc.collect()
    assert not is_alive(pid)


@pytest.mark.parametrize("ending", ["pass", "raise SystemExit(3)", "1 / 0"])
def test_the_node_ends_with_the_interpreter(tmp_path: Path, ending: str) -> None:
    start = f"import varve\nclient = varve.open({str(tmp_path / 'd')!r})\nprint(client._node.pid)"
    code = f"{start}\n{ending}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert wait_for_end(int(done.stdout))


def test_a_fork_does_not_end_the_node(tmp_path: Path) -> None:
    code = (
        "import os, sys, varve\n"
        f"client = varve.open({str(tmp_path / 'd')!r})\n"
        "child = os.fork()\n"
        "if child == 0: client.close(); sys.exit(0)\n"
        "os.waitpid(child, 0)\n"
        "print(client.status().epoch)\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "1"


def test_a_directory_in_use_names_its_node(fresh: varve.Client) -> None:
    with pytest.raises(varve.DirectoryInUse, match="is in use by another process") as caught:
        varve.open(node_of(fresh).directory)
    assert caught.value.url == fresh.url
    assert f"varve.connect('{fresh.url}')" in str(caught.value)


def test_a_missing_binary_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(
        varve.BinaryNotFound, match=r"/no/varve \(the argument binary\) is not there"
    ):
        varve.open(tmp_path, binary="/no/varve")
    monkeypatch.setenv("VARVE_BINARY", str(tmp_path))
    with pytest.raises(varve.BinaryNotFound, match=r"\(\$VARVE_BINARY\) cannot be run"):
        varve.open(tmp_path)
    monkeypatch.delenv("VARVE_BINARY")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(varve.BinaryNotFound, match=r"varve \(PATH\) is not there; build it with"):
        varve.open(tmp_path)


def test_a_node_that_fails_speaks_for_itself(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(varve.NodeFailed) as caught:
        varve.open(tmp_path / "file")
    assert str(tmp_path / "file") in str(caught.value)


def script(path: Path, text: str) -> Path:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def test_a_binary_that_is_something_else_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(varve.NodeFailed, match="exit code 0, saying nothing"):
        varve.open(tmp_path, binary=script(tmp_path / "a", "exit 0"))
    with pytest.raises(varve.NodeFailed, match="no such option"):
        varve.open(tmp_path, binary=script(tmp_path / "b", "echo no such option >&2; exit 2"))
    with pytest.raises(varve.NodeFailed, match=r"did not serve within 0\.2 s"):
        varve.open(tmp_path, binary=script(tmp_path / "c", "exec sleep 60"), start_timeout=0.2)


def test_a_node_that_is_not_there() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{taken.getsockname()[1]}"
    with pytest.raises(varve.ConnectionFailed, match=f"http://{address} does not answer"):
        varve.connect(address)
    with pytest.raises(varve.VarveError, match="is no address"):
        varve.connect("ftp://x")


def test_a_node_that_dies_is_a_connection_that_fails(tmp_path: Path) -> None:
    with varve.open(tmp_path / "d") as client:
        os.kill(node_of(client).pid, signal.SIGKILL)
        node_of(client)._process.wait()
        with pytest.raises(varve.ConnectionFailed):
            client.status()


def answering(handler: Any) -> varve.Client:
    client = varve.connect.__globals__["Client"](varve.connect.__globals__["Transport"]("http://x"))
    client._http._client = httpx.Client(base_url="http://x", transport=httpx.MockTransport(handler))
    return client


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, varve.BadRequest), (404, varve.NotFound), (405, varve.NotSupported),
        (409, varve.Conflict), (413, varve.TooLarge), (418, varve.RequestError),
        (422, varve.Refused), (500, varve.ServerFailed), (502, varve.ServerFailed),
        (503, varve.Unavailable), (507, varve.OutOfSpace),
    ],
)  # fmt: skip
def test_a_refusal_has_the_words_of_the_node(status: int, kind: type[varve.RequestError]) -> None:
    with pytest.raises(kind) as caught:
        answering(lambda _: httpx.Response(status, json={"error": "its words"})).status()
    assert type(caught.value) is kind
    assert str(caught.value) == "its words"
    assert (caught.value.status, caught.value.request) == (status, "GET /v1/status")


def test_an_answer_that_is_none_of_a_node() -> None:
    with pytest.raises(varve.ServerFailed, match="is it a Varve node"):
        answering(lambda _: httpx.Response(200, text="<html>")).status()
    with pytest.raises(varve.ServerFailed, match="Bad Gateway"):
        answering(lambda _: httpx.Response(502)).status()

    def late(_: httpx.Request) -> httpx.Response:
        raise httpx.ReadTimeout("late")

    client = answering(late)
    with pytest.raises(varve.ConnectionFailed, match="in time"):
        client.status()


def test_names_are_escaped_in_paths() -> None:
    seen = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(request.url.raw_path)
        return httpx.Response(404, json={"error": "no"})

    with contextlib.suppress(varve.NotFound):
        answering(handler).prediction("a/b c?ü")
    assert seen == [b"/v1/predictions/a%2Fb%20c%3F%C3%BC"]


def test_loopback_is_not_reached_through_a_proxy(
    fresh: varve.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    with varve.connect(fresh.url) as client:
        assert client.status().epoch == 1


def test_errors_survive_pickling() -> None:
    error = pickle.loads(pickle.dumps(varve.DefinitionErrors(["a", "b"])))
    assert error.errors == ("a", "b")
