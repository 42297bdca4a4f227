"""Promoted bundles under their addresses: `xx/<address>/`, the address being the SHA-256 of the bundle's manifest.

The manifest holds the hash of every file, so an address names one content for good. A bundle is copied beside its
place, waited for until it is on the disk, and renamed: a kill leaves the whole bundle or none. Files are read-only, and
every byte is checked at each read. Nothing here needs MLflow, or the run that a bundle came from.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from gatewise.errors import BundleError, StorageError
from gatewise.files import atomic_folder, home, sync_folder
from gatewise.locks import one_after_another
from gatewise.manifest import MANIFEST, address_of, read_files

_ADDRESS = re.compile("[0-9a-f]{64}")
# Bundles are put, or renewed, before the entry that names them is written; within this time it may be on its way.
YOUNG_SECONDS = 3600.0
_WEIGHTS = ("model.safetensors", "model.json")
_PUT_BACK = "put a copy of the folder back in its place, or promote its run again"
_ELSEWHERE = "set GATEWISE_STORE to a place that can be written"


@dataclass(frozen=True)
class Store:
    """A folder of bundles under their addresses; any number of processes may use it at once."""

    folder: Path

    def put(self, bundle: Path) -> str:
        """Takes a copy of a bundle's folder, and gives its address; of one that is there already nothing is written,
        but a damaged one is replaced.

        Raises:
            BundleError: a byte of it differs from its manifest, or it is no bundle; the file is named.
            StorageError: the disk is full or not writable; nothing is left under the address.
        """
        content = read_files(bundle)
        if "bundle.json" not in content:
            raise BundleError(f"{bundle} is no bundle: it holds no bundle.json", "give a run id or a bundle folder")
        address = address_of(content)
        place = self._place(address)
        with one_after_another(self.folder, f"the store {self.folder}"):
            if self._is_whole(address):
                self._make_young(address)
                return address
            try:
                with atomic_folder(place) as beside:
                    for name, data in content.items():
                        (beside / name).write_bytes(data)
                for file in place.iterdir():
                    file.chmod(0o444)
                sync_folder(place.parent)
                sync_folder(self.folder)
            except StorageError as error:
                raise StorageError(error.message, f"free some space, or {_ELSEWHERE}") from error
            except OSError as error:
                raise StorageError(f"can't write {place}: {error.strerror or error}", _ELSEWHERE) from error
        return address

    def bundle(self, address: str) -> Path:
        """The folder of a bundle, every byte of which was checked.

        Raises:
            BundleError: it is not there, or not what its address says; the file is named.
        """
        place = self._place(address)
        if not place.is_dir():
            raise BundleError(
                f"the store {self.folder} holds no bundle {address}",
                "set GATEWISE_STORE to the store that it was promoted into, or put a copy of its folder back there",
            )
        try:
            files = read_files(place)
        except BundleError as error:
            raise BundleError(error.message, _PUT_BACK) from error
        if address_of(files) != address:
            raise BundleError(
                f"{place / MANIFEST} has changed since the bundle was promoted: its SHA-256 is not the address",
                _PUT_BACK,
            )
        return place

    def renewed(self, address: str) -> Path:
        """Like `bundle`, of one that an entry is about to name again: it is as young as if it had been put now."""
        self._make_young(address)
        return self.bundle(address)

    def addresses(self) -> Iterator[str]:
        """Of all bundles, checked or not, in order."""
        for place in sorted(self.folder.glob("??/*")):
            if _ADDRESS.fullmatch(place.name) and place.parent.name == place.name[:2]:
                yield place.name

    def num_bytes(self, address: str) -> int:
        """What a bundle takes on the disk; 0 of one that is gone."""
        with suppress(FileNotFoundError, NotADirectoryError):  # gone meanwhile, or a stray file
            return sum(file.stat().st_size for file in self._place(address).iterdir())
        return 0

    def is_young(self, address: str) -> bool:
        """Whether it was put so lately that an entry which names it may still be on its way; of none that is gone."""
        with suppress(FileNotFoundError):
            return time.time() - self._place(address).stat().st_mtime < YOUNG_SECONDS
        return False

    def remove(self, address: str) -> None:
        """Removes a bundle, if it is there: it is put aside first, in one step, so that no half of it is left under its
        address.

        Raises:
            StorageError: it can't be removed.
        """
        place = self._place(address)
        aside = place.with_name(f".{address}.removed")
        try:
            with one_after_another(self.folder, f"the store {self.folder}"):
                _clear(aside)
                with suppress(FileNotFoundError):
                    place.rename(aside)
                _clear(aside)
        except OSError as error:
            raise StorageError(f"can't remove {place}: {error.strerror or error}") from error

    def clear_leftovers(self) -> None:
        """Removes what killed processes have left beside the addresses; nobody is writing while the store is held."""
        with one_after_another(self.folder, f"the store {self.folder}"), suppress(OSError):
            for aside in self.folder.glob("??/.*"):
                _clear(aside)

    def _place(self, address: str) -> Path:
        if not _ADDRESS.fullmatch(address):
            raise BundleError(f"a bundle's address is 64 hex digits; got {address!r}", "gatewise registry list")
        return self.folder / address[:2] / address

    def _make_young(self, address: str) -> None:
        with suppress(OSError):  # another user's, who put it before, or none
            os.utime(self._place(address))

    def _is_whole(self, address: str) -> bool:
        with suppress(BundleError, OSError):
            return bool(self.bundle(address))
        return False


def weights_hash(files: Mapping[str, bytes]) -> str | None:
    """SHA-256 of a bundle's tensors, or of what stands for them in a model that has none."""
    weights = (files[name] for name in _WEIGHTS if name in files)
    return next((hashlib.sha256(data).hexdigest() for data in weights), None)


def known_at_utc(files: Mapping[str, bytes]) -> str | None:
    """ISO 8601, when the newest label that a bundle learned from became known; `None`: it does not say."""
    try:
        known_us = json.loads(files["bundle.json"])["provenance"]["learned"]["known_us"]
        return datetime.fromtimestamp(known_us / 1_000_000, UTC).isoformat()
    except (KeyError, TypeError, ValueError):
        return None


def _clear(aside: Path) -> None:
    if aside.is_dir():
        for file in aside.iterdir():
            file.chmod(0o644)  # Windows removes no read-only file
        shutil.rmtree(aside)


def open_store() -> Store:
    """That of `$GATEWISE_STORE`, or of `$GATEWISE_HOME/store`; its folder is made by what is put there first."""
    named = os.environ.get("GATEWISE_STORE")
    return Store(Path(named).expanduser().absolute() if named else home() / "store")
