"""What a scan returns, in the engine's words: the tables it reads and the columns of its result."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from spiral import _spiral
from spiral.errors import InvalidArgumentError
from spiral.scan import Scan
from spiral.table import Asof, KeyRange, Projection, Shard, Snapshot, Table, asof_text

Projected: TypeAlias = Table | Snapshot | Projection | Mapping[str, Any]
"""A table, a snapshot, columns of one, or a dict of these and of expressions as text by their names in the result."""


def made_scan(
    client: _spiral.Client,
    projections: Sequence[Projected],
    where: str | None,
    asof: Asof | None,
    shard: Shard | KeyRange | None,
    limit: int | None,
    keys_only: bool,
) -> Scan:
    """A scan of what is projected."""
    sources = _named_sources(projections)
    if not sources:
        raise InvalidArgumentError("name a table to scan")
    if asof is not None and any(isinstance(source, Snapshot) for source in sources.values()):
        raise InvalidArgumentError("a snapshot is one version: leave asof out, or scan the table")
    whole = len(projections) == len(sources) == 1 and projections[0] is next(iter(sources.values()))
    columns = None if whole else tuple(column for part in projections for column in _columns(part, "", sources))
    key_range = shard.key_range if isinstance(shard, Shard) else shard
    return Scan(client, sources, columns, where, asof_text(asof), key_range, limit, keys_only)


def _named_sources(projections: Sequence[Projected]) -> dict[str, Table | Snapshot]:
    """The tables by their names in the scan: those that dicts give to whole tables, or their own."""
    found: list[tuple[str | None, Table | Snapshot]] = [pair for part in projections for pair in _sources(part, None)]
    named: dict[str, Table | Snapshot] = {}
    for source in dict.fromkeys(source for _, source in found):
        table = source if isinstance(source, Table) else source.table
        given = next((name for name, other in found if other is source and name is not None), table.name)
        if given in named:
            raise InvalidArgumentError(f"two tables of the scan are named {given!r}: name one of them by a dict")
        named[given] = source
    return named


def _sources(part: Any, name: str | None) -> Iterator[tuple[str | None, Table | Snapshot]]:
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
            raise InvalidArgumentError(f"a {type(part).__name__} cannot be scanned: use tables, columns and dicts of them")


def _columns(part: Any, at: str, sources: Mapping[str, Table | Snapshot]) -> Iterator[tuple[str, str]]:
    """Columns of the result: the path of each and what it is. A path that ends with `.*` is no expression."""

    def path(source: Table | Snapshot, *inner: str) -> str:
        name = next(name for name, other in sources.items() if other is source).replace('"', '""')
        return ".".join([*([f'"{name}"'] if len(sources) > 1 else []), *inner, "*"])

    match part:
        case Table() | Snapshot():
            yield at, path(part)
        case Projection():
            for column in part.paths:
                keeps_name = not at or part.is_list
                yield ".".join(filter(None, [at, column])) if keeps_name else at, path(part.source, column)
        case Mapping():
            for name, value in part.items():
                yield from _columns(value, f"{at}.{name}" if at else name, sources)
        case _:
            yield at, part
