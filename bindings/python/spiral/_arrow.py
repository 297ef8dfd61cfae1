"""What can be written, or names keys, as Arrow batches. Nothing is copied that is Arrow already."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol, TypeAlias, Union, runtime_checkable

import pyarrow as pa

from spiral import _spiral
from spiral.errors import InvalidArgumentError


@runtime_checkable
class ArrowStream(Protocol):
    """Tables and streams of any Arrow library, by the PyCapsule interface."""

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object: ...


@runtime_checkable
class ArrowBatch(Protocol):
    """Batches and arrays of any Arrow library, by the PyCapsule interface."""

    def __arrow_c_array__(self, requested_schema: object | None = None) -> tuple[object, object]: ...


Row: TypeAlias = Mapping[str, Any]
TypeLike: TypeAlias = Union[str, "pa.DataType"]
Tables: TypeAlias = Union[ArrowStream, ArrowBatch, Mapping[str, Any], Sequence[Row]]
TableLike: TypeAlias = Union[Tables, Iterable[Tables]]
"""Arrow tables, batches and readers of any library, pandas and Polars data frames, a dict of columns, a list of
dicts, or an iterable of such, which is read as it is written."""
Part: TypeAlias = Any
KeysLike: TypeAlias = Union[ArrowStream, ArrowBatch, Mapping[str, Any], Iterable[Union[Part, Sequence[Part]]]]
"""A table with the key columns in any form that can be written, or the keys themselves: tuples of their parts, or
single values where the key is one column."""


def type_name(data_type: TypeLike) -> str:
    """The name of a type as schemas and expressions have it."""
    return data_type if isinstance(data_type, str) else _spiral.type_name(pa.field("", data_type))


class RowTypes:
    """The types in which Python values are written: those of the table's columns, looked up when the first value needs
    one, and in new columns those of the stream's first batch."""

    def __init__(self, schema: Callable[[], pa.Schema], declared: Mapping[str, TypeLike] | None = None) -> None:
        self._schema = schema
        self._declared = [(name, type_name(data_type)) for name, data_type in (declared or {}).items()]
        self._learned: pa.Schema | None = None
        self._native: _spiral.RowTypes | None = None

    def learn(self, schema: pa.Schema) -> None:
        if self._learned is None:
            self._learned, self._native = schema, None

    @property
    def native(self) -> _spiral.RowTypes:
        if self._native is None:
            schema = self._schema()
            for field in self._learned or ():
                schema = schema if field.name in schema.names else schema.append(field)
            self._native = _spiral.RowTypes(schema, self._declared)
        return self._native


def batches(data: Any, types: RowTypes) -> Iterator[pa.RecordBatch]:
    """The batches of anything that can be written."""
    if isinstance(data, pa.Table):
        yield from data.to_batches()
    elif isinstance(data, pa.RecordBatch):
        yield data
    elif isinstance(data, pa.RecordBatchReader):
        yield from data
    elif isinstance(data, Mapping):
        yield _columns(data, types)
    elif _is_pandas(data):
        index = any(name is not None for name in data.index.names)
        yield from pa.Table.from_pandas(data, preserve_index=index).to_batches()
    elif hasattr(data, "to_record_batches"):
        # A plan's own reader keeps the classes of its exceptions.
        yield from data.to_record_batches()
    elif isinstance(data, ArrowStream):
        yield from pa.RecordBatchReader.from_stream(data)
    elif isinstance(data, ArrowBatch):
        yield pa.record_batch(data)
    elif isinstance(data, Sequence) and all(isinstance(row, Mapping) for row in data):
        yield pa.record_batch(types.native.rows([dict(row) for row in data]))
    elif isinstance(data, Iterable) and not isinstance(data, str | bytes | bytearray | memoryview):
        for part in data:
            for batch in batches(part, types):
                types.learn(batch.schema)
                yield batch
    else:
        raise InvalidArgumentError(
            f"a {type(data).__name__} cannot be written: give Arrow data, a data frame, a dict of columns, or a list "
            "of dicts"
        )


def _is_pandas(data: Any) -> bool:
    pandas = sys.modules.get("pandas")
    return pandas is not None and isinstance(data, pandas.DataFrame)


def _columns(data: Mapping[str, Any], types: RowTypes) -> pa.RecordBatch:
    arrays = [_column(name, column, types) for name, column in data.items()]
    lengths = {name: len(array) for name, array in zip(data, arrays, strict=True)}
    if len(set(lengths.values())) > 1:
        raise InvalidArgumentError(f"the columns have different lengths: {lengths}")
    return pa.RecordBatch.from_arrays(arrays, names=[str(name) for name in data])


def _column(path: str, column: Any, types: RowTypes) -> pa.Array[Any]:
    """A column as an array. Nested dicts are column groups."""
    if isinstance(column, Mapping):
        members = [_column(f"{path}.{name}", member, types) for name, member in column.items()]
        return pa.StructArray.from_arrays(members, names=[str(name) for name in column])
    if isinstance(column, pa.ChunkedArray):
        return _whole(column)
    if isinstance(column, ArrowBatch):
        return pa.array(column)
    if isinstance(column, ArrowStream):
        return _whole(pa.chunked_array(column))
    if hasattr(column, "__array__"):
        if getattr(column, "ndim", 1) == 2:
            width = column.shape[1]
            return pa.FixedSizeListArray.from_arrays(pa.array(column.ravel()), width)
        array = pa.array(column)
        return _whole(array) if isinstance(array, pa.ChunkedArray) else array
    if isinstance(column, Iterable) and not isinstance(column, str | bytes):
        return pa.array(types.native.array(path, column))
    raise InvalidArgumentError(f"column {path} is a {type(column).__name__}: give a list or an array of its values")


def _whole(column: pa.ChunkedArray[Any]) -> pa.Array[Any]:
    array = column.combine_chunks()
    return array if isinstance(array, pa.Array) else pa.concat_arrays(array.chunks)


def _is_table(data: Any) -> bool:
    return (
        isinstance(data, Mapping | pa.RecordBatchReader | ArrowStream | ArrowBatch)
        or _is_pandas(data)
        or hasattr(data, "to_record_batches")
    )


def key_batches(data: Any, key_schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """The batches of a table of keys, of a stream of such tables, or of the keys themselves."""
    types = RowTypes(lambda: key_schema)
    if _is_table(data):
        yield from batches(data, types)
        return
    if not isinstance(data, Iterable) or isinstance(data, str | bytes):
        raise InvalidArgumentError(f"a {type(data).__name__} does not name keys: give a list of them, or a table")
    items = iter(data)
    first = list(itertools.islice(items, 1))
    items = itertools.chain(first, items)
    if any(map(_is_table, first)):
        yield from batches(data if isinstance(data, Sequence) else items, types)
        return
    yield pa.record_batch(
        _spiral.keys(key_schema, (key if isinstance(key, list | tuple) else (key,) for key in items))
    )
