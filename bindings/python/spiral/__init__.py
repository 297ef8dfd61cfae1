"""Spiral: tables on object storage, sorted and unique by a primary key.

    >>> import spiral
    >>> table = spiral.Spiral("memory:").project("demo").create_table("flights", key_schema={"id": "int64"})
    >>> table.write({"id": [2, 1], "origin": ["SFO", "LAX"]}).version
    2

Every wait gives other threads the interpreter, and ends when Ctrl-C is pressed or a `CancelToken` is cancelled. In
asyncio programs, call from `asyncio.to_thread`.
"""

import atexit as _atexit
from importlib.metadata import version as _version

from spiral import _spiral
from spiral._arrow import type_name
from spiral._cancel import CancelToken
from spiral.client import Project, Spiral
from spiral.errors import (
    AlreadyExistsError,
    CancelledError,
    ConflictError,
    CorruptError,
    InternalError,
    InvalidArgumentError,
    LimitExceededError,
    NotFoundError,
    OutcomeUnknownError,
    PermissionDeniedError,
    SpiralError,
    UnavailableError,
    UnsupportedError,
)
from spiral.scan import Plan, Scan, Taken
from spiral.table import (
    ColumnInfo,
    Commit,
    HistoryEntry,
    Key,
    KeyRange,
    Projection,
    Shard,
    Snapshot,
    Table,
)
from spiral.transaction import Transaction

__version__ = _version("spiral")

# Threads that still wait stay asleep from here on.
_atexit.register(_spiral.end)

__all__ = [
    "AlreadyExistsError",
    "CancelToken",
    "CancelledError",
    "ColumnInfo",
    "Commit",
    "ConflictError",
    "CorruptError",
    "HistoryEntry",
    "InternalError",
    "InvalidArgumentError",
    "Key",
    "KeyRange",
    "LimitExceededError",
    "NotFoundError",
    "OutcomeUnknownError",
    "PermissionDeniedError",
    "Plan",
    "Project",
    "Projection",
    "Scan",
    "Shard",
    "Snapshot",
    "Spiral",
    "SpiralError",
    "Table",
    "Taken",
    "Transaction",
    "UnavailableError",
    "UnsupportedError",
    "__version__",
    "type_name",
]
