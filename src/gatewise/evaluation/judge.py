"""The verdict on one part: every metric with its interval, beside baselines on the same rows, and what that means."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cache
from typing import Any

from gatewise.evaluation.base import Interval, Ints, Scores, beats, shown, signed
from gatewise.evaluation.class_metrics import SKILL
from gatewise.evaluation.columns import PERSISTENCE, ColumnResult, column_names, column_summary, column_verdict
from gatewise.evaluation.intervals import Influence, Precision, difference, skill, too_few
from gatewise.evaluation.loss_tests import LossTests
from gatewise.evaluation.metric_names import metric_places, metric_words
from gatewise.evaluation.moments import Moments, memory, moments
from gatewise.evaluation.reliability import BrierParts, Reliability
from gatewise.evaluation.sequence_metrics import StepErrors
from gatewise.evaluation.trading import Backtest
from gatewise.evaluation.verdict import Judgement, Verdict, judge_differences


@dataclass(frozen=True)
class PartResult:
    """How a model did on one part of the split.

    Attributes:
        part: val or test. rows: evaluated rows; the model and every baseline are scored on exactly these.
        metrics: of the model.
        baselines: the same metrics of each baseline.
        deciding_metric: of the kind of prediction; lower is better.
        best_baseline: the baseline that is lowest in it on these rows.
        differences: model minus each baseline in the deciding metric, paired: over the same moments.
        judgement: the verdict, and the baseline that it names; see `evaluation.verdict`.
        chance: the baseline that knows nothing: `prior`, and for numbers `persistence` where that is better.
        beats_chance: whether the interval of the difference to `chance` lies below zero; False: above; `None`: neither.
        summary: the verdict with its numbers.
        reason: why no metric has an interval; `None` where they have.
        memory_rows: rows after which what happens counts as independent, of the difference that decides.
        independent_rows: how many independent ones the rows are worth by that, moments counted.
        freedom: degrees of freedom of its interval; confidence: of all intervals.
        confusion: int64 [classes, classes], rows true, columns decided. It, reliability, brier_parts: of classes alone.
        backtest: what trading it makes; `None` where nothing says where a price goes, or the table has no close.
        columns: by name, where columns of the table are predicted; each beside its present value.
        steps: errors of a path step by step; `None` of other predictions.
        tests: of its loss beside the baselines'; of the newest part.
        symbols: by name, where there are several: the same verdict on each one's own rows; of the newest part.
        uncalibrated: the model before validation rows set it right, beside `calibrated`; `None`: nothing was set right.
    """

    part: str
    rows: int
    metrics: dict[str, Interval]
    baselines: dict[str, dict[str, Interval]]
    deciding_metric: str
    best_baseline: str
    differences: dict[str, Interval]
    judgement: Judgement
    chance: str
    beats_chance: bool | None
    summary: str
    reason: str | None
    memory_rows: int
    independent_rows: int
    freedom: int
    confidence: float
    confusion: Ints | None = None
    reliability: Reliability | None = None
    brier_parts: BrierParts | None = None
    backtest: Backtest | None = None
    columns: Mapping[str, ColumnResult] = field(default_factory=dict)
    steps: StepErrors | None = None
    tests: LossTests | None = None
    symbols: Mapping[str, PartResult] = field(default_factory=dict)
    uncalibrated: PartResult | None = None

    @property
    def verdict(self) -> Verdict:
        """better, undecided, worse or too_few."""
        return self.judgement.verdict

    @property
    def headline(self) -> str:
        """The verdict as a sentence."""
        return self.judgement.headline

    @property
    def short(self) -> str:
        """The headline in few words, for a cell of a table."""
        return self.judgement.short

    @property
    def beats_baseline(self) -> bool | None:
        """True where the verdict is better, False where it is worse, else `None`."""
        return self.judgement.beats_baseline

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values, without curves."""
        return {
            "part": self.part,
            "rows": self.rows,
            "metrics": _plain(self.metrics),
            "baselines": {name: _plain(result) for name, result in self.baselines.items()},
            "deciding_metric": self.deciding_metric,
            "best_baseline": self.best_baseline,
            "differences": _plain(self.differences),
            "verdict": self.verdict,
            "beats_baseline": self.beats_baseline,
            "chance": self.chance,
            "beats_chance": self.beats_chance,
            "headline": self.headline,
            "summary": self.summary,
            "intervals": {
                "confidence": self.confidence,
                "memory_rows": self.memory_rows,
                "independent_rows": self.independent_rows,
                "freedom": self.freedom,
                "reason": self.reason,
                "without": {name: metric.reason for name, metric in self.metrics.items() if metric.low is None},
            },
            "confusion": None if self.confusion is None else self.confusion.tolist(),
            "reliability": self.reliability and self.reliability.to_dict(),
            "brier_parts": self.brier_parts and asdict(self.brier_parts),
            "backtest": self.backtest and self.backtest.to_dict(),
            "columns": {name: result.to_dict() for name, result in self.columns.items()},
            "symbols": {name: result.to_dict() for name, result in self.symbols.items()},
            "uncalibrated": self.uncalibrated and self.uncalibrated.to_dict(),
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
    memory_rows: int | None = None,
    outside: Mapping[str, float] | None = None,
    chose: bool = False,
    prior: Scores | None = None,
) -> PartResult:
    """Judges a model beside baselines on the same rows; nothing is drawn, so nothing depends on a seed.

    Args:
        part: name, for the words.
        model, baselines: scores of the same n rows.
        deciding_metric: lower is better.
        chance: the baselines that know nothing of the features; the best of them stands for chance.
        time_us, symbol: int64 [n], when each row is predicted and a number for its symbol.
        horizon: rows that a label looks ahead; the least memory.
        confidence: of the intervals, such as 0.95.
        memory_rows: rows after which what happens counts as independent; `None`: measured, see `moments.memory`.
        outside: {column: share of rows whose true value lies outside of what training showed}, where columns of the
            table are predicted; each then gets a verdict of its own.
        chose: these rows chose the model's epoch, which the words then say.
        prior: what a skill is over where the prior is none of the baselines; `None`: it is, or there is no skill.
    """
    when = moments(time_us, symbol)
    reason = too_few(when, horizon)
    everyone = {name: Influence(scores, when) for name, scores in {"model": model, **baselines}.items()}
    precise = Precise(when, horizon, memory_rows, {name: judged.scores for name, judged in everyone.items()})
    shares = everyone.get("prior") if prior is None else Influence(prior, when)

    def intervals(name: str) -> dict[str, Interval]:
        values = everyone[name].values
        if reason:
            return {metric: Interval(value, reason=reason) for metric, value in values.items()}
        found = {m: everyone[name].interval(m, precise.of_metrics(name), confidence) for m in values}
        if SKILL in values and shares is not None:
            found[SKILL] = skill(everyone[name], shares, "brier", precise.of_metrics(name), confidence)
        return found

    def against(name: str, metric: str = deciding_metric) -> Interval:
        if reason:
            return Interval(everyone["model"].values[metric] - everyone[name].values[metric], reason=reason)
        return difference(everyone["model"], everyone[name], metric, precise.of_difference(name), confidence)

    differences = {name: against(name) for name in baselines}

    def lowest(names: Iterable[str]) -> str:
        return min(names, key=lambda name: everyone[name].values[deciding_metric])

    best, guess = lowest(baselines), lowest(chance)
    deciding = precise.of_difference(best)
    metrics = {name: intervals(name) for name in everyone}
    columns = {}
    for column, share in (outside or {}).items():
        key = column_names(column, len(outside or {}) > 1)
        model_of, still = ({m: metrics[who][n] for m, n in key.items()} for who in ("model", PERSISTENCE))
        columns[column] = column_verdict(
            model_of, still, against(PERSISTENCE, key["rmse"]), against("prior", key["rmse"]), outside_training=share
        )
    result = PartResult(
        part=part,
        rows=len(time_us),
        metrics=metrics["model"],
        baselines={name: metrics[name] for name in baselines},
        deciding_metric=deciding_metric,
        best_baseline=best,
        differences=differences,
        judgement=judge_differences(differences, deciding.few),
        chance=guess,
        beats_chance=beats(differences[guess]),
        summary="",
        reason=reason,
        memory_rows=max(1, round(deciding.memory / when.a_row)),
        independent_rows=max(1, round(when.count / deciding.memory)),
        freedom=deciding.freedom,
        confidence=confidence,
        columns=columns,
    )
    return replace(result, summary=_summary(result, chose))


class Precise:
    """How much evidence the moments hold for each metric and difference; each memory is measured once."""

    def __init__(self, when: Moments, horizon: int, memory_rows: int | None, scores: Mapping[str, Scores]) -> None:
        self._when = when
        self._signals = {name: when.means(one.signals) for name, one in scores.items()}
        self._least = horizon * when.a_row
        self._given = None if memory_rows is None else memory_rows * when.a_row
        self._truth = memory(when.means(scores["model"].truth))  # the same for everyone
        self._memory_of = cache(self._measured)

    def of_metrics(self, name: str) -> Precision:
        return self._precision(name, None)

    def of_difference(self, name: str) -> Precision:
        return self._precision("model", name)

    def _precision(self, name: str, other: str | None) -> Precision:
        if self._given is not None:
            return Precision.of(self._when.count, max(1.0, self._given))
        return Precision.of(self._when.count, max(self._least, self._truth, self._memory_of(name, other)))

    def _measured(self, name: str, other: str | None) -> float:
        signals = self._signals[name]
        return memory(signals if other is None else signals - self._signals[other])


def _summary(result: PartResult, chose: bool) -> str:
    metric = result.deciding_metric
    beside = result.judgement.baseline or result.best_baseline
    places = metric_places(metric, result.metrics[metric].value)
    undecided = f"it is not shown that the model is better than {beside}, the best baseline"
    if beats(result.differences[beside]):
        undecided = f"the model is better than {beside}, the best baseline, but not shown to be better than all others"
    verdict = {
        "better": f"the model is better than every baseline, of which {beside} is nearest",
        "undecided": undecided,
        "worse": f"the model is worse than {beside}",
        "too_few": f"nothing can be told of the model beside {beside}, the best baseline",
    }[result.verdict]
    numbers = (
        f"{metric_words(metric)} {result.metrics[metric].value:.{places}f} against "
        f"{shown(result.baselines[beside][metric].value, places)}, "
        f"difference {signed(result.differences[beside], places)}"
    )
    if result.differences[beside].low is not None:
        numbers += f" at {result.confidence:.0%}"
    sentences = [f"On {result.rows:,} {result.part} rows {verdict}: {numbers}."]
    if chose:
        sentences.append("These rows also chose the epoch, so they flatter the model.")
    if result.reason:
        sentences.append(f"An interval needs more rows: {result.reason}.")
    elif result.verdict == "too_few":
        sentences.append(
            f"What is predicted and what it costs change so slowly that these rows are worth about "
            f"{result.independent_rows:,} independent {'one' if result.independent_rows == 1 else 'ones'}; "
            "a verdict takes six."
        )
    elif beside != result.chance or result.verdict != "worse":
        sentences.append(_beside_chance(result))
    if len(result.columns) > 1 and not result.reason:
        sentences.append(column_summary(result.columns))
    return " ".join(filter(None, sentences))


def _beside_chance(result: PartResult) -> str:
    """How the model stands beside what knows nothing, where the verdict has not said it."""
    if result.verdict == "better" or result.chance == result.best_baseline:
        return ""
    places = metric_places(result.deciding_metric, result.metrics[result.deciding_metric].value)
    open_ = "It is not" if beats(result.differences[result.best_baseline]) else "Nor is it"
    stands = {True: "It is better than", False: "It is worse than", None: f"{open_} shown to be better than"}
    apart = signed(result.differences[result.chance], places)
    return f"{stands[result.beats_chance]} {result.chance}, which knows nothing: difference {apart}."


def _plain(intervals: Mapping[str, Interval]) -> dict[str, dict[str, float | None]]:
    return {name: interval.to_dict() for name, interval in intervals.items()}
