"""One experiment from table to verdict: the table of contents of a run.

Everything that is fitted is fitted on training rows; validation rows stop the training; test rows are read once, by the
bundle that was saved, through the same code that will score files and live rows.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from gatewise.clocks import stage
from gatewise.config.schema import ExperimentConfig
from gatewise.data.load import load_table
from gatewise.data.table import Table
from gatewise.decisions.fit import require_rule
from gatewise.errors import ConfigError, LabelError, NotEnoughRowsError
from gatewise.features.cache import cached_features
from gatewise.fold import FittedFold, fit_fold
from gatewise.isolation import plain_numbers
from gatewise.learners.sizes import size_remarks
from gatewise.learners.table import check_trainable, train_model
from gatewise.levels import remarks_on, unread_remark
from gatewise.loading import traceless
from gatewise.sample_weights import even_remark
from gatewise.samples import Samples, make_samples
from gatewise.splits.base import Rows, Split
from gatewise.splits.chronological import chronological_split
from gatewise.training.budget import WHOLE, Budget
from gatewise.training.checkpoint import epochs_done
from gatewise.training.estimate import Estimate
from gatewise.training.event_file import EventFile, require_tensorboard
from gatewise.training.listeners import Listener, Listeners

if TYPE_CHECKING:
    from gatewise.outcome import Outcome

_log = logging.getLogger("gatewise.experiment")

LEAST_JUDGED = 10  # samples; an interval over fewer is none


@dataclass(frozen=True)
class Prepared:
    """Everything before the first training step: what can be wrong with the rows or the config has shown by now.

    Attributes:
        remarks: what people should know of what is to be trained on, a sentence each.
    """

    config: ExperimentConfig
    samples: Samples
    split: Split
    fold: FittedFold
    remarks: tuple[str, ...] = ()


@plain_numbers()
def prepare(
    config: ExperimentConfig, table: Table | None = None, meanwhile: Callable[[], object] | None = None
) -> Prepared:
    """Loads, cuts and fits what an experiment trains on.

    Args:
        table: the rows; `None` loads what `config.data` names.
        meanwhile: called on a thread once there are rows; what it raises is its own affair.

    Raises:
        GatewiseError: see the parts.
    """
    if config.training.per_symbol:
        raise ConfigError(
            "training.per_symbol makes as many models as there are symbols; an experiment makes one",
            "gatewise.group.symbols.train_symbols, or gatewise train, makes them all",
        )
    if config.split.method == "walk_forward":
        raise ConfigError(
            "split.method walk_forward trains a model a fold; gatewise train makes one model on one fixed split",
            'gatewise cv with the same settings walks forward; split.method="fixed" trains one model',
        )
    if config.training.tensorboard:
        require_tensorboard()
    with stage("loading"):
        table = load_table(config.data) if table is None else table
    with ThreadPoolExecutor(1) as beside:
        if meanwhile is not None:
            beside.submit(meanwhile)
        samples = make_samples(config, table, cached_features)
        with stage("imports"):
            beside.shutdown()
    with stage("splits and scalers"):
        split = chronological_split(samples.spans, config.split, table.timeframe, config.certify)
        fold = fit_fold(config, samples, split.train)
    _require_two_classes(samples, split.train)
    require_rule(config, samples)
    check_trainable(config, samples, fold, split.train, split.val)
    for part, rows in {"val": split.val, "certify": split.certify, "test": split.test}.items():
        if 0 < len(rows) < LEAST_JUDGED:
            raise NotEnoughRowsError(
                f"the {part} part must hold at least {LEAST_JUDGED} samples to be judged; got {len(rows)}",
                f"give more rows, or a larger split.{part}",
            )
    remarks = (*remarks_on(config, samples, split.train), *size_remarks(config, samples, len(split.train)))
    if even := even_remark(fold.sample_weights):
        remarks = (*remarks, even)
    for remark in remarks:
        _log.warning("%s", remark)
    remarks = (*split.remarks, *remarks)
    if unread := fold.scaler.unread:
        remarks = (*remarks, unread_remark(unread, len(fold.scaler.names), config.features.drop_correlated))
        _log.info("%s", remarks[-1])
    return Prepared(config, samples, split, fold, remarks)


def _require_two_classes(samples: Samples, train_rows: Rows) -> None:
    labels = samples.labels
    unseen = labels.unseen(train_rows)
    if labels.hold_one_class(train_rows):
        none = " and no ".join(unseen)
        raise LabelError(
            f"training must hold two classes or more; its {len(train_rows):,} samples hold no {none}",
            "move the barriers (target.upper, target.lower), the horizon, or give more rows",
        )
    if unseen:
        _log.warning(
            "training never sees %s: every prediction gives %s what the prior gives a class without a row",
            " and ".join(unseen),
            "it" if len(unseen) == 1 else "them",
        )


@plain_numbers()
def run_experiment(
    prepared: Prepared, folder: Path, listener: Listener | None = None, budget: Budget = WHOLE
) -> Outcome:
    """Trains, judges and writes what was prepared; a checkpoint found in `folder` is gone on from.

    Args:
        folder: where everything goes.
        listener: hears every number on the way.
        budget: what may end the training early; it is judged as any other, and a later call goes on with it.

    Raises:
        GatewiseError: see the parts; what was written before stays whole.
        Interrupted: Ctrl-C; the bundle holds the best weights so far.
    """
    rows = prepared.split.train, prepared.split.val
    checkpoint = folder / "checkpoint.safetensors"
    heard = listener or Listeners(())
    estimate = _estimate(prepared, budget, epochs_done(checkpoint), heard)
    listeners = Listeners((heard, *own_listeners(prepared.config, folder), estimate))
    trained = train_model(prepared.config, prepared.samples, prepared.fold, *rows, listeners, checkpoint, budget)
    with stage("imports"), traceless():
        from gatewise.outcome import conclude

    return conclude(prepared, trained, folder, listeners)


def _estimate(prepared: Prepared, budget: Budget, done: int, listener: Listener) -> Estimate:
    training, stride = prepared.config.training, prepared.config.windows.stride
    windows, least = len(prepared.split.train[::stride]), training.batch_size
    each = min(windows, training.windows_per_epoch or windows)
    ways = {f"windows.stride={4 * stride}": -(-windows // 4), "training.windows_per_epoch=20000": 20_000}
    quicker = [(way, fewer) for way, fewer in ways.items() if least <= fewer <= each / 2]
    last = min(training.max_epochs, budget.stop_after_epoch or training.max_epochs)
    val = min(len(prepared.split.val), training.validation_windows or len(prepared.split.val))
    epochs = (last - done) * prepared.config.model.num_trainings
    return Estimate(listener.on_message, each, val, epochs, quicker, max_seconds=budget.max_seconds)


def own_listeners(config: ExperimentConfig, folder: Path) -> tuple[Listener, ...]:
    """Those that a config asks for; what they write lies in the run's folder."""
    return (EventFile(folder / "tensorboard"),) if config.training.tensorboard else ()
