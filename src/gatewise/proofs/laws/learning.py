"""Laws of every model, network or not: what is learnt, kept and predicted. A law returns what breaks it, or `None`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import numpy.typing as npt

from gatewise.learners.base import Shape
from gatewise.learners.table import learner_of
from gatewise.models.base import TabularSpec
from gatewise.proofs.laws.tiny import FEATURES, OUTPUTS, TEST, TRAIN, Tiny, TinyData
from gatewise.sealed import read_sealed, write_sealed
from gatewise.splits.base import Rows
from gatewise.tabular.base import TrainingRows

# An accuracy over 200 windows of chance leaves 0.5 by 4.5 of its standard errors once in 150,000 times.
_CHANCE = 4.5 * 0.5 / TEST**0.5
_ENOUGH_EPOCHS = {"max_epochs": 10}
_ENOUGH = {"classes": 0.95, "values": 0.9, "volatility": 0.8}
_LEVEL = 1e8  # times the spread: float32 holds nothing of what moves


def learns(tiny: Tiny) -> str | None:
    """What is planted in the last step is found on rows that were never seen."""
    for kind in tiny.kinds():
        score = _score(tiny, tiny.planted, kind)
        if score < _ENOUGH[kind]:
            return f"{kind}: {score:.2f} of what is planted is found; {_ENOUGH[kind]} must be"
    return None


def levels(tiny: Tiny) -> str | None:
    """What is planted is found on any level of inputs and of numbers to be predicted: scalers take it off first."""
    for kind in tiny.kinds():
        score = _score(tiny, replace(tiny.planted, level=_LEVEL), kind)
        if score < _ENOUGH[kind]:
            return (
                f"{kind}: {score:.2f} of what is planted is found where {_LEVEL:.0e} is added; {_ENOUGH[kind]} must be"
            )
    return None


def no_luck(tiny: Tiny) -> str | None:
    """Where there is nothing to learn, nothing is found on rows that were never seen."""
    for kind in tiny.kinds():
        score, most = _score(tiny, tiny.nothing, kind), 0.5 + _CHANCE if kind == "classes" else 0.2
        if score > most:
            return f"{kind}: {score:.2f} is found in noise; {most:.2f} is the most that chance gives"
    return None


def same_again(tiny: Tiny) -> str | None:
    """The same config and rows give the same predictions, to the bit."""
    for kind in tiny.kinds():
        (one, inputs), (two, _) = (tiny.planted.train(tiny.config(), kind) for _ in range(2))
        if (one.predictor.predict(inputs) != two.predictor.predict(inputs)).any():
            return f"{kind}: two trainings predict two things"
    return None


def kept(tiny: Tiny) -> str | None:
    """What was written to a folder and read from it predicts the same, to the bit."""
    for kind in tiny.kinds():
        config = tiny.config()
        trained, inputs = tiny.planted.train(config, kind)
        samples = tiny.planted.data(kind)[0]
        spec = samples.labels.spec
        with TemporaryDirectory() as folder:
            place = Path(folder) / "model"
            write_sealed(place, {"model": dict(trained.predictor.state())}, trained.predictor.tensors())
            documents, tensors = read_sealed(place)
        shape = Shape(samples.matrix.names, spec, 1, np.zeros(len(spec.classes)))
        restored = learner_of(config.model).restore(config, shape, tensors, documents["model"])
        if (restored.predict(inputs) != trained.predictor.predict(inputs)).any():
            return f"{kind}: other predictions than before"
    return None


def alone(tiny: Tiny) -> str | None:
    """A row's prediction is the same to the bit whatever rows are predicted with it; probabilities sum to 1."""
    for kind in tiny.kinds():
        trained, inputs = tiny.planted.train(tiny.config(), kind)
        together = trained.predictor.predict(inputs)
        if kind == "classes" and not np.allclose(together.sum(axis=1), 1):
            return "probabilities do not sum to 1"
        for some in (*inputs.rows[:40, None], inputs.rows[::-1]):
            where = np.searchsorted(inputs.rows, some)
            if (trained.predictor.predict(replace(inputs, rows=some)) != together[where]).any():
                return f"{kind}: a row's numbers depend on the rows beside it"
    return None


def last_row_alone(tiny: Tiny) -> str | None:
    """What eats rows reads the row that ends a window, and no other."""
    for kind in tiny.kinds():
        trained, inputs = tiny.planted.train(tiny.config(), kind)
        values, history = _only(inputs.values, inputs.rows), inputs.history
        if history is not None:
            assert history.quarticity is not None
            means, root = (_only(some, inputs.rows) for some in (history.means, history.quarticity))
            history = replace(history, means=means, quarticity=root)
        others_gone = replace(inputs, values=values, history=history)
        if (trained.predictor.predict(others_gone) != trained.predictor.predict(inputs)).any():
            return f"{kind}: another row than the last moves predictions"
    return None


def symbol_columns(tiny: Tiny) -> str | None:
    """What eats rows reads the symbol, which it is told by one-hot columns behind the features."""
    spec, config = tiny.spec, tiny.config()
    assert isinstance(spec, TabularSpec)
    number, noise = np.arange(TRAIN), np.random.default_rng(3).normal(size=(TRAIN, FEATURES))
    x, first, second = (
        np.hstack([noise, np.eye(2)[symbol]]).astype(np.float32) for symbol in (number % 2, 0 * number, 0 * number + 1)
    )
    for kind in tiny.kinds():
        y, num_classes = (number % 2, 2) if kind == "classes" else (number[:, None] % 2.0, 0)
        rows = TrainingRows(x, y, num_classes, number, number, config.training.seed)
        model = spec.fit(rows, config.model)
        apart = float((model.predict(second) - model.predict(first))[:, -1].mean())
        if apart < 0.2:
            return f"{kind}: {apart:.2f} apart are predictions for two symbols whose labels are 0 and 1; 0.2 must be"
    return None


def _score(tiny: Tiny, example: TinyData, kind: str) -> float:
    """Accuracy of classes, or the share of variance that is explained."""
    trained, inputs = example.train(tiny.config(**_ENOUGH_EPOCHS), kind)
    predictions, truth = trained.predictor.predict(inputs), example.signal[-TEST:]
    if kind == "classes":
        assert predictions.shape == (TEST, OUTPUTS)
        return float(((predictions[:, 1] > 0.5) == (truth > 0)).mean())
    samples, fold = example.data(kind)
    assert fold.target_scaler is not None
    labels = samples.labels.at(inputs.rows)
    return float(1 - (labels - fold.target_scaler.inverse(predictions)).var() / labels.var())


def _only(values: npt.NDArray[Any], rows: Rows) -> npt.NDArray[Any]:
    """With NaN in all other rows."""
    alone = np.full_like(values, np.nan)
    alone[rows] = values[rows]
    return alone
