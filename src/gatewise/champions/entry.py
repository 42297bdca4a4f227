"""An entry of the history of champions: what was decided, and its hash over that and over the entry before."""

from __future__ import annotations

import getpass
import hashlib
import json
import os
import platform
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from gatewise.errors import ConfigError, RegistryError

Action = Literal["promote", "rollback", "update", "prune"]

# What a rollback takes over from the entry that it goes back to.
_KEPT = ("name", "bundle", "run_id", "weights_hash", "config_hash", "data_hash", "known_at_utc", "fallback")
GENESIS = "0" * 64  # what the first entry follows
FEWEST_DIGITS = 8  # of a hash or an address, by which one is named
_REMEDY = (
    "gatewise registry verify names every such entry; gatewise registry restore reads a backup into a new registry"
)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True, kw_only=True)
class Draft:
    """What is to become an entry: everything that whoever decides can know.

    Attributes:
        name: whose champion it makes.
        action: promote; rollback to one that stood before; update of an online champion's weights; prune of the store,
            which changes no champion.
        bundle: address in the store, SHA-256 of the bundle's manifest.
        reason: in the words of who decided.
        run_id: the run that made the bundle; `None` where only the bundle is known.
        weights_hash, config_hash, data_hash: SHA-256 of the tensors, of the config, and the rows' fingerprint.
        gates: what `GateResults.to_dict()` gives: figures, bounds, what passed; `None` where none was asked.
        override: why it was promoted although a gate failed; `None`: all passed.
        known_at_utc: ISO 8601, when the newest label that it learned from became known.
        fallback: address of the frozen weights that stand in for an online champion.
        restores: of a rollback the number of the entry that it goes back to.
    """

    name: str
    action: Action
    bundle: str
    reason: str = ""
    run_id: str | None = None
    weights_hash: str | None = None
    config_hash: str | None = None
    data_hash: str | None = None
    gates: Mapping[str, Any] | None = None
    override: str | None = None
    known_at_utc: str | None = None
    fallback: str | None = None
    restores: int | None = None


@dataclass(frozen=True, kw_only=True)
class Entry(Draft):
    """A draft that was decided on; its hash covers every other field, `prior` among them, so entries form a chain.

    Attributes:
        number: 1, 2, 3, ... over all names.
        utc: ISO 8601 with microseconds; never before that of the entry before.
        who: user@host.
        previous: address of the champion until then; `None`: the name had none.
        prior: hash of the entry before, of the first 64 zeros.
        hash: SHA-256 of `content`.
    """

    number: int
    utc: str
    who: str
    previous: str | None
    prior: str
    hash: str

    def again(self, reason: str) -> Draft:
        """The draft of a rollback to this entry, with its run and hashes; gates were asked when it was promoted."""
        values = {name: getattr(self, name) for name in _KEPT}
        return Draft(**values, action="rollback", reason=reason, restores=self.number)

    def to_dict(self) -> dict[str, Any]:
        """The machine interface."""
        return asdict(self)


def decided(draft: Draft, *, number: int, utc: str, previous: str | None, prior: str) -> tuple[Entry, str]:
    """The entry and its content, by this user on this machine."""
    values = asdict(draft) | {"number": number, "utc": utc, "who": who(), "previous": previous, "prior": prior}
    content = json.dumps(values, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return Entry(**values, hash=hash_of(content)), content


def hash_of(content: str) -> str:
    """SHA-256 of an entry's content, which is canonical JSON: keys sorted, no blanks, ASCII."""
    return hashlib.sha256(content.encode()).hexdigest()


def read_entry(number: int, content: str, hash_: str, name: str) -> Entry:
    """The entry that a row of the database holds.

    Raises:
        RegistryError: the row was edited, or a later version wrote it.
    """
    if not isinstance(content, str) or hash_of(content) != hash_:  # SQLite keeps whatever type it is given
        raise RegistryError(f"entry {number} was edited since it was written: its SHA-256 differs", _REMEDY)
    try:
        values = json.loads(content)
        entry = Entry(**values, hash=hash_)
    except (TypeError, ValueError) as error:
        raise RegistryError(f"entry {number} does not read as one: {error}", _REMEDY) from error
    if (entry.number, entry.name) != (number, name):
        written = f"entry {entry.number} of {entry.name}"
        raise RegistryError(f"entry {number} of {name} was moved: it was written as {written}", _REMEDY)
    return entry


def require_name(name: str) -> str:
    """A champion's name, if it is one.

    Raises:
        ConfigError: other characters than letters, digits, . _ and -, or more than 64 of them.
    """
    if not _NAME.fullmatch(name):
        raise ConfigError(
            f"a champion's name is at most 64 letters, digits, '.', '_' and '-', a letter or digit first; got {name!r}",
            "for example btc-usd-direction",
        )
    return name


def require_words(draft: Draft) -> None:
    """That a draft's words can be written wherever the history is shown, for good.

    Raises:
        ConfigError: they hold what is no text, such as bytes of a terminal that is not UTF-8.
    """
    for name, words in (("reason", draft.reason), ("override", draft.override or "")):
        if "\0" in words or words != words.encode("utf-8", "replace").decode("utf-8"):
            raise ConfigError(f"{name} must be text in UTF-8; got {words!r}", "write it with plain letters")


def who() -> str:
    """user@host."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container's user need not have a name
        user = str(os.getuid()) if hasattr(os, "getuid") else "unknown"
    return f"{user}@{platform.node()}"
