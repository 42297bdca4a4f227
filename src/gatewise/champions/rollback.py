"""Back to a champion that stood before; an entry of its own, as history is only appended to."""

from __future__ import annotations

from collections.abc import Sequence

from gatewise.champions.change import Change, append
from gatewise.champions.entry import FEWEST_DIGITS, Entry, require_name
from gatewise.champions.log import Log, open_log
from gatewise.champions.store import Store, open_store
from gatewise.errors import ConfigError, UnknownNameError

FROZEN = "frozen"


def rollback(
    name: str, to: int | str | None = None, *, reason: str = "", log: Log | None = None, store: Store | None = None
) -> Change:
    """Makes a former champion the champion again.

    Args:
        to: number of an entry of that name, or a bundle's address (8 digits of it will do); `frozen`: what was promoted
            before it was updated; `None`: what stood before the present champion. Again `None` goes back one further,
            not to what was just left.

    Raises:
        UnknownNameError: no such champion, or no such entry of it. ConfigError: nothing stood before.
        BundleError: the bundle is gone from the store, or damaged. Nothing is changed.
        ChampionChangedError: another is the champion since this was called.
    """
    log, store = log or open_log(), store or open_store()
    entries = log.entries(require_name(name))
    present = entries[-1] if entries else log.require_champion(name)
    if to == FROZEN:
        to = present.fallback or present.bundle
    target = standing(entries)[-2:-1] if to is None else [_named(entries, to)]
    if not target:
        raise ConfigError(
            f"no champion of {name} stood before the present one",
            f"gatewise registry history {name} lists all; gatewise rollback {name} --to NUMBER goes to any of them",
        )
    (origin,) = target
    if origin.bundle == present.bundle:
        raise ConfigError(
            f"{name} is at that bundle already: {origin.bundle[:12]}, entry {present.number}",
            f"gatewise registry history {name} lists the others",
        )
    store.renewed(origin.bundle)
    return append(log, origin.again(reason), present)


def standing(entries: Sequence[Entry]) -> list[Entry]:
    """What a rollback can go back through, the present champion last: entries that were rolled back are gone, those in
    a row of one bundle are one, and none is a rollback itself.

    Args:
        entries: of one name, the oldest first.
    """
    origins = {entry.number: entry for entry in entries}
    stack: list[Entry] = []
    for entry in entries:
        origin = origins[entry.restores] if entry.restores is not None else entry
        if entry.action == "rollback" and origin in stack:
            stack = stack[: stack.index(origin)]
        if stack and stack[-1].bundle == origin.bundle:
            stack.pop()
        stack.append(origin)
    return stack


def _named(entries: Sequence[Entry], to: int | str) -> Entry:
    """The entry that a number or an address names, a rollback's being the one that it went back to."""
    origins = {entry.number: entry for entry in entries}
    text = str(to).lower()
    by_number = [entry for entry in entries if str(entry.number) == text]
    by_address = [entry for entry in entries if len(text) >= FEWEST_DIGITS and entry.bundle.startswith(text)]
    if not (by_number or by_address):
        raise UnknownNameError("entry or address", str(to), [str(entry.number) for entry in entries], key=int)
    if len({entry.bundle for entry in by_number or by_address}) > 1:
        raise ConfigError(f"{to} fits the addresses of several bundles", "give more of its digits")
    entry = (by_number or by_address)[-1]
    return entry if entry.restores is None else origins[entry.restores]
