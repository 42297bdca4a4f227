"""From two parts to a fitted state."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from gatewise.arrays import make_array_samples
from gatewise.as_numpy import Array
from gatewise.config.schema import ExperimentConfig
from gatewise.errors import ConfigError
from gatewise.estimator.fields import named_as_fields
from gatewise.estimator.fitted import Fitted
from gatewise.estimator.parts import Parts, require_horizon
from gatewise.estimator.targets import Task, encode_targets
from gatewise.features.scaling import fit_scaler
from gatewise.learners.table import train_model
from gatewise.sample_weights import SampleWeights, weigh
from gatewise.samples import Samples
from gatewise.splits.base import Rows
from gatewise.training.listeners import Listener

_log = logging.getLogger("gatewise.arrays")


class Printed:
    """A listener that prints a line an epoch."""

    def on_step(self, epoch: int, step: int, num_steps: int) -> None: ...

    def on_epoch(self, epoch: int, values: Mapping[str, float]) -> None:
        shown = {name: value for name, value in values.items() if name.startswith(("train_", "val_"))}
        print(f"epoch {epoch}: {', '.join(f'{name} {value:.4g}' for name, value in shown.items())}")

    def on_message(self, text: str) -> None:
        print(text)


def train_parts(
    parts: Parts,
    config: ExperimentConfig,
    task: Task | None,
    flat: bool,
    names: Array | None,
    horizon: int | None,
    listener: Listener,
    largest_batch: bool,
) -> Fitted:
    """Scales, encodes and trains.

    Args:
        config: at the windows' own length.
        flat: whether X had two axes. names: of its columns.
        horizon: samples ahead at which labels are known; `None`: not known.
        largest_batch: whether a batch that is larger than the training part is made as large as that.

    Raises:
        LabelError, QualityError, ConfigError: see `encode_targets` and `train_model`.
    """
    num_train, steps, width = parts.x.shape
    with named_as_fields(config.model.name):
        targets = encode_targets(parts.y, num_train, config, task, parts.known)
        rows, others = (part.reshape(-1, width) for part in (parts.x, parts.x_val))
        columns = [f"x{number}" for number in range(width)] if names is None or steps > 1 else map(str, names)
        scaler = fit_scaler(config.features.scaler, rows, np.arange(len(rows)), tuple(columns))
        scaled = np.concatenate([scaler.transform(rows), scaler.transform(others)])
        samples, fold = make_array_samples(scaled, steps, targets, parts.weight)
        ends = samples.rows[:num_train], samples.rows[num_train:]
        fold = replace(fold, sample_weights=_sample_weights(config, samples, ends[0], horizon))
        trained = train_model(
            _with_batches_within(num_train, config) if largest_batch else config, samples, fold, *ends, listener
        )
    return Fitted(
        config,
        trained.predictor,
        targets.classes,
        targets.floor,
        scaler,
        targets.scaler,
        targets.columns,
        flat,
        names,
        config.training.device,
        trained.fit,
        parts.train_samples,
        parts.val_samples,
    )


def _sample_weights(
    config: ExperimentConfig, samples: Samples, ends: Rows, horizon: int | None
) -> SampleWeights | None:
    """By positions: samples that are trained on are the oldest, one step apart; one of weight 0 is left out.

    Raises:
        ConfigError: weights are asked for, and nothing says when labels are known.
    """
    if config.training.sample_weights == "none":
        return None
    require_horizon(horizon)
    if horizon is None:
        raise ConfigError(
            "sample_weights go by how labels overlap, and nothing says when a label of an array is known",
            "horizon=20 (say): labels are known so many samples after their own; or leave sample_weights out",
        )
    position = np.arange(len(ends)) if samples.weight is None else np.flatnonzero(samples.weight[ends] > 0)
    classes = samples.labels.at(ends[position]) if samples.labels.classes else None
    made = weigh(config.training, position, position + horizon, position, classes)
    return made and replace(made, rows=ends[position])


def _with_batches_within(num_train: int, config: ExperimentConfig) -> ExperimentConfig:
    training = config.training
    most = min(num_train, training.windows_per_epoch or num_train)
    if training.batch_size <= most:
        return config
    _log.info("batch_size: %d, all of the training part; the preset's is %d", most, training.batch_size)
    return config.model_copy(update={"training": training.model_copy(update={"batch_size": most})})
