"""How much of a comparison's winner is luck: three measures over the out-of-fold rows of every trial.

They judge the choice among trials, not the trials: each says what it says only about the trials that it was shown.
See docs/overfitting.md for how to read them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import ceil
from typing import Any

import numpy as np

from gatewise.errors import DivergedError
from gatewise.evaluation.base import Floats, Ints
from gatewise.evaluation.confidence_set import loss_periods, too_few_for_blocks, weighted_means
from gatewise.evaluation.moments import Moments, moments
from gatewise.selection.luck.cscv import (
    BacktestOverfitting,
    backtest_overfitting,
    metric_lead,
    overfitting_by_metric,
    overfitting_of_sums,
)
from gatewise.selection.luck.deflated_sharpe import DeflatedSharpe, deflated_sharpe
from gatewise.selection.luck.skill import skill_of_sums, skill_parts
from gatewise.selection.luck.snooping import Snooping, data_snooping

_NO_STRATEGY = "no strategy returns: the target has no up and down, or the table no close"


@dataclass(frozen=True)
class OverfittingReport:
    """The three measures.

    Attributes:
        pbo: probability of backtest overfitting, by the metric that models are chosen by.
        skill_pbo: the same by skill.
        strategy_pbo: the same by Sharpe ratio of the strategies' returns.
        deflated_sharpe: of the trial that the metric chooses.
        snooping: against the benchmark, by loss.
    """

    pbo: BacktestOverfitting
    skill_pbo: BacktestOverfitting
    strategy_pbo: BacktestOverfitting
    deflated_sharpe: DeflatedSharpe
    snooping: Snooping

    def to_dict(self) -> dict[str, Any]:
        """pbo, deflated_sharpe and snooping, each with value, meaning and, where there is no value, the reason."""
        return {
            "pbo": self.pbo.to_dict() | {"skill": self.skill_pbo.to_dict(), "strategy": self.strategy_pbo.to_dict()},
            "deflated_sharpe": self.deflated_sharpe.to_dict(),
            "snooping": self.snooping.to_dict(),
        }


def overfitting_report(
    losses: dict[str, Floats],
    benchmark: Floats | dict[str, Floats],
    *,
    time_us: Ints,
    symbol: Ints,
    horizon: int,
    seed: int,
    metric: str = "log_loss",
    returns: dict[str, Floats] | None = None,
    skill: dict[str, tuple[Floats, Floats]] | None = None,
    confidence: float = 0.95,
    samples: int = 1_000,
) -> OverfittingReport:
    """Judges the choice among trials; knowable once every row's label is.

    Args:
        losses: float64 [n] of each trial (a model, a seed of it, a configuration): the loss of each row, log loss or
            squared error, all on the same rows, predicted by models that never saw them. Lower is better.
        benchmark: float64 [n], the same of what knows nothing: the class prior, or persistence. Losses on different
            labels can't be compared: of several horizons hand in a dict with each trial's own, and the longest horizon;
            each trial is then judged by its lead over it.
        time_us, symbol: int64 [n], when each row is predicted, and a number for its symbol.
        horizon: rows that a label looks ahead.
        seed: of the resampling.
        metric: what models are chosen by: log_loss is a mean of losses, rmse the root of one.
        returns: float64 [periods] of each trial's strategy, net, all over the same periods; `None`: there is none.
        skill: what each trial said and what came, both counted from the benchmark (`class_skill`, `value_skill`), by
            which no trial loses for being too sure of itself; `None`: no `skill_pbo`.
        confidence, samples: of the data-snooping tests.

    Raises:
        DivergedError: a loss or return that is not finite.
    """
    pairs = {name: np.concatenate(pair, axis=1) for name, pair in (skill or {}).items()}
    several = isinstance(benchmark, dict)
    beside = benchmark if isinstance(benchmark, dict) else dict.fromkeys(losses, benchmark)
    assert set(beside) == set(losses)
    for name, values in (
        ("loss", losses), ("benchmark's loss", beside), ("return", returns or {}), ("skill", pairs)
    ):  # fmt: skip
        _require_finite(name, values)
    if not losses or not len(time_us):
        nothing = "nothing to compare: no trial, or no row that all of them predicted"
        none = BacktestOverfitting(None, nothing)
        return OverfittingReport(none, none, none, DeflatedSharpe(None, nothing), Snooping(None, nothing))
    names = list(losses)
    assert skill is None or set(skill) == set(losses)
    assert all(len(values) == len(time_us) for values in (*losses.values(), *beside.values()))
    lost, against = (np.column_stack([values[name] for name in names]) for values in (losses, beside))
    when = moments(time_us, symbol)
    gap = ceil(horizon * when.a_row)
    by_moment = [weighted_means(values, when) for values in (lost, against)]
    pbo = overfitting_by_metric(*by_moment, metric=metric, gap=gap)
    skill_pbo = BacktestOverfitting(None, "no skill was handed in", len(names), by="skill")
    if skill:
        skill_pbo = _overfitting_by_skill([skill[name] for name in names], when, gap)
    if returns:
        assert set(returns) <= set(losses)
        strategy_pbo = backtest_overfitting(np.column_stack(list(returns.values())), measure="sharpe")
        sums = np.stack([np.ones_like(lost), lost, against], axis=1).sum(axis=0)
        lead = dict(zip(names, metric_lead(sums[None], metric)[0].tolist(), strict=True))
        best = max(returns, key=lambda name: lead[name])
        deflated = deflated_sharpe(returns, best)
    else:
        strategy_pbo, deflated = BacktestOverfitting(None, _NO_STRATEGY), DeflatedSharpe(None, _NO_STRATEGY)
    if reason := too_few_for_blocks(when, horizon):
        snooping = Snooping(None, reason, trials=len(names), confidence=confidence)
    else:
        if several:
            lost, against = lost - against, np.zeros_like(against)
        lead = lost.mean(axis=1) - against[:, 0]
        periods, block = loss_periods(np.column_stack([lost, against[:, 0]]), lead, when, horizon)
        snooping = data_snooping(
            periods[:, :-1], periods[:, -1], names, block=block, confidence=confidence, samples=samples, seed=seed
        )
    return OverfittingReport(pbo, skill_pbo, strategy_pbo, deflated, snooping)


def _overfitting_by_skill(pairs: list[tuple[Floats, Floats]], when: Moments, gap: int) -> BacktestOverfitting:
    """Of (said, came) of each trial; the benchmark, which says nothing, has a skill of zero."""
    nothing = (np.zeros_like(pairs[0][0]), pairs[0][1])
    parts = np.stack([when.sums(skill_parts(*pair)) for pair in (*pairs, nothing)], axis=-1)
    return replace(overfitting_of_sums(parts, skill_of_sums, len(pairs), gap=gap), by="skill")


def _require_finite(quantity: str, values: dict[str, Floats]) -> None:
    for name, column in values.items():
        bad = int(np.sum(~np.isfinite(column)))
        if bad:
            raise DivergedError(f"a {quantity} must be finite; {bad} of {len(column)} of {name} are not")
