"""Ctrl-C that waits for a good moment.

Python raises KeyboardInterrupt between any two bytecodes, so also between two halves of a record. And one Ctrl-C can be
raised twice: Polars listens for itself and raises at the end of its call, and Python's own handler raises after it.
"""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType

_HELD = (signal.SIGINT, signal.SIGTERM)


class Uninterrupted:
    """A short block in which SIGINT and SIGTERM are held back; after it they raise what they raise, once.

    Only signals that a Python function handles are held, and only on the main thread, as no other hears of them. A
    block that ends by an interruption of its own drops what was held.
    """

    def __init__(self) -> None:
        self._handlers = {}
        if threading.current_thread() is threading.main_thread():
            self._handlers = {number: handler for number in _HELD if callable(handler := signal.getsignal(number))}
        self._held: list[tuple[int, FrameType | None]] = []

    def __enter__(self) -> None:
        for number in self._handlers:
            # It takes Polars' own handler away for good: from here on one Ctrl-C is one KeyboardInterrupt.
            signal.signal(number, self._hold)

    def __exit__(self, kind: type[BaseException] | None, _error: object, _trace: TracebackType | None) -> None:
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
        if self._held and (kind is None or issubclass(kind, Exception)):
            first, frame = self._held[0]
            self._handlers[signal.Signals(first)](first, frame)

    def _hold(self, number: int, frame: FrameType | None) -> None:
        self._held.append((number, frame))
