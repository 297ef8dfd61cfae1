"""Exceptions, one class for each thing a caller can do about an error.

The classes say what to do; `SpiralError.code` says what happened, in words that never change and are the same in
every language.
"""

from __future__ import annotations

import json


class SpiralError(Exception):
    """Base of all exceptions of Spiral. `str` gives the message with its context."""

    code: str = "invalid_argument"
    """What happened, in snake case: `unknown_column`, `table_not_found` … Codes are never renamed."""
    kind: str = "InvalidArgument"
    """What can be done: the name of the class without `Error`."""
    table: str | None = None
    """The table concerned, if known."""
    path: str | None = None
    """The object concerned, relative to the table's folder, if known."""
    version: int | None = None
    """The version concerned, if known."""
    retryable: bool = False
    """Whether the same call may succeed later without any change."""

    message: str
    """What happened, without code and context."""

    def __init__(self, message: str = "") -> None:
        super().__init__(message)
        self.message = message


class InvalidArgumentError(SpiralError, ValueError):
    """The call was wrong: change the argument that the message names."""


class NotFoundError(SpiralError, LookupError):
    """The named object does not exist, or not any more."""


class AlreadyExistsError(SpiralError):
    """The name is taken."""


class ConflictError(SpiralError):
    """Another writer committed first and the two changes contradict each other: read again and decide."""


class UnavailableError(SpiralError):
    """The store did not answer or refused for now: trying again later may succeed."""


class PermissionDeniedError(SpiralError, PermissionError):
    """The store refused access: check credentials or permissions."""


class CorruptError(SpiralError):
    """Stored bytes are not what was written: report it and restore the object."""


class UnsupportedError(SpiralError, NotImplementedError):
    """The table was written by a newer version, or the request is outside what this version can do."""


class OutcomeUnknownError(SpiralError):
    """It is not known whether the commit took effect; the table's history tells, by the transaction's id."""


class CancelledError(SpiralError):
    """The caller cancelled, by a `spiral.CancelToken`."""


class LimitExceededError(SpiralError):
    """A limit that protects memory or the store was reached."""


class InternalError(SpiralError, RuntimeError):
    """A defect of this library: please report it."""


def from_engine(known: str, text: str) -> SpiralError:
    """The exception for an error of the engine, all of which is known as JSON."""
    attributes = json.loads(known)
    error: SpiralError = globals()[f"{attributes['kind']}Error"](text)
    vars(error).update(attributes)
    return error
