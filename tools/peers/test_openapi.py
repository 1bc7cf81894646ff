"""The HTTP interface against its own OpenAPI document, by schemathesis: no request that the document
allows, and none that it does not, may be answered with a server error or against the document.

    python3 -m venv /work/venv-openapi && /work/venv-openapi/bin/pip install pytest schemathesis
    /work/venv-openapi/bin/pytest tools/peers/test_openapi.py
"""
import pathlib
import subprocess
import sys

import pytest

pytest.importorskip("schemathesis")
PROGRAM = pathlib.Path(sys.executable).with_name("schemathesis")

CHECKS = ["not_a_server_error", "status_code_conformance", "content_type_conformance",
          "response_schema_conformance", "unsupported_method"]


def test_every_answer_is_as_documented(node, tmp_path):
    done = subprocess.run(
        [str(PROGRAM), "run", f"http://{node.http}/openapi.json", "--checks", ",".join(CHECKS),
         "--phases", "examples,coverage,fuzzing", "--max-examples", "25", "--seed", "1",
         "--generation-database", "none", "--workers", "1", "--request-timeout", "60"],
        capture_output=True, text=True, timeout=1500, cwd=tmp_path)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
