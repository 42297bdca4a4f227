"""Members that were trained before, in runs of their own: copied into a folder of the ensemble, under hashes.

So an ensemble goes on, or is trained again, whatever becomes of those runs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from gatewise.errors import BundleError
from gatewise.learners.base import Predictor, Trained
from gatewise.manifest import REMEDY
from gatewise.sealed import DAMAGE, read_sealed, write_sealed
from gatewise.training.device import DTYPES, Precision
from gatewise.training.progress import FitResult

# (tensors, state) -> what gave them; see `Learner.restore`
Restore = Callable[[Any, Any], Predictor]


def keep_member(folder: Path, number: int, made: Trained) -> None:
    """Copies the member of that place, from 0.

    Raises:
        StorageError: the disk is full or not writable.
    """
    how: dict[str, Any] = {"device": made.device, "precision": made.precision.name}
    how |= {"batch_size": made.batch_size, "train_windows": made.train_windows}
    documents = {"model": dict(made.predictor.state()), "fit": asdict(made.fit), "how": how}
    write_sealed(_place(folder, number), documents, made.predictor.tensors())


def kept_member(folder: Path | None, number: int, restore: Restore) -> Trained:
    """What `keep_member` copied.

    Raises:
        BundleError: it is not there, or damaged.
    """
    if folder is None or not _place(folder, number).exists():
        raise BundleError(
            "a run is a member where an ensemble is trained by a run of its own; what it gave is not here",
            "gatewise.fit or gatewise train takes runs as base models; elsewhere name their models",
        )
    documents, tensors = read_sealed(_place(folder, number))
    try:
        fit, how = documents["fit"], documents["how"]
        remarks, diverged = tuple(fit.pop("remarks")), tuple(fit.pop("diverged_epochs"))
        name = how["precision"]
        return Trained(
            restore(tensors, documents["model"]),
            FitResult(**fit, remarks=remarks, diverged_epochs=diverged),
            how["device"],
            Precision(DTYPES[name], name == "fp16", "as it was trained"),
            how["batch_size"],
            how["train_windows"],
        )
    except DAMAGE as error:
        raise BundleError(f"{_place(folder, number)} holds no member: {error}", REMEDY) from error


def _place(folder: Path, number: int) -> Path:
    return folder / f"kept-{number}"
