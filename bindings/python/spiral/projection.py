"""What a scan returns, in the engine's words: the tables it reads and the columns of its result."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from spiral import _spiral
from spiral.errors import InvalidArgumentError
from spiral.scan import Scan
from spiral.table import Asof, KeyRange, Projection, Shard, Snapshot, Source, Table, asof_text

Projected: TypeAlias = Table | Snapshot | Projection | Mapping[str, Any]
"""A table, a snapshot, columns of one, or a dict of these and of expressions as text by their names in the result."""


def made_scan(
    client: _spiral.Client,
    projections: Sequence[Projected],
    tables: Mapping[str, Source] | None,
    where: str | None,
    asof: Asof | None,
    shard: Shard | KeyRange | None,
    limit: int | None,
    keys_only: bool,
) -> Scan:
    """A scan of what is projected."""
    sources = _named_sources(projections, tables or {})
    if not sources:
        raise InvalidArgumentError("name a table to scan")
    if asof is not None and any(isinstance(source, Snapshot) for source in sources.values()):
        raise InvalidArgumentError("a snapshot is one version: leave asof out, or scan the table")
    is_named = tables is not None or len(sources) > 1
    everything = not projections or (not is_named and projections == (sources[next(iter(sources))],))
    names = {id(source): name for name, source in sources.items()} if is_named else {}
    columns = None if everything else tuple(column for part in projections for column in _columns(part, None, names))
    key_range = shard.key_range if isinstance(shard, Shard) else shard
    return Scan(client, sources, is_named, columns, where, asof_text(asof), key_range, limit, keys_only)


def _named_sources(projections: Sequence[Projected], tables: Mapping[str, Source]) -> dict[str, Source]:
    """The tables by their names in the scan: as they are given, as dicts name whole tables, or their own."""
    found = [pair for part in projections for pair in _sources(part, None)]
    named = dict(tables)
    for source in {id(source): source for _, source in found}.values():
        if any(source is other for other in named.values()):
            continue
        table = source if isinstance(source, Table) else source.table
        name = next((name for name, other in found if other is source and name is not None), table.name)
        if name in named:
            raise InvalidArgumentError(f"two tables of the scan are named {name!r}: name them by the argument tables")
        named[name] = source
    return named


def _sources(part: Any, name: str | None) -> Iterator[tuple[str | None, Source]]:
    """The tables of a projection; whole ones with the name that a dict gives them."""
    match part:
        case Table() | Snapshot():
            yield name, part
        case Projection():
            yield None, part.source
        case Mapping():
            for inner, value in part.items():
                yield from _sources(value, inner)
        case str() if name is not None:
            pass
        case _:
            kind = type(part).__name__
            raise InvalidArgumentError(f"{kind} cannot be scanned: use tables, columns and dicts of them")


def _columns(part: Any, at: str | None, names: Mapping[int, str]) -> Iterator[tuple[str, str]]:
    """Columns of the result: the path of each and what it is. A path that ends with `.*` is no expression."""

    def path(source: Source, *inner: str) -> str:
        name = names.get(id(source), "").replace('"', '""')
        return ".".join(filter(None, [f'"{name}"' if name else "", *inner, "*"]))

    match part:
        case Table() | Snapshot():
            yield at or "", path(part)
        case Projection():
            for column in part.paths:
                below = ".".join(filter(None, [at, column]))
                yield below if at is None or part.is_list else at, path(part.source, column)
        case Mapping():
            for name, value in part.items():
                yield from _columns(value, f"{at}.{name}" if at else name, names)
        case _:
            yield at or "", part
