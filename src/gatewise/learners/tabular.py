"""Models of one row: a library's fit, or our own, on the features of the row that a window ends with."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from gatewise.config.schema import ExperimentConfig, ModelConfig
from gatewise.data.blocks import block_numbers
from gatewise.data.table import SYMBOL
from gatewise.errors import BundleError, ConfigError
from gatewise.features.scaling import scaled_rows
from gatewise.features.symbols import require_trained
from gatewise.fold import FittedFold, row_weights, trained_labels
from gatewise.learners.base import Inputs, Predictor, Shape, Trained, no_hidden_states
from gatewise.manifest import REMEDY
from gatewise.models.registry import tabular_spec
from gatewise.parts import model_code
from gatewise.rows import rows_in_windows
from gatewise.sample_weights import fit_sample_weights
from gatewise.samples import Samples
from gatewise.sealed import DAMAGE
from gatewise.splits.base import Rows
from gatewise.tabular.base import State, TabularModel, TrainingRows
from gatewise.targets.history import history_width
from gatewise.targets.outputs.quantiles import Quantiles
from gatewise.training.budget import WHOLE, Budget
from gatewise.training.device import Precision
from gatewise.training.listeners import Listener
from gatewise.training.progress import FitResult

_SKETCHED_ROWS = 500


def read_rows(inputs: Inputs) -> npt.NDArray[Any]:
    """What a model of one row sees of rows, as its config says what it `reads`; see `TrainingRows.x`."""
    config, history = inputs.config, inputs.history
    if config.model.reads == "features":
        onehot = inputs.num_symbols if config.reads_symbol else 0
        return scaled_rows(inputs.values, inputs.scaler, inputs.codes, inputs.rows, onehot)
    assert history is not None
    return history.read(config.model.reads, inputs.rows, config.windows.sequence_length)


class TabularPredictor:
    """A fitted model of one row."""

    def __init__(self, model: TabularModel) -> None:
        self.model = model

    def predict(self, inputs: Inputs) -> npt.NDArray[np.float64]:
        return self.model.predict(read_rows(inputs))

    def hidden_states(self, inputs: Inputs) -> npt.NDArray[np.float32]:
        raise no_hidden_states(inputs.config.model)

    def tensors(self) -> Mapping[str, Tensor]:
        return {name: torch.from_numpy(np.array(value)) for name, value in self._state[0].items()}

    def state(self) -> Mapping[str, Any]:
        return self._state[1]

    @cached_property
    def _state(self) -> State:
        """Made once: XGBoost's trees are megabytes of JSON."""
        return self.model.to_state()


class Tabular:
    """Fits once, on all training rows; validation rows only tell how well."""

    def check(
        self, config: ExperimentConfig, samples: Samples, fold: FittedFold, train_rows: Rows, val_rows: Rows
    ) -> None:
        if config.knows_symbols:
            require_trained(samples.table, train_rows)
        require_readable(config, samples, np.concatenate([train_rows, val_rows]))

    def train(
        self,
        config: ExperimentConfig,
        samples: Samples,
        fold: FittedFold,
        train_rows: Rows,
        val_rows: Rows,
        listener: Listener,
        checkpoint: Path | None = None,
        budget: Budget = WHOLE,
    ) -> Trained:
        started, rows = time.perf_counter(), train_rows[:: config.windows.stride]
        names = ", ".join(f"{name}={value}" for name, value in config.model if value is not None and name != "name")
        listener.on_message(f"Fitting {config.model.name}{': ' * bool(names)}{names}; {len(rows):,} rows")
        model = _fit(config, samples, fold, rows)
        seconds = max(time.perf_counter() - started, 1e-9)
        losses = {
            f"{part}_loss": _loss(model, config, samples, fold, some)
            for part, some in (("train", rows), ("val", val_rows))
        }
        history = [losses | {"seconds": seconds, "windows_per_second": len(rows) / seconds}]
        listener.on_epoch(1, history[0])
        result = FitResult(history, 1, losses["val_loss"], len(rows) / seconds, "fitted")
        precision = Precision(torch.float32, False, "features are float32")
        return Trained(TabularPredictor(model), result, "cpu", precision, len(rows), len(rows))

    def update(
        self, config: ExperimentConfig, samples: Samples, fold: FittedFold, trained: Trained, rows: Rows, number: int
    ) -> Trained:
        newest = np.sort(rows[-config.online.window :] if config.online.window else rows)[:: config.windows.stride]
        weights = fit_sample_weights(config.training, samples, newest, samples.steps_scored)
        model = _fit(config, samples, replace(fold, sample_weights=weights), newest)
        return replace(trained, predictor=TabularPredictor(model))

    def sketch(self, config: ExperimentConfig, samples: Samples, fold: FittedFold, train_rows: Rows) -> Predictor:
        return TabularPredictor(_fit(config, samples, fold, train_rows[-_SKETCHED_ROWS:]))

    def restore(
        self, config: ExperimentConfig, shape: Shape, tensors: Mapping[str, Tensor], state: Mapping[str, Any]
    ) -> Predictor:
        model, outputs = config.model, shape.spec.num_outputs
        return TabularPredictor(restore_model(model, tensors, state, _blank(config, shape), outputs))


def restore_model(
    model: ModelConfig, tensors: Mapping[str, Tensor], state: Mapping[str, Any], row: npt.NDArray[Any], num_outputs: int
) -> TabularModel:
    """The model of one row that gave these tensors and this state.

    Args:
        row: [1, inputs], one that it can be asked for.

    Raises:
        BundleError: they are none's, or of one with another number of outputs.
    """
    arrays = {name: value.numpy() for name, value in tensors.items()}
    try:
        made = tabular_spec(model.name).from_state((arrays, state))
        output = made.predict(row)
    except DAMAGE as error:
        reason = " ".join(str(error).split())
        raise BundleError(f"no {model.name} can be made of it: {reason}", REMEDY) from error
    if output.shape != (1, num_outputs):
        raise BundleError(f"the model must have {num_outputs} outputs; it has {output.shape[1]}", REMEDY)
    return made


def _blank(config: ExperimentConfig, shape: Shape) -> npt.NDArray[Any]:
    if config.model.reads == "features":
        return np.zeros((1, len(shape.features) + (shape.num_symbols if config.reads_symbol else 0)), np.float32)
    return np.zeros((1, history_width(config.model.reads, config.windows.sequence_length)))


def _fit(config: ExperimentConfig, samples: Samples, fold: FittedFold, rows: Rows) -> TabularModel:
    rows = rows[learned_order(samples, rows)]
    learned = training_rows(config, samples, fold, rows, _read(config, samples, fold, rows))
    if config.model.reads == "returns":
        learned = with_returns(learned, config, samples, rows)
    return fit_model(config.model, learned, samples.labels.spec.num_outputs)


def _read(config: ExperimentConfig, samples: Samples, fold: FittedFold, rows: Rows) -> npt.NDArray[Any]:
    return read_rows(Inputs.of(config, samples, fold, rows))


def require_readable(config: ExperimentConfig, samples: Samples, rows: Rows) -> None:
    """Refuses models that read what samples do not have, or `rows`, which they are fitted to and held against.

    Raises:
        ConfigError: there is no close or quarticity, several symbols' returns, or symbols are told apart.
    """
    history, name, reads = samples.labels.history, config.model.name, config.model.reads
    if history is None or reads == "features":
        return
    if config.knows_symbols:
        raise ConfigError(
            f"{name} reads one measure of all symbols; features.scale_by and features.symbol_onehot tell them apart",
            'features.scale_by="all" features.symbol_onehot=false; training.per_symbol=true makes one model a symbol',
        )
    if reads == "quarticity" and history.quarticity is None:
        raise ConfigError(
            f"{name} reads a column of realised quarticity; target.quarticity names none",
            'target.quarticity="NAME", or model.name="har_log"',
        )
    if reads == "returns" and history.returns is None:
        raise ConfigError(f"{name} reads returns, and these rows have no close", 'model.name="har_log"')
    symbols = len(np.unique(block_numbers(samples.table.frame[SYMBOL])[rows]))
    if reads == "returns" and symbols > 1:
        raise ConfigError(
            f"{name} is fitted to the returns of one symbol; these rows are of {symbols}",
            'training.per_symbol=true makes one model a symbol, or model.name="har_log"',
        )


def with_returns(learned: TrainingRows, config: ExperimentConfig, samples: Samples, rows: Rows) -> TrainingRows:
    """With the returns that its windows hold, one after the other, and the rows until a label is known."""
    history = samples.labels.history
    assert history is not None
    assert history.returns is not None
    seen = rows_in_windows(rows, config.windows.sequence_length, samples.table.num_rows)
    returns = history.returns[seen]
    horizon = max(1, int(np.median(samples.labels.known_at[rows] - rows)))
    return replace(learned, series=returns[np.isfinite(returns)], horizon=horizon)


def learned_order(samples: Samples, rows: Rows) -> Rows:
    """Positions in `rows` of those that count, in order of time."""
    order = np.argsort(samples.table.time_us[rows], kind="stable")
    return order if samples.weight is None else order[samples.weight[rows[order]] > 0]


def training_rows(
    config: ExperimentConfig, samples: Samples, fold: FittedFold, rows: Rows, x: npt.NDArray[Any]
) -> TrainingRows:
    """Of rows in their learned order, of which x is read."""
    table, labels, weight = samples.table, samples.labels, row_weights(samples, fold)
    return TrainingRows(
        x,
        trained_labels(samples, fold, rows),
        len(labels.classes),
        table.time_us[rows],
        table.time_us[labels.known_at[rows]],
        config.training.seed,
        None if weight is None else weight[rows].astype(np.float64),
        levels=labels.spec.levels if isinstance(labels.spec, Quantiles) else (),
    )


def fit_model(model: ModelConfig, rows: TrainingRows, num_outputs: int) -> TabularModel:
    """What learned from these rows.

    Raises:
        ConfigError: one's own raises, or predicts another number of outputs.
    """
    name, wanted = model.name, (1, num_outputs)
    with model_code(name, "be fitted"):
        made = tabular_spec(name).fit(rows, model)
    with model_code(name, "predict a row"):
        got = np.shape(made.predict(rows.x[:1]))
    if got != wanted:
        raise ConfigError(
            f"model {name} must predict {list(wanted)} for one row; got {list(got)}",
            "predict returns probabilities [rows, classes], or values [rows, outputs]",
        )
    return made


def _loss(model: TabularModel, config: ExperimentConfig, samples: Samples, fold: FittedFold, rows: Rows) -> float:
    """The mean of the target's own loss, in the unit that labels are trained in."""
    predictions = model.predict(_read(config, samples, fold, rows))
    return float(samples.labels.spec.losses(predictions, trained_labels(samples, fold, rows)).mean())
