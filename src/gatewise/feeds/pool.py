"""Several series at once: up to three threads, each with a connection of its own, stopped together."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Sequence

from gatewise.errors import Interrupted
from gatewise.feeds.fetch import FetchJob, FetchListener, FetchOutcome, StoppedError, fetch_series
from gatewise.feeds.retry import Retry
from gatewise.lake.lake import Lake

PARALLEL = 3
_LAST_PAGE_SECONDS = 15.0  # how long Ctrl-C waits for answers on their way


def fetch_all(
    jobs: Sequence[FetchJob],
    lake: Lake,
    listener: FetchListener,
    *,
    refetch: bool = False,
    make_retry: Callable[[], Retry] = Retry,
) -> list[FetchOutcome]:
    """Fetches series, three at a time; a series that fails does not stop the others.

    Args:
        jobs: one a series.
        lake: where rows go.
        listener: is told of progress, from several threads.
        refetch: see `fetch_series`.
        make_retry: one a series; its sleep is replaced by one that Ctrl-C ends.

    Returns:
        Outcomes in the order of the jobs.

    Raises:
        Interrupted: Ctrl-C; what was fetched is in the lake.
    """
    stop = threading.Event()
    waiting: queue.SimpleQueue[tuple[int, FetchJob]] = queue.SimpleQueue()
    for numbered in enumerate(jobs):
        waiting.put(numbered)
    outcomes: dict[int, FetchOutcome] = {}
    broken: list[BaseException] = []

    def sleep(seconds: float) -> None:
        if stop.wait(seconds):
            raise StoppedError

    def check() -> None:
        if stop.is_set():
            raise StoppedError

    def work() -> None:
        try:
            while not stop.is_set():
                number, job = waiting.get_nowait()
                retry = make_retry()
                retry.sleep = sleep
                retry.on_wait = lambda reason, seconds, key=job.key: listener.on_wait(key, reason, seconds)
                outcomes[number] = fetch_series(job, lake, retry, listener, refetch=refetch, check=check)
        except (queue.Empty, StoppedError):
            pass
        except BaseException as error:  # handed to the caller's thread, where it is raised again
            broken.append(error)
            stop.set()

    # Daemons, as one of them may wait for another process's lock for as long as that one fetches.
    threads = [threading.Thread(target=work, daemon=True) for _ in range(min(PARALLEL, len(jobs)))]
    for thread in threads:
        thread.start()
    try:
        for thread in threads:
            while thread.is_alive():
                thread.join(0.2)
    except KeyboardInterrupt as error:
        stop.set()
        until = time.monotonic() + _LAST_PAGE_SECONDS
        for thread in threads:
            thread.join(max(0.0, until - time.monotonic()))
        raise Interrupted("while fetching; what was fetched is kept: the same command goes on from there") from error
    if broken:
        raise broken[0]
    return [outcomes[number] for number in range(len(jobs))]
