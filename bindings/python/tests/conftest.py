"""Roots to test on, and the server of static files."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pytest

import spiral

SERVER = Path(__file__).resolve().parents[3] / "tests/conformance/serve.mjs"
ROWS = 300_000


def pytest_sessionstart() -> None:
    """What is tested is the installed package, not the sources beside the tests."""
    assert "site-packages" in (spiral.__file__ or "")


@pytest.fixture
def root() -> Iterator[spiral.Spiral]:
    with spiral.Spiral("memory:") as opened:
        yield opened


@pytest.fixture
def table(root: spiral.Spiral) -> spiral.Table:
    """Ids 1 to 5 with names a to e."""
    made = root.project().create_table("t", key_schema={"id": "int64"})
    made.write({"id": [1, 2, 3, 4, 5], "name": list("abcde")})
    return made


@dataclass
class Served:
    """A folder of tables over HTTP."""

    url: str
    log: Path

    def requests(self) -> list[dict[str, object]]:
        return [json.loads(line) for line in self.log.read_text().splitlines()] if self.log.exists() else []

    def starts_nothing_after(self, moment: float) -> None:
        """Fails when anything was asked for later than 50 ms after a moment of `time.time`."""
        # A request is logged once it is answered, or given up.
        time.sleep(0.5)
        requests = self.requests()
        late = [request for request in requests if float(str(request["start"])) > (moment + 0.05) * 1000]
        assert requests and not late


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a table `t` of many rows in several runs."""
    path = tmp_path_factory.mktemp("tables")
    with spiral.Spiral(path) as opened:
        made = opened.project().create_table("t", key_schema={"id": "int64"})
        noise = pa.array(os.urandom(16) for _ in range(ROWS))
        made.write(pa.table({"id": range(ROWS), "value": pa.array(range(ROWS), pa.float64()), "noise": noise}))
    return path


@pytest.fixture
def slow(folder: Path, tmp_path: Path) -> Iterator[Served]:
    """The tables of `folder`, each request taking 200 ms."""
    log = tmp_path / "log"
    command = ["node", str(SERVER), str(folder), "--delay", "200", "--log", str(log)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        yield Served(server.stdout.readline().strip(), log)
        server.communicate()
