"""A folder of tensors and JSON under hashes: whole or absent, and refused when a byte differs. No pickle.

model.safetensors   tensors, where there are any
<name>.json         values, one file a name
manifest.json       SHA-256 of every other file, and one over those
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from gatewise.errors import BundleError, StorageError
from gatewise.files import atomic_folder, sha256_file, write_json

MANIFEST = "manifest.json"
TENSORS = "model.safetensors"
REMEDY = "copy it again from where it was trained, or train anew"
# What reading values raises that are not what they were when they were written.
DAMAGE = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)


def write_sealed(folder: Path, documents: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> None:
    """Writes `documents` (name -> JSON values, as <name>.json) and `tensors`; a sealed folder there is replaced.

    Raises:
        StorageError: something else is at `folder`, or the disk is full or not writable; what was there is untouched.
    """
    _refuse_what_is_not_ours(folder)
    with atomic_folder(folder) as temporary:
        ready = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
        if ready:
            (temporary / TENSORS).write_bytes(save(ready))  # save_file reports a full disk as no OSError
        for name, values in documents.items():
            write_json(temporary / f"{name}.json", values)
        hashes = {path.name: sha256_file(path) for path in temporary.iterdir()}
        write_json(temporary / MANIFEST, _manifest(hashes))


def read_sealed(folder: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """The documents by name and the tensors, every byte checked against the manifest first.

    Raises:
        BundleError: not such a folder; a file missing, added or changed. The file is named.
    """
    if not (folder / MANIFEST).is_file():
        raise BundleError(
            f"{folder} must be a folder with {MANIFEST}; there is none", "give a run id or a bundle folder"
        )
    expected = _read_manifest(folder / MANIFEST)
    present = {path.name for path in folder.iterdir()} - {MANIFEST}
    for name in sorted(expected.keys() - present):
        raise BundleError(f"{folder / name} is missing", REMEDY)
    for name in sorted(present - expected.keys()):
        raise BundleError(f"{folder / name} does not belong to the bundle", "move it elsewhere")
    content = {}
    for name, wanted in expected.items():
        # Hashed from the bytes that are used, so that nothing can change in between.
        content[name] = _read(folder / name)
        if hashlib.sha256(content[name]).hexdigest() != wanted:
            raise BundleError(f"{folder / name} has changed since it was written: its SHA-256 differs", REMEDY)
    try:
        documents = {
            name.removesuffix(".json"): json.loads(data) for name, data in content.items() if name.endswith(".json")
        }
        return documents, load(content[TENSORS]) if TENSORS in content else {}
    except (SafetensorError, ValueError, RecursionError) as error:
        raise BundleError(f"{folder} does not hold tensors and JSON: {error}", REMEDY) from error


def _refuse_what_is_not_ours(folder: Path) -> None:
    """A folder takes the place of the one before, so nothing may be in that which was not written here."""
    try:
        if not folder.exists():
            return
        if not folder.is_dir():
            raise StorageError(f"{folder} must be a new or empty folder; it is a file", "choose another folder")
        present = {path.name for path in folder.iterdir()}
    except OSError as error:
        raise StorageError(f"can't write {folder}: {error.strerror}", "choose another folder") from error
    if foreign := sorted(present - _own_names(folder / MANIFEST)):
        raise StorageError(
            f"{folder} must be a new or empty folder, or one that was saved before; it holds {foreign[0]}",
            "choose another folder",
        )


def _own_names(manifest: Path) -> set[str]:
    """The names that a folder's manifest lists and its own; none where it is absent or another program's."""
    try:
        value = json.loads(manifest.read_bytes())
        return {MANIFEST, *value["files"]} if value.keys() == {"files", "sha256"} else set()
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return set()


def _manifest(hashes: Mapping[str, str]) -> dict[str, Any]:
    whole = hashlib.sha256("".join(f"{name} {hashes[name]}\n" for name in sorted(hashes)).encode()).hexdigest()
    return {"files": dict(hashes), "sha256": whole}


def _read_manifest(path: Path) -> dict[str, str]:
    text = _read(path)
    try:
        manifest: dict[str, Any] = json.loads(text)
        hashes: dict[str, str] = manifest["files"]
        # Compared as bytes, so that not even a blank can differ from what was written.
        intact = text == (json.dumps(_manifest(hashes), indent=2, sort_keys=True) + "\n").encode()
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
