"""Tables and their versions."""

from __future__ import annotations

import datetime as dt
import html
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import pyarrow as pa

from spiral import _arrow, _spiral, _values
from spiral._arrow import KeysLike, TableLike, TypeLike

if TYPE_CHECKING:
    from spiral.transaction import Transaction

Asof: TypeAlias = int | dt.datetime | str
"""A version number, or a time: then the newest version committed at or before it. A time without a zone is UTC."""


def asof_text(asof: Asof | None) -> str | None:
    """As the engine reads it."""
    return None if asof is None else asof.isoformat() if isinstance(asof, dt.datetime) else str(asof)


class Key(tuple[Any, ...]):
    """A key, or the first parts of one. Made by `Table.key`."""

    __slots__ = ()


@dataclass(frozen=True)
class KeyRange:
    """Rows from `begin`, included, to `end`, excluded. A bound may name only the first parts of a key."""

    begin: Sequence[Any] | None = None
    end: Sequence[Any] | None = None


@dataclass(frozen=True)
class Shard:
    """A part of a scan."""

    key_range: KeyRange
    cardinality: int | None = None
    """Rows in it, if known."""


class Commit(NamedTuple):
    """What a change has made."""

    version: int
    """The version it made."""
    timestamp: dt.datetime
    """When."""


class HistoryEntry(NamedTuple):
    """A commit of a table's history."""

    version: int
    """The version."""
    timestamp: dt.datetime
    """When it was committed."""
    transaction: str
    """Identity of the transaction."""
    operations: list[str]
    """One word per operation: `create`, `write`, `delete` …"""
    rows_written: int
    """Rows written."""
    rows_deleted: int
    """Keys deleted."""
    bytes: int
    """Bytes of new objects."""


class ColumnInfo(NamedTuple):
    """A column of a table."""

    path: str
    """Dotted path."""
    type: str
    """Name of the type, as expressions have it."""
    field: pa.Field[Any]
    """The Arrow field."""
    is_key: bool
    """Whether it is part of the key."""


def made_commit(known: str) -> Commit:
    """A commit of which the engine told as JSON."""
    commit = json.loads(known)
    return Commit(commit["version"], _values.moment(int(commit["timestamp"])))


@dataclass(frozen=True)
class Projection:
    """Columns of a table, for `Spiral.scan`: `table["a"]`, `table["group"]["a"]`, `table[["a", "group.*"]]`; `*` for all."""

    source: Source
    paths: tuple[str, ...]
    is_list: bool
    """Whether they were named by a list: then a name given to them stands for a struct of them."""

    @property
    def table(self) -> Table:
        """The table."""
        return self.source if isinstance(self.source, Table) else self.source.table

    def __getitem__(self, name: str) -> Projection:
        (path,) = self.paths
        return Projection(self.source, (f"{path}.{name}",), is_list=False)


def project(source: Source, columns: str | Sequence[str]) -> Projection:
    """Columns of a table or a version of it."""
    is_list = not isinstance(columns, str)
    paths: Sequence[str] = columns if not isinstance(columns, str) else [columns]
    return Projection(source, tuple("" if path == "*" else path.removesuffix(".*") for path in paths), is_list)


class Snapshot:
    """A version of a table. It does not change, whatever is committed later."""

    __slots__ = ("_native", "_table")

    def __init__(self, table: Table, native: _spiral.Snapshot) -> None:
        self._table = table
        self._native = native

    @property
    def table(self) -> Table:
        """The table."""
        return self._table

    @property
    def version(self) -> int:
        """The version."""
        return self._native.version

    @property
    def asof(self) -> dt.datetime:
        """When it was committed."""
        return _values.moment(self._native.timestamp)

    @property
    def key_schema(self) -> pa.Schema:
        """The key columns."""
        return self._table.key_schema

    def schema(self) -> pa.Schema:
        """Key columns, then value columns, groups as nested structs."""
        return pa.schema(self._native.schema())

    def columns(self) -> list[ColumnInfo]:
        """All columns by their paths, key columns first."""
        columns = self._native.columns()
        return [ColumnInfo(path, kind, pa.field(field), is_key) for path, kind, field, is_key in columns]

    def __getitem__(self, columns: str | Sequence[str]) -> Projection:
        return project(self, columns)

    def __repr__(self) -> str:
        return f'<Snapshot of table "{self._table.identifier}", version {self.version}>'


Source: TypeAlias = "Table | Snapshot"
"""What can be scanned."""


class Table:
    """A table: sorted and unique by its key columns. Made by `Project.table` and `Project.create_table`."""

    __slots__ = ("_native",)

    def __init__(self, native: _spiral.Table) -> None:
        self._native = native

    @property
    def identifier(self) -> str:
        """The name by which it was opened, with its dataset."""
        name = self._native.name.split("/")[-1]
        return name if "." in name else f"default.{name}"

    @property
    def id(self) -> str:
        """Its permanent id, whatever it is named: the name of its folder below the root's `tables`."""
        return self._native.id

    @property
    def project(self) -> str:
        """The project it lies in."""
        return self._native.name.split("/")[0] if "/" in self._native.name else "default"

    @property
    def dataset(self) -> str:
        """The dataset it lies in."""
        return self.identifier.split(".")[0]

    @property
    def name(self) -> str:
        """Its name without the dataset."""
        return self.identifier.split(".")[1]

    @property
    def key_schema(self) -> pa.Schema:
        """The key columns."""
        return pa.schema(self._native.key_schema())

    def schema(self) -> pa.Schema:
        """The newest version's columns: key columns, then value columns, groups as nested structs."""
        return self.snapshot().schema()

    def columns(self) -> list[ColumnInfo]:
        """The newest version's columns by their paths, key columns first."""
        return self.snapshot().columns()

    def key(self, *parts: Any) -> Key:
        """A key, or the first parts of one, for a `KeyRange`."""
        return Key(parts)

    def __getitem__(self, columns: str | Sequence[str]) -> Projection:
        return project(self, columns)

    def snapshot(self, asof: Asof | None = None) -> Snapshot:
        """The newest version, or an older one by its number or time."""
        return Snapshot(self, self._native.snapshot(asof_text(asof)))

    def write(
        self, table: TableLike, push_down_nulls: bool = False, *, types: Mapping[str, TypeLike] | None = None
    ) -> Commit:
        """Upserts rows in one transaction.

        The input has all key columns, in any order of keys, and any value columns. Columns that do not exist are
        created; cells that are not written stay. Streams are pulled batch by batch as they are written.

        Python values take the types of the table's columns. In new columns whole numbers become `int64`, others
        `float64`, text `utf8`, bytes `binary`, dicts column groups, times `timestamp[us, UTC]` (without a zone they
        count as UTC); `types` names others.

        Arguments:
            table: Arrow tables, batches and readers of any library, pandas and Polars data frames, a dict of columns
                (nested dicts are column groups), a list of dicts, or an iterable of any of these.
            push_down_nulls: Turns a null struct into null fields; otherwise it is an error, since a column group is
                never null.
            types: Types of new columns.
        """
        types_ = _arrow.RowTypes(self.schema, types)
        return made_commit(self._native.write(_arrow.batches(table, types_), push_down_nulls))

    def delete(self, keys: KeysLike) -> Commit:
        """Deletes rows by key. Keys without a row are fine; columns beside the key columns are ignored."""
        return made_commit(self._native.delete(list(_arrow.key_batches(keys, self.key_schema))))

    def delete_where(self, where: str) -> Commit:
        """Deletes the rows for which a filter is true."""
        return made_commit(self._native.delete_where(where))

    def txn(self) -> Transaction:
        """Begins a transaction: several changes that become visible together.

        As a context manager it commits at the end of the block, and aborts when the block raises.
        """
        from spiral.transaction import Transaction

        return Transaction(self, self._native.transaction())

    def history(self, limit: int = 100) -> list[HistoryEntry]:
        """The most recent commits, newest first."""
        entries = json.loads(self._native.history(limit))
        return [HistoryEntry(**{**entry, "timestamp": _values.moment(int(entry["timestamp"]))}) for entry in entries]

    def close(self) -> None:
        """Gives the handle up; threads and memory go with the last handle of their `Spiral`."""
        self._native.close()

    def __enter__(self) -> Table:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        keys = ", ".join(f"{field.name}: {field.type}" for field in self.key_schema)
        return f'<Table "{self.identifier}", key ({keys})>'

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td>{html.escape(field.name)}</td><td>{html.escape(str(field.type))}</td></tr>"
            for field in self.key_schema
        )
        name = html.escape(self.identifier)
        return f"<table><caption>{name}</caption><tr><th>key column</th><th>type</th></tr>{rows}</table>"
