"""Retention: what history names stays, unless it is said otherwise, and then an entry says so.

A store that forgets on its own turns a rollback into an error on the day that it is needed.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from champion_worlds import planted_bundle, planted_champions
from conftest import Cli
from gatewise.champions.entry import Draft, Entry
from gatewise.champions.log import Log, open_log
from gatewise.champions.prune import prunable, prune
from gatewise.champions.rollback import rollback
from gatewise.champions.store import YOUNG_SECONDS, Store, open_store
from gatewise.champions.update import updates_since
from gatewise.errors import BundleError, ConfigError


@pytest.fixture
def log(tmp_path: Path) -> Log:
    return open_log(f"sqlite:///{tmp_path}/registry.db")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


def aged(store: Store, address: str) -> None:
    """As if it had been put some time ago."""
    place = store.bundle(address)
    then = place.stat().st_mtime - 2 * YOUNG_SECONDS
    os.utime(place, (then, then))


def all_aged(store: Store) -> None:
    for address in store.addresses():
        aged(store, address)


def test_only_what_no_entry_names_may_go_and_not_while_it_is_young(log: Log, store: Store, tmp_path: Path) -> None:
    entries = planted_champions(log, store, tmp_path, 4)
    all_aged(store)
    stray = store.put(planted_bundle(tmp_path / "stray", 250))
    assert not prunable(log, store)
    aged(store, stray)
    (found,) = prunable(log, store)
    assert (found.address, found.names) == (stray, ())
    assert found.num_bytes == sum(file.stat().st_size for file in (tmp_path / "stray").iterdir())
    store.put(tmp_path / "stray")  # a promotion puts it again between the list and the removal
    assert (prune([found], log, store), list(store.addresses())) == ((), sorted([stray, *(e.bundle for e in entries)]))
    aged(store, stray)
    assert prune(prunable(log, store), log, store) == ()
    assert set(store.addresses()) == {entry.bundle for entry in entries}
    assert log.entries() == tuple(entries)


def test_with_keep_older_champions_go_with_an_entry_that_says_so(log: Log, store: Store, tmp_path: Path) -> None:
    entries = planted_champions(log, store, tmp_path, 5)
    others = planted_champions(log, store, tmp_path, 2, "doge")
    shared = log.append(Draft(name="doge", action="promote", bundle=entries[0].bundle), others[-1].bundle)
    assert not prunable(log, store, keep=2), "entries that name them again may be on their way"
    all_aged(store)
    found = prunable(log, store, keep=2)
    assert {one.address for one in found} == {entries[1].bundle, entries[2].bundle, others[0].bundle}
    written = prune(found, log, store, "room")
    assert [(entry.action, entry.name) for entry in written] == [("prune", "btc"), ("prune", "doge")]
    assert written[0].reason.startswith("room: removed from the store: ")
    assert all(entry.bundle[:12] in written[0].reason for entry in entries[1:3])
    assert set(store.addresses()) == {e.bundle for e in (entries[0], entries[3], entries[4], others[1])}
    present = log.require_champion("btc")
    kept = ("bundle", "run_id", "weights_hash", "fallback")
    assert [getattr(present, name) for name in kept] == [getattr(entries[-1], name) for name in kept]
    assert (log.verify(), shared.bundle in set(store.addresses())) == ((), True)
    assert not prunable(log, store, keep=2)
    assert rollback("btc", log=log, store=store).entry.bundle == entries[3].bundle
    with pytest.raises(BundleError, match="holds no bundle"):
        rollback("btc", 2, log=log, store=store)
    with pytest.raises(ConfigError, match="at least the present champion"):
        prunable(log, store, keep=0)


def test_what_is_named_again_between_the_list_and_the_removal_stays(log: Log, store: Store, tmp_path: Path) -> None:
    first, second, _, fourth = planted_champions(log, store, tmp_path, 4)
    all_aged(store)
    found = prunable(log, store, keep=1)
    assert {one.address for one in found} == {first.bundle, second.bundle}
    rollback("btc", first.number, log=log, store=store)
    again = store.put(tmp_path / "btc-1")
    log.append(Draft(name="doge", action="promote", bundle=again), None)
    assert prune(found, log, store) == ()
    assert (log.require_champion("btc").bundle, log.require_champion("doge").bundle) == (first.bundle, second.bundle)
    assert {first.bundle, second.bundle, fourth.bundle} < set(store.addresses())


def test_a_second_prune_at_once_finds_nothing_left_and_no_error(log: Log, store: Store, tmp_path: Path) -> None:
    entries = planted_champions(log, store, tmp_path, 3)
    all_aged(store)
    found = prunable(log, store, keep=1)
    assert len(prune(found, log, store)) == 1
    assert prune(found, log, store) == ()
    assert set(store.addresses()) == {entry.bundle for entry in entries[1:]}


def test_what_an_online_champion_falls_back_on_and_a_rollback_goes_back_to_stay(
    log: Log, store: Store, tmp_path: Path
) -> None:
    promoted = planted_champions(log, store, tmp_path, 2)[-1]
    present = promoted
    for number in range(3):
        address = store.put(planted_bundle(tmp_path / f"updated-{number}", number))
        draft = Draft(name="btc", action="update", bundle=address, fallback=promoted.bundle)
        present = log.append(draft, present.bundle)
    before = log.entries("btc")[-2]
    all_aged(store)
    prune(prunable(log, store, keep=1), log, store)
    assert set(store.addresses()) == {promoted.bundle, before.bundle, present.bundle}
    assert updates_since(log.entries("btc")) == 3


def test_the_command_lists_first_and_a_removed_run_is_no_loss(cli: Cli, gatewise_home: Path) -> None:
    log, store = open_log(), open_store()
    entries: list[Entry] = planted_champions(log, store, gatewise_home / "runs", 3)
    shutil.rmtree(gatewise_home / "runs")
    stray = store.put(planted_bundle(gatewise_home / "stray", 250))
    all_aged(store)
    listed = cli("registry", "prune")
    assert (stray[:12] in listed.out, "--yes removes" in listed.out, stray in set(store.addresses())) == (True,) * 3
    said = cli("registry", "prune", "--keep", "2", "--yes", "--json").json
    assert {one["address"] for one in said["bundles"]} == {stray, entries[0].bundle}
    assert (said["removed"], [entry["action"] for entry in said["entries"]]) == (True, ["prune"])
    assert set(store.addresses()) == {entry.bundle for entry in entries[1:]}
    assert "Nothing may go" in cli("registry", "prune").out
    assert cli("registry", "verify").code == 0
    assert cli("registry", "history", "btc").code == 0
