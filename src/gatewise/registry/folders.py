"""Runs by their folders: found by the start of an id, without asking the tracker, which takes seconds to import."""

from __future__ import annotations

import difflib
from pathlib import Path

from gatewise.errors import RunNotFoundError
from gatewise.files import home


def run_folder(run_id: str) -> Path:
    """`$GATEWISE_HOME/runs/<run id>`."""
    return home() / "runs" / run_id


def run_folders() -> list[Path]:
    """Those of this home, the latest first."""
    runs = home() / "runs"
    folders = [path for path in runs.iterdir() if path.is_dir()] if runs.is_dir() else []
    return sorted(folders, key=lambda path: path.stat().st_mtime, reverse=True)


def find_run_folder(text: str) -> Path:
    """The folder of the run whose id is or starts with `text`, found without asking the tracker.

    Raises:
        RunNotFoundError: no run of this home, or more than one.
    """
    return run_folder(match_id(text, [path.name for path in run_folders()]))


def match_id(text: str, ids: list[str]) -> str:
    """The one id that starts with `text`; `ids` come latest first.

    Raises:
        RunNotFoundError: none does, or more than one.
    """
    fitting = [run_id for run_id in ids if text and run_id.startswith(text)]
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        shown = ", ".join(fitting[:3])
        raise RunNotFoundError(f"{text!r} must fit one run; it fits {len(fitting)}: {shown}", "give more of the id")
    near = difflib.get_close_matches(text, ids, n=1, cutoff=0.7)
    guess = f"did you mean {near[0]}? " if near else f"the latest: {', '.join(ids[:3])}; " if ids else ""
    raise RunNotFoundError(f"no run has an id that starts with {text!r}", f"{guess}see: gatewise runs list")


def find_bundle(text: str) -> Path:
    """The bundle folder that `text` names: a bundle, a run's folder, or enough of a run's id.

    Raises:
        RunNotFoundError: a file, no such folder and no such run, or a run that has no bundle (yet).
    """
    path = Path(text)
    if path.is_file():
        raise RunNotFoundError(f"a bundle is a folder; {text} is a file", f"the folder that it lies in: {path.parent}")
    folder = path if path.is_dir() else find_run_folder(text)
    if (folder / "config.yaml").is_file() and not (folder / "bundle").is_dir():
        raise RunNotFoundError(
            f"run {folder.name} has no bundle", f"see how it ended: gatewise runs show {folder.name}"
        )
    return folder / "bundle" if (folder / "bundle").is_dir() else folder
