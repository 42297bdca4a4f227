"""Updates of an online champion: what is promoted is a recipe with its first weights, and each update is an entry.

An entry names the bundle before and after, how far its labels were known, and the frozen weights to fall back on: those
that were promoted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from gatewise.bundle import Bundle
from gatewise.champions.change import Change, append
from gatewise.champions.entry import Draft, Entry
from gatewise.champions.log import Log
from gatewise.champions.store import Store, known_at_utc, weights_hash
from gatewise.data.table import Table
from gatewise.jobs.update import Update, update_bundle
from gatewise.manifest import read_files
from gatewise.training.budget import WHOLE, Budget


@dataclass(frozen=True)
class ChampionUpdate:
    """What an update came to.

    Attributes:
        change: the entry that was written; `None`: nothing new had settled, and the champion is as it was.
        settled, new: see `jobs.update.Update`.
    """

    champion: Entry
    change: Change | None = None
    settled: int = 0
    new: int = 0

    def to_dict(self) -> dict[str, Any]:
        """The machine interface."""
        change = self.change.to_dict() if self.change else {"entry": None, "replaced": None, "mlflow": None}
        return {"champion": self.champion.to_dict(), "settled": self.settled, "new": self.new, **change}


def load_champion(name: str, log: Log, store: Store) -> tuple[Entry, Bundle]:
    """The present champion, to be updated.

    Raises:
        RegistryError, UnknownNameError: there is none. BundleError: it is not in the store, or damaged.
    """
    entry = log.require_champion(name)
    return entry, Bundle.load(store.bundle(entry.bundle))


def update_champion(
    present: Entry,
    bundle: Bundle,
    table: Table,
    log: Log,
    store: Store,
    *,
    reason: str = "",
    budget: Budget = WHOLE,
    on_start: Callable[[int], None] = lambda new: None,
) -> ChampionUpdate:
    """One update on labels that have settled since; see `update_bundle` for the rule and for errors.

    Args:
        present, bundle: of `load_champion`.

    Raises:
        ChampionChangedError: another is the champion by now; nothing is written.
        StorageError: the store can't be written.
    """
    made = update_bundle(bundle, table, updates_since(log.entries(present.name)) + 1, budget, on_start)
    if made is None:
        return ChampionUpdate(present)
    with TemporaryDirectory(prefix="gatewise-update-") as folder:
        made.bundle.save(Path(folder) / "bundle")
        address = store.put(Path(folder) / "bundle")
    change = append(log, _draft(present, made, address, read_files(store.bundle(address)), reason), present)
    return ChampionUpdate(change.entry, change, made.settled, made.new)


def updates_since(entries: Sequence[Entry]) -> int:
    """How many updates made the present weights of those that were promoted.

    Args:
        entries: of one name, the oldest first.
    """
    by_bundle = {entry.bundle: entry for entry in entries if entry.action in ("promote", "update")}
    entry, count = by_bundle[entries[-1].bundle], 0
    while entry.action == "update" and entry.previous is not None:
        entry, count = by_bundle[entry.previous], count + 1
    return count


def _draft(present: Entry, made: Update, address: str, files: Mapping[str, bytes], reason: str) -> Draft:
    return Draft(
        name=present.name,
        action="update",
        bundle=address,
        reason=reason,
        run_id=present.run_id,
        weights_hash=weights_hash(files),
        config_hash=present.config_hash,
        data_hash=made.bundle.record.data_fingerprint,
        known_at_utc=known_at_utc(files),
        fallback=present.fallback or present.bundle,
    )
