"""A worker for the tests of the pool: it answers, or fails in the way that is asked of it, and loads nothing heavy."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path

from gatewise.jobs import serve

DEATHS = ("before", "amid", "exit")  # and "after" an answer, maybe with the next task in hand


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def main(word: str) -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)
    parent = serve.Parent(word)
    if not parent.read()["starts"]:
        raise SystemExit("this worker can not start")
    for request in parent.requests():
        tries = Path(request["tries"])
        with tries.open("a") as file:
            file.write("x")
        death = request["death"] if tries.stat().st_size <= request["deaths"] else None
        parent.report({"half": request["task"]})
        if death == "before":
            die()
        if death == "exit":
            raise SystemExit("no memory is left")
        answer = json.dumps([request["task"], os.environ["OMP_NUM_THREADS"]]).encode()
        if death == "amid":  # the length of the message, and half of it
            whole = serve.ANSWER + answer
            os.write(parent._connection.fileno(), len(whole).to_bytes(4, "big") + whole[: len(whole) // 2])
            die()
        try:
            time.sleep(request["seconds"])
        except KeyboardInterrupt:
            answer = b"interrupted"
        parent.answer(answer)
        if death == "after":
            die()


if __name__ == "__main__":
    main(sys.argv[1])
