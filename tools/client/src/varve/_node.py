"""Running the `varve` binary as a child process."""

from __future__ import annotations

import contextlib
import json
import os
import re
import selectors
import shutil
import signal
import subprocess
import tempfile
import time
import weakref
from pathlib import Path
from typing import IO

from .errors import BinaryNotFound, DirectoryInUse, NodeFailed

_IN_USE = re.compile(r"is in use by another process(?: \((.*)\))?")


def find_binary(binary: str | os.PathLike[str] | None) -> str:
    """The binary to run: the one given, `$VARVE_BINARY`, or `varve` on the PATH."""
    if binary is not None:
        given, place = os.fspath(binary), "the argument binary"
    elif os.environ.get("VARVE_BINARY"):
        given, place = os.environ["VARVE_BINARY"], "$VARVE_BINARY"
    else:
        given, place = "varve", "PATH"
    # A bare name is searched on the PATH, a path is taken as it is.
    if found := shutil.which(given):
        return found
    problem = "cannot be run" if Path(given).exists() else "is not there"
    raise BinaryNotFound(
        f"{given} ({place}) {problem}; build it with `swift build -c release --product varve`, then"
        ' name it: varve.open(directory, binary=".build/release/varve"), or set VARVE_BINARY'
    )


class NodeProcess:
    """A node that this process runs; it ends with `stop`, or when this process ends."""

    def __init__(
        self, directory: str | os.PathLike[str], binary: str | os.PathLike[str] | None,
        start_timeout: float,
    ) -> None:  # fmt: skip
        self.directory = Path(directory)
        self.binary = find_binary(binary)
        # A file, not a pipe: a node that says much must not wait for somebody to read it.
        errors = tempfile.TemporaryFile()  # noqa: SIM115
        self._process = subprocess.Popen(
            [self.binary, "serve", "--dir", os.fspath(directory), "--kafka-port", "0",
             "--http-port", "0", "--resp-port", "0", "--json"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors,
            start_new_session=True,  # Ctrl-C in a notebook is not for the node
        )  # fmt: skip
        self._finalizer = weakref.finalize(self, _stop, self._process, os.getpid(), errors)
        try:
            line = self._first_line(start_timeout)
            address = json.loads(line)
            self.http = f"http://{address['http']}"
            self.kafka = str(address["kafka"])
        except (ValueError, KeyError, TypeError):
            failure = self._failure(errors)
            self.stop()
            raise failure from None
        except BaseException:
            self.stop()
            raise

    @property
    def pid(self) -> int:
        """The process id of the node."""
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Whether the node runs."""
        return self._process.poll() is None

    def stop(self) -> None:
        """Ends the node as SIGTERM does: cleanly. Safe to call again."""
        self._finalizer()

    def _first_line(self, timeout: float) -> bytes:
        stream = self._process.stdout
        assert stream is not None
        deadline = time.monotonic() + timeout
        line = b""
        with selectors.DefaultSelector() as selector:
            selector.register(stream, selectors.EVENT_READ)
            while not line.endswith(b"\n"):
                if not selector.select(max(0, deadline - time.monotonic())):
                    raise NodeFailed(
                        f"the node on {self.directory} did not serve within {timeout:g} s; a long"
                        " log takes time to open: varve.open(..., start_timeout=SECONDS)"
                    )
                if not (chunk := os.read(stream.fileno(), 4096)):
                    break
                line += chunk
        return line

    def _failure(self, errors: IO[bytes]) -> DirectoryInUse | NodeFailed:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(10)
        errors.seek(0)
        words = errors.read().decode(errors="replace").strip().removeprefix("varve: ")
        match = _IN_USE.search(words)
        if match is None:
            code = self._process.poll()
            return NodeFailed(words or f"{self.binary} ended with exit code {code}, saying nothing")
        url = None
        with contextlib.suppress(ValueError, KeyError, TypeError):
            url = f"http://{json.loads(match[1])['http']}"
        hint = f"; that node answers varve.connect({url!r})" if url else ""
        return DirectoryInUse(words + hint, url)


def _stop(process: subprocess.Popen[bytes], owner: int, errors: IO[bytes]) -> None:
    if os.getpid() != owner:
        return  # a fork of the process that started it
    try:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
    finally:
        if process.stdout:
            process.stdout.close()
        errors.close()
