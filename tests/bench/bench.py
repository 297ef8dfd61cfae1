"""Runs the other engines on what the Rust program wrote and prints one table, with the rows that Spiral loses.

    bench.py FOLDER RUNS
"""

import json
import pathlib
import shutil
import sys

from peers import ENGINES, Data, Measured, check, measure


def main(folder: pathlib.Path, runs: int) -> None:
    saved = json.loads((folder / "measured.json").read_text())
    ours = {job["row"]: job for job in saved["jobs"]}
    data = Data(folder, tuple(saved["key_range"]))
    measured: list[Measured] = []
    for kind in ENGINES:
        peer = measure(kind, data, folder / "peer", runs)
        measured.append(peer)
        shutil.rmtree(folder / "peer", ignore_errors=True)
        for job, found in peer.found.items():
            expected = ours[job]["found"]
            check(f"{peer.engine}: {job}", found, {"rows": expected["rows"], **expected["sums"]})
    print_table(ours, measured)


def print_table(ours: dict[str, dict], measured: list[Measured]) -> None:
    """Milliseconds of every system, and how ours compare with raw Vortex and with the best engine."""
    names = [peer.engine for peer in measured]
    print("\n| ms, median | Spiral | raw Vortex |", " | ".join(names), "| to raw | to our clean scan | to the best engine |")
    print("|---" * (len(names) + 6) + "|")
    ahead = 0
    for job, row in ours.items():
        spiral = row["spiral_ms"]
        raw = row["raw_ms"]
        peers = [peer.milliseconds[job] for peer in measured]
        best = min(peers)
        ahead += spiral < best
        cells = [job, number(spiral), number(raw), *map(number, peers)]
        cells.append(ratio(spiral, raw))
        cells.append(ratio(spiral, row["clean_ms"]))
        cells.append(ratio(spiral, best) + ("" if spiral < best else f" **lost** to {names[peers.index(best)]}"))
        print("|", " | ".join(cells), "|")
    print(f"\nahead of every engine on {ahead} of {len(ours)} rows")


def number(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def ratio(ours: float, theirs: float | None) -> str:
    return "" if theirs is None else f"{ours / theirs:.2f}"


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]), int(sys.argv[2]))
