"""A worker's side of a pool (pool.py): it takes request after request until its parent has no more, and dies with it.

A worker module is run as `python -m MODULE WORD`, WORD telling its end of a socket pair. It is not a child of
multiprocessing, which would run the caller's own script again in each worker and pickle what passes between. Requests
and progress are JSON; an answer is bytes. A message to the parent begins with a byte that says what it is.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from typing import Any

from gatewise import host
from gatewise.interrupts import Uninterrupted
from gatewise.jobs.spawn import connect_parent, die_with_parent

READY, BEGUN, PROGRESS, ANSWER = b"o", b"b", b"p", b"a"


class Parent:
    """The process that started this one."""

    def __init__(self, word: str) -> None:
        host.prepare()  # this process is ours, whoever started it
        self._connection = connect_parent(word)
        threading.Thread(target=die_with_parent, daemon=True).start()

    def read(self) -> Any:
        """The next message.

        Raises:
            EOFError: there is none.
        """
        return json.loads(self._connection.recv_bytes())

    def requests(self) -> Iterator[Any]:
        """What is asked of this worker, one after the other; each is to be answered before the next is read."""
        self._connection.send_bytes(READY)
        while True:
            try:
                request = self.read()
                with Uninterrupted():
                    self._connection.send_bytes(BEGUN)
            except (OSError, EOFError, KeyboardInterrupt):
                return
            yield request

    def report(self, values: dict[str, object]) -> None:
        """How far the request is."""
        self._connection.send_bytes(PROGRESS + json.dumps(values).encode())

    def answer(self, data: bytes) -> None:
        """Ends the request."""
        with Uninterrupted():
            self._connection.send_bytes(ANSWER + data)
