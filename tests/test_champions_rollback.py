"""Rollbacks, backups and what `gatewise registry` says: a step back that lands elsewhere would trade unnoticed."""

import json
import random
from datetime import UTC, datetime
from pathlib import Path
from typing import get_args

import pytest

from champion_worlds import planted_bundle, planted_champions
from conftest import Cli
from gatewise.champions.backup import backup, restore
from gatewise.champions.entry import Action, Draft, Entry
from gatewise.champions.figure import timeline
from gatewise.champions.log import Log, open_log
from gatewise.champions.page import render
from gatewise.champions.rollback import rollback, standing
from gatewise.champions.store import Store, open_store
from gatewise.data.sql.connect import open_database
from gatewise.errors import BundleError, ChampionChangedError, ConfigError, ReadError, RegistryError, UnknownNameError

GATES = {
    "passed": False,
    "gates": [
        {"metric": "accuracy", "passed": True, "value": 0.71, "low": 0.69, "high": 0.73, "words": "accuracy 71% holds"},
        {"metric": "ece", "passed": False, "value": 0.09, "low": None, "high": None, "words": "ECE 9% is above <5%>"},
        {"metric": "audit", "passed": None, "value": None, "low": None, "high": None, "words": "nothing to read"},
    ],
}


@pytest.fixture
def world(gatewise_home: Path, tmp_path: Path) -> tuple[Log, Store, list[Entry]]:
    log, store = open_log(), open_store()
    return log, store, planted_champions(log, store, tmp_path / "bundles", 3)


def test_rollbacks_go_back_further_each_time_and_never_to_what_was_left(world: tuple[Log, Store, list[Entry]]) -> None:
    log, _, (first, second, third) = world
    back = rollback("btc", reason="lost money")
    assert (back.entry.bundle, back.entry.restores, back.entry.previous) == (second.bundle, 2, third.bundle)
    assert (back.entry.action, back.entry.reason, back.entry.run_id) == ("rollback", "lost money", second.run_id)
    assert back.replaced == third
    assert rollback("btc").entry.bundle == first.bundle
    with pytest.raises(ConfigError, match="no champion of btc stood before"):
        rollback("btc")
    assert rollback("btc", 3).entry.bundle == third.bundle
    assert rollback("btc").entry.bundle == first.bundle
    assert rollback("btc", second.bundle[:8]).entry.bundle == second.bundle
    assert rollback("btc", 5).entry.restores == 1  # entry 5 was itself a rollback to entry 1
    assert not log.verify()


def test_what_a_rollback_lands_on_is_what_replaying_the_history_says() -> None:
    """Against a slow replay: a list of bundles that promotions push and rollbacks cut."""
    chance = random.Random(5)
    for _ in range(200):
        entries: list[Entry] = []
        stack: list[tuple[int, str]] = []
        for number in range(1, 25):
            fields = {"name": "a", "number": number, "utc": "", "who": "", "previous": None, "prior": "", "hash": ""}
            if chance.random() < 0.4 and len(stack) > 1:
                stack.pop()
                entries.append(Entry(action="rollback", bundle=stack[-1][1], restores=stack[-1][0], **fields))
            else:
                bundle = str(number)
                stack.append((number, bundle))
                entries.append(Entry(action="promote", bundle=bundle, **fields))
            assert [(entry.number, entry.bundle) for entry in standing(entries)] == stack


def test_a_rollback_to_what_is_gone_or_damaged_or_unknown_changes_nothing(
    world: tuple[Log, Store, list[Entry]],
) -> None:
    log, store, (first, second, third) = world
    for wrong in (9, "abcdefab", "x"):
        with pytest.raises(UnknownNameError):
            rollback("btc", wrong)
    with pytest.raises(ConfigError, match="at that bundle already"):
        rollback("btc", 3)
    with pytest.raises(UnknownNameError, match="champion 'eth'"):
        rollback("eth")
    file = store.bundle(second.bundle) / "model.safetensors"
    file.chmod(0o644)
    file.write_bytes(b"\x01" + file.read_bytes()[1:])
    with pytest.raises(BundleError, match=r"model\.safetensors has changed"):
        rollback("btc")
    store.remove(second.bundle)
    with pytest.raises(BundleError, match="holds no bundle"):
        rollback("btc")
    assert log.champion("btc") == third
    assert rollback("btc", 1).entry.bundle == first.bundle


def test_a_rollback_is_refused_where_somebody_promoted_since(
    world: tuple[Log, Store, list[Entry]], monkeypatch: pytest.MonkeyPatch
) -> None:
    log, _, (first, _, third) = world
    look = Store.bundle

    def while_another_promotes(self: Store, address: str) -> Path:
        monkeypatch.setattr(Store, "bundle", look)
        log.append(Draft(name="btc", action="promote", bundle=first.bundle), third.bundle)
        return look(self, address)

    monkeypatch.setattr(Store, "bundle", while_another_promotes)
    with pytest.raises(ChampionChangedError):
        rollback("btc")
    assert len(log.entries()) == 4


def test_a_backup_goes_back_into_another_database(
    world: tuple[Log, Store, list[Entry]], tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    log, _, entries = world
    file = tmp_path / "registry.jsonl"
    assert backup(log, file) == 3
    other = open_log(request.getfixturevalue("postgres").new_database())
    assert (restore(other, file), restore(other, file)) == (3, 0)
    assert list(other.entries()) == entries
    rollback("btc", log=other)
    assert backup(other, file) == 4
    assert restore(log, file) == 1  # a prefix is gone on with
    assert log.entries() == other.entries()
    log.append(Draft(name="eth", action="promote", bundle="0" * 64), None)
    other.append(Draft(name="sol", action="promote", bundle="0" * 64), None)
    backup(other, file)
    with pytest.raises(RegistryError, match="differs from entry 5 on"):
        restore(log, file)
    assert log.names() == ("btc", "eth")


def test_a_backup_that_was_cut_off_or_edited_is_refused(world: tuple[Log, Store, list[Entry]], tmp_path: Path) -> None:
    log, _, _ = world
    file, empty = tmp_path / "registry.jsonl", open_log(f"sqlite:///{tmp_path}/empty.db")
    backup(log, file)
    whole = file.read_text()
    faults = {
        "was cut off": whole.rsplit("\n", 2)[0],
        "entry 2 was edited": whole.replace("number 1", "number 9"),
        "is no backup": whole.replace("gatewise-registry/1", "other"),
        "no backup of": "",
    }
    for words, text in faults.items():
        file.write_text(text)
        with pytest.raises((ReadError, RegistryError), match=words):
            restore(empty, file)
    assert not empty.entries()
    with open_database(log.url, write=True) as connection:
        connection.exec_driver_sql("UPDATE registry_entries SET content = '' WHERE number = 1")
    file.write_text(whole)
    with pytest.raises(RegistryError, match="entry 1 was edited"):
        backup(log, file)
    assert file.read_text() == whole


def test_a_backup_writes_over_nothing_but_what_it_continues(
    world: tuple[Log, Store, list[Entry]], tmp_path: Path
) -> None:
    log, _, _ = world
    file, notes = tmp_path / "registry.jsonl", tmp_path / "notes.txt"
    backup(log, file)
    whole = file.read_bytes()
    empty = open_log(f"sqlite:///{tmp_path}/empty.db")
    with pytest.raises(RegistryError, match="a backup of 3 entries, which the 0 of"):
        backup(empty, file)
    assert file.read_bytes() == whole
    notes.write_text("mine")
    for other in (notes, Path(str(log.url.database))):
        before = other.read_bytes()
        with pytest.raises(RegistryError, match="is not written over"):
            backup(log, other)
        assert other.read_bytes() == before
    file.write_text("")
    assert backup(log, file) == 3  # nothing is lost of what was empty


def test_a_backup_whose_first_line_lacks_something_is_none(tmp_path: Path) -> None:
    file = tmp_path / "registry.jsonl"
    file.write_text('{"format": "gatewise-registry/1"}\n')
    with pytest.raises(ReadError, match="is no backup"):
        restore(open_log(f"sqlite:///{tmp_path}/empty.db"), file)


def test_the_command_line_says_what_is_live_and_was(
    world: tuple[Log, Store, list[Entry]], cli: Cli, tmp_path: Path
) -> None:
    log, store, (first, second, third) = world
    assert cli("rollback", "btc", "--reason", "lost money", "--json").json["entry"]["bundle"] == second.bundle
    assert "bundle " + first.bundle[:12] in cli("rollback", "btc").out
    said = cli("registry", "list")
    assert said.code == 0
    assert first.bundle[:12] in said.out
    assert [entry["name"] for entry in cli("registry", "list", "--json").json["champions"]] == ["btc"]
    now = cli("registry", "champion", "btc", "--json").json
    assert (now["bundle"], now["folder"]) == (first.bundle, str(store.bundle(first.bundle)))
    assert cli("registry", "champion", "btc", "--at", third.utc, "--json").json["bundle"] == third.bundle
    assert cli("registry", "champion", "btc", "--at", "2020-01-01").code == 2
    page = tmp_path / "history.html"
    said = cli("registry", "history", "btc", "--html", page)
    assert "rollback to 2" in said.out
    assert "lost money" in page.read_text(encoding="utf-8")
    head = log.entries()[-1].hash
    assert cli("registry", "verify", "--head", head, "--json").json | {"registry": ""} == {
        "registry": "",
        "whole": True,
        "entries": 5,
        "head": head,
        "bundles": 3,
        "problems": [],
        "absent": [],
        "mlflow": [],
    }
    file = tmp_path / "backup.jsonl"
    assert cli("registry", "backup", file, "--json").json["entries"] == 5
    assert cli("registry", "restore", file).out.startswith("It holds all of them already")


def test_verify_names_the_damaged_bundle_and_the_edited_entry(world: tuple[Log, Store, list[Entry]], cli: Cli) -> None:
    log, store, (first, second, third) = world
    store.remove(first.bundle)
    file = store.bundle(second.bundle) / "model.safetensors"
    file.chmod(0o644)
    file.write_bytes(b"\x01" + file.read_bytes()[1:])
    found = cli("registry", "verify", "--json")
    assert found.code == 1
    (problem,) = found.json["problems"]
    assert str(file) in problem
    assert problem.endswith("(of entry 2)")
    assert found.json["absent"] == [first.bundle]
    store.remove(third.bundle)
    with open_database(log.url, write=True) as connection:
        connection.exec_driver_sql("UPDATE registry_entries SET content = '{}' WHERE number = 2")
    edited, gone = cli("registry", "verify", "--json").json["problems"]
    assert edited.startswith("entry 2 was edited")
    assert gone.endswith("(champion of btc)")
    assert cli("registry", "verify", "--head", "0123456789").code == 1


def test_an_empty_registry_is_no_error_and_makes_no_file(cli: Cli, gatewise_home: Path) -> None:
    assert "no champions yet" in cli("registry", "list").out
    assert cli("registry", "verify").code == 0
    said = cli("registry", "history", "btc")
    assert (said.code, "there are none yet" in said.err) == (2, True)
    assert not (gatewise_home / "registry.db").exists()


def test_the_page_shows_gates_and_overrides_as_text(world: tuple[Log, Store, list[Entry]]) -> None:
    log, _, (*_, third) = world
    log.append(
        Draft(name="btc", action="promote", bundle=third.bundle, gates=GATES, override="<b>trust me</b>"), third.bundle
    )
    entries = log.entries("btc")
    page = render("btc", entries, log.place, datetime.now(UTC))
    assert "&lt;b&gt;trust me" in page
    assert "ECE 9% is above &lt;5%&gt;" in page
    assert "1 of 2, overridden" in page
    assert "passed over" in page
    json.dumps([entry.to_dict() for entry in entries])


def test_the_way_back_to_frozen_weights_is_one_and_stands_alone(
    world: tuple[Log, Store, list[Entry]], cli: Cli, tmp_path: Path
) -> None:
    log, store, (*_, third) = world
    for number in range(2):
        address = store.put(planted_bundle(tmp_path / f"updated-{number}", number))
        draft = Draft(name="btc", action="update", bundle=address, fallback=third.bundle)
        log.append(draft, log.require_champion("btc").bundle)
    both = cli("rollback", "btc", "--to", "1", "--to-frozen")
    assert (both.code, "one way back at a time" in both.err, len(log.entries())) == (2, True, 5)
    assert cli("rollback", "btc", "--to-frozen", "--json").json["entry"]["bundle"] == third.bundle
    assert cli("rollback", "btc", "--to-frozen").code == 2, "it is there already"


@pytest.mark.parametrize("action", get_args(Action))
def test_a_history_with_any_kind_of_entry_is_drawn_and_said(
    action: Action, world: tuple[Log, Store, list[Entry]], cli: Cli, tmp_path: Path
) -> None:
    log, _, (*_, third) = world
    entry = log.append(Draft(name="btc", action=action, bundle=third.bundle), third.bundle)
    said = cli("registry", "history", "btc", "--html", tmp_path / "history.html")
    assert (said.code, action in said.out) == (0, True), said.err
    bars = timeline(log.entries("btc"), datetime.now(UTC)).data
    assert max(bar.x[1] for bar in bars) > entry.utc[:26], "what is live now reaches to now"
