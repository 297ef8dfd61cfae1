"""What goes in and out: Arrow of several libraries, data frames, Python values."""

from __future__ import annotations

import datetime as dt
import threading
from decimal import Decimal

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import spiral

COLUMNS = {"id": [1, 2], "name": ["a", None], "v": [0.5, 1.5]}
TABLE = pa.table(COLUMNS)


class Stream:
    """A table of a library that nobody knows."""

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        return TABLE.__arrow_c_stream__(requested_schema)


class Batch:
    def __arrow_c_array__(self, requested_schema: object | None = None) -> object:
        return TABLE.to_batches()[0].__arrow_c_array__(requested_schema)


FORMS = {
    "table": lambda: TABLE,
    "batch": lambda: TABLE.to_batches()[0],
    "reader": lambda: TABLE.to_reader(),
    "capsule stream": Stream,
    "capsule batch": Batch,
    "pandas": lambda: TABLE.to_pandas(),
    "pandas index": lambda: TABLE.to_pandas().set_index("id"),
    "pandas rows": lambda: pd.concat([TABLE.to_pandas()] * 2).iloc[1:3],
    "polars": lambda: pl.from_arrow(TABLE),
    "duckdb": lambda: duckdb.from_arrow(TABLE),
    "columns": lambda: COLUMNS,
    "columns of several kinds": lambda: {
        "id": np.array([1, 2]),
        "name": pa.chunked_array([["a"], [None]], pa.string()),
        "v": pd.Series([0.5, 1.5]),
    },
    "polars series": lambda: {"id": pl.Series([1, 2]), "name": pa.array(["a", None]), "v": (0.5, 1.5)},
    "rows": lambda: TABLE.to_pylist(),
    "tables": lambda: [TABLE.slice(1), TABLE.slice(0, 1)],
    "generator": lambda: (part for part in (TABLE.slice(0, 1), {"id": [2], "name": [None], "v": [1.5]})),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_a_table_is_written(root: spiral.Spiral, form: str) -> None:
    table = root.project().create_table("t", key_schema={"id": "int64"})
    table.write(FORMS[form]())
    assert root.scan(table).plan().to_table().to_pydict() == COLUMNS
    assert table.snapshot().version == 2
    table.delete(FORMS[form]())
    assert root.scan(table).plan().to_table().num_rows == 0


def test_every_form_is_read(root: spiral.Spiral) -> None:
    table = root.project().create_table("t", key_schema={"id": "int64"})
    table.write(TABLE)
    scan = root.scan(table)
    plan = scan.plan()
    assert plan.to_table().to_pydict() == COLUMNS
    assert plan.to_record_batches().read_all().to_pydict() == COLUMNS
    assert plan.to_pandas().equals(TABLE.to_pandas())
    for frame in (plan.to_polars(), pl.DataFrame(plan), pl.DataFrame(scan)):
        assert frame.to_dict(as_series=False) == COLUMNS
    assert pa.table(plan).to_pydict() == pa.RecordBatchReader.from_stream(scan).read_all().to_pydict() == COLUMNS
    assert duckdb.sql("select sum(id), count(name) from plan").fetchall() == [(3, 1)]
    other = root.project().create_table("other", key_schema={"id": "int64"})
    other.write(plan)
    other.write(scan)
    assert root.scan(other).plan().to_table().to_pydict() == COLUMNS


def test_arrow_memory_is_not_copied(root: spiral.Spiral) -> None:
    table = root.project().create_table("t", key_schema={"id": "int64"})
    table.write(pa.table({"id": range(100_000)}))
    before = pa.total_allocated_bytes()
    read = root.scan(table).plan().to_table()
    assert read.num_rows == 100_000
    assert pa.total_allocated_bytes() == before


def test_values_of_python_become_those_of_arrow(root: spiral.Spiral) -> None:
    table = root.project().create_table("t", key_schema={"id": "int64"})
    utc = dt.timezone.utc
    row = {
        "flag": True,
        "int": -(2**63),
        "big": 2**64 - 1,
        "float": 0.1,
        "text": "é\0",
        "bytes": b"\0\xff",
        "array": bytearray(b"ab"),
        "view": memoryview(b"cd"),
        "decimal": Decimal("-1.20"),
        "date": dt.date(1899, 12, 31),
        "time": dt.time(23, 59, 59, 999_999),
        "moment": dt.datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=utc),
        "elsewhere": dt.datetime(2020, 1, 1, 9, tzinfo=dt.timezone(dt.timedelta(hours=9))),
        "span": dt.timedelta(days=-1, microseconds=1),
        "nanos": pd.Timestamp(1, unit="ns", tz="UTC"),
        "numpy": np.float32(0.5),
        "small": np.int16(-3),
        "when": np.datetime64("2020-01-01T00:00:00", "s"),
        "scalar": pa.scalar(7, pa.uint64()),
        "list": [1, None, 2],
        "tuple": (1.5,),
        "vector": np.array([1.0, 2.0]),
        "set": {1},
        "nothing": None,
    }
    table.write([{"id": 1, **row}])
    found = root.scan(table).plan().to_table().to_pylist()[0]
    wanted = row | {
        "id": 1,
        "array": b"ab",
        "view": b"cd",
        "elsewhere": dt.datetime(2020, 1, 1, tzinfo=utc),
        "numpy": 0.5,
        "small": -3,
        "when": dt.datetime(2020, 1, 1, tzinfo=utc),
        "scalar": 7,
        "tuple": [1.5],
        "vector": [1.0, 2.0],
        "set": [1],
    }
    del wanted["nothing"]
    assert {name: found[name] for name in wanted} == wanted
    assert found.get("nothing") is None


def test_values_take_the_types_of_their_columns(root: spiral.Spiral) -> None:
    table = root.project().create_table("t", key_schema={"id": "uint8", "at": "timestamp[ns]"})
    types = {"small": pa.int16(), "price": "decimal128(10, 2)", "tags": pa.list_(pa.string())}
    at = dt.datetime(2020, 1, 1)
    table.write([{"id": 1, "at": at, "small": 1, "price": "9.9", "tags": ["a"]}], types=types)
    table.write({"id": [2], "at": ["2021-01-01T00:00:00.000000001"], "small": [2], "price": [3], "tags": [[]]})
    found = root.scan(table).plan().to_table()
    assert [str(kind) for kind in found.schema.types[:2]] == ["uint8", "timestamp[ns]"]
    assert found.schema.field("small").type == pa.int16()
    assert found["price"].to_pylist() == [Decimal("9.90"), Decimal("3.00")]
    assert found["at"].cast(pa.int64()).to_pylist()[1] % 10 == 1
    with pytest.raises(spiral.InvalidArgumentError, match="column small has type int16 and cannot hold an integer"):
        table.write([{"id": 1, "at": at, "small": 40_000}])


def test_nested_dicts_are_column_groups(root: spiral.Spiral) -> None:
    table = root.project().create_table("t", key_schema={"id": "int64"})
    meta = {"rate": pa.array([1, 2], pa.int32()), "lang": ["en", "de"]}
    table.write({"id": [1, 2], "audio": {"bytes": [b"x", b"y"], "meta": meta}})
    paths = [column.path for column in table.columns()]
    assert sorted(paths) == ["audio.bytes", "audio.meta.lang", "audio.meta.rate", "id"]
    table.write({"id": [3], "audio": {"meta": {"rate": [3]}}})
    table.write([{"id": 4, "audio": {"meta": {"rate": 4}}}])
    found = root.scan(table["audio.meta"]).plan().to_table().to_pylist()
    assert [row["audio"]["meta"]["rate"] for row in found] == [1, 2, 3, 4]
    with pytest.raises(spiral.InvalidArgumentError, match="struct audio is null"):
        table.write([{"id": 5, "audio": {"bytes": b"z"}}, {"id": 6, "audio": None}])
    table.write([{"id": 5, "audio": {"bytes": b"z"}}, {"id": 6, "audio": None}], push_down_nulls=True)


def test_vectors_are_fixed_size_lists(root: spiral.Spiral) -> None:
    table = root.project().create_table("t", key_schema={"id": "int64"})
    table.write({"id": [1, 2], "vector": np.arange(6, dtype="f4").reshape(2, 3)})
    assert table.schema().field("vector").type == pa.list_(pa.float32(), 3)
    assert root.scan(table["vector"]).plan().to_table()["vector"].to_pylist() == [[0, 1, 2], [3, 4, 5]]


def test_inputs_are_pulled_one_by_one_on_the_thread_that_waits(root: spiral.Spiral) -> None:
    table = root.project().create_table("t", key_schema={"id": "int64"})
    threads = set()
    released: list[int] = []

    class Part(list):
        def __del__(self) -> None:
            released.append(1)

    def parts():
        for number in range(20):
            threads.add(threading.get_ident())
            yield Part([{"id": number}])
        assert len(released) >= 15, "the parts are kept until the end"

    table.write(parts())
    assert threads == {threading.get_ident()}
    assert root.scan(table).plan().to_table().num_rows == 20


def test_an_exception_of_the_input_is_raised_and_nothing_is_written(root: spiral.Spiral, table: spiral.Table) -> None:
    def broken():
        yield TABLE.select(["id"])
        raise ZeroDivisionError("mine")

    reader = pa.RecordBatchReader.from_batches(TABLE.schema, (b for part in broken() for b in part.to_batches()))
    for source in (broken(), reader):
        with pytest.raises(ZeroDivisionError, match="mine"):
            table.write(source)
    with table.txn() as txn:
        with pytest.raises(ZeroDivisionError):
            txn.write(broken())
        txn.delete([1])
    assert [entry.version for entry in table.history()] == [3, 2, 1]


def test_a_write_ends_the_pulling_of_its_input(table: spiral.Table) -> None:
    pulled = 0

    def endless():
        nonlocal pulled
        while True:
            pulled += 1
            yield {"id": ["no", "number"]}

    with pytest.raises(spiral.InvalidArgumentError):
        table.write(endless())
    assert pulled < 5
