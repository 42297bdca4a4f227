"""A champion that was changed: the entry that did, whom it took the place of, and what has yet to follow."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from gatewise.champions.entry import Draft, Entry
from gatewise.champions.log import Log
from gatewise.champions.words import bundle_words


@dataclass(frozen=True)
class Followed:
    """How far MLflow has come.

    Attributes:
        tracking: where it is, without a password.
        entry: the newest that it has taken over; 0: none.
        pending: entries after that.
        reason: why it could not be brought further; empty where it was.
    """

    tracking: str
    entry: int
    pending: int = 0
    reason: str = ""

    @property
    def words(self) -> str:
        """A sentence on what is pending; empty where nothing is."""
        if not self.pending:
            return f"MLflow was not reached: {self.reason}" if self.reason else ""
        entries = f"{self.pending} entries are" if self.pending > 1 else "1 entry is"
        return f"{entries} pending for MLflow ({self.reason}): gatewise registry sync"

    def to_dict(self) -> dict[str, Any]:
        """The machine interface."""
        return asdict(self) | {"words": self.words}


@dataclass(frozen=True)
class Change:
    """What a promotion or a rollback did.

    Attributes:
        entry: that was written; it is on disk.
        replaced: the entry of the champion before; `None`: there was none.
        followed: how far MLflow has come; `None`: it was not told.
    """

    entry: Entry
    replaced: Entry | None
    followed: Followed | None = None

    def __str__(self) -> str:
        return "\n".join((*self.lines, *self.sentences))

    @property
    def lines(self) -> list[str]:
        """What is live now, what was, and the entry that says so."""
        return [
            f"{self.entry.name}: {bundle_words(self.entry)} is live",
            f"before  {bundle_words(self.replaced) if self.replaced else 'none'}",
            f"entry   {self.entry.number}  {self.entry.hash}",
        ]

    @property
    def sentences(self) -> list[str]:
        """What people should know beside: of an override why, and what is pending."""
        override = self.entry.override
        known = [] if override is None else [f"Gates failed and were overridden: {override}"]
        return known + ([self.followed.words] if self.followed is not None and self.followed.words else [])

    def to_dict(self) -> dict[str, Any]:
        """The machine interface."""
        return {
            "entry": self.entry.to_dict(),
            "replaced": self.replaced and self.replaced.to_dict(),
            "mlflow": self.followed and self.followed.to_dict(),
        }


def append(log: Log, draft: Draft, present: Entry | None) -> Change:
    """Writes the entry over the champion that was looked at; `champions.follow` has MLflow follow it.

    Raises:
        ChampionChangedError: another is the champion by now; nothing is written.
    """
    return Change(log.append(draft, present.bundle if present else None), present)
