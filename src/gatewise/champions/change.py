"""A champion that was changed: the entry that did, whom it took the place of, and what has yet to follow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gatewise.champions.entry import Draft, Entry
from gatewise.champions.log import Log


@dataclass(frozen=True)
class Change:
    """What a promotion or a rollback did.

    Attributes:
        entry: that was written; it is on disk.
        replaced: the entry of the champion before; `None`: there was none.
    """

    entry: Entry
    replaced: Entry | None

    def to_dict(self) -> dict[str, Any]:
        """The machine interface."""
        return {"entry": self.entry.to_dict(), "replaced": self.replaced and self.replaced.to_dict()}


def append(log: Log, draft: Draft, present: Entry | None) -> Change:
    """Writes the entry over the champion that was looked at, and has others follow.

    Raises:
        ChampionChangedError: another is the champion by now; nothing is written.
    """
    return Change(log.append(draft, present.bundle if present else None), present)
