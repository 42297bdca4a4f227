"""What the store may lose: bundles that no entry names, and, where asked, those of champions long gone.

An entry that says so is written first, so a bundle that an entry names is never gone without one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from gatewise.champions.entry import Entry
from gatewise.champions.log import Log
from gatewise.champions.rollback import standing
from gatewise.champions.store import Store
from gatewise.errors import ConfigError


@dataclass(frozen=True)
class Prunable:
    """A stored bundle that may be removed.

    Attributes:
        names: whose champion it was; none: no entry names it.
    """

    address: str
    num_bytes: int
    names: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """The machine interface."""
        return asdict(self)


def prunable(log: Log, store: Store, keep: int | None = None) -> tuple[Prunable, ...]:
    """Bundles that may be removed, those lately put left out, as the entries that name them may be on their way.

    Args:
        keep: so many of each name's newest champions stay, and what a rollback goes back to or an online champion falls
            back on; older ones may go. `None`: all that an entry names stays.

    Raises:
        ConfigError: `keep` is below 1.
        RegistryError: an entry was edited, so it can't be told what the history names.
    """
    if keep is not None and keep < 1:
        raise ConfigError(f"at least the present champion is kept; got keep={keep}", "keep=1 or more")
    entries = log.entries()
    names: dict[str, dict[str, None]] = {}
    for entry in entries:
        for address in filter(None, (entry.bundle, entry.fallback)):
            names.setdefault(address, {})[entry.name] = None
    stays: set[str] = set(names)
    if keep is not None:
        by_name = {name: [entry for entry in entries if entry.name == name] for name in log.names()}
        stays = {address for each in by_name.values() for address in _kept(each, keep)}
    return tuple(
        Prunable(address, store.num_bytes(address), tuple(names.get(address, ())))
        for address in store.addresses()
        if address not in stays and not store.is_young(address)
    )


def prune(found: Sequence[Prunable], log: Log, store: Store, reason: str = "") -> tuple[Entry, ...]:
    """Removes them, and what killed processes left; of names whose champions they were an entry says so.

    Raises:
        ChampionChangedError: a champion of one of these names is another by now. StorageError: one can't be removed.
    """
    written, here = [], set(store.addresses())
    found = [one for one in found if one.address in here and not store.is_young(one.address)]
    for name in sorted({name for one in found for name in one.names}):
        gone = ", ".join(one.address[:12] for one in found if name in one.names)
        present = log.require_champion(name)
        words = f"{reason + ': ' if reason else ''}removed from the store: {gone}"
        draft = replace(present.again(words), action="prune", restores=None)
        written.append(log.append(draft, present.bundle))
    for one in found:
        if not store.is_young(one.address):
            store.remove(one.address)
    store.clear_leftovers()
    return tuple(written)


def _kept(entries: Sequence[Entry], keep: int) -> set[str]:
    """Of one name's, the oldest first."""
    newest = list(dict.fromkeys(entry.bundle for entry in reversed(entries)))[:keep]
    back = [entry.bundle for entry in standing(entries)[-2:-1]]
    return {*newest, *back, *filter(None, (entries[-1].fallback,))}
