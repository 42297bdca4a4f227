"""A training state as one file: tensors in safetensors, everything else as JSON in its header. No pickle.

A SHA-256 over all of it is in the header too: a flipped bit would be trained on without a word.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from gatewise.errors import BundleError
from gatewise.files import atomic_file
from gatewise.parts import require_same_code

_REMEDY = "train anew, with what it was started with"


class State(Protocol):
    """A training state that can be written: `TrainState` and `FleetState`."""

    def to_tensors(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Tensors by name, and JSON values for the rest."""


def save_checkpoint(path: Path, state: State, key: str, own_parts: Mapping[str, str] | None = None) -> None:
    """Writes a state whole or not at all; `key` names the config, own parts' code and data that it belongs to.

    Args:
        own_parts: of the config, so that another key can be told by the part that is other code.

    Raises:
        StorageError: the disk is full or not writable; the state before is still there.
    """
    tensors, values = state.to_tensors()
    text = json.dumps(values)
    header = {"state": text, "key": key, "seal": _seal(tensors, text, key), "own_parts": json.dumps(own_parts or {})}
    with atomic_file(path) as temporary:
        temporary.write_bytes(save(tensors, header))  # save_file reports a full disk as no OSError


def load_checkpoint(path: Path, key: str, older: str | None = None) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
    """What `save_checkpoint` wrote, or `None` if there is no file.

    Args:
        older: how an earlier version's key may end, if not as `key` reads.

    Raises:
        BundleError: the file is damaged, or of another config, other code or other data.
    """
    if not path.exists():
        return None
    with _damage_told(path), safe_open(path, framework="pt") as file:
        header = file.metadata()
        names = file.keys()
        tensors = {name: file.get_tensor(name) for name in names}
        intact = header["seal"] == _seal(tensors, header["state"], header["key"])
        values = json.loads(header["state"])
    if not intact:
        raise BundleError(f"checkpoint {path} has changed since it was written: its SHA-256 differs", _REMEDY)
    if header["key"] != key and not (older and header["key"].endswith(older)):
        _require_own_parts(path, header)
        raise BundleError(f"checkpoint {path} belongs to another config or other data", _REMEDY)
    return tensors, values


def _require_own_parts(path: Path, header: Mapping[str, str]) -> None:
    with _damage_told(path):
        kept = {str(part): str(digest) for part, digest in json.loads(header.get("own_parts", "{}")).items()}
    try:
        require_same_code(kept)
    except BundleError as error:
        raise BundleError(f"checkpoint {path}: {error.message}", error.hint) from error


def epochs_done(path: Path) -> int:
    """How many epochs lie behind the state of one training, 0 if there is no file; its tensors are not read.

    Raises:
        BundleError: the file is damaged.
    """
    if not path.exists():
        return 0
    with _damage_told(path), safe_open(path, framework="pt") as file:
        return int(json.loads(file.metadata()["state"])["epoch"])


@contextmanager
def _damage_told(path: Path) -> Iterator[None]:
    try:
        yield
    except (SafetensorError, OSError, AttributeError, KeyError, TypeError, ValueError) as error:
        raise BundleError(f"checkpoint {path} is damaged", _REMEDY) from error


def _seal(tensors: Mapping[str, Tensor], state: str, key: str) -> str:
    names = sorted(tensors)
    shapes = [(name, str(tensors[name].dtype), list(tensors[name].shape)) for name in names]
    digest = hashlib.sha256(json.dumps([state, key, shapes]).encode())
    for name in names:
        whole = tensors[name].detach().contiguous()
        flat = whole.as_strided((whole.numel(),), (1,))  # a lone number may have a stride of 0, which no view takes
        digest.update(flat.view(torch.uint8).numpy().data)
    return digest.hexdigest()
