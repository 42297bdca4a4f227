"""Permuted labels: with nothing to learn, nothing may be learnt.

Labels are shuffled over training and judged samples together, so the judged labels are exchangeable whatever the
features look like; where labels are scaled by symbol, whose levels differ, they are shuffled within each symbol. A
learner's loss on them is then one draw from its losses under reshufflings of the judged labels, and its rank among
those is an exact p-value that assumes no distribution (Ojala and Garriga 2010). Better than all but 1 % of the
reshufflings, twice in a row with fresh shuffles, is called a leak; an honest learner meets that once in 10,000 audits.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from gatewise.config.schema import ExperimentConfig
from gatewise.features.symbols import Codes, symbol_codes
from gatewise.fold import FittedFold, label_units, scaled_features
from gatewise.learners.base import Inputs
from gatewise.loading import load_sklearn
from gatewise.proofs.base import Case, Check, Parts, small_config
from gatewise.quiet import warnings_only
from gatewise.samples import Samples
from gatewise.splits.base import Rows
from gatewise.targets.learned import least_present, moved
from gatewise.training.listeners import Listeners

NUM_TRAIN, NUM_JUDGED = 4_000, 2_000
NUM_SHUFFLES = 999
ALARM = 0.01

Y = npt.NDArray[np.int64] | npt.NDArray[np.float64]
Losses = npt.NDArray[np.float64]


@dataclass(frozen=True)
class LearningTask:
    """A learner's whole world: samples whose labels mean nothing, and scalers for them."""

    parts: Parts
    config: ExperimentConfig
    samples: Samples
    fold: FittedFold
    train: Rows
    judged: Rows

    def symbols(self, rows: Rows) -> Codes | None:
        """Whose rows they are, where labels are scaled by symbol."""
        return _symbols(self.samples, self.fold, rows)

    def trained(self, y: Y, rows: Rows) -> npt.NDArray[Any]:
        """Labels of rows, or others in their place, as they are trained on."""
        units = label_units(self.samples, self.fold)
        return y if units is None else units.scale(y, rows, np.float32)


def check_permuted_labels(case: Case) -> Check:
    """A small model of the audited kind and a tree that remembers its training judge permuted labels by luck alone."""
    rng = case.rng("permuted labels")
    train, judged = _nearest(case)
    sentences = []
    with warnings_only("gatewise"):
        for name, learn in ((f"a small {case.config.model.name}", _model), ("a tree that remembers", _tree)):
            for _ in range(2):
                task = _permuted(case, train, judged, rng)
                came = task.trained(task.samples.labels.at(judged), judged)
                loss, low, high, p_value = _rank(learn(task), came, rng, task.symbols(judged))
                if p_value > ALARM:
                    break
            else:
                return Check(
                    "permuted labels",
                    False,
                    f"{name} predicts labels that were permuted: its loss is {loss:.4f} on {judged.size:,} later "
                    f"samples, where luck gives {low:.4f} to {high:.4f}",
                )
            sentences.append(f"{name} loses {loss:.4f}, luck {low:.4f} to {high:.4f}")
    return Check(
        "permuted labels",
        True,
        f"{'; '.join(sentences)} (trained on {train.size:,}, judged on {judged.size:,} samples)",
    )


def _nearest(case: Case) -> tuple[Rows, Rows]:
    """The oldest samples of the next part, and the training samples nearest to them in time: the likeliest to leak."""
    time_us, split = case.table.time_us, case.split
    judged = split.val[np.argsort(time_us[split.val], kind="stable")[:NUM_JUDGED]]
    moments = np.sort(time_us[judged])
    after = np.searchsorted(moments, time_us[split.train])
    later = np.abs(moments[np.minimum(after, moments.size - 1)] - time_us[split.train])
    earlier = np.abs(time_us[split.train] - moments[np.maximum(after - 1, 0)])
    order = np.argsort(np.minimum(earlier, later), kind="stable")
    return split.train[np.sort(order[:NUM_TRAIN])], judged


def _permuted(case: Case, train: Rows, judged: Rows, rng: np.random.Generator) -> LearningTask:
    config = small_config(case.config, int(rng.integers(2**31)), len(case.split.train))
    samples = replace(case.samples, steps_scored=1)
    labels = samples.labels
    if labels.start is not None:  # what is learned is permuted
        least = least_present(config.target, labels.start[case.split.train])
        labels = replace(labels, y=moved(labels.y, labels.start, least), start=None)
    fold = case.parts.fit_fold(config, samples, case.split.train)
    rows = np.union1d(train, judged)
    others = rows[_shuffle(len(rows), _symbols(samples, fold, rows), rng)]
    permuted = replace(samples, labels=labels.exchanged(rows, others))
    return LearningTask(case.parts, config, permuted, fold, train, judged)


def _model(task: LearningTask) -> Callable[[Y], Losses]:
    trained = task.parts.train(task.config, task.samples, task.fold, task.train, task.judged, Listeners(()))
    predicted = trained.predictor.predict(Inputs.of(task.config, task.samples, task.fold, task.judged, "cpu"))
    spec = task.samples.labels.spec
    return lambda y: spec.losses(predicted, y)


def _tree(task: LearningTask) -> Callable[[Y], Losses]:
    """Grown until every training sample has its leaf: a sample that it has seen, it knows."""
    seen, judged = (scaled_features(task.config, task.samples, task.fold, rows) for rows in (task.train, task.judged))
    y = task.samples.labels.at(task.train)
    load_sklearn()
    from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

    if task.fold.target_scaler is not None:
        guess = DecisionTreeRegressor(random_state=0).fit(seen, task.trained(y, task.train)).predict(judged)
        return lambda y: np.square(guess.reshape(y.shape) - y).mean(axis=1)
    label = DecisionTreeClassifier(random_state=0).fit(seen, y).predict(judged)
    return lambda y: (label != y).astype(np.float64)


def _symbols(samples: Samples, fold: FittedFold, rows: Rows) -> Codes | None:
    if fold.target_scaler is None or not fold.target_scaler.symbols:
        return None
    return symbol_codes(samples.table, samples.table.symbols)[rows]


def _shuffle(count: int, symbol: Codes | None, rng: np.random.Generator) -> Rows:
    """A permutation of so many positions; with symbols, each stays within its own."""
    if symbol is None:
        return rng.permutation(count)
    shuffled = np.empty(count, np.int64)
    shuffled[np.argsort(symbol, kind="stable")] = np.lexsort((rng.random(count), symbol))
    return shuffled


def _rank(
    losses: Callable[[Y], Losses], y: Y, rng: np.random.Generator, symbol: Codes | None = None
) -> tuple[float, float, float, float]:
    """Mean loss, the middle 98 % of what reshuffled labels give, and the share of those that is as low."""
    loss = float(losses(y).mean())
    by_luck = np.array([losses(y[_shuffle(len(y), symbol, rng)]).mean() for _ in range(NUM_SHUFFLES)])
    low, high = np.quantile(by_luck, [ALARM, 1 - ALARM])
    # A rounding apart is equal: a guess that does not depend on the sample ties with every shuffle.
    as_low = np.sum(by_luck <= loss + 1e-9 * abs(loss))
    return loss, float(low), float(high), float((1 + as_low) / (1 + NUM_SHUFFLES))
