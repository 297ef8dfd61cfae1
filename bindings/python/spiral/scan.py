"""Scans: what to read, how, and the batches that come of it."""

from __future__ import annotations

import html
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow as pa

from spiral import _arrow, _spiral
from spiral._arrow import KeysLike

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

    source: Table | Snapshot
    columns: tuple[str, ...] | None
    where: str | None
    asof: str | None
    key_range: KeyRange | None
    limit: int | None
    """Rows after which reading stops."""
    keys_only: bool

    def plan(self) -> Plan:
        """Finds the version to read, and what to read of it."""
        source = self.source._native
        snapshot = source if isinstance(source, _spiral.Snapshot) else source.snapshot(self.asof)
        return Plan(self, snapshot)

    @property
    def schema(self) -> pa.Schema:
        """The schema of the result. Plans the scan."""
        return self.plan().schema

    @property
    def key_schema(self) -> pa.Schema:
        """The key columns of the table."""
        return self.source.key_schema

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        return self.plan().__arrow_c_stream__(requested_schema)

    def _options(self, unordered: bool) -> str:
        options = {
            "select": self.columns,
            "where": self.where,
            "limit": self.limit,
            "keys_only": self.keys_only,
            "unordered": unordered,
        }
        return json.dumps({name: value for name, value in options.items() if value is not None})

    def __repr__(self) -> str:
        parts = [repr(self.source)]
        parts += [] if self.columns is None else [f"columns={list(self.columns)}"]
        named = {"where": self.where, "asof": self.asof, "key_range": self.key_range, "limit": self.limit}
        parts += [f"{name}={value!r}" for name, value in named.items() if value is not None]
        parts += ["keys_only=True"] if self.keys_only else []
        return f"<Scan of {', '.join(parts)}>"


class Plan:
    """A planned scan of one version. It streams any number of times, each time from the beginning.

    Readers stream: batches are read some ahead of who pulls them, no more. Any Arrow library takes a plan as a stream,
    as in `polars.DataFrame(plan)` or `duckdb.sql("from plan")`.
    """

    __slots__ = ("_plan", "_scan", "_snapshot", "_unordered")

    def __init__(self, scan: Scan, snapshot: _spiral.Snapshot) -> None:
        self._scan = scan
        self._snapshot = snapshot
        self._plan = self._planned(unordered=False)
        self._unordered: _spiral.Plan | None = None

    def _planned(self, unordered: bool) -> _spiral.Plan:
        bounds = self._scan.key_range
        begin, end = (None, None) if bounds is None else (bounds.begin, bounds.end)
        return self._snapshot.scan(self._scan._options(unordered), begin, end)

    @property
    def limit(self) -> int | None:
        """Rows after which reading stops."""
        return self._scan.limit

    @property
    def version(self) -> int:
        """The version that is read."""
        return self._snapshot.version

    @property
    def schema(self) -> pa.Schema:
        """The schema of the batches."""
        return pa.schema(self._plan.schema())

    @property
    def key_schema(self) -> pa.Schema:
        """The key columns of the table."""
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
            self._unordered = self._planned(unordered=True)
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
        return f"<Plan of {self._scan!r}, version {self.version}>"

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(self.explain())}</pre>"
