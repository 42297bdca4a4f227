"""A folder of tensors and JSON under hashes: whole or absent, and refused when a byte differs. No pickle.

model.safetensors   tensors
<name>.json         values, one file a name
manifest.json       SHA-256 of every other file
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load, save_file
from torch import Tensor

from gatewise.errors import BundleError
from gatewise.files import atomic_folder, sha256_file, write_json

MANIFEST = "manifest.json"
TENSORS = "model.safetensors"
REMEDY = "copy it again from where it was trained, or train anew"


def write_sealed(folder: Path, documents: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> None:
    """Writes `documents` (name -> JSON values, as <name>.json) and `tensors`.

    Raises:
        StorageError: the disk is full or not writable; what was at `folder` before is untouched.
    """
    with atomic_folder(folder) as temporary:
        save_file({name: value.detach().cpu().contiguous() for name, value in tensors.items()}, temporary / TENSORS)
        for name, values in documents.items():
            write_json(temporary / f"{name}.json", values)
        hashes = {path.name: sha256_file(path) for path in sorted(temporary.iterdir())}
        write_json(temporary / MANIFEST, {"sha256": hashes})


def read_sealed(folder: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """The documents by name and the tensors, every byte checked against the manifest first.

    Raises:
        BundleError: not such a folder; a file missing, added or changed. The file is named.
    """
    if not (folder / MANIFEST).is_file():
        raise BundleError(
            f"{folder} must be a folder with {MANIFEST}; there is none", "give a run id or a bundle folder"
        )
    try:
        hashes: dict[str, str] = json.loads((folder / MANIFEST).read_bytes())["sha256"]
        expected = dict(hashes)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise BundleError(f"{folder / MANIFEST} is damaged", REMEDY) from error
    present = {path.name for path in folder.iterdir()} - {MANIFEST}
    for name in sorted(expected.keys() - present):
        raise BundleError(f"{folder / name} is missing", REMEDY)
    for name in sorted(present - expected.keys()):
        raise BundleError(f"{folder / name} does not belong to the bundle", "move it elsewhere")
    content = {}
    for name, wanted in expected.items():
        # Hashed from the bytes that are used, so that nothing can change in between.
        content[name] = (folder / name).read_bytes()
        if hashlib.sha256(content[name]).hexdigest() != wanted:
            raise BundleError(f"{folder / name} has changed since it was written: its SHA-256 differs", REMEDY)
    documents = {
        name.removesuffix(".json"): json.loads(data) for name, data in content.items() if name.endswith(".json")
    }
    try:
        return documents, load(content[TENSORS])
    except (SafetensorError, KeyError) as error:
        raise BundleError(f"{folder / TENSORS} does not hold tensors", REMEDY) from error
