"""Scans over several tables, and columns under other names."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

import spiral


@pytest.fixture
def people(root: spiral.Spiral) -> spiral.Table:
    table = root.project().create_table("people", key_schema={"id": "int64"})
    table.write({"id": [1, 2, 3], "name": ["ann", "bob", "cem"], "info": {"age": [31, 25, None], "tall": [1, 2, 3]}})
    return table


@pytest.fixture
def orders(root: spiral.Spiral) -> spiral.Table:
    table = root.project().create_table("shop.orders", key_schema={"id": "int64"})
    table.write({"id": [2, 3, 4], "total": [20, 30, 40]})
    return table


def rows(scan: spiral.Scan) -> list[dict[str, Any]]:
    return scan.plan().to_table().to_pylist()


def test_tables_stand_side_by_side(root: spiral.Spiral, people: spiral.Table, orders: spiral.Table) -> None:
    found = rows(root.scan(people[["id", "name"]], orders))
    assert found == [
        {"id": 1, "name": "ann", "total": None},
        {"id": 2, "name": "bob", "total": 20},
        {"id": 3, "name": "cem", "total": 30},
        {"id": 4, "name": None, "total": 40},
    ]
    with pytest.raises(spiral.InvalidArgumentError, match="two columns of the result are named name"):
        root.scan(people, {"name": orders["total"]}).plan()
    with pytest.raises(spiral.InvalidArgumentError) as failure:
        root.scan(people, root.project().create_table("wide", key_schema={"id": "int32"})).plan()
    assert failure.value.code == "key_schema_mismatch"


def test_a_dict_names_columns_tables_and_expressions(
    root: spiral.Spiral, people: spiral.Table, orders: spiral.Table
) -> None:
    about = people[["name", "info.*"]]
    named = {"key": people["id"], "about": about, "shop": orders, "due": "shop.total + people.info.age"}
    scan = root.scan(named, where="shop.total < 25")
    assert rows(scan) == [
        {"id": 2, "key": 2, "about": {"name": "bob", "info": {"age": 25, "tall": 2}}, "shop": {"total": 20}, "due": 45}
    ]
    assert rows(root.scan({"a": {"b": people["info"]["age"]}}, where="id = 1")) == [{"a": {"b": 31}}]
    assert rows(root.scan({"": people["info"]}, where="id = 1")) == [{"age": 31, "tall": 1}]
    ann = {"name": "ann", "info": {"age": 31, "tall": 1}}
    assert rows(root.scan({"all": people[["*"]]}, limit=1)) == [{"id": 1, "all": ann}]
    assert rows(root.scan({"n": people["name"], "old": "info.age > 30"}, limit=1)) == [{"n": "ann", "old": True}]
    assert scan.schema.names == ["id", "key", "about", "shop", "due"]
    with pytest.raises(spiral.InvalidArgumentError, match="int cannot be scanned"):
        root.scan({"a": people, "b": 1})


def test_tables_are_named_by_argument(root: spiral.Spiral, people: spiral.Table, orders: spiral.Table) -> None:
    before = people.snapshot()
    people.write([{"id": 2, "name": "ben"}])
    people.delete([3])
    versions = {"then": before, "now": people}
    names = {"was": before["name"], "name": people["name"]}
    plan = root.scan(names, tables=versions, where="then.name != now.name").plan()
    assert plan.to_table().to_pylist() == [{"was": "bob", "name": "ben"}]
    assert plan.versions == {"then": 2, "now": 4}
    with pytest.raises(spiral.InvalidArgumentError, match="several versions"):
        _ = plan.version
    assert repr(plan).endswith("version 2, 4>")
    deleted = root.scan(tables=versions, where="now.name is null and then.name is not null")
    cem = {"name": "cem", "info": {"age": None, "tall": 3}}
    nobody = {"name": None, "info": {"age": None, "tall": None}}
    assert rows(deleted) == [{"id": 3, "then": cem, "now": nobody}]
    assert rows(root.scan({"x": "p.name"}, tables={"p": people}, limit=1)) == [{"x": "ann"}]
    with pytest.raises(spiral.InvalidArgumentError, match="'people'"):
        root.scan(before, people)
    with pytest.raises(spiral.InvalidArgumentError, match="name a table"):
        root.scan()


def test_keys_of_several_tables(root: spiral.Spiral, people: spiral.Table, orders: spiral.Table) -> None:
    assert rows(root.scan_keys(people, orders)) == [{"id": 1}, {"id": 2}, {"id": 3}, {"id": 4}]
    groups = root.scan_keys(people["info"], orders["total"], where="people.info.age is null")
    assert rows(groups) == [{"id": 3}, {"id": 4}]


def test_rows_of_several_tables_are_taken_and_streamed_in_any_order(
    root: spiral.Spiral, people: spiral.Table, orders: spiral.Table
) -> None:
    plan = root.scan(people["name"], orders["total"]).plan()
    taken = plan.take([[4], [9], [1]])
    assert taken.rows.to_pylist() == [{"name": None, "total": 40}, {"name": "ann", "total": None}]
    assert taken.positions.to_pylist() == [0, 2]
    people.write([{"id": 1, "name": "later"}])
    unordered = plan.to_unordered_record_batches().read_all().to_pylist()
    assert {row["name"] for row in unordered} == {"ann", "bob", "cem", None}


def test_a_time_holds_for_all_tables(root: spiral.Spiral, people: spiral.Table, orders: spiral.Table) -> None:
    moment = orders.snapshot().asof
    people.write([{"id": 1, "name": "later"}])
    assert rows(root.scan(people["name"], orders["total"], asof=moment))[0] == {"name": "ann", "total": None}
    with pytest.raises(spiral.InvalidArgumentError, match="each for itself"):
        root.scan(people, orders, asof=2).plan()
    with pytest.raises(spiral.InvalidArgumentError, match="leave asof out"):
        root.scan(people.snapshot(), orders, asof=dt.datetime.now(dt.timezone.utc))
    with spiral.Spiral("memory:") as other:
        stranger = other.project().create_table("t", key_schema={"id": "int64"})
        with pytest.raises(spiral.InvalidArgumentError, match="belong to the client"):
            root.scan(people, stranger).plan()
