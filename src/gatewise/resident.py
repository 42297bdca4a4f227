"""Matrices that lie on a device already, so that each is carried there once.

Training, the judging after it and the predictions of a program hand over one array again and again: it is known by its
identity, so nothing may write to an array that was handed over. A CPU's tensor is the array's own memory.
"""

from __future__ import annotations

import threading
import weakref
from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from gatewise.features.base import Values

MOST_KEPT = 2  # the newest; each is forgotten with its array, too

_kept: dict[tuple[int, torch.device], tuple[weakref.ref[Values], Tensor]] = {}
_lock = threading.Lock()


def resident(values: Values, device: torch.device) -> Tensor:
    """The array on the device; carried there unless it is among the last `MOST_KEPT`."""
    if device.type == "cpu":
        return torch.from_numpy(values)
    key = (id(values), device)
    with _lock:
        array, tensor = _kept.get(key, (None, None))
    if array is not None and tensor is not None and array() is values:
        return tensor
    tensor = torch.from_numpy(values).to(device)
    with _lock:
        _kept[key] = (weakref.ref(values, lambda _: _kept.pop(key, None)), tensor)
        for old in list(_kept)[:-MOST_KEPT]:
            _kept.pop(old, None)  # its array may have gone meanwhile
    return tensor
