"""Scans: what to read, how, and the batches that come of it."""

from __future__ import annotations

import html
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow as pa

from spiral import _arrow, _spiral
from spiral._arrow import KeysLike
from spiral.errors import InvalidArgumentError

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl

    from spiral.table import KeyRange, Snapshot, Table


class Taken(NamedTuple):
    """Rows found for some keys."""

    rows: pa.RecordBatch
    """The rows, in the order of the keys asked for."""
    positions: pa.UInt64Array
    """For each row, the position of its key in the request. Keys without a row have none."""


@dataclass(frozen=True, repr=False)
class Scan:
    """What to read. Nothing is read before `plan`. Made by `Spiral.scan`."""

    client: _spiral.Client
    sources: Mapping[str, Table | Snapshot]
    """What is read, by name."""
    is_named: bool
    """Whether paths of columns begin with the name of their table."""
    columns: tuple[tuple[str, str], ...] | None
    """Columns of the result, by path, and what they are; all of them when None."""
    where: str | None
    asof: str | None
    key_range: KeyRange | None
    limit: int | None
    """Rows after which reading stops."""
    keys_only: bool

    def plan(self) -> Plan:
        """Finds the versions to read, and what to read of them."""
        return Plan(self)

    @property
    def schema(self) -> pa.Schema:
        """The schema of the result. Plans the scan."""
        return self.plan().schema

    @property
    def key_schema(self) -> pa.Schema:
        """The key columns, which all tables share."""
        return next(iter(self.sources.values())).key_schema

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        return self.plan().__arrow_c_stream__(requested_schema)

    def _plan(
        self, sources: Mapping[str, _spiral.Table | _spiral.Snapshot], asof: str | None, unordered: bool
    ) -> _spiral.Plan:
        begin, end = (None, None) if self.key_range is None else (self.key_range.begin, self.key_range.end)
        options = self._options(unordered)
        if self.is_named:
            return self.client.scan(list(sources.items()), options, begin, end, asof)
        (source,) = sources.values()
        snapshot = source if isinstance(source, _spiral.Snapshot) else source.snapshot(asof)
        return snapshot.scan(options, begin, end)

    def _options(self, unordered: bool) -> str:
        options = {
            "columns": self.columns,
            "where": self.where,
            "limit": self.limit,
            "keys_only": self.keys_only,
            "unordered": unordered,
        }
        return json.dumps({name: value for name, value in options.items() if value is not None})

    def __repr__(self) -> str:
        parts = [repr(source) for source in self.sources.values()]
        parts += [] if self.columns is None else [f"columns={[name for name, _ in self.columns]}"]
        named = {"where": self.where, "asof": self.asof, "key_range": self.key_range, "limit": self.limit}
        parts += [f"{name}={value!r}" for name, value in named.items() if value is not None]
        parts += ["keys_only=True"] if self.keys_only else []
        return f"<Scan of {', '.join(parts)}>"


class Plan:
    """A planned scan of a version. It streams any number of times, each time from the beginning.

    Readers stream: batches are read some ahead of who pulls them, no more. Any Arrow library takes a plan as a stream,
    as in `polars.DataFrame(plan)` or `duckdb.sql("from plan")`.
    """

    __slots__ = ("_plan", "_scan", "_snapshots", "_unordered")

    def __init__(self, scan: Scan) -> None:
        self._scan = scan
        sources = {name: source._native for name, source in scan.sources.items()}
        self._plan = scan._plan(sources, scan.asof, unordered=False)
        self._snapshots = dict(zip(sources, self._plan.snapshots(), strict=True))
        self._unordered: _spiral.Plan | None = None

    @property
    def limit(self) -> int | None:
        """Rows after which reading stops."""
        return self._scan.limit

    @property
    def version(self) -> int:
        """The version that is read, where there is one table."""
        if len(self._snapshots) > 1:
            raise InvalidArgumentError("a plan over several tables has several versions: use versions")
        return next(iter(self.versions.values()))

    @property
    def versions(self) -> dict[str, int]:
        """The version that is read of each table, by its name in the scan."""
        return {name: snapshot.version for name, snapshot in self._snapshots.items()}

    @property
    def schema(self) -> pa.Schema:
        """The schema of the batches."""
        return pa.schema(self._plan.schema())

    @property
    def key_schema(self) -> pa.Schema:
        """The key columns, which all tables share."""
        return pa.schema(self._plan.key_schema())

    @property
    def metrics(self) -> dict[str, Any]:
        """What planning and streaming cost so far: requests, bytes, rows, seconds summed over parallel work."""
        plans = [self._plan] if self._unordered is None else [self._plan, self._unordered]
        found: list[dict[str, Any]] = [json.loads(plan.metrics()) for plan in plans]
        return {name: sum(metrics[name] for metrics in found) for name in found[0]}

    def explain(self) -> str:
        """The plan in words."""
        return self._plan.explain()

    def is_empty(self) -> bool:
        """Whether there certainly are no rows. May be False although there are none."""
        return self._plan.is_empty()

    def to_record_batches(self, *, key_table: KeysLike | None = None) -> pa.RecordBatchReader:
        """Streams the rows in the order of their keys.

        With `key_table` the rows of those keys, in the order asked for, batch by batch as the keys are pulled. Keys may
        repeat and need not exist; the scan's filter and key range apply, its limit does not.
        """
        return pa.RecordBatchReader.from_batches(self.schema, self._rows(key_table))

    def _rows(self, key_table: KeysLike | None) -> Iterator[pa.RecordBatch]:
        return map(pa.record_batch, self._plan.batches()) if key_table is None else self._taken(key_table)

    def _taken(self, key_table: KeysLike) -> Iterator[pa.RecordBatch]:
        for keys in _arrow.key_batches(key_table, self.key_schema):
            yield pa.record_batch(self._plan.take(keys)[0])

    def to_unordered_record_batches(self, *, key_table: KeysLike | None = None) -> pa.RecordBatchReader:
        """Streams the rows as they are ready, in any order."""
        if key_table is not None:
            return self.to_record_batches(key_table=key_table)
        if self._unordered is None:
            self._unordered = self._scan._plan(self._snapshots, None, unordered=True)
        return pa.RecordBatchReader.from_batches(self.schema, map(pa.record_batch, self._unordered.batches()))

    def take(self, keys: KeysLike) -> Taken:
        """The rows of some keys, in the order asked for, and which key each row belongs to."""
        table = pa.Table.from_batches(_arrow.key_batches(keys, self.key_schema))
        batch = table.combine_chunks().to_batches()
        empty = pa.RecordBatch.from_pylist([], schema=table.schema)
        rows, positions = self._plan.take(batch[0] if batch else empty)
        return Taken(pa.record_batch(rows), pa.array(positions))

    def to_table(self, *, key_table: KeysLike | None = None) -> pa.Table:
        """All rows in memory."""
        return pa.Table.from_batches(list(self._rows(key_table)), self.schema)

    def to_pandas(self, *, key_table: KeysLike | None = None) -> pd.DataFrame:
        """All rows as a pandas data frame. Needs the `pandas` package."""
        return self.to_table(key_table=key_table).to_pandas()

    def to_polars(self, *, key_table: KeysLike | None = None) -> pl.DataFrame:
        """All rows as a Polars data frame. Needs the `polars` package."""
        import polars as pl

        frame = pl.from_arrow(self.to_table(key_table=key_table))
        return frame if isinstance(frame, pl.DataFrame) else frame.to_frame()

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        return self.to_record_batches().__arrow_c_stream__(requested_schema)

    def __repr__(self) -> str:
        versions = list(self.versions.values())
        return f"<Plan of {self._scan!r}, version {', '.join(map(str, versions))}>"

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(self.explain())}</pre>"
