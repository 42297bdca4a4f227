"""A free port of loopback, and a server in a thread on one, for the servers that stand in for sources outside."""

from __future__ import annotations

import random
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Protocol, TypeVar


def free_port() -> int:
    """A port for a server that is started later; below those that the system gives to whoever asks for any one."""
    for port in random.SystemRandom().sample(range(20_000, 32_000), 200):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise RuntimeError("200 ports tried, all taken")


class State(Protocol):
    """What a server knows; `url` is its address once it runs."""

    url: str


S = TypeVar("S", bound=State)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, *_: object) -> None:
        """A client that went away or was killed is part of the plan."""


@contextmanager
def on_loopback(handler: type[BaseHTTPRequestHandler], state: S) -> Iterator[S]:
    """Runs a server whose handlers find `state` on themselves."""
    server = _Server(("127.0.0.1", 0), type("Handler", (handler,), {"state": state}))
    state.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
