"""Writers of a lake as processes of their own: killed at random moments, or beside each other.

python lake_writers.py killed ROOT NUM_BARS SEED    forks writers and kills all but the last; prints a JSON line
python lake_writers.py writes ROOT SYMBOL SEED      writes the parts of a series in a random order
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import tempfile
from pathlib import Path

from gatewise.lake.base import SeriesKey
from gatewise.lake.lake import Lake
from lake_worlds import FACTS, MINUTE, bars, span

CUT = 150  # bars an answer
KILLS = 12


def fetch(root: Path, num: int) -> None:
    """What a fetch does: asks for what is missing, an answer at a time."""
    frame = bars(num)
    series = Lake(root).series(SeriesKey("coinbase", "BTC-USD", MINUTE))
    with series.writer() as writer:
        for start, end in series.missing(*span(frame)):
            first, last = ((moment - frame["time"][0]) // MINUTE for moment in (start, end))
            for at in range(first, last, CUT):
                part = frame[at : min(at + CUT, last)]
                writer.append(part, span(part), FACTS)


def kill_often(root: Path, num: int, seed: int) -> int:
    """Forks fetch after fetch and kills each at a random moment, then lets one be; how many died in mid-write.

    The moments are parts of the processor time that a whole fetch takes, which no other process moves: several fall
    into its middle. Polars is imported but has done no work here, so that its threads begin in the children.
    """
    luck, died = random.Random(seed), 0
    with tempfile.TemporaryDirectory() as elsewhere:
        _, _, used = os.wait4(forked(Path(elsewhere), num), 0)
    whole = used.ru_utime + used.ru_stime
    for part in [*(luck.uniform(0.03, 0.2) for _ in range(KILLS)), None]:
        child = forked(root, num, part and part * whole)
        died += os.WIFSIGNALED(os.waitpid(child, 0)[1])
    return died


def forked(root: Path, num: int, seconds: float | None = None) -> int:
    """A process of its own that fetches and ends; or is ended by the kernel after so much processor time."""
    child = os.fork()
    if not child:
        if seconds is not None:
            signal.setitimer(signal.ITIMER_PROF, seconds)  # Python handles no SIGPROF: it kills as SIGKILL does
        fetch(root, num)
        os._exit(0)
    return child


def write_parts(root: Path, symbol: str, seed: int) -> None:
    """A series in parts that overlap, in an order of this process's own."""
    frame = bars(3000)
    series = Lake(root).series(SeriesKey("coinbase", symbol, MINUTE))
    parts = [frame[at : at + 2 * CUT] for at in range(0, frame.height, CUT)]
    random.Random(seed).shuffle(parts)
    for part in parts:
        with series.writer() as writer:
            writer.append(part, span(part), FACTS)


if __name__ == "__main__":
    verb, folder, what, number = sys.argv[1:]
    if verb == "killed":
        print(json.dumps({"kills": kill_often(Path(folder), int(what), int(number))}))
    else:
        write_parts(Path(folder), what, int(number))
