"""Processes that promote and roll back while they are killed at random; run as a program of its own.

    python champion_kills.py URL STORE BUNDLES ACKNOWLEDGED CHANGES SEED

It imports once and forks its workers, as importing takes longer than a hundred changes. Each worker notes an entry
(number and hash, a line) once `append` has returned: from then on nothing may lose it. It prints how many were killed.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import time
import traceback
from contextlib import suppress
from pathlib import Path

import psycopg  # noqa: F401  the drivers, before anything is forked
import sqlalchemy.dialects.postgresql
import sqlalchemy.dialects.sqlite  # noqa: F401

from gatewise.champions.change import append
from gatewise.champions.entry import Draft
from gatewise.champions.log import Log, open_log
from gatewise.champions.rollback import rollback
from gatewise.champions.store import Store
from gatewise.errors import ChampionChangedError, ConfigError

NAMES = ("btc", "eth")
NUM_WORKERS = 4


def change(log: Log, store: Store, bundles: list[Path], chance: random.Random) -> str:
    """A promotion or a rollback, whichever chance wants; an entry's number and hash."""
    name = chance.choice(NAMES)
    present = log.champion(name)
    if present is not None and chance.random() < 0.4:
        try:
            entry = rollback(name, log=log, store=store).entry
            return f"{entry.number} {entry.hash}\n"
        except ConfigError:
            pass  # nothing stood before
    address = store.put(chance.choice(bundles))
    entry = append(log, Draft(name=name, action="promote", bundle=address), present).entry
    return f"{entry.number} {entry.hash}\n"


def work(log: Log, store: Store, bundles: list[Path], noted: Path, seed: int) -> None:
    chance = random.Random(seed)
    file = os.open(noted, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    parent = os.getppid()
    while os.getppid() == parent:
        with suppress(ChampionChangedError):  # another was first
            os.write(file, change(log, store, bundles, chance).encode())


def main(url: str, store_folder: str, bundle_folder: str, noted_folder: str, changes: str, seed: str) -> None:
    log, store, noted = open_log(url), Store(Path(store_folder)), Path(noted_folder)
    bundles = sorted(Path(bundle_folder).iterdir())
    chance = random.Random(int(seed))
    workers: list[int] = []
    killed = started = 0

    def start() -> None:
        nonlocal started
        started += 1
        if worker := os.fork():
            workers.append(worker)
            return
        try:
            work(log, store, bundles, noted / str(started), int(seed) + started)
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(1)

    def stop(worker: int) -> None:
        workers.remove(worker)
        os.kill(worker, signal.SIGKILL)
        os.waitpid(worker, 0)

    def acknowledged() -> int:
        return sum(file.read_bytes().count(b"\n") for file in noted.iterdir())

    try:
        for _ in range(NUM_WORKERS):
            start()
        while (count := acknowledged()) < int(changes):
            wanted = count + chance.randint(1, 5)
            while acknowledged() < wanted:
                time.sleep(0.002)
                ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
                assert ended is None, "a worker ended by itself"
            time.sleep(chance.uniform(0, 0.05))
            stop(chance.choice(workers))
            killed += 1
            start()
    finally:
        for worker in [*workers]:
            stop(worker)
    print(killed)


if __name__ == "__main__":
    main(*sys.argv[1:])
