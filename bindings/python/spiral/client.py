"""Roots of tables."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Any, TypeAlias

import pyarrow as pa

from spiral import _arrow, _spiral
from spiral._arrow import TypeLike
from spiral.projection import Projected, made_scan
from spiral.scan import Scan
from spiral.table import Asof, KeyRange, Shard, Snapshot, Table

DEFAULT_PROJECT = "default"

KeySchema: TypeAlias = (
    pa.Schema | Mapping[str, TypeLike] | Iterable[tuple[str, TypeLike]] | Iterable["pa.Field[Any]"]
)
"""Key columns: a schema, fields, or names with types, such as `{"id": "int64"}` or `[("id", pa.int64())]`."""


class Spiral:
    """Tables below one root, with the threads and caches that everything opened from it shares.

    Arguments:
        url: `memory:`, a folder, `s3://bucket/folder`, `gs://…`, `az://…`, `https://…` (to read). By default the
            root that the variable `SPIRAL__ROOT` or `root` in `~/.spiral.toml` names, then `~/.spiral/data`.
        store: Options of the store by the names of its vendor's variables, credentials among them. By default they
            are found as the vendor's own tools find them.
        threads: Threads for CPU work; the machine's parallelism by default.
        cache_bytes: Memory for each cache of metadata and keys.
        partition_max_bytes: Uncompressed bytes after which a write starts the next run.
        batch_readahead: Batches that a scan prepares ahead of its reader.
    """

    __slots__ = ("_native",)

    def __init__(
        self,
        url: str | os.PathLike[str] | None = None,
        *,
        store: Mapping[str, str] | None = None,
        threads: int | None = None,
        cache_bytes: int | None = None,
        partition_max_bytes: int | None = None,
        batch_readahead: int | None = None,
    ) -> None:
        options = {
            "store": None if store is None else dict(store),
            "threads": threads,
            "cache_bytes": cache_bytes,
            "partition_max_bytes": partition_max_bytes,
            "batch_readahead": batch_readahead,
        }
        given = {name: value for name, value in options.items() if value is not None}
        self._native = _spiral.Client(None if url is None else os.fspath(url), json.dumps(given))

    @property
    def url(self) -> str:
        """The root, without the URL's query: that may be a signature."""
        return self._native.url

    def project(self, project_id: str = DEFAULT_PROJECT) -> Project:
        """The tables of a project, which need not exist: it comes into being with its first table."""
        return Project(self._native, project_id)

    def list_projects(self) -> list[Project]:
        """The projects of the root, in order of their ids."""
        return [Project(self._native, project_id) for project_id in self._native.projects()]

    def create_project(self, *, id_prefix: str | None = None) -> Project:
        """Makes a project under a new id such as `blazing-parakeet-036267`, after the prefix and a dash."""
        return Project(self._native, self._native.create_project(id_prefix))

    def table_at_root(self) -> Table:
        """Opens the table whose own folder is the root: for a table that was copied, or is served, by itself."""
        return Table(self._native.table_at_root())

    def scan(
        self,
        *projections: Projected,
        tables: Mapping[str, Table | Snapshot] | None = None,
        where: str | None = None,
        asof: Asof | None = None,
        shard: Shard | KeyRange | None = None,
        limit: int | None = None,
    ) -> Scan:
        """What to read of one table, or of several with the same key columns.

        A row exists if any column group that is referred to has its key, in whichever table; what a table lacks is
        null. The key columns of whole tables come first and once.

        Arguments:
            projections: A table, a snapshot, or columns: `table[["a", "group.b"]]`, in the order of the result. A dict
                gives names: `{"delay": table["info.delay"], "late": "delay > 10", "weather": other_table}`. Columns
                stand under their new names, whole tables and lists of columns as structs; text is an expression.
            tables: The tables by the names that text has for them; without projections, each is returned as a struct.
            where: Rows to keep: `"distance > 1000 and origin in ('SFO', 'LAX')"`. Where there are several tables, or
                `tables` are named, columns other than key columns begin with the name of their table, as they do in
                expressions: `"flights.distance > 1000 and weather.wind is null"`. A table that `tables` does not name
                has the name that a dict gives it as a whole, or its own.
            asof: An older version, by a time; by its number where there is one table.
            shard: Rows to read, by key.
            limit: Rows after which to stop reading.
        """
        return made_scan(self._native, projections, tables, where, asof, shard, limit, keys_only=False)

    def scan_keys(
        self,
        *projections: Projected,
        tables: Mapping[str, Table | Snapshot] | None = None,
        where: str | None = None,
        asof: Asof | None = None,
        shard: Shard | KeyRange | None = None,
        limit: int | None = None,
    ) -> Scan:
        """As `scan`, but only the keys, of rows that exist in any column group: any of all for whole tables alone."""
        return made_scan(self._native, projections, tables, where, asof, shard, limit, keys_only=True)

    def close(self) -> None:
        """Gives the handle up. Tables that were opened stay usable; threads and caches go with the last of them."""
        self._native.close()

    def __enter__(self) -> Spiral:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Spiral at {self.url}>"


class Project:
    """The tables of a project. Made by `Spiral.project`."""

    __slots__ = ("_native", "id")

    def __init__(self, native: _spiral.Client, project_id: str) -> None:
        self._native = native
        self.id = project_id

    def create_table(self, identifier: str, *, key_schema: KeySchema, exist_ok: bool = False) -> Table:
        """Creates a table.

        Arguments:
            identifier: `dataset.table`, or `table` in the dataset `default`.
            key_schema: The key columns, which stay as they are for good; value columns come into being when they are
                first written.
            exist_ok: Opens a table that exists with the same key columns.
        """
        return Table(self._native.create_table(self._full(identifier), _key_columns(key_schema), exist_ok))

    def table(self, identifier: str) -> Table:
        """Opens a table by `dataset.table`, or `table` in the dataset `default`."""
        return Table(self._native.table(self._full(identifier)))

    def tables(self) -> list[str]:
        """The identifiers of the project's tables, `dataset.table`, in order."""
        full = [name if "/" in name else f"{DEFAULT_PROJECT}/{name}" for name in self._native.tables()]
        split = [name.split("/") for name in full]
        return [identifier for project, identifier in split if project == self.id]

    def rename_table(self, identifier: str, new_table: str) -> None:
        """Gives a table another name: in its dataset, or `dataset.table` in another. Tables that are open go on."""
        self._native.rename_table(self._full(identifier), new_table)

    def move_table(self, identifier: str, new_dataset: str) -> None:
        """Moves a table to another dataset under the name it has. Tables that are open go on."""
        self._native.rename_table(self._full(identifier), f"{new_dataset}.{identifier.split('.')[-1]}")

    def drop_table(self, identifier: str) -> None:
        """Takes a table's name away, which another table may be given then. Its data stays, and tables that are open go
        on reading and writing it."""
        self._native.drop_table(self._full(identifier))

    def _full(self, identifier: str) -> str:
        return identifier if self.id == DEFAULT_PROJECT else f"{self.id}/{identifier}"

    def __repr__(self) -> str:
        return f'<Project "{self.id}" at {self._native.url}>'


def _key_columns(schema: Any) -> list[tuple[str, str]]:
    columns: list[Any] = list(schema.items() if isinstance(schema, Mapping) else schema)
    pairs = [(column.name, column.type) if isinstance(column, pa.Field) else column for column in columns]
    return [(name, _arrow.type_name(data_type)) for name, data_type in pairs]
