"""Cancellation by somebody else than who waits."""

from __future__ import annotations

from contextvars import ContextVar, Token
from types import TracebackType

from spiral import _spiral

current: ContextVar[_spiral.CancelToken | None] = ContextVar("spiral_cancel_token", default=None)


class CancelToken:
    """Cancels what is started within its `with` block, from any thread.

        token = spiral.CancelToken()
        threading.Timer(5, token.cancel).start()
        with token:
            table.write(batches)  # raises CancelledError after five seconds

    A cancelled operation ends at once and sends no further request; what is started afterwards does not begin. Streams
    that begin in the block stay under the token when they are read outside. The block is that of `contextvars`:
    `asyncio.to_thread` takes it along, a new `threading.Thread` does not. The innermost of nested blocks counts.
    """

    __slots__ = ("_native", "_outer")

    def __init__(self) -> None:
        self._native = _spiral.CancelToken()
        self._outer: list[Token[_spiral.CancelToken | None]] = []

    def cancel(self) -> None:
        """Cancels, for ever. Again has no effect."""
        self._native.cancel()

    @property
    def cancelled(self) -> bool:
        """Whether it was cancelled."""
        return self._native.cancelled

    def __enter__(self) -> CancelToken:
        self._outer.append(current.set(self._native))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        current.reset(self._outer.pop())

    def __repr__(self) -> str:
        return f"<CancelToken, {'cancelled' if self.cancelled else 'not cancelled'}>"
