"""How commands speak: one JSON object or a table for people on stdout, log lines on stderr."""

from __future__ import annotations

import json
import logging
import shutil
import sys
import textwrap
from collections.abc import Mapping, Sequence
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from gatewise.cli.flags import translate

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from gatewise.config.schema import DataConfig
    from gatewise.evaluation.verdict import Judgement
    from gatewise.proofs.run import Audit
    from gatewise.registry.looks import RunLooks

_ADVICE = ("hint", "remedy", "notes", "remarks", "sentence", "error")  # keys of what the core says of its fields


def print_json(value: dict[str, Any]) -> None:
    """Exactly one JSON object on stdout, its advice in flags; NaN and infinities are not JSON and are refused."""
    print(json.dumps(_advice_in_flags(value), allow_nan=False, default=str))


def print_checks(audit: Audit, as_json: bool, passed: str, failed: str, more: Mapping[str, Any] | None = None) -> None:
    """A line for all, then one a check; or one JSON object, with `more` in it."""
    if as_json:
        print_json(audit.to_dict() | dict(more or {}))
        return
    from rich.console import Console

    failures = [check.name for check in audit.checks if not check.passed]
    head = f"failed: {failed} ({', '.join(failures)})" if failures else f"passed: {passed} ({len(audit.checks)} checks)"
    console = Console(highlight=False, markup=False)
    console.print(head, style="bold red" if failures else "bold green", soft_wrap=terminal_width() is None)
    print()
    width = max((len(check.name) for check in audit.checks), default=0)
    for check in audit.checks:
        print_sentence(check.detail, f"{'pass' if check.passed else 'FAIL'}  {check.name:<{width}}  ")


def _advice_in_flags(value: Any, advises: bool = False) -> Any:
    if isinstance(value, dict):
        return {key: _advice_in_flags(inner, key in _ADVICE) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_advice_in_flags(inner, advises) for inner in value]
    return translate(value) if advises and isinstance(value, str) else value


def set_up_logging(quiet: bool) -> None:
    """Sends what gatewise says on the way to stderr, bare; with `quiet` only warnings."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_InFlags("%(message)s"))
    logger = logging.getLogger("gatewise")
    logger.handlers[:] = [handler]
    logger.propagate = False
    logger.setLevel(logging.WARNING if quiet else logging.INFO)


class _InFlags(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return wrapped(translate(super().format(record)), sys.stderr)


def progress_console() -> Console:
    """For what is told on the way, on stderr; in a notebook, whose stream calls itself a terminal, as plain lines."""
    from rich.console import Console

    notebook = Console().is_jupyter
    return Console(
        file=sys.stderr,
        highlight=False,
        soft_wrap=notebook or not sys.stderr.isatty(),
        force_jupyter=False,
        force_terminal=False if notebook else None,
    )


def terminal_width(stream: TextIO | None = None) -> int | None:
    """Characters in a line of the terminal that a stream is, stdout by default; `None` where it goes elsewhere."""
    return shutil.get_terminal_size().columns if (stream or sys.stdout).isatty() else None


def wrapped(text: str, stream: TextIO | None = None, bullet: str = "") -> str:
    """Words for people as a stream shows them: on a terminal wrapped between words."""
    width = terminal_width(stream)
    if width is None:
        return bullet + text
    indent = " " * len(bullet)
    return textwrap.fill(
        text, width, initial_indent=bullet, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )


def print_sentence(text: str, bullet: str = "") -> None:
    """Words for people on stdout."""
    print(wrapped(text, bullet=bullet))


def print_looks(looks: RunLooks | None, bullet: str = "") -> None:
    """How many models were judged on the same rows, and what that leaves of the gain."""
    for line in looks.lines if looks else ():
        print_sentence(f"looks: {line}", bullet)


def print_table(title: str, columns: list[str], rows: Sequence[Sequence[str | Text]], whole: bool = True) -> None:
    """A table for people on stdout; columns of numbers are set to the right, and no number is folded.

    What a terminal has no room for is set in several tables below each other, each of which begins with the words
    that name the rows; of a table that need not be `whole` the first of them is enough.
    """
    from rich.console import Console

    if title:
        print_sentence(title)
    console = Console(highlight=False, markup=False)
    width = terminal_width()
    several = [list(range(len(columns)))] if width is None else _fitting(columns, rows, console, width)
    for number, shown in enumerate(several if whole else several[:1]):
        if number:
            print()
        table = _table(columns, rows, shown)
        console.width = max(width or 0, console.measure(table, options=console.options.update(width=500)).maximum)
        console.print(table)


def _fitting(columns: list[str], rows: Sequence[Sequence[str | Text]], console: Console, width: int) -> list[list[int]]:
    """Numbers of the columns of each table, so that each is no wider than that where it can be."""
    numbers = range(len(columns))
    names = list(takewhile(lambda number: not _numeric(rows, number), numbers))[:2] or [0]
    several: list[list[int]] = [[]]
    for number in numbers[len(names) :]:
        table = _table(columns, rows, [*names, *several[-1], number])
        if several[-1] and console.measure(table, options=console.options.update(width=500)).maximum > width:
            several.append([])
        several[-1].append(number)
    return [[*names, *group] for group in several]


def _table(columns: list[str], rows: Sequence[Sequence[str | Text]], shown: Sequence[int]) -> Table:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for number in shown:
        table.add_column(columns[number], justify="right" if _numeric(rows, number) else "left", no_wrap=True)
    for row in rows:
        table.add_row(*(row[number] for number in shown))
    return table


def _numeric(rows: Sequence[Sequence[str | Text]], number: int) -> bool:
    cells = [str(row[number]) for row in rows]
    return any(cells) and all(cell[0] in "0123456789+-–[" for cell in cells if cell)


def print_headline(judgement: Judgement, long: str = "") -> None:
    """The verdict in a line of its own, on a terminal in its tone's colour; `long`, with numbers, if it has room."""
    from rich.console import Console

    line = long if long and len(long) <= (terminal_width() or len(long)) else judgement.headline
    Console(highlight=False, markup=False).print(verdict_text(judgement, line), style="bold", soft_wrap=True)


def print_places(ids: Mapping[str, str], files: Sequence[Path], *commands: str) -> None:
    """What was made is called, where its files lie, all in one folder, and what can be done with it."""
    names = [f"{file.name}/" if file.is_dir() else file.name for file in files]
    lines = {**ids, "files": f"{from_here(files[0].parent)}/", "": ", ".join(names)}
    width = max(map(len, lines)) + 2
    print()
    for name, text in lines.items():
        print(f"{name:<{width}}{text}")
    if commands:
        print("\nnext:")
        for command in commands:
            print(f"  {command}")


def from_here(path: Path) -> Path:
    """A path as one would type it, if it lies below where one stands."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


def verdict_text(judgement: Judgement, text: str | None = None) -> Text:
    """A judgement in the colour of its tone; `text` in place of the few that a table has room for."""
    from rich.text import Text

    from gatewise.evaluation.verdict import COLOURS

    return Text(text or judgement.short, style=COLOURS[judgement.tone].terminal)


def newer_rows(data: DataConfig) -> str:
    """The flags by which `gatewise predict` reads newer rows of the source that a model was trained on."""
    return "--data NEW_ROWS.csv" if data.source in ("files", "frame") else f"--source {data.source}"


def cut_in_the_middle(text: str, most: int) -> str:
    """At most so many characters: names differ at their ends more often than before them."""
    head = (most - 1) // 2
    return text if len(text) <= most else f"{text[:head]}…{text[len(text) - (most - 1 - head) :]}"


def setting_words(value: object) -> str:
    """A setting as a person would type it: 0.000523, true, none."""
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:.4g}" if isinstance(value, float) else "none" if value is None else str(value)
