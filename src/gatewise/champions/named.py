"""Models by name: NAME@champion, NAME@previous, NAME@frozen or NAME@NUMBER wherever a run or a bundle is asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from gatewise.champions.entry import Entry, require_name
from gatewise.champions.log import Log, open_log
from gatewise.champions.rollback import standing
from gatewise.champions.store import open_store
from gatewise.errors import RegistryError, RunNotFoundError
from gatewise.registry.folders import find_bundle, find_run_folder, run_folders
from gatewise.registry.listing import find_info


def _previous(entries: Sequence[Entry]) -> str | None:
    """What a rollback would go back to."""
    before = standing(entries)[-2:-1]
    return before[0].bundle if before else None


# Of the entries of a name, the oldest first, the address that a word means; `None`: there is none.
WORDS: Mapping[str, Callable[[Sequence[Entry]], str | None]] = {
    "champion": lambda entries: entries[-1].bundle,
    "previous": _previous,
    "frozen": lambda entries: entries[-1].fallback or entries[-1].bundle,
}


def is_champion(text: str) -> bool:
    """Whether a text names a champion, and not a run or a folder."""
    name, at, word = text.rpartition("@")
    return bool(name and at) and (word in WORDS or word.isdecimal()) and not Path(text).exists()


def champion_address(text: str, log: Log | None = None) -> str:
    """The address in the store that NAME@WORD means.

    Raises:
        ConfigError: no name for a champion.
        RunNotFoundError: nobody promoted anything under that name, or it has no such entry.
        RegistryError: see `Log`.
    """
    log = log or open_log()
    name, _, word = text.rpartition("@")
    entries = log.entries(require_name(name))
    if not entries:
        names = log.names()
        known = f"champions: {', '.join(names)}" if names else f"none was yet: gatewise promote RUN --name {name}"
        raise RunNotFoundError(f"nothing was promoted under the name {name!r}", known)
    if word in WORDS:
        address = WORDS[word](entries)
        if address is None:
            raise RunNotFoundError(
                f"no champion of {name} stood before the present one", f"the present one: {name}@champion"
            )
        return address
    for entry in entries:
        if entry.number == int(word):
            return entry.bundle
    raise RunNotFoundError(
        f"entry {word} is none of {name}; its newest is {entries[-1].number}", f"gatewise registry history {name}"
    )


def find_model(text: str) -> Path:
    """The folder of the bundle that a text names: a champion's, see `champion_address`, or see `find_bundle`.

    Raises:
        RunNotFoundError: there is none.
        BundleError: a champion's is not in the store, or was changed there.
    """
    if not is_champion(text):
        with _or_a_champion(text):
            return find_bundle(text)
    return open_store().bundle(champion_address(text))


def find_any_run(text: str) -> Path:
    """The folder of the run that a text names, of any kind: its folder or its bundle's too, or see `find_model_run`.

    Raises:
        RunNotFoundError: there is none, or it was removed.
    """
    if is_champion(text):
        return find_model_run(text)
    with _or_a_champion(text):
        return find_info(text).folder


def find_model_run(text: str) -> Path:
    """The folder of the run that a text names, or that made the champion that it names.

    Raises:
        RunNotFoundError: there is none, or it was removed.
    """
    if not is_champion(text):
        with _or_a_champion(text):
            return find_run_folder(text)
    name = text.rpartition("@")[0]
    log = open_log()
    address = champion_address(text, log)
    runs = {entry.run_id for entry in log.entries(name) if entry.bundle == address and entry.run_id}
    for folder in run_folders():
        if folder.name in runs:
            return folder
    raise RunNotFoundError(
        f"the run that {text} came from is not in this home; its figures went with it",
        f"what was decided by stands in: gatewise registry history {name}",
    )


@contextmanager
def _or_a_champion(text: str) -> Iterator[None]:
    """Where no run has a name but a champion has, the hint says how that one is named."""
    try:
        yield
    except RunNotFoundError as error:
        with suppress(RegistryError):
            if text in open_log().names():
                raise RunNotFoundError(error.message, f"a champion has it: {text}@champion") from None
        raise
