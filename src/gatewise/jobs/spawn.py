"""A process of our own with a socket to it, that knows when its parent is gone; here alone Windows is told apart.

A POSIX child inherits the socket by its number; on Windows it gets a copy of it through its stdin. The stdin also is
what ties it to its parent: it ends when the parent does, however that dies, and on both kinds of system.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from multiprocessing.connection import Connection
from typing import IO, Any

# What reaches a process in a group of its own as Ctrl-C does elsewhere: Windows sends such a group nothing else.
if sys.platform == "win32":
    INTERRUPT, _SENT = signal.SIGBREAK, signal.CTRL_BREAK_EVENT
else:
    INTERRUPT = _SENT = signal.SIGINT


def start_process(
    module: str, theirs: socket.socket, output: IO[bytes], environment: dict[str, str], own_group: bool
) -> subprocess.Popen[bytes]:
    """Starts `python -m MODULE WORD`, WORD being for `connect_parent`, and gives the socket away.

    Args:
        output: takes its stdout and stderr.
        own_group: whether Ctrl-C on a terminal spares it, so that `interrupt_process` alone reaches it.
    """
    # -P: the folder that the user happens to stand in must not lend modules to the process.
    command = [sys.executable, "-P", "-m", module, str(theirs.fileno())]
    options: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": output, "stderr": output, "env": environment}
    with theirs:
        if sys.platform == "win32":
            process = subprocess.Popen(
                command, creationflags=subprocess.CREATE_NEW_PROCESS_GROUP if own_group else 0, **options
            )
            assert process.stdin is not None
            process.stdin.write(theirs.share(process.pid).hex().encode() + b"\n")
            process.stdin.flush()
            return process
        return subprocess.Popen(command, pass_fds=[theirs.fileno()], start_new_session=own_group, **options)


def interrupt_process(process: subprocess.Popen[bytes]) -> None:
    """What Ctrl-C does, for a process in a group of its own."""
    process.send_signal(_SENT)


def connect_parent(word: str) -> Connection:
    """In the started process: its end of the socket."""
    if sys.platform == "win32":
        return Connection(socket.fromshare(bytes.fromhex(sys.stdin.buffer.readline().decode())).detach())
    return Connection(int(word))


def die_with_parent() -> None:
    """In a thread of the started process: ends it when the parent closes its stdin or is gone, kill -9 included."""
    while os.read(0, 1):  # nothing is ever said there; not sys.stdin, whose lock would disturb an ordinary end
        pass
    os._exit(1)
