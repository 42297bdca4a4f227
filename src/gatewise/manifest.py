"""Folders whose files stand in a manifest with their SHA-256: what belongs to one, and that none has changed.

Hashes show damage and mix-ups; they are no signature, as whoever can write the folder can write the manifest.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gatewise.errors import BundleError

MANIFEST = "manifest.json"
REMEDY = "copy it again from where it was trained, or train anew"


def manifest_of(hashes: Mapping[str, str]) -> dict[str, Any]:
    """What manifest.json holds: the SHA-256 of each file by its name, and one over those."""
    whole = hashlib.sha256("".join(f"{name} {hashes[name]}\n" for name in sorted(hashes)).encode()).hexdigest()
    return {"files": dict(hashes), "sha256": whole}


def read_files(folder: Path) -> dict[str, bytes]:
    """{name: bytes} of all that the manifest names, and of the manifest; every byte is checked.

    They are hashed from the bytes that are given, so that nothing can change in between.

    Raises:
        BundleError: not such a folder; a file missing, added or changed. The file is named.
    """
    if not (folder / MANIFEST).is_file():
        raise BundleError(
            f"{folder} must be a folder with {MANIFEST}; there is none", "give a run id or a bundle folder"
        )
    manifest = _read(folder / MANIFEST)
    expected = _hashes(folder / MANIFEST, manifest)
    present = {path.name for path in folder.iterdir()} - {MANIFEST}
    for name in sorted(expected.keys() - present):
        raise BundleError(f"{folder / name} is missing", REMEDY)
    for name in sorted(present - expected.keys()):
        raise BundleError(f"{folder / name} does not belong to the bundle", "move it elsewhere")
    content = {}
    for name, wanted in expected.items():
        content[name] = _read(folder / name)
        if hashlib.sha256(content[name]).hexdigest() != wanted:
            raise BundleError(f"{folder / name} has changed since it was written: its SHA-256 differs", REMEDY)
    return content | {MANIFEST: manifest}


def address_of(content: Mapping[str, bytes]) -> str:
    """The one name of all that `read_files` gives: SHA-256 of the manifest, which holds the hash of every file."""
    return hashlib.sha256(content[MANIFEST]).hexdigest()


def listed_names(folder: Path) -> set[str]:
    """The names that a folder's manifest lists and its own; none where it is absent or another program's."""
    try:
        value = json.loads((folder / MANIFEST).read_bytes())
        return {MANIFEST, *value["files"]} if value.keys() == {"files", "sha256"} else set()
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return set()


def _hashes(path: Path, text: bytes) -> dict[str, str]:
    try:
        manifest: dict[str, Any] = json.loads(text)
        hashes: dict[str, str] = manifest["files"]
        # Compared as bytes, so that not even a blank can differ from what was written.
        intact = text == (json.dumps(manifest_of(hashes), indent=2, sort_keys=True) + "\n").encode()
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise BundleError(f"{path} is damaged", REMEDY) from error
    if not intact:
        raise BundleError(f"{path} has changed since it was written", REMEDY)
    return hashes


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise BundleError(f"can't read {path}: {error.strerror}", REMEDY) from error
