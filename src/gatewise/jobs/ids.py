"""Folders that are named by the ids of what was begun: found by enough of an id."""

from __future__ import annotations

from pathlib import Path

from gatewise.errors import RunNotFoundError


def find_folder(parent: Path, marker: str, what: str, text: str) -> Path:
    """The folder in `parent` whose name is or starts with `text`.

    Args:
        marker: the file that tells such a folder.
        what: the word for what it holds, for errors.

    Raises:
        RunNotFoundError: there is none, or more than one.
    """
    folders = [path.parent for path in parent.glob(f"*/{marker}")]
    fitting = [path for path in folders if text and path.name.startswith(text)]
    if len(fitting) == 1:
        return fitting[0]
    latest = sorted(fitting or folders, key=lambda path: path.stat().st_mtime, reverse=True)[:3]
    names = ", ".join(path.name for path in latest)
    if fitting:
        raise RunNotFoundError(f"{text!r} must fit one {what}; it fits {names}", "give more of the id")
    raise RunNotFoundError(
        f"no {what} has an id that starts with {text!r}",
        f"the latest: {names}" if names else f"there is none yet in {parent}",
    )
