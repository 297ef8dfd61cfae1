#!/usr/bin/env python3
"""Holds what the command writes against other implementations.

    tests/interop/check.py PATH-OF-SPIRAL

The demo's half a million flights are imported. DuckDB then compares what comes out with the source file, row by row and
in aggregates, before and after upserts and deletions; the `vortex-data` package opens every fragment and key space.
"""

import pathlib
import subprocess
import sys
import tempfile

import duckdb
import vortex

FLIGHTS = pathlib.Path(__file__).resolve().parents[2] / "cli" / "demo" / "flights.parquet"
KEY = "origin,departure,destination,sequence"


def main(spiral: str) -> int:
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)

        def run(*arguments: str) -> str:
            command = [spiral, "--root", str(root / "data"), *arguments]
            return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout

        database = duckdb.connect()
        database.execute(f"create table source as select * from '{FLIGHTS}'")
        run("import", "flights", str(FLIGHTS), "--key", KEY)
        same(database, run, root, "after the import")

        # New delays for some flights at random, then a deletion; DuckDB does the same to its copy.
        changed = root / "changed.parquet"
        database.execute(
            f"copy (select origin, departure, destination, sequence, (delay_minutes + 1000)::smallint as delay_minutes"
            f" from source where hash(departure, destination) % 50 = 0 order by random()) to '{changed}'"
        )
        run("import", "flights", str(changed))
        database.execute("update source set delay_minutes = delay_minutes + 1000 where hash(departure, destination) % 50 = 0")
        run("delete", "flights", "--where", "origin = 'SFO' and delay_minutes < 0")
        database.execute("delete from source where origin = 'SFO' and delay_minutes < 0")
        same(database, run, root, "after upserts and a deletion")

        filtered = root / "filtered.parquet"
        where = "delay_minutes > 1100 and destination_airport.state in ('CA', 'TX')"
        run("export", "flights", str(filtered), "--where", where)
        ours = database.sql(f"select count(*), sum(distance_miles) from '{filtered}'").fetchall()
        theirs = database.sql(f"select count(*), sum(distance_miles) from source where {where}").fetchall()
        assert ours == theirs and ours[0][0] > 0, (ours, theirs)

        (table,) = (root / "data/tables").iterdir()
        files = [*(table / "data").iterdir(), *(table / "keys").iterdir()]
        for file in files:
            # The package goes by the extension.
            link = root / f"{file.name}.vortex"
            link.symlink_to(file)
            assert len(vortex.open(str(link)).scan().read_all()) > 0, file
        print(f"interop: {len(files)} files opened by vortex-data; rows and aggregates equal DuckDB's")
        print("4 passed, 0 failed")
    return 0


def same(database: duckdb.DuckDBPyConnection, run, root: pathlib.Path, when: str) -> None:
    out = root / "out.parquet"
    run("export", "flights", str(out))
    columns = "origin, departure, destination, sequence, delay_minutes, distance_miles, origin_airport, destination_airport"
    for first, second in [("source", f"'{out}'"), (f"'{out}'", "source")]:
        missing = database.sql(
            f"select count(*) from (select {columns} from {first} except all select {columns} from {second})"
        ).fetchall()
        assert missing == [(0,)], f"{when}: {missing[0][0]} rows differ"
    ordered = database.sql(
        f"select bool_and(coalesce(row(origin, departure, destination, sequence) > previous, true)) from"
        f" (select *, lag(row(origin, departure, destination, sequence)) over () as previous from '{out}')"
    ).fetchall()
    assert ordered == [(True,)], f"{when}: rows are not in key order"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
