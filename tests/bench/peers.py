"""Table engines on the benchmark's data: each runs the jobs in the way that suits it best, to Arrow.

Where an engine offers several idiomatic ways to do a job, all of them run and the fastest median counts. Nothing is
opened anew between runs, so that whatever an engine keeps in memory stays there.
"""

import os
import pathlib
import shutil
import statistics
import time
from collections.abc import Callable, Iterator

import pyarrow as pa
import pyarrow.compute as pc

THREADS = os.cpu_count() or 1
os.environ.setdefault("LANCE_CPU_THREADS", str(THREADS))

import duckdb  # noqa: E402
import lance  # noqa: E402

BATCH_ROWS = 65_536
Digest = dict[str, float]


class Data:
    """What the Rust program wrote."""

    def __init__(self, folder: pathlib.Path, key_range: tuple[int, int]) -> None:
        def read(name: str) -> pa.Table:
            return pa.ipc.open_file(pa.memory_map(str(folder / f"{name}.arrow"))).read_all()

        self.rows = read("data")
        self.upserts = [read(f"upsert-{at}") for at in range(5)]
        self.keys = {count: read(f"keys-{count}") for count in (1, 1_000, 10_000)}
        self.added = read("added")
        self.range = key_range


def digest(batches: Iterator[pa.RecordBatch]) -> Digest:
    """The number of rows, and for each column the sum of its numbers or of the lengths of its strings."""
    sums: Digest = {"rows": 0}
    for batch in batches:
        sums["rows"] += batch.num_rows
        for name, column in zip(batch.schema.names, batch.columns, strict=True):
            if pa.types.is_timestamp(column.type):
                column = column.cast(pa.int64())
            if pa.types.is_string_view(column.type):
                column = column.cast(pa.string())
            if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
                column = pc.binary_length(column)
            sums[name] = sums.get(name, 0.0) + (pc.sum(column.cast(pa.float64(), safe=False)).as_py() or 0.0)
    return sums


class Result:
    """Anything Arrow that an engine returned, as batches."""

    def __init__(self, found: pa.Table | pa.RecordBatchReader | Iterator[pa.RecordBatch]) -> None:
        self.found = found

    def batches(self) -> Iterator[pa.RecordBatch]:
        return iter(self.found.to_batches()) if isinstance(self.found, pa.Table) else iter(self.found)

    def drain(self) -> None:
        for _ in self.batches():
            pass


Way = Callable[[], object]


class Engine:
    """An engine and its tables, one for each run of a job that changes a table."""

    name = ""

    def __init__(self, data: Data, folder: pathlib.Path) -> None:
        self.data = data
        self.folder = folder
        folder.mkdir(parents=True)

    def write(self, run: int) -> None:
        raise NotImplementedError

    def scan(self, columns: list[str] | None, where: str | None) -> list[Way]:
        raise NotImplementedError

    def take(self, count: int) -> list[Way]:
        raise NotImplementedError

    def upsert(self, run: int) -> None:
        raise NotImplementedError

    def add(self, run: int) -> None:
        raise NotImplementedError

    def reopen(self) -> None:
        """After a change of the table that is read."""


class DuckNative(Engine):
    """A database file with a primary key. Every change ends with a checkpoint."""

    name = "DuckDB"

    def connect(self, run: int) -> duckdb.DuckDBPyConnection:
        connection = duckdb.connect(str(self.folder / f"{run}.db"), config={"threads": THREADS})
        connection.execute("SET produce_arrow_string_view = true")
        return connection

    def write(self, run: int) -> None:
        self.connection = self.connect(run)
        self.connection.register("rows", self.data.rows)
        self.connection.execute(
            "CREATE TABLE t(id BIGINT PRIMARY KEY, time TIMESTAMP, tag VARCHAR, x0 DOUBLE, x1 DOUBLE, x2 DOUBLE,"
            " n0 INTEGER, n1 INTEGER, text VARCHAR)"
        )
        self.connection.execute("INSERT INTO t SELECT * FROM rows")
        self.connection.execute("CHECKPOINT")

    def ways(self, query: str, source: str = "t") -> list[Way]:
        query = query.replace("FROM t", f"FROM {source}")
        return [
            lambda: Result(self.connection.sql(query).to_arrow_table()),
            lambda: Result(self.connection.sql(query).to_arrow_reader(BATCH_ROWS)),
        ]

    def source(self) -> str:
        return "t"

    def scan(self, columns: list[str] | None, where: str | None) -> list[Way]:
        query = f"SELECT {', '.join(columns) if columns else '*'} FROM {self.source()}"
        return self.ways(query + (f" WHERE {where}" if where else ""))

    def take(self, count: int) -> list[Way]:
        keys = self.data.keys[count]
        self.connection.register("wanted", keys)
        ids = keys["id"].to_pylist()
        source = self.source()
        join = f"SELECT t.* FROM {source} AS t JOIN wanted USING (id)"
        within = f"SELECT * FROM {source} WHERE id IN (SELECT id FROM wanted)"
        listed = f"SELECT * FROM {source} WHERE id IN ({', '.join(map(str, ids))})"
        queries = [join, within, listed]
        ways = [lambda query=query: Result(self.connection.sql(query).to_arrow_table()) for query in queries]
        if count == 1:
            single = f"SELECT * FROM {source} WHERE id = ?"
            ways.append(lambda: Result(self.connection.sql(single, params=ids).to_arrow_table()))
        return ways

    def upsert(self, run: int) -> None:
        connection = self.connect_for(run)
        for upsert in self.data.upserts:
            connection.register("upsert", upsert)
            connection.execute("INSERT OR REPLACE INTO t SELECT * FROM upsert")
        connection.execute("CHECKPOINT")

    def add(self, run: int) -> None:
        connection = self.connect_for(run)
        connection.register("added", self.data.added)
        connection.execute("ALTER TABLE t ADD COLUMN double BIGINT")
        connection.execute("UPDATE t SET double = added.double FROM added WHERE t.id = added.id")
        connection.execute("CHECKPOINT")

    def connect_for(self, run: int) -> duckdb.DuckDBPyConnection:
        """The connection of a run's table; that of the last run is the one that is read."""
        return self.connection if run == self.runs - 1 else self.connect(run)

    runs = 1


class DuckParquet(DuckNative):
    """A Parquet file, sorted by key. What changes the table writes the file anew."""

    name = "DuckDB on Parquet"

    def path(self, run: int) -> str:
        return str(self.folder / f"{run}.parquet")

    def connect(self, run: int) -> duckdb.DuckDBPyConnection:
        connection = duckdb.connect(config={"threads": THREADS})
        connection.execute("SET produce_arrow_string_view = true")
        connection.execute("SET parquet_metadata_cache = true")
        return connection

    def write(self, run: int) -> None:
        self.connection = self.connect(run)
        self.read = self.path(run)
        self.connection.register("rows", self.data.rows)
        self.connection.execute(f"COPY (SELECT * FROM rows) TO '{self.read}' (FORMAT parquet)")

    def source(self) -> str:
        return f"'{self.read}'"

    def replace(self, run: int, query: str) -> None:
        path = self.path(run)
        self.connection.execute(f"COPY ({query.format(path=path)}) TO '{path}.new' (FORMAT parquet)")
        os.replace(f"{path}.new", path)

    def upsert(self, run: int) -> None:
        for upsert in self.data.upserts:
            self.connection.register("upsert", upsert)
            self.replace(
                run,
                "SELECT * FROM '{path}' WHERE id NOT IN (SELECT id FROM upsert)"
                " UNION ALL SELECT * FROM upsert ORDER BY id",
            )

    def add(self, run: int) -> None:
        self.connection.register("added", self.data.added)
        self.replace(run, "SELECT t.*, added.double FROM '{path}' AS t JOIN added USING (id) ORDER BY id")


class Lance(Engine):
    """A Lance dataset without an index: keys are found by scanning the key column."""

    name = "Lance"
    index = False

    def path(self, run: int) -> str:
        return str(self.folder / f"{run}.lance")

    def write(self, run: int) -> None:
        self.read = self.path(run)
        self.dataset = lance.write_dataset(self.data.rows, self.read)
        if self.index:
            self.dataset.create_scalar_index("id", "BTREE")

    def scan(self, columns: list[str] | None, where: str | None) -> list[Way]:
        return [
            lambda: Result(self.dataset.to_table(columns=columns, filter=where)),
            lambda: Result(self.dataset.to_batches(columns=columns, filter=where, batch_size=BATCH_ROWS)),
            lambda: Result(self.dataset.to_batches(columns=columns, filter=where, batch_size=8192)),
        ]

    def take(self, count: int) -> list[Way]:
        ids = self.data.keys[count]["id"]
        listed = f"id IN ({', '.join(map(str, ids.to_pylist()))})"
        expression = pc.field("id").isin(ids.combine_chunks())

        def by_row() -> Result:
            """Finds the rows in the key column, then takes them by number."""
            keys = self.dataset.to_table(columns=["id"])["id"]
            places = pc.indices_nonzero(pc.is_in(keys, ids.combine_chunks()))
            return Result(self.dataset.take(places))

        return [
            lambda: Result(self.dataset.to_table(filter=listed)),
            lambda: Result(self.dataset.to_table(filter=expression)),
            by_row,
        ]

    def upsert(self, run: int) -> None:
        dataset = lance.dataset(self.path(run))
        for upsert in self.data.upserts:
            merge = dataset.merge_insert("id").when_matched_update_all().when_not_matched_insert_all()
            merge.execute(upsert)

    def add(self, run: int) -> None:
        lance.dataset(self.path(run)).merge(self.data.added, "id")

    def reopen(self) -> None:
        self.dataset = lance.dataset(self.read)


class LanceIndexed(Lance):
    """A Lance dataset with a BTREE index on the key, made while writing and kept up by every upsert."""

    name = "Lance, BTREE"
    index = True

    def upsert(self, run: int) -> None:
        super().upsert(run)
        lance.dataset(self.path(run)).optimize.optimize_indices()


ENGINES: list[type[Engine]] = [DuckNative, DuckParquet, Lance, LanceIndexed]


def milliseconds(job: Callable[[], object]) -> float:
    begin = time.perf_counter()
    job()
    return (time.perf_counter() - begin) * 1e3


def drained(way: Way) -> None:
    result = way()
    assert isinstance(result, Result)
    result.drain()


class Measured:
    """Medians by job, and what the jobs found."""

    def __init__(self, engine: str, runs: int) -> None:
        self.engine = engine
        self.runs = runs
        self.milliseconds: dict[str, float] = {}
        self.found: dict[str, Digest] = {}

    def read(self, job: str, ways: list[Way]) -> None:
        medians = []
        for way in ways:
            result = way()
            assert isinstance(result, Result)
            found = digest(result.batches())
            del result
            known = self.found.setdefault(job, found)
            check(f"{self.engine}: {job}", found, known)
            first = milliseconds(lambda way=way: drained(way))
            # A way that is far slower than another will not be the median that counts.
            if medians and first > 3 * min(medians):
                continue
            medians.append(statistics.median(milliseconds(lambda way=way: drained(way)) for _ in range(self.runs)))
        self.show(job, min(medians))

    def change(self, job: str, run_one: Callable[[int], None]) -> None:
        self.show(job, statistics.median([milliseconds(lambda run=run: run_one(run)) for run in range(self.runs)]))

    def show(self, job: str, median: float) -> None:
        self.milliseconds[job] = median
        print(f"{self.engine:<20} {job:<40} {median:>10.2f} ms", flush=True)


def check(what: str, found: Digest, expected: Digest) -> None:
    """Fails unless two results are the same but for the order of additions."""
    same = found.keys() == expected.keys() and all(
        abs(found[name] - expected[name]) <= 1e-9 * max(abs(found[name]), abs(expected[name])) for name in found
    )
    assert same, f"{what}: {found} is not {expected}"


def measure(kind: type[Engine], data: Data, folder: pathlib.Path, runs: int) -> Measured:
    """Runs all jobs on one engine."""
    shutil.rmtree(folder, ignore_errors=True)
    engine = kind(data, folder)
    measured = Measured(engine.name, runs)
    if isinstance(engine, DuckNative):
        engine.runs = runs
    measured.change("write", engine.write)
    low, high = data.range
    scans: list[tuple[str, list[str] | None, str | None]] = [
        ("full scan", None, None),
        ("two columns", ["x0", "tag"], None),
        ("key range, 1 %", None, f"id >= {low} AND id < {high}"),
        ("filter off key, 0.1 %", None, "x0 < 0.001"),
    ]
    for name, columns, where in scans:
        measured.read(name, engine.scan(columns, where))
    for name, count in [("take 1,000 keys", 1_000), ("take 10,000 keys", 10_000), ("one key", 1)]:
        measured.read(name, engine.take(count))
    measured.change("5 upserts of 1 %", engine.upsert)
    engine.reopen()
    for name, columns, where in scans:
        measured.read(f"{name} after upserts", engine.scan(columns, where))
    measured.read("take 1,000 keys after upserts", engine.take(1_000))
    measured.change("add a column", engine.add)
    return measured
