#!/usr/bin/env python3
"""Holds the main job against real servers: MinIO, Azurite, plain HTTP, and servers that misbehave.

    tests/stores/check.py PATH-OF-SPIRAL PATH-OF-BENCH PATH-OF-RACERS [--scale 0.05] [--rows 200000] [--only WORD]

The paths are those of the command, of the benchmark and of the test of racing writers (`bindings/tests/racers.rs`).
`--scale` is that of TPC-H's lineitem (1: 6 million rows), `--rows` that of the benchmark's table for reading over HTTP.
Each check prints what it measured. It fails when a check fails, or when none ran.
"""

import argparse
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable

import doubles
import faults
import lineitem
import servers
import static_hosts
from command import Spiral
from plain_http import FileServer

# What the benchmark calls the table that it changes.
BENCH_TABLE = "bench-1"
# Before the benchmark's upserts.
WRITTEN = "2"


class Checks:
    def __init__(self, options: argparse.Namespace, folder: pathlib.Path):
        self.folder = folder
        self.binary: pathlib.Path = options.spiral.resolve()
        self.bench: pathlib.Path = options.bench.resolve()
        self.racing: pathlib.Path = options.racers.resolve()
        self.rows: int = options.rows
        self.only: str = options.only
        self.scale: str = options.scale
        self.passed: list[str] = []
        self.failed: list[str] = []

    def check(self, name: str, job: Callable[[], object]) -> None:
        if self.only not in name:
            return
        start = time.monotonic()
        try:
            told = job()
        except Exception:
            traceback.print_exc()
            self.failed.append(name)
            print(f"FAILED {name}", flush=True)
            return
        self.passed.append(name)
        print(f"ok {name} ({time.monotonic() - start:.1f} s): {told}", flush=True)

    def all(self) -> None:
        table = self.folder / "http" / "spiral"
        bench = [str(self.bench), "--rows", str(self.rows), "--runs", "1", "--folder", str(table.parent), "--no-raw"]
        subprocess.run(bench, check=True, capture_output=True)
        # The hint is written at most once a second: on a small table the last commits came too fast for it.
        touch = self.folder / "touch.jsonl"
        touch.write_text('{"id":-1,"touched":true}\n')
        Spiral(self.binary, str(table)).run("import", BENCH_TABLE, str(touch))
        silent = faults.Silent(self.binary, table, BENCH_TABLE)
        if self.only in "fault: a silent server":
            silent.start()
        source = lineitem.Source(self.folder, self.scale)
        self.on_the_real_servers(source)
        self.on_doubles(source)
        self.over_http(table)
        self.check("fault: a silent server", lambda: f"given up on after {silent.check():.0f} s")

    def on_the_real_servers(self, source: lineitem.Source) -> None:
        local = Spiral(self.binary, str(self.folder / "local"))

        def job(spiral: Spiral) -> str:
            took = {"import": lineitem.load(spiral, source)} | lineitem.compare(spiral, source)
            return f"{source.rows} rows, " + ", ".join(f"{name} {seconds:.1f} s" for name, seconds in took.items())

        def over_http() -> str:
            if not (self.folder / "local").exists():
                lineitem.load(local, source)
            with FileServer(self.folder / "local") as server:
                took = lineitem.compare(Spiral(self.binary, server.url), source)
                static_hosts.only_gets(server.taken())
            return ", ".join(f"{name} {seconds:.1f} s" for name, seconds in took.items())

        self.check("lineitem equals DuckDB's answers in a folder", lambda: job(local))
        self.check("lineitem equals DuckDB's answers over plain HTTP", over_http)
        for start in (servers.minio, servers.azurite):
            with start(self.folder) as store:
                spiral = Spiral(self.binary, store.root, store.environment)
                self.check(f"lineitem equals DuckDB's answers on {store.name}", lambda: job(spiral))
                self.check(f"50 racers on {store.name}", lambda: self.racers(store))
                if store.name == "MinIO":
                    self.check(f"fault: a flaky {store.name}", lambda: self.flaky(store, source))

    def flaky(self, store: servers.Store, source: lineitem.Source) -> str:
        failed, lost = faults.writes_through(store, self.binary, source)
        return f"{failed} requests failed and {lost} answers of commits lost, everything is there once"

    def racers(self, store: servers.Store) -> str:
        """The test of racing writers, with a store to run on."""
        command = [str(self.racing), "--nocapture", "--exact", "no_commit_is_lost_on_the_store_of_the_environment"]
        environment = os.environ | store.environment | {"SPIRAL_TEST_ROOT": store.root}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
        told = re.search(r"\d+ commits of \d+ racers took \d+ conditional puts", done.stdout)
        assert done.returncode == 0 and told and "1 passed" in done.stdout, done.stdout[-2000:] + done.stderr[-2000:]
        return told[0]

    def on_doubles(self, source: lineitem.Source) -> None:
        rows = self.folder / "rows.jsonl"
        rows.write_text('{"id":1,"name":"ada"}\n{"id":2,"name":"bob"}\n')

        def refusal(conditions: doubles.Conditions) -> str:
            with doubles.amazon(conditions) as server:
                spiral = Spiral(self.binary, "s3://bucket/tables", servers.s3_environment(server.port))
                arguments = ["import", "people", str(rows), "--key", "id"]
                if conditions is doubles.Conditions.HONOURED:
                    spiral.run(*arguments)
                    assert spiral.run("get", "people", "2").text == '{"id":2,"name":"bob"}\n'
                    return f"accepted after {len(server.log)} requests"
                failed = spiral.fails("unsafe_store", *arguments)
                assert not server.objects, f"it left {list(server.objects)}"
                return f"refused after {len(server.log)} requests: {failed.errors.strip()}"

        for conditions in doubles.Conditions:
            name = f"a store on which put-if-absent is {conditions.value}"
            self.check(name, lambda: refusal(conditions))
        self.check("Google's interface, by a double", lambda: self.google(source))

    def google(self, source: lineitem.Source) -> str:
        with doubles.google() as server:
            key = '{"gcs_base_url": "http://127.0.0.1:%d", "disable_oauth": true, "client_email": "", "private_key": "",'
            key += ' "private_key_id": ""}'
            environment = {"GOOGLE_SERVICE_ACCOUNT_KEY": key % server.port}
            store = servers.Store("Google", "gs://bucket/tables", environment, server.port)
            spiral = Spiral(self.binary, store.root, store.environment)
            lineitem.load(spiral, source)
            lineitem.compare(spiral, source)
            told = self.racers(store)
            puts = [request for request in server.log if request.method == "PUT" and "partNumber" not in request.query]
            names = [request.key.rsplit("/", 2)[-2:] for request in puts]
            for request, (kind, name) in zip(puts, names):
                # Other probes ask for the store's time.
                race = kind == "probes" and name.startswith("probe-")
                conditional = race or kind == "checkpoint" or (kind == "log" and name != "latest")
                sent = request.headers.get("x-goog-if-generation-match")
                assert sent == ("0" if conditional else None), f"{request.key} was put with condition {sent}"
            taken = sum(request.status == 412 for request in puts)
            kinds = {kind for kind, _ in names}
            assert taken > 100 and {"log", "probes", "data", "keys"} <= kinds, (taken, kinds)
        return f"{told}; {len(puts)} puts with the right conditions, {taken} of them answered 412"

    def over_http(self, folder: pathlib.Path) -> None:
        def cold(asof: str | None) -> str:
            keys = ["scan", BENCH_TABLE, "--select", "id", "--where", f"id > {2 * self.rows}", "--limit", "2000"]
            wanted = Spiral(self.binary, str(folder)).run(*keys).text.splitlines()[1234].removeprefix('{"id":').removesuffix("}")
            tables = json.loads(Spiral(self.binary, str(folder)).run("tables").text)["tables"]
            [own] = [table["id"] for table in tables if table["name"] == f"default.{BENCH_TABLE}"]
            told = []
            for place, table, by_name in [(folder / "tables" / own, ".", 0), (folder, BENCH_TABLE, 1)]:
                rounds, requests, size = static_hosts.cold_read(self.binary, place, table, wanted, asof)
                told.append(f"{rounds} rounds, {requests} requests, {size} bytes")
                rounds -= by_name * static_hosts.BY_NAME_ROUNDS
                requests -= by_name * static_hosts.BY_NAME_REQUESTS
                if not asof:
                    assert rounds <= static_hosts.ROUNDS_AFTER_UPSERTS_MAX, told
                else:
                    assert rounds <= static_hosts.ROUNDS_MAX, told
                    assert requests <= static_hosts.REQUESTS_MAX, told
                    assert size <= static_hosts.BYTES_MAX, told
            return f"of a table of {self.rows} rows by its address {told[0]}, by its name {told[1]}"

        def kinds() -> str:
            return ", ".join(static_hosts.habits_of_hosts(self.binary, folder, BENCH_TABLE))

        rows = self.folder / "rows.jsonl"
        rows.write_text('{"id":1,"new":1}\n')
        self.check("a cold read of one row over HTTP", lambda: cold(WRITTEN))
        self.check("a cold read of one row over HTTP after upserts", lambda: cold(None))
        self.check("hosts and their habits", kinds)
        self.check(
            "signed addresses show nowhere",
            lambda: f"{static_hosts.signed_addresses(self.binary, folder, BENCH_TABLE)} failures",
        )
        self.check(
            "writing over plain HTTP is refused",
            lambda: static_hosts.writing_is_refused(self.binary, folder, BENCH_TABLE, rows),
        )
        self.check("fault: passing ones", lambda: f"{faults.passing(self.binary, folder, BENCH_TABLE)} survived")
        self.check("fault: lasting ones", lambda: ", ".join(faults.lasting(self.binary, folder, BENCH_TABLE)))
        self.check("fault: damaged files", lambda: f"{faults.damaged_files(self.binary, folder, BENCH_TABLE)} noticed")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("spiral", type=pathlib.Path)
    parser.add_argument("bench", type=pathlib.Path)
    parser.add_argument("racers", type=pathlib.Path)
    parser.add_argument("--scale", default="0.05")
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--only", default="", help="run the checks whose names contain this")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        checks = Checks(options, pathlib.Path(folder))
        checks.all()
    print(f"{len(checks.passed)} passed, {len(checks.failed)} failed")
    return 1 if checks.failed or not checks.passed else 0


if __name__ == "__main__":
    sys.exit(main())
