"""Transactions."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType

from spiral import _arrow, _spiral
from spiral._arrow import KeysLike, TableLike, TypeLike
from spiral.table import Commit, Table, made_commit


class Transaction:
    """Several changes that become visible together, or not at all. Made by `Table.txn`."""

    __slots__ = ("_commit", "_native", "_status", "_table")

    def __init__(self, table: Table, native: _spiral.Transaction) -> None:
        self._table = table
        self._native = native
        self._status = "open"
        self._commit: Commit | None = None

    @property
    def table(self) -> Table:
        """The table."""
        return self._table

    @property
    def id(self) -> str:
        """Its identity, by which the table's history tells whether it was committed."""
        return self._native.id

    @property
    def began(self) -> int:
        """The version it began on."""
        return self._native.began

    @property
    def status(self) -> str:
        """`open`, `committed` or `aborted`; `unknown` when the commit raised."""
        return self._status

    @property
    def committed(self) -> Commit | None:
        """The commit, once there is one."""
        return self._commit

    def write(
        self, table: TableLike, push_down_nulls: bool = False, *, types: Mapping[str, TypeLike] | None = None
    ) -> None:
        """Upserts rows; see `Table.write`. After an exception the transaction can go on without the operation."""
        types_ = _arrow.RowTypes(self._table.schema, types)
        self._native.write(_arrow.batches(table, types_), push_down_nulls)

    def delete(self, keys: KeysLike) -> None:
        """Deletes rows by key; see `Table.delete`."""
        self._native.delete(list(_arrow.key_batches(keys, self._table.key_schema)))

    def delete_where(self, where: str) -> None:
        """Deletes the rows that a filter selects in the version that the commit lands on. Rows that this transaction
        writes are not seen by it."""
        self._native.delete_where(where)

    def commit(self) -> Commit:
        """Makes all changes visible at once."""
        if self._status == "open":
            self._status = "unknown"
        self._commit = made_commit(self._native.commit())
        self._status = "committed"
        return self._commit

    def abort(self) -> None:
        """Abandons all changes."""
        if self._status == "open":
            self._status = "aborted"
        self._native.abort()

    def __enter__(self) -> Transaction:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._status != "open":
            return
        if kind is None:
            self.commit()
        else:
            self.abort()

    def __repr__(self) -> str:
        return f"<Transaction {self.id} on {self._table!r}, {self._status}>"
