"""A folder of tensors and JSON under hashes: whole or absent, and refused when a byte differs. No pickle.

model.safetensors   tensors, where there are any
<name>.json         values, one file a name
manifest.json       SHA-256 of every other file, and one over those
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from gatewise.errors import BundleError, StorageError
from gatewise.files import atomic_folder, sha256_file, write_json
from gatewise.manifest import MANIFEST, REMEDY, listed_names, manifest_of, read_files

TENSORS = "model.safetensors"
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
        write_json(temporary / MANIFEST, manifest_of(hashes))


def read_sealed(folder: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """The documents by name and the tensors, every byte checked against the manifest first.

    Raises:
        BundleError: not such a folder; a file missing, added or changed. The file is named.
    """
    content = read_files(folder)
    del content[MANIFEST]
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
    if foreign := sorted(present - listed_names(folder)):
        raise StorageError(
            f"{folder} must be a new or empty folder, or one that was saved before; it holds {foreign[0]}",
            "choose another folder",
        )
