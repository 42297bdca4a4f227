"""The page of a name's history: what was live when, and what its gates said of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gatewise.champions.entry import Entry
from gatewise.champions.figure import timeline
from gatewise.champions.words import bundle_words, entry_cells, entry_facts, gates_words
from gatewise.files import write_text
from gatewise.gates.words import OUTCOMES
from gatewise.report.html import (
    Cell,
    Line,
    Pictures,
    bullets,
    columns,
    folded,
    paragraph,
    render_page,
    section,
    table,
    titled,
)


def write_history(path: Path, name: str, entries: Sequence[Entry], place: str) -> None:
    """Writes the page, whole or not at all.

    Args:
        entries: all of the name, the oldest first; at least one.
        place: of the registry, for the reader.

    Raises:
        StorageError: the place can't be written.
    """
    write_text(path, render(name, entries, place, datetime.now(UTC)))


def render(name: str, entries: Sequence[Entry], place: str, now: datetime) -> str:
    """The page as HTML that refers to nothing outside itself."""
    pictures = Pictures()
    live = entries[-1]
    figure = pictures.add(
        timeline(entries, now),
        "What was live when",
        "A line for each bundle, over the time in which it was the champion; times are UTC.",
        wide=True,
        height=150 + 34 * len({entry.bundle for entry in entries}),
    )
    promoted = [entry for entry in reversed(entries) if entry.gates is not None]
    body = [
        titled("history", name),
        section("Live", [columns(entry_facts(live))]),
        section("Timeline", [figure]),
        section("Entries", _entries(entries)),
        *([section("What the gates said", _gates(promoted))] if promoted else []),
        paragraph(
            f"From {place}, {len(entries)} entries of this name, the newest with the hash {live.hash}. A hash covers "
            "the entry before, so an edited entry shows: gatewise registry verify. Entries that were cut off at the "
            "end don't; a hash that was noted elsewhere shows that, too."
        ),
    ]
    return render_page(f"{name}: history", body, pictures)


def _entries(entries: Sequence[Entry]) -> Iterator[str]:
    lines, why = [], []
    for entry in reversed(entries):
        cells = entry_cells(entry)
        row = [Cell(cells.action, bold=True), *map(Cell, (cells.time, cells.live, cells.gates, entry.who))]
        lines.append(Line(str(entry.number), row))
        if entry.reason:
            why.append(f"Entry {entry.number}: {entry.reason}")
        if entry.override is not None:
            why.append(f"Entry {entry.number} was promoted although gates failed: {entry.override}")
    yield table("entries", "", ["what", "time (UTC)", "live then", "gates", "who"], lines)
    if why:
        yield bullets(why)


def _gates(promoted: Sequence[Entry]) -> Iterator[str]:
    for entry in promoted:
        assert entry.gates is not None
        lines = [_gate(gate) for gate in entry.gates["gates"]]
        content = table(f"gates of entry {entry.number}", "", ["", "value", "interval", "in words"], lines)
        yield folded(f"Entry {entry.number}, {bundle_words(entry)}: {gates_words(entry)}", content)


def _gate(gate: dict[str, Any]) -> Line:
    low, high = gate["low"], gate["high"]
    interval = "" if low is None or high is None else f"[{low:.4g}, {high:.4g}]"
    value = "" if gate["value"] is None else f"{gate['value']:.4g}"
    mark = Cell(OUTCOMES[gate["passed"]].word, bold=gate["passed"] is False)
    return Line(gate["metric"], [mark, Cell(value), Cell(interval), Cell(gate["words"])])
