"""Feature matrices kept on disk: a second run over the same rows maps what the first one computed.

An entry is named by everything that the numbers follow from: the table's fingerprint and timeframe, the features that
the config names, the code that computes them and the versions of what it computes with. So a changed row, feature or
release is another entry, and nothing has to be thrown away by hand. Every byte is held against its hash before it is
used; an entry that is damaged or half there is built anew. Large matrices alone are kept, the least recently used ones
go when `$GATEWISE_CACHE_GB` (4; 0 keeps nothing) is passed, and all after 30 days without use.

3,091,536 rows x 39 features: 4 s of processor time become 0.3 s of hashing, and the pages are the file's own.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import platform
import shutil
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

import gatewise
from gatewise.config.schema import FeatureConfig, format_duration
from gatewise.data.table import Table
from gatewise.errors import ConfigError, StorageError
from gatewise.features.base import FeatureMatrix, matrix_dtype
from gatewise.features.build import build_features, resolve_features
from gatewise.files import atomic_folder, home, write_json
from gatewise.parts import sources

log = logging.getLogger("gatewise.features")

LEAST_KEPT_BYTES = 32 << 20  # smaller ones are computed in the time that it takes to look them up
KEPT_DAYS = 30.0
_DEFAULT_GB = 4.0
_META = "meta.json"
_ARRAYS = ("values", "valid")
_PIECE_BYTES = 64 << 20
_LATER = {"scaler", "scale_by", "clip", "symbol_onehot", "drop_correlated"}
_LEFT_OVER_SECONDS = 3600.0
CODE = (
    "features/*.py",
    "data/steps/grid.py",
    "data/steps/periods.py",
    "data/steps/resample.py",
    "data/market/sessions.py",
    "data/market/day_session.py",
)
_NO_CODE = ("cache.py", "reference.py", "scaling.py", "symbols.py")  # of features/: no number of a matrix is made there
_PACKAGES = ("numpy", "polars", "exchange_calendars")


@dataclass(frozen=True)
class Entry:
    """One kept matrix.

    Attributes:
        key: its folder's name.
        num_bytes: on disk.
        used: when it was last written or read, seconds since the epoch.
        meta: rows, names, lookback and what they were made of.
    """

    folder: Path
    key: str
    num_bytes: int
    used: float
    meta: dict[str, Any]


def cache_folder() -> Path:
    """Where entries lie: `$GATEWISE_HOME/cache/features`."""
    return home() / "cache" / "features"


def cache_limit_bytes() -> int:
    """The most that is kept: `$GATEWISE_CACHE_GB`, else 4 GB.

    Raises:
        ConfigError: the variable holds no number of gigabytes.
    """
    gigabytes_text = os.environ.get("GATEWISE_CACHE_GB", "")
    try:
        gigabytes = float(gigabytes_text or _DEFAULT_GB)
    except ValueError:
        gigabytes = -1.0
    if not 0 <= gigabytes < float("inf"):
        raise ConfigError(f"GATEWISE_CACHE_GB must be a number of gigabytes; got {gigabytes_text!r}", "0 keeps nothing")
    return int(gigabytes * 1e9)


def cached_features(table: Table, spec: FeatureConfig) -> FeatureMatrix:
    """What `build_features` gives, from disk where it has been built before.

    Values and validity are the same to the bit. A disk that is full costs a word in the log, never the run.

    Raises:
        GatewiseError: see `build_features`; ConfigError also for `GATEWISE_CACHE_GB`.
    """
    features = resolve_features(spec, table.columns, table.timeframe)
    num_bytes = table.num_rows * (len(features) * matrix_dtype(features).itemsize + 1)
    limit = cache_limit_bytes()
    if not LEAST_KEPT_BYTES <= num_bytes <= limit:
        return build_features(table, spec)
    folder = cache_folder() / cache_key(table, spec)
    kept = _open(folder)
    if kept is not None:
        log.info("%d features of %s rows taken from the cache", len(kept.names), f"{table.num_rows:,}")
        return kept
    matrix = build_features(table, spec)
    try:
        _save(folder, matrix, spec, table)
        _evict(limit)
    except StorageError as error:
        log.info("features are not kept for the next run: %s", error.message)
    return matrix


def cache_key(table: Table, spec: FeatureConfig) -> str:
    """SHA-256, first 32 hex digits, over everything that the matrix follows from."""
    identity = {
        "table": table.fingerprint,
        "timeframe": format_duration(table.timeframe),
        "features": _of_matrix(spec),
        "code": _code_version(),
    }
    if own_sources := sources("feature set", spec.sets):
        identity["own"] = own_sources
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:32]


def entries() -> list[Entry]:
    """What is kept, the most recently used first; what can't be read is left out."""
    entries = []
    for folder in _folders():
        try:
            meta = json.loads((folder / _META).read_text(encoding="utf-8"))
            num_bytes = sum(file.stat().st_size for file in folder.iterdir())
            entries.append(Entry(folder, folder.name, num_bytes, (folder / _META).stat().st_mtime, meta))
        except (OSError, ValueError):  # being written, being removed, or damaged
            continue
    return sorted(entries, key=lambda entry: -entry.used)


def clear() -> int:
    """Removes everything that is kept; returns how many bytes that were."""
    freed = sum(file.stat().st_size for file in cache_folder().rglob("*") if file.is_file())
    shutil.rmtree(cache_folder(), ignore_errors=True)
    return freed


def _of_matrix(spec: FeatureConfig) -> dict[str, Any]:
    """What of the config the matrix follows from: all but what is done to it later."""
    return spec.model_dump(mode="json", exclude=_LATER)


@cache
def _code_version() -> str:
    """The features' own source and what it computes with; a release that leaves both alone keeps its entries."""
    root = Path(gatewise.__file__).parent
    digest = hashlib.sha256()
    for path in sorted(chain.from_iterable(root.glob(pattern) for pattern in CODE)):
        if path.name not in _NO_CODE:
            digest.update(path.name.encode() + path.read_bytes())
    digest.update("".join((platform.machine(), *(f" {name} {_version(name)}" for name in _PACKAGES))).encode())
    return digest.hexdigest()


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:  # an extra
        return "absent"


def _open(folder: Path) -> FeatureMatrix | None:
    try:
        meta = json.loads((folder / _META).read_text(encoding="utf-8"))
        if meta["hashes"] != _hashes(folder):
            log.info("kept features are damaged and are rebuilt: %s", folder)
            return None
        # Copy-on-write: torch warns of memory that it could not write to, though nothing here is ever written.
        values, valid = (np.asarray(np.load(folder / f"{name}.npy", mmap_mode="c")) for name in _ARRAYS)
        with suppress(OSError):  # kept by somebody else: read all the same
            os.utime(folder / _META)
        return FeatureMatrix(values, valid, tuple(meta["names"]), int(meta["lookback"]))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        log.info("kept features can't be read and are rebuilt: %s: %s", folder, error)
        return None


def _save(folder: Path, matrix: FeatureMatrix, spec: FeatureConfig, table: Table) -> None:
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        if shutil.disk_usage(folder.parent).free < 2 * matrix.values.nbytes:
            raise StorageError(f"little room is left in {folder.parent}")
    except OSError as error:
        raise StorageError(f"can't write {folder.parent}: {error.strerror or error}") from error
    meta = {
        "names": list(matrix.names),
        "lookback": matrix.lookback,
        "rows": table.num_rows,
        "symbols": list(table.symbols),
        "timeframe": format_duration(table.timeframe),
        "features": _of_matrix(spec),
    }
    with atomic_folder(folder) as temporary:
        for name in _ARRAYS:
            np.save(temporary / f"{name}.npy", getattr(matrix, name), allow_pickle=False)
        write_json(temporary / _META, meta | {"hashes": _hashes(temporary)})


def _hashes(folder: Path) -> list[str]:
    """SHA-256 of the arrays' files by pieces, two at a time, as hashing leaves Python's lock."""
    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(lambda piece: hashlib.sha256(piece).hexdigest(), _pieces(folder)))


def _pieces(folder: Path) -> Iterator[npt.NDArray[np.uint8]]:
    for name in _ARRAYS:
        mapped = np.memmap(folder / f"{name}.npy", np.uint8, "r")
        yield from (mapped[start : start + _PIECE_BYTES] for start in range(0, mapped.size, _PIECE_BYTES))


def _folders() -> list[Path]:
    return [folder for folder in cache_folder().glob("*") if not folder.name.startswith(".")]


def _evict(limit: int) -> None:
    """Removes what was not used for long, then the least recently used until the rest fits; the newest stays."""
    now, left, known = time.time(), 0, set()
    for number, entry in enumerate(entries()):
        known.add(entry.folder)
        left += entry.num_bytes
        if number and (left > limit or now - entry.used > KEPT_DAYS * 86_400):
            left -= entry.num_bytes
            shutil.rmtree(entry.folder, ignore_errors=True)
    for folder in cache_folder().glob("*"):  # what killed processes left behind, and entries that can't be read
        with suppress(OSError):
            if folder not in known and now - folder.stat().st_mtime > _LEFT_OVER_SECONDS:
                shutil.rmtree(folder, ignore_errors=True)
