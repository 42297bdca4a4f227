"""What can go wrong, as one tree of types.

A message says what must hold, what came instead and, in `hint`, what to do about it, in config fields and arguments as
Python has them (`training.batch_size=512`). The command line prints both on one line each, the hint in flags, and exits
with code 2, or that of the type; nothing below raises a bare exception at a user. What is wrong with values is a
ValueError, too, as Python and scikit-learn have it.

    GatewiseError
    ├── ConfigError             an invalid value or key
    │   ├── EnsembleCompatibilityError  members of an ensemble that can't stand in one
    │   ├── ArgumentError       an argument of a type that a function does not take; a TypeError too
    │   └── UnknownNameError    a name that is in no table; the nearest ones are listed
    │       └── UnknownKeywordError  a keyword that a function does not take; a TypeError too
    ├── DataError               what is wrong with rows
    │   ├── ReadError           a file that is not what its name says, empty, or unreadable
    │   ├── AmbiguousError      a column or stamp with two readings; the setting that settles it is named
    │   ├── SchemaError         columns missing or renamed, another timeframe
    │   ├── QualityError        duplicates, broken OHLC order, infinite or negative values
    │   ├── FeedError           an exchange, quote service or database that can't be reached or refuses
    │   └── NotEnoughRowsError  fewer rows than a window needs, or a part of the split left empty
    ├── LabelError              labels outside their range, a class that training never sees
    ├── TrainingError           the loop can't go on
    │   ├── DivergedError       the loss is no longer a number
    │   ├── MemoryExhaustedError  the device has no room even for the smallest batch
    │   └── LostWorkerError     a process that trained is gone, killed or crashed
    ├── StorageError            a disk that is full or not writable
    ├── BundleError             a bundle that is damaged, incomplete or of another version
    ├── RegistryError           a history of champions that can't be reached, or was edited
    │   └── ChampionChangedError  another champion than the one that was looked at
    ├── RunNotFoundError        a run id or folder that does not exist
    ├── GateError               a run that fails a gate; the command line's exit code is 3
    └── MissingExtraError       an optional package is absent; the extra is named
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar, TypeVar

Entry = TypeVar("Entry")

_PASSWORDS = re.compile(r"(://[^\s:/@]*:)\S*(?=@)|([?&;](?:password|passwd|pwd|sslpassword)=)[^\s&;]*", re.IGNORECASE)


def hide_passwords(text: str) -> str:
    """The text with the passwords of URLs in it written as `***`."""
    return _PASSWORDS.sub(lambda match: f"{match[1] or match[2]}***", text)


def one_line(text: str) -> str:
    """The text with line ends and other characters that don't print written as escapes: files may be named so."""
    return text if text.isprintable() else "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


class GatewiseError(Exception):
    """Base of every error that a user may meet.

    Args:
        message: what must hold and what came, one line.
        hint: what to do, one line; `None` when the message says it all.
    """

    exit_code: ClassVar[int] = 2

    def __init__(self, message: str, hint: str | None = None) -> None:
        # Whatever names a URL, what it was given may hold a password.
        message, hint = hide_passwords(one_line(message)), hint and hide_passwords(one_line(hint))
        super().__init__(message)
        self.message = message
        self.hint = hint
        if hint:  # below the message of a traceback, where nobody else prints it
            self.add_note(f"hint: {hint}")


class Interrupted(BaseException):
    """Ctrl-C or SIGTERM after something worth keeping was made; the text says what was kept and how to go on.

    Outside the tree, as `KeyboardInterrupt` is: whoever handles errors should not swallow it.
    """


class ConfigError(GatewiseError):
    """An invalid key or value of the configuration."""


class EnsembleCompatibilityError(ConfigError):
    """Members of an ensemble that can't stand in one: of windows and of rows, or trained on something else."""


class ArgumentError(ConfigError, TypeError):
    """An argument of a type that a function of Python's does not take."""


class UnknownNameError(ConfigError):
    """A name that its table does not hold; those that it does are listed in the order of `key`, or else of text."""

    def __init__(
        self,
        kind: str,
        name: str,
        known: Iterable[str],
        key: Callable[[str], Any] | None = None,
        meant: Mapping[str, str] | None = None,
    ) -> None:
        names = sorted(set(known) - {name}, key=key)  # a search may name what was not found
        # What may be meant is looked for in `meant` too, {word: what to say}, which lists nothing.
        of_low = {word.lower(): said for word, said in (meant or {}).items()}
        of_low |= {known_name.lower(): known_name for known_name in names}
        near = difflib.get_close_matches(name.lower(), of_low, n=1, cutoff=0.5)
        guess = f"did you mean {of_low[near[0]]!r}? " if near else ""
        super().__init__(f"unknown {kind} {name!r}", f"{guess}valid: {', '.join(names)}")


class UnknownKeywordError(UnknownNameError, TypeError):
    """A keyword that a function of Python's does not take; there are too many that it does to list all."""

    def __init__(self, name: str, known: Iterable[str]) -> None:
        near = difflib.get_close_matches(name.lower(), sorted({*known} - {name}), n=3, cutoff=0.6)
        guess = f"did you mean {' or '.join(map(repr, near))}? " if near else ""
        GatewiseError.__init__(
            self, f"unknown keyword {name!r}", f"{guess}settings are those that gatewise config show prints"
        )


def entry(kind: str, name: str, table: Mapping[str, Entry]) -> Entry:
    """What a table holds under a name; nothing stands in for a name that it does not hold.

    Args:
        kind: of its entries, for the words.

    Raises:
        UnknownNameError: no entry of that name.
    """
    if name not in table:
        raise UnknownNameError(kind, name, table)
    return table[name]


class DataError(GatewiseError):
    """Something is wrong with rows."""


class ReadError(DataError):
    """A file that is empty, unreadable, or not what its name says."""


class AmbiguousError(DataError):
    """Two readings are possible; the hint names the setting that settles it."""


class SchemaError(DataError):
    """Columns missing or renamed, or another timeframe than asked for."""


class QualityError(DataError, ValueError):
    """Rows that break a rule of the table: duplicates, OHLC order, infinite or negative values."""


class FeedError(DataError):
    """A source outside this machine can't be reached, refuses, or answers with what it should not."""


class NotEnoughRowsError(DataError, ValueError):
    """Fewer rows than a window needs, or a part of the split is left empty."""


class LabelError(GatewiseError, ValueError):
    """Labels outside their range, or a class that training never sees."""


class TrainingError(GatewiseError):
    """The training loop can't go on."""


class DivergedError(TrainingError):
    """The loss is no longer a finite number."""


class MemoryExhaustedError(TrainingError):
    """The device has no room even for the smallest batch."""


class LostWorkerError(TrainingError):
    """A process that trained is gone, killed or crashed, as often as it was tried."""


class StorageError(GatewiseError):
    """A disk that is full or a place that is not writable."""


class BundleError(GatewiseError):
    """A bundle that is damaged, incomplete, or written by another version."""


class RegistryError(GatewiseError):
    """A history of champions that can't be reached, is of a later version, or was edited."""


class ChampionChangedError(RegistryError):
    """The champion is another than the one that was looked at: somebody else promoted meanwhile."""


class RunNotFoundError(GatewiseError):
    """No run or bundle of that name."""


class GateError(GatewiseError):
    """A run that fails a gate; nothing is wrong with what was asked."""

    exit_code = 3


class MissingExtraError(GatewiseError):
    """An optional package is absent."""

    def __init__(self, package: str, extra: str) -> None:
        super().__init__(f"{package} is not installed", f"pip install 'gatewise[{extra}]'")
