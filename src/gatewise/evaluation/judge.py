"""The verdict on one part: every metric with its interval, beside baselines on the same rows, and what that means."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from gatewise.evaluation.backtest import Backtest, sharpe_of_sums
from gatewise.evaluation.base import Floats, Interval, Ints, Scores, beats, decimals, metric_bounds, signed
from gatewise.evaluation.bootstrap import LEAST_BLOCKS, block_moments, draw, interval, moments
from gatewise.evaluation.class_metrics import Reliability
from gatewise.evaluation.columns import PERSISTENCE, ColumnResult, column_names, column_summary, column_verdict

_WORDS = {"log_loss": "log loss", "rmse": "RMSE"}


@dataclass(frozen=True)
class PartResult:
    """How a model did on one part of the split.

    Attributes:
        part: val or test.
        rows: evaluated rows; the model and every baseline are scored on exactly these.
        metrics: of the model.
        baselines: the same metrics of each baseline.
        deciding_metric: log_loss or rmse; lower is better.
        best_baseline: the baseline that is lowest in it on these rows.
        differences: model minus each baseline in the deciding metric, paired: over the same resamples.
        beats_baseline: True where the whole interval of the difference to the best baseline lies below zero; False
            where it lies at or above zero; `None` where it holds zero or the rows are fewer than ten horizons or 30.
        chance: the baseline that knows nothing: `prior`, and for numbers `persistence` where that is better.
        beats_chance: as beats_baseline, beside `chance`.
        headline, summary: the verdict in words, short and with its numbers.
        enough: whether the rows are enough for a verdict.
        block_rows, samples, confidence: of the bootstrap.
        confusion: int64 [classes, classes], rows true, columns decided; `None` for regression.
        reliability: `None` for regression.
        backtest, sharpe: indicative; `None` where the target has no up and down or the table no close.
        columns: by name, where columns of the table are predicted; each beside its present value.
        symbols: by name, where there are several: the same verdict on each one's own rows; of the newest part.
    """

    part: str
    rows: int
    metrics: dict[str, Interval]
    baselines: dict[str, dict[str, Interval]]
    deciding_metric: str
    best_baseline: str
    differences: dict[str, Interval]
    beats_baseline: bool | None
    chance: str
    beats_chance: bool | None
    headline: str
    summary: str
    enough: bool
    block_rows: int
    samples: int
    confidence: float
    confusion: Ints | None = None
    reliability: Reliability | None = None
    backtest: Backtest | None = None
    sharpe: Interval | None = None
    columns: Mapping[str, ColumnResult] = field(default_factory=dict)
    symbols: Mapping[str, PartResult] = field(default_factory=dict)

    @property
    def short(self) -> str:
        """The headline in few words, where the best baseline stands beside it."""
        if not self.enough:
            return "too few rows"
        if self.beats_baseline:
            return "beats it"
        if self.beats_chance is not True:
            return "no better than chance"
        return "undecided" if self.beats_baseline is None else "not better"

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values, without curves."""
        rule = None
        if self.backtest is not None and self.sharpe is not None:
            rule = self.backtest.to_dict() | {"sharpe": self.sharpe.to_dict()}
        return {
            "part": self.part,
            "rows": self.rows,
            "metrics": _plain(self.metrics),
            "baselines": {name: _plain(found) for name, found in self.baselines.items()},
            "deciding_metric": self.deciding_metric,
            "best_baseline": self.best_baseline,
            "differences": _plain(self.differences),
            "beats_baseline": self.beats_baseline,
            "chance": self.chance,
            "beats_chance": self.beats_chance,
            "headline": self.headline,
            "summary": self.summary,
            "bootstrap": {"block_rows": self.block_rows, "samples": self.samples, "confidence": self.confidence},
            "confusion": None if self.confusion is None else self.confusion.tolist(),
            "reliability": None if self.reliability is None else self.reliability.to_dict(),
            "backtest": rule,
            "columns": {name: found.to_dict() for name, found in self.columns.items()},
            "symbols": {name: found.to_dict() for name, found in self.symbols.items()},
        }


def judge_part(
    part: str,
    model: Scores,
    baselines: Mapping[str, Scores],
    *,
    deciding_metric: str,
    chance: Sequence[str],
    time_us: Ints,
    symbol: Ints,
    horizon: int,
    confidence: float,
    samples: int,
    block_rows: int | None,
    seed: int,
    outside: Mapping[str, float] | None = None,
) -> PartResult:
    """Judges a model beside baselines on the same rows.

    Args:
        part: name, for the words.
        model, baselines: scores of the same n rows.
        deciding_metric: log_loss or rmse.
        chance: the baselines that know nothing of the features; the best of them stands for chance.
        time_us, symbol: int64 [n], when each row is predicted and a number for its symbol.
        horizon: rows that a label looks ahead.
        confidence, samples, block_rows, seed: of the bootstrap; see `block_moments` for the block's default.
        outside: {column: share of rows whose true value lies outside of what training showed}, where columns of the
            table are predicted; each then gets a verdict of its own.
    """
    when = moments(time_us, symbol)
    block = block_moments(when, model.loss, horizon, block_rows)
    blocks = when.count / block
    everyone = {"model": model, **baselines}
    drawn = draw(when, block, samples, seed)
    values = {name: scores.metrics(scores.contributions.sum(axis=0)) for name, scores in everyone.items()}
    replicates = {name: scores.metrics(drawn.sums(scores.contributions)) for name, scores in everyone.items()}

    def intervals(name: str) -> dict[str, Interval]:
        return {
            metric: interval(float(value), replicates[name][metric], confidence, blocks, metric_bounds(metric))
            for metric, value in values[name].items()
        }

    def difference(name: str, metric: str = deciding_metric) -> Interval:
        value = float(values["model"][metric] - values[name][metric])
        spread = replicates["model"][metric] - replicates[name][metric]
        return interval(value, spread, confidence, blocks)

    differences = {name: difference(name) for name in baselines}

    def lowest(names: Iterable[str]) -> str:
        return min(names, key=lambda name: float(values[name][deciding_metric]))

    best, guess = lowest(baselines), lowest(chance)
    enough = when.count >= max(30, LEAST_BLOCKS * horizon * when.a_row)
    metrics = {name: intervals(name) for name in everyone}
    columns = {}
    for column, share in (outside or {}).items():
        own = column_names(column, len(outside or {}) > 1)
        model_of, still = ({m: metrics[who][n] for m, n in own.items()} for who in ("model", PERSISTENCE))
        columns[column] = column_verdict(
            model_of,
            still,
            difference(PERSISTENCE, own["rmse"]),
            difference("prior", own["rmse"]),
            enough=enough,
            outside_training=share,
        )
    result = PartResult(
        part=part,
        rows=len(time_us),
        metrics=metrics["model"],
        baselines={name: metrics[name] for name in baselines},
        deciding_metric=deciding_metric,
        best_baseline=best,
        differences=differences,
        beats_baseline=beats(differences[best]) if enough else None,
        chance=guess,
        beats_chance=beats(differences[guess]) if enough else None,
        headline="",
        summary="",
        enough=enough,
        block_rows=max(1, round(block / when.a_row)),
        samples=samples,
        confidence=confidence,
        columns=columns,
    )
    return replace(result, headline=_headline(result), summary=_summary(result))


def sharpe_interval(rule: Backtest, horizon: int, confidence: float, samples: int, seed: int) -> Interval:
    """The rule's Sharpe ratio with its interval, over blocks of its steps."""
    when = moments(rule.time_us, np.zeros_like(rule.time_us))
    block = block_moments(when, rule.net, horizon)
    moves = np.stack([np.ones_like(rule.net), rule.net, np.square(rule.net)], axis=1)
    sums = draw(when, block, samples, seed).sums(moves)
    replicates: Floats = sharpe_of_sums(sums, rule.steps_per_year)
    return interval(rule.sharpe, replicates, confidence, when.count / block)


def _headline(result: PartResult) -> str:
    best = result.best_baseline
    if not result.enough:
        return "Too few rows for a verdict"
    if result.beats_baseline:
        return f"Beats the best baseline, {best}"
    if result.beats_chance is not True:
        return "No better than chance"
    if result.beats_baseline is None:
        return f"Better than chance; undecided against {best}"
    return f"Better than chance, but not better than {best}"


def _summary(result: PartResult) -> str:
    metric, best = result.deciding_metric, result.best_baseline
    verdict = {
        True: f"the model beats the best baseline, {best}, beyond the interval",
        False: f"the model does not beat the best baseline, {best}",
        None: f"it is undecided whether the model beats the best baseline, {best}",
    }[result.beats_baseline]
    places = decimals(result.metrics[metric].value)
    numbers = (
        f"{_WORDS[metric]} {result.metrics[metric].value:.{places}f} against "
        f"{result.baselines[best][metric].value:.{places}f}, difference {signed(result.differences[best], places)} at "
        f"{result.confidence:.0%}"
    )
    words = [f"On {result.rows:,} {result.part} rows {verdict}: {numbers}."]
    if result.part == "val":
        words.append("These rows also chose the epoch, so they flatter the model.")
    if not result.enough:
        words.append("These rows are too few for a verdict: it takes ten horizons and at least 30.")
    if result.beats_chance is not True:
        words.append(f"As far as these rows can tell, the model is no better than chance{_beside_chance(result)}.")
    if len(result.columns) > 1 and result.enough:
        words.append(column_summary(result.columns))
    return " ".join(words)


def _beside_chance(result: PartResult) -> str:
    if result.chance == result.best_baseline:
        return ""
    places = decimals(result.metrics[result.deciding_metric].value)
    return f": against {result.chance} the difference is {signed(result.differences[result.chance], places)}"


def _plain(intervals: Mapping[str, Interval]) -> dict[str, dict[str, float]]:
    return {name: found.to_dict() for name, found in intervals.items()}
