"""Champions and their history as people read them in a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from gatewise.champions.words import LIVE, bundle_words, entry_cells, entry_facts
from gatewise.cli.output import from_here, print_sentence, print_table

if TYPE_CHECKING:
    from gatewise.champions.change import Change
    from gatewise.champions.entry import Entry
    from gatewise.champions.verify import Verification


def print_champions(champions: Sequence[Entry]) -> None:
    """A line a name."""
    head = ["name", "live", "since (UTC)", "by entry", "gates", "who"]
    rows = []
    for entry in champions:
        cells = entry_cells(entry)
        rows.append([entry.name, cells.live, cells.time, f"{entry.number} {entry.action}", cells.gates, entry.who])
    print_table("", head, rows, whole=False)


def print_history(entries: Sequence[Entry]) -> None:
    """A line an entry, the newest first."""
    head = ["entry", "what", "time (UTC)", "live then", "gates", "who", "why"]
    rows = []
    for entry in reversed(entries):
        cells = entry_cells(entry)
        rows.append([str(entry.number), cells.action, cells.time, cells.live, cells.gates, entry.who, cells.reason])
    print_table("", head, rows)
    print()
    print_sentence(f"{LIVE} {bundle_words(entries[-1])}.")


def print_entry(entry: Entry, bundle: Path) -> None:
    """All that an entry says, and where its weights lie."""
    facts = entry_facts(entry) | {"folder": str(from_here(bundle))}
    width = max(map(len, facts)) + 2
    for name, text in facts.items():
        print(f"{name:<{width}}{text}")


def print_change(change: Change) -> None:
    """What is live now, and what was."""
    for line in change.lines:
        print(line)
    for sentence in change.sentences:
        print_sentence(sentence)


def print_verification(found: Verification) -> None:
    """A line for all, then one a problem."""
    whole = f"as they were written: entries {found.entries:,}, stored bundles {found.bundles:,}"
    if not found.entries:
        print(f"no entries in {found.place}")
    elif not found.problems:
        print(f"whole  {whole}")
        print(f"head   {found.head}")
    else:
        print(f"NOT WHOLE: {found.place}")
    for problem in found.problems:
        print_sentence(problem, "  ")
    if found.absent:
        print_sentence(
            f"Of former champions {len(found.absent)} bundles are no longer in the store: "
            + ", ".join(address[:12] for address in found.absent)
        )
