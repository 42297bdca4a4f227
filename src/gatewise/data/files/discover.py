"""From what the user typed (files, folders, globs) to the list of files to read."""

from __future__ import annotations

import difflib
import glob
import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from gatewise.errors import ConfigError, ReadError

PACKED = (".gz", ".xz", ".bz2", ".zip", ".zst", ".lz4")
KINDS = {
    ".csv": "csv",
    ".tsv": "csv",
    ".txt": "csv",
    ".json": "json",
    ".jsonl": "json",
    ".ndjson": "json",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".feather": "feather",
    ".arrow": "feather",
    ".ipc": "feather",
}


_READ_ME = re.compile(r"(?i)(read.?me|licen[cs]e|notes?|changes|changelog|about|requirements)\b")


def find_files(paths: Sequence[str]) -> tuple[list[Path], list[str]]:
    """Expands paths, in the order given and sorted within a folder or glob; no file comes twice.

    Returns:
        The files, and notes on what was passed over.

    Raises:
        ConfigError: no path at all.
        ReadError: a path that is not there (the nearest names are in the hint), a glob that matches nothing, or a
            folder without data files.
    """
    if not paths:
        raise ConfigError(
            "no data is named",
            'data.paths=["FILE"] (or a folder or a glob), data.source="sql" and data.url="URL" for a database, '
            'data.source="lake" for what gatewise data fetch brought, or data.source="sp500"',
        )
    by_target: dict[Path, Path] = {}
    notes: list[str] = []
    for text in paths:
        for path in _expand(text, notes):
            by_target.setdefault(path.resolve(), path)
    return list(by_target.values()), notes


def kind_by_name(path: Path) -> str | None:
    """csv, json, parquet or feather after compression suffixes are taken off; None for names that say nothing known."""
    return KINDS.get(bare(path).suffix.lower())


def is_surely_data(path: Path) -> bool:
    """Whether a name alone tells data. A .txt beside others is a read-me, and a .json says something about them."""
    return kind_by_name(path) is not None and bare(path).suffix.lower() not in (".txt", ".json")


def bare(path: Path) -> Path:
    """`bars.csv.gz` -> `bars.csv`."""
    while path.suffix.lower() in PACKED:
        path = path.with_suffix("")
    return path


def _expand(text: str, notes: list[str]) -> list[Path]:
    path = Path(os.path.expanduser(text))
    try:
        if path.is_file():
            return [path]
        if path.is_dir():
            return _of_folder(path, notes)
        exists = path.exists()
    except OSError as error:
        raise ReadError(f"can't read {text}: {error.strerror}", "check the path and its permissions") from error
    if exists:
        raise ReadError(f"{text} is neither a file nor a folder", "name a CSV, Parquet or Feather file")
    if glob.has_magic(text):
        matches = sorted(Path(match) for match in glob.glob(str(path), recursive=True))
        files = [match for match in matches if match.is_file()]
        if not files:
            raise ReadError(f"no file matches {text}", f"run from the right folder? this one is {Path.cwd()}")
        return _only_data(files, text, notes) or files
    raise ReadError(f"{text} does not exist", _nearest(path))


def _of_folder(folder: Path, notes: list[str]) -> list[Path]:
    visible = [
        path
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    ]
    files = _only_data(visible, f"{folder}/", notes)
    if not files:
        held = ", ".join(path.name for path in visible[:5]) or "nothing"
        raise ReadError(
            f"folder {folder} holds no data file; it holds {held}",
            f"gatewise reads {', '.join(sorted(KINDS))}, packed or not; any other name: give the file itself",
        )
    return files


def _only_data(files: Iterable[Path], place: str, notes: list[str]) -> list[Path]:
    taken: list[Path] = []
    passed: list[Path] = []
    files = list(files)
    sure = {path for path in files if is_surely_data(path) or path.suffix.lower() == ".zip"}  # known by its members
    for path in files:
        known = path in sure if sure else kind_by_name(path) is not None and not _READ_ME.match(path.name)
        (taken if known else passed).append(path)
    if taken and passed:
        names = ", ".join(path.name for path in passed[:5]) + (", …" if len(passed) > 5 else "")
        notes.append(f"{place}: {len(passed)} files passed over that are not data by their names: {names}")
    return taken


def _nearest(path: Path) -> str:
    folder = path.parent
    while not folder.is_dir():
        folder = folder.parent
    try:
        names = sorted(entry.name for entry in folder.iterdir() if not entry.name.startswith("."))
    except OSError:
        return f"folder {folder} can't be listed"
    near = difflib.get_close_matches(path.name, names, n=3, cutoff=0.5)
    if near:
        return f"in {folder} there is {', '.join(near)}"
    listed = ", ".join(names[:6]) + (", …" if len(names) > 6 else "")
    return f"folder {folder} holds {listed or 'nothing'}"
