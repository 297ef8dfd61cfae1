"""Values that are neither numbers, text, bytes, lists nor dicts, for the native module."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pyarrow as pa

from spiral.errors import InvalidArgumentError

_EPOCH = dt.datetime(1970, 1, 1)
_EPOCH_UTC = dt.datetime(1970, 1, 1, tzinfo=dt.timezone.utc)
_MICROSECOND = dt.timedelta(microseconds=1)


def raw(value: Any) -> tuple[str, object]:
    """What a value is, and its number, text, bytes, or an Arrow array that holds it alone. Times are microseconds."""
    # pandas derives its types from those of datetime, and keeps nanoseconds in them.
    if getattr(value, "nanosecond", 0) and isinstance(value, dt.datetime):
        return "array", pa.array([getattr(value, "value")], pa.timestamp("ns", "UTC"))
    if getattr(value, "nanoseconds", 0) and isinstance(value, dt.timedelta):
        return "array", pa.array([getattr(value, "value")], pa.duration("ns"))
    if isinstance(value, dt.datetime):
        return "timestamp", (value - (_EPOCH if value.tzinfo is None else _EPOCH_UTC)) // _MICROSECOND
    if isinstance(value, dt.date):
        return "date", value.toordinal() - _EPOCH.toordinal()
    if isinstance(value, dt.time) and value.tzinfo is None:
        seconds = (value.hour * 60 + value.minute) * 60 + value.second
        return "time", seconds * 1_000_000 + value.microsecond
    if isinstance(value, dt.timedelta):
        return "duration", value // _MICROSECOND
    if isinstance(value, Decimal) and value.is_finite():
        return "decimal", format(value, "f")
    if isinstance(value, memoryview):
        return "binary", bytes(value)
    try:
        return "array", pa.array([value], type=getattr(value, "type") if isinstance(value, pa.Scalar) else None)
    except (pa.ArrowException, TypeError, ValueError):
        raise InvalidArgumentError(f"a value of type {type(value).__name__} cannot be stored") from None


def moment(micros: int) -> dt.datetime:
    """The time of microseconds since 1970, in UTC."""
    return _EPOCH_UTC + dt.timedelta(microseconds=micros)
