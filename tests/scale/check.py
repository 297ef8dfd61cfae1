#!/usr/bin/env python3
"""Peak memory of importing and reading a large table, in key order and shuffled.

    tests/scale/check.py PATH-OF-SPIRAL [--scale 10] [--memory-max-mb 1500] [--folder FOLDER] [--order sorted shuffled]

Prints seconds and peak memory of each command; fails when an answer is not DuckDB's, or when a command takes more memory.
"""

import argparse
import contextlib
import os
import pathlib
import subprocess
import tempfile
import time

import lineitem


ORDERS = ["sorted", "shuffled"]


class Measured:
    """Runs commands and keeps the largest peak of memory."""

    def __init__(self, binary: pathlib.Path, root: pathlib.Path, memory_max_mb: int):
        self.binary = binary
        self.root = root
        self.memory_max_mb = memory_max_mb
        self.over: list[str] = []

    def run(self, what: str, *arguments: str) -> None:
        start = time.monotonic()
        command = [str(self.binary), "--json", "--root", str(self.root), *arguments]
        # Keys that were looked up are kept, by default up to more than a command may take here.
        environment = {**os.environ, "SPIRAL__KEYS_CACHE__MEMORY_CAPACITY_BYTES": str(256 << 20)}
        child = subprocess.Popen(command, stdout=subprocess.DEVNULL, env=environment)
        # The kernel's own maximum of a child counts this process too, which the child began as a copy of.
        peak_kb = 0
        while child.poll() is None:
            peak_kb = max(peak_kb, high_water_kb(child.pid))
            time.sleep(0.02)
        peak_mb = peak_kb / 1024
        verdict = "" if peak_mb <= self.memory_max_mb else f", MORE THAN {self.memory_max_mb} MB"
        print(f"{what}: {time.monotonic() - start:.0f} s, {peak_mb:.0f} MB at most{verdict}", flush=True)
        assert child.returncode == 0 and peak_kb > 0, f"{what} failed"
        if verdict:
            self.over.append(what)


def high_water_kb(pid: int) -> int:
    """The most memory that a process has held so far; 0 when it has ended."""
    with contextlib.suppress(OSError, StopIteration):
        lines = pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()
        return int(next(line.split()[1] for line in lines if line.startswith("VmHWM:")))
    return 0


def one_way(source: lineitem.Source, file: pathlib.Path, measured: Measured, name: str) -> None:
    out = source.folder / "out.parquet"
    measured.run(f"import {name}", "import", lineitem.TABLE, str(file), "--key", lineitem.KEY)
    for what, where in [("scan", None), ("filter", lineitem.OFF_KEY), ("range", source.range)]:
        measured.run(f"{what} {name}", "export", lineitem.TABLE, str(out), *(["--where", where] if where else []))
        ours, theirs = source.digest(f"'{out}'"), source.digest("source", where or "true")
        assert ours == theirs and ours[0] > 0, f"{what} {name}: {ours} instead of {theirs}"
        out.unlink()
    measured.run(f"10,000 keys {name}", "get", lineitem.TABLE, "--keys", str(source.keys), "--output", "arrow")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("spiral", type=pathlib.Path)
    parser.add_argument("--scale", default="10")
    parser.add_argument("--memory-max-mb", type=int, default=1500)
    parser.add_argument("--folder", type=pathlib.Path)
    parser.add_argument("--order", choices=ORDERS, nargs="*", default=ORDERS)
    options = parser.parse_args()
    with contextlib.ExitStack() as stack:
        folder = options.folder or pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory()))
        source = lineitem.Source(folder, options.scale)
        source.database.execute(f"set memory_limit = '4GB'; set temp_directory = '{folder}/spill'")
        print(f"{source.rows} rows, {source.file.stat().st_size // 1_000_000} MB as Parquet", flush=True)
        over = []
        shuffled = folder / "shuffled.parquet"
        for name in options.order:
            file = source.file
            if name == "shuffled":
                order = "hash(l_orderkey * 8 + l_linenumber)"
                source.database.execute(f"copy (select * from source order by {order}) to '{shuffled}'")
                file = shuffled
            measured = Measured(options.spiral.resolve(), folder / name, options.memory_max_mb)
            one_way(source, file, measured, name)
            over += measured.over
        assert not over, f"too much memory: {', '.join(over)}"


if __name__ == "__main__":
    main()
