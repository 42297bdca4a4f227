"""How commands speak: one JSON object or a table for people on stdout, log lines on stderr."""

from __future__ import annotations

import json
import logging
import shutil
import sys
import textwrap
from collections.abc import Sequence
from itertools import takewhile
from typing import TYPE_CHECKING, Any

from gatewise.cli.flags import translate

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from gatewise.config.schema import DataConfig
    from gatewise.evaluation.verdict import Judgement
    from gatewise.proofs.run import Audit

_ADVICE = ("hint", "remedy", "notes", "remarks", "sentence", "error")  # keys of what the core says of its fields


def print_json(value: dict[str, Any]) -> None:
    """Exactly one JSON object on stdout, its advice in flags; NaN and infinities are not JSON and are refused."""
    print(json.dumps(_advice_in_flags(value), allow_nan=False, default=str))


def print_checks(audit: Audit, as_json: bool, passed: str, failed: str) -> None:
    """A line a check and a last one for all, or one JSON object."""
    if as_json:
        print_json(audit.to_dict())
        return
    for check in audit.checks:
        print(f"{'pass' if check.passed else 'FAIL'}  {check.name:<16} {check.detail}")
    print(f"passed: {passed}" if audit.passed else f"FAILED: {failed}")


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
        return translate(super().format(record))


def terminal_width() -> int | None:
    """Characters in a line of the terminal that stdout is; `None` where stdout goes elsewhere, which has no width."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def print_sentence(text: str, bullet: str = "") -> None:
    """Words for people on stdout, on a terminal wrapped between words."""
    width = terminal_width()
    if width is not None:
        text = textwrap.fill(
            text,
            width - len(bullet),
            subsequent_indent=" " * len(bullet),
            break_long_words=False,
            break_on_hyphens=False,
        )
    print(bullet + text)


def print_table(title: str, columns: list[str], rows: Sequence[Sequence[str | Text]]) -> None:
    """A table for people on stdout; columns of numbers are set to the right, and no number is folded.

    What a terminal has no room for is set in several tables below each other, each of which begins with the words
    that name the rows.
    """
    from rich.console import Console

    if title:
        print(title)
    console = Console(highlight=False, markup=False)
    width = terminal_width()
    several = [list(range(len(columns)))] if width is None else _fitting(columns, rows, console, width)
    for number, shown in enumerate(several):
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
    return any(cells) and all(cell[0] in "0123456789+-[" for cell in cells if cell)


def print_headline(judgement: Judgement) -> None:
    """The verdict in a line of its own, on a terminal in its tone's colour."""
    from rich.console import Console

    line = verdict_text(judgement, judgement.headline)
    Console(highlight=False, markup=False).print(line, style="bold", soft_wrap=True)


def verdict_text(judgement: Judgement, text: str | None = None) -> Text:
    """A judgement in the colour of its tone; `text` in place of the few that a table has room for."""
    from rich.text import Text

    from gatewise.evaluation.verdict import COLOURS

    return Text(text or judgement.short, style=COLOURS[judgement.tone].terminal)


def newer_rows(data: DataConfig) -> str:
    """The flags by which `gatewise predict` reads newer rows of the source that a model was trained on."""
    return f"--source {data.source}" if data.source in ("lake", "sql") else "--data NEW_ROWS.csv"


def setting_words(value: object) -> str:
    """A setting as a person would type it: 0.000523, true, none."""
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:.4g}" if isinstance(value, float) else "none" if value is None else str(value)
