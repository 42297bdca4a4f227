"""A training state as one file: tensors in safetensors, everything else as JSON in its header. No pickle."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Protocol

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from gatewise.errors import BundleError
from gatewise.files import atomic_file


class State(Protocol):
    """A training state that can be written: `TrainState` and `FleetState`."""

    def to_tensors(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Tensors by name, and JSON values for the rest."""


def save_checkpoint(path: Path, state: State, key: str) -> None:
    """Writes a state whole or not at all; `key` names the config and data that it belongs to."""
    tensors, values = state.to_tensors()
    with atomic_file(path) as temporary:
        save_file(tensors, temporary, metadata={"state": json.dumps(values), "key": key})


def load_checkpoint(path: Path, key: str) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
    """What `save_checkpoint` wrote, or `None` if there is no file.

    Raises:
        BundleError: the file is damaged, or of another config or other data.
    """
    if not path.exists():
        return None
    try:
        with safe_open(path, framework="pt") as file:
            header = file.metadata()
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  # not a mapping
            values = json.loads(header["state"])
    except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
        raise BundleError(f"checkpoint {path} is damaged", "train anew without --resume") from error
    if header["key"] != key:
        raise BundleError(f"checkpoint {path} belongs to another config or other data", "train anew without --resume")
    return tensors, values
