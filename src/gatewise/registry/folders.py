"""Runs by their folders: found by a name or the start of an id, without MLflow, which takes seconds to import."""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from gatewise.errors import RunNotFoundError
from gatewise.files import home
from gatewise.registry.info import RECORD, Kind

# Of each kind: its folder in the home, the file that tells one of its own, and its word.
PLACES: dict[Kind, tuple[str, str, str]] = {
    "train": ("runs", "", "run"),
    "cv": ("cv", "plan.json", "cross-validation"),
    "tune": ("tune", "study.json", "study"),
    "per-symbol": ("groups", RECORD, "group of runs"),
    "seeds": ("seeds", RECORD, "group of seeds"),
}
KINDS = tuple(PLACES)


def run_folder(run_id: str, kind: Kind = "train") -> Path:
    """`$GATEWISE_HOME/runs/<run id>`, or where runs of that kind lie."""
    return home() / PLACES[kind][0] / run_id


def run_folders(*kinds: Kind) -> list[Path]:
    """Those of this home, the latest first; without kinds those of `train`."""
    folders = []
    for kind in kinds or ("train",):
        place, marker, _ = PLACES[kind]
        if (home() / place).is_dir():
            # Hidden ones are on their way in or out.
            paths = [path for path in (home() / place).iterdir() if path.is_dir() and path.name[0] != "."]
            folders += [path for path in paths if not marker or (path / marker).is_file()]
    return sorted(folders, key=lambda path: path.stat().st_mtime, reverse=True)


def find_folder(text: str, *kinds: Kind) -> Path:
    """The folder of the run whose id is or starts with `text`, or whose name is `text`.

    Args:
        kinds: that are asked for; none: any.

    Raises:
        RunNotFoundError: no run of these kinds in this home, or more than one.
    """
    folders, names = _named(kinds or KINDS)
    if not _fitting(text, list(folders), names):
        for kind in (kind for kind in KINDS if kinds and kind not in kinds):
            others, other_names = _named((kind,))
            if _fitting(text, list(others), other_names):
                wanted = " or ".join(PLACES[kind][2] for kind in kinds)
                raise RunNotFoundError(
                    f"{text!r} is a {PLACES[kind][2]}; a {wanted} is asked for here", f"gatewise runs show {text!r}"
                )
    return folders[match_id(text, list(folders), names, PLACES[kinds[0]][2] if len(kinds) == 1 else "run")]


def _named(kinds: Sequence[Kind]) -> tuple[dict[str, Path], dict[str, str | None]]:
    folders = {path.name: path for path in run_folders(*kinds)}
    return folders, {run_id: _name(path) for run_id, path in folders.items()}


def _name(folder: Path) -> str | None:
    try:
        return str(json.loads((folder / RECORD).read_bytes())["name"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _fitting(text: str, ids: Sequence[str], names: Mapping[str, str | None]) -> list[str]:
    if text in ids:
        return [text]
    return [run_id for run_id in ids if text and (run_id.startswith(text) or names.get(run_id) == text)]


def find_run_folder(text: str) -> Path:
    """The folder of a run of kind train; see `find_folder`."""
    return find_folder(text, "train")


def match_id(text: str, ids: list[str], names: Mapping[str, str | None] | None = None, what: str = "run") -> str:
    """The one id that starts with `text`, or whose name it is; `ids` come latest first.

    Raises:
        RunNotFoundError: none does, or more than one.
    """
    names = names or {}
    fitting = _fitting(text, ids, names)
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        named = any(names.get(run_id) == text for run_id in fitting)
        shown = ", ".join(run_id[:8] if named else run_id for run_id in fitting[:3]) + ", …" * (len(fitting) > 3)
        hint = "give an id in place of the name" if named else "give more of the id"
        raise RunNotFoundError(f"{text!r} must fit one {what}; it fits {len(fitting)}: {shown}", hint)
    near = difflib.get_close_matches(text, [*ids, *filter(None, names.values())], n=1, cutoff=0.7)
    guess = f"did you mean {near[0]}? " if near else f"the latest: {', '.join(ids[:3])}; " if ids else ""
    raise RunNotFoundError(
        f"no {what} has the name {text!r} or an id that starts with it", f"{guess}see: gatewise runs list"
    )


def find_bundle(text: str) -> Path:
    """The bundle folder that `text` names: a bundle, a run's folder, a run's name, or enough of its id.

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
