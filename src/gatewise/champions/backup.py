"""The history as a file of JSON lines, one an entry under a line that says how many and the newest hash.

It is read in one transaction, so it is whole whoever writes meanwhile, and goes back into SQLite and PostgreSQL alike:
so a registry moves from the one to the other. Stored bundles are no part of it; their folder is copied as it is.
"""

from __future__ import annotations

import json
from pathlib import Path

from gatewise.champions.chain import problems
from gatewise.champions.database import writing
from gatewise.champions.entry import GENESIS
from gatewise.champions.log import Log
from gatewise.champions.rows import Row, all_rows, insert
from gatewise.errors import ReadError, RegistryError
from gatewise.files import write_text

_FORMAT = "gatewise-registry/1"


def backup(log: Log, path: Path) -> int:
    """Writes all entries to a file, whole or not at all, and says how many these are.

    A backup from before is written over only by one that continues it, and another file by none.

    Raises:
        RegistryError: an entry was edited, or the file holds something that the registry does not.
        StorageError: the place can't be written.
    """
    rows = log.rows()
    _require_whole(rows, f"the registry {log.place}")
    if path.is_file() and path.stat().st_size:
        _require_continued(rows, path, log.place)
    head = {"format": _FORMAT, "entries": len(rows), "head": rows[-1][-1] if rows else GENESIS}
    lines = [head, *({"number": n, "name": name, "content": text, "hash": hash_} for n, name, text, hash_ in rows)]
    write_text(path, "".join(json.dumps(line, sort_keys=True) + "\n" for line in lines))
    return len(rows)


def restore(log: Log, path: Path) -> int:
    """Appends what the registry lacks of a backup, in one transaction, and says how many entries that were.

    Raises:
        ReadError: no backup, or one that was cut off or edited.
        RegistryError: the registry holds entries that the backup does not; nothing is changed.
    """
    rows = _read(path)
    with writing(log.url) as connection:
        present = all_rows(connection)
        if present != rows[: len(present)]:
            differs = next(
                (ours[0] for ours, theirs in zip(present, rows, strict=False) if ours != theirs), len(rows) + 1
            )
            raise RegistryError(
                f"a backup is restored into an empty registry, or one that it continues; {log.place} differs from "
                f"entry {differs} on",
                "name another database: GATEWISE_REGISTRY=sqlite:///restored.db",
            )
        added = rows[len(present) :]
        if added:
            insert(connection, added)
    return len(added)


def _read(path: Path) -> list[Row]:
    try:
        head, *lines = map(json.loads, path.read_text(encoding="utf-8").splitlines())
        if head["format"] != _FORMAT:
            raise ValueError(head["format"])
        rows = [(int(line["number"]), str(line["name"]), str(line["content"]), str(line["hash"])) for line in lines]
        newest = rows[-1][-1] if rows else GENESIS
        count, last = head["entries"], head["head"]
    except OSError as error:
        raise ReadError(f"can't read {path}: {error.strerror}", "gatewise registry backup FILE writes one") from error
    except (ValueError, TypeError, LookupError) as error:
        raise ReadError(f"{path} is no backup of a registry", "gatewise registry backup FILE writes one") from error
    if (len(rows), newest) != (count, last):
        raise ReadError(f"{path} was cut off: {count} entries were written, {len(rows)} are there", "take another")
    _require_whole(rows, str(path))
    return rows


def _require_continued(rows: list[Row], path: Path, place: str) -> None:
    """That no other file is lost, such as the registry's own, and no entry that is nowhere else any more."""
    try:
        earlier = _read(path)
    except (ReadError, RegistryError) as error:
        raise RegistryError(f"{error.message}; it is not written over", "name another file") from error
    if earlier != rows[: len(earlier)]:
        raise RegistryError(
            f"{path} is a backup of {len(earlier)} entries, which the {len(rows)} of {place} do not continue; "
            "it is not written over",
            "name another file; gatewise registry verify says what the registry holds",
        )


def _require_whole(rows: list[Row], place: str) -> None:
    wrong = list(problems(rows))
    if wrong:
        more = f", and {len(wrong) - 1} more" if len(wrong) > 1 else ""
        raise RegistryError(f"{place} is not as it was written: {wrong[0]}{more}", "an earlier backup may be whole")
