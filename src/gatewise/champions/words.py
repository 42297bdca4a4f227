"""Entries in words, for terminals and pages."""

from __future__ import annotations

from typing import NamedTuple

from gatewise.champions.entry import Entry

LIVE = "Live is"


class Cells(NamedTuple):
    """What tables show of an entry."""

    action: str
    time: str
    live: str
    gates: str
    reason: str


def entry_cells(entry: Entry) -> Cells:
    """Of one line."""
    action = f"rollback to {entry.restores}" if entry.restores is not None else entry.action
    return Cells(action, time_words(entry), bundle_words(entry), gates_words(entry), why_words(entry))


def why_words(entry: Entry) -> str:
    """The reason that was given and that of an override, as far as there are any."""
    return "; ".join(words for words in (entry.reason, entry.override) if words)


def time_words(entry: Entry) -> str:
    """`2026-11-02 10:00:31`."""
    return entry.utc[:19].replace("T", " ")


def bundle_words(entry: Entry) -> str:
    """`run 3f2a9c00, bundle 5d41402abc4b`."""
    bundle = f"bundle {entry.bundle[:12]}"
    return f"run {entry.run_id[:8]}, {bundle}" if entry.run_id else bundle


def gates_words(entry: Entry) -> str:
    """`6 of 6`, `4 of 6, overridden`; empty where none was asked."""
    if entry.gates is None:
        return ""
    asked = [gate["passed"] for gate in entry.gates.get("gates", []) if gate["passed"] is not None]
    words = f"{sum(asked)} of {len(asked)}"
    return words if entry.override is None else f"{words}, overridden"


def entry_facts(entry: Entry) -> dict[str, str]:
    """All that an entry says, what it does not know left out."""
    facts = {
        "name": entry.name,
        "entry": f"{entry.number}, {entry_cells(entry).action}",
        "time": f"{time_words(entry)} UTC",
        "who": entry.who,
        "reason": entry.reason,
        "override": entry.override,
        "gates": gates_words(entry),
        "run": entry.run_id,
        "bundle": entry.bundle,
        "before": entry.previous,
        "weights": entry.weights_hash,
        "config": entry.config_hash,
        "data": entry.data_hash,
        "learned until": entry.known_at_utc,
        "fallback": entry.fallback,
        "hash": entry.hash,
    }
    return {name: text for name, text in facts.items() if text}
