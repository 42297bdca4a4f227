"""The history of champions as a log: entries are appended, each in one transaction, and never changed.

An entry's hash covers the entry before, so an edited, removed, inserted or moved one shows (`verify`). A tail that was
cut off does not: whoever wants to see that keeps the newest hash elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from gatewise.champions.chain import problems
from gatewise.champions.database import reading, registry_url, writing
from gatewise.champions.entry import GENESIS, Draft, Entry, decided, require_name, require_words
from gatewise.champions.rows import Row, all_rows, entries, insert, newest
from gatewise.data.sql.url import shown
from gatewise.errors import ChampionChangedError, RegistryError, UnknownNameError

if TYPE_CHECKING:
    from sqlalchemy.engine import URL


@dataclass(frozen=True)
class Log:
    """The entries of one database; holds no connection, so it may be kept and shared by threads.

    All methods raise `RegistryError` where the database can't be reached, is damaged or of a later version, and where
    an entry that is asked for was edited.
    """

    url: URL

    @property
    def place(self) -> str:
        """The database's URL without its password."""
        return shown(self.url)

    def append(self, draft: Draft, expected: str | None) -> Entry:
        """Writes an entry, if the name's champion is still `expected` (its address; `None`: none); it is on disk then.

        Raises:
            ConfigError: no name that a champion can have, or a reason that is no text.
            ChampionChangedError: another is the champion now; nothing is written.
        """
        require_name(draft.name)
        require_words(draft)
        with writing(self.url) as connection:
            champion = newest(connection, draft.name)
            present = champion.bundle if champion else None
            if present != expected:
                raise ChampionChangedError(_changed(draft.name, expected, champion), _look(draft.name))
            head = newest(connection)
            now = datetime.now(UTC).isoformat(timespec="microseconds")
            entry, content = decided(
                draft,
                number=head.number + 1 if head else 1,
                utc=max(now, head.utc) if head else now,  # clocks may be set back
                previous=present,
                prior=head.hash if head else GENESIS,
            )
            insert(connection, [(entry.number, entry.name, content, entry.hash)])
            return entry

    def entries(self, name: str | None = None) -> tuple[Entry, ...]:
        """All of a name, or of all names, the oldest first."""
        with reading(self.url) as connection:
            return entries(connection, name) if connection else ()

    def champion(self, name: str, at: datetime | None = None) -> Entry | None:
        """The entry that made the present champion, or the one at a moment (with a zone); `None`: there is none."""
        with reading(self.url) as connection:
            if connection is None:
                return None
            if at is None:
                return newest(connection, name)
            moment = at.astimezone(UTC).isoformat(timespec="microseconds")
            until = [entry for entry in entries(connection, name) if entry.utc <= moment]
            return until[-1] if until else None

    def require_champion(self, name: str, at: datetime | None = None) -> Entry:
        """Like `champion`.

        Raises:
            RegistryError: the name had none then, or nothing was ever promoted.
            UnknownNameError: no such name; those that there are are listed.
        """
        if (entry := self.champion(require_name(name), at)) is not None:
            return entry
        known = self.names()
        if name in known:
            raise RegistryError(f"{name} had no champion then", f"gatewise registry history {name} says since when")
        if known:
            raise UnknownNameError("champion", name, known)
        raise RegistryError(
            f"no champion is called {name!r}: there are none yet", "gatewise promote RUN_ID --name NAME makes one"
        )

    def names(self) -> tuple[str, ...]:
        """Those that have a champion, sorted."""
        with reading(self.url) as connection:
            if connection is None:
                return ()
            return tuple(
                connection.exec_driver_sql("SELECT DISTINCT name FROM registry_entries ORDER BY name").scalars()
            )

    def verify(self, head: str | None = None) -> tuple[str, ...]:
        """What is wrong with the chain, a sentence each; none: every entry is as it was written.

        Args:
            head: an entry's hash that was noted elsewhere, in full or at least 8 digits of it; the chain must hold it.
        """
        return tuple(problems(self.rows(), head))

    def rows(self) -> list[Row]:
        """Every entry as the database has it, whatever was done to it: number, name, content, hash."""
        with reading(self.url) as connection:
            return all_rows(connection) if connection else []

    def followed(self, follower: str) -> int:
        """The number of the newest entry that a follower has taken over; 0: none."""
        from sqlalchemy import text

        with reading(self.url) as connection:
            if connection is None:
                return 0
            query = text("SELECT number FROM registry_followers WHERE follower = :follower")
            return connection.execute(query, {"follower": follower}).scalar() or 0

    def set_followed(self, follower: str, number: int) -> None:
        """Notes how far a follower has come."""
        from sqlalchemy import text

        values = {"follower": follower, "number": number}
        with writing(self.url) as connection:
            connection.execute(text("DELETE FROM registry_followers WHERE follower = :follower"), values)
            connection.execute(text("INSERT INTO registry_followers VALUES (:follower, :number)"), values)


def open_log(url: str | None = None) -> Log:
    """The log of a database's URL, of `$GATEWISE_REGISTRY`, or of the home; nothing is made before an entry is written.

    Raises:
        ConfigError: no URL of SQLite or PostgreSQL.
    """
    return Log(registry_url(url))


def _changed(name: str, expected: str | None, champion: Entry | None) -> str:
    was = f"{expected[:12]} any more" if expected else "without a champion any more"
    if champion is None:
        return f"{name} is not {was}: it has none"
    made = f"entry {champion.number}, {champion.action} by {champion.who} at {champion.utc[:19]}Z"
    return f"{name} is not {was}: its champion is {champion.bundle[:12]} ({made}). Nothing was written"


def _look(name: str) -> str:
    return f"look, then try again: gatewise registry history {name}"
