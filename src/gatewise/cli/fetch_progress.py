"""A fetch on a terminal: a bar for each series at work, one line for each that is done. On stderr."""

from __future__ import annotations

import threading
import time
from types import TracebackType
from typing import TYPE_CHECKING, Self

from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn, TimeRemainingColumn

from gatewise.cli.output import progress_console

if TYPE_CHECKING:
    from gatewise.feeds.fetch import FetchOutcome
    from gatewise.lake.base import SeriesKey

LONG_WAIT_SECONDS = 5.0


class FetchProgress:
    """A listener that draws; off a terminal it prints the lines alone, and with `quiet` nothing."""

    def __init__(self, quiet: bool) -> None:
        self.quiet = quiet
        self.console = progress_console()
        columns = (
            TextColumn("{task.description}"),
            BarColumn(bar_width=30),
            TaskProgressColumn(),
            TextColumn("{task.fields[rows]:,} rows  {task.fields[rate]:,.0f}/s"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[trouble]}", style="yellow"),
        )
        self.bar = Progress(
            *columns, console=self.console, transient=True, disable=quiet or not self.console.is_terminal
        )
        self._tasks: dict[SeriesKey, TaskID] = {}
        self._began: dict[SeriesKey, float] = {}
        self._rows: dict[SeriesKey, int] = {}
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        self.bar.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        self.bar.stop()

    def on_begin(self, key: SeriesKey, num_bars: int) -> None:
        with self._lock:
            self._began[key], self._rows[key] = time.monotonic(), 0
            self._tasks[key] = self.bar.add_task(str(key), total=num_bars, rows=0, rate=0.0, trouble="")

    def on_page(self, key: SeriesKey, num_bars: int, num_rows: int) -> None:
        with self._lock:
            self._rows[key] += num_rows
            rate = self._rows[key] / max(time.monotonic() - self._began[key], 1e-6)
            self.bar.update(self._tasks[key], advance=num_bars, rows=self._rows[key], rate=rate, trouble="")

    def on_wait(self, key: SeriesKey, reason: str, seconds: float) -> None:
        with self._lock:
            text = f"{reason}; again in {seconds:.0f} s"
            if key in self._tasks:
                self.bar.update(self._tasks[key], trouble=text)
            if seconds >= LONG_WAIT_SECONDS and self.bar.disable:
                self._say(f"{key}: {text}")

    def on_end(self, outcome: FetchOutcome) -> None:
        with self._lock:
            if outcome.key in self._tasks:
                self.bar.remove_task(self._tasks[outcome.key])
            end = "stopped" if outcome.error else "done"
            rate = outcome.added / max(outcome.seconds, 1e-6)
            text = f"{outcome.added:,} rows in {outcome.seconds:.1f} s" + (f", {rate:,.0f}/s" if outcome.added else "")
            self._say(f"{outcome.key}: {end}, {text}")

    def _say(self, text: str) -> None:
        if not self.quiet:
            self.console.print(text, markup=False)
