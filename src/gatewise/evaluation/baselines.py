"""What a model has to beat: predictors that see training rows only, and one row instead of a window.

`prior` says the training labels' shares or mean. `logistic` or `ridge` and `xgboost` read the last row's features; they
are the registered models of these names with their usual settings. What those leave open, strengths and
rounds, is chosen on the newest sixth of the training rows, from whose labels the older rows are purged; then all
training rows are fitted, so that the baselines are as good as they honestly can be. `persistence` is in its own module,
since it needs to know when labels became known.

The same rows give the same baselines on every machine that rounds alike: rows, strengths, steps and rounds are bounded
by number, never by the clock, and no thread count shows in them. Nothing of the host process is changed while they are
fitted or predict, its thread counts included: none takes a thread but the caller's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from gatewise.config.model_base import Reads
from gatewise.evaluation.base import ClassPrediction, Floats, Ints, class_prediction
from gatewise.tabular.base import Features, Say, TabularModel, TrainingRows, class_prior, say_nothing
from gatewise.targets.history import History

ClassPredictor = Callable[[Features], ClassPrediction]
ValuePredictor = Callable[[Features], Floats]
HistoryPredictor = Callable[[History, Ints], Floats]  # (history, rows of the table)


def choose_rows(time_us: Ints, limit: int) -> Ints:
    """Positions of at most `limit` rows, in order of time, evenly strided back from the latest one."""
    order = np.argsort(time_us, kind="stable")
    if len(order) <= limit:
        return order
    back = np.floor(np.arange(limit) * (len(order) / limit)).astype(np.int64)
    strided: Ints = order[::-1][back][::-1]
    return strided


def fit_class_baselines(
    x: Features,
    y: Ints,
    num_classes: int,
    time_us: Ints,
    known_us: Ints,
    seed: int,
    say: Say = say_nothing,
    without: str = "",
) -> dict[str, ClassPredictor]:
    """prior, logistic and xgboost.

    Args:
        x, y, num_classes, time_us, known_us, seed: see `TrainingRows`.
        say: hears what is fitted next.
        without: one of them that is not wanted.
    """
    rows = TrainingRows(x, y, num_classes, time_us, known_us, seed)
    prior = class_prior(y, num_classes)
    fitted: dict[str, ClassPredictor] = {
        "prior": lambda rows: class_prediction(np.broadcast_to(prior, (len(rows), num_classes)))
    }
    return fitted | {
        name: partial(_predicted, model) for name, model in _fitted(("logistic", "xgboost"), rows, say, without)
    }


def fit_value_baselines(
    x: Features,
    y: npt.NDArray[Any],
    time_us: Ints,
    known_us: Ints,
    seed: int,
    say: Say = say_nothing,
    without: str = "",
) -> dict[str, ValuePredictor]:
    """prior (the training mean), ridge and xgboost; y is float [n, outputs], all else as `fit_class_baselines`."""
    rows = TrainingRows(x, y.astype(np.float64), 0, time_us, known_us, seed)
    mean = rows.y.mean(axis=0)
    fitted: dict[str, ValuePredictor] = {"prior": lambda rows: np.broadcast_to(mean, (len(rows), len(mean)))}
    return fitted | {name: model.predict for name, model in _fitted(("ridge", "xgboost"), rows, say, without)}


def fit_quantile_baselines(
    x: Features,
    y: npt.NDArray[Any],
    time_us: Ints,
    known_us: Ints,
    seed: int,
    levels: tuple[float, ...],
    say: Say = say_nothing,
    without: str = "",
) -> dict[str, ValuePredictor]:
    """xgboost; y is float [n, outputs], of each of which the quantiles at `levels` are predicted."""
    rows = TrainingRows(x, y.astype(np.float64), 0, time_us, known_us, seed, levels=levels)
    return {name: model.predict for name, model in _fitted(("xgboost",), rows, say, without)}


def fit_history_baselines(
    history: History,
    rows: Ints,
    y: npt.NDArray[Any],
    time_us: Ints,
    known_us: Ints,
    seed: int,
    say: Say = say_nothing,
    without: str = "",
) -> dict[str, HistoryPredictor]:
    """har, har_log and, where there is a quarticity, harq; y is float [n, 1], of `rows` of the table, all else as
    `fit_class_baselines`.
    """
    from gatewise.models.registry import tabular_spec

    fitted: dict[str, HistoryPredictor] = {}
    for name in ("har", "har_log", "harq"):
        reads = tabular_spec(name).reads
        if reads == "quarticity" and history.quarticity is None:
            continue
        learned = TrainingRows(history.read(reads, rows, 1), y, 0, time_us, known_us, seed)
        for _, model in _fitted((name,), learned, say, without):
            fitted[name] = partial(_from_history, model, reads)
    return fitted


def _from_history(model: TabularModel, reads: Reads, history: History, rows: Ints) -> Floats:
    return model.predict(history.read(reads, rows, 1))


def _fitted(names: Sequence[str], rows: TrainingRows, say: Say, without: str) -> Iterator[tuple[str, TabularModel]]:
    from gatewise.models.registry import tabular_spec  # brings torch, and workers are to start without that

    for name in names:
        if name != without:
            say(f"Fitting {name}: {len(rows.x):,} rows")
            spec = tabular_spec(name)
            yield name, spec.fit(rows, spec.config(name=name))


def _predicted(model: TabularModel, rows: Features) -> ClassPrediction:
    return class_prediction(model.predict(rows))
