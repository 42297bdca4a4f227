"""Which learner a model has, and the two calls through which everything trains."""

from __future__ import annotations

from pathlib import Path

from gatewise.config.model_section import ModelConfig
from gatewise.config.schema import ExperimentConfig
from gatewise.fold import FittedFold
from gatewise.learners.base import Learner, Trained
from gatewise.learners.ensemble import Ensemble
from gatewise.learners.neural import Neural
from gatewise.learners.tabular import Tabular
from gatewise.models.base import EnsembleSpec, ModelSpec, NeuralSpec, TabularSpec
from gatewise.models.registry import find_spec
from gatewise.parts import own_code
from gatewise.samples import Samples
from gatewise.splits.base import Rows
from gatewise.training.budget import WHOLE, Budget
from gatewise.training.listeners import Listener


def learner_of(model: ModelConfig) -> Learner:
    """The learner of a configured model.

    Raises:
        UnknownNameError: no model of that name.
    """
    return LEARNERS[type(find_spec(model.name))]


LEARNERS: dict[type[ModelSpec], Learner] = {
    NeuralSpec: Neural(),
    TabularSpec: Tabular(),
    EnsembleSpec: Ensemble(learner_of),
}


def check_trainable(
    config: ExperimentConfig, samples: Samples, fold: FittedFold, train_rows: Rows, val_rows: Rows
) -> None:
    """See `Learner.check`."""
    learner_of(config.model).check(config, samples, fold, train_rows, val_rows)


def train_model(
    config: ExperimentConfig,
    samples: Samples,
    fold: FittedFold,
    train_rows: Rows,
    val_rows: Rows,
    listener: Listener,
    checkpoint: Path | None = None,
    budget: Budget = WHOLE,
) -> Trained:
    """See `Learner.train`."""
    with own_code():
        return learner_of(config.model).train(config, samples, fold, train_rows, val_rows, listener, checkpoint, budget)
