"""Whether a chain of entries is as it was written, and what is wrong with it where it is not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gatewise.champions.entry import FEWEST_DIGITS, GENESIS, read_entry
from gatewise.champions.rows import Row
from gatewise.errors import RegistryError


def problems(rows: Sequence[Row], head: str | None = None) -> Iterator[str]:
    """What is wrong with a chain, from its first entry on, a sentence each.

    Args:
        head: an entry's hash, or the beginning of one, that must be in the chain.
    """
    number, prior, utc, whole = 0, GENESIS, "", True
    live: dict[str, str] = {}
    for at, name, content, hash_ in rows:
        if not isinstance(at, int):  # SQLite keeps whatever it is given, nothing too
            yield f"an entry of {name} has the number {at!r}, which is none: it was edited or inserted"
            live, whole = {}, False
            continue
        follows = at == number + 1
        if not follows:
            last = at - 1
            yield f"entry {last} is missing" if last == number + 1 else f"entries {number + 1} to {last} are missing"
            live, whole = {}, False
        try:
            entry = read_entry(at, content, hash_, name)
        except RegistryError as error:
            yield error.message
            live, whole = {}, False
        else:
            if follows and entry.prior != prior:
                yield f"entry {at} does not follow entry {number}: one of the two was put in another's place"
                live, whole = {}, False
            # What a name's champion was can't be told where an entry before is not as it was written.
            elif entry.utc < utc or entry.previous != live.get(entry.name, None if whole else entry.previous):
                yield f"entry {at} does not fit those before it: its time or its previous champion is another"
            utc, live[entry.name] = entry.utc, entry.bundle
        number, prior = at, hash_
    if head is not None and not (
        len(head) >= FEWEST_DIGITS and any(hash_.startswith(head.lower()) for *_, hash_ in rows)
    ):
        yield f"no entry has the hash {head}: the chain was cut off before it, or written anew"
