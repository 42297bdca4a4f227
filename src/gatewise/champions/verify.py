"""Whether the history and the bundles that it names are as they were written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gatewise.champions.chain import problems
from gatewise.champions.entry import Entry, read_entry
from gatewise.champions.log import Log
from gatewise.champions.store import Store
from gatewise.errors import BundleError, RegistryError


@dataclass(frozen=True)
class Verification:
    """What was found.

    Attributes:
        entries: how many there are. head: the newest one's hash; `None`: no entries.
        bundles: whole ones among those that entries name.
        problems: what is wrong, a sentence each.
        absent: addresses of former champions whose bundles the store does not hold (any more).
    """

    place: str
    entries: int
    head: str | None
    bundles: int
    problems: tuple[str, ...]
    absent: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """The machine interface."""
        return {
            "registry": self.place,
            "whole": not self.problems,
            "entries": self.entries,
            "head": self.head,
            "bundles": self.bundles,
            "problems": list(self.problems),
            "absent": list(self.absent),
        }


def verify(log: Log, store: Store, head: str | None = None) -> Verification:
    """Reads every entry, and every byte of every bundle that one names.

    Args:
        head: an entry's hash that was noted elsewhere, in full or at least 8 digits of it; the chain must hold it.
    """
    rows = log.rows()
    wrong = list(problems(rows, head))
    entries = []
    for number, name, content, hash_ in rows:
        try:
            entries.append(read_entry(number, content, hash_, name))
        except RegistryError:
            continue  # named above
    whole, absent = 0, []
    live = {entry.name: entry for entry in entries}
    for address in dict.fromkeys(address for entry in entries for address in (entry.bundle, entry.fallback) if address):
        names = [name for name, entry in live.items() if address in (entry.bundle, entry.fallback)]
        try:
            store.bundle(address)
            whole += 1
        except BundleError as error:
            if names or address in store.addresses():
                wrong.append(f"{error.message} ({_named_by(address, names, entries)})")
            else:
                absent.append(address)
    return Verification(log.place, len(rows), rows[-1][-1] if rows else None, whole, tuple(wrong), tuple(absent))


def _named_by(address: str, names: list[str], entries: list[Entry]) -> str:
    if names:
        return f"champion of {', '.join(names)}"
    numbers = [str(entry.number) for entry in entries if address in (entry.bundle, entry.fallback)]
    return f"of entry {', '.join(numbers[:3])}{', …' if len(numbers) > 3 else ''}"
