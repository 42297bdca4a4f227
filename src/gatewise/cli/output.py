"""How commands speak: one JSON object or a table for people on stdout, log lines on stderr."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from gatewise.cli.flags import translate

if TYPE_CHECKING:
    from rich.text import Text

    from gatewise.config.schema import DataConfig
    from gatewise.evaluation.verdict import Judgement, Verdict

_ADVICE = ("hint", "remedy", "notes", "error")  # keys of what the core says of its fields


def print_json(value: dict[str, Any]) -> None:
    """Exactly one JSON object on stdout, its advice in flags; NaN and infinities are not JSON and are refused."""
    print(json.dumps(_advice_in_flags(value), allow_nan=False, default=str))


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


def print_table(title: str, columns: list[str], rows: Sequence[Sequence[str | Text]]) -> None:
    """A table for people on stdout; columns of numbers are set to the right, and no cell is folded."""
    from rich.console import Console
    from rich.table import Table

    if title:
        print(title)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for number, column in enumerate(columns):
        numeric = bool(rows) and all(str(row[number])[:1] in set("0123456789-[") for row in rows)
        table.add_column(column, justify="right" if numeric else "left", no_wrap=True)
    for row in rows:
        table.add_row(*row)
    console = Console(highlight=False, markup=False)
    console.width = max(console.width, console.measure(table, options=console.options.update(width=500)).maximum)
    console.print(table)


def print_headline(judgement: Judgement) -> None:
    """The verdict in a line of its own, on a terminal in its tone's colour."""
    from rich.console import Console

    line = verdict_text(judgement.verdict, judgement.headline)
    Console(highlight=False, markup=False).print(line, style="bold", soft_wrap=True)


def verdict_text(verdict: Verdict, words: str | None = None) -> Text:
    """A verdict in the colour of its tone; `words` in place of the few that a table has room for."""
    from rich.text import Text

    from gatewise.evaluation.verdict import COLOURS, SHORT, TONES

    return Text(words or SHORT[verdict], style=COLOURS[TONES[verdict]].terminal)


def newer_rows(data: DataConfig) -> str:
    """The flags by which `gatewise predict` reads newer rows of the source that a model was trained on."""
    return f"--source {data.source}" if data.source in ("lake", "sql") else "--data NEW_ROWS.csv"


def setting_words(value: object) -> str:
    """A setting as a person would type it: 0.000523, true, none."""
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:.4g}" if isinstance(value, float) else "none" if value is None else str(value)
