"""A job: one model trained on one fold with one seed, by the code that `gatewise train` trains with.

Its key is a hash of everything that decides its result, so a result that lies under that key is the result, however
long ago and in whichever process it was made.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import load, save

from gatewise import errors
from gatewise.config.load import build_config
from gatewise.config.schema import ExperimentConfig
from gatewise.errors import BundleError, GatewiseError
from gatewise.jobs.shared import ALL, SharedData
from gatewise.splits.base import Rows
from gatewise.splits.folds import FoldSplit

# What a config says that no training reads: how results are judged, where rows come from (their fingerprint is in the
# key), how they are cut (the rows themselves are).
_NOT_DECIDING = {"name", "data", "split", "cv", "evaluation", "broker"}
_VERSIONS = ("gatewise", "torch")
DIVERGED = "diverged"  # an ending, see `FitResult`
_RESULTS = 2  # raised where the same settings come to other numbers: what was kept before is then trained anew


@dataclass(frozen=True)
class Job:
    """One training.

    Attributes:
        key: see the head of this file; 32 hex digits.
        config: what is trained; its seed and horizon are the job's.
        fold: number of the fold, from 1.
        model: the name under which results are shown.
        symbol: the one symbol that it learns and is judged on, or `all`.
        size: training samples, by which it is guessed how long it will take.
        max_seconds: that it may train for, over all sittings; see `Budget`.
    """

    key: str
    config: ExperimentConfig
    fold: int
    seed: int
    model: str
    horizon: int
    symbol: str = ALL
    size: int = 1
    max_seconds: float | None = None

    @property
    def label(self) -> str:
        """For people: fold 2 of lstm, horizon 5, seed 42."""
        symbol = "" if self.symbol == ALL else f", symbol {self.symbol}"
        return f"fold {self.fold} of {self.model}, horizon {self.horizon}, seed {self.seed}{symbol}"

    @property
    def place(self) -> dict[str, Any]:
        """Which training of its cross-validation it is, in JSON values."""
        return {name: getattr(self, name) for name in ("fold", "seed", "model", "horizon", "symbol")}

    def to_dict(self) -> dict[str, Any]:
        """JSON values, for a process elsewhere."""
        return {**vars(self), "config": self.config.to_dict()}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Job:
        """What `to_dict` gave."""
        return cls(**{**values, "config": build_config(values["config"])})


@dataclass(frozen=True)
class OnlineResult:
    """What a job's model came to that was updated from stretch to stretch of the test rows; see `jobs.online`.

    Attributes:
        metrics, by_symbol, predictions: as of `JobResult`.
        stretches: that the test rows were cut into. updates: that were made, at most as many.
        failed: (stretch, why) of those that came to nothing: the model stayed as it was.
        seconds: that updates took.
        ended: `max_time` where the budget allowed no update any more; else empty.
    """

    metrics: dict[str, float]
    by_symbol: dict[str, dict[str, float]]
    predictions: npt.NDArray[np.float64]
    stretches: int
    updates: int
    failed: list[tuple[int, str]]
    seconds: float
    ended: str = ""


@dataclass(frozen=True)
class JobResult:
    """What a job found.

    Attributes:
        key: the job's.
        metrics: on the fold's test rows; `n` is their number.
        by_symbol: the same for each symbol of a job over several.
        n_train, n_val, n_test: samples of the fold.
        epochs, best_epoch: how long training went, and the epoch whose weights predict.
        test_rows: int64 [n_test], rows of the table.
        predictions: float64 [n_test, num_outputs], as a bundle gives them.
        seconds: training and prediction, by the clock; it and `speed` differ from time to time, no other field does.
        ended: see `FitResult`; a fold that diverged is judged by its best epoch before that.
        speed: windows_per_second of training, predictions_per_second of the test part, latency_seconds of one
            prediction, weights (how many numbers the model holds); empty in results of earlier versions.
        online: of the same model, updated; `None`: it was not.
    """

    key: str
    metrics: dict[str, float]
    by_symbol: dict[str, dict[str, float]]
    n_train: int
    n_val: int
    n_test: int
    epochs: int
    best_epoch: int
    test_rows: Rows
    predictions: npt.NDArray[np.float64]
    seconds: float
    ended: str = "max_epochs"
    speed: dict[str, float] = field(default_factory=dict)
    online: OnlineResult | None = None

    @property
    def updated(self) -> JobResult | None:
        """The result of the updated model as one of its own; `None`: there is none."""
        if (online := self.online) is None:
            return None
        return replace(
            self,
            metrics=online.metrics,
            by_symbol=online.by_symbol,
            predictions=online.predictions,
            seconds=self.seconds + online.seconds,
        )

    def to_bytes(self) -> bytes:
        """Tensors in safetensors, the rest as JSON in its header, sealed by a hash over both. No pickle."""
        tensors: dict[str, npt.NDArray[Any]] = {"test_rows": self.test_rows, "predictions": self.predictions}
        values_by_name = {name: value for name, value in vars(self).items() if name not in tensors}
        if self.online is None:
            del values_by_name["online"]
        else:
            online = dict(vars(self.online))
            tensors["online"], values_by_name["online"] = online.pop("predictions"), online
        values = json.dumps(values_by_name)
        return save(tensors, metadata={"values": values, "seal": _seal(values, tensors)})

    @classmethod
    def from_bytes(cls, data: bytes) -> JobResult:
        """What `to_bytes` gave.

        Raises:
            BundleError: a byte differs, or it was another version's.
        """
        try:
            tensors = load(data)
            header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])["__metadata__"]
            if header["seal"] != _seal(header["values"], tensors):
                raise BundleError("a job's result has changed since it was written")
            values: dict[str, Any] = json.loads(header["values"])
            if "online" in values:
                values["online"] = OnlineResult(**values["online"], predictions=tensors.pop("online"))
            return cls(**values | tensors)
        except (SafetensorError, ValueError, KeyError, TypeError) as error:
            raise BundleError("a job's result is damaged") from error


@dataclass(frozen=True)
class JobFailure:
    """A job that came to nothing, and why."""

    job: Job
    error: GatewiseError

    def to_dict(self) -> dict[str, Any]:
        """Which job, and the error as `--json` says errors."""
        return self.job.place | {"error": error_to_dict(self.error)}


class JobListener(Protocol):
    """Hears how far jobs are."""

    def on_start(self, job: Job) -> None:
        """Training begins, or goes on from a checkpoint."""

    def on_epoch(self, job: Job, epoch: int) -> None:
        """So many epochs are done; several may have passed since the last word."""

    def on_stretch(self, job: Job, done: int, num_stretches: int) -> None:
        """Its model has been updated for, and has predicted, so many stretches of the test rows; likewise."""


def make_job(
    config: ExperimentConfig,
    shared: SharedData,
    fold: int,
    model: str,
    symbol: str = ALL,
    max_seconds: float | None = None,
) -> Job:
    """A job with its key; `config` carries the seed and the horizon."""
    horizon = config.target.horizon
    split = shared.fold(horizon, fold, symbol)
    key, size = job_key(config, shared, split, max_seconds), max(1, split.train.size)
    return Job(key, config, fold, config.training.seed, model, horizon, symbol, size, max_seconds)


def job_key(config: ExperimentConfig, shared: SharedData, fold: FoldSplit, max_seconds: float | None = None) -> str:
    """The hash of everything that decides a job's result: settings, data, rows, versions of what computes.

    Where a time is given the clock decides too: what was made in that time is then the result.
    """
    settings = {name: value for name, value in config.without_later().items() if name not in _NOT_DECIDING}
    settings |= {"own_parts": config.own_parts} if config.own_parts else {}
    settings |= {} if max_seconds is None else {"max_seconds": max_seconds}
    clock = str(shared.table.timeframe)
    versions = {name: version(name) for name in _VERSIONS} | {"results": _RESULTS}
    digest = hashlib.sha256(json.dumps([settings, shared.table.fingerprint, clock, versions], sort_keys=True).encode())
    for rows in (fold.train, fold.val, fold.test):
        digest.update(rows.size.to_bytes(8, "little"))
        digest.update(rows.tobytes())
    return digest.hexdigest()[:32]


def error_to_dict(error: GatewiseError) -> dict[str, Any]:
    """type, message and hint."""
    return {"type": type(error).__name__, "message": error.message, "hint": error.hint}


def error_from_dict(values: dict[str, Any]) -> GatewiseError:
    """What `error_to_dict` gave, of the same type."""
    kind = getattr(errors, values["type"])
    error: GatewiseError = kind.__new__(kind)  # some types build their message from other arguments
    GatewiseError.__init__(error, values["message"], values["hint"])
    return error


def _seal(values: str, tensors: dict[str, npt.NDArray[Any]]) -> str:
    digest = hashlib.sha256(values.encode())
    for name in sorted(tensors):
        digest.update(tensors[name].tobytes())
    return digest.hexdigest()


def fitting_batch(config: ExperimentConfig, num_train: int) -> int:
    """The batch size, or all windows of an epoch where they are fewer, as they may be in an early fold."""
    windows = -(-num_train // config.windows.stride)
    epoch = min(windows, config.training.windows_per_epoch or windows)
    return max(1, min(config.training.batch_size, epoch))
