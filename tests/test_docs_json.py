"""Keys of `--json` that classes give by themselves stand in the machine interface, in the part of their command.

Whoever reads keys by a page that lacks one, or names one that is none, finds out in production.
"""

from __future__ import annotations

import re
from dataclasses import asdict, fields
from datetime import UTC, datetime
from typing import Any

import pytest

from gatewise.champions.change import Change, Followed
from gatewise.champions.entry import Draft, Entry, decided
from gatewise.champions.prune import Prunable
from gatewise.champions.update import ChampionUpdate
from gatewise.champions.verify import Verification
from gatewise.decisions.rule import Certificate, DecisionRule
from gatewise.evaluation.base import Interval
from gatewise.gates import Gate, GateResult, GateResults
from gatewise.looks.deflate import deflate
from gatewise.looks.ledger import Look
from gatewise.looks.span import Looks, Span
from page_examples import ROOT

PAGE = (ROOT / "docs" / "machine-interface.md").read_text(encoding="utf-8")
ENTRY: Entry = decided(Draft(name="btc", action="promote", bundle="0" * 64), number=1, utc="", previous=None, prior="")[
    0
]
GATE = GateResult(Gate("accuracy", at_least=0.5), Interval(0.6, 0.5, 0.7), True, "", ("prior", 0.5))
LOOK = Look("", "", "", "", 0, "", ("A",), "", 0, 1, "accuracy", 0.6, "prior", 0.5, 0.1, 0.1, 9, 1.0, 0.5, "")
LOOKS = Looks((LOOK,), "")
SAID: dict[str, tuple[str, Any]] = {
    "gates": ("evaluate", GateResults("", "", 1, 0.95, "log_loss", (GATE,), "", datetime.now(UTC)).to_dict()),
    "change": ("promote, rollback", Change(ENTRY, ENTRY, Followed("", 1)).to_dict()),
    "verification": ("registry", Verification("", 0, None, 0, (), ()).to_dict()),
    "update": ("registry update, prune, sync", ChampionUpdate(ENTRY).to_dict() | {"champion": None}),
    "prunable": ("registry update, prune, sync", Prunable("", 0).to_dict()),
    "followed": ("registry update, prune, sync", Followed("", 1).to_dict()),
    "looks": ("looks", LOOKS.to_dict()),
    "deflated": ("looks", deflate(0.1, 0.1, 9, 3).to_dict()),
    "span": ("looks", Span(("A",), 0, 1, LOOKS).to_dict()),
    "decision": ("train", DecisionRule("probability", certificate=Certificate(0.6, 0.9, 9, 9, 9, 9, 1)).to_dict()),
}


def keys(value: Any) -> set[str]:
    """Of a mapping and of all within it."""
    if isinstance(value, dict):
        return {str(key) for key in value} | {key for inner in value.values() for key in keys(inner)}
    return {key for inner in value for key in keys(inner)} if isinstance(value, list | tuple) else set()


def words(part: str) -> set[str]:
    return set(re.findall(r"\w+", PAGE.split(f"\n## {part}\n")[1].split("\n## ")[0]))


@pytest.mark.parametrize("said", SAID)
def test_every_key_stands_in_the_part_of_its_command(said: str) -> None:
    part, value = SAID[said]
    assert not keys(value) - words(part)


def test_every_field_of_an_entry_stands_in_the_table_of_the_history() -> None:
    page = (ROOT / "docs" / "registry.md").read_text(encoding="utf-8")
    table = page.split("## What an entry holds")[1].split("\n## ")[0]
    named = {name for cell in re.findall(r"^\| ([a-z_, ]+) \|", table, re.MULTILINE) for name in cell.split(", ")}
    assert named - {"field"} == {field.name for field in fields(Entry)} == asdict(ENTRY).keys()
