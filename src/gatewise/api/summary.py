"""What a result says of itself: one screen of text, and the same in a notebook with the verdict's colour."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from pathlib import Path
from textwrap import fill

from gatewise.evaluation.verdict import Judgement, Tone, Verdict

WIDTH, HEIGHT = 80, 24


@dataclass(frozen=True)
class Summary:
    """One screen.

    Attributes:
        headline: a sentence without a full stop.
        tone: its colour's.
        caption: what the table is of.
        head: names of all columns but the first.
        lines: cells as they are shown, the name of the line first; without a head, a name and a sentence each.
        notes: sentences on what the numbers stand on; those that have no room are left out of the text.
        facts: names and words: where things lie; one that has no room in a line is left out of the text.
        steps: what may be typed next.
        curves: {name: a value an epoch}, for a picture.
    """

    headline: str
    tone: Tone
    caption: str = ""
    head: Sequence[str] = ()
    lines: Sequence[Sequence[str]] = ()
    notes: Sequence[str] = ()
    facts: Mapping[str, str] = field(default_factory=dict)
    steps: Sequence[str] = ()
    curves: Mapping[str, Sequence[float]] = field(default_factory=dict)

    def text(self) -> str:
        """At most 80 columns and 24 lines: columns and lines that have no room are left out, the last ones first."""
        caption = fill(self.caption, WIDTH)
        facts = [line for name, words in self.facts.items() if len(line := f"{name:<9} {words}") <= WIDTH]
        steps = ["next:", *(f"  {step}" for step in self.steps)] if self.steps else []
        ends = [*([""] if facts else []), *facts, *([""] if steps else []), *steps]
        room = HEIGHT - len(ends) - 2 - (caption.count("\n") + 1 if caption else 0)
        table = _aligned(["", *self.head], self.lines, room) if self.head else _hanging(self.lines, room)
        room -= sum(line.count("\n") + 1 for line in table)
        notes = [fill(note, WIDTH, break_on_hyphens=False) for note in self.notes]
        totals = accumulate(note.count("\n") + 1 for note in notes)
        notes = [note for note, total in zip(notes, totals, strict=True) if total < room]
        ends = [*([""] if notes else []), *notes, *ends]
        middle = [*([caption] if caption else []), *table]
        return "\n".join([self.headline, *([""] if middle else []), *middle, *ends])

    def html(self) -> str:
        """For a notebook: the same, with every column and line, and the curves as a picture."""
        from gatewise.report.notebook import notebook_piece

        table = (self.caption, self.head, self.lines)
        return notebook_piece(self.headline, self.tone, *table, self.notes, self.facts, self.curves)


class Result(ABC):
    """What a call gives: it prints as its summary, and a notebook draws it."""

    @property
    @abstractmethod
    def summary(self) -> Summary:
        """What is shown."""

    def __repr__(self) -> str:
        return self.summary.text()

    def _repr_html_(self) -> str:
        return self.summary.html()


class Judged(Result):
    """A result with a verdict."""

    @property
    @abstractmethod
    def judgement(self) -> Judgement:
        """The verdict, and what it names."""

    @property
    def verdict(self) -> Verdict:
        """Better, undecided, worse or too_few."""
        return self.judgement.verdict

    @property
    def headline(self) -> str:
        """The verdict as a sentence."""
        return self.judgement.headline


class Report:
    """The path of a page; a notebook shows the page itself."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __fspath__(self) -> str:
        return str(self.path)

    def __repr__(self) -> str:
        return str(self.path)

    def _repr_html_(self) -> str:
        from gatewise.report.notebook import framed

        return framed(self.path.read_text(encoding="utf-8"))


def _aligned(head: Sequence[str], lines: Sequence[Sequence[str]], room: int) -> list[str]:
    """A table whose first column is words and whose others stand to the right; no cell is cut."""
    widths = [max(len(row[n]) for row in (head, *lines)) + 2 for n in range(len(head))]
    shown = sum(total <= WIDTH for total in accumulate(widths)) or 1
    kept = lines if len(lines) < room else lines[: room - 2]
    rows = [head, *kept]
    text = [
        "".join(
            cell.ljust(width) if n == 0 else cell.rjust(width)
            for n, (cell, width) in enumerate(zip(row[:shown], widths, strict=False))
        ).rstrip()
        for row in rows
    ]
    return _cut(text, kept, lines)


def _hanging(lines: Sequence[Sequence[str]], room: int) -> list[str]:
    """Names and sentences, which are folded beside them."""
    width = max((len(name) for name, _ in lines), default=0) + 2
    blocks = [
        fill(words, WIDTH, initial_indent=name.ljust(width), subsequent_indent=" " * width, break_on_hyphens=False)
        for name, words in lines
    ]
    kept = [n for n, total in enumerate(accumulate(block.count("\n") + 1 for block in blocks)) if total <= room - 1]
    return _cut([blocks[n] for n in kept], kept, lines)


def _cut(text: list[str], kept: Sequence[object], lines: Sequence[object]) -> list[str]:
    return text if len(kept) == len(lines) else [*text, f"… and {len(lines) - len(kept)} more"]
