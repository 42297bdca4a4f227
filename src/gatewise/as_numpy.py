"""What people call an array as one of NumPy's, in the machine's own byte order: tensors, frames, lists, objects.

A value that is missing (None, NaN, NaT, pandas' NA) stays to be seen: among numbers as NaN, among labels as an error.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from gatewise.errors import LabelError, QualityError

Array = npt.NDArray[Any]

TEXT = "U"
_MISSING_HINT = "leave those samples out of X and y: a model can neither learn nor be judged by them"
_NUMBERS_HINT = "X.astype(float), once every cell is a number"


def as_numpy(value: object, name: str, hint: str) -> Array:
    """`value` as an array; float16 becomes float32 and longer floats float64, all other types stay.

    Raises:
        QualityError: it has no one shape, lies where NumPy can't read it, or is masked.
    """
    if isinstance(value, np.ma.MaskedArray) and np.ma.is_masked(value):
        raise QualityError(
            f"{name} must hold a value everywhere; {int(np.ma.getmaskarray(value).sum())} are masked", hint
        )
    try:
        array = np.asarray(_of_tensor(value) if isinstance(value, torch.Tensor) else value)
    except (ValueError, TypeError, RuntimeError) as error:  # of ragged lists, sparse tensors, an object's own __array__
        raise QualityError(f"{name} must be an array; {' '.join(str(error).split())}", hint) from error
    if array.dtype.kind == "T":  # NumPy's text of any length
        return np.asarray(array.tolist(), dtype=object)
    if array.dtype.kind == "f" and array.dtype.itemsize not in (4, 8):
        with np.errstate(over="ignore"):  # what float64 can't hold becomes infinite, and is refused as that
            return array.astype(np.float32 if array.dtype.itemsize == 2 else np.float64)
    return array if array.dtype.isnative else array.astype(array.dtype.newbyteorder("="))


def numbers_of(items: Array, name: str) -> Array:
    """An array of Python objects that are numbers, as float64; NaN where one is missing.

    Raises:
        QualityError: something is no real number.
    """
    wrong = next((item for item in items.flat if not is_missing(item) and not _is_real(item)), None)
    if wrong is not None:
        raise QualityError(f"{name} must hold numbers; got {type(wrong).__name__} among objects", _NUMBERS_HINT)
    flat = [np.nan if is_missing(item) else float(item) for item in items.flat]
    return np.asarray(flat, np.float64).reshape(items.shape)


def labels_of(items: Array, name: str) -> Array:
    """An array of Python objects as one of text or numbers, where they are all of a kind.

    Raises:
        LabelError: types are mixed, or a label is missing.
    """
    missing = [is_missing(item) for item in items.flat]
    there = [item for item, gone in zip(items.flat, missing, strict=True) if not gone]
    is_text = [isinstance(item, str) for item in there]
    array = np.asarray(there)
    if any(is_text) != all(is_text) or array.dtype.kind == "O":
        kinds = ", ".join(sorted({type(item).__name__ for item in there}))
        raise LabelError(
            f"{name} must hold labels of one type; got {kinds}", "give all of them as text, or as integers"
        )
    if not any(missing):
        return array.reshape(items.shape)
    if array.dtype.kind == "f" and there:
        return numbers_of(items, name)
    raise missing_labels(sum(missing), items.size, name)


def missing_labels(count: int, size: int, name: str) -> LabelError:
    """For labels that are not all there."""
    return LabelError(f"{name} must hold a label for every sample; {count:,} of {size:,} are missing", _MISSING_HINT)


def is_missing(item: object) -> bool:
    """Whether an object says that a value is not there."""
    if item is None or type(item).__name__ in ("NAType", "NaTType"):
        return True
    return isinstance(item, float | np.floating | np.datetime64 | np.timedelta64) and item != item


def _is_real(item: object) -> bool:
    return not isinstance(item, str | bytes | complex | np.complexfloating) and hasattr(item, "__float__")


def _of_tensor(tensor: torch.Tensor) -> Array:
    """A tensor's own numbers, wherever it lies; bfloat16, which NumPy lacks, as float32."""
    tensor = tensor.detach().cpu()
    return np.asarray((tensor.float() if tensor.dtype == torch.bfloat16 else tensor).numpy())
