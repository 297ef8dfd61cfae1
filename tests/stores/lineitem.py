"""TPC-H's `lineitem` on a store, held against DuckDB on the Parquet file it was imported from."""

import pathlib
import subprocess
import sys
from typing import Any

import duckdb
import pyarrow
import pyarrow.ipc

from command import Spiral

TABLE = "lineitem"
KEY = "l_orderkey,l_linenumber"
TAKEN = 10_000
OFF_KEY = "l_shipmode in ('AIR', 'RAIL') and l_discount >= 0.09 and l_receiptdate >= date '1997-03-01'"


class Source:
    """The Parquet file, and DuckDB on it."""

    def __init__(self, folder: pathlib.Path, scale: str):
        self.folder = folder
        generator = pathlib.Path(sys.executable).parent / "tpchgen-cli"
        command = [str(generator), "parquet", "--scale-factor", scale, "--tables", TABLE, "--output-dir", str(folder)]
        subprocess.run(command, check=True, capture_output=True)
        self.file = folder / f"{TABLE}.parquet"
        self.database = duckdb.connect()
        self.database.execute(f"create view source as select * from '{self.file}'")
        self.columns = [name for name, *_ in self.database.sql("describe source").fetchall()]
        self.rows: int = self.one("select count(*) from source")[0]
        # One percent of the rows, in the middle.
        first, last = self.one("select quantile_disc(l_orderkey, 0.5), quantile_disc(l_orderkey, 0.51) from source")
        self.range = f"l_orderkey >= {first} and l_orderkey < {last}"
        # In no order, as a caller has them.
        self.keys = folder / "keys.parquet"
        self.database.execute(
            f"copy (select {KEY} from source order by hash(l_orderkey * 8 + l_linenumber) limit {TAKEN})"
            f" to '{self.keys}'"
        )

    def one(self, query: str) -> tuple[Any, ...]:
        [row] = self.database.sql(query).fetchall()
        return tuple(row)

    def digest(self, table: str, where: str = "true") -> tuple[Any, ...]:
        """Count, sums, and sums over hashes of whole rows: equal for equal sets of rows in any order."""
        sums = ", ".join(f"sum({column})" for column in ("l_quantity", "l_extendedprice", "l_discount", "l_tax"))
        row = f"hash({', '.join(self.columns)})"
        return self.one(
            f"select count(*), {sums}, min(l_shipdate), max(l_comment), sum({row}::hugeint), bit_xor({row})"
            f" from {table} where {where}"
        )

    def types(self, table: str) -> dict[str, str]:
        return {name: kind for name, kind, *_ in self.database.sql(f"describe select * from {table}").fetchall()}


def load(spiral: Spiral, source: Source) -> float:
    """Imports the file; returns the seconds it took."""
    return spiral.run("import", TABLE, str(source.file), "--key", KEY).seconds


def compare(spiral: Spiral, source: Source) -> dict[str, float]:
    """Asserts that the table answers as DuckDB does; returns what each question took in seconds."""
    out = source.folder / "out.parquet"
    took = {}
    for name, where in [("full", None), ("range", source.range), ("filter", OFF_KEY)]:
        exported = spiral.run("export", TABLE, str(out), *(["--where", where] if where else []))
        took[name] = exported.seconds
        ours, theirs = source.digest(f"'{out}'"), source.digest("source", where or "true")
        assert ours == theirs and ours[0] > 0, f"{name}: {ours} instead of {theirs}"
        if where is None:
            assert ours[0] == source.rows
            assert source.types(f"'{out}'") == source.types("source")
        ordered = source.one(
            f"select bool_and(coalesce((l_orderkey, l_linenumber) > previous, true)) from"
            f" (select l_orderkey, l_linenumber, lag((l_orderkey, l_linenumber)) over () as previous from '{out}')"
        )
        assert ordered == (True,), f"{name}: rows are not in key order"

    got = spiral.run("get", TABLE, "--keys", str(source.keys), "--output", "arrow")
    took["take"] = got.seconds
    rows = pyarrow.ipc.open_stream(got.output).read_all()
    source.database.register("taken", rows)
    ours = source.digest("taken")
    theirs = source.digest(f"(select source.* from source semi join '{source.keys}' using ({KEY}))")
    assert ours == theirs and ours[0] == TAKEN, f"take: {ours} instead of {theirs}"
    asked = source.database.sql(f"select {KEY} from '{source.keys}'").fetchall()
    assert asked == source.database.sql(f"select {KEY} from taken").fetchall(), "rows are not in the order asked for"
    source.database.unregister("taken")
    return took
