"""What a run that is to go on kept: proved to be of this config, code and data, and given again where it has ended."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from gatewise.bundle import Bundle
from gatewise.errors import BundleError, GatewiseError
from gatewise.experiment import Prepared
from gatewise.files import members_folder
from gatewise.learners.base import Trained
from gatewise.learners.kept_state import kept_state
from gatewise.registry.history import History
from gatewise.sealed import DAMAGE
from gatewise.training.budget import STOPS
from gatewise.training.device import DTYPES, Precision
from gatewise.training.monitor import monitored_number
from gatewise.training.progress import FitResult

_REMEDY = "train anew, with what it was started with"


def kept_training(prepared: Prepared, folder: Path) -> Trained | None:
    """The training of a run that has ended and kept no checkpoint, as members of fleets and models fitted once do.

    `None` where training goes on: from the checkpoint, or from the start. Nothing in `folder` is touched.

    Raises:
        BundleError: what the run kept is damaged, or of another config, other code or other data.
    """
    checkpoint = folder / "checkpoint.safetensors"
    if kept_state(checkpoint, prepared.config, prepared.samples) or members_folder(checkpoint).exists():
        return None
    if not (folder / "bundle").exists():
        return None
    bundle = Bundle.load(folder / "bundle")
    _require_same(bundle, prepared, folder / "bundle")
    if not (folder / "metrics.json").exists():  # interrupted: the bundle holds what was best so far
        return None
    try:
        if json.loads((folder / "metrics.json").read_bytes())["ended"] in STOPS:  # there is more to train
            return None
    except (OSError, *DAMAGE) as error:
        raise _unreadable(folder) from error
    return ended_training(folder, bundle, prepared.remarks)


def ended_training(folder: Path, bundle: Bundle, before: tuple[str, ...] = ()) -> Trained:
    """What came of a run that has ended.

    Args:
        before: remarks that are none on its training.

    Raises:
        BundleError: it can't be read again.
    """
    try:
        values = json.loads((folder / "metrics.json").read_bytes())
        return _trained(bundle, values, _epochs(folder, values["epochs"]), before)
    except (GatewiseError, OSError, *DAMAGE) as error:
        raise _unreadable(folder) from error


def _unreadable(folder: Path) -> BundleError:
    return BundleError(
        f"what run {folder.name} ended with can't be read again from metrics.json and history.parquet in {folder}",
        f"its model is whole: gatewise predict --model {folder.name}",
    )


def _require_same(bundle: Bundle, prepared: Prepared, path: Path) -> None:
    record, config = bundle.record, prepared.config
    # How rows were read is no matter where the rows are the same.
    here = config.model_copy(update={"data": record.config.data})
    if record.data_fingerprint != prepared.samples.table.fingerprint:
        raise BundleError(f"{path} was trained on other data than the run's config reads now", _REMEDY)
    if record.config.digest != here.digest:
        raise BundleError(f"{path} was trained with another config than the run's config.yaml says now", _REMEDY)


def _trained(
    bundle: Bundle, values: dict[str, Any], epochs: list[dict[str, float]], before: tuple[str, ...]
) -> Trained:
    monitor, best = values["monitor"], values["best_epoch"]
    validated = {name.removeprefix("val_"): value for name, value in epochs[best - 1].items() if name[:4] == "val_"}
    fit = FitResult(
        epochs,
        best,
        monitored_number(monitor, validated),
        values["windows_per_second"],
        values["ended"],
        tuple(remark for remark in values["remarks"] if remark not in before),
        tuple(values["diverged_epochs"]),
        monitor,
    )
    dtype = DTYPES[values["precision"]]
    precision = Precision(dtype, values["precision"] == "fp16", "as it was trained")
    size, windows = values["batch_size"], values["windows"]["train"]
    return Trained(bundle.predictor, fit, values["device"], precision, size, windows)


def _epochs(folder: Path, count: int) -> list[dict[str, float]]:
    """Each epoch's numbers, in order."""
    epochs: list[dict[str, float]] = [{} for _ in range(count)]
    for step, name, value in History.read(folder / "history.parquet").frame.iter_rows():
        if 1 <= step <= count:
            epochs[step - 1][name] = value
    return epochs
