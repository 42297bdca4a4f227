"""What a model has to beat: predictors that see training rows only, and one row instead of a window.

`prior` says the training labels' shares or mean. `logistic` or `ridge` and `boosting` read the last row's features. The
strength of the linear ones and the rounds of boosting are chosen on the newest sixth of the training rows, from whose
labels the older rows are purged; then all training rows are fitted, so that the baselines are as good as they honestly
can be. `persistence` is in its own module, since it needs to know when labels became known.

The same rows give the same baselines on every machine that rounds alike: rows, strengths, steps and rounds are bounded
by number, never by the clock, and no thread count shows in them. Nothing of the host process is changed while they are
fitted or predict, its thread counts included: the linear ones use no thread but the caller's (see `linear`), and
boosting sets OpenMP's thread count, which each thread has its own of, for the calling thread and back again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from gatewise.evaluation.base import ClassPrediction, Floats, Ints, class_prediction
from gatewise.evaluation.linear import Design, fit_ridge, fit_softmax, softmax
from gatewise.loading import load_sklearn, start_method_left_open

# scikit-learn is loaded where something is fitted: it takes 0.7 s, and some only need the prior.
if TYPE_CHECKING:
    from sklearn.preprocessing import StandardScaler

Features = npt.NDArray[np.float32]
ClassPredictor = Callable[[Features], ClassPrediction]
ValuePredictor = Callable[[Features], Floats]
Say = Callable[[str], None]

_STRENGTHS = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)  # logistic's C
_PENALTIES = (1.0, 1e1, 1e2, 1e3, 1e4)  # ridge's alpha
_TAIL = 1 / 6
_LEAST_TAIL = 30  # rows; below, nothing is chosen and the middle setting is taken
_BOUND = 8.0  # standard deviations; a spike in new data must not blow a linear baseline up
_ROUNDS = 150


def choose_rows(time_us: Ints, limit: int) -> Ints:
    """Positions of at most `limit` rows, in order of time, evenly strided back from the latest one."""
    order = np.argsort(time_us, kind="stable")
    if len(order) <= limit:
        return order
    back = np.floor(np.arange(limit) * (len(order) / limit)).astype(np.int64)
    strided: Ints = order[::-1][back][::-1]
    return strided


def class_prior(y: Ints, num_classes: int) -> Floats:
    """Shares of the classes, float64 [classes], with one row added to each: a class never seen is not impossible."""
    counts = np.bincount(y, minlength=num_classes) + 1.0
    shares: Floats = counts / counts.sum()
    return shares


def say_nothing(text: str) -> None:
    """Where nobody listens."""


def fit_class_baselines(
    x: Features, y: Ints, num_classes: int, time_us: Ints, known_us: Ints, seed: int, say: Say = say_nothing
) -> dict[str, ClassPredictor]:
    """prior, logistic and boosting.

    Args:
        x: float32 [n, features], features of the training rows, in order of time.
        y: int64 [n], classes; some may be absent, and get the prior's floor.
        num_classes: of the target.
        time_us, known_us: int64 [n], when each row is predicted and when its label is known.
        seed: of the boosting.
        say: hears what is fitted next.
    """
    prior = class_prior(y, num_classes)

    def say_prior(rows: Features) -> ClassPrediction:
        return class_prediction(np.broadcast_to(prior, (len(rows), num_classes)))

    if len(np.unique(y)) < 2:  # nothing to tell apart
        return {"prior": say_prior, "logistic": say_prior, "boosting": say_prior}
    load_sklearn()
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.preprocessing import StandardScaler

    scaler = StandardScaler().fit(x.astype(np.float64))
    head, tail = _head_and_tail(time_us, known_us)
    tail = tail[np.isin(y[tail], y[head])]
    if len(tail) < _LEAST_TAIL or len(np.unique(y[head])) < 2:
        head = tail = head[:0]
    say(f"Fitting logistic: {len(y):,} rows")
    classes, weights = _logistic(_standard(scaler, x), y, head, tail)
    say(f"Fitting boosting: {len(y):,} rows, at most {_ROUNDS} rounds")
    trees = _boosted(HistGradientBoostingClassifier, x, y, head, tail, seed)
    return {
        "prior": say_prior,
        "logistic": lambda rows: _filled(softmax(Design(_standard(scaler, rows)), weights), classes, prior),
        "boosting": lambda rows: _filled(_alone(trees.predict_proba, rows), trees.classes_, prior),
    }


def fit_value_baselines(
    x: Features,
    y: npt.NDArray[Any],
    time_us: Ints,
    known_us: Ints,
    seed: int,
    say: Say = say_nothing,
) -> dict[str, ValuePredictor]:
    """prior (the training mean), ridge and boosting; y is float [n, outputs], all else as `fit_class_baselines`."""
    load_sklearn()
    from sklearn.ensemble import HistGradientBoostingRegressor
    from sklearn.preprocessing import StandardScaler

    truth = y.astype(np.float64)
    mean = truth.mean(axis=0)
    spread = np.where(truth.std(axis=0) > 0, truth.std(axis=0), 1.0)
    scaler = StandardScaler().fit(x.astype(np.float64))
    scaled = (truth - mean) / spread
    head, tail = _head_and_tail(time_us, known_us)
    if len(tail) < _LEAST_TAIL or len(head) < _LEAST_TAIL:
        head = tail = head[:0]
    say(f"Fitting ridge: {len(y):,} rows")
    weights = _ridge(_standard(scaler, x), scaled, head, tail)
    say(f"Fitting boosting: {len(y):,} rows, at most {_ROUNDS} rounds{f', {n} times' if (n := y.shape[1]) > 1 else ''}")
    trees = [
        _boosted(HistGradientBoostingRegressor, x, np.ascontiguousarray(column), head, tail, seed)
        for column in scaled.T
    ]
    return {
        "prior": lambda rows: np.broadcast_to(mean, (len(rows), len(mean))),
        "ridge": lambda rows: Design(_standard(scaler, rows)).predict(weights) * spread + mean,
        "boosting": lambda rows: np.stack([_alone(tree.predict, rows) for tree in trees], axis=1) * spread + mean,
    }


def _logistic(x: Floats, y: Ints, head: Ints, tail: Ints) -> tuple[Ints, Floats]:
    """The classes that occur, and weights [features + 1, those classes] at the strength that serves the tail best."""
    classes, code = np.unique(y, return_inverse=True)
    every = Design(x)
    if not len(tail):
        return classes, next(fit_softmax(every, code, _STRENGTHS[2:3]))
    older, older_code = np.unique(y[head], return_inverse=True)
    newest, truth = Design(x[tail]), np.searchsorted(older, y[tail])[:, None]

    def tail_loss(weights: Floats) -> float:
        prob = np.take_along_axis(softmax(newest, weights), truth, axis=1)
        return float(-np.log(np.maximum(prob, 1e-15)).mean())

    losses = [tail_loss(weights) for weights in fit_softmax(Design(x[head]), older_code, _STRENGTHS)]
    return classes, next(fit_softmax(every, code, [_STRENGTHS[int(np.argmin(losses))]]))


def _ridge(x: Floats, y: Floats, head: Ints, tail: Ints) -> Floats:
    """Weights [features + 1, outputs] at the penalty that serves the tail best."""
    penalty = _PENALTIES[2]
    if len(tail):
        newest = Design(x[tail])
        fits = fit_ridge(Design(x[head]), y[head], _PENALTIES)
        losses = [np.square(newest.predict(weights) - y[tail]).mean() for weights in fits]
        penalty = _PENALTIES[int(np.argmin(losses))]
    return next(fit_ridge(Design(x), y, [penalty]))


def _head_and_tail(time_us: Ints, known_us: Ints) -> tuple[Ints, Ints]:
    """Older rows whose label is known before the newest sixth begins, and that newest sixth."""
    first = int(len(time_us) * (1 - _TAIL))
    tail = np.arange(first, len(time_us))
    return np.flatnonzero(known_us[:first] < time_us[first]), tail


def _boosted(make: Callable[..., Any], x: Features, y: npt.NDArray[Any], head: Ints, tail: Ints, seed: int) -> Any:
    """Rounds chosen by the loss on the tail, then fitted on everything."""
    settings = {
        "learning_rate": 0.05,
        "max_leaf_nodes": 15,
        "min_samples_leaf": int(np.clip(len(x) // 500, 20, 200)),
        "max_bins": 63,
        "random_state": seed % 2**32,
    }
    rounds = _ROUNDS // 3
    if len(tail):
        trial = make(max_iter=_ROUNDS, early_stopping=True, n_iter_no_change=10, **settings)
        _alone(trial.fit, x[head], y[head], X_val=x[tail], y_val=y[tail])
        rounds = max(1, int(np.argmax(trial.validation_score_)))
    return _alone(make(max_iter=rounds, early_stopping=False, **settings).fit, x, y)


def _alone(work: Callable[..., Any], *args: Any, **named: Any) -> Any:
    """Runs boosting's work in one OpenMP thread; no other thread's count is touched, OpenMP keeps one for each.

    Two wait for each other at every split and every tree: beside one busy process they took 14 s to fit where one took
    3 s, and 10 s to predict where one took 0.1 s.
    """
    from threadpoolctl import threadpool_limits

    with start_method_left_open(), threadpool_limits(1, user_api="openmp"):
        return work(*args, **named)


def _standard(scaler: StandardScaler, x: Features) -> Floats:
    standard: Floats = np.clip(scaler.transform(x.astype(np.float64)), -_BOUND, _BOUND)
    return standard


def _filled(prob: Floats, classes: Ints, prior: Floats) -> ClassPrediction:
    """Columns for all classes; the absent ones take the prior's floor from the others."""
    out = np.tile(prior, (len(prob), 1))
    out[:, classes] = prob * prior[classes].sum()
    return class_prediction(out)
