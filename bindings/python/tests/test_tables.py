"""Creating, writing, reading, deleting, and what tells about it."""

from __future__ import annotations

import datetime as dt
import os
from pathlib import Path

import pyarrow as pa
import pytest

import spiral


def rows(scan: spiral.Scan) -> list[dict[str, object]]:
    return scan.plan().to_table().to_pylist()


@pytest.mark.parametrize(
    "schema",
    [
        {"day": "utf8", "hour": "int32"},
        {"day": pa.string(), "hour": pa.int32()},
        [("day", pa.string()), ("hour", "int32")],
        [pa.field("day", pa.string()), pa.field("hour", pa.int32())],
        pa.schema([("day", pa.string()), ("hour", pa.int32())]),
    ],
)
def test_key_schemas_come_in_every_form(root: spiral.Spiral, schema: object) -> None:
    table = root.project().create_table("sales.hours", key_schema=schema)
    assert [(field.name, field.type) for field in table.key_schema] == [("day", pa.string()), ("hour", pa.int32())]
    assert (table.identifier, table.dataset, table.name) == ("sales.hours", "sales", "hours")
    assert root.project().tables() == ["sales.hours"]


def test_projections_select_columns_and_groups(root: spiral.Spiral) -> None:
    table = root.project().create_table("t", key_schema={"id": "int64"})
    table.write([{"id": 1, "g": {"x": 1, "y": {"z": "a"}}, "v": 0.5}])
    assert rows(root.scan(table["v"])) == [{"v": 0.5}]
    assert rows(root.scan(table["g"]["y"])) == [{"g": {"y": {"z": "a"}}}]
    assert rows(root.scan(table["g.x"])) == [{"g": {"x": 1}}]
    assert rows(root.scan(table[["v", "g.*"]])) == [{"v": 0.5, "g": {"x": 1, "y": {"z": "a"}}}]
    assert rows(root.scan(table["v"], table["id"])) == [{"v": 0.5, "id": 1}]
    assert rows(root.scan(table)) == rows(root.scan(table.snapshot()))


def test_scans_filter_bound_limit_and_read_keys(root: spiral.Spiral, table: spiral.Table) -> None:
    ids = lambda scan: [row["id"] for row in rows(scan)]  # noqa: E731
    assert ids(root.scan(table, where="name >= 'c'")) == [3, 4, 5]
    assert ids(root.scan(table, limit=2)) == [1, 2]
    assert ids(root.scan(table, shard=spiral.KeyRange(begin=table.key(2), end=[4]))) == [2, 3]
    assert ids(root.scan(table, shard=spiral.Shard(spiral.KeyRange(begin=(4,)), None))) == [4, 5]
    assert rows(root.scan_keys(table, where="name = 'e'")) == [{"id": 5}]
    assert root.scan(table, limit=2).plan().limit == 2
    unordered = root.scan(table).plan().to_unordered_record_batches().read_all()
    assert sorted(unordered["id"].to_pylist()) == [1, 2, 3, 4, 5]


def test_older_versions_by_number_and_time(root: spiral.Spiral, table: spiral.Table) -> None:
    commit = table.write([{"id": 1, "name": "z"}])
    name = lambda asof: rows(root.scan(table, asof=asof, limit=1))[0]["name"]  # noqa: E731
    before = commit.timestamp - dt.timedelta(microseconds=1)
    assert name(commit.version) == name(commit.timestamp) == name(None) == "z"
    assert name(commit.version - 1) == name(before) == name(before.isoformat()) == "a"
    assert name(before.astimezone(dt.timezone(dt.timedelta(hours=9)))) == "a"
    assert (table.snapshot(before).version, table.snapshot().asof) == (2, commit.timestamp)
    with pytest.raises(spiral.InvalidArgumentError, match="neither a version nor a time"):
        table.snapshot("yesterday")
    with pytest.raises(spiral.InvalidArgumentError, match="a snapshot is one version"):
        root.scan(table.snapshot(), asof=1)


def test_taking_by_key_in_the_order_asked(root: spiral.Spiral, table: spiral.Table) -> None:
    plan = root.scan(table["name"]).plan()
    taken = plan.take([5, 9, 1, 5])
    assert taken.rows["name"].to_pylist() == ["e", "a", "e"]
    assert taken.positions.to_pylist() == [0, 2, 3]
    for keys in ([2, 1], [(2,), (1,)], {"id": [2, 1]}, pa.table({"id": [2, 1]}), iter([[2], [1]])):
        assert plan.to_table(key_table=keys)["name"].to_pylist() == ["b", "a"]
    assert plan.take([]).rows.num_rows == 0


def test_a_stream_of_keys_is_read_as_its_rows_are(root: spiral.Spiral, table: spiral.Table) -> None:
    pulled = 0

    def endless():
        nonlocal pulled
        while True:
            pulled += 1
            yield pa.record_batch({"id": [pulled % 5 + 1]})

    reader = root.scan(table).plan().to_record_batches(key_table=endless())
    assert [reader.read_next_batch()["id"].to_pylist() for _ in range(3)] == [[2], [3], [4]]
    assert pulled <= 4


def test_deleting_by_key_and_by_filter(root: spiral.Spiral, table: spiral.Table) -> None:
    assert table.delete([1, 99]).version == 3
    table.delete(pa.table({"id": [2], "ignored": ["x"]}))
    table.delete_where("name = 'e'")
    assert [row["id"] for row in rows(root.scan(table))] == [3, 4]
    assert len(rows(root.scan(table, asof=2))) == 5
    operations = [entry.operations for entry in table.history()]
    assert operations == [["delete"], ["delete"], ["delete"], ["write"], ["create"]]
    assert [entry.version for entry in table.history(2)] == [5, 4]
    assert table.history(1)[0].timestamp.tzinfo is not None


def test_transactions_commit_at_the_end_and_abort_on_exceptions(root: spiral.Spiral, table: spiral.Table) -> None:
    with table.txn() as txn:
        txn.write({"id": [6], "name": ["f"]})
        txn.delete([1])
        txn.delete_where("name = 'b'")
        assert (txn.status, len(rows(root.scan(table)))) == ("open", 5)
    assert (txn.status, txn.committed.version) == ("committed", 3)
    assert [row["id"] for row in rows(root.scan(table))] == [3, 4, 5, 6]
    assert table.history(1)[0].transaction == txn.id
    with pytest.raises(KeyError), table.txn() as txn:
        txn.delete([3])
        raise KeyError("mine")
    assert (txn.status, txn.committed, table.snapshot().version) == ("aborted", None, 3)
    with pytest.raises(spiral.InvalidArgumentError, match="begin another one"):
        txn.commit()
    with table.txn() as txn:
        with pytest.raises(spiral.InvalidArgumentError) as failure:
            txn.write([{"name": "no key"}])
        assert failure.value.code == "missing_key_column"
        txn.write([{"id": 7}])
    assert txn.committed.version == 4


def test_schemas_and_columns(table: spiral.Table) -> None:
    assert table.schema().names == ["id", "name"]
    assert table.snapshot(1).schema().names == ["id"]
    assert [(c.path, c.type, c.is_key) for c in table.columns()] == [("id", "int64", True), ("name", "utf8", False)]


def test_handles_and_plans_describe_themselves(root: spiral.Spiral, table: spiral.Table) -> None:
    plan = root.scan(table[["id"]], where="id < 3").plan()
    assert repr(root) == "<Spiral at memory:>"
    assert repr(table) == '<Table "default.t", key (id: int64)>'
    assert repr(table.snapshot()) == '<Snapshot of table "default.t", version 2>'
    wanted = """<Plan of <Scan of <Table "default.t", key (id: int64)>, columns=['id'], where='id < 3'>, version 2>"""
    assert repr(plan) == wanted
    assert "<table>" in table._repr_html_() and "scan of version 2" in plan._repr_html_()
    assert "id &lt; 3" in plan._repr_html_() or "<3" not in plan._repr_html_()
    assert "scan of version" in plan.explain()
    assert (plan.schema.names, plan.key_schema.names, plan.is_empty()) == (["id"], ["id"], False)
    assert root.scan(table).schema.names == ["id", "name"]
    plan.to_table()
    assert plan.metrics["rows_returned"] == 2


def test_names_move_and_are_given_again(tmp_path: Path) -> None:
    root = spiral.Spiral(tmp_path)
    project = root.project()
    first = project.create_table("sales.hours", key_schema={"id": "int64"})
    project.rename_table("sales.hours", "days")
    assert project.tables() == ["sales.days"]
    project.move_table("sales.days", "archive")
    assert project.table("archive.days").id == first.id
    other = root.create_project(id_prefix="demo")
    second = other.create_table("days", key_schema={"id": "int64"})
    assert (second.project, second.dataset, second.name) == (other.id, "default", "days")
    assert [listed.id for listed in root.list_projects()] == ["default", other.id]
    assert (project.tables(), other.tables()) == (["archive.days"], ["default.days"])
    with pytest.raises(spiral.AlreadyExistsError):
        other.create_table("days", key_schema={"id": "int64"})
    other.drop_table("days")
    with pytest.raises(spiral.NotFoundError):
        other.drop_table("days")
    assert other.create_table("days", key_schema={"id": "int64"}).id != second.id


def test_a_folder_is_found_by_argument_variable_and_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spiral.Spiral(tmp_path / "a").project().create_table("one", key_schema={"id": "int64"})
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".spiral.toml").write_text(f'root = "{tmp_path}/b"\n')
    assert spiral.Spiral().url == f"{tmp_path}/b"
    monkeypatch.setenv("SPIRAL__ROOT", str(tmp_path / "a"))
    assert spiral.Spiral().project().tables() == ["default.one"]
    assert spiral.Spiral(tmp_path / "c").project().tables() == []
    folder = tmp_path / "a/tables" / spiral.Spiral().project().table("one").id
    assert spiral.Spiral(folder).table_at_root().key_schema.names == ["id"]
    (tmp_path / ".spiral.toml").write_text("roof = 1\n")
    with pytest.raises(spiral.InvalidArgumentError, match="not a valid configuration"):
        spiral.Spiral()


def test_options_are_checked_and_never_quoted() -> None:
    with pytest.raises(spiral.InvalidArgumentError, match='"secret_kee" is not an option') as failure:
        spiral.Spiral("s3://bucket/a", store={"secret_kee": "hunter2"})
    assert failure.value.code == "invalid_store_url" and "hunter2" not in str(failure.value)
    with pytest.raises(spiral.InvalidArgumentError, match="wrong type"):
        spiral.Spiral("memory:", threads=-1)
    options = {"threads": 1, "cache_bytes": 1 << 20, "partition_max_bytes": 1 << 20, "batch_readahead": 1}
    spiral.Spiral("memory:", **options).close()


def test_closed_handles_say_so(root: spiral.Spiral, table: spiral.Table) -> None:
    with spiral.Spiral("memory:") as other:
        kept = other.project().create_table("t", key_schema={"id": "int64"})
    with pytest.raises(spiral.InvalidArgumentError, match="closed"):
        other.project().tables()
    kept.write([{"id": 1}])
    table.close()
    table.close()
    with pytest.raises(spiral.InvalidArgumentError, match="closed"):
        table.history()


def test_reading_over_http(folder: Path, slow: object) -> None:
    with spiral.Spiral(slow.url) as opened:
        table = opened.project().table("t")
        assert [r["id"] for r in rows(opened.scan(table["id"], where="id >= 10", limit=2))] == [10, 11]
        assert opened.project().tables() == ["default.t"]
        with pytest.raises(spiral.UnsupportedError) as failure:
            opened.project().drop_table("t")
        assert failure.value.code == "read_only"
        with pytest.raises(spiral.UnsupportedError):
            table.delete([1])
    assert all(request["method"] == "GET" for request in slow.requests())
    assert sorted(os.listdir(folder)) == ["catalog", "tables"]
